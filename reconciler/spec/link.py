"""What only all files together can tell: duplicates, unknown parents, cycles, the order. Pure.

Runs on every load, also on files that come from the cache, so it looks at cheap values only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice

from reconciler.ids import Address
from reconciler.spec.expanded import BARREN, FOLLOWS_PARENT, SINGLE, Expanded
from reconciler.spec.problems import Problem
from reconciler.spec.request import Operation
from reconciler.spec.resource import Parent, Resource
from reconciler.spec.values import shown
from reconciler.spec.words import did_you_mean, nearest

_SUGGESTIONS = 20
"""For how many unknown parents the nearest address is looked up; it takes long among many."""

_COMPARED = 2000
"""With how many addresses one unknown parent is compared."""


@dataclass(frozen=True, slots=True)
class Linked:
    """All resources, parents before children, otherwise by file name and place in the file."""

    resources: dict[Address, Resource]
    problems: tuple[Problem, ...]


def link(files: Mapping[str, Expanded], *, is_complete: bool) -> Linked:
    """Join the files, given in the order of their names.

    With `is_complete` False there are files that could not be read at all; a parent that is not
    known may stand in one of them, so nothing is said about it.
    """
    wanted: dict[Address, Resource] = {}
    for resource in chain.from_iterable(one.resources for one in files.values()):
        wanted.setdefault(resource.address, resource)
    ordered = _ordered(wanted)
    problems = [*_duplicates(files), *_bad_parents(ordered), *_elsewhere(ordered)]
    if len(ordered) < len(wanted):
        problems += _loops(wanted, ordered)
        problems += _unknown(files, wanted, ordered) if is_complete else []
    return Linked(ordered, tuple(problems))


def _ordered(wanted: Mapping[Address, Resource]) -> dict[Address, Resource]:
    """Return what has all its parents, in order; what hangs on a loop or on nothing is left out."""
    ordered: dict[Address, Resource] = {}
    for resource in wanted.values():
        if resource.address in ordered:
            continue
        for one in reversed(_lineage(resource, wanted, ordered)):
            if one.parent is not None and one.parent.address not in ordered:
                break
            ordered[one.address] = _with_provider(one, ordered)
    return ordered


def _lineage(
    resource: Resource, wanted: Mapping[Address, Resource], ordered: Mapping[Address, Resource]
) -> list[Resource]:
    """Return the resource and its ancestors, up to the first that is in order already."""
    line = [resource]
    if resource.parent is None or resource.parent.address in ordered:
        return line
    seen = {resource.address}
    while (
        (parent := line[-1].parent) and parent.address not in ordered and parent.address in wanted
    ):
        if parent.address in seen:
            break
        seen.add(parent.address)
        line.append(wanted[parent.address])
    return line


def _with_provider(resource: Resource, ordered: Mapping[Address, Resource]) -> Resource:
    """A follow-up is bought where its parent was bought; one that says otherwise is a problem."""
    if resource.provider != FOLLOWS_PARENT or resource.parent is None:
        return resource
    return replace(resource, provider=ordered[resource.parent.address].provider)


def _duplicates(files: Mapping[str, Expanded]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for file, expanded in files.items():
        for name in expanded.roots:
            if name in first:
                message = f"`{name}` is the name of another image too"
                related = (("first defined here", first[name], ("images", name)),)
                hint = "addresses are shared by all files: rename one of the two"
                yield Problem(file, ("images", name), message, hint, True, related)
            else:
                first[name] = file


def _bad_parents(ordered: Mapping[Address, Resource]) -> Iterator[Problem]:
    """Yield what cannot be derived from its parent, whatever a provider says."""
    for resource in ordered.values():
        parent = resource.parent
        if parent is None:
            continue
        operation = ordered[parent.address].operation
        if operation in BARREN:
            yield _barren(resource, parent, operation)
        elif operation in SINGLE and (parent.candidate or 1) > 1:
            message = (
                f"`of` can only be 1: {shown(parent.address)} is made by"
                f" `{operation.value}`, which gives one picture"
            )
            yield Problem(resource.file, (*resource.path, "of"), message, "remove it")


def _barren(resource: Resource, parent: Parent, operation: Operation) -> Problem:
    is_text = operation is Operation.DESCRIBE
    result = "a description is a text" if is_text else "a video is no picture"
    message = f"nothing can be derived from {shown(parent.address)}: {result}"
    hint = f"derive from the picture that {'is described' if is_text else 'it begins with'}"
    if resource.operation is Operation.REROLL:
        hint = f"raise `take` of {shown(parent.address)} to ask once more"
    return Problem(resource.file, resource.path, message, hint, on_key=True)


def _elsewhere(ordered: Mapping[Address, Resource]) -> Iterator[Problem]:
    """Yield follow-ups that name another provider than their parent's: only there its task is."""
    for resource in ordered.values():
        parent = ordered[resource.parent.address] if resource.parent else None
        if parent is None or resource.provider == parent.provider:
            continue
        message = (
            f"this is bought where its parent is, at {shown(parent.provider)},"
            f" not at {shown(resource.provider)}"
        )
        yield Problem(resource.file, (*resource.path, "provider"), message, "remove it")


def _loops(
    wanted: Mapping[Address, Resource], ordered: Mapping[Address, Resource]
) -> Iterator[Problem]:
    """Yield one problem for each loop, at the first `from` in it."""
    done: set[Address] = set(ordered)
    for start in wanted.values():
        line: dict[Address, Resource] = {}
        one: Resource | None = start
        while one is not None and one.address not in done and one.address not in line:
            line[one.address] = one
            one = wanted.get(one.parent.address) if one.parent else None
        if one is not None and one.address in line:
            addresses = list(line)
            yield _loop([line[at] for at in addresses[addresses.index(one.address) :]])
        done.update(line)


def _loop(members: list[Resource]) -> Problem:
    start = next(position for position, one in enumerate(members) if _is_root(one))
    turned = members[start:] + members[:start]
    names = " → ".join(f"`{one.address}`" for one in [*turned, turned[0]])
    message = f"this derives from itself: {names}"
    return Problem(turned[0].file, (*turned[0].path, "from"), message, "break the loop")


def _unknown(
    files: Mapping[str, Expanded],
    wanted: Mapping[Address, Resource],
    ordered: Mapping[Address, Resource],
) -> Iterator[Problem]:
    """Yield one problem for each `from` that names nothing; broken entries are not nothing."""
    broken = {
        problem.path[1]
        for expanded in files.values()
        for problem in expanded.problems
        if len(problem.path) > 1 and problem.path[0] == "images"
    }
    orphans = (
        (one, one.parent)
        for one in wanted.values()
        if one.address not in ordered and one.parent and one.parent.address not in wanted
    )
    lost = [(one, parent) for one, parent in orphans if _root(parent.address) not in broken]
    for resource, parent in islice(lost, _SUGGESTIONS):
        yield _orphan(resource, parent, _suggestion(parent.address, wanted))
    for resource, parent in islice(lost, _SUGGESTIONS, None):
        yield _orphan(resource, parent, None)


def _suggestion(address: str, wanted: Mapping[Address, Resource]) -> str | None:
    """Return the hint that names the nearest address; looks at a part of them if they are many."""
    root = _root(address)
    below = [one for one in wanted if _root(one) == root]
    if below:
        return did_you_mean(address, below[:_COMPARED])
    roots = dict.fromkeys(_root(one) for one in wanted if one[0] == root[:1])
    near = nearest(root, islice(roots, _COMPARED))
    if near is None:
        return None
    moved = near + address[len(root) :]
    return f"did you mean `{moved if moved in wanted else near}`?"


def _orphan(resource: Resource, parent: Parent, hint: str | None) -> Problem:
    message = f"there is no image or variant {shown(parent.address)}"
    return Problem(resource.file, (*resource.path, "from"), message, hint)


def _root(address: str) -> str:
    return address.split(".", 1)[0].split("[", 1)[0]


def _is_root(resource: Resource) -> bool:
    return resource.path[:-1] == ("images",)
