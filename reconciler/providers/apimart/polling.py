"""How a task stands: the Midjourney answer, and the one for all models (sections 6 to 8).

Either may come bare or in an envelope, and both are understood wherever they appear.
"""

import base64
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from reconciler.ids import TaskId
from reconciler.money import NOTHING, MicroUsd
from reconciler.providers.answers import dollars, moment
from reconciler.providers.apimart import bodies, failures
from reconciler.providers.apimart.envelopes import (
    INSTANCE_OR_TASK,
    NEEDS_MODAL,
    Said,
    content_of,
    said,
)
from reconciler.providers.protocol import (
    Awaiting,
    Exchange,
    Finished,
    HttpAnswer,
    HttpCall,
    JsonObject,
    Running,
    TaskState,
    TryAgain,
    Unknown,
    quoted,
)
from reconciler.purchase import Failure, Report, TaskFailed

_PERCENT = re.compile(r"([0-9]{1,4})%?")
_BUTTON = re.compile(r"MJ::JOB::\w+::\d+::([0-9A-Za-z_-]+)")
_RESULTS = ("video_urls", "video_url", "videos", "image_urls", "images")
_ZERO = re.compile(r"0+(\.0+)?")
_IN_A_GRID = 4
_GRIDS = frozenset({"IMAGINE", "VARIATION", "REROLL"})
"""What gives four pictures, unless some were taken out (section 2)."""
_MILLISECONDS_FROM = 100_000_000_000
"""A moment above this is no number of seconds before the year 5138."""


def poll(task_id: TaskId) -> Exchange[TaskState]:
    """Ask once how a task stands; where Midjourney's API does not know it, ask the common one."""
    answer = yield HttpCall("GET", bodies.task_path(task_id))
    state = _state(answer)
    if not isinstance(state, Unknown) or not _may_be_elsewhere(answer):
        return state
    second = yield HttpCall("GET", bodies.unified_task_path(task_id))
    other = _state(second)
    return state if isinstance(other, Unknown) else other


def _may_be_elsewhere(answer: HttpAnswer) -> bool:
    return answer.status not in (401, 403)


def _state(answer: HttpAnswer) -> TaskState:
    content = content_of(answer)
    if answer.status == 200 and isinstance(content.get("status"), str):
        return _task(content)
    words = said(answer)
    if words is None:
        unreadable = f"{answer.status}, unreadable: {answer.excerpt()}"
        return TryAgain(unreadable, answer.retry_after, is_limit=answer.status == 429)
    if _is_unknown(words):
        return Unknown(str(words))
    if words.code == NEEDS_MODAL:
        return Awaiting()
    return TryAgain(str(words), answer.retry_after, is_limit=429 in (words.code, answer.status))


def _is_unknown(words: Said) -> bool:
    """Asking again in a moment will not help (sections 6 and 10.2)."""
    is_no_task = words.code == INSTANCE_OR_TASK and words.speaks_of_a_task
    return is_no_task or words.code in (401, 403, 404)


def _task(task: JsonObject) -> TaskState:
    match task["status"]:
        case "SUCCESS" | "completed":
            return _finished(task)
        case "FAILURE" | "failed" as stage:
            return _failed(task, stage)
        case "CANCEL" | "cancelled" as stage:
            return _ended(task, failures.cancelled_task(stage, _reason(task)))
        case "MODAL":
            return Awaiting(_created(task))
        case stage:
            words = quoted(stage.lower().replace("_", " "))
            return Running(words, _created(task), _progress(task.get("progress")))


def _progress(value: Any) -> int | None:
    """Return a whole number of percent: the one dialect writes `42%`, the other 42."""
    found = _PERCENT.fullmatch(str(value))
    return min(int(found[1]), 100) if found else None


def _failed(task: JsonObject, stage: str) -> TaskFailed:
    error = task.get("error")
    code = quoted(error.get("code")) if isinstance(error, dict) else ""
    return _ended(task, failures.failed_task(code or stage, _reason(task)))


def _ended(task: JsonObject, failure: Failure) -> TaskFailed:
    """Money is certain where it names dollars, or counts nothing (section 8)."""
    quota, cost = _quota(task), _cost(task)
    if cost is None and quota is not None and _ZERO.fullmatch(quota):
        cost = NOTHING
    return TaskFailed(failure, cost, _created(task), None if cost is not None else quota)


def _reason(task: JsonObject) -> Any:
    error = task.get("error")
    inner = error.get("message") if isinstance(error, dict) else error
    return task.get("fail_reason") or inner


def _finished(task: JsonObject) -> Finished | TryAgain:
    links = _links(task)
    if links is None:
        return TryAgain("success, but its result cannot be read")
    return Finished(
        links,
        _moment(task.get("finished_at") or task.get("completed")),
        follow_ups=None,  # its buttons are not all that it offers (section 9)
        charged=_cost(task),
        created_at=_created(task),
        report=_report(task),
    )


def _quota(task: JsonObject) -> str | None:
    return quoted(task.get("quota")) or None


def _cost(task: JsonObject) -> MicroUsd | None:
    return dollars(task.get("cost"))


def _links(task: JsonObject) -> tuple[str | None, ...] | None:
    """Return the results in order; which candidate is missing where they are few, nobody says."""
    if "DESCRIBE" in (task.get("action"), task.get("mode")):
        return _words(task)
    result = task.get("result")
    found = result if isinstance(result, dict) else task
    for name in _RESULTS:
        if found.get(name):
            return tuple(_flattened(found[name]))
    is_empty = found is result or not found.keys().isdisjoint(_RESULTS)
    return () if is_empty else _words(task)


def _flattened(value: Any) -> Iterator[str | None]:
    """Yield links, however they are nested: `url` is a text or a list of texts (section 7)."""
    match value:
        case list():
            for one in value:
                yield from _flattened(one)
        case dict():
            yield from _flattened(value.get("url"))
        case str() if value and value.isprintable():
            yield value
        case _:
            yield None


def _words(task: JsonObject) -> tuple[str, ...] | None:
    """Return a description as a link that carries it itself (section 6, `prompt_en` included).

    A finished task with neither pictures nor words cannot be read.
    """
    texts = (task.get(name) for name in ("prompt", "description", "prompt_en"))
    text = next((one for one in texts if isinstance(one, str) and one.strip()), None)
    if text is None or not _is_describe(task):
        return None
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return (f"data:text/plain;charset=utf-8;base64,{encoded}",)


def _is_describe(task: JsonObject) -> bool:
    named = [one for one in (task.get("action"), task.get("mode")) if one]
    return "DESCRIBE" in named or (not named and bool(task.get("description")))


def _report(task: JsonObject) -> Report:
    remark, images = quoted(task.get("fail_reason")) or None, task.get("image_urls")
    pictures = len(images) if isinstance(images, list) else 0
    return Report(
        grid_url=_text(task.get("grid_image_url")),
        remark=remark,
        quota=_quota(task),
        handle=_handle(task.get("buttons")),
        is_renumbered=0 < pictures < _IN_A_GRID and (bool(remark) or task.get("action") in _GRIDS),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value.isprintable() else None


def _handle(buttons: Any) -> str | None:
    """Return the job's hash out of a listed button's id; HD buttons are not listed (section 9)."""
    listed = buttons if isinstance(buttons, list) else []
    ids = (one.get("customId") for one in listed if isinstance(one, dict))
    found = (_BUTTON.match(one) for one in ids if isinstance(one, str))
    return next((one[1] for one in found if one), None)


def _created(task: JsonObject) -> datetime | None:
    return _moment(task.get("created_at") or task.get("created"))


def _moment(value: Any) -> datetime | None:
    """The Midjourney answer does not say whether it counts seconds or milliseconds (section 6)."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return moment(value, per_second=1000 if value >= _MILLISECONDS_FROM else 1)
