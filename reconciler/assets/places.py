"""What lies at a view's place, and whose it is. Nothing is written here.

Ours is what can be made again from the objects: a symbolic link into `.objects`, or a regular file
whose bytes are one of our objects. All else is foreign: a person's edit, a folder, another's link.
"""

import os
import re
import stat
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from reconciler.assets.objects import FOLDER, ObjectStore, digest_of, object_path
from reconciler.errors import AssetError
from reconciler.ids import Digest

_LINK_TARGET = re.compile(rf"(?:\.\./)*{re.escape(FOLDER)}/(?:[0-9a-f]{{2}}/)+([0-9a-f]{{64}})")


class Kind(StrEnum):
    """What lies at a place. `shared` is a hard link to the object itself."""

    ABSENT = "absent"
    LINK = "link"
    SHARED = "shared"
    COPY = "copy"
    FOREIGN = "foreign"


class Found(NamedTuple):
    """What lies at a place, and the object it shows if it is ours."""

    kind: Kind
    shown: Digest | None = None


_ABSENT = Found(Kind.ABSENT)
_FOREIGN = Found(Kind.FOREIGN)


def link_target(path: str, digest: Digest) -> str:
    """Return what a view's link says: relative, so that the folder can be moved as a whole."""
    return "../" * path.count("/") + object_path(digest)


def check_path(path: str) -> None:
    """Raise AssetError for a view that would lie outside the asset folder, or among the objects."""
    parts = path.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or "\\" in path or parts[0].casefold() == FOLDER:
        raise AssetError(
            f"this is no place for a view: {path!r}", hint="was a file of ours edited?"
        )


class Places:
    """Looks at the views' places in an asset folder; a folder is looked at once.

    Use a new one for each pass: it remembers which folders are real.
    """

    def __init__(self, folder: Path, objects: ObjectStore) -> None:
        self._text = os.fspath(folder)
        self._objects = objects
        self._real = {"": True}

    def links_to(self, path: str, digest: Digest) -> bool:
        """Whether the link is there as we would make it: the quick answer for most views."""
        try:
            target = os.readlink(f"{self._text}/{path}")  # noqa: PTH115 - asked 150,000 times
        except OSError:
            return False
        return target == link_target(path, digest) and self.is_below_real_folders(path)

    def look(self, path: str, expected: Digest) -> Found:
        """Return what lies there; `expected` spares reading a file that looks untouched."""
        if not self.is_below_real_folders(path):
            return _FOREIGN
        place = f"{self._text}/{path}"
        try:
            found = os.lstat(place)
            if stat.S_ISLNK(found.st_mode):
                return _of_link(os.readlink(place))  # noqa: PTH115 - asked 150,000 times
            if stat.S_ISREG(found.st_mode):
                return self._of_file(Path(place), found, expected)
        except FileNotFoundError:
            return _ABSENT
        except OSError:  # we may not even look: then it is not ours
            return _FOREIGN
        return _FOREIGN

    def is_below_real_folders(self, path: str) -> bool:
        """Whether no parent is a link or a file: what is written there stays in the folder."""
        parent = path.rpartition("/")[0]
        known = self._real.get(parent)
        if known is None:
            known = self._real[parent] = self.is_below_real_folders(parent) and self._is_real(
                parent
            )
        return known

    def _is_real(self, parent: str) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(f"{self._text}/{parent}").st_mode)
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def _of_file(self, place: Path, found: os.stat_result, expected: Digest) -> Found:
        try:
            original = self._objects.path(expected).stat()
        except OSError:
            original = None
        if original is not None:
            if os.path.samestat(found, original):
                return Found(Kind.SHARED, expected)
            if (found.st_size, found.st_mtime_ns) == (original.st_size, original.st_mtime_ns):
                return Found(Kind.COPY, expected)
        digest = digest_of(place)
        is_ours = digest == expected or self._objects.has(digest)
        return Found(Kind.COPY, digest) if is_ours else _FOREIGN


def _of_link(target: str) -> Found:
    match = _LINK_TARGET.fullmatch(target.replace(os.sep, "/"))
    return Found(Kind.LINK, Digest(match[1])) if match else _FOREIGN
