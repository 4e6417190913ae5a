"""The readable tree of names beside the objects: made, checked, removed, only where it is ours."""

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

from reconciler.assets.disk import disk_errors, make_folder
from reconciler.assets.objects import ObjectStore
from reconciler.assets.places import Found, Kind, Places, check_path, link_target
from reconciler.errors import AssetError
from reconciler.ids import Digest


class ViewMode(StrEnum):
    """How a name shows an object: by a link to it, or as a file of its own."""

    LINK = "link"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Differences:
    """View files that are not as wanted.

    `missing`: absent, or showing another object of ours; writing makes them right. `foreign`:
    somebody else's file, link or folder is in the way; it is never touched.
    """

    missing: frozenset[str]
    foreign: frozenset[str]


Maker = Callable[[Path, str, Path], None]
"""Makes one view: (object, link target, place). Raises OSError."""


def symbolic_link(_original: Path, target: str, place: Path) -> None:
    """Make a relative link."""
    place.symlink_to(target)


def hard_link(original: Path, _target: str, place: Path) -> None:
    """Make a second name for the object itself, where symbolic links do not exist."""
    place.hardlink_to(original)


def copy(original: Path, _target: str, place: Path) -> None:
    """Make an independent file with the object's time, by which it is recognised as untouched."""
    shutil.copyfile(original, place)
    times = original.stat()
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    with place.open("r+b") as file:
        os.fsync(file.fileno())


MAKERS: Mapping[ViewMode, tuple[Maker, ...]] = MappingProxyType(
    {ViewMode.LINK: (symbolic_link, hard_link, copy), ViewMode.COPY: (copy,)}
)
"""What to try, in order, where the file system does not support the first."""

_UNSUPPORTED = frozenset(
    {
        errno.EPERM,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.ENOSYS,
        errno.EINVAL,
        errno.EXDEV,
        errno.EMLINK,
    }
)
_FITTING = MappingProxyType(
    {
        ViewMode.LINK: frozenset({Kind.LINK, Kind.SHARED, Kind.COPY}),
        ViewMode.COPY: frozenset({Kind.COPY}),
    }
)


class Views:
    """The views of an asset folder. All paths are relative to it, with `/` between the parts."""

    def __init__(
        self,
        folder: Path,
        objects: ObjectStore,
        mode: ViewMode,
        makers: tuple[Maker, ...] | None = None,
    ) -> None:
        self._folder = folder
        self._objects = objects
        self._mode = mode
        self._makers = MAKERS[mode] if makers is None else makers

    def missing_or_foreign(self, wanted: Mapping[str, Digest]) -> Differences:
        """Compare the tree with what is wanted; bytes are read only of files that look changed."""
        places = Places(self._folder, self._objects)
        missing, foreign = set(), set()
        for path, digest in wanted.items():
            if self._mode is ViewMode.LINK and places.shows(path, link_target(path, digest)):
                continue
            found = places.look(path, digest)
            if found.kind is Kind.FOREIGN:
                foreign.add(path)
            elif not self._is_right(found, digest):
                missing.add(path)
        return Differences(frozenset(missing), frozenset(foreign))

    def write(self, wanted: Mapping[str, Digest]) -> frozenset[str]:
        """Make the files show what is wanted; return those left alone, as they are foreign.

        Each file changes at once or not at all. Raises AssetError when an object is missing, a path
        leaves the asset folder, or the disk fails.
        """
        places = Places(self._folder, self._objects)
        foreign = set()
        for path, digest in wanted.items():
            check_path(path)
            found = places.look(path, digest)
            if found.kind is Kind.FOREIGN:
                foreign.add(path)
            elif not self._is_right(found, digest):
                self._make(path, digest)
        return frozenset(foreign)

    def remove(self, files: Mapping[str, Digest]) -> frozenset[str]:
        """Remove those that still show what we wrote, then folders left empty; return the rest.

        What shows something else by now belongs to another resource or to a person.
        """
        places = Places(self._folder, self._objects)
        kept = set()
        for path, digest in files.items():
            check_path(path)
            found = places.look(path, digest)
            if found.shown == digest:
                self._unlink(path)
            elif found.kind is not Kind.ABSENT:
                kept.add(path)
        return frozenset(kept)

    def _is_right(self, found: Found, digest: Digest) -> bool:
        return found.shown == digest and found.kind in _FITTING[self._mode]

    def _make(self, path: str, digest: Digest) -> None:
        original, place = self._objects.path(digest), self._folder / path
        if not self._objects.has(digest):
            raise AssetError(
                f"the object for {path} is missing: {digest}",
                hint="`reconcile plan` shows what has to be fetched again",
            )
        with disk_errors("write a view", place):
            place.parent.mkdir(parents=True, exist_ok=True)
            make_folder(self._objects.temporary)
            part = self._objects.temporary / f"view-{uuid4().hex}"
            try:
                self._make_somehow(original, link_target(path, digest), part)
                part.replace(place)
            finally:
                part.unlink(missing_ok=True)

    def _make_somehow(self, original: Path, target: str, part: Path) -> None:
        *preferred, last = self._makers
        for make in preferred:
            try:
                return make(original, target, part)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
        return last(original, target, part)

    def _unlink(self, path: str) -> None:
        place = self._folder / path
        with disk_errors("remove a view", place):
            place.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: somebody still needs it
            for parent in place.parents:
                if parent == self._folder:
                    break
                parent.rmdir()
