"""What an API can do, as a table: each operation's name there, what it follows, what it takes.

Validation is driven by it as far as it reaches, and `reconcile providers` and the documentation
show it; what needs more than one field to say is in each adapter's rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from reconciler.spec.request import Operation

Operations = frozenset[Operation]


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Input:
    """A field of a request that the API takes.

    `name` is ours, `wire` the API's. `least` and `most` bound a number, `choices` are all values
    that there are; `limit_of` says whose limit it is, where the API names none of its own. A list
    of pictures has from `fewest` to `pictures` of them; `weighted`: each can have its own weight.
    `acts_on` is the field without which this one means nothing. `otherwise` says what would become
    of another choice.
    """

    name: str
    wire: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    limit_of: str | None = None
    fewest: int = 0
    pictures: int | None = None
    weighted: bool = False
    acts_on: str | None = None
    otherwise: str = ""
    remark: str = ""

    def limits(self) -> str:
        """Return the limits in short, such as `0 to 1000`; empty where there are none."""
        if self.choices:
            return ", ".join(self.choices)
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        if self.pictures is not None:
            return (
                f"{self.fewest} to {self.pictures}" if self.fewest else f"at most {self.pictures}"
            )
        return ""


@dataclass(frozen=True, slots=True)
class Ability:
    """One operation as an API does it.

    `wire` is its name there, `source` the section of our page on that API. `is_root`: it needs no
    parent; `follows` are the operations whose results it can start from. `instead` says for fields
    that it does not take what to do without them; `remark` what to know about it.
    """

    wire: str
    source: str
    inputs: tuple[Input, ...] = ()
    is_root: bool = False
    follows: Operations = frozenset()
    instead: Mapping[str, str] = field(default_factory=_nothing)
    remark: str = ""
    bills: tuple[str, ...] = ()

    def input(self, name: str) -> Input | None:
        """Return what is known about a field of ours; None where the API takes nothing like it."""
        return next((one for one in self.inputs if one.name == name), None)


Abilities = Mapping[Operation, Ability]


def offered_after(abilities: Abilities, parent: Operation) -> tuple[Operation, ...]:
    """Return what can follow the result of an operation, in the order of the enum."""
    return tuple(one for one in Operation if one in abilities and parent in abilities[one].follows)
