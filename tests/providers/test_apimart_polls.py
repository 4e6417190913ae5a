"""How APIMart says that a task stands: both dialects, every state, and what comes with success."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from apimart_answers import TASK, answer, envelope_a, envelope_b
from hypothesis import given
from hypothesis import strategies as st
from provider_talk import APIMART, concluded, converse, html

from reconciler.ids import TaskId
from reconciler.money import NOTHING, usd
from reconciler.policy import FailureKind
from reconciler.providers.protocol import (
    Awaiting,
    Exchange,
    Finished,
    HttpAnswer,
    Running,
    TaskState,
    TryAgain,
    Unknown,
)
from reconciler.purchase import Report, TaskFailed

URLS = [f"https://cdn.apimart.ai/{number}.png" for number in range(1, 5)]
GRID = "https://cdn.apimart.ai/grid.png"
MADE = datetime(2026, 9, 21, 8, 0, tzinfo=UTC)
DONE = datetime(2026, 9, 21, 8, 1, tzinfo=UTC)
BUTTONS = [
    {"customId": "MJ::Outpaint::50::1::x::SOLO", "label": "Zoom Out 2x"},
    {"customId": "MJ::JOB::upsample::1::0f3c-9d", "label": "U1"},
]


def task(status: str, **fields: Any) -> HttpAnswer:
    return answer(200, {"id": TASK, "status": status} | fields)


def unified(status: str, **fields: Any) -> HttpAnswer:
    return answer(200, {"code": 200, "data": {"id": TASK, "status": status} | fields})


def polled(got: HttpAnswer) -> TaskState:
    return concluded(APIMART.poll(TASK), got)


def finished(**fields: Any) -> Finished:
    verdict = polled(task("SUCCESS", **fields))
    assert isinstance(verdict, Finished)
    return verdict


def failed(got: HttpAnswer) -> TaskFailed:
    verdict = polled(got)
    assert isinstance(verdict, TaskFailed)
    return verdict


@pytest.mark.parametrize(
    ("got", "stage", "progress"),
    [
        (task("NOT_START", progress="0%"), "not start", 0),
        (task("SUBMITTED", progress="15%"), "submitted", 15),
        (task("IN_PROGRESS", progress="42%"), "in progress", 42),
        (task("IN_PROGRESS"), "in progress", None),
        (task("QUEUED_BY_A_LATER_VERSION"), "queued by a later version", None),
        (unified("pending", progress=0), "pending", 0),
        (unified("processing", progress=42), "processing", 42),
        (answer(200, {"code": 200, "data": {"status": "IN_PROGRESS"}}), "in progress", None),
        (answer(200, {"code": 200, "data": [{"status": "SUBMITTED"}]}), "submitted", None),
        (answer(200, {"status": "processing", "progress": 7}), "processing", 7),
    ],
)
def test_running(got: HttpAnswer, stage: str, progress: int | None) -> None:
    """What is not terminal is shown in the provider's word, with its progress (sections 7, 8)."""
    assert polled(got) == Running(stage, progress=progress)


@pytest.mark.parametrize("unit", [1, 1000])
def test_times_in_seconds_or_milliseconds(unit: int) -> None:
    """Nobody documents the unit (section 6): a moment is one in either."""
    made, done = int(MADE.timestamp()) * unit, int(DONE.timestamp()) * unit

    assert polled(task("SUBMITTED", created_at=made)) == Running("submitted", MADE)
    assert polled(task("SUBMITTED", created_at=str(made))) == Running("submitted", MADE)
    verdict = finished(image_urls=URLS, created_at=made, finished_at=done)
    assert (verdict.created_at, verdict.completed_at) == (MADE, DONE)


@pytest.mark.parametrize("moment", [None, "soon", [], {}, True, 1e300, float("nan"), "9" * 30])
def test_strange_times(moment: Any) -> None:
    """A time that cannot be read never costs the result."""
    verdict = finished(image_urls=URLS, created_at=moment, finished_at=moment)
    assert (verdict.urls, verdict.completed_at) == (tuple(URLS), None)


def test_modal() -> None:
    """The task waits for its second step (section 8)."""
    made = int(MADE.timestamp())
    assert polled(task("MODAL", progress="15%", created_at=made)) == Awaiting(MADE)


def test_success() -> None:
    """Four crops, the grid apart, the raw quota, and the job's hash out of a button (6, 9)."""
    verdict = finished(image_urls=URLS, grid_image_url=GRID, quota=12500, buttons=BUTTONS)

    assert verdict.urls == tuple(URLS)
    assert verdict.follow_ups is None
    assert verdict.charged is None
    assert verdict.report == Report(GRID, None, "12500", "0f3c-9d")


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_fewer_pictures(count: int) -> None:
    """Order is kept, numbers are 1 to k, and the reason beside SUCCESS is a remark (section 6)."""
    verdict = finished(image_urls=URLS[:count], fail_reason="one image was blocked")

    assert verdict.urls == tuple(URLS[:count])
    assert verdict.report.remark == "one image was blocked"


def test_unified_success() -> None:
    """Links as texts or lists of texts, one entry or four; the cost is in dollars (section 7)."""
    pairs: list[dict[str, Any]] = [{"url": URLS[:2], "expires_at": 1}, {"url": URLS[2]}]
    got = unified("completed", result={"images": pairs}, cost=0.05504, completed=1790000000)
    verdict = polled(got)

    assert isinstance(verdict, Finished)
    assert verdict.urls == tuple(URLS[:3])
    assert verdict.charged == usd("0.05504")
    assert verdict.completed_at == datetime.fromtimestamp(1790000000, UTC)


@pytest.mark.parametrize(
    "fields",
    [
        {"video_urls": ["https://v/1.mp4", "https://v/2.mp4"], "video_url": "https://v/1.mp4"},
        {"video_url": "https://v/1.mp4"},
        {"video_url": "https://v/1.mp4", "image_urls": []},
    ],
)
def test_clips(fields: dict[str, Any]) -> None:
    """All clips of a batch, or the only one (section 6)."""
    wanted = fields.get("video_urls", ["https://v/1.mp4"])
    assert finished(action="VIDEO", **fields).urls == tuple(wanted)


def test_no_clips() -> None:
    """A batch that moderation has emptied is over: an empty list is a result, too (section 6)."""
    assert finished(action="VIDEO", video_urls=[], fail_reason="2 were removed").urls == ()


FOUR = "1️⃣ an owl\n2️⃣ a bird\n3️⃣ brass\n4️⃣ a toy — 猫"


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": FOUR, "description": FOUR},
        {"prompt": "", "description": FOUR},
        {"description": FOUR},
        {"prompt_en": FOUR},
        {"prompt": FOUR, "image_urls": []},
    ],
)
def test_description(fields: dict[str, Any]) -> None:
    """The words come as a link that holds them; `description` if `prompt` is empty (section 4)."""
    (link,) = finished(action="DESCRIBE", mode="DESCRIBE", **fields).urls

    assert link is not None
    head, _, encoded = link.partition(",")
    assert head == "data:text/plain;charset=utf-8;base64"
    assert base64.b64decode(encoded).decode() == FOUR


@pytest.mark.parametrize(
    "fields",
    [{}, {"prompt": "brass owl"}, {"action": "DESCRIBE"}, {"action": "IMAGINE", "prompt": "x"}],
)
def test_unreadable_success(fields: dict[str, Any]) -> None:
    """A success without its result says nothing: ask again. A prompt is no description."""
    assert polled(task("SUCCESS", **fields)) == TryAgain("success, but its result cannot be read")


REASONS = {
    "Banned prompt detected": FailureKind.MODERATED,
    "Task timeout": FailureKind.TIMED_OUT,
    "No available upstream": FailureKind.PROVIDER,
    "upstream code=4: --v 9.9 is unknown": FailureKind.BAD_REQUEST,
    "something new": FailureKind.UNKNOWN,
}


@pytest.mark.parametrize("reason", REASONS)
def test_failure(reason: str) -> None:
    """Every documented reason has a kind; an unknown one is never tried again by itself (10.3)."""
    verdict = failed(task("FAILURE", fail_reason=reason, quota=0))

    assert verdict.failure.kind is REASONS[reason]
    assert verdict.failure.message == reason
    assert verdict.charged == NOTHING


@pytest.mark.parametrize(
    ("fields", "charged"),
    [({"quota": 0}, NOTHING), ({"quota": "0"}, NOTHING), ({"cost": 0}, NOTHING), ({}, None)],
)
def test_what_a_failure_cost(fields: dict[str, Any], charged: int | None) -> None:
    """Nothing where it says nothing is kept; where it is silent, the configuration knows."""
    assert failed(task("FAILURE", **fields)).charged == charged


def test_failure_that_keeps_the_money() -> None:
    """A quota that is not zero is told on, so that nobody takes it for refunded; dollars count."""
    for status in ("FAILURE", "CANCEL"):
        kept = failed(task(status, quota=12500))
        assert (kept.charged, kept.quota) == (None, "12500")
        assert failed(task(status, cost=0.05)).charged == usd("0.05")


def test_unified_failure() -> None:
    """Its code may be a number or a numeric text (section 7)."""
    for code in (24, "24"):
        error = {"code": code, "message": "Banned prompt detected", "type": "x"}
        failure = failed(unified("failed", error=error)).failure
        assert (failure.kind, failure.code) == (FailureKind.MODERATED, "24")


@pytest.mark.parametrize("got", [task("CANCEL"), unified("cancelled")])
def test_cancelled(got: HttpAnswer) -> None:
    """It waited too long for its second step, and may be bought again (section 8)."""
    verdict = failed(got)
    assert verdict.failure.kind is FailureKind.TIMED_OUT
    assert (verdict.charged, verdict.quota) == (None, None)  # silent: the documented refund counts


GONE = [envelope_a(404), envelope_b(3, "task not found", status=404), envelope_b(3, "no such task")]


@pytest.mark.parametrize("gone", GONE)
def test_an_unknown_task_is_asked_for_twice(gone: HttpAnswer) -> None:
    """Only when the common API does not know it either, it is unknown (sections 6 and 7)."""
    for second, kind in [
        (gone, Unknown),
        (unified("processing"), Running),
        (unified("completed", result={"images": [{"url": URLS}]}), Finished),
        (html(502), TryAgain),
    ]:
        calls, verdict = converse(APIMART.poll(TaskId("task/1")), gone, second)
        assert [call.path for call in calls] == ["v1/midjourney/task%2F1", "v1/tasks/task%2F1"]
        assert isinstance(verdict, kind)


@pytest.mark.parametrize("status", [401, 403])
def test_task_kept_from_us(status: int) -> None:
    """A key that may not look will not be let in by asking elsewhere."""
    assert polled(envelope_a(status)) == Unknown(f"{status} words")


@pytest.mark.parametrize(
    ("got", "verdict"),
    [
        (envelope_a(500), TryAgain("500 words")),
        (envelope_a(429), TryAgain("429 words", is_limit=True)),
        (envelope_b(3, "no instance"), TryAgain("3 no instance")),
        (envelope_b(9, status=502), TryAgain("9 words")),
        (html(404), TryAgain("404, unreadable: <html> <h1>Bad gateway</h1></html>")),
        (html(429), TryAgain("429, unreadable: <html> <h1>Bad gateway</h1></html>", None, True)),
        (HttpAnswer(200, b""), TryAgain("200, unreadable: ")),
    ],
)
def test_unable_to_tell(got: HttpAnswer, verdict: TryAgain) -> None:
    """Whatever does not say how the task stands means: ask again, the task is not lost."""
    assert polled(got) == verdict


@pytest.mark.parametrize(
    ("buttons", "handle"),
    [
        (BUTTONS, "0f3c-9d"),
        ([{"customId": "MJ::JOB::reroll::0::abc::SOLO"}], "abc"),
        ([{"customId": "MJ::Inpaint::1::abc::SOLO"}], None),
        ([{"customId": 7}, "x", None], None),
        ("MJ::JOB::upsample::1::abc", None),
        (None, None),
    ],
)
def test_handle(buttons: Any, handle: str | None) -> None:
    """The hash is the job's, whichever of its buttons says it (section 9)."""
    assert finished(image_urls=URLS, buttons=buttons).report.handle == handle


@pytest.mark.parametrize("cost", ["0.05", True, -1, float("nan")])
def test_a_strange_cost_is_none(cost: Any) -> None:
    """Money that is not certain is not recorded."""
    assert finished(image_urls=URLS, cost=cost).charged is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["url", "customId", "images", "videos", "message"]), inner
        )
    ),
    max_leaves=10,
)
STATUSES = [
    "SUCCESS",
    "FAILURE",
    "CANCEL",
    "MODAL",
    "IN_PROGRESS",
    "completed",
    "failed",
    "cancelled",
    "pending",
]
NAMES = """
    action mode progress grid_image_url image_urls video_url video_urls prompt prompt_en description
    buttons fail_reason quota cost created_at finished_at created completed result error
"""
tasks = st.fixed_dictionaries(
    {"status": st.sampled_from(STATUSES) | values},
    optional=dict.fromkeys(NAMES.split(), values) | {"action": st.just("DESCRIBE") | values},
)


@given(tasks, st.booleans(), st.sampled_from([200, 404, 500]))
def test_no_task_raises(content: dict[str, Any], is_enveloped: bool, status: int) -> None:
    """Whatever a field holds, the task is read as one state, and every text can be stored."""
    whole = {"code": 200, "data": content} if is_enveloped else content
    verdict = ended(APIMART.poll(TASK), HttpAnswer(status, json.dumps(whole).encode()))

    assert isinstance(verdict, TaskState)
    repr(verdict).encode()


def ended(exchange: Exchange[TaskState], got: HttpAnswer) -> TaskState:
    """Return what the adapter concludes when every question gets the same answer."""
    next(exchange)
    while True:
        try:
            exchange.send(got)
        except StopIteration as end:
            state: TaskState = end.value
            return state


@pytest.mark.parametrize(
    ("fields", "is_renumbered"),
    [
        ({"action": "IMAGINE", "image_urls": URLS}, False),
        ({"action": "IMAGINE", "image_urls": URLS[:3]}, True),
        ({"action": "EDITS", "image_urls": URLS[:2]}, False),
        ({"action": "EDITS", "image_urls": URLS[:2], "fail_reason": "one was removed"}, True),
        ({"action": "UPSCALE", "image_urls": URLS[:1]}, False),
    ],
)
def test_which_one_is_missing_nobody_says(fields: dict[str, Any], is_renumbered: bool) -> None:
    """Our numbers may not be the provider's when some were taken out (section 6)."""
    assert finished(**fields).report.is_renumbered is is_renumbered
