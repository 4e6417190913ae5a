"""A plan as text and as JSON: two readers of one value."""

import json
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from reconciler.money import MicroUsd, format_price, format_usd
from reconciler.plan.actions import Action, Plan, Source, Tally, Verb
from reconciler.plan.diff import FieldChange, Mark, changes
from reconciler.plan.prerequisites import in_words
from reconciler.plan.wording import field_in_words
from reconciler.spec.request import Operation
from reconciler.spec.resource import LocalFile

FORMAT_VERSION = 1
"""Raised when a field of the JSON changes its meaning or goes away; new fields do not raise it."""


class Tone(StrEnum):
    """What a piece of text means; the caller knows which colour that is."""

    SPEND = "spend"
    FREE = "free"
    PERSON = "person"
    TROUBLE = "trouble"
    FAINT = "faint"
    REMOVED = "removed"
    ADDED = "added"


Paint = Callable[[str, Tone], str]
_TONES = {
    Verb.BUY: Tone.SPEND,
    Verb.PICK: Tone.PERSON,
    Verb.RESOLVE: Tone.TROUBLE,
    Verb.BLOCKED: Tone.TROUBLE,
}
_KIND_FIELDS = ("vary", "upscale", "zoom", "pan", "remix", "resolution")


def plain(text: str, _tone: Tone) -> str:
    """Paint nothing: for files, pipes and tests."""
    return text


def lines(plan: Plan, *, verbose: bool = False, paint: Paint = plain) -> Iterator[str]:
    """Yield the plan line by line, the tally last."""
    if not plan.actions:
        yield f"No changes: {_counted(plan.in_sync, 'resource')} in sync, nothing to do."
        return
    widths = [max(len(row[column]) for row in map(_row, plan.actions)) for column in range(4)]
    for action in plan.actions:
        yield _line(action, widths, paint)
        if verbose:
            yield from _details(action, paint)
    yield ""
    yield tally_line(plan.tally(), plan.in_sync)


def _row(action: Action) -> tuple[str, str, str, str]:
    return action.verb.value, action.address, describe(action), _price(action)


def _line(action: Action, widths: list[int], paint: Paint) -> str:
    verb, address, what, price = _row(action)
    tone = _TONES.get(action.verb, Tone.FREE)
    reason = f"{action.reason} ({action.note})" if action.note else action.reason.value
    return "  ".join(
        (
            " " + paint(verb.ljust(widths[0]), tone),
            address.ljust(widths[1]),
            paint(what.ljust(widths[2]), Tone.FAINT),
            price.rjust(widths[3]),
            paint(reason, Tone.FAINT),
        )
    )


def _price(action: Action) -> str:
    """Only what can cost something shows a price."""
    if action.verb in (Verb.BUY, Verb.RESOLVE, Verb.BLOCKED):
        return "" if action.price == 0 else format_price(action.price)
    return ""


def describe(action: Action) -> str:
    """Return what it is: `upscale subtle of library@2`, `video of library@2, 4 clips x $0.20`."""
    wanted = action.resource or action.purchase
    if wanted is None:
        return ""
    content: dict[str, Any] = json.loads(wanted.canonical)
    words = [content["operation"]]
    words += [str(content[field]) for field in _KIND_FIELDS if field in content]
    if action.source is not None:
        words.append(f"of {_start(action.source)}")
    return " ".join(words) + _multiple(action, content["operation"])


def _start(source: Source) -> str:
    """Return `library@2`, also for the provider's own task for that candidate."""
    named = in_words(source.address)
    is_whole = named != source.address or not source.candidate
    return named if is_whole else f"{named}@{source.candidate}"


def _multiple(action: Action, operation: str) -> str:
    """Return what is paid several times, where that is so."""
    if action.units == 1:
        return ""
    noun = "clip" if operation == Operation.VIDEO else "job"
    each = MicroUsd(action.price // action.units) if action.price is not None else None
    return f", {_counted(action.units, noun)} x {format_price(each)}"


def _details(action: Action, paint: Paint) -> Iterator[str]:
    if action.verb is not Verb.BUY or action.resource is None:
        return
    for change in changes(action.previous, action.resource.canonical):
        yield "      " + _field_line(change, action.resource.files, paint)


def _field_line(change: FieldChange, files: Sequence[LocalFile], paint: Paint) -> str:
    if change.words:
        return f"~ {change.field}: " + " ".join(
            _word(mark, text, paint) for mark, text in change.words
        )
    old, new = field_in_words(change.old, files), field_in_words(change.new, files)
    if change.old is None:
        return f"+ {change.field}: {paint(new, Tone.ADDED)}"
    if change.new is None:
        return f"- {change.field}: {paint(old, Tone.REMOVED)}"
    return f"~ {change.field}: {paint(old, Tone.REMOVED)} → {paint(new, Tone.ADDED)}"


def _word(mark: Mark, text: str, paint: Paint) -> str:
    match mark:
        case Mark.SAME:
            return text
        case Mark.REMOVED:
            return paint(f"[-{text}-]", Tone.REMOVED)
        case Mark.ADDED:
            return paint(f"{{+{text}+}}", Tone.ADDED)


def tally_line(tally: Tally, in_sync: int) -> str:
    """Return the last line: tasks, pictures, price; then what else there is."""
    parts = [f"Plan: {_counted(tally.tasks, 'task')} to buy"]
    if tally.tasks:
        parts += _results(tally)
        parts.append(format_usd(tally.price))
        if tally.unpriced:
            parts[-1] += f" plus {_counted(tally.unpriced, 'task')} at an unknown price"
    others = [f"{n} {verb}" for verb, n in tally.by_verb.items() if n and verb is not Verb.BUY]
    return ", ".join(parts) + "; " + ", ".join([*others, f"{in_sync} in sync"]) + "."


def _results(tally: Tally) -> Iterator[str]:
    """Yield what the tasks usually give: pictures, clips, texts."""
    if tally.uncounted:
        yield f"{tally.pictures}+ pictures" if tally.pictures else "pictures not counted"
    elif tally.pictures or not (tally.clips or tally.texts):
        yield _counted(tally.pictures, "picture")
    if tally.clips:
        yield _counted(tally.clips, "clip")
    if tally.texts:
        yield _counted(tally.texts, "text")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan for programs; prices in micro-dollars, null where unknown."""
    tally = plan.tally()
    return {
        "format_version": FORMAT_VERSION,
        "actions": [_action_json(action) for action in plan.actions],
        "in_sync": plan.in_sync,
        "tally": {
            "tasks": tally.tasks,
            "pictures": tally.pictures,
            "clips": tally.clips,
            "texts": tally.texts,
            "tasks_without_documented_picture_count": tally.uncounted,
            "price_micro_usd": tally.price,
            "tasks_without_known_price": tally.unpriced,
            "by_verb": {verb.value: number for verb, number in tally.by_verb.items() if number},
        },
        "exit_code": int(plan.exit_code()),
    }


def _action_json(action: Action) -> dict[str, Any]:
    resource, source = action.resource, action.source
    return {
        "address": action.address,
        "verb": action.verb.value,
        "reason": action.reason.name.lower(),
        "reason_text": action.reason.value,
        "note": action.note or None,
        "price_micro_usd": action.price,
        "units": action.units,
        "pictures": action.gives.pictures,
        "clips": action.gives.clips,
        "texts": action.gives.texts,
        "provider": action.provider,
        "operation": resource.operation.value if resource else None,
        "request": json.loads(resource.canonical) if resource else None,
        "fingerprint": action.key.fingerprint if action.key else None,
        "take": action.key.take if action.key else None,
        "source": source and {"address": source.address, "candidate": source.candidate},
        "task_id": action.purchase.task_id if action.purchase else None,
        "moved_from": action.moved_from,
        "spec": resource and {"file": resource.file, "path": list(resource.path)},
        "changes": _changes_json(action),
    }


def _changes_json(action: Action) -> list[dict[str, Any]]:
    if action.verb is not Verb.BUY or action.resource is None or action.previous is None:
        return []
    return [
        {"field": change.field, "old": change.old, "new": change.new}
        for change in changes(action.previous, action.resource.canonical)
    ]
