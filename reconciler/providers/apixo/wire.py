"""APIXO's protocol: submit bodies, answers, statuses (sections 1 to 4, 10, 11)."""

import re
from datetime import UTC, datetime
from typing import Any

from reconciler.ids import CandidateNumber, TaskId
from reconciler.money import MicroUsd, usd
from reconciler.providers.apixo import failures
from reconciler.providers.apixo.modes import OPERATIONS, UPSCALE_TYPES, VARY_TYPES, mode_of
from reconciler.providers.protocol import (
    Exchange,
    Finished,
    HttpAnswer,
    HttpCall,
    JsonObject,
    Order,
    ParentTask,
    Running,
    TaskState,
    TryAgain,
    Unknown,
    decoded,
    quoted,
)
from reconciler.purchase import Accepted, AnswerLost, FollowUp, Refused, TaskFailed
from reconciler.spec.request import (
    Edit,
    Enhance,
    Imagine,
    Operation,
    Reference,
    Reroll,
    Upscale,
    Vary,
)

MODEL = "midjourney"
# The page calls these two retryable, and they say that the server itself gave up. A gateway's 502
# or 504 only says that somebody behind it did not answer: that task may exist, and be paid.
_NOTHING_ACCEPTED = (500, 503)
_REQUEST_TIMEOUT = 408
"""The one 4xx that is a lost answer too: somebody gave up waiting. APIXO's pages never name it."""
_NEVER_PASSED_ON = frozenset({301, 302, 307, 308, *range(400, 408), 413, 414, 415, 431})
"""What a proxy or a wrong address answers before anything reaches an API."""
_NAMED_TASK = re.compile(r'"task_?id"\s*:\s*("[^"]+"|[0-9]+)', re.IGNORECASE)
_KINDS = {
    Operation.VARY: {number: kind.value for kind, number in VARY_TYPES.items()},
    Operation.UPSCALE: {number: kind.value for kind, number in UPSCALE_TYPES.items()},
}


def submit(order: Order) -> Exchange[Accepted | Refused | AnswerLost | TryAgain]:
    """Send one order and say what became of it."""
    body = {"request_type": "async", "input": wire_input(order)}
    answer = yield HttpCall("POST", f"generateTask/{MODEL}", body=body)
    verdict = _submission(answer, is_follow_up=order.parent is not None)
    named = _named_task(answer.body, order.parent)
    if named is None or isinstance(verdict, Accepted):
        return verdict
    if isinstance(verdict, AnswerLost) and named in verdict.detail:
        return verdict
    envelope = _envelope(answer) or {}
    words = f"{answer.status} {quoted(envelope.get('message'))}".rstrip()
    return AnswerLost(f"{words}, and yet it names the task {named}")


def wire_input(order: Order) -> JsonObject:
    """Return the `input` object (section 4.1). What the spec leaves out is left out here too."""
    content: JsonObject = {"mode": mode_of(order.request)}
    match order.request:
        case Imagine():
            content |= _imagine(order.request)
        case Edit():
            content |= _edit(order.request, order.parent)
        case Vary(vary=strength, prompt=prompt):
            content |= _start(order.parent) | {
                "type": VARY_TYPES[strength],
                "remixPrompt": prompt,
            }
        case Upscale(upscale=upscaler):
            content |= _start(order.parent) | {"type": UPSCALE_TYPES[upscaler]}
        case Enhance():
            content |= _start(order.parent)
        case Reroll():
            content |= {"taskId": _known(order.parent).task_id}
    return {name: value for name, value in content.items() if value is not None}


def _known(parent: ParentTask | None) -> ParentTask:
    if parent is None:
        raise ValueError("a follow-up needs its parent's task")
    return parent


def _start(parent: ParentTask | None) -> JsonObject:
    """Indices are 0-based on this wire (section 4)."""
    known = _known(parent)
    return {"taskId": known.task_id, "imageIndex": known.candidate - 1}


def _imagine(request: Imagine) -> JsonObject:
    return {
        "prompt": request.prompt,
        "version": request.version,
        "speed": "draft" if request.draft else request.speed,
        "is_hd": True if request.hd else None,
        "aspect_ratio": request.aspect_ratio,
        "stylization": request.stylize,
        "variety": request.chaos,
        "weirdness": request.weird,
        "negative_prompt": request.negative,
        "image_urls": [one.location for one in request.image_refs] or None,
        "iw": request.image_weight,
        "sref_urls": _weighted(request.style_refs),
        "sw": request.style_weight,
        "sv": request.style_version,
        "cref_urls": _plain(request.character_refs),
        "oref_urls": _plain(request.omni_refs),
    }


def _weighted(references: tuple[Reference, ...]) -> list[JsonObject] | None:
    """A weight of 1 is Midjourney's own default, and the documented samples always carry one."""
    return [{"url": one.location, "weight": one.weight} for one in references] or None


def _plain(references: tuple[Reference, ...]) -> list[JsonObject] | None:
    """The item's shape is undocumented; their sibling `sref_urls` takes objects (section 5)."""
    return [{"url": one.location} for one in references] or None


def _edit(request: Edit, parent: ParentTask | None) -> JsonObject:
    """A parent's picture is named by its link: task id plus index is undocumented (section 4)."""
    source = request.source.location if request.source else _known(parent).url
    content: JsonObject = {
        "prompt": request.prompt,
        "image_urls": [source],
        "version": request.version,
        "speed": request.speed,
    }
    if request.mask and request.canvas and request.position:
        content["mask"] = {
            "areas": [
                {
                    "width": area.width,
                    "height": area.height,
                    "points": [number for point in area.points for number in point],
                }
                for area in request.mask
            ]
        }
        content["canvas"] = {"width": request.canvas.width, "height": request.canvas.height}
        content["imgPos"] = {
            "width": request.position.width,
            "height": request.position.height,
            "x": request.position.x,
            "y": request.position.y,
        }
    return content


def _envelope(answer: HttpAnswer) -> JsonObject | None:
    """Return the envelope, or None when the answer is not APIXO's own (section 1)."""
    content = answer.json()
    if isinstance(content, dict) and isinstance(content.get("code"), int):
        return content
    return None


def _status(answer: HttpAnswer, envelope: JsonObject) -> int:
    """The envelope's code repeats the HTTP status; where a 200 hides another code, that counts."""
    return int(envelope["code"]) if answer.status == 200 else answer.status


def _submission(
    answer: HttpAnswer, *, is_follow_up: bool
) -> Accepted | Refused | AnswerLost | TryAgain:
    """Sort a submit answer by one question: is it proven that nothing was accepted?"""
    envelope = _envelope(answer)
    if envelope is None:
        return _foreign_answer(answer)
    status, message = _status(answer, envelope), quoted(envelope.get("message"))
    if status == 200:
        task_id = _task_id(envelope)
        lost = f"accepted, but without a task id: {answer.excerpt()}"
        return Accepted(task_id) if task_id else AnswerLost(lost)
    if status == 429:
        return _limited(answer)
    if status in _NOTHING_ACCEPTED:
        return TryAgain(f"{status} {message}", answer.retry_after)
    if 400 <= status < 500 and status != _REQUEST_TIMEOUT:
        words = failures.refusal(status, message, envelope.get("data"), is_follow_up=is_follow_up)
        return Refused(words)
    return AnswerLost(f"{status} {message}: a task may have been accepted behind it")


def _task_id(envelope: JsonObject) -> TaskId | None:
    data = envelope.get("data")
    task_id = data.get("taskId") if isinstance(data, dict) else None
    if isinstance(task_id, str) and task_id and task_id.isprintable():
        return TaskId(task_id)
    return None


def _named_task(body: bytes, parent: ParentTask | None) -> str | None:
    """Return a task id that an answer names, however it spells that; the parent's is no news."""
    for found in _NAMED_TASK.finditer(body.decode("utf-8", "replace")):
        named = quoted(found[1].strip('"'))
        if named and (parent is None or named != parent.task_id):
            return named
    return None


def _limited(answer: HttpAnswer) -> TryAgain:
    return TryAgain("rate or concurrency limit (429)", answer.retry_after, is_limit=True)


def _foreign_answer(answer: HttpAnswer) -> Refused | AnswerLost | TryAgain:
    """Not APIXO's envelope: somebody in between answered, or `base_url` is wrong."""
    if answer.status == 429:
        return _limited(answer)
    if answer.status in _NEVER_PASSED_ON:
        return Refused(failures.not_the_api(answer))
    return AnswerLost(f"{answer.status}, and not APIXO's own answer: {answer.excerpt()}")


def poll(task_id: TaskId) -> Exchange[TaskState]:
    """Ask once how a task stands."""
    answer = yield HttpCall("GET", f"statusTask/{MODEL}", query={"taskId": task_id})
    envelope = _envelope(answer)
    if envelope is None:
        unreadable = f"{answer.status}, unreadable: {answer.excerpt()}"
        return TryAgain(unreadable, answer.retry_after, is_limit=answer.status == 429)
    status, message = _status(answer, envelope), quoted(envelope.get("message"))
    if status in (401, 403, 404):  # asking again in a moment will not help
        return Unknown(f"{status} {message}".rstrip())
    data = envelope.get("data")
    if status != 200 or not isinstance(data, dict):
        return TryAgain(f"{status} {message}", answer.retry_after, is_limit=status == 429)
    return _task(data)


def _task(data: JsonObject) -> Running | Finished | TaskFailed | TryAgain:
    match data.get("state"):
        case "success":
            return _finished(data)
        case "failed":
            failure = failures.failed_task(data.get("failCode"), data.get("failMsg"))
            return TaskFailed(failure, created_at=_moment(data.get("createTime")))
        case str() as stage:
            return Running(quoted(stage), _moment(data.get("createTime")))
    return TryAgain("the answer names no state")


def _finished(data: JsonObject) -> Finished | TryAgain:
    """`resultJson` is JSON inside a JSON string (section 3); its length is never assumed (10.4)."""
    text = data.get("resultJson")
    result = decoded(text) if isinstance(text, str) else None
    urls = result.get("resultUrls") if isinstance(result, dict) else None
    if not isinstance(urls, list):
        return TryAgain("success, but its result cannot be read")
    links = tuple(url if isinstance(url, str) and url.isprintable() else None for url in urls)
    return Finished(
        links,
        _moment(data.get("completeTime")),
        _follow_ups(data),
        created_at=_moment(data.get("createTime")),
    )


def _moment(milliseconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _follow_ups(data: JsonObject) -> tuple[FollowUp, ...] | None:
    """Read `supported_actions`; absent means that the answer says nothing (section 3.1)."""
    actions = data.get("supported_actions")
    if not isinstance(actions, list):
        return None
    offers = (_follow_up(one) for one in actions if isinstance(one, dict))
    return tuple(offer for offer in offers if offer is not None)


def _follow_up(action: JsonObject) -> FollowUp | None:
    """Return the offer in our words; None when its mode, or all its types, are strange to us."""
    mode = action.get("mode")
    operation = OPERATIONS.get(mode) if isinstance(mode, str) else None
    if operation is None:
        return None
    types = _numbers(action, "type_options")
    words = _KINDS.get(operation, {})
    kinds = tuple(words[number] for number in types if number in words)
    if words and types and not kinds:
        return None
    indices = _numbers(action, "imageIndex_options")
    return FollowUp(operation.value, tuple(CandidateNumber(one + 1) for one in indices), kinds)


def _numbers(action: JsonObject, name: str) -> list[int]:
    values = action.get(name)
    if not isinstance(values, list):
        return []
    return [one for one in values if type(one) is int and one >= 0]


def balance() -> Exchange[MicroUsd | TryAgain]:
    """Ask for the key's balance: `data` is a bare number of dollars (section 11)."""
    answer = yield HttpCall("GET", "apikeys/current-balance")
    envelope = _envelope(answer)
    data = envelope.get("data") if envelope and _status(answer, envelope) == 200 else None
    if isinstance(data, int | float) and not isinstance(data, bool):
        try:
            return usd(round(data, 6))
        except ValueError:
            pass
    return TryAgain(f"{answer.status}: {answer.excerpt()}", answer.retry_after)
