"""The buttons under a finished task, and the ids that press them.

Source: APIMart facts, section 9. The zoom, region and remix ids' full forms are ours.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from reconciler.sandbox.apimart import words
from reconciler.sandbox.apimart.words import Action, invalid
from reconciler.sandbox.drawing.painting import seed_of
from reconciler.sandbox.jobs import Content, Task

DIRECTIONS = ("left", "right", "up", "down")

_ARROWS = {"left": "⬅️", "right": "➡️", "up": "⬆️", "down": "⬇️"}
_UPSCALES: Mapping[str, tuple[str, ...]] = {
    "upsample_v5_2x": ("5", "5.1", "5.2"),
    "upsample_v5_4x": ("5", "5.1", "5.2"),
    "upsample_v6_2x_subtle": ("6", "6.1"),
    "upsample_v6_2x_creative": ("6", "6.1"),
    "upsample_v7_2x_subtle": ("7", "8.1"),
    "upsample_v7_2x_creative": ("7", "8.1"),
}
"""HD commands and the versions that know them. Source: APIMart facts, section 4."""

_ID = re.compile(r"MJ::(?:JOB::)?([A-Za-z0-9_]+)::([0-4])::([0-9a-f-]+)")


@dataclass(frozen=True, slots=True)
class Press:
    """A pressed button: its command, which picture (0: the whole), and what it means."""

    command: str
    number: int
    action: Action


_MEANINGS: Mapping[str, Action] = {
    "upsample": Action.UPSCALE,
    "variation": Action.VARIATION,
    "reroll": Action.REROLL,
    "high_variation": Action.HIGH_VARIATION,
    "low_variation": Action.LOW_VARIATION,
    "remix_strong": Action.REMIX_STRONG,
    "remix_subtle": Action.REMIX_SUBTLE,
    "Outpaint": Action.ZOOM,
    "CustomZoom": Action.ZOOM,
    "Inpaint": Action.INPAINT,
    **{f"pan_{one}": Action.PAN for one in DIRECTIONS},
    **dict.fromkeys(_UPSCALES, Action.UPSCALE),
}


def hash_of(task: Task) -> str:
    """Return a task's job hash, which stands in all its buttons."""
    return str(UUID(int=seed_of("job", task.task_id) << 64 | seed_of("hash", task.task_id)))


def buttons_of(task: Task) -> list[dict[str, str]]:
    """Return what a successful task offers: 15 buttons under a grid, 11 under a single."""
    if task.mode in words.GRIDS:
        return [_button(task, *one) for one in _grid()]
    return [_button(task, *one) for one in _single()] if task.mode == Action.UPSCALE else []


def press(task: Task, custom_id: str) -> Press:
    """Return what an id means for its task. Raises RefusalError 400 for one that does not fit.

    HD upscales are not among the listed buttons; the hash makes them fit.
    """
    found = _ID.fullmatch(custom_id)
    if found is None or found[1] not in _MEANINGS or found[3] != hash_of(task):
        raise invalid(f"custom_id does not belong to task {task.task_id}")
    return Press(found[1], int(found[2]), _MEANINGS[found[1]])


def is_hd(command: str) -> bool:
    """Return whether a command is a real enlargement."""
    return command in _UPSCALES


def check_hd(command: str, content: Content) -> None:
    """Refuse an HD command that the parent's version does not know; niji's is undocumented."""
    version = str(content.get("version") or words.DEFAULT_VERSION)
    if content.get("niji") or version not in _UPSCALES[command]:
        raise invalid(f"{command} is not supported for this version")


def _grid() -> list[tuple[str, str]]:
    numbers = range(1, words.PICTURES + 1)
    return [
        *((f"MJ::JOB::upsample::{n}", f"U{n}") for n in numbers),
        *((f"MJ::JOB::variation::{n}", f"V{n}") for n in numbers),
        ("MJ::JOB::reroll::0", "🔄"),
        *_around(),
        ("MJ::Outpaint::1", "Zoom Out 1.5x"),
        ("MJ::Inpaint::1", "Vary (Region)"),
    ]


def _single() -> list[tuple[str, str]]:
    return [
        ("MJ::JOB::low_variation::1", "Vary (Subtle)"),
        ("MJ::JOB::high_variation::1", "Vary (Strong)"),
        ("MJ::JOB::remix_subtle::1", "Remix (Subtle)"),
        ("MJ::JOB::remix_strong::1", "Remix (Strong)"),
        ("MJ::Outpaint::1", "Zoom Out 1.5x"),
        ("MJ::CustomZoom::1", "Zoom Out 2x"),
        *_around(),
        ("MJ::Inpaint::1", "Vary (Region)"),
    ]


def _around() -> list[tuple[str, str]]:
    return [(f"MJ::JOB::pan_{one}::1", _ARROWS[one]) for one in DIRECTIONS]


def _button(task: Task, command: str, label: str) -> dict[str, str]:
    return {"customId": f"{command}::{hash_of(task)}", "label": label}
