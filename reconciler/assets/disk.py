"""The few file operations that must survive a power cut, and their failures in words for a user."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

from reconciler.errors import AssetError

_HINTS = MappingProxyType(
    {
        errno.ENOSPC: "free some space and run again; what was paid for is fetched again for free",
        errno.EDQUOT: "your quota is used up: free some space and run again",
        errno.EFBIG: "the file system or a limit does not allow files of this size",
        errno.EACCES: "check who owns the asset folder, and its permissions",
        errno.EPERM: "check who owns the asset folder, and its permissions",
        errno.EROFS: "the file system is read-only",
        errno.ENOTDIR: "something that is not a folder is in the way: move it",
        errno.EISDIR: "a folder is in the way: move it",
        errno.EEXIST: "something is in the way: move it",
        errno.EMFILE: "too many files are open: raise the limit (`ulimit -n`)",
        errno.ENAMETOOLONG: "the path is too long: keep the project in a shorter one",
        errno.EXDEV: "keep .objects and the views on one file system",
        errno.EIO: "the disk reports an error: check it",
    }
)
_OTHER = "check the asset folder"


@contextmanager
def disk_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn a failure of the file system into AssetError; `doing` completes `cannot …`."""
    try:
        yield
    except OSError as error:
        raise AssetError(
            f"cannot {doing}: {path}",
            details=(error.strerror or str(error),),
            hint=_HINTS.get(error.errno or 0, _OTHER),
        ) from error


def make_folder(folder: Path) -> None:
    """Make a folder and its parents; they are still there after a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    flush_folder(folder.parent)


def write_whole(place: Path, content: bytes) -> None:
    """Make a file or replace it: after a crash it is the old one or the new one. Raises OSError."""
    make_folder(place.parent)
    part = place.parent / f".{place.name}.{uuid4().hex}.part"
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    flush_folder(place.parent)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows cannot open folders and needs no such thing."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
