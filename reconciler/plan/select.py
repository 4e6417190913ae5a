"""Which addresses a command is about: names, globs, `+x` with ancestors, `x+` with descendants."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from reconciler.errors import UsageError
from reconciler.ids import Address, parts_of
from reconciler.spec.request import Operation, uses_candidate
from reconciler.spec.resource import Resource

Resources = Mapping[Address, Resource]

_NAMED = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of addresses; `addresses` None means all of them, and `excluded` never belong."""

    addresses: frozenset[Address] | None = None
    excluded: frozenset[Address] = frozenset()
    matches_gone: Callable[[Address], bool] = lambda _address: True

    def __contains__(self, address: Address) -> bool:
        chosen = self.addresses is None or address in self.addresses
        return chosen and address not in self.excluded

    def allows_gone(self, address: Address) -> bool:
        """Whether the selection covers an address that no spec names any more."""
        return self.matches_gone(address)


def select(
    patterns: Iterable[str],
    excludes: Iterable[str],
    resources: Resources,
    gone: Iterable[Address] = (),
) -> Selection:
    """Return the selection. `gone` are shown addresses without a spec; a pattern may name them too.

    Raises UsageError for a pattern that matches nothing, as a typing error must not look like
    success; also for what is only bought with its follow-ups, such as `library.@2`.
    """
    wanted, unwanted = tuple(patterns), tuple(excludes)
    known = frozenset(gone)
    chosen = _union(wanted, resources, known) if wanted else None
    left_out = _union(unwanted, resources, known)

    def matches_gone(address: Address) -> bool:
        return (chosen is None or address in chosen) and address not in left_out

    return Selection(chosen, left_out, matches_gone)


def _union(
    patterns: tuple[str, ...], resources: Resources, gone: frozenset[Address]
) -> frozenset[Address]:
    return frozenset().union(*(_matches(one, resources, gone) for one in patterns))


def _matches(pattern: str, resources: Resources, gone: frozenset[Address]) -> set[Address]:
    core = pattern.removeprefix("+").removesuffix("+")
    is_match = _glob(core)
    found = {address for address in (*resources, *gone) if is_match(address)}
    if not found:
        _refuse_step(core, resources)
        near = get_close_matches(core, resources, n=1)
        hint = (
            f"did you mean `{near[0]}`?" if near else "`reconcile status --all` lists all addresses"
        )
        raise UsageError(f"no address matches `{pattern}`", hint=hint)
    present = found & resources.keys()
    if pattern.startswith("+"):
        found |= _ancestors(present, resources)
    if pattern.endswith("+"):
        found |= _descendants(present, resources)
    return found


def _refuse_step(name: str, resources: Resources) -> None:
    """Raise UsageError for `library.@2`: that is no wish of its own (prerequisites.py)."""
    *above, last = parts_of(Address(name))
    followers = _followers(Address(".".join(above)), last, resources) if above else []
    if not followers:
        return
    more = " …" if len(followers) > _NAMED else ""
    names = " ".join(followers[:_NAMED])
    raise UsageError(
        f"`{name}` cannot be chosen by itself: it is bought with what starts from it",
        hint=f"choose what you want of {'.'.join(above)}{last}: {names}{more}",
    )


def _followers(parent: Address, candidate: str, resources: Resources) -> list[Address]:
    """Return what is bought of a candidate, which is written as `@2`."""
    found = []
    for address, one in resources.items():
        if one.operation is Operation.SINGLE or not uses_candidate(one.operation):
            continue
        child, above = one, one.parent and resources[one.parent.address]
        while above and above.parent and above.operation is Operation.SINGLE:
            child, above = above, resources[above.parent.address]
        if above and child.parent and above.address == parent:
            number = child.parent.candidate or above.pick or 1
            found += [address] if f"@{number}" == candidate else []
    return found


def _glob(pattern: str) -> Callable[[Address], bool]:
    """Only `*` and `?` are special: brackets belong to addresses of a matrix."""
    parts = re.split(r"([*?])", pattern)
    special = {"*": ".*", "?": "."}
    expression = re.compile("".join(special.get(part, re.escape(part)) for part in parts))
    return lambda address: expression.fullmatch(address) is not None


def _ancestors(found: set[Address], resources: Resources) -> set[Address]:
    above: set[Address] = set()
    for address in found:
        parent = resources[address].parent
        while parent is not None and parent.address not in above:
            above.add(parent.address)
            parent = resources[parent.address].parent
    return above


def _descendants(found: set[Address], resources: Resources) -> set[Address]:
    """One pass is enough: parents come before their children."""
    family = set(found)
    for address, resource in resources.items():
        if resource.parent and resource.parent.address in family:
            family.add(address)
    return family
