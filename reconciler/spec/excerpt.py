"""One diagnostic as text: message, place, the source line with a mark under it, hint.

error: `stylise` is not known here
 --> specs/library.yaml:7:5
  |
7 |     stylise: 100
  |     ^^^^^^^
  = hint: did you mean `stylize`?
"""

import unicodedata

from reconciler.spec.problems import Diagnostic

_WIDTH = 100
"""How many columns of a source line are shown."""

_TAB = "    "
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def excerpt(diagnostic: Diagnostic) -> list[str]:
    """Return the lines to print for one diagnostic."""
    gutter = " " * len(str(diagnostic.line))
    place = f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}"
    kind = "error" if diagnostic.rule is None else f"advice[{diagnostic.rule}]"
    lines = [f"{kind}: {_printable(diagnostic.message)}", f"{gutter}--> {_printable(place)}"]
    if diagnostic.source.strip():
        shown, mark = _window(diagnostic)
        lines += [
            f"{gutter} |",
            f"{diagnostic.line} | {shown}",
            f"{gutter} | {mark}",
        ]
    if diagnostic.hint:
        lines.append(f"{gutter} = hint: {_printable(diagnostic.hint)}")
    for label, file, line, column in diagnostic.related:
        lines.append(f"{gutter} = {label}: {_printable(file)}:{line}:{column}")
    return lines


def _window(diagnostic: Diagnostic) -> tuple[str, str]:
    """Return the part of the source line around the mark, and the mark's line."""
    source = diagnostic.source.rstrip()
    start = min(diagnostic.column - 1, max(len(source) - 1, 0))  # a masked line is shorter
    end = max(start + 1, min(diagnostic.end_column - 1, len(source)))
    first = 0
    if _width(source[:end]) > _WIDTH:
        first = _first_shown(source, start)
    last = _last_shown(source, first)
    before, after = ("…" if first else ""), ("…" if last < len(source) else "")
    marked = _width(source[start : min(end, last)])
    indent = " " * (len(before) + _width(source[first:start]))
    shown = before + source[first:last].replace("\t", _TAB) + after
    return _printable(shown), indent + "^" * max(marked, 1)


def _first_shown(source: str, start: int) -> int:
    """Return where the window begins: a third of its width before the mark."""
    first = start
    while first > 0 and _width(source[first - 1 : start]) <= _WIDTH // 3:
        first -= 1
    return first


def _last_shown(source: str, first: int) -> int:
    last, used = first, 0
    while last < len(source) and (used := used + _width(source[last])) <= _WIDTH:
        last += 1
    return last


def _width(text: str) -> int:
    """Return how many terminal columns a text takes."""
    if text.isascii():
        return len(text) + (len(_TAB) - 1) * text.count("\t")
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if char == "\t":
        return len(_TAB)
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _printable(text: str) -> str:
    """Return the text without characters that would steer a terminal or turn the line around."""
    return "".join("·" if _steers(char) else char for char in text)


def _steers(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"} or char in _DIRECTIONS
