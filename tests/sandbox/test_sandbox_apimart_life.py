"""How APIMart's tasks live: two steps, time limits, retention, dialects, uploads, faults, films."""

import struct
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apimart_kit import ORIGIN, Mart, half_white, png, reason, task_id_of
from PIL import Image, ImageChops

from reconciler.sandbox import ApimartSettings, Vendor
from reconciler.sandbox.faults import (
    Action,
    Delay,
    Deny,
    DropAfter,
    DropBefore,
    Fail,
    Fewer,
    Garbage,
    Idle,
    Place,
    Stall,
    Status,
    StatusAfter,
)

HALF_AN_HOUR = 1800.0
DAY = 86_400.0


@pytest.fixture
def mart(tmp_path: Path) -> Iterator[Mart]:
    with Mart(tmp_path) as mart:
        yield mart


def modal(mart: Mart, task_id: str, **more: Any) -> tuple[int, str]:
    answer = mart.send("modal", task_id=task_id, **more)
    return answer.status_code, answer.text


def test_inpaint_has_two_steps_and_one_price(mart: Mart) -> None:
    """It waits in MODAL, keeps its id, and the second step costs nothing."""
    single = mart.single()
    before = mart.amounts()
    task = mart.get_task("inpaint", task_id=single)
    mart.wait(600)
    assert (mart.told(task)["status"], mart.told(task)["progress"]) == ("MODAL", "15%")
    assert mart.unified(task)["status"] == "pending"

    went_on = mart.send("modal", task_id=task, prompt="a blue door")
    assert task_id_of(went_on) == task
    assert mart.told(task)["status"] == "SUBMITTED"
    mart.wait(100)

    told = mart.told(task)
    assert (told["status"], told["prompt"], len(told["image_urls"])) == (
        "SUCCESS",
        "a blue door",
        4,
    )
    assert mart.amounts() == [*before, ("charge", 55_040)]


def test_the_second_step_comes_once(mart: Mart) -> None:
    """A task that is not in MODAL is refused, whatever it is."""
    single = mart.single()
    task = mart.get_task("inpaint", task_id=single)
    assert modal(mart, task)[0] == 200

    text = f"task {task} is not in MODAL state"
    assert reason(mart.send("modal", task_id=task)) == (400, text)
    mart.wait()
    assert reason(mart.send("modal", task_id=task)) == (400, text)
    assert reason(mart.send("modal", task_id=single))[0] == 400
    assert reason(mart.send("modal"))[0] == 400
    assert reason(mart.send("modal", task_id="task_x"))[0] == 404
    assert reason(mart.send("modal", task_id=task, key="other"))[0] == 403


@pytest.mark.parametrize("speed", [1.0, 20.0])
def test_a_task_that_waits_in_vain_is_cancelled(tmp_path: Path, speed: float) -> None:
    """Half an hour, divided by the speed; then the money is back and the step is too late."""
    with Mart(tmp_path, speed=speed) as mart:
        task = mart.get_task("inpaint", task_id=mart.single())
        mart.wait(HALF_AN_HOUR / speed - 1)
        assert mart.told(task)["status"] == "MODAL"
        mart.wait(2)

        told = mart.told(task)
        assert (told["status"], told["quota"]) == ("CANCEL", 0)
        assert mart.unified(task)["status"] == "cancelled"
        assert mart.amounts()[-1] == ("refund", 55_040)
        assert mart.sandbox.ledger()[-1].reason == "CANCEL"
        assert reason(mart.send("modal", task_id=task))[0] == 400
        assert mart.sandbox.ledger()[-1].task_id == task


@pytest.mark.parametrize(("repaints", "side"), [("white", 48), ("transparent", 16)])
def test_only_the_mask_is_painted(tmp_path: Path, repaints: str, side: int) -> None:
    """White, or what is transparent: the other half stays as it was."""
    with Mart(tmp_path, ApimartSettings(mask_repaints=repaints)) as mart:  # type: ignore[arg-type]
        mask = Image.new("RGBA", (64, 64), (255, 255, 255, 255))
        mask.paste((0, 0, 0, 0), (0, 0, 32, 64))
        single = mart.single()
        task = mart.get_task("inpaint", task_id=single)
        assert modal(mart, task, mask_url=mart.uploaded(mask), prompt="at night")[0] == 200
        mart.wait()
        before = mart.picture(mart.told(single)["image_urls"][0])
        after = mart.picture(mart.told(task)["image_urls"][0])

    changed = ImageChops.difference(before, after).crop((0, 16, 64, 64))
    left, _, right, _ = changed.getbbox() or (0, 0, 0, 0)
    assert (left, right) == ((32, 64) if side == 48 else (0, 32))


def test_a_mask_may_come_in_the_body(mart: Mart) -> None:
    """As base64; a foreign URL is taken, a lost or wrong one refused."""
    import base64

    encoded = base64.b64encode(png(half_white())).decode()
    single = mart.single()
    for mask, status in (
        (f"data:image/png;base64,{encoded}", 200),
        ("https://host.test/mask.png", 200),
        ("data:image/png;base64,AAAA", 400),
        ("data:image/png;base64,!", 400),
        ("http://192.168.0.1/mask.png", 400),
        (f"{ORIGIN}/uploads/x.png", 400),
    ):
        task = mart.get_task("inpaint", task_id=single)
        assert modal(mart, task, mask_url=mask)[0] == status


def test_an_unfinished_task_times_out(mart: Mart) -> None:
    """After half an hour: FAILURE, refunded."""
    mart.order(Place.SUBMIT, Stall())
    task = mart.get_task()
    mart.wait(HALF_AN_HOUR - 1)
    assert mart.told(task)["status"] == "IN_PROGRESS"
    mart.wait(2)

    told = mart.told(task)
    assert (told["status"], told["fail_reason"]) == ("FAILURE", "Task timeout")
    assert mart.left()["remain_balance"] == 1000


def test_states_on_the_way(mart: Mart) -> None:
    """NOT_START where it hangs, then SUBMITTED, IN_PROGRESS; progress as documented."""
    mart.order(Place.SUBMIT, Idle(100))
    task, seen = mart.get_task(), []
    for seconds in (0, 101, 20, 60):
        mart.wait(seconds)
        told = mart.told(task)
        seen.append((told["status"], mart.unified(task)["status"]))
        assert 0 <= int(told["progress"].removesuffix("%")) <= 100

    assert seen == [
        ("NOT_START", "pending"),
        ("SUBMITTED", "pending"),
        ("IN_PROGRESS", "processing"),
        ("SUCCESS", "completed"),
    ]


def test_a_task_that_never_starts_is_refunded(mart: Mart) -> None:
    """By itself, at the time limit."""
    mart.order(Place.SUBMIT, Idle())
    task = mart.get_task()
    mart.wait(HALF_AN_HOUR - 1)
    assert mart.told(task)["status"] == "NOT_START"
    mart.wait(2)
    assert mart.told(task)["status"] == "FAILURE"


def test_too_many_tasks_queue(tmp_path: Path) -> None:
    """They are accepted, and stay SUBMITTED until others are done."""
    with Mart(tmp_path, concurrent=2) as mart:
        tasks = [mart.get_task() for _ in range(3)]
        mart.wait(30)
        assert [mart.told(task)["status"] for task in tasks[1:]] == ["IN_PROGRESS", "SUBMITTED"]
        mart.wait(90)
        assert mart.told(tasks[2])["status"] == "SUCCESS"


def test_tasks_are_forgotten_after_three_days(tmp_path: Path) -> None:
    """Whatever the speed; neither query nor follow-up finds them; their files outlive them."""
    with Mart(tmp_path, speed=50.0, link_lifetime=timedelta(days=9)) as mart:
        task = mart.finished()
        url = mart.told(task)["image_urls"][0]
        mart.clock.now += 3 * DAY - 1010
        assert mart.ask(task).status_code == 200
        mart.wait(20)

        assert reason(mart.ask(task)) == (404, f"task {task} not found")
        assert mart.get(f"{ORIGIN}/v1/tasks/{task}").status_code == 404
        assert mart.send("upscale", task_id=task, index=1).status_code == 404
        assert mart.file(url)


def test_a_task_belongs_to_its_key(mart: Mart) -> None:
    """403 for others, 404 for what nobody has; the other vendor's tasks are unknown."""
    task = mart.finished()

    assert reason(mart.ask(task, key="other"))[0] == 403
    assert reason(mart.ask("task_x")) == (404, "task task_x not found")
    assert mart.ask(mart.buy()).status_code == 404
    assert mart.get("/statusTask/midjourney", params={"taskId": task}).status_code == 404


def test_short_links(tmp_path: Path) -> None:
    """A result can be gone before its task is."""
    with Mart(tmp_path, link_lifetime=timedelta(seconds=5000)) as mart:
        task = mart.finished()
        urls = [*mart.told(task)["image_urls"], mart.told(task)["grid_image_url"]]
        mart.wait(5000)

        assert mart.told(task)["status"] == "SUCCESS"
        assert {mart.get(url, key=None).status_code for url in urls} == {404}
        assert mart.send("edits", prompt="x", image_urls=urls[:1]).status_code == 400


def test_the_unified_query(mart: Mart) -> None:
    """Files with an end, neither buttons nor grid; errors only where there are some."""
    done = mart.unified(mart.finished())
    (first, *_) = done["result"]["images"]
    assert [done["status"], done["progress"], len(done["result"]["images"])] == [
        "completed",
        100,
        4,
    ]
    assert len(first["url"]) == 1
    assert first["expires_at"] == done["completed"] + DAY
    assert not {"buttons", "grid_image_url", "error", "cost"} & set(done)

    failed = mart.unified(mart.finished(prompt="x [sandbox: No available upstream]"))
    assert (failed["status"], failed["error"]["message"]) == ("failed", "No available upstream")
    assert "result" not in failed


DIALECT = ApimartSettings(
    envelope="proxy",
    accepted_code=1,
    inpaint_answer="flat",
    poll_answer="wrapped",
    prompt_name="prompt_en",
    quota_per_usd=None,
    has_cost=True,
)


def test_the_other_dialect(tmp_path: Path) -> None:
    """Everything that documents tell differently, at once."""
    with Mart(tmp_path, DIALECT) as mart:
        accepted = mart.send("", prompt="owl")
        mart.wait()
        task = task_id_of(accepted)
        single = mart.finished("upscale", task_id=task, index=1)
        flat = mart.send("inpaint", task_id=single).json()
        wrapped = mart.told(task)
        refused = mart.send("")
        unknown = mart.ask("task_x")
        cost = mart.unified(task)["cost"]

    assert accepted.json()["code"] == 1
    assert flat == {"task_id": flat["task_id"], "status": "modal", "model": "midjourney"}
    told = wrapped["data"]
    assert (wrapped["code"], told["prompt_en"], told["cost"]) == (1, "owl", 0.04504)
    assert not {"prompt", "quota"} & set(told)
    assert (refused.status_code, refused.json()["code"]) == (400, 4)
    assert (unknown.status_code, unknown.json()["code"]) == (404, 3)
    assert "task" in unknown.json()["description"]
    assert cost == 0.04504


def test_no_free_instance_is_no_unknown_task(tmp_path: Path) -> None:
    """Code 3 means two things; only the text tells them apart."""
    with Mart(tmp_path, DIALECT) as mart:
        mart.order(Place.SUBMIT, Status(404, message="no available instance"))

        assert mart.send("", prompt="x").json() == {
            "code": 3,
            "description": "no available instance",
        }


@pytest.mark.parametrize(
    ("way", "status", "code"), [("fail", 200, 200), ("422", 422, 422), ("24", 200, 24)]
)
@pytest.mark.parametrize("word", ["SensitiveContentDetected", None])
def test_a_banned_prompt(
    tmp_path: Path, way: str, status: int, code: int, word: str | None
) -> None:
    """Three ways, by setting or by the prompt's own word; in the end it costs nothing."""
    own = ApimartSettings(moderation=way) if word else ApimartSettings()  # type: ignore[arg-type]
    word = word or (way if way != "fail" else "InputOutputSensitiveContentDetected")
    with Mart(tmp_path, own) as mart:
        answer = mart.send("", prompt=f"x [sandbox: {word}]")
        content = answer.json()
        assert answer.status_code == status
        assert content.get("code", content.get("error", {}).get("code")) == code
        if way == "fail":
            mart.wait()
            assert mart.told(task_id_of(answer))["fail_reason"] == "Banned prompt detected"
        else:
            assert mart.amounts() == []
        assert mart.left()["remain_balance"] == 1000


def test_uploads(mart: Mart) -> None:
    """Kept for three days, known by a new URL each time, whoever asks."""
    content = png(half_white())
    first, second = (mart.upload(content).json() for _ in range(2))

    assert set(first) == {"url", "filename", "content_type", "bytes", "created_at"}
    assert (first["content_type"], first["bytes"]) == ("image/png", len(content))
    assert first["url"] != second["url"]
    assert mart.file(first["url"]) == content
    mart.clock.now += 3 * DAY
    assert mart.get(first["url"], key=None).status_code == 404
    assert mart.send("describe", image_urls=[first["url"]]).status_code == 400


def test_what_was_drawn_from_an_upload_outlives_it(tmp_path: Path) -> None:
    """The picture stays the same."""
    with Mart(tmp_path, link_lifetime=timedelta(days=9)) as mart:
        source = mart.uploaded(half_white())
        url = mart.told(mart.finished("edits", prompt="x", image_urls=[source]))["image_urls"][0]
        before = mart.file(url)
        mart.clock.now += 4 * DAY

        assert mart.file(url) == before


def test_an_upload_is_checked(mart: Mart) -> None:
    """The field, the format, the size; its type is what the bytes are."""
    jpeg = b"\xff\xd8\xff not really"
    assert mart.upload(jpeg).status_code == 400
    assert mart.upload(png(half_white()), field="image").status_code == 400
    assert mart.request("POST", f"{ORIGIN}/v1/uploads/images", json={}).status_code == 400
    assert mart.upload(png(half_white()) + bytes(20_010_000)).status_code == 413


def test_a_large_upload_is_no_input(mart: Mart) -> None:
    """20 MB may be uploaded, 12 MiB may be used."""
    url = mart.upload(png(half_white()) + bytes(12 * 1024 * 1024)).json()["url"]

    assert "12 MiB" in reason(mart.send("describe", image_urls=[url]))[1]


def test_balances(mart: Mart) -> None:
    """Key and account are one here; the other vendor's account is another."""
    mart.get_task(speed="turbo")
    mart.buy()
    expected = {
        "success": True,
        "remain_balance": 999.9,
        "used_balance": 0.1,
        "unlimited_quota": False,
    }

    for path in ("/v1/balance", "/balance", "/v1/user/balance", "/user/balance"):
        assert mart.get(f"{ORIGIN}{path}").json() == expected
    assert mart.balance() == 999.8
    mart.order(Place.BALANCE, Deny("token not found"))
    assert mart.left() == {"success": False, "message": "token not found"}


def test_the_books_name_the_vendor(mart: Mart) -> None:
    """Ledger, tasks and counters cover both protocols."""
    mart.buy()
    mart.get_task()

    assert [entry.vendor for entry in mart.sandbox.ledger()] == [Vendor.APIXO, Vendor.APIMART]
    assert [task["vendor"] for task in mart.sandbox.tasks()] == ["apixo", "apimart"]
    assert mart.sandbox.requests()["submit"] == 2
    assert mart.sandbox.requests(Vendor.APIMART)["submit"] == 1


def test_too_little_money(tmp_path: Path) -> None:
    """402, nothing recorded."""
    from reconciler.money import usd

    with Mart(tmp_path, balance=usd("0.10")) as mart:
        assert (
            mart.send("video", image_urls=["https://a.test/a.png"], prompt="x").status_code == 402
        )
        assert mart.amounts() == []


def test_a_submit_cap(tmp_path: Path) -> None:
    """429 beyond so many in a minute; questions are free."""
    with Mart(tmp_path, requests_per_minute=2) as mart:
        assert [mart.send("", prompt="x").status_code for _ in range(3)] == [200, 200, 429]
        assert mart.left()["success"]


def paused(mart: Mart) -> str:
    return mart.get_task("inpaint", task_id=mart.single())


@pytest.mark.parametrize("action", [DropAfter(), StatusAfter(502), Garbage(), Delay(0)])
def test_a_lost_second_step_was_taken(mart: Mart, action: Action) -> None:
    """The answer is lost, the task went on; nothing was charged."""
    task = paused(mart)
    before = mart.amounts()
    mart.order(Place.MODAL, action)
    try:
        mart.send("modal", task_id=task)
    except ConnectionResetError:
        assert isinstance(action, DropAfter)

    assert mart.told(task)["status"] == "SUBMITTED"
    assert mart.amounts() == before


@pytest.mark.parametrize("action", [DropBefore(), Status(429, 2), Status(502, html=True)])
def test_a_second_step_that_never_arrived(mart: Mart, action: Action) -> None:
    """The task still waits, and the step may be sent again."""
    task = paused(mart)
    mart.order(Place.MODAL, action)
    try:
        assert modal(mart, task)[0] >= 400
    except ConnectionResetError:
        assert isinstance(action, DropBefore)

    assert mart.told(task)["status"] == "MODAL"
    assert modal(mart, task)[0] == 200


def test_a_second_step_can_fail_or_give_fewer(mart: Mart) -> None:
    """A failure gives the money of the first step back."""
    told = []
    for action in (Fail("No available upstream"), Fewer(2)):
        mart.order(Place.MODAL, action)
        task = paused(mart)
        assert modal(mart, task)[0] == 200
        mart.wait()
        told.append(mart.told(task))

    failed, fewer = told
    assert (failed["status"], failed["quota"]) == ("FAILURE", 0)
    assert (fewer["status"], len(fewer["image_urls"])) == ("SUCCESS", 2)
    assert [kind for kind, _ in mart.amounts()].count("refund") == 1


@pytest.mark.parametrize("action", [DropBefore(), DropAfter(), Status(429), StatusAfter(500)])
def test_an_upload_can_be_lost(mart: Mart, action: Action) -> None:
    """Before or after it was kept; the next one works."""
    mart.order(Place.UPLOAD, action)
    try:
        assert mart.upload(png(half_white())).status_code >= 400
    except ConnectionResetError:
        assert isinstance(action, DropBefore | DropAfter)
    assert mart.upload(png(half_white())).status_code == 200


@pytest.mark.parametrize("action", [DropAfter(), StatusAfter(504), Garbage(json=True)])
def test_a_lost_submission_is_paid(mart: Mart, action: Action) -> None:
    """As with the other vendor; a fault may be meant for this one only."""
    mart.order(Place.SUBMIT, action, vendor="apimart", mode="IMAGINE")
    mart.buy()
    try:
        mart.send("", prompt="x")
    except ConnectionResetError:
        assert isinstance(action, DropAfter)

    assert mart.amounts()[1:] == [("charge", 45_040)]


def test_a_storm(mart: Mart) -> None:
    """429 again and again, then calm; reads break like those of the other vendor."""
    mart.order(Place.SUBMIT, Status(429, retry_after=1), times=3)
    answers = [mart.send("", prompt="x") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 429, 200]
    assert answers[0].headers["retry-after"] == "1"
    assert answers[0].json()["error"]["type"] == "rate_limit_error"

    task = task_id_of(answers[3])
    mart.order(Place.STATUS, Status(502))
    mart.order(Place.DOWNLOAD, Status(503))
    assert mart.ask(task).status_code == 502
    mart.wait()
    url = mart.told(task)["image_urls"][0]
    assert [mart.get(url).status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(("kind", "short"), [("vid_1.1_i2v_480", 480), ("vid_1.1_i2v_720", 720)])
def test_a_video_is_an_mp4(mart: Mart, kind: str, short: int) -> None:
    """A whole file of five seconds: boxes that fit, frames that are pictures of the right size."""
    task = mart.finished("video", task_id=mart.finished(size="3:2"), index=0, video_type=kind)
    told = mart.told(task)
    content = mart.file(told["video_url"])

    assert told["video_urls"] == [told["video_url"]]
    assert mart.get(told["video_url"]).headers["content-type"] == "video/mp4"
    assert len(content) < 300_000
    boxes = dict(top_level(content))
    assert list(boxes) == ["ftyp", "moov", "mdat"]
    header = boxes["moov"].index(b"mvhd")
    units, lasts = struct.unpack_from(">II", boxes["moov"], header + 16)
    assert lasts / units == 5
    frames = frames_of(content, boxes["moov"])
    assert len(frames) == 25
    assert {min(frame.size) for frame in frames} == {short}
    assert ImageChops.difference(frames[0], frames[-1]).getbbox() is not None


def test_a_batch_of_clips_differs(mart: Mart) -> None:
    """Each is paid, each moves its own way."""
    told = mart.told(mart.finished("video", task_id=mart.finished(), index=1, batch_size=2))

    first, second = map(mart.file, told["video_urls"])
    assert first != second
    assert mart.amounts()[-1] == ("charge", 400_000)


def top_level(content: bytes) -> Iterator[tuple[str, bytes]]:
    while content:
        length, name = struct.unpack_from(">I4s", content)
        assert 8 <= length <= len(content)
        yield name.decode(), content[8:length]
        content = content[length:]


def frames_of(content: bytes, index: bytes) -> list[Image.Image]:
    """Return the frames where the index says they are."""
    import io

    sizes, chunks = index.index(b"stsz"), index.index(b"stco")
    (count,) = struct.unpack_from(">I", index, sizes + 12)
    lengths = struct.unpack_from(f">{count}I", index, sizes + 16)
    (at,) = struct.unpack_from(">I", index, chunks + 12)
    found: list[Image.Image] = []
    for length in lengths:
        image = Image.open(io.BytesIO(content[at : at + length]))
        image.load()
        found.append(image)
        at += length
    assert at == len(content)
    return found
