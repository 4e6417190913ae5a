"""Problems as values: what is wrong, where on a value's path, and where in a text."""

from dataclasses import dataclass
from typing import NamedTuple

from reconciler.spec.resource import KeyPath


class Span(NamedTuple):
    """A stretch of text; lines and columns from 1, `end_column` behind the last character."""

    line: int
    column: int
    end_line: int
    end_column: int


class Node(NamedTuple):
    """Where a value stands, and its key where it has one."""

    value: Span
    key: Span | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a value, not yet located.

    `file` is relative to the project's root; `path` leads to the node, `()` is the whole document;
    `on_key` marks the key, not the value. `related` are other places: (label, file, path).
    `fragment` is the part of a text that is meant, marked where it can be found in the source.
    `rule` is the rule of advice that it comes from (advice_rules.py); None: it is an error.
    """

    file: str
    path: KeyPath
    message: str
    hint: str | None = None
    on_key: bool = False
    related: tuple[tuple[str, str, KeyPath], ...] = ()
    fragment: str | None = None
    rule: str | None = None


class Finding(NamedTuple):
    """A problem of one entry: `path` starts at the entry, the file is the caller's to know."""

    path: KeyPath
    message: str
    hint: str | None = None
    on_key: bool = False
    fragment: str | None = None

    def at(self, file: str, path: KeyPath) -> Problem:
        """Return the problem of the entry that stands in the file under this path."""
        where = path + self.path
        return Problem(file, where, self.message, self.hint, self.on_key, (), self.fragment)


class Related(NamedTuple):
    """Another place that belongs to a diagnostic; line and column from 1."""

    label: str
    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A located problem. Lines and columns count from 1; `end_column` is behind the last mark.

    `source` is the line as it may be shown, without secrets; empty where there is no such line.
    `rule` is as in Problem.
    """

    file: str
    line: int
    column: int
    end_column: int
    message: str
    hint: str | None = None
    source: str = ""
    related: tuple[Related, ...] = ()
    rule: str | None = None
