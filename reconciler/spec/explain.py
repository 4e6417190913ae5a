"""Pydantic's errors in our words, at the paths of the YAML. Pydantic's own texts never show."""

from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from reconciler.spec.masking import is_secret_name, looks_secret
from reconciler.spec.paths import existing
from reconciler.spec.problems import Finding
from reconciler.spec.resource import KeyPath
from reconciler.spec.values import shown, unquoted

UnknownKey = Callable[[KeyPath], tuple[str, str | None]]
"""Given the path of a key that is not known: message and hint."""

_EXPECTED: Final = MappingProxyType(
    {
        "bool_type": "must be `true` or `false`",
        "string_type": "must be text",
        "list_type": "must be a list",
        "tuple_type": "must be a list",
        "dict_type": "must be a mapping",
        "model_type": "must be a mapping",
        "model_attributes_type": "must be a mapping",
        "literal_error": "can only be `true`",
        "string_too_short": "must not be empty",
        "too_short": "must not be empty",
    }
)

_EMPTY: Final[MappingProxyType[KeyPath, str]] = MappingProxyType(
    {
        ("edit",): "write `edit: {}`",
        ("video",): "write `video: {}`",
    }
)
_FORMS: Final[MappingProxyType[KeyPath, str]] = MappingProxyType(
    {("inpaint",): "write `inpaint: {mask: …}`"}
)
"""How a key is written whose value cannot be left out, nor be a single word."""


def findings(error: ValidationError, raw: object, unknown_key: UnknownKey) -> list[Finding]:
    """Return what is wrong with `raw`, in the order of pydantic's report."""
    details = error.errors(include_url=False, include_context=True)
    return [_finding(one, raw, unknown_key) for one in _together(details)]


def _together(details: Iterable[Any]) -> list[Any]:
    """Return the details with all keys that one mapping lacks as one; an entry's stay apart."""
    kept: list[Any] = []
    owners: dict[KeyPath, Any] = {}
    for one in details:
        *steps, absent = one["loc"]
        if one["type"] == "missing" and steps:
            owner = owners.setdefault(tuple(steps), {**one, "absent": []})
            owner["absent"].append(str(absent))
            if len(owner["absent"]) > 1:
                continue
            one = owner  # noqa: PLW2901 - it gathers what follows
        kept.append(one)
    return kept


def nulls(value: object, path: KeyPath = ()) -> Iterator[Finding]:
    """Yield one finding for each key or item without a value."""
    if value is None:
        name = name_of(path)
        hint = (_EMPTY | _FORMS).get(path, "remove the key or give it a value")
        yield Finding(path, f"{name} has no value", hint, on_key=isinstance(path[-1], str))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from nulls(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from nulls(item, (*path, position))


def without_nulls(value: Any) -> Any:
    """Return a mapping or list without the values that `nulls` complains about."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item is not None]
    return value


def name_of(path: KeyPath) -> str:
    """Return how a message names a node: `stylize`, `image_refs[2]`, `edit.mask`."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}"
    name = " ".join(text.removeprefix(".").split())
    return f"`{name}`"


def missing(key: str) -> str:
    """Return what is said about a key that an entry must have."""
    return f"`{key}` is missing"


def _lacks(owner: KeyPath, absent: Iterable[str]) -> str:
    *others, last = [f"`{key}`" for key in absent]
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"{name_of(owner)} needs {listed}"


def _finding(detail: Any, raw: object, unknown_key: UnknownKey) -> Finding:
    path = existing(raw, detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            message, hint = unknown_key(path)
            return Finding(path, message, hint, on_key=True)
        case "missing":
            *steps, absent = detail["loc"]
            owner = tuple(steps)
            message = _lacks(owner, detail["absent"]) if owner else missing(str(absent))
            return Finding(owner, message, _FORMS.get(owner), on_key=True)
        case "ours":
            context = detail["ctx"]
            message = f"{name_of(path)} {context['message']}"
            return Finding(path, message, context["hint"], isinstance(detail["input"], dict))
    value = detail["input"]
    message = f"{name_of(path)} {_expected(detail)}{_but_got(path, value)}"
    return Finding(path, message, _FORMS.get(path) or _type_hint(detail["type"], value))


def _expected(detail: Any) -> str:
    kind, limits = detail["type"], detail.get("ctx", {})
    if kind.startswith(("int_", "finite_")):
        return "must be a whole number"
    if kind.startswith("float_"):
        return "must be a number"
    if kind.startswith(("greater_than", "less_than")):
        return _limit(limits)
    return _EXPECTED.get(kind, "cannot be used")


def _limit(limits: dict[str, Any]) -> str:
    if "ge" in limits:
        return f"must be at least {limits['ge']}"
    if "le" in limits:
        return f"must be at most {limits['le']}"
    return f"must be greater than {limits['gt']}"


def _but_got(path: KeyPath, value: object) -> str:
    """Return `, not …`, but never something that may be a secret; emptiness speaks for itself."""
    if value in ("", [], {}):
        return ""
    if any(map(is_secret_name, path)) or looks_secret(str(value)):
        return ""
    return f", not {shown(value)}"


def _hint(value: object) -> str | None:
    if value in ("True", "TRUE", "yes", "on", "Yes", "On"):
        return "write `true`"
    if value in ("False", "FALSE", "no", "off", "No", "Off"):
        return "write `false`"
    return unquoted(value)


def _type_hint(kind: str, value: object) -> str | None:
    if kind in ("list_type", "tuple_type") and isinstance(value, str):
        return "put it in brackets: `[…]`"
    return _hint(value)
