"""Where a value of a resource was written, for rules that know requests and not files."""

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from reconciler.config import CONFIG_FILE, Config
from reconciler.spec import flags
from reconciler.spec.load import text_reader
from reconciler.spec.paths import NOTHING, existing, node_at
from reconciler.spec.problems import Problem
from reconciler.spec.request import Operation
from reconciler.spec.resource import KeyPath, Resource
from reconciler.spec.yaml import parse

_BELOW: Final = MappingProxyType(
    {
        Operation.EDIT: frozenset({"source", "mask", "canvas", "position"}),
        Operation.INPAINT: frozenset({"mask"}),
        Operation.VIDEO: frozenset({"source", "end", "resolution", "motion", "auto", "batch"}),
    }
)
"""Fields of the request that stand under the operation's own key."""

_ITSELF: Final = MappingProxyType({Operation.BLEND: "pictures", Operation.DESCRIBE: "source"})
"""The field of the request that is the value of the operation's own key."""

_DEFAULTED: Final = MappingProxyType(
    {
        Operation.IMAGINE: None,  # all of its fields
        Operation.EDIT: frozenset({"version", "speed"}),
        Operation.BLEND: frozenset({"aspect_ratio", "speed"}),
        Operation.DESCRIBE: frozenset({"speed"}),
    }
)


class Place(NamedTuple):
    """A node of a file: the file relative to the root, the path, whether its key is meant."""

    file: str
    path: KeyPath
    on_key: bool

    def problem(self, message: str, hint: str | None = None) -> Problem:
        """Return a problem at this place."""
        return Problem(self.file, self.path, message, hint, self.on_key)


def whence(root: Path, config: Config, resource: Resource, field: KeyPath) -> Place:
    """Return where a field of the resource's request was written; `()` is the whole resource.

    The entry's own key comes first, then a flag in its prompt, the file's defaults, the project's;
    a value that nobody wrote belongs to the entry's key. Reads the file again.
    """
    document = parse(resource.file, text_reader(root)(resource.file)).value
    return place_in(document, config, resource, field)


def place_in(document: Any, config: Config, resource: Resource, field: KeyPath) -> Place:
    """Return the same, for whoever has parsed the resource's file already."""
    entry_key = Place(resource.file, resource.path, on_key=True)
    entry = node_at(document, resource.path)
    if not field or not isinstance(entry, dict):
        return entry_key
    inside = _yaml_path(resource.operation, field)
    if inside[0] in entry:
        return Place(resource.file, resource.path + existing(entry, inside), on_key=False)
    if field[0] in _given_by_flags(document, resource.path):
        return Place(resource.file, (*resource.path, "prompt"), on_key=False)
    if field[0] == "provider":
        return _provider_place(document, resource) or entry_key
    return _default_place(document, config, resource, field) or entry_key


def _yaml_path(operation: Operation, field: KeyPath) -> KeyPath:
    if field[0] == _ITSELF.get(operation):
        return (operation.value, *field[1:])
    is_below = field[0] in _BELOW.get(operation, ())
    return (operation.value, *field) if is_below else field


def _given_by_flags(document: Any, path: KeyPath) -> frozenset[str]:
    """Return the fields that flags give in an entry's prompt, or in matrix values used in it."""
    prompt = node_at(document, (*path, "prompt"))
    if not isinstance(prompt, str):
        return frozenset()
    texts = [prompt, *(_matrix_texts(document, path) if "${" in prompt else ())]
    return frozenset[str]().union(*map(flags.mentioned, texts))


def _matrix_texts(document: Any, path: KeyPath) -> Iterator[str]:
    for length in range(2, len(path) + 1, 2):
        table = node_at(document, (*path[:length], "matrix"))
        for column in table.values() if isinstance(table, dict) else ():
            yield from (text for text in column if isinstance(text, str))


def _provider_place(document: Any, resource: Resource) -> Place | None:
    """Return the nearest entry around this one that names a provider."""
    for length in range(len(resource.path), 1, -2):
        path = (*resource.path[:length], "provider")
        if node_at(document, path) is not NOTHING:
            return Place(resource.file, path, on_key=False)
    return _written_default(document, resource.file, ("provider",))


def _default_place(
    document: Any, config: Config, resource: Resource, field: KeyPath
) -> Place | None:
    if resource.operation not in _DEFAULTED:
        return None
    fields = _DEFAULTED[resource.operation]
    if fields is not None and field[0] not in fields:
        return None
    if place := _written_default(document, resource.file, field):
        return place
    if field[0] in config.defaults:
        return Place(CONFIG_FILE, ("defaults", *field), on_key=False)
    return None


def _written_default(document: Any, file: str, field: KeyPath) -> Place | None:
    defaults = node_at(document, ("defaults",))
    if isinstance(defaults, dict) and field[0] in defaults:
        return Place(file, ("defaults", *existing(defaults, field)), on_key=False)
    return None
