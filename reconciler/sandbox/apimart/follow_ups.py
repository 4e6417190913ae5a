"""Submissions that build on an earlier task. Source: APIMart facts, sections 2, 4."""

from dataclasses import replace

from reconciler.sandbox.apimart import asking, buttons, fields, words
from reconciler.sandbox.apimart.asking import Ask, Result
from reconciler.sandbox.apimart.buttons import Press
from reconciler.sandbox.apimart.words import Action, invalid
from reconciler.sandbox.drawing.painting import Commission, Painting, Treatment
from reconciler.sandbox.jobs import Content, Job, Phase, Task

_SINGLE_NEEDED = "This action requires an upscaled task. Please upscale an image first"
"""The documents quote the beginning. Source: APIMart facts, section 4."""

_PICTURED = words.GRIDS | {Action.UPSCALE}

_WORDED = frozenset({Action.REMIX_STRONG, Action.REMIX_SUBTLE, Action.MODAL})

_SHORT = 40
"""Characters of a prompt in a picture's label."""

_ZOOM_BOXES = {"Outpaint": 1 / 1.5, "CustomZoom": 1 / 2}
_PAN_BOXES = {
    "left": (1 / 3, 0.0, 1.0, 1.0),
    "right": (0.0, 0.0, 2 / 3, 1.0),
    "up": (0.0, 1 / 3, 1.0, 1.0),
    "down": (0.0, 0.0, 1.0, 2 / 3),
}


def upscale(ask: Ask) -> Job:
    """Cut one picture out of a grid; with an HD id, enlarge it."""
    parent = parent_of(ask, words.GRIDS, "upscale needs a task with a grid")
    pressed = _pressed(ask, parent)
    number = pressed.number if pressed else _index(ask)
    picture = candidate(parent, number)
    if pressed is None or not buttons.is_hd(pressed.command):
        return _job(ask, parent, number, Result(Commission(picture, Treatment.CUT), pictures=1))
    buttons.check_hd(pressed.command, parent.content)
    scale = 4 if pressed.command.endswith("_4x") else 2
    large = replace(picture, scale=scale, label=f"{pressed.command} of {number}")
    creative = pressed.command.endswith("creative")
    treatment = Treatment.SUBTLE if creative else Treatment.SAME
    result = Result(Commission(large, treatment), 1, words.HD_DURATION)
    return _job(ask, parent, number, result)


def variation(ask: Ask) -> Job:
    """Vary one picture of a task a little."""
    parent = parent_of(ask, _PICTURED, "variation needs a task with pictures")
    number = _number(ask, parent)
    return _varied(ask, parent, number, Treatment.SUBTLE)


def vary_single(ask: Ask) -> Job:
    """Vary an upscaled picture, much or little. The index is required, and chooses nothing."""
    parent = parent_of(ask, frozenset({Action.UPSCALE}), _SINGLE_NEEDED)
    if not _pressed(ask, parent):
        _index(ask)
    strong = ask.action is Action.HIGH_VARIATION
    return _varied(ask, parent, 1, Treatment.STRONG if strong else Treatment.SUBTLE)


def reroll(ask: Ask) -> Job:
    """Run a generation again, with all it inherits."""
    parent = parent_of(
        ask,
        frozenset({Action.IMAGINE, Action.REROLL}),
        "reroll is only available for imagine and reroll tasks",
    )
    _pressed(ask, parent)
    content = {**parent.content, **ask.common(), "task_id": parent.task_id}
    result = Result(replace(parent.commission, seed=0))
    return asking.job(ask, parent.prompt, content, result)


def zoom(ask: Ask) -> Job:
    """Show an upscaled picture from farther away."""
    parent = _single(ask)
    pressed, ratio = _pressed(ask, parent), fields.number(ask.body, "zoom_ratio", 1, 2)
    command = "CustomZoom" if ratio is None or ratio >= 2 else "Outpaint"
    inner = _ZOOM_BOXES[pressed.command if pressed else command]
    edge = (1 - inner) / 2
    base = asking.titled(candidate(parent, 1), "", f"zoom {1 / inner:g}x")
    commission = Commission(base, Treatment.FRAME, box=(edge, edge, 1 - edge, 1 - edge))
    return _job(ask, parent, 1, Result(commission), {"zoom": f"{1 / inner:g}"})


def pan(ask: Ask) -> Job:
    """Extend a picture to one side; a panned one may be panned again."""
    parent = parent_of(ask, frozenset({Action.UPSCALE, Action.PAN}), _SINGLE_NEEDED)
    pressed, direction = _pressed(ask, parent), fields.text(ask.body, "direction")
    side = pressed.command.removeprefix("pan_") if pressed else direction
    if side not in _PAN_BOXES:
        raise invalid("direction must be left, right, up or down")
    number = _optional_index(ask)
    picture = candidate(parent, number)
    width, height = picture.ratio
    wide = side in ("left", "right")
    ratio = (width * 3, height * 2) if wide else (width * 2, height * 3)
    base = replace(asking.titled(picture, "", f"pan {side}"), ratio=_reduced(ratio))
    commission = Commission(base, Treatment.FRAME, box=_PAN_BOXES[side])
    return _job(ask, parent, number, Result(commission), {"direction": side})


def inpaint(ask: Ask) -> Job:
    """Begin to repaint a part of an upscaled picture: the task waits for its second step."""
    parent = _single(ask)
    _pressed(ask, parent)
    base = asking.titled(candidate(parent, 1), "", "inpaint")
    return _job(ask, parent, 1, Result(Commission(base, Treatment.PATCH)))


def remix(ask: Ask) -> Job:
    """Vary a picture, much or little, perhaps with other words."""
    wrong = "remix needs a v8.1 or v8.2 imagine task"
    parent = parent_of(ask, frozenset({Action.IMAGINE}), wrong)
    if parent.content.get("niji") or parent.content.get("version") not in words.REMIX_VERSIONS:
        raise invalid(wrong)
    number = _number(ask, parent)
    strong = ask.action is Action.REMIX_STRONG
    return _varied(ask, parent, number, Treatment.STRONG if strong else Treatment.SUBTLE)


def modal(ask: Ask, task: Task) -> Job:
    """Return the second step of an inpaint task; its price is the task's: nothing more is charged.

    Without a mask the surroundings are painted instead. Source: APIMart facts, section 4.
    """
    prompt, link = _prompt(ask, task), fields.text(ask.body, "mask_url")
    label = f"{'inpaint' if link else 'outpaint'}: {prompt[:_SHORT]}"
    base = asking.titled(task.commission.base, "", label)
    if link:
        mask = ask.records.mask(link)
        commission = Commission(base, Treatment.PATCH, mask=mask, words=prompt)
    else:
        commission = Commission(base, Treatment.FRAME, box=(0.2, 0.2, 0.8, 0.8))
    content = {**task.content, "full": prompt, "mask_url": bool(link), **ask.common()}
    return replace(asking.job(ask, prompt, content, Result(commission)), mode=task.mode)


def parent_of(ask: Ask, kinds: frozenset[Action], wrong: str) -> Task:
    """Return a successful parent of the right kind. Raises RefusalError 400, 403, 404."""
    parent = ask.records.task(asking.task_id_of(ask))
    if parent.phase(ask.records.now) is not Phase.SUCCESS:
        raise invalid(f"task {parent.task_id} is not in SUCCESS state")
    if parent.mode not in kinds:
        raise invalid(wrong)
    return parent


def candidate(parent: Task, number: int) -> Painting:
    """Return a picture of the parent; moderation may have removed it."""
    if not 1 <= number <= parent.pictures:
        raise invalid(f"index out of range: task {parent.task_id} has {parent.pictures} images")
    return parent.commission.candidate(number)


def _single(ask: Ask) -> Task:
    parent = parent_of(ask, frozenset({Action.UPSCALE}), _SINGLE_NEEDED)
    _optional_index(ask)
    return parent


def _pressed(ask: Ask, parent: Task) -> Press | None:
    """Return what `custom_id` presses; it wins over every other way to say it."""
    custom_id = fields.text(ask.body, "custom_id")
    if not custom_id:
        return None
    pressed = buttons.press(parent, custom_id)
    if pressed.action is not ask.action:
        raise invalid(f"custom_id is no button for {ask.action.value.lower()}")
    return pressed


def _number(ask: Ask, parent: Task) -> int:
    pressed = _pressed(ask, parent)
    return pressed.number if pressed else _index(ask)


def _prompt(ask: Ask, parent: Task) -> str:
    """Return the words of a follow-up: its own where it may bring some, or its parent's."""
    own = fields.text(ask.body, "prompt") if ask.action in _WORDED else None
    return (own or "").strip() or parent.prompt


def _index(ask: Ask) -> int:
    found = fields.whole(ask.body, "index", 1, words.PICTURES)
    if found is None:
        raise invalid("index or custom_id is required")
    return found


def _optional_index(ask: Ask) -> int:
    return fields.whole(ask.body, "index", 1, words.PICTURES) or 1


def _varied(ask: Ask, parent: Task, number: int, treatment: Treatment) -> Job:
    name = ask.action.value.lower().replace("_", " ")
    words_on_it = _prompt(ask, parent)
    base = asking.titled(candidate(parent, number), words_on_it, f"{name} of {number}")
    return _job(ask, parent, number, Result(Commission(base, treatment)))


def _job(ask: Ask, parent: Task, number: int, result: Result, more: Content | None = None) -> Job:
    """Return a follow-up's job: version and niji are its parent's. Source: section 4."""
    prompt = _prompt(ask, parent)
    inherited = {name: parent.content.get(name) for name in ("version", "niji")}
    own = {"index": number, "task_id": parent.task_id, "full": prompt, **(more or {})}
    content = {**inherited, **ask.common(), **own}
    return asking.job(ask, prompt, content, result)


def _reduced(ratio: tuple[int, int]) -> tuple[int, int]:
    """Return a ratio in small numbers, no steeper than can be drawn."""
    width, height = ratio
    steepest = max(width, height) / 20
    return max(width, round(steepest)), max(height, round(steepest))
