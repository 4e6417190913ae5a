"""Ways to make one name show an object: by a link where the file system has links, else a copy."""

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from uuid import uuid4

from reconciler.assets.disk import make_folder
from reconciler.config import ViewMode


class View(NamedTuple):
    """One name to make: the object, what a link to it says, and the place of the name."""

    original: Path
    target: str
    place: Path


Maker = Callable[[View], None]
"""Makes a view where nothing is. Raises OSError."""


def symbolic_link(view: View) -> None:
    """Make a relative link."""
    view.place.symlink_to(view.target)


def hard_link(view: View) -> None:
    """Make a second name for the object itself, where symbolic links do not exist."""
    view.place.hardlink_to(view.original)


def copy(view: View) -> None:
    """Make an independent file with the object's time, by which it is recognised as untouched."""
    shutil.copyfile(view.original, view.place)
    times = view.original.stat()
    os.utime(view.place, ns=(times.st_atime_ns, times.st_mtime_ns))
    with view.place.open("r+b") as file:
        os.fsync(file.fileno())


MAKERS: Mapping[ViewMode, tuple[Maker, ...]] = MappingProxyType(
    {ViewMode.LINK: (symbolic_link, hard_link, copy), ViewMode.COPY: (copy,)}
)
"""What to try, in order."""

_UNSUPPORTED = frozenset(
    getattr(errno, name)
    for name in ("EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL", "EXDEV", "EMLINK")
)


def make_view(view: View, makers: tuple[Maker, ...], temporary: Path, *, replaces: bool) -> None:
    """Make the view in the first way that the file system supports. Raises OSError.

    The name shows the old or the new picture at any moment. Where nothing was (`replaces` false) a
    link is made in place: that is quicker, and fails if a person's file came first.
    """
    *preferred, last = makers
    for maker in preferred:
        try:
            return _make_with(maker, view, temporary, replaces=replaces)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    return _make_with(last, view, temporary, replaces=replaces)


def _make_with(maker: Maker, view: View, temporary: Path, *, replaces: bool) -> None:
    if not replaces and maker in (symbolic_link, hard_link):
        return maker(view)
    make_folder(temporary)
    part = temporary / f"view-{uuid4().hex}"
    try:
        maker(view._replace(place=part))
        part.replace(view.place)
    finally:
        part.unlink(missing_ok=True)
    return None
