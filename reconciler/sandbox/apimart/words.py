"""APIMart's vocabulary and its tables: actions, speeds, versions, durations, refusals."""

from collections.abc import Mapping
from enum import StrEnum

from reconciler.sandbox.jobs import RefusalError

PICTURES = 4
"""A task with a grid; several operations leave it open. Source: APIMart facts, sections 2, 20."""

BANNED = "Banned prompt detected"
TIMEOUT = "Task timeout"
MODAL_TIMEOUT = "Modal timeout"
"""Our words: none are documented. Source: APIMart facts, section 8."""

BANNED_CODES = frozenset({"SensitiveContentDetected", "InputOutputSensitiveContentDetected"})
"""Magic words that both vendors' emulators take for moderation."""


class Action(StrEnum):
    """What a submission asks for. Source: APIMart facts, section 2; the remixes' are ours."""

    IMAGINE = "IMAGINE"
    BLEND = "BLEND"
    DESCRIBE = "DESCRIBE"
    EDITS = "EDITS"
    UPSCALE = "UPSCALE"
    VARIATION = "VARIATION"
    HIGH_VARIATION = "HIGH_VARIATION"
    LOW_VARIATION = "LOW_VARIATION"
    REROLL = "REROLL"
    ZOOM = "ZOOM"
    PAN = "PAN"
    INPAINT = "INPAINT"
    MODAL = "MODAL"
    VIDEO = "VIDEO"
    REMIX_STRONG = "REMIX_STRONG"
    REMIX_SUBTLE = "REMIX_SUBTLE"


PATHS: Mapping[str, Action] = {
    "": Action.IMAGINE,
    **{action.value.lower().replace("_", "-"): action for action in Action},
}
"""Actions by the last part of their path. Source: APIMart facts, section 2."""

GRIDS = frozenset(Action) - {Action.UPSCALE, Action.DESCRIBE, Action.VIDEO, Action.MODAL}
"""Tasks whose result is a grid. Source: APIMart facts, section 2."""

MODERATED = frozenset(
    {Action.IMAGINE, Action.BLEND, Action.DESCRIBE, Action.EDITS, Action.INPAINT, Action.VIDEO}
)
"""Where HTTP 422 is documented. Source: APIMart facts, section 10.1."""

SPEEDS = ("relax", "fast", "turbo")

VERSIONS = ("5", "5.1", "5.2", "6", "6.1", "7", "8", "8.1", "8.2")
"""What the engine named. Source: APIMart facts, section 3."""

NIJI_VERSIONS = ("6", "7")

REMIX_VERSIONS = ("8.1", "8.2")
HD_VERSION = "8.1"
"""Added where `hd` comes without a version. Source: APIMart facts, section 3."""

DEFAULT_VERSION = "7"
"""Our choice: undocumented. Source: APIMart facts, section 3."""

DIMENSIONS: Mapping[str, str] = {"SQUARE": "1:1", "PORTRAIT": "2:3", "LANDSCAPE": "3:2"}

VIDEO_TYPES: Mapping[str, str] = {
    "vid_1.1_i2v_480": "vid_1.1_i2v_start_end_480",
    "vid_1.1_i2v_720": "vid_1.1_i2v_start_end_720",
    "vid_1.1_i2v_start_end_480": "vid_1.1_i2v_start_end_480",
    "vid_1.1_i2v_start_end_720": "vid_1.1_i2v_start_end_720",
}
"""Each with what an `end_url` makes of it. Source: APIMart facts, section 4."""

BATCH_SIZES = (1, 2, 4)

_QUICK = {
    Action.UPSCALE: (0.05, 0.5),
    Action.DESCRIBE: (1.0, 3.0),
    Action.VIDEO: (60.0, 120.0),
    Action.MODAL: (60.0, 90.0),
    Action.INPAINT: (60.0, 90.0),
}
_SPEEDS = {"relax": (40.0, 60.0), "fast": (30.0, 50.0), "turbo": (15.0, 30.0)}
HD_DURATION = (60.0, 120.0)


def duration(action: Action, speed: str) -> tuple[float, float]:
    """Return the shortest and longest seconds; turbo's and video's are ours.

    Source: APIMart facts, sections 4, 13.
    """
    return _QUICK.get(action) or _SPEEDS[speed]


def invalid(message: str) -> RefusalError:
    """Return a refusal for a wrong parameter, parent or state."""
    return RefusalError(400, message)


def not_found(task_id: object) -> RefusalError:
    """Return the refusal for a task that is unknown or too old."""
    return RefusalError(404, f"task {task_id} not found")
