"""A database file that is read and provably not written: no journal, no index file, no lock left.

SQLite's own read-only mode is not enough: for a file in WAL mode it creates `-wal` and `-shm`, and
fails where it may not. So the way in depends on what lies there:

- no file: an empty database in memory;
- a `-wal` with a `-shm`, of a live or dead run: SQLite's protocol with a read-only `-shm`;
- a `-wal` alone, from a copy, or with an index that is being made: file and journal are copied to
  a temporary folder and read there;
- neither: the file is read as if nobody could change it (`immutable`), and each answer is thrown
  away and asked for again if somebody did change it meanwhile.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import NoReturn, TypeVar

from reconciler.errors import StateError
from reconciler.state.faults import translated
from reconciler.state.schema import build, pending

T = TypeVar("T")
_TRIES = 20
_WAIT_S = 10.0


_Trace = tuple[int, int, int] | None
"""A file's number, size and time; None if there is no file."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes when somebody writes."""

    file: _Trace
    journal: _Trace

    @property
    def has_journal(self) -> bool:
        """Whether commits may stand in the journal only."""
        return self.journal is not None and self.journal[1] > 0


@dataclass(frozen=True, slots=True)
class _Opened:
    """A connection, and the stamp it is good for; None where SQLite itself sees every change."""

    connection: sqlite3.Connection
    valid_for: _Stamp | None


class ReadOnlyDatabase:
    """Answers questions about the file at `path`, which need not exist. Safe to use in threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = RLock()
        with translated(path):
            self._opened = self._open()

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Return the answer, from one moment of the database. Raises StateError."""
        failure: Exception | None = None
        with self._guard, translated(self._path):
            for _ in range(_TRIES):
                try:
                    answer = _in_one_moment(self._opened.connection, question)
                except sqlite3.ProgrammingError:
                    raise  # a bug of ours, such as a question to a closed store
                except (sqlite3.Error, ValueError, KeyError) as error:  # torn rows may not parse
                    if not self._is_in_motion():
                        raise
                    failure = error
                else:
                    if not self._has_moved():
                        return answer
                self._reopen()
            raise failure or _in_endless_motion(self._path)

    def transaction(self) -> NoReturn:
        """Refuse: a caller who writes must open for writing."""
        raise StateError(f"the database is open for reading only: {self._path}")

    def close(self) -> None:
        """Let go of the file; more than once is fine."""
        self._opened.connection.close()

    def _has_moved(self) -> bool:
        valid_for = self._opened.valid_for
        return valid_for is not None and valid_for != _stamp(self._path)

    def _is_in_motion(self) -> bool:
        return self._opened.valid_for is None or self._has_moved()

    def _reopen(self) -> None:
        self._opened.connection.close()
        self._opened = self._open()

    def _open(self) -> _Opened:
        """Open what lies there now; a run that ends meanwhile takes files away, so look again."""
        while True:
            stamp = _stamp(self._path)
            try:
                return _open(self._path, stamp)
            except (sqlite3.Error, OSError, StateError):
                if stamp == _stamp(self._path):
                    raise


def _in_one_moment(
    connection: sqlite3.Connection, question: Callable[[sqlite3.Connection], T]
) -> T:
    connection.execute("BEGIN")
    try:
        return question(connection)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _open(path: Path, stamp: _Stamp) -> _Opened:
    try:
        return _checked(_as_it_is(path, stamp), path, stamp)
    except sqlite3.OperationalError:
        if not stamp.has_journal:
            raise
        # A run is just making or repairing its index, or died doing so: we may not help it.
        return _checked(_Opened(_copied_elsewhere(path), stamp), path, stamp)


def _checked(opened: _Opened, path: Path, stamp: _Stamp) -> _Opened:
    """Return the same, or a copy under today's schema. Raises StateError for what is not ours."""
    try:
        missing = pending(opened.connection, path)
        if not missing:
            return opened
        copy = _in_memory(opened.connection)
    except BaseException:
        opened.connection.close()
        raise
    opened.connection.close()
    build(copy, missing)
    return _Opened(copy, stamp)


def _in_endless_motion(path: Path) -> StateError:
    return StateError(f"the database keeps changing: {path}", hint="wait for the other run to end")


def _as_it_is(path: Path, stamp: _Stamp) -> _Opened:
    if stamp.file is None:
        return _Opened(_connect(":memory:"), stamp)
    location = path.resolve().as_uri()
    if not stamp.has_journal:
        return _Opened(_connect(f"{location}?mode=ro&immutable=1"), stamp)
    if _beside(path, "-shm").exists():
        return _Opened(_connect(f"{location}?mode=ro&readonly_shm=1"), None)
    return _Opened(_copied_elsewhere(path), stamp)


def _connect(name: str) -> sqlite3.Connection:
    """Connect without the driver's own idea of transactions; `ask` has the lock for threads."""
    return sqlite3.connect(
        name, uri=True, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
    )


def _copied_elsewhere(path: Path) -> sqlite3.Connection:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        shutil.copyfile(_beside(path, "-wal"), _beside(copy, "-wal"))
        with closing(_connect(copy.as_uri())) as source:
            return _in_memory(source)


def _in_memory(source: sqlite3.Connection) -> sqlite3.Connection:
    copy = _connect(":memory:")
    source.backup(copy)
    return copy


def _stamp(path: Path) -> _Stamp:
    return _Stamp(_trace(path), _trace(_beside(path, "-wal")))


def _trace(path: Path) -> _Trace:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
