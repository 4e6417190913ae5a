"""What APIXO tells about a task: the status answer and the callback. Pure."""

import json

from reconciler.sandbox.apixo.words import UPSCALE_TYPES, VARY_TYPES, Mode, follow_ups
from reconciler.sandbox.jobs import Phase, Task

_TYPES = {Mode.VARY: len(VARY_TYPES), Mode.UPSCALE: len(UPSCALE_TYPES)}


def status_of(task: Task, now: float, base: str) -> dict[str, object]:
    """Return `data` of the status answer; `base` is scheme and host of its links.

    Neither price nor progress: the service has no such fields. Source: APIXO facts, section 3.
    """
    phase = task.phase(now)
    answer: dict[str, object] = {
        "taskId": task.task_id,
        "state": (Phase.PENDING if phase is Phase.UNCONFIRMED else phase).value,
        "createTime": _milliseconds(task.created),
    }
    if phase is Phase.SUCCESS:
        answer["resultJson"] = _results(task, base)
        answer["supported_actions"] = [
            _action(mode, task.pictures) for mode in follow_ups(task.mode, task.content)
        ]
    elif phase is Phase.FAILED and task.failure is not None:
        answer["failCode"] = task.failure.code
        answer["failMsg"] = task.failure.message
    if phase in (Phase.SUCCESS, Phase.FAILED):
        answer["completeTime"] = _milliseconds(task.finished)
        answer["costTime"] = _milliseconds(task.finished) - _milliseconds(task.created)
    return answer


def callback_of(task: Task) -> dict[str, object]:
    """Return the body of the callback of a finished task. Source: APIXO facts, section 9."""
    data = status_of(task, task.finished, task.origin)
    success = ("taskId", "state", "resultJson", "costTime", "createTime", "completeTime")
    failure = ("taskId", "state", "failCode", "failMsg", "createTime", "completeTime")
    kept = success if task.failure is None else failure
    return {"code": 200, "message": "success", "data": {name: data[name] for name in kept}}


def _results(task: Task, base: str) -> str:
    """Return a STRING that holds JSON: clients have to parse twice."""
    numbers = range(1, task.pictures + 1)
    urls = [f"{base}/files/{task.task_id}/{number}.png" for number in numbers]
    return json.dumps({"resultUrls": urls}, separators=(",", ":"))


def _action(mode: Mode, pictures: int) -> dict[str, object]:
    if mode is Mode.REROLL:
        return {"mode": mode.value}
    action: dict[str, object] = {
        "mode": mode.value,
        "imageIndex_options": list(range(pictures)),
    }
    if mode in _TYPES:
        action["type_options"] = list(range(_TYPES[mode]))
    return action


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
