"""APIXO's protocol: submit bodies, answers, statuses (sections 1 to 4, 10, 11)."""

from datetime import datetime
from typing import Any

from reconciler.ids import CandidateNumber, TaskId
from reconciler.money import MicroUsd
from reconciler.providers.answers import (
    REQUEST_TIMEOUT,
    SAYS_IT_FAILED,
    dollars,
    foreign,
    limited,
    maybe_accepted,
    moment,
    named_task,
    usable_task_id,
)
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
NAME = "APIXO"
_KINDS = {
    Operation.VARY: {number: kind.value for kind, number in VARY_TYPES.items()},
    Operation.UPSCALE: {number: kind.value for kind, number in UPSCALE_TYPES.items()},
}


def submit(order: Order) -> Exchange[Accepted | Refused | AnswerLost | TryAgain]:
    """Send one order and say what became of it."""
    body = {"request_type": "async", "input": wire_input(order)}
    answer = yield HttpCall("POST", f"generateTask/{MODEL}", body=body)
    verdict = _submission(answer, is_follow_up=order.parent is not None)
    named = named_task(answer.body, order.parent.task_id if order.parent else None)
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
            content |= _imagine(order.request, order)
        case Edit():
            content |= _edit(order.request, order)
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


def _imagine(request: Imagine, order: Order) -> JsonObject:
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
        "image_urls": [order.link(one) for one in request.image_refs] or None,
        "iw": request.image_weight,
        "sref_urls": _weighted(request.style_refs, order),
        "sw": request.style_weight,
        "sv": request.style_version,
        "cref_urls": _plain(request.character_refs, order),
        "oref_urls": _plain(request.omni_refs, order),
    }


def _weighted(references: tuple[Reference, ...], order: Order) -> list[JsonObject] | None:
    """A weight of 1 is Midjourney's own default, and the documented samples always carry one."""
    return [{"url": order.link(one), "weight": one.weight} for one in references] or None


def _plain(references: tuple[Reference, ...], order: Order) -> list[JsonObject] | None:
    """The item's shape is undocumented; their sibling `sref_urls` takes objects (section 5)."""
    return [{"url": order.link(one)} for one in references] or None


def _edit(request: Edit, order: Order) -> JsonObject:
    """A parent's picture is named by its link: task id plus index is undocumented (section 4)."""
    source = order.link(request.source) if request.source else _known(order.parent).url
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
        return foreign(answer, NAME)
    status, message = _status(answer, envelope), quoted(envelope.get("message"))
    if status == 200:
        task_id = _task_id(envelope)
        lost = f"accepted, but without a task id: {answer.excerpt()}"
        return Accepted(task_id) if task_id else AnswerLost(lost)
    if status == 429:
        return limited(answer)
    if status in SAYS_IT_FAILED:
        return TryAgain(f"{status} {message}", answer.retry_after)
    if 400 <= status < 500 and status != REQUEST_TIMEOUT:
        words = failures.refusal(status, message, envelope.get("data"), is_follow_up=is_follow_up)
        return Refused(words)
    return maybe_accepted(f"{status} {message}")


def _task_id(envelope: JsonObject) -> TaskId | None:
    data = envelope.get("data")
    return usable_task_id(data.get("taskId")) if isinstance(data, dict) else None


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
    return moment(milliseconds, per_second=1000)


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
    amount = dollars(data)
    if amount is None:
        return TryAgain(f"{answer.status}: {answer.excerpt()}", answer.retry_after)
    return amount
