"""Local pictures: what a request refers to by path becomes known by its bytes. Reads files.

A digest is kept under the file's path, size, times and inode, so an unchanged project reads no
picture. A file that was written a moment ago is read again: it may change once more without that
any of these differ.
"""

import hashlib
import json
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.ids import Address, Digest
from reconciler.spec.cache import Kind, keep, recall
from reconciler.spec.request import BYTES, placed_references
from reconciler.spec.resource import KeyPath, LocalFile, Resource
from reconciler.spec.words import nearest

_CALM_NS: Final = 2_000_000_000
"""How old a file's last change must be to trust that the next one shows in its times."""

_HEAD: Final = 16
_LISTED: Final = 2000
"""With how many names of a folder a missing one is compared."""


class Misfit(NamedTuple):
    """A file that cannot be used, and the field of the resource's request that names it."""

    resource: Resource
    field: KeyPath
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Bound:
    """All resources, those with files bound to what these hold; `digests` by path."""

    resources: dict[Address, Resource]
    digests: Mapping[str, Digest]
    misfits: tuple[Misfit, ...] = ()


class _UnusableError(Exception):
    """Why a file cannot be a reference picture."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def bind(
    resources: dict[Address, Resource], root: Path, tops: Iterable[str], cache: Path | None
) -> Bound:
    """Put the digests of local files into the requests that refer to them.

    `tops` are folders below the root that may be links to somewhere else, as assets may. What
    refers to an unusable file stays as it is.
    """
    users = [one for one in resources.values() if one.files]
    if not users:
        return Bound(resources, {})
    paths = dict.fromkeys(file.path for one in users for file in one.files)
    digests, unusable = _digests(_Reader(root, tops), paths, cache)
    bound = {one.address: _bound(one, digests) for one in users}
    misfits = (one for user in users for one in _misfits(user, unusable))
    return Bound(resources | bound, digests, tuple(misfits))


def _bound(resource: Resource, digests: Mapping[str, Digest]) -> Resource:
    """Replace each path where it stands as a location: texts have their quotes escaped."""
    text = resource.canonical
    for path, _ in resource.files:
        if path in digests:
            text = text.replace(_location(path), _location(f"{BYTES}:{digests[path]}"))
    files = tuple(LocalFile(path, digests.get(path)) for path, _ in resource.files)
    return replace(resource, canonical=text, files=files)


def _location(value: str) -> str:
    return f'"location":{json.dumps(value, ensure_ascii=False)}'


def _misfits(resource: Resource, unusable: Mapping[str, _UnusableError]) -> Iterator[Misfit]:
    for path, _ in resource.files:
        if error := unusable.get(path):
            for field, one in placed_references(resource.request):
                if one.location == path:
                    yield Misfit(resource, field, error.message, error.hint)


def _digests(
    reader: "_Reader", paths: Iterable[str], cache: Path | None
) -> tuple[dict[str, Digest], dict[str, _UnusableError]]:
    """Return the digest of every usable file, from the cache where that can be trusted."""
    kept = recall(cache, Kind.FILE)
    digests: dict[str, Digest] = {}
    unusable: dict[str, _UnusableError] = {}
    fresh: dict[str, str] = {}
    used: set[str] = set()
    for path in paths:
        try:
            identity = reader.identity(path)
            if identity in kept:
                used.add(identity)
                digests[path] = Digest(kept[identity])
                continue
            digests[path] = reader.digest(path)
            if identity is not None and identity == reader.identity(path):
                fresh[identity] = digests[path]
        except _UnusableError as error:
            unusable[path] = error
    if fresh or kept.keys() - used:
        keep(cache, Kind.FILE, fresh, still_used=used)
    return digests, unusable


class _Reader:
    """Reads files below one project's root."""

    def __init__(self, root: Path, tops: Iterable[str]) -> None:
        self._root = root
        self._inside = [(root / top).resolve() for top in ("", *tops)]

    def identity(self, path: str) -> str | None:
        """Return what changes with the file; None while it may change without that."""
        try:
            real = (self._root / path).resolve()
            found = real.stat()
        except (OSError, RuntimeError) as error:
            raise self._missing(path, error) from None
        if not any(real.is_relative_to(top) for top in self._inside):
            raise _UnusableError(f"`{path}` leads out of the project", "copy the picture into it")
        if stat.S_ISDIR(found.st_mode):
            raise _UnusableError(f"`{path}` is a folder", "name one picture in it")
        if not stat.S_ISREG(found.st_mode):
            raise _UnusableError(f"`{path}` is no file")
        if time.time_ns() - found.st_mtime_ns < _CALM_NS:
            return None
        times = f"{found.st_mtime_ns} {found.st_ctime_ns}"
        return f"{path}\0{found.st_size} {times} {found.st_dev} {found.st_ino}"

    def digest(self, path: str) -> Digest:
        """Return the SHA-256 of a picture's bytes."""
        try:
            with (self._root / path).open("rb") as file:
                _check_head(path, file.read(_HEAD))
                file.seek(0)
                return Digest(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise _UnusableError(f"`{path}` cannot be read: {error.strerror}") from None

    def _missing(self, path: str, error: OSError | RuntimeError) -> _UnusableError:
        """Return why there is nothing under a path; links in a circle are a RuntimeError."""
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            why = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
            return _UnusableError(f"`{path}` cannot be read: {why}")
        near = _nearest_name(Path(path), self._neighbours(path))
        hint = f"did you mean `{Path(path).with_name(near)}`?" if near else _RELATIVE
        return _UnusableError(f"there is no file `{path}`", hint)

    def _neighbours(self, path: str) -> list[str]:
        folder = (self._root / path).parent
        try:
            return sorted(one.name for one in islice(folder.iterdir(), _LISTED))
        except OSError:
            return []


def _nearest_name(path: Path, names: Iterable[str]) -> str | None:
    """Return the name that may be meant; a common ending alone says nothing about that."""
    by_stem = {Path(name).stem: name for name in names}
    near = path.stem if path.stem in by_stem else nearest(path.stem, by_stem, _CLOSE)
    return near and by_stem[near]


_CLOSE: Final = 0.7
_RELATIVE: Final = "paths are relative to the folder of reconciler.yaml"


def _check_head(path: str, head: bytes) -> None:
    if not head:
        raise _UnusableError(f"`{path}` is empty")
    if not _is_picture(head):
        hint = "PNG, JPEG, WebP and GIF can be sent"
        raise _UnusableError(f"`{path}` is no picture, by its first bytes", hint)


def _is_picture(head: bytes) -> bool:
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return is_webp or head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"))
