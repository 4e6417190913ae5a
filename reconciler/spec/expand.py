"""A document's value → the resources it describes, and everything that is wrong with it. Pure.

Works on one file alone; what depends on other files (parents named with `from`, duplicates, cycles)
is link.py's work, on the cheap values that come out here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reconciler.ids import NAME, Address, ProviderName
from reconciler.spec import matrix
from reconciler.spec.entries import Entry, read_defaults, read_entry
from reconciler.spec.expanded import FOLLOWS_PARENT, Context, Expanded
from reconciler.spec.problems import Finding, Problem
from reconciler.spec.request import Request, canonical, references
from reconciler.spec.resource import KeyPath, LocalFile, Parent, Resource
from reconciler.spec.settings import FileDefaults
from reconciler.spec.values import Scalar, is_url, shown
from reconciler.spec.words import did_you_mean

MAX_RESOURCES: Final = 200_000
"""How many resources one file may describe: a guard against nested matrices."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an entry hangs: its address without a matrix cell, its path, what it inherits."""

    address: str
    path: KeyPath
    parent: Address | None = None
    provider: ProviderName = FOLLOWS_PARENT
    scope: Mapping[str, Scalar] = field(default_factory=dict)


def expand(file: str, document: object, context: Context) -> Expanded:
    """Return the resources of one file, parents before children, otherwise in its order."""
    if document is None:
        return Expanded(())
    return _Expander(file, context).document(document)


class _TooManyError(Exception):
    """The file describes more than MAX_RESOURCES."""


class _Expander:
    def __init__(self, file: str, context: Context) -> None:
        self._file = file
        self._context = context
        self._defaults = dict(context.defaults)
        self._silenced = set(context.silenced)
        self._resources: list[Resource] = []
        self._problems: dict[tuple[KeyPath, str], Problem] = {}

    def document(self, document: object) -> Expanded:
        if not isinstance(document, dict):
            message = f"a spec file must be a mapping, not {shown(document)}"
            self._report((), [Finding((), message, "begin it with `images:`")])
            return Expanded((), (), tuple(self._problems.values()))
        for key in document.keys() - {"defaults", "images"}:
            self._report((), [Finding((key,), *_unknown_section(key, document[key]), on_key=True)])
        self._read_defaults(document.get("defaults"))
        images = document.get("images")
        if images is not None and not isinstance(images, dict):
            message = f"`images` must be a mapping from names to images, not {shown(images)}"
            self._report(("images",), [Finding((), message)])
        roots = images if isinstance(images, dict) else {}
        self._images(roots)
        problems = tuple(self._problems.values())
        return Expanded(tuple(self._resources), tuple(roots), problems)

    def _images(self, roots: Mapping[str, Any]) -> None:
        try:
            for name, raw in roots.items():
                self._entry(_Place(name, ("images", name)), raw)
        except _TooManyError:
            message = f"this file describes more than {MAX_RESOURCES} pictures"
            self._report(("images",), [Finding((), message, on_key=True)])

    def _read_defaults(self, raw: object) -> None:
        if raw is None:
            return
        if not isinstance(raw, dict):
            message = f"`defaults` must be a mapping, not {shown(raw)}"
            self._report(("defaults",), [Finding((), message)])
            return
        values, found = read_defaults(raw, FileDefaults)
        if "provider" in values:
            found += self._provider_findings(values["provider"])
        self._report(("defaults",), found)
        self._silenced |= set(values.pop("silence", ()))
        self._defaults |= values

    def _entry(self, place: _Place, raw: object) -> None:
        """Expand one entry of the tree, with everything below it."""
        if not self._is_usable(place, raw):
            return
        assert isinstance(raw, dict)  # noqa: S101 - `_is_usable` looked
        own = {key: raw[key] for key in raw if key not in ("matrix", "variants")}
        if "matrix" not in raw:
            self._one(place, own, raw.get("variants"))
            return
        for cell in self._cells(place, raw["matrix"], own):
            address = place.address + matrix.label(cell)
            scope = {**place.scope, **cell}
            self._one(replace(place, address=address, scope=scope), own, raw.get("variants"))

    def _cells(self, place: _Place, table: object, own: Mapping[str, Any]) -> list[matrix.Cell]:
        """Return the combinations of a matrix; none when something is wrong with it."""
        found = list(matrix.stray(table, place.scope))
        cells, more = matrix.cells(matrix.substitute(table, place.scope), place.scope)
        used = matrix.names_used(own)
        found += [*more, *(_unused(key) for key in (cells[0] if cells else ()) if key not in used)]
        self._report((*place.path, "matrix"), found)
        return [] if found else cells

    def _is_usable(self, place: _Place, raw: object) -> bool:
        name = str(place.path[-1])
        if not NAME.fullmatch(name):
            message = f"{shown(name)} is no name: use letters, digits, `_` and `-`"
            self._report(place.path, [Finding((), message, _tidy_name(name), on_key=True)])
            return False
        if not isinstance(raw, dict):
            message = f"`{name}` must be a mapping of fields, not {shown(raw)}"
            message = f"`{name}` has no fields" if raw is None else message
            self._report(place.path, [Finding((), message, on_key=raw is None)])
            return False
        return True

    def _one(self, place: _Place, own: Mapping[str, Any], variants: object) -> None:
        """Expand one entry without matrix, or one cell of it."""
        provider = self._resource(place, own)
        if variants is None:
            return
        if not isinstance(variants, dict):
            message = f"`variants` must be a mapping from names to variants, not {shown(variants)}"
            self._report((*place.path, "variants"), [Finding((), message)])
            return
        for name, raw in variants.items():
            address = f"{place.address}.{name}"
            path = (*place.path, "variants", name)
            parent = Address(place.address)
            self._entry(_Place(address, path, parent, provider, place.scope), raw)

    def _resource(self, place: _Place, own: Mapping[str, Any]) -> ProviderName:
        """Add the resource of one entry. Return the provider that its variants inherit."""
        stray = list(matrix.stray(own, place.scope))
        entry, found = read_entry(
            matrix.substitute(own, place.scope),
            is_nested=place.parent is not None,
            defaults=self._defaults,
            skip=frozenset(str(one.path[0]) for one in stray),
        )
        found += stray
        if entry is not None and entry.provider is not None:
            found += self._provider_findings(entry.provider)
        self._report(place.path, found)
        if entry is None or found:
            return place.provider
        if len(self._resources) >= MAX_RESOURCES:
            raise _TooManyError
        provider = self._provider(place, entry)
        self._resources.append(self._made(place, entry, provider))
        return provider

    def _made(self, place: _Place, entry: Entry, provider: ProviderName) -> Resource:
        source = place.parent or entry.source_address
        text = canonical(entry.request)
        return Resource(
            address=Address(place.address),
            provider=provider,
            operation=entry.operation,
            canonical=text,
            parent=None if source is None else Parent(Address(source), entry.of),
            pick=entry.pick,
            take=entry.take,
            file=self._file,
            path=place.path,
            files=_local_files(entry.request, text),
            silenced=tuple(sorted(self._silenced.union(entry.silenced))),
        )

    def _provider(self, place: _Place, entry: Entry) -> ProviderName:
        if entry.provider is not None:
            return ProviderName(entry.provider)
        if place.parent is not None or entry.source_address is not None:
            return place.provider
        return self._defaults.get("provider") or self._context.default_provider

    def _provider_findings(self, name: str) -> list[Finding]:
        if name in self._context.providers:
            return []
        return [unknown_provider(("provider",), name, self._context.providers)]

    def _report(self, path: KeyPath, found: Iterable[Finding]) -> None:
        """Keep the findings; the cells of a matrix repeat each other."""
        for one in found:
            problem = one.at(self._file, path)
            self._problems.setdefault((problem.path, problem.message), problem)


def _local_files(request: Request, text: str) -> tuple[LocalFile, ...]:
    """Return the files that a request refers to; most refer to none, as its text tells faster."""
    if '"location":' not in text:
        return ()
    paths = (one.location for one in references(request) if not is_url(one.location))
    return tuple(LocalFile(path) for path in dict.fromkeys(paths))


def unknown_provider(path: KeyPath, name: str, known: Iterable[str]) -> Finding:
    """Return the finding for a provider that reconciler.yaml does not have."""
    known = sorted(known)
    listed = ", ".join(f"`{one}`" for one in known)
    hint = did_you_mean(name, known) or f"known in reconciler.yaml: {listed}"
    return Finding(path, f"there is no provider {shown(name)}", hint)


def _unknown_section(key: str, value: object) -> tuple[str, str | None]:
    hint = did_you_mean(key, ["defaults", "images"])
    if hint is None and isinstance(value, dict):
        hint = "images stand under `images:`"
    return f"{shown(key)} is not known here", hint


def _unused(key: str) -> Finding:
    message = f"`${{{key}}}` is never used: the same picture would be bought several times"
    hint = f"use `${{{key}}}` in a field of this entry, or remove the key; `take` buys once more"
    return Finding((key,), message, hint, on_key=True)


def _tidy_name(name: str) -> str | None:
    tidy = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")
    return f"write `{tidy}`" if NAME.fullmatch(tidy) else None
