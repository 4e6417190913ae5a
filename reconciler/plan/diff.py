"""What changed between two requests, field by field and, for prose, word by word."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

_PROSE = frozenset({"prompt", "negative"})


class Mark(StrEnum):
    """What became of some words."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


Words = tuple[Mark, str]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: None on the old side is new, None on the new side is gone. `words` for prose."""

    field: str
    old: Any
    new: Any
    words: tuple[Words, ...] = ()


def changes(old: str | None, new: str) -> tuple[FieldChange, ...]:
    """Compare two canonical requests; without an old one every field is new. Sorted by field."""
    after: dict[str, Any] = json.loads(new)
    before: dict[str, Any] = json.loads(old) if old else {"operation": after["operation"]}
    fields = sorted(before.keys() | after.keys())
    return tuple(
        _change(field, before.get(field), after.get(field))
        for field in fields
        if before.get(field) != after.get(field)
    )


def _change(field: str, old: Any, new: Any) -> FieldChange:
    both_prose = field in _PROSE and isinstance(old, str) and isinstance(new, str)
    return FieldChange(field, old, new, tuple(word_changes(old, new)) if both_prose else ())


def word_changes(old: str, new: str) -> Iterator[Words]:
    """Yield runs of words; removed ones before the added ones that replace them."""
    before, after = old.split(), new.split()
    matcher = SequenceMatcher(a=before, b=after, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield Mark.SAME, " ".join(before[a:b])
            continue
        if b > a:
            yield Mark.REMOVED, " ".join(before[a:b])
        if d > c:
            yield Mark.ADDED, " ".join(after[c:d])
