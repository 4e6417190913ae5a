"""Where nodes stand in a YAML text. Reads it event by event, so a broken end hides nothing before.

Kept apart from building values: positions are needed only when something is wrong.
"""

from collections.abc import Iterable
from typing import Any

import yaml

from reconciler.spec.problems import Node, Span
from reconciler.spec.resource import KeyPath


def find(text: str, wanted: Iterable[KeyPath]) -> dict[KeyPath, Node]:
    """Return the places of the wanted nodes and of all their ancestors, as far as they exist.

    Of a key that stands twice in a mapping the first place is returned.
    """
    finder = _Finder({path[:length] for path in wanted for length in range(len(path) + 1)})
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
            finder.see(event)
    except yaml.YAMLError:
        pass  # the text is broken from here on; what stands before it has its place
    finally:
        loader.dispose()
    return finder.found


class _Finder:
    """Follows the events and remembers the path that leads to the present one."""

    def __init__(self, wanted: set[KeyPath]) -> None:
        self.found: dict[KeyPath, Node] = {}
        self._wanted = wanted
        self._path: list[str | int] = []
        self._is_mapping: list[bool] = []
        self._key: Span | None = None

    def see(self, event: Any) -> None:
        """Take the next event."""
        if isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            if self._expects_key:
                self._key = _span(event)
                self._path[-1] = getattr(event, "value", "")
            else:
                self._value(event)
                self._done()
        elif isinstance(event, yaml.CollectionStartEvent):
            self._value(event)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self._is_mapping.append(is_mapping)
            self._path.append("" if is_mapping else 0)
            self._key = None
        elif isinstance(event, yaml.CollectionEndEvent):
            self._is_mapping.pop()
            self._path.pop()
            self._done()

    @property
    def _expects_key(self) -> bool:
        return bool(self._is_mapping) and self._is_mapping[-1] and self._key is None

    def _value(self, event: Any) -> None:
        path = tuple(self._path)
        if path in self._wanted:
            self.found.setdefault(path, Node(_span(event), self._key))

    def _done(self) -> None:
        """A value is complete: the next node is a key, or the next item."""
        self._key = None
        if self._is_mapping and not self._is_mapping[-1]:
            self._path[-1] = int(self._path[-1]) + 1


def _span(event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
