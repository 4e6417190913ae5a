"""The readable tree of names beside the objects: made, checked, removed, only where it is ours."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from reconciler.assets.disk import disk_errors
from reconciler.assets.making import MAKERS, Maker, View, make_view
from reconciler.assets.objects import ObjectStore
from reconciler.assets.places import Found, Kind, Places, check_path, link_target
from reconciler.config import ViewMode
from reconciler.errors import AssetError
from reconciler.ids import Digest


@dataclass(frozen=True, slots=True)
class Differences:
    """View files that are not as wanted.

    `missing`: absent, or showing another object of ours; writing makes them right. `foreign`:
    somebody else's file, link or folder is in the way; it is never touched.
    """

    missing: frozenset[str]
    foreign: frozenset[str]


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
            if self._mode is ViewMode.LINK and places.links_to(path, digest):
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
                self._make(path, digest, replaces=found.kind is not Kind.ABSENT)
        return frozenset(foreign)

    def remove(self, files: Mapping[str, Digest]) -> frozenset[str]:
        """Remove those that still show what we wrote, then folders left empty; return the rest.

        What shows something else by now belongs to another resource or to a person.
        """
        places = Places(self._folder, self._objects)
        kept, emptied = set(), set()
        for path, digest in files.items():
            check_path(path)
            found = places.look(path, digest)
            if found.shown == digest:
                self._unlink(path)
                emptied.add(path.rpartition("/")[0])
            elif found.kind is not Kind.ABSENT:
                kept.add(path)
        for folder in sorted(emptied, reverse=True):  # the deepest first
            self._remove_if_empty(folder)
        return frozenset(kept)

    def _is_right(self, found: Found, digest: Digest) -> bool:
        return found.shown == digest and found.kind in _FITTING[self._mode]

    def _make(self, path: str, digest: Digest, *, replaces: bool) -> None:
        view = View(self._objects.path(digest), link_target(path, digest), self._folder / path)
        if not self._objects.has(digest):
            raise AssetError(
                f"the object for {path} is missing: {digest}",
                hint="`reconcile plan` shows what has to be fetched again",
            )
        with disk_errors("write a view", view.place):
            view.place.parent.mkdir(parents=True, exist_ok=True)
            make_view(view, self._makers, self._objects.temporary, replaces=replaces)

    def _unlink(self, path: str) -> None:
        place = self._folder / path
        with disk_errors("remove a view", place):
            place.unlink(missing_ok=True)

    def _remove_if_empty(self, folder: str) -> None:
        with suppress(OSError):  # not empty: somebody still needs it
            while folder:
                (self._folder / folder).rmdir()
                folder = folder.rpartition("/")[0]
