"""What `reconcile validate` finds: all that is wrong, all that could be better. Offline."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from reconciler.advice.advise import advise
from reconciler.advice.given import Advice, FileSize, Surroundings
from reconciler.assets.pictures import measure
from reconciler.errors import AssetError, ConfigError
from reconciler.ids import Address
from reconciler.money import MicroUsd
from reconciler.plan.pricing import lineage
from reconciler.project import Project
from reconciler.providers.check import ancestors
from reconciler.spec.diagnostics import (
    ConfigProblemsError,
    Diagnostic,
    Problem,
    SpecProblemsError,
    locate,
)
from reconciler.spec.paths import node_at
from reconciler.spec.resource import Resource
from reconciler.spec.whence import place_in
from reconciler.spec.yaml import parse

_FLAG = re.compile(r"(?<!-)--[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Inspection:
    """The specs, judged. `error` is what every other command raises; then nothing is counted.

    Advice carries its rule (Diagnostic.rule) and never stands in anybody's way.
    """

    resources: int
    files: int
    advice: tuple[Diagnostic, ...] = ()
    error: SpecProblemsError | ConfigProblemsError | None = None

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """Return what is wrong; without any, everything can be planned."""
        return self.error.diagnostics if self.error else ()


def inspect(open_project: Callable[[], Project]) -> Inspection:
    """Return what is wrong and what could be better. Raises what has no line in any file.

    Where something is wrong, advice is given on what could be understood all the same.
    """
    try:
        project = open_project()
    except ConfigProblemsError as error:
        return Inspection(0, 0, error=error)
    try:
        specs = project.load()
    except SpecProblemsError as error:
        return Inspection(0, 0, tuple(advice(project, error.understood)), error)
    found = advice(project, specs.resources.values())
    return Inspection(len(specs.resources), len(specs.files), tuple(found))


def advice(project: Project, resources: Iterable[Resource]) -> list[Diagnostic]:
    """Return all advice on these resources, located and in the order of files and lines."""
    wanted = {one.address: one for one in resources}
    files = _Files(project.read)
    surroundings = Surroundings(
        _sizes(project, wanted.values()), files.written, lambda one: _price(project, wanted, one)
    )
    found = advise(wanted.values(), surroundings)
    return locate((_problem(project, files, *one) for one in found), files.text)


def _problem(project: Project, files: "_Files", resource: Resource, given: Advice) -> Problem:
    place = place_in(files.document(resource.file), project.config, resource, given.field)
    return Problem(
        place.file,
        place.path,
        given.message,
        given.hint,
        place.on_key,
        fragment=given.fragment,
        rule=given.rule,
    )


class _Files:
    """The spec files, each read and parsed at most once, and parsed only where that may matter."""

    def __init__(self, read: Callable[[str], str]) -> None:
        self.text = cache(read)
        self.document = cache(self._parsed)
        self._has_flags = cache(lambda file: bool(_FLAG.search(self.text(file))))

    def _parsed(self, file: str) -> Any:
        return parse(file, self.text(file)).value

    def written(self, resource: Resource) -> str | None:
        """Return the prompt as it stands in the file, if anything there looks like a flag."""
        if not self._has_flags(resource.file):
            return None
        prompt = node_at(self.document(resource.file), (*resource.path, "prompt"))
        return prompt if isinstance(prompt, str) else None


def _sizes(project: Project, resources: Iterable[Resource]) -> Mapping[str, FileSize]:
    paths = {one.path for resource in resources for one in resource.files}
    return dict(_measured(project, paths))


def _measured(project: Project, paths: Iterable[str]) -> Iterator[tuple[str, FileSize]]:
    """Yield what can be measured; what is no picture is for others to complain about."""
    for path in sorted(paths):
        file = project.root / path
        try:
            found, byte_count = measure(file), file.stat().st_size
        except (AssetError, OSError):
            continue
        if found.width is not None and found.height is not None:
            yield path, FileSize(found.width, found.height, byte_count)


def _price(
    project: Project, resources: Mapping[Address, Resource], one: Resource
) -> MicroUsd | None:
    """Return what one task costs at its root image's provider."""
    root = [one, *ancestors(one, resources)][-1]
    try:
        seller = project.sellers().get(root.provider)
    except ConfigError:  # a price key that nobody knows: apply and plan say so
        return None
    return seller.price(one.request, lineage(one, resources)) if seller else None
