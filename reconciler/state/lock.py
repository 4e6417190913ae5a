"""One run at a time: a lock of the operating system, which dies with the process that holds it.

The lock lies on a file that stays; what the file says (who, where, since when) is only for people
and may be missing or garbage. `acquire` takes the lock alone, `holder` looks by taking it shared.
"""

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from types import TracebackType
from typing import Self

from reconciler.errors import LockedError, StateError

_TRIES = 50
_PAUSE_S = 0.002
_LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a project. `pid` None: somebody does, but did not say who."""

    pid: int | None = None
    host: str = ""
    command: str = ""
    since: datetime | None = None

    def __str__(self) -> str:
        if self.pid is None:
            return "unknown process"
        words = [f"pid {self.pid} on {self.host}", f"`{self.command}`"]
        if self.since is not None:
            words.append(f"since {self.since.astimezone():%H:%M:%S}")
        return ", ".join(words)


class RunLock:
    """The lock on a project; a context manager. `path` is its file, `run.lock` by custom."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise LockedError that names who has it."""
        with _told(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                self._take(descriptor)
            except BaseException:
                os.close(descriptor)
                raise

    def release(self) -> None:
        """Give the lock back; more than once is fine."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            os.ftruncate(descriptor, 0)
            _unlock(descriptor)  # closing is not enough while a forked child has it open too
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        if not _lock_patiently(descriptor):
            raise LockedError(
                f"another run holds this project: {_read(descriptor)}",
                hint="wait for it to end; `reconcile status` shows what it is doing",
            )
        _introduce(descriptor)
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def holder(path: Path) -> Holder | None:
    """Return who holds the lock now, None if nobody does. Writes nothing and never waits.

    Raises StateError when the file cannot be read.
    """
    with _told(path):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return None if _try_lock(descriptor, shared=True) else _read(descriptor)
        finally:
            os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    _FAR_BEHIND = 1 << 30  # a locked byte cannot be read: keep away from the text

    def _try_lock(descriptor: int, *, shared: bool) -> bool:  # noqa: ARG001 - Windows has one kind
        os.lseek(descriptor, _FAR_BEHIND, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR_BEHIND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int, *, shared: bool) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _lock_patiently(descriptor: int) -> bool:
    """Take the lock alone; who only looks (`holder`) is in the way for a moment, a run is not."""
    for _ in range(_TRIES):
        if _try_lock(descriptor, shared=False):
            return True
        if not _try_lock(descriptor, shared=True):
            return False
        _unlock(descriptor)
        time.sleep(_PAUSE_S * (1 + os.getpid() % 7))  # two processes must not keep step
    return False


def _introduce(descriptor: int) -> None:
    """Say in the file who holds it. Python opens files so that child programs do not get them."""
    program, *arguments = sys.argv or [""]
    us = Holder(
        pid=os.getpid(),
        host=gethostname(),
        command=shlex.join([Path(program).name, *arguments]),
        since=datetime.now(UTC),
    )
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(asdict(us), default=str).encode())


def _read(descriptor: int) -> Holder:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        content = json.loads(os.read(descriptor, _LONGEST))
        since = datetime.fromisoformat(content["since"])
        return Holder(int(content["pid"]), str(content["host"]), str(content["command"]), since)
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return Holder()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"the run lock cannot be used: {path}",
            details=(error.strerror or str(error),),
            hint="check that the folder exists and who may write there",
        ) from error
