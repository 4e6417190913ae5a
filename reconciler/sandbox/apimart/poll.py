"""What APIMart tells about a task, to both of its queries. Pure.

Source: APIMart facts, sections 6, 7, 8.
"""

from dataclasses import dataclass

from reconciler.money import NOTHING, MicroUsd
from reconciler.sandbox.apimart import words
from reconciler.sandbox.apimart.buttons import buttons_of
from reconciler.sandbox.apimart.words import Action
from reconciler.sandbox.jobs import Phase, Task
from reconciler.sandbox.settings import SandboxSettings

_STATES = {
    Phase.UNCONFIRMED: "NOT_START",
    Phase.PENDING: "SUBMITTED",
    Phase.PROCESSING: "IN_PROGRESS",
    Phase.PAUSED: "MODAL",
    Phase.SUCCESS: "SUCCESS",
}
_UNIFIED = {
    "NOT_START": "pending",
    "SUBMITTED": "pending",
    "MODAL": "pending",
    "IN_PROGRESS": "processing",
    "SUCCESS": "completed",
    "FAILURE": "failed",
    "CANCEL": "cancelled",
}
"""Suggested, not documented. Source: APIMart facts, section 7."""

_MODAL_PROGRESS = 15


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants to know what, and when: `base` is scheme and host of the links."""

    task: Task
    now: float
    base: str
    settings: SandboxSettings

    @property
    def status(self) -> str:
        """Return the task's state in the vendor's words."""
        phase = self.task.phase(self.now)
        if phase is not Phase.FAILED:
            return _STATES[phase]
        return "CANCEL" if self.task.paused else "FAILURE"

    @property
    def progress(self) -> int:
        """Return percent."""
        task, now = self.task, self.now
        match task.phase(now):
            case Phase.UNCONFIRMED:
                return 0
            case Phase.PENDING:
                return _between(5, 30, task.confirmed, now, task.started)
            case Phase.PAUSED:
                return _MODAL_PROGRESS
            case Phase.PROCESSING:
                return _between(30, 99, task.started, now, task.finished)
        return 100

    @property
    def links(self) -> list[str]:
        """Return the results, candidate by candidate."""
        kind = "mp4" if self.task.mode == Action.VIDEO else "png"
        numbers = range(1, self.task.pictures + 1)
        return [f"{self.base}/files/{self.task.task_id}/{number}.{kind}" for number in numbers]


def status_of(asked: Question) -> dict[str, object]:
    """Return the answer of the Midjourney query: a bare object."""
    task, status = asked.task, asked.status
    answer: dict[str, object] = {
        "id": task.task_id,
        "status": status,
        "action": task.mode,
        "mode": _mode(task),
        "progress": f"{asked.progress}%",
        "created_at": int(task.created),
        **_money(asked),
        **_prompts(asked),
    }
    if status == "SUCCESS":
        answer |= _results(asked)
    elif status in ("FAILURE", "CANCEL") and task.failure is not None:
        answer["fail_reason"] = task.failure.message
    if asked.now >= task.finished:
        answer["finished_at"] = int(task.finished)
    return answer


def unified_of(asked: Question) -> dict[str, object]:
    """Return `data` of the query for any task: neither grid nor buttons."""
    task, status = asked.task, asked.status
    answer: dict[str, object] = {
        "id": task.task_id,
        "status": _UNIFIED[status],
        "progress": asked.progress,
        "created": int(task.created),
        "estimated_time": 60,
    }
    if status == "SUCCESS":
        answer["result"] = _unified_result(asked)
        answer["completed"] = int(task.finished)
        answer["actual_time"] = int(task.finished - task.created)
        answer |= {"cost": _charged(asked) / 1_000_000} if asked.settings.apimart.has_cost else {}
    elif status == "FAILURE" and task.failure is not None:
        message = task.failure.message
        answer["error"] = {"code": 500, "message": message, "type": "task_failed"}
    return answer


def _results(asked: Question) -> dict[str, object]:
    task = asked.task
    found: dict[str, object] = {}
    if task.mode == Action.VIDEO:
        found = {"video_url": asked.links[:1] and asked.links[0], "video_urls": asked.links}
    elif task.mode != Action.DESCRIBE:
        found = {"image_urls": asked.links}
    if task.mode in words.GRIDS:
        found["grid_image_url"] = f"{asked.base}/files/{task.task_id}/grid.png"
    if buttons := buttons_of(task):
        found["buttons"] = buttons
    if (removed := _expected(task) - task.pictures) > 0:
        found["fail_reason"] = f"{removed} of {_expected(task)} images removed by moderation"
    return found


def _unified_result(asked: Question) -> dict[str, object]:
    expires = asked.task.finished + asked.settings.link_lifetime.total_seconds()
    files = [{"url": [link], "expires_at": int(expires)} for link in asked.links]
    return {"videos" if asked.task.mode == Action.VIDEO else "images": files}


def _prompts(asked: Question) -> dict[str, object]:
    """Return the prompt under the name that the settings want; a description is told twice.

    In the other dialect `prompt` is empty for a description. Source: sections 4, 6.
    """
    task, name = asked.task, asked.settings.apimart.prompt_name
    text = task.content.get("text")
    if text is None or asked.status != "SUCCESS":
        return {name: task.content.get("full", task.prompt)}
    return {"prompt": text if name == "prompt" else "", "description": text}


def _money(asked: Question) -> dict[str, object]:
    """Return what the task is charged, nothing once it is paid back. Source: section 6."""
    own, charged = asked.settings.apimart, _charged(asked)
    told: dict[str, object] = {}
    if own.quota_per_usd is not None:
        told["quota"] = charged * own.quota_per_usd // 1_000_000
    if own.has_cost and asked.now >= asked.task.finished:
        told["cost"] = charged / 1_000_000
    return told


def _charged(asked: Question) -> MicroUsd:
    return NOTHING if asked.status in ("FAILURE", "CANCEL") else asked.task.price


def _mode(task: Task) -> str:
    """Return how it runs: videos are always fast, descriptions a mode of their own."""
    if task.mode == Action.DESCRIBE:
        return "DESCRIBE"
    speed = "fast" if task.mode == Action.VIDEO else task.content.get("speed")
    return str(speed or "relax").upper()


def _expected(task: Task) -> int:
    match task.mode:
        case Action.UPSCALE:
            return 1
        case Action.DESCRIBE:
            return 0
        case Action.VIDEO:
            return int(str(task.content.get("batch_size", 1)))
    return words.PICTURES


def _between(low: int, high: int, start: float, now: float, end: float) -> int:
    share = (now - start) / (end - start) if end > start else 0.0
    return round(low + (high - low) * min(1.0, max(0.0, share)))
