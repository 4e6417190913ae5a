"""One entry's own fields → the request it asks for. Pure: no tree, no files, no other entries."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from reconciler.ids import CandidateNumber
from reconciler.spec import explain, matrix, unknown
from reconciler.spec.expanded import SINGLE
from reconciler.spec.making import prompt_findings, request_of, written
from reconciler.spec.models import (
    MODELS,
    AnyEntry,
    VideoEntry,
    fields_of,
)
from reconciler.spec.problems import Finding
from reconciler.spec.request import Operation, Request
from reconciler.spec.settings import Defaults
from reconciler.spec.unknown import OPERATION_WORDS

__all__ = ["OPERATION_WORDS", "ROOTS", "Entry", "read_defaults", "read_entry"]

ROOTS: Final = frozenset(
    {Operation.IMAGINE, Operation.EDIT, Operation.BLEND, Operation.DESCRIBE, Operation.VIDEO}
)
"""Operations that can do without a parent."""


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
    silenced: tuple[str, ...] = ()


def read_defaults(
    raw: Mapping[str, Any], model: type[Defaults] = Defaults
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the canonical values of a `defaults:` mapping; wrong ones are left out."""
    found = [*explain.nulls(dict(raw)), *matrix.stray(raw, {})]
    refused = {one.path[0] for one in found}
    given = {key: value for key, value in raw.items() if key not in refused}
    try:
        return written(model.model_validate(given)), found
    except ValidationError as error:
        known = fields_of(model)
        later = explain.findings(error, given, lambda path: unknown.in_defaults(path, known))
    wrong = {one.path[0] for one in later}
    usable = {key: value for key, value in given.items() if key not in wrong}
    return written(model.model_validate(usable)), found + later


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
    whole = (operation.value,) if raw.get(operation.value) is not None else None
    refused = skip | {one.path[0] for one in found if one.path and one.path != whole}
    given = {key: explain.without_nulls(raw[key]) for key in raw if key not in refused}
    try:
        model = MODELS[operation].model_validate(given)
    except ValidationError as error:
        later = explain.findings(error, given, partial(unknown.in_entry, operation=operation))
        found += [one for one in later if not _is_follow_on(one, refused)]
        return None, found + prompt_findings(given.get("prompt"), operation)
    request, problems = request_of(model, operation, defaults)
    found += problems
    found += _beyond(model, operation)
    if found:
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
        silenced=tuple(model.silence),
    )


def _is_follow_on(finding: Finding, refused: Collection[str | int]) -> bool:
    """Whether this only says that a key is missing which was refused for another reason."""
    return finding.path == () and any(
        finding.message == explain.missing(str(key)) for key in refused
    )


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
        return (None, [unknown.no_operation(raw)]) if has_parent else (Operation.IMAGINE, [])
    if not has_parent and Operation(words[0]) not in ROOTS:
        message = f"there is nothing to `{words[0]}`: this entry has no parent"
        hint = "put it under `variants:` of a picture, or name the picture with `from:`"
        return None, [Finding((words[0],), message, hint, on_key=True)]
    return Operation(words[0]), []


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
    yield from _origin(raw, operation, has_parent=is_nested or "from" in raw)


def _origin(raw: Mapping[str, Any], operation: Operation, *, has_parent: bool) -> Iterator[Finding]:
    """Yield why an entry that may stand alone has two pictures to start from, or none."""
    content = raw.get(operation.value)
    match operation:
        case Operation.BLEND if has_parent:
            message = "`blend` starts from its own pictures: it has no parent"
            hint = "make it a root entry; a picture of ours can be named by its file"
            key = "from" if "from" in raw else "blend"
            yield Finding((key,), message, hint, on_key=True)
        case Operation.DESCRIBE if has_parent and isinstance(content, str | dict):
            message = "the parent's picture is described, so this can only be `true`"
            yield Finding(("describe",), message, "write `describe: true`")
        case Operation.DESCRIBE if not has_parent and content is True:
            hint = "name the picture with `describe: refs/….png`, or a parent with `from:`"
            yield Finding(("describe",), "there is nothing to describe", hint, on_key=True)
        case Operation.EDIT | Operation.VIDEO if isinstance(content, dict):
            has_source = "source" in content
            yield from _source_findings(operation, has_source, has_parent=has_parent)
            if operation is Operation.VIDEO and not has_parent and "prompt" not in raw:
                hint = "only a video with a parent can do without words"
                yield Finding((), "`prompt` is missing", hint, on_key=True)


def _source_findings(
    operation: Operation, has_source: bool, *, has_parent: bool
) -> Iterator[Finding]:
    word, is_video = operation.value, operation is Operation.VIDEO
    if has_parent and has_source:
        what = "the video begins with the parent's picture" if is_video else _EDITED
        yield Finding((word, "source"), f"{what}, so there can be no `source`", "remove it", True)
    if not has_parent and not has_source:
        message = "there is no picture to begin with" if is_video else "there is nothing to edit"
        hint = f"name the picture with `{word}: {{source: …}}`, or a parent with `from:`"
        yield Finding((word,), message, hint, on_key=True)


_EDITED: Final = "the parent's picture is edited"


def _beyond(model: AnyEntry, operation: Operation) -> Iterator[Finding]:
    """Yield what is wrong with a pick that the task cannot give."""
    pick = model.pick or 1
    if operation in SINGLE and pick > 1:
        what = _RESULTS.get(operation, f"an {operation.value} gives one picture")
        yield Finding(("pick",), f"`pick` can only be 1: {what}", "remove it")
    if isinstance(model, VideoEntry) and pick > model.video.batch:
        message = f"`pick` is {pick}, but `batch` is {model.video.batch}"
        yield Finding(("pick",), message, "clips are counted from 1")


_RESULTS: Final = MappingProxyType(
    {
        Operation.SINGLE: "`single` gives one picture",
        Operation.DESCRIBE: "a description is one text",
    }
)
