"""A request against an API's table: what it offers, what it takes, and within which limits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from reconciler.providers.capabilities import Abilities, Ability, Input, offered_after
from reconciler.providers.protocol import Issue, Lineage
from reconciler.providers.urls import url_issues
from reconciler.spec.request import (
    Imagine,
    Operation,
    Reference,
    Request,
    is_local,
    operation_of,
)

Path = tuple[str | int, ...]
_BESIDE = ("prompt", "version", "speed", "aspect_ratio")
"""What stands beside an operation's own key in a spec, not below it."""

_ITSELF = ("pictures", "source")
"""What an operation that takes nothing but pictures has as its value."""

_PICTURES_ONLY = (Operation.BLEND, Operation.DESCRIBE)


@dataclass(frozen=True, slots=True)
class Judge:
    """One API's table. `instead` says what to do without an operation that it does not have."""

    name: str
    abilities: Abilities
    instead: Mapping[Operation, str]

    def issues(self, request: Request, lineage: Lineage) -> Iterator[Issue]:
        """Yield everything that the table has against a request, given its ancestors."""
        if is_local(request):
            return
        ability = self.abilities.get(operation_of(request))
        if ability is None:
            yield self._absent(operation_of(request))
            return
        yield from self._parent(ability, request, lineage)
        for one in fields(request):
            value = getattr(request, one.name)
            if value != one.default:
                yield from self._field(ability, request, one.name, value)

    def _absent(self, operation: Operation) -> Issue:
        elsewhere = "`reconcile providers` shows who has it"
        message = f"{self.name} has no `{operation}`"
        return Issue((operation.value,), message, self.instead.get(operation, elsewhere))

    def _parent(self, ability: Ability, request: Request, lineage: Lineage) -> Iterator[Issue]:
        parent = made_by(lineage)
        if parent is None or operation_of(parent) in ability.follows:
            return
        operation, before = operation_of(request), operation_of(parent)
        offered = ", ".join(offered_after(self.abilities, before)) or "nothing"
        yield Issue(
            (operation.value,),
            f"{self.name} offers no `{operation}` on the result of `{before}`",
            f"after `{before}` it offers: {offered}",
        )

    def _field(self, ability: Ability, request: Request, name: str, value: Any) -> Iterator[Issue]:
        known, where = ability.input(name), place(request, name)
        if known is None:
            remove = f"remove `{name}`: what you wrote is not what would be bought"
            message = f"{self.name} documents nothing like `{name}` and would ignore it"
            yield Issue(where, message, ability.instead.get(name, remove))
            return
        yield from self._limits(known, where, value)
        yield from self._pictures(ability, known, where, value)
        if known.acts_on and not getattr(request, known.acts_on):
            yield Issue(where, f"`{name}` has nothing to act on", f"add `{known.acts_on}`")

    def _limits(self, known: Input, where: Path, value: Any) -> Iterator[Issue]:
        written = str(value.value if isinstance(value, Enum) else value)
        if known.choices and written not in known.choices:
            why = f": {known.otherwise}" if known.otherwise else ""
            message = f"{self.name} has no `{known.name}: {written}`{why}"
            yield Issue(where, message, f"it has: {known.limits()}")
        if known.least is None or known.most is None or known.least <= value <= known.most:
            return
        yield Issue(
            where,
            f"`{known.name}` is {written}; {known.limit_of or self.name} takes {known.limits()}",
            f"write a number from {known.limits()}",
        )

    def _pictures(self, ability: Ability, known: Input, where: Path, value: Any) -> Iterator[Issue]:
        if isinstance(value, Reference):
            yield from url_issues(self.name, where, value)
        if not isinstance(value, tuple):
            return
        for position, one in enumerate(value):
            if isinstance(one, Reference):
                yield from self._reference(ability, known, (*where, position), one)
        yield from _count(known, where, len(value))

    def _reference(
        self, ability: Ability, known: Input, where: Path, reference: Reference
    ) -> Iterator[Issue]:
        yield from url_issues(self.name, where, reference)
        if reference.weight == 1 or known.weighted:
            return
        weighted = " and ".join(f"`{one.name}`" for one in ability.inputs if one.weighted)
        only = f"; only {weighted} have one each" if weighted else ""
        message = f"{self.name} documents no weight for a single picture in `{known.name}`"
        yield Issue(where, message, f"remove `weight`{only}")


def made_by(lineage: Lineage) -> Request | None:
    """Return what made the task that a follow-up starts from: a local step made none."""
    return next((one for one in lineage if not is_local(one)), None)


def place(request: Request, name: str) -> Path:
    """Return where a field is written in an entry of a spec."""
    operation = operation_of(request)
    if isinstance(request, Imagine) or name in _BESIDE:
        return (name,)
    is_value = operation in _PICTURES_ONLY and name in _ITSELF
    return (operation.value,) if is_value or name == operation else (operation.value, name)


def _count(known: Input, where: Path, count: int) -> Iterator[Issue]:
    if known.pictures is None:
        return
    most = f"`{known.name}` has {count} pictures; the limit is {known.pictures}"
    if count > known.pictures:
        yield Issue((*where, known.pictures), most, f"remove {count - known.pictures}")
    elif count < known.fewest:
        least = f"`{known.name}` has {count} pictures; it takes {known.limits()}"
        yield Issue(where, least, f"add {known.fewest - count}")
