"""YAML text → plain values, by the rules of this language and nothing cleverer.

`16:9`, `on` and dates stay text; only `true` and `false` are booleans. What YAML would pass over in
silence is an error: a key that stands twice, a tag, a second document. Merge keys (`<<`) are
refused: YAML 1.2 dropped them, and a value must have one place where it was written; an alias in
the place of a whole value is fine. Built from libyaml's events, so that neither nesting nor aliases
can exhaust the stack or the memory.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import yaml

from reconciler.spec.diagnostics import located_at
from reconciler.spec.masking import lines_of
from reconciler.spec.positions import find
from reconciler.spec.problems import Diagnostic, Related
from reconciler.spec.resource import KeyPath

MAX_DEPTH = 100
"""How many mappings and lists may stand inside each other."""

MAX_ALIASED = 100_000
"""How many nodes aliases may add to those that are written."""

_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(
    r"[-+]?(?:(?:\.[0-9]+|(?:0|[1-9][0-9]*)\.[0-9]*)(?:[eE][-+]?[0-9]{1,4})?"
    r"|(?:0|[1-9][0-9]*)[eE][-+]?[0-9]{1,4})"
)
_CONSTANTS: Final = MappingProxyType(
    {"": None, "~": None, "null": None, "true": True, "false": False}
)
_UNPRINTABLE = re.compile(
    "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")

_WORDING: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("mapping values are not allowed", "a `:` cannot stand here",
     "quote text that contains `: `, or check the indentation"),
    ("cannot start any token", "this character cannot start a value",
     "indent with spaces, not tabs; quote text that starts with a special character"),
    ("could not find expected ':'", "a `:` is missing after this key", None),
    ("did not find expected key", "this line does not fit its surroundings",
     "check the indentation of this line and the one before"),
    ("did not find expected ',' or", "a list or mapping in brackets is not closed here",
     'inside brackets, quote text such as `"${name}"` or text with `,` `[` `{`'),
    ("did not find expected '-'", "this line does not fit the list before it",
     "check the indentation"),
    ("never closed", "this bracket is never closed", None),
    ("unexpected end of stream", "a quote is never closed", None),
    ("escape", "this `\\` sequence is unknown",
     "use single quotes, or double the backslash"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a file (None when it is empty), and what is wrong with the text itself.

    `incomplete` are paths of mappings from which a key had to be left out.
    """

    value: Any
    diagnostics: tuple[Diagnostic, ...] = ()
    incomplete: tuple[KeyPath, ...] = ()


def decode_text(file: str, data: bytes) -> str | Diagnostic:
    """Return the text of a file; a diagnostic when it is not UTF-8 or has control characters."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start + 1} is not UTF-8"
        return Diagnostic(file, line, 1, 2, message, "save the file with the encoding UTF-8")
    if found := _UNPRINTABLE.search(text):
        before = text[: found.start()].split("\n")
        message = f"the character U+{ord(found[0]):04X} cannot stand in a YAML file"
        return located_at(file, text, len(before), len(before[-1]) + 1, message)
    return text


def parse(file: str, text: str) -> Document:
    """Return the value of one YAML document. Never raises: what is wrong is in the answer."""
    return _Builder(file, text).build()


def plain_value(text: str) -> object:
    """Return what an unquoted scalar means: null, a boolean, a number, else its text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


class _Stop(Exception):  # noqa: N818 - control flow inside this module
    """Nothing behind this place can be understood."""


_NO_KEY = object()
_DROP = object()
"""In the place of a key: the value is read and forgotten, its key was refused."""


class _Builder:
    """Builds values from events with a stack of its own.

    `_top` is the list or mapping being filled; `_key` the key whose value comes next. The stack
    holds for every open container: the one around it, its key there, its anchor, the node count.
    """

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        self._diagnostics: list[Diagnostic] = []
        self._incomplete: list[KeyPath] = []
        self._root: list[Any] = []
        self._top: Any = self._root
        self._key: Any = _NO_KEY
        self._stack: list[tuple[Any, Any, str | None, int]] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._count = 0
        self._aliased = 0

    def build(self) -> Document:
        """Read all events."""
        try:
            self._read()
        except _Stop:
            return Document(None, tuple(self._diagnostics))
        except yaml.YAMLError as error:
            self._diagnostics.append(self._worded(error))
            return Document(None, tuple(self._diagnostics))
        finally:
            self._loader.dispose()
        value = self._root[0] if self._root else None
        return Document(value, tuple(self._diagnostics), tuple(self._incomplete))

    def _read(self) -> None:
        take: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        ignored = (yaml.StreamStartEvent, yaml.DocumentEndEvent)
        get_event = self._loader.get_event
        while (kind := type(event := get_event())) is not yaml.StreamEndEvent:
            if kind not in ignored:
                take[kind](event)

    def _document(self, event: Any) -> None:
        if self._root:
            self._stop(event, "a second document begins here", "write one document per file")

    def _scalar(self, event: Any) -> None:
        value = event.value
        if event.implicit[0]:
            value = plain_value(value)
        elif event.tag is not None:
            self._report_tag(event)
            value = value if event.style else plain_value(value)
        elif event.style == '"' and _CONTROL.search(value):
            self._report(event, "this text holds a control character", "remove the `\\` sequence")
        if type(self._top) is dict and self._key is _NO_KEY:
            self._take_key(event, value)
        else:
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, 1)
            self._put(value)
            self._key = _NO_KEY

    def _put(self, value: Any) -> None:
        self._count += 1
        if type(self._top) is list:
            self._top.append(value)
        elif self._key is not _DROP:
            self._top[self._key] = value

    def _take_key(self, event: Any, key: Any) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = (key, 1)
        if type(key) is not str:
            written = event.value or "null"
            self._report(event, f"the key `{written}` is not text", f'quote it: `"{written}"`')
            self._leave_out()
        elif key == "<<" and event.implicit[0]:
            hint = "write the fields out, use `defaults:`, or an alias for a whole value"
            self._report(event, "merge keys (`<<`) are not part of this language", hint)
            self._leave_out()
        elif key in self._top:
            self._report_twice(event, key)
            self._key = _DROP
        else:
            self._key = key

    def _leave_out(self) -> None:
        """Forget the value that comes next: its key was refused."""
        self._incomplete.append(self._present_path())
        self._key = _DROP

    def _start(self, event: Any) -> None:
        if type(self._top) is dict and self._key is _NO_KEY:
            self._stop(event, "a key must be text", "remove the `?`, or quote the key")
        if len(self._stack) >= MAX_DEPTH:
            self._stop(event, f"more than {MAX_DEPTH} levels of nesting")
        if event.tag is not None:
            self._report_tag(event)
        container: Any = {} if type(event) is yaml.MappingStartEvent else []
        self._put(container)
        if event.anchor is not None:
            self._anchors[event.anchor] = (_DROP, 0)  # open: an alias to it would be endless
        self._stack.append((self._top, self._key, event.anchor, self._count))
        self._top, self._key = container, _NO_KEY

    def _end(self, event: Any) -> None:  # noqa: ARG002 - all handlers take the event
        finished = self._top
        self._top, _, anchor, count = self._stack.pop()
        self._key = _NO_KEY
        if anchor is not None:
            self._anchors[anchor] = (finished, self._count - count + 1)

    def _alias(self, event: Any) -> None:
        if type(self._top) is dict and self._key is _NO_KEY:
            self._stop(event, "an alias cannot be a key", "write the key out")
        if event.anchor not in self._anchors:
            self._stop(event, f"`*{event.anchor}` has no anchor `&{event.anchor}` before it")
        value, size = self._anchors[event.anchor]
        if value is _DROP:
            self._stop(event, f"`*{event.anchor}` stands inside what it refers to")
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            self._stop(event, f"aliases repeat more than {MAX_ALIASED} nodes")
        self._put(value)
        self._count += size - 1
        self._key = _NO_KEY

    def _report(self, event: Any, message: str, hint: str | None = None) -> None:
        start, end = event.start_mark, event.end_mark
        found = located_at(self._file, self._text, start.line + 1, start.column + 1, message)
        is_one_line = end.line == start.line and end.column > start.column
        stop = end.column + 1 if is_one_line else found.end_column
        self._diagnostics.append(replace(found, hint=hint, end_column=stop))

    def _report_tag(self, event: Any) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self._report(event, f"the tag `{tag}` has no meaning here", "remove the tag")

    def _stop(self, event: Any, message: str, hint: str | None = None) -> None:
        self._report(event, message, hint)
        raise _Stop

    def _report_twice(self, event: Any, key: str) -> None:
        self._report(event, f"the key `{key}` stands twice in this mapping", "keep one of the two")
        path = (*self._present_path(), key)
        first = find(self._text, [path]).get(path)
        if first is not None and first.key is not None:
            place = Related("first defined here", self._file, first.key.line, first.key.column)
            self._diagnostics[-1] = replace(self._diagnostics[-1], related=(place,))

    def _present_path(self) -> KeyPath:
        around = self._stack[1:] if self._stack else []
        steps = [len(top) - 1 if type(top) is list else key for top, key, *_ in around]
        return tuple(steps)

    def _worded(self, error: yaml.YAMLError) -> Diagnostic:
        """Return libyaml's complaint in our words, beside the bracket or quote it is about."""
        original = str(getattr(error, "problem", None) or "this is not YAML")
        mark, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
        context = str(getattr(error, "context", None) or "")
        is_at_end = mark is not None and not self._text[mark.index :].strip()
        if opened is not None and (is_at_end or "unexpected end" in original):
            mark, opened = opened, None
            original = "never closed" if "flow" in context else original
        line, column = self._place(mark)
        message, hint = next(
            ((message, hint) for words, message, hint in _WORDING if words in original),
            (f"YAML: {original}", None),
        )
        found = located_at(self._file, self._text, line, column, message)
        related: tuple[Related, ...] = ()
        if opened is not None and "flow" in context:
            place = Related("opened here", self._file, opened.line + 1, opened.column + 1)
            related = (place,)
        return replace(found, hint=hint, related=related)

    def _place(self, mark: Any) -> tuple[int, int]:
        """Return line and column of a mark; at the file's end, those of its last character."""
        if mark is None:
            return 1, 1
        before = self._text[: mark.index + 1].rstrip()
        if self._text[mark.index :].strip() or not before:
            return mark.line + 1, mark.column + 1
        lines = lines_of(before)
        return len(lines), len(lines[-1])
