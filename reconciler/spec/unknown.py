"""What to say about a key that an entry does not have. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from reconciler.spec import explain
from reconciler.spec.models import MODELS, fields_of
from reconciler.spec.parts import Canvas, Clip, EditArea, InpaintArea, MaskArea, Position
from reconciler.spec.problems import Finding
from reconciler.spec.request import Operation
from reconciler.spec.resource import KeyPath
from reconciler.spec.values import shown
from reconciler.spec.words import (
    OPERATION_SYNONYMS,
    SYNONYMS,
    did_you_mean,
    nearest,
    operation_hint,
)

OPERATION_WORDS: Final = tuple(one.value for one in MODELS if one is not Operation.IMAGINE)
"""Keys that say what an entry does; without one it is imagined."""

_STRUCTURE: Final = frozenset({"variants", "matrix"})
_FIELDS: Final = MappingProxyType(
    {operation: fields_of(model) for operation, model in MODELS.items()}
)
_ALL_FIELDS: Final = frozenset[str]().union(*_FIELDS.values())
_BELOW: Final[Mapping[tuple[str, ...], frozenset[str]]] = MappingProxyType(
    {
        ("edit",): fields_of(EditArea),
        ("edit", "mask"): fields_of(MaskArea),
        ("edit", "canvas"): fields_of(Canvas),
        ("edit", "position"): fields_of(Position),
        ("inpaint",): fields_of(InpaintArea),
        ("video",): fields_of(Clip),
    }
)
"""The fields that stand below an operation's own key; what is not listed is a picture."""

_OF_PICTURES: Final = ("url", "path")


def no_operation(raw: Mapping[str, Any]) -> Finding:
    """Return what to say about an entry with a parent that does not say what to do with it."""
    for key in raw:
        if key in OPERATION_SYNONYMS or operation_hint(key):
            return Finding((key,), *in_entry((key,), Operation.IMAGINE), on_key=True)
        near = nearest(key, OPERATION_WORDS)
        if near and key not in _ALL_FIELDS and key not in SYNONYMS:
            return Finding((key,), f"`{key}` is not known here", f"did you mean `{near}`?", True)
    hint = f"add one of {_listed(word for word in OPERATION_WORDS if word != 'blend')}"
    return Finding((), "this entry does not say what to do with its parent", hint, on_key=True)


def in_entry(path: KeyPath, operation: Operation) -> tuple[str, str | None]:
    """Return message and hint for a key of an entry that does not know it."""
    key = str(path[-1])
    if len(path) > 1:
        return f"{explain.name_of(path)} is not known here", _nested_hint(path)
    if key in _ALL_FIELDS:
        owners = [f"`{one.value}`" for one in Operation if key in _FIELDS[one]]
        verb = "has" if len(owners) == 1 else "have"
        *others, last = owners
        hint = f"only {', '.join(others) + ' and ' if others else ''}{last} {verb} it"
        return f"`{key}` does not belong to `{operation.value}`", hint
    if key in OPERATION_SYNONYMS:
        listed = _listed(OPERATION_WORDS)
        hint = f"the operation itself is the key: {listed}; without one it is imagined"
        return f"`{key}` is not known here", hint
    return f"{shown(key)} is not known here", _right_word(key, _FIELDS[operation], operation)


def in_defaults(path: KeyPath, known: frozenset[str]) -> tuple[str, str | None]:
    """Return message and hint for a key that `defaults` does not know."""
    key = str(path[-1])
    if len(path) > 1:
        return f"{explain.name_of(path)} is not known here", _nested_hint(path)
    if key in _ALL_FIELDS or key in _STRUCTURE:
        hint = "write it beside `defaults`" if key == "silence" else "write it into the entries"
        return f"`{key}` cannot be a default", hint
    return f"{shown(key)} is not known here", _right_word(key, known, Operation.IMAGINE)


def _right_word(key: str, first: frozenset[str], operation: Operation) -> str | None:
    if hint := operation_hint(key):
        return hint
    if hint := _below_hint(SYNONYMS.get(key, key), operation):
        return hint
    if key in SYNONYMS:
        return f"write `{SYNONYMS[key]}`"
    words = sorted(first | _STRUCTURE)
    return did_you_mean(key, words) or did_you_mean(key, sorted(_ALL_FIELDS | _STRUCTURE))


def _below_hint(key: str, operation: Operation) -> str | None:
    """Return where a field stands that belongs below an operation's own key."""
    if key in _BELOW.get((operation.value,), ()):
        return f"write `{operation.value}: {{{key}: …}}`"
    return None


def _nested_hint(path: KeyPath) -> str | None:
    key, known = str(path[-1]), _known_below(path)
    return f"write `{SYNONYMS[key]}`" if SYNONYMS.get(key) in known else did_you_mean(key, known)


def _known_below(path: KeyPath) -> list[str]:
    known = _BELOW.get(tuple(step for step in path[:-1] if isinstance(step, str)))
    if known is not None:
        return sorted(known)
    has_weight = str(path[0]).endswith("_refs")
    return [*_OF_PICTURES, "weight"] if has_weight else list(_OF_PICTURES)


def _listed(words: Iterable[str]) -> str:
    *others, last = [f"`{word}`" for word in words]
    return f"{', '.join(others)} or {last}"
