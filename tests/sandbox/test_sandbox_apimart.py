"""APIMart's operations: what each accepts, refuses, costs and gives."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apimart_kit import ELSEWHERE, ORIGIN, Mart, half_white, reason
from PIL import ImageChops

from reconciler.money import MicroUsd, usd
from reconciler.sandbox import ApimartSettings


@pytest.fixture
def mart(tmp_path: Path) -> Iterator[Mart]:
    with Mart(tmp_path) as mart:
        yield mart


def last_price(mart: Mart) -> int:
    return mart.amounts()[-1][1]


@pytest.mark.parametrize("op", ["", "imagine"])
def test_an_imagine_gives_four_pictures_and_a_grid(mart: Mart, op: str) -> None:
    """Both paths; `data` is a list; the query is a bare object."""
    answer = mart.send(op, prompt="brass owl", size="3:2", version="7", model="midjourney")
    (accepted,) = answer.json()["data"]
    mart.wait()

    told = mart.told(accepted["task_id"])

    assert (answer.json()["code"], accepted["status"]) == (200, "submitted")
    assert (told["status"], told["action"], told["progress"]) == ("SUCCESS", "IMAGINE", "100%")
    pictures = {mart.file(url) for url in told["image_urls"]}
    assert len(pictures) == 4
    grid = mart.picture(told["grid_image_url"])
    width, height = mart.picture(told["image_urls"][0]).size
    assert grid.size == (2 * width, 2 * height)
    assert (width, height) == (64, 43)


def test_the_same_request_draws_the_same_pictures(tmp_path: Path) -> None:
    """In every fresh sandbox; buying again gives others."""
    found = []
    for folder in ("one", "two"):
        with Mart(tmp_path / folder) as mart:
            found += [mart.file(mart.told(mart.finished())["image_urls"][0]) for _ in range(2)]

    assert found[:2] == found[2:]
    assert found[0] != found[1]


def test_fields_win_over_flags(mart: Mart) -> None:
    """The prompt is told with its flags, rewritten where the body says otherwise."""
    prompt = "owl --ar 1:1 --s 50 --no fog, rain --tile --unknown 4"
    told = mart.told(mart.get_task(prompt=prompt, size="16:9", niji=True, version="6"))

    assert told["prompt"] == "owl --ar 16:9 --niji 6 --no fog, rain --s 50 --tile"


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            {"stylize": 1001},
            {"chaos": -1},
            {"weird": 3001},
            {"iw": 3.5},
            {"cw": 101},
            {"sw": 1001},
        ),
        *({"dw": 101}, {"repeat": 1}, {"repeat": 41}, {"stop": 9}, {"quality": "3"}, {"seed": -1}),
        *({"size": "wide"}, {"size": "0:1"}, {"tile": 1}, {"speed": "slow"}, {"metadata": []}),
        *({"stylize": 1.5}, {"stylize": True}, {"version": 7}, {"prompt": 5}, {"prompt": " "}),
        *({"sref": "http://10.0.0.1/a.png"}, {"image_urls": ["http://localhost/a.png"]}),
        *({"image_urls": ["data:image/png;base64,AAAA"]}, {"image_urls": "https://host.test/a"}),
        *({"image_urls": [f"{ORIGIN}/files/task_x/1.png"]}, {"image_urls": ["ftp://host.test/a"]}),
        {"image_urls": [f"{ORIGIN}/uploads/x.png"]},
    ],
)
def test_a_wrong_field_is_refused(mart: Mart, wrong: dict[str, Any]) -> None:
    """400 at once, nothing charged."""
    assert mart.send("", **{"prompt": "owl", **wrong}).status_code == 400
    assert mart.amounts() == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"version": "9"}, "--v 9"),
        ({"prompt": "owl --v banana"}, "--v banana"),
        ({"niji": True, "version": "5"}, "--niji 5"),
        ({"hd": True, "version": "7"}, "--hd"),
        ({"draft": True, "version": "6"}, "--draft"),
        ({"stop": 50, "version": "7"}, "--stop"),
        ({"raw": True, "version": "5"}, "--raw"),
        ({"prompt": "owl --s much"}, "stylize"),
    ],
)
def test_what_the_engine_refuses_fails_later(mart: Mart, asked: dict[str, Any], words: str) -> None:
    """A wrong version is accepted with 200; the task fails, and is refunded."""
    told = mart.told(mart.finished(**asked))

    assert told["status"] == "FAILURE"
    assert told["fail_reason"].startswith("upstream code=4: ")
    assert words in told["fail_reason"]
    assert told["quota"] == 0
    assert mart.left()["remain_balance"] == 1000


@pytest.mark.parametrize("version", ["5", "5.1", "5.2", "6", "6.1", "7", "8", "8.1", "8.2"])
def test_known_versions_succeed(mart: Mart, version: str) -> None:
    """All that the engine named."""
    assert mart.told(mart.finished(version=version))["status"] == "SUCCESS"


def test_hd_without_a_version_becomes_one_that_knows_it(mart: Mart) -> None:
    """The backend adds 8.1."""
    told = mart.told(mart.finished(hd=True))

    assert (told["status"], told["prompt"]) == ("SUCCESS", "brass owl --v 8.1 --hd")


@pytest.mark.parametrize(
    ("op", "asked", "price"),
    [
        ("", {}, "0.04504"),
        ("", {"speed": "relax", "version": "7"}, "0.04504"),
        ("", {"speed": "fast", "niji": True, "version": "7"}, "0.05504"),
        ("", {"speed": "turbo"}, "0.10"),
        ("", {"repeat": 3}, "0.13512"),
        ("blend", {"prompt": None, "image_urls": [ELSEWHERE] * 2}, "0.05504"),
        ("blend", {"prompt": None, "image_urls": [ELSEWHERE] * 2, "speed": "turbo"}, "0.10"),
        ("describe", {"image_urls": [ELSEWHERE]}, "0.05504"),
        ("edits", {"image_urls": [ELSEWHERE], "speed": "fast"}, "0.05504"),
        ("video", {"image_urls": [ELSEWHERE]}, "0.20"),
        ("video", {"image_urls": [ELSEWHERE], "batch_size": 4}, "0.80"),
        ("video", {"image_urls": [ELSEWHERE], "video_type": "vid_1.1_i2v_720"}, "0.40"),
        ("video", {"image_urls": [ELSEWHERE], "video_type": "vid_1.1_i2v_start_end_720",
                   "batch_size": 2}, "0.80"),
    ],
)  # fmt: skip
def test_what_an_operation_costs(mart: Mart, op: str, asked: dict[str, Any], price: str) -> None:
    """By key, speed, clips; charged at acceptance."""
    mart.get_task(op, **{"prompt": "owl", **asked})

    assert mart.amounts() == [("charge", usd(price))]


def test_the_most_special_price_wins(tmp_path: Path) -> None:
    """action-version-speed, then action-version, action-speed, action; versions are inherited."""
    prices = {
        "midjourney@imagine-niji7-fast": MicroUsd(1),
        "midjourney@imagine-niji7": MicroUsd(2),
        "midjourney@upscale-niji7": MicroUsd(3),
        "midjourney@imagine-v6.1": MicroUsd(4),
    }
    with Mart(tmp_path, ApimartSettings(prices=prices)) as mart:
        paid = []
        for asked in (
            {"niji": True, "version": "7", "speed": "fast"},
            {"prompt": "owl --niji 7"},
            {"version": "6.1", "speed": "turbo"},
        ):
            task = mart.finished(**asked)
            paid.append(last_price(mart))
            mart.get_task("upscale", task_id=task, index=1)
            paid.append(last_price(mart))

    assert paid == [1, 3, 2, 3, 4, 55040]


def test_blending(mart: Mart) -> None:
    """Two to four pictures; `size` wins over `dimensions`; every source can be seen in it."""
    own = mart.told(mart.finished())["image_urls"]
    for count, status in ((1, 400), (2, 200), (4, 200), (5, 400)):
        assert mart.send("blend", image_urls=[ELSEWHERE] * count).status_code == status
    tall = mart.told(mart.finished("blend", image_urls=own[:2], dimensions="PORTRAIT"))
    wide = mart.told(mart.finished("blend", image_urls=own[:2], dimensions="PORTRAIT", size="21:9"))

    assert [mart.picture(t["image_urls"][0]).size for t in (tall, wide)] == [(43, 64), (64, 27)]
    assert len(tall["image_urls"]) == 4
    other = mart.told(mart.finished("blend", image_urls=own[1:3], dimensions="PORTRAIT"))
    assert mart.file(other["image_urls"][0]) != mart.file(tall["image_urls"][0])
    assert mart.send("blend", image_urls=own[:2], dimensions="ROUND").status_code == 400


@pytest.mark.parametrize("name", ["prompt", "prompt_en"])
def test_describing(tmp_path: Path, name: str) -> None:
    """Four suggestions behind keycaps, no pictures; one dialect leaves `prompt` empty."""
    with Mart(tmp_path, ApimartSettings(prompt_name=name)) as mart:  # type: ignore[arg-type]
        source = mart.told(mart.finished())["image_urls"][0]
        assert mart.send("describe").status_code == 400
        task = mart.get_task("describe", image_urls=[source, "https://host.test/ignored.png"])
        mart.wait(4)
        told = mart.told(task)

    lines = told["description"].split("\n")
    assert [line[:3] for line in lines] == [f"{n}️⃣" for n in (1, 2, 3, 4)]
    assert all("brass owl" in line for line in lines)
    assert told["prompt"] == (told["description"] if name == "prompt" else "")
    assert told["mode"] == "DESCRIBE"
    assert not {"image_urls", "grid_image_url", "buttons"} & set(told)


def test_edits_need_words_and_a_picture(mart: Mart) -> None:
    """Both are required; the result looks like its source in other colours."""
    source = mart.told(mart.finished(size="3:2"))["image_urls"][0]
    assert reason(mart.send("edits", image_urls=[source])) == (400, "prompt is required for edits")
    assert mart.send("edits", prompt="winter").status_code == 400

    told = mart.told(mart.finished("edits", prompt="winter", image_urls=[source]))

    before, after = mart.picture(source), mart.picture(told["image_urls"][0])
    assert before.size == after.size
    assert ImageChops.difference(before, after).getbbox() is not None


def test_an_edit_of_an_upload_shows_it(mart: Mart) -> None:
    """The bytes that were given are in the picture: dark left, light right."""
    source = mart.uploaded(half_white())
    told = mart.told(mart.finished("edits", prompt="winter", image_urls=[source]))

    grey = mart.picture(told["image_urls"][0]).convert("L").resize((64, 64))
    assert int(str(grey.getpixel((8, 32)))) + 60 < int(str(grey.getpixel((56, 50))))


def test_a_foreign_picture_is_guided_by(mart: Mart) -> None:
    """Another reference gives other colours, the same one the same."""
    first, second = ([f"https://host.test/{n}.png"] for n in (1, 2))
    tasks = [mart.finished(image_urls=urls, iw=1.5) for urls in (first, second)]
    pictures = [mart.file(mart.told(task)["image_urls"][0]) for task in tasks]

    assert pictures[0] != pictures[1]


def test_it_takes_only_its_own_paths(mart: Mart) -> None:
    """An unknown operation or route is 404 in APIMart's envelope."""
    assert reason(mart.send("shorten", prompt="x"))[0] == 404
    assert reason(mart.get(f"{ORIGIN}/v1/nothing"))[0] == 404
    assert reason(mart.get(f"{ORIGIN}/v1/midjourney/generations/zoom"))[0] in (404, 405)


@pytest.mark.parametrize("op", ["", "upscale", "modal", "video"])
def test_a_body_must_be_an_object(mart: Mart, op: str) -> None:
    """Nothing else is understood."""
    url = f"{ORIGIN}/v1/midjourney/generations{'/' + op if op else ''}"
    for content in (b"", b"[]", b"null", b"{", b'{"prompt": NaN}'):
        assert reason(mart.request("POST", url, content=content))[0] == 400


def test_only_with_a_key(mart: Mart) -> None:
    """401 everywhere, in the envelope."""
    for method, path in (
        ("POST", "/v1/midjourney/generations"),
        ("POST", "/v1/midjourney/generations/modal"),
        ("GET", "/v1/midjourney/x"),
        ("GET", "/v1/tasks/x"),
        ("GET", "/v1/balance"),
        ("POST", "/v1/uploads/images"),
    ):
        answer = mart.request(method, f"{ORIGIN}{path}", key=None)
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
