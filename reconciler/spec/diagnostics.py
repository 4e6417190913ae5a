"""Problems in YAML files: found on values, then located, then shown the way compilers do.

Checks work on plain values and name a path; only when something is wrong is the file read again to
find the line and column. So a load without problems pays nothing for positions.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reconciler.config import CONFIG_FILE
from reconciler.errors import ConfigError, SpecError
from reconciler.spec.masking import visible_lines
from reconciler.spec.problems import Diagnostic, Finding, Problem, Related, Span
from reconciler.spec.resource import KeyPath, Resource

__all__ = [
    "ConfigProblemsError",
    "Diagnostic",
    "Finding",
    "Problem",
    "Related",
    "SpecProblemsError",
    "as_json",
    "in_order",
    "locate",
    "located_at",
    "render",
]


class SpecProblemsError(SpecError):
    """Specs that cannot be used, with every diagnostic as a value.

    `understood` are the resources that could be made out all the same.
    """

    def __init__(
        self, diagnostics: Sequence[Diagnostic], understood: Iterable[Resource] = ()
    ) -> None:
        super().__init__(_summary(diagnostics, "the specs"), details=render(diagnostics))
        self.diagnostics = tuple(diagnostics)
        self.understood = tuple(understood)


class ConfigProblemsError(ConfigError):
    """A reconciler.yaml that cannot be used, with every diagnostic as a value."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(_summary(diagnostics, CONFIG_FILE), details=render(diagnostics))
        self.diagnostics = tuple(diagnostics)


def located_at(file: str, text: str, line: int, column: int, message: str) -> Diagnostic:
    """Return a diagnostic for one character of a text; line and column from 1."""
    lines = visible_lines(text, is_config=file == CONFIG_FILE)
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    return Diagnostic(file, line, column, column + 1, message, source=source)


def locate(problems: Iterable[Problem], read: Callable[[str], str]) -> list[Diagnostic]:
    """Return the problems with their places, sorted by file, line and column.

    `read` returns the text of a file named as problems name it. Where a path does not exist (a key
    that is missing, an item behind an alias) its nearest existing ancestor is marked.
    """
    unique = list(dict.fromkeys(problems))
    wanted: dict[str, set[KeyPath]] = defaultdict(set)
    for problem in unique:
        wanted[problem.file].add(problem.path)
        for _, file, path in problem.related:
            wanted[file].add(path)
    files = {file: _File(file, read(file), paths) for file, paths in wanted.items()}
    return in_order(_located(problem, files) for problem in unique)


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the diagnostics as people read them: by file, line, column."""
    return sorted(diagnostics, key=lambda one: (one.file, one.line, one.column, one.message))


def as_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Return the diagnostics as JSON objects for editors and CI annotations."""
    return [
        {
            "file": one.file,
            "line": one.line,
            "column": one.column,
            "end_column": one.end_column,
            "message": one.message,
            "hint": one.hint,
            "related": [place._asdict() for place in one.related],
        }
        for one in diagnostics
    ]


def render(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Return the lines to print for all diagnostics, with an empty line between two of them."""
    from reconciler.spec.excerpt import excerpt

    lines: list[str] = []
    for one in diagnostics:
        lines += [""] if lines else []
        lines += excerpt(one)
    return lines


class _File:
    """One file with problems: its visible lines and where the interesting nodes are."""

    def __init__(self, file: str, text: str, paths: set[KeyPath]) -> None:
        from reconciler.spec.positions import find

        self.lines = visible_lines(text, is_config=file == CONFIG_FILE)
        self.nodes = find(text, paths)
        self.top = Span(1, 1, 1, 2)

    def spot(self, problem: Problem) -> tuple[int, int, int]:
        """Return line, column and end column of the node or its nearest existing ancestor."""
        span = self._span(problem.path, on_key=problem.on_key)
        if problem.fragment and (found := self._fragment(span, problem.fragment)):
            return found
        return span.line, span.column, self._end(span)

    def start(self, path: KeyPath) -> tuple[int, int]:
        """Return line and column of a key."""
        span = self._span(path, on_key=True)
        return span.line, span.column

    def _span(self, path: KeyPath, *, on_key: bool) -> Span:
        for length in range(len(path), -1, -1):
            node = self.nodes.get(path[:length])
            if node is not None:
                is_ancestor = length < len(path)
                return node.key if node.key and (on_key or is_ancestor) else node.value
        return self.top

    def _fragment(self, span: Span, fragment: str) -> tuple[int, int, int] | None:
        """Return where a fragment stands between the first and the last line of a node."""
        as_word = re.compile(rf"(?<!\S){re.escape(fragment)}(?!\S)")
        for pattern in (as_word, re.compile(re.escape(fragment))):
            for line in range(span.line, span.end_line + 1):
                start = span.column - 1 if line == span.line else 0
                if match := pattern.search(self.source(line), start):
                    return line, match.start() + 1, match.end() + 1
        return None

    def source(self, line: int) -> str:
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""

    def _end(self, span: Span) -> int:
        """Return where the mark ends: a node over several lines is marked on its first."""
        if span.line == span.end_line:
            return span.end_column
        return len(self.source(span.line).rstrip()) + 1


def _located(problem: Problem, files: dict[str, _File]) -> Diagnostic:
    line, column, end = files[problem.file].spot(problem)
    related = (
        Related(label, file, *files[file].start(path)) for label, file, path in problem.related
    )
    return Diagnostic(
        problem.file,
        line,
        column,
        max(end, column + 1),
        problem.message,
        problem.hint,
        files[problem.file].source(line),
        tuple(related),
        problem.rule,
    )


def _summary(diagnostics: Sequence[Diagnostic], where: str) -> str:
    count = len(diagnostics)
    return f"{count} {'problem' if count == 1 else 'problems'} in {where}"
