"""What one spec file describes, as values cheap to keep and to read back. Imports no YAML."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.ids import ProviderName
from reconciler.spec.problems import Problem
from reconciler.spec.request import Operation
from reconciler.spec.resource import Resource

FOLLOWS_PARENT: Final = ProviderName("")
"""The provider of an entry with `from` and no provider of its own, until it is linked."""

SINGLE: Final = frozenset(
    {Operation.UPSCALE, Operation.ENHANCE, Operation.SINGLE, Operation.DESCRIBE}
)
"""Operations whose task gives one result."""

BARREN: Final = frozenset({Operation.DESCRIBE, Operation.VIDEO})
"""Operations whose result is no picture: nothing derives from it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a file's meaning depends on besides its text."""

    providers: tuple[ProviderName, ...]
    default_provider: ProviderName
    defaults: Mapping[str, Any]
    silenced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expanded:
    """The resources of one file, parents before children, otherwise in its order.

    `roots` are the names of all root entries, broken ones included.
    """

    resources: tuple[Resource, ...]
    roots: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
