"""One entry's own fields → the request it asks for. Pure: no tree, no files, no other entries."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from reconciler.ids import CandidateNumber
from reconciler.spec import explain, flags, matrix
from reconciler.spec.expanded import SINGLE
from reconciler.spec.models import (
    MODELS,
    AnyEntry,
    Defaults,
    EditEntry,
    EnhanceEntry,
    ImagineEntry,
    RerollEntry,
    UpscaleEntry,
    VaryEntry,
    fields_of,
)
from reconciler.spec.problems import Finding
from reconciler.spec.request import (
    Edit,
    Enhance,
    Imagine,
    Operation,
    Request,
    Reroll,
    Upscale,
    Vary,
)
from reconciler.spec.resource import KeyPath
from reconciler.spec.values import folded, shown
from reconciler.spec.words import OPERATION_SYNONYMS, SYNONYMS, did_you_mean, nearest

OPERATION_WORDS: Final = ("vary", "upscale", "reroll", "enhance", "edit")
"""Keys that say what an entry does; without one it is imagined."""

_IMAGINE_FIELDS: Final = frozenset(Imagine.__dataclass_fields__) - {"prompt"}
_CHOICES: Final = "`vary`, `upscale`, `reroll`, `enhance` or `edit`"
_STRUCTURE: Final = frozenset({"variants", "matrix"})
_FIELDS: Final = MappingProxyType(
    {operation: fields_of(model) for operation, model in MODELS.items()}
)
_ALL_FIELDS: Final = frozenset[str]().union(*_FIELDS.values())


@dataclass(frozen=True, slots=True)
class Entry:
    """What an entry's fields say. `provider` None: the parent's, or the default one."""

    operation: Operation
    request: Request
    provider: str | None
    pick: CandidateNumber | None
    take: int
    source_address: str | None
    of: CandidateNumber | None


def read_defaults(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """Return the canonical values of a `defaults:` mapping; wrong ones are left out."""
    found = [*explain.nulls(dict(raw)), *matrix.stray(raw, {})]
    refused = {one.path[0] for one in found}
    given = {key: value for key, value in raw.items() if key not in refused}
    try:
        return _given(Defaults.model_validate(given)), found
    except ValidationError as error:
        later = explain.findings(error, given, _unknown_default)
    wrong = {one.path[0] for one in later}
    usable = {key: value for key, value in given.items() if key not in wrong}
    return _given(Defaults.model_validate(usable)), found + later


def read_entry(
    raw: Mapping[str, Any],
    *,
    is_nested: bool,
    defaults: Mapping[str, Any],
    skip: frozenset[str] = frozenset(),
) -> tuple[Entry | None, list[Finding]]:
    """Return what an entry asks for, or None and everything that is wrong with it.

    `raw` has no `variants` and no `matrix`, and its placeholders are replaced; `skip` are fields
    whose value is known to be wrong already.
    """
    operation, found = _operation(raw, is_nested=is_nested)
    if operation is None:
        return None, found
    found += _misplaced(raw, operation, is_nested=is_nested)
    found += explain.nulls(dict(raw))
    refused = skip | {one.path[0] for one in found if one.path != ("edit",) or raw["edit"] is None}
    given = {key: explain.without_nulls(raw[key]) for key in raw if key not in refused}
    try:
        model = MODELS[operation].model_validate(given)
    except ValidationError as error:
        later = explain.findings(error, given, lambda path: _unknown(path, operation))
        found += [one for one in later if not _is_follow_on(one, refused)]
        return None, found + _prompt_findings(given.get("prompt"), operation)
    request, problems = _request(model, defaults)
    found += problems
    found += _beyond(model, operation)
    if found or request is None:
        return None, found
    return _entry(model, operation, request), []


def _entry(model: AnyEntry, operation: Operation, request: Request) -> Entry:
    pick, of = model.pick, getattr(model, "of", None)
    return Entry(
        operation=operation,
        request=request,
        provider=model.provider,
        pick=None if pick is None else CandidateNumber(pick),
        take=model.take,
        source_address=getattr(model, "source_address", None),
        of=None if of is None else CandidateNumber(of),
    )


def _is_follow_on(finding: Finding, refused: Collection[str | int]) -> bool:
    """Whether this only says that a key is missing which was refused for another reason."""
    return finding.path == () and any(
        finding.message == explain.missing(str(key)) for key in refused
    )


def _prompt_findings(prompt: object, operation: Operation) -> list[Finding]:
    """Return what is wrong with a prompt whose entry cannot be used for other reasons."""
    if not isinstance(prompt, str) or not (text := folded(prompt)):
        return []
    if operation is Operation.IMAGINE:
        return flags.lift(text).problems
    return _flags_refused(text, f"`{operation.value}`")


def _operation(
    raw: Mapping[str, Any], *, is_nested: bool
) -> tuple[Operation | None, list[Finding]]:
    words = [key for key in raw if key in OPERATION_WORDS]
    if len(words) > 1:
        listed = " and ".join(f"`{word}`" for word in words)
        hint = "give each its own entry; a variant can have `variants`"
        message = f"{listed} are separate operations: an entry has one"
        return None, [Finding((words[1],), message, hint, on_key=True)]
    has_parent = is_nested or "from" in raw
    if not words:
        return (None, [_no_operation(raw)]) if has_parent else (Operation.IMAGINE, [])
    if not has_parent and words[0] != "edit":
        message = f"there is nothing to `{words[0]}`: this entry has no parent"
        hint = "put it under `variants:` of a picture, or name the picture with `from:`"
        return None, [Finding((words[0],), message, hint, on_key=True)]
    return Operation(words[0]), []


def _no_operation(raw: Mapping[str, Any]) -> Finding:
    """Return what to say about an entry with a parent that does not say what to do with it."""
    for key in raw:
        near = nearest(key, OPERATION_WORDS)
        if near and key not in _ALL_FIELDS and key not in SYNONYMS:
            return Finding((key,), f"`{key}` is not known here", f"did you mean `{near}`?", True)
        if key in OPERATION_SYNONYMS:
            message, hint = _operation_key(key)
            return Finding((key,), message, hint, on_key=True)
    hint = f"add one of {_CHOICES}"
    return Finding((), "this entry does not say what to do with its parent", hint, on_key=True)


def _misplaced(
    raw: Mapping[str, Any], operation: Operation, *, is_nested: bool
) -> Iterator[Finding]:
    """Yield what is wrong with keys that speak of the parent."""
    if is_nested and "from" in raw:
        hint = "remove it, or make this a root entry"
        yield Finding(("from",), "the parent is the entry around this one", hint, on_key=True)
    if "of" in raw and operation is Operation.REROLL:
        message = "`of` has no meaning for a reroll: it repeats the parent's whole task"
        yield Finding(("of",), message, "remove it", on_key=True)
    elif "of" in raw and not is_nested and "from" not in raw:
        message = "`of` chooses a parent's candidate, and this entry has no parent"
        yield Finding(("of",), message, "remove it, or add `from:`", on_key=True)
    if operation is Operation.EDIT and isinstance(raw["edit"], dict):
        has_parent, has_source = is_nested or "from" in raw, "source" in raw["edit"]
        if has_parent and has_source:
            message = "the parent's picture is edited, so there can be no `source`"
            yield Finding(("edit", "source"), message, "remove it", on_key=True)
        if not has_parent and not has_source:
            hint = "name the picture with `edit: {source: …}`, or a parent with `from:`"
            yield Finding(("edit",), "there is nothing to edit", hint, on_key=True)


def _beyond(model: AnyEntry, operation: Operation) -> Iterator[Finding]:
    if operation in SINGLE and (model.pick or 1) > 1:
        message = f"`pick` can only be 1: an {operation.value} gives one picture"
        yield Finding(("pick",), message, "remove it")


def _given(model: Any) -> dict[str, Any]:
    """Return the values that were written, not those that the model fills in."""
    content = model.__dict__
    return {name: content[name] for name in model.model_fields_set}


def _request(model: AnyEntry, defaults: Mapping[str, Any]) -> tuple[Request | None, list[Finding]]:
    match model:
        case ImagineEntry():
            return _imagine(model, defaults)
        case EditEntry():
            return _edit(model, defaults), _flags_refused(model.prompt, "`edit`")
        case VaryEntry():
            return Vary(model.vary, model.prompt), _flags_refused(model.prompt, "`vary`")
        case UpscaleEntry():
            return Upscale(model.upscale), []
        case RerollEntry():
            return Reroll(), []
        case EnhanceEntry():
            return Enhance(), []


def _imagine(
    model: ImagineEntry, defaults: Mapping[str, Any]
) -> tuple[Imagine | None, list[Finding]]:
    given = {key: value for key, value in _given(model).items() if key in _IMAGINE_FIELDS}
    lifted = flags.lift(model.prompt)
    found = list(lifted.problems)
    for name, value in lifted.fields.items():
        if name in given and given[name] != value:
            message = (
                f"`{lifted.spelt[name]}` in the prompt contradicts {_field(name, given[name])}"
            )
            flag = lifted.spelt[name].partition(" ")[0]
            found.append(Finding(("prompt",), message, "keep one of the two", fragment=flag))
    if not lifted.text:
        found.append(Finding(("prompt",), "the prompt has flags but no words"))
    inherited = {key: value for key, value in defaults.items() if key in _IMAGINE_FIELDS}
    return Imagine(lifted.text, **(inherited | lifted.fields | given)), found


def _field(name: str, value: object) -> str:
    return f"`{name}`" if isinstance(value, tuple) else f"`{name}: {shown(value).strip('`')}`"


def _edit(model: EditEntry, defaults: Mapping[str, Any]) -> Edit:
    area = model.edit
    return Edit(
        prompt=model.prompt,
        source=area.source.reference() if area.source else None,
        mask=tuple(one.area() for one in area.mask),
        canvas=area.canvas.size() if area.canvas else None,
        position=area.position.placement() if area.position else None,
        version=model.version or defaults.get("version"),
        speed=model.speed or defaults.get("speed"),
    )


def _flags_refused(prompt: str | None, what: str) -> list[Finding]:
    word = flags.first_flag(prompt or "")
    if word is None:
        return []
    message = f"the prompt of {what} takes no flags: {shown(word)}"
    hint = "remove it; providers drop what follows `--`"
    return [Finding(("prompt",), message, hint, fragment=word)]


def _unknown(path: KeyPath, operation: Operation) -> tuple[str, str | None]:
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
        return _operation_key(key)
    return f"{shown(key)} is not known here", _right_word(key, _FIELDS[operation])


def _operation_key(key: str) -> tuple[str, str]:
    hint = f"the operation itself is the key: {_CHOICES}; without one it is imagined"
    return f"`{key}` is not known here", hint


def _right_word(key: str, first: frozenset[str]) -> str | None:
    if key in SYNONYMS:
        return f"write `{SYNONYMS[key]}`"
    words = sorted(first | _STRUCTURE)
    return did_you_mean(key, words) or did_you_mean(key, sorted(_ALL_FIELDS | _STRUCTURE))


def _nested_hint(path: KeyPath) -> str | None:
    key = str(path[-1])
    known = ["source", "mask", "canvas", "position", "width", "height", "points", "x", "y"]
    if "edit" not in path:
        known = ["url", "path", "weight"]
    return f"write `{SYNONYMS[key]}`" if SYNONYMS.get(key) in known else did_you_mean(key, known)


def _unknown_default(path: KeyPath) -> tuple[str, str | None]:
    key = str(path[-1])
    if len(path) > 1:
        return f"{explain.name_of(path)} is not known here", _nested_hint(path)
    if key in _ALL_FIELDS or key in _STRUCTURE:
        return f"`{key}` cannot be a default", "write it into the entries"
    return f"{shown(key)} is not known here", _right_word(key, fields_of(Defaults))
