"""APIMart's follow-ups: parents, buttons, indices, and what they draw."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apimart_kit import ELSEWHERE, Mart, reason
from PIL import ImageChops

from reconciler.sandbox.faults import Fail, Fewer, Place

OF_GRID = ("upscale", "variation")
OF_SINGLE = ("high-variation", "low-variation", "zoom", "pan", "inpaint")
OF_IMAGINE = ("reroll", "remix-strong", "remix-subtle")
EVERY = (*OF_GRID, *OF_SINGLE, *OF_IMAGINE)


@pytest.fixture
def mart(tmp_path: Path) -> Iterator[Mart]:
    with Mart(tmp_path) as mart:
        yield mart


def asked(task_id: str, **more: Any) -> dict[str, Any]:
    return {"task_id": task_id, "index": 1, "direction": "up", **more}


def test_an_upscale_is_a_crop_of_the_grid(mart: Mart) -> None:
    """What APIMart charges for is the very picture that the grid's task has given."""
    grid = mart.finished()
    told = mart.told(mart.finished("upscale", task_id=grid, index=3))

    (single,) = told["image_urls"]
    assert mart.file(single) == mart.file(mart.told(grid)["image_urls"][2])
    assert "grid_image_url" not in told
    assert mart.amounts()[-1] == ("charge", 55_040)


@pytest.mark.parametrize(
    ("version", "command", "scale"),
    [
        ("5.2", "upsample_v5_2x", 2),
        ("5.1", "upsample_v5_4x", 4),
        ("6.1", "upsample_v6_2x_subtle", 2),
        ("6", "upsample_v6_2x_creative", 2),
        ("7", "upsample_v7_2x_subtle", 2),
        ("8.1", "upsample_v7_2x_creative", 2),
    ],
)
def test_an_hd_upscale_is_larger(mart: Mart, version: str, command: str, scale: int) -> None:
    """Its id is in no list, but fits when the hash does; it takes its time."""
    grid = mart.finished(version=version)
    listed = mart.button(grid, "U2")
    custom_id = listed.replace("upsample", command)
    assert command not in str(mart.told(grid)["buttons"])

    task = mart.get_task("upscale", task_id=grid, custom_id=custom_id, index=4)
    mart.wait(30)
    assert mart.told(task)["status"] == "IN_PROGRESS"
    mart.wait()
    (url,) = mart.told(task)["image_urls"]
    assert mart.picture(url).size == (64 * scale, 64 * scale)


@pytest.mark.parametrize(
    ("version", "command"),
    [("7", "upsample_v5_2x"), ("8.2", "upsample_v7_2x_subtle"), ("6", "upsample_v9_2x")],
)
def test_an_hd_upscale_fits_its_version(mart: Mart, version: str, command: str) -> None:
    """Commands belong to versions."""
    grid = mart.finished(version=version)
    custom_id = mart.button(grid, "U1").replace("upsample", command)

    assert mart.send("upscale", task_id=grid, custom_id=custom_id).status_code == 400


def test_buttons(mart: Mart) -> None:
    """15 under a grid, 11 under a single; all carry their task's own hash."""
    grid, single = mart.finished(), mart.single()
    under = {task: mart.told(task)["buttons"] for task in (grid, single)}

    assert [len(found) for found in under.values()] == [15, 11]
    assert all(set(button) == {"customId", "label"} for button in under[grid])
    hashes = {task: {b["customId"].rsplit("::", 1)[1] for b in under[task]} for task in under}
    assert [len(found) for found in hashes.values()] == [1, 1]
    assert hashes[grid] != hashes[single]


def test_a_custom_id_wins_over_an_index(mart: Mart) -> None:
    """It is the second picture, whatever the index says."""
    grid = mart.finished()
    task = mart.finished("upscale", task_id=grid, index=4, custom_id=mart.button(grid, "U2"))

    urls = mart.told(grid)["image_urls"]
    assert mart.file(mart.told(task)["image_urls"][0]) == mart.file(urls[1])


@pytest.mark.parametrize("label", ["Vary (Strong)", "Vary (Subtle)", "Zoom Out 1.5x", "⬅️"])
def test_every_button_of_a_single_works(mart: Mart, label: str) -> None:
    """By its id alone."""
    ops = {"Vary (Strong)": "high-variation", "Vary (Subtle)": "low-variation", "⬅️": "pan"}
    single = mart.single()
    body = {"task_id": single, "custom_id": mart.button(single, label)}

    assert len(mart.told(mart.finished(ops.get(label, "zoom"), **body))["image_urls"]) == 4


def test_a_custom_id_must_fit(mart: Mart) -> None:
    """Another task's, another operation's, or no id at all is refused."""
    grid, other = mart.finished(), mart.finished()
    wrong = (mart.button(other, "U1"), mart.button(grid, "V1"), "MJ::JOB::upsample::1::x", "x")

    for custom_id in wrong:
        assert mart.send("upscale", task_id=grid, custom_id=custom_id).status_code == 400


@pytest.mark.parametrize("op", EVERY)
def test_a_follow_up_needs_a_known_parent(mart: Mart, op: str) -> None:
    """400 without one, 404 for an unknown one, 403 for another key's."""
    foreign = mart.finished(version="8.1")

    assert reason(mart.send(op)) == (400, f"task_id is required for {op}")
    assert reason(mart.send(op, **asked("task_x"))) == (404, "task task_x not found")
    assert reason(mart.send(op, **asked(foreign, key="other")))[0] == 403


@pytest.mark.parametrize("op", EVERY)
def test_a_parent_must_be_successful(mart: Mart, op: str) -> None:
    """Neither running nor failed; the documented text."""
    mart.order(Place.SUBMIT, Fail("No available upstream"))
    failed = mart.finished()
    running = mart.get_task()

    for task in (failed, running):
        text = f"task {task} is not in SUCCESS state"
        assert reason(mart.send(op, **asked(task))) == (400, text)


@pytest.mark.parametrize("op", OF_SINGLE)
def test_some_actions_need_a_single(mart: Mart, op: str) -> None:
    """A grid is refused with the documented text, though it has buttons for some of them."""
    status, text = reason(mart.send(op, **asked(mart.finished())))

    assert status == 400
    assert text.startswith("This action requires an upscaled task")


@pytest.mark.parametrize("op", ["upscale", *OF_IMAGINE])
def test_some_actions_need_a_grid(mart: Mart, op: str) -> None:
    """A single is refused."""
    assert reason(mart.send(op, **asked(mart.single(version="8.1"))))[0] == 400


def test_a_reroll_needs_an_imagine_or_a_reroll(mart: Mart) -> None:
    """Not a variation; a reroll of a reroll is one."""
    grid = mart.finished(version="6", speed="turbo")
    varied = mart.finished("variation", task_id=grid, index=1)
    again = mart.finished("reroll", task_id=grid)

    assert reason(mart.send("reroll", task_id=varied))[0] == 400
    assert mart.send("reroll", task_id=again).status_code == 200
    assert mart.told(again)["prompt"] == mart.told(grid)["prompt"]
    first = [mart.file(mart.told(task)["image_urls"][0]) for task in (grid, again)]
    assert first[0] != first[1]


@pytest.mark.parametrize(("version", "status"), [("8.1", 200), ("8.2", 200), ("7", 400)])
@pytest.mark.parametrize("op", ["remix-strong", "remix-subtle"])
def test_a_remix_needs_a_new_version(mart: Mart, op: str, version: str, status: int) -> None:
    """Only imagine tasks of v8.1 and v8.2; the prompt may be its own."""
    grid = mart.finished(version=version)
    answer = mart.send(op, task_id=grid, index=2, prompt="as an etching")

    assert answer.status_code == status
    if status == 200:
        task = mart.told(answer.json()["data"][0]["task_id"])
        assert (task["prompt"], task["action"]) == ("as an etching", op.upper().replace("-", "_"))


@pytest.mark.parametrize("index", [0, 5, -1, 1.5, "1", None, True])
@pytest.mark.parametrize("op", ["upscale", "variation", "remix-strong", "high-variation"])
def test_an_index_counts_from_one(mart: Mart, op: str, index: Any) -> None:
    """1 to 4, required without a custom_id."""
    parent = mart.single() if op == "high-variation" else mart.finished(version="8.1")

    assert mart.send(op, task_id=parent, index=index).status_code == 400


def test_a_removed_picture_cannot_be_followed_up(mart: Mart) -> None:
    """Where moderation took the fourth, its index is out of range."""
    mart.order(Place.SUBMIT, Fewer(3))
    grid = mart.finished()

    told = mart.told(grid)
    assert (told["status"], len(told["image_urls"])) == ("SUCCESS", 3)
    assert told["fail_reason"] == "1 of 4 images removed by moderation"
    assert mart.send("upscale", task_id=grid, index=3).status_code == 200
    assert reason(mart.send("upscale", task_id=grid, index=4))[0] == 400


def test_variations_look_like_their_source(mart: Mart) -> None:
    """A little for the weak, much for the strong: nearer to it than to another's."""
    single = mart.single()
    source = mart.picture(mart.told(single)["image_urls"][0])
    distances = {}
    for op in ("low-variation", "high-variation"):
        told = mart.told(mart.finished(op, task_id=single, index=1))
        assert len(told["image_urls"]) == 4
        varied = mart.picture(told["image_urls"][0])
        distances[op] = sum(ImageChops.difference(source, varied).convert("L").histogram()[24:])

    assert 0 < distances["low-variation"] < distances["high-variation"]


@pytest.mark.parametrize(("ratio", "share"), [(1.5, 2 / 3), (2, 1 / 2), (None, 1 / 2)])
def test_a_zoom_shows_its_source_smaller(mart: Mart, ratio: float | None, share: float) -> None:
    """In the middle of something larger."""
    single = mart.single()
    told = mart.told(mart.finished("zoom", task_id=single, zoom_ratio=ratio))

    source = mart.picture(mart.told(single)["image_urls"][0])
    zoomed = mart.picture(told["image_urls"][0])
    inner, edge = round(64 * share), round(64 * (1 - share) / 2)
    middle = zoomed.crop((edge + 2, edge + 2, edge + inner - 2, edge + inner - 12))
    expected = source.resize((inner, inner)).crop((2, 2, inner - 2, inner - 12))
    near = ImageChops.difference(middle, expected).convert("L").histogram()
    assert sum(near[64:]) < 0.15 * middle.width * middle.height
    assert len(told["image_urls"]) == 4


@pytest.mark.parametrize(
    ("side", "size"),
    [("left", (64, 43)), ("right", (64, 43)), ("up", (43, 64)), ("down", (43, 64))],
)
def test_a_pan_extends_to_one_side(mart: Mart, side: str, size: tuple[int, int]) -> None:
    """The picture grows by half, and can be panned again."""
    single = mart.single()
    panned = mart.finished("pan", task_id=single, direction=side)

    assert mart.picture(mart.told(panned)["image_urls"][0]).size == size
    assert mart.send("pan", task_id=panned, direction=side, index=2).status_code == 200


def test_a_pan_needs_a_direction(mart: Mart) -> None:
    """One of four, or a button."""
    single = mart.single()

    assert reason(mart.send("pan", task_id=single))[0] == 400
    assert reason(mart.send("pan", task_id=single, direction="north"))[0] == 400


def test_a_video_counts_from_zero(mart: Mart) -> None:
    """The only index that does; 3 is the fourth picture."""
    grid = mart.finished()

    for index, status in ((0, 200), (3, 200), (4, 400), (-1, 400), (None, 400)):
        assert mart.send("video", task_id=grid, index=index).status_code == status


@pytest.mark.parametrize(
    "wrong",
    [
        *({}, {"prompt": "fly"}, {"image_urls": [ELSEWHERE]}),
        {"image_urls": [ELSEWHERE], "prompt": "fly", "task_id": "x", "index": 0},
        {"image_urls": [ELSEWHERE, ELSEWHERE], "prompt": "fly"},
        *(
            {"image_urls": [ELSEWHERE], "prompt": "fly", **more}
            for more in (
                *({"batch_size": 3}, {"batch_size": 0}, {"batch_size": "2"}, {"motion": "wild"}),
                *({"video_type": "vid_1.1_extend"}, {"animate_mode": "auto"}),
                *({"end_url": "http://10.0.0.1/a.png"}, {"animate_mode": "often"}),
            )
        ),
    ],
)
def test_a_wrong_video_is_refused(mart: Mart, wrong: dict[str, Any]) -> None:
    """No text alone, no two sources, no unknown form."""
    assert reason(mart.send("video", **wrong))[0] == 400


def test_a_video_needs_an_imagine(mart: Mart) -> None:
    """Not a single."""
    assert reason(mart.send("video", task_id=mart.single(), index=0))[0] == 400
