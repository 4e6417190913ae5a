"""What a rule of advice says about one resource, and what it is told beside the request. Values."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from reconciler.money import MicroUsd
from reconciler.spec.advice_rules import Rule
from reconciler.spec.resource import KeyPath, Resource


class Advice(NamedTuple):
    """One thing that a resource could say better.

    `field` leads to the value in the request; `fragment` is the part of a text that is meant.
    """

    rule: Rule
    field: KeyPath
    message: str
    hint: str
    fragment: str | None = None


class FileSize(NamedTuple):
    """How large a local picture is: in pixels, and in bytes."""

    width: int
    height: int
    byte_count: int


class Surroundings(NamedTuple):
    """What the rules must know and no request says.

    `pictures` are the local ones that could be measured, by path below the root. `written` returns
    the prompt as it stands in the spec, with its flags; None where there is none. `price` returns
    what one task costs in all, if anybody knows.
    """

    pictures: Mapping[str, FileSize]
    written: Callable[[Resource], str | None]
    price: Callable[[Resource], MicroUsd | None]
