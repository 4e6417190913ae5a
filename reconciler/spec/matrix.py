"""`matrix:`: one entry for every combination of values, and `${name}` in its fields. Pure."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.ids import NAME
from reconciler.spec.problems import Finding
from reconciler.spec.resource import KeyPath
from reconciler.spec.values import Scalar, folded, shown, written

MAX_CELLS = 10_000
"""How many combinations one matrix may make; each is a picture to pay for."""

MAX_VALUE = 80
"""How long a value may be: it becomes part of the address and of file names."""

Cell = Mapping[str, Scalar]
"""One combination: the value of every key, in the order of the matrix."""

_PLACEHOLDER = re.compile(r"\$?\$\{([^{}]*)(\}?)")
_FORBIDDEN = re.compile(r"[\[\],=\x00-\x1f\x7f]")


def cells(matrix: object, taken: Mapping[str, Scalar]) -> tuple[list[Cell], list[Finding]]:
    """Return all combinations, the last key running fastest, and what is wrong with the matrix.

    `taken` are the keys of the matrices around this one, which cannot be used again.
    """
    if not isinstance(matrix, dict) or not matrix:
        message = f"`matrix` must be a mapping from names to lists, not {shown(matrix)}"
        message = "`matrix` is empty" if matrix == {} or matrix is None else message
        return [], [Finding((), message, "for example `matrix: {season: [spring, winter]}`")]
    findings = [one for key in matrix for one in _key_findings(key, matrix[key], taken)]
    if findings:
        return [], findings
    count = 1
    for values in matrix.values():
        count *= len(values)
    if count > MAX_CELLS:
        return [], [
            Finding((), f"`matrix` makes {count} pictures; at most {MAX_CELLS} are allowed")
        ]
    columns = [[_tidy(value) for value in values] for values in matrix.values()]
    return [dict(zip(matrix, row, strict=True)) for row in itertools.product(*columns)], []


def label(cell: Cell) -> str:
    """Return what a combination adds to the address: `[season=winter,ratio=1:1]`."""
    return "[" + ",".join(f"{key}={written(value)}" for key, value in cell.items()) + "]"


def names_used(value: object) -> set[str]:
    """Return the names of all placeholders in a value."""
    found = (_PLACEHOLDER.finditer(text) for text in _texts(value))
    return {match[1] for matches in found for match in matches if not _is_escaped(match)}


def substitute(value: Any, scope: Mapping[str, Scalar]) -> Any:
    """Return a value with `${name}` replaced; a placeholder that is a whole scalar keeps its type.

    `$${` is a literal `${`. Names that are not in `scope` stay as they are.
    """
    if isinstance(value, str):
        return _substitute_text(value, scope) if "${" in value else value
    if isinstance(value, dict):
        return {key: substitute(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, scope) for item in value]
    return value


def stray(value: object, scope: Mapping[str, Scalar], path: KeyPath = ()) -> Iterator[Finding]:
    """Yield one finding for each placeholder that nothing gives a value to."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from stray(item, scope, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from stray(item, scope, (*path, position))
    elif isinstance(value, str) and "${" in value:
        for match in _PLACEHOLDER.finditer(value):
            if not _is_escaped(match) and not (match[2] and match[1] in scope):
                yield _stray_finding(match, scope, path)


def _stray_finding(match: re.Match[str], scope: Mapping[str, Scalar], path: KeyPath) -> Finding:
    if not match[2]:
        hint = "write `$${` for a literal `${`"
        return Finding(path, f"{shown(match[0])} is never closed", hint, fragment=match[0])
    if not scope:
        hint = "give the entry a `matrix`, or write `$${` for a literal `${`"
        return Finding(
            path, f"{shown(match[0])} stands outside of any matrix", hint, fragment=match[0]
        )
    known = ", ".join(f"`${{{name}}}`" for name in scope)
    message = f"{shown(match[0])} is no key of the matrix"
    return Finding(path, message, f"known here: {known}", fragment=match[0])


def _substitute_text(text: str, scope: Mapping[str, Scalar]) -> Scalar:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole and not _is_escaped(whole) and whole[2] and whole[1] in scope:
        return scope[whole[1]]
    return _PLACEHOLDER.sub(lambda match: _replacement(match, scope), text)


def _replacement(match: re.Match[str], scope: Mapping[str, Scalar]) -> str:
    if _is_escaped(match):
        return match[0][1:]
    return written(scope[match[1]]) if match[2] and match[1] in scope else match[0]


def _is_escaped(match: re.Match[str]) -> bool:
    return match[0].startswith("$$")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _key_findings(key: str, values: object, taken: Mapping[str, Scalar]) -> Iterator[Finding]:
    if not NAME.fullmatch(key):
        message = f"the matrix key {shown(key)} is no name"
        yield Finding((key,), message, "use letters, digits, `_` and `-`", on_key=True)
    if key in taken:
        message = f"`{key}` is already a key of the matrix around this one"
        yield Finding((key,), message, on_key=True)
    if not isinstance(values, list) or not values:
        message = f"`{key}` must be a list of values, not {shown(values)}"
        message = f"`{key}` has no values" if values == [] else message
        yield Finding((key,), message, f"for example `{key}: [a, b]`")
        return
    seen: set[str] = set()
    for position, value in enumerate(values):
        if problem := _value_problem(value, seen):
            yield Finding((key, position), problem)


def _value_problem(value: object, seen: set[str]) -> str | None:
    if not isinstance(value, str | int | float):
        return f"a matrix value must be text, a number or a boolean, not {shown(value)}"
    text = written(_tidy(value))
    if not text:
        return "an empty text cannot be part of an address"
    if _FORBIDDEN.search(text):
        return f"{shown(value)} cannot be part of an address: `[` `]` `,` `=` are not allowed"
    if len(text) > MAX_VALUE:
        return f"{shown(value)} is too long for an address: at most {MAX_VALUE} characters"
    if text in seen:
        return f"{shown(value)} stands twice in this list"
    seen.add(text)
    return None


def _tidy(value: Scalar) -> Scalar:
    return folded(value) if isinstance(value, str) else value
