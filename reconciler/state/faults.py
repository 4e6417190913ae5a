"""SQLite's errors in words for a user. None of them passes this border as itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from reconciler.errors import StateError


class Fault(NamedTuple):
    """A summary that the file's name is added to, and what to do next."""

    summary: str
    hint: str


_BUG = Fault("the database refused a statement of ours", "this is a bug: please report it")
_BUSY = Fault(
    "another process keeps the database busy", "wait for it to end, or close what has it open"
)
_READ_ONLY = Fault("the database cannot be written", "check who owns the file and its folder")
_DISK = Fault(
    "the disk failed while the database was used",
    "check the disk; what was recorded before is still there",
)
_CORRUPT = Fault(
    "the database is damaged",
    "keep a copy, then restore a backup; without it, all that was bought would be bought again",
)
_NO_DATABASE = Fault(
    "this file is no database",
    "look at it before you move it: without its database, a project buys everything again",
)
_FULL = Fault("the disk is full", "free some space and run again; nothing is half written")
_UNOPENED = Fault(
    "the database cannot be opened", "check that the path exists and who may read and write it"
)
_MEMORY = Fault("there is not enough memory for the database", "close other programs and run again")
_CONFLICT = Fault(
    "the database already holds something else here",
    "another run may have written it: run `reconcile plan` again",
)

FAULTS = MappingProxyType(
    {
        sqlite3.SQLITE_ERROR: _BUG,
        sqlite3.SQLITE_INTERNAL: _BUG,
        sqlite3.SQLITE_PERM: _READ_ONLY,
        sqlite3.SQLITE_ABORT: _BUG,
        sqlite3.SQLITE_BUSY: _BUSY,
        sqlite3.SQLITE_LOCKED: _BUSY,
        sqlite3.SQLITE_NOMEM: _MEMORY,
        sqlite3.SQLITE_READONLY: _READ_ONLY,
        sqlite3.SQLITE_INTERRUPT: _BUG,
        sqlite3.SQLITE_IOERR: _DISK,
        sqlite3.SQLITE_CORRUPT: _CORRUPT,
        sqlite3.SQLITE_NOTFOUND: _BUG,
        sqlite3.SQLITE_FULL: _FULL,
        sqlite3.SQLITE_CANTOPEN: _UNOPENED,
        sqlite3.SQLITE_PROTOCOL: _BUSY,
        sqlite3.SQLITE_EMPTY: _BUG,
        sqlite3.SQLITE_SCHEMA: _BUSY,
        sqlite3.SQLITE_TOOBIG: _BUG,
        sqlite3.SQLITE_CONSTRAINT: _CONFLICT,
        sqlite3.SQLITE_MISMATCH: _BUG,
        sqlite3.SQLITE_MISUSE: _BUG,
        sqlite3.SQLITE_NOLFS: _DISK,
        sqlite3.SQLITE_AUTH: _READ_ONLY,
        sqlite3.SQLITE_FORMAT: _CORRUPT,
        sqlite3.SQLITE_RANGE: _BUG,
        sqlite3.SQLITE_NOTADB: _NO_DATABASE,
    }
)
"""A fault for each of SQLite's primary result codes (sqlite.org/rescode.html)."""

_PRIMARY = 0xFF


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say about the database at `path` into StateError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _told(error, path) from error
    except (OverflowError, UnicodeEncodeError) as error:
        summary = f"a value cannot be stored: {path}"
        raise StateError(summary, details=(str(error),), hint=_BUG.hint) from error
    except OSError as error:
        words = error.strerror or str(error)
        raise StateError(
            f"{_UNOPENED.summary}: {path}", details=(words,), hint=_UNOPENED.hint
        ) from error


def _told(error: sqlite3.Error, path: Path) -> StateError:
    # Misuse of a closed connection carries no code at all.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & _PRIMARY
    fault = FAULTS.get(code, _BUG)
    details = [f"SQLite says: {error}"]
    if path.is_dir():
        fault = _UNOPENED
        details.append("the path is a folder, not a file")
    if code == sqlite3.SQLITE_CORRUPT:
        details += _damage(path)
    return StateError(f"{fault.summary}: {path}", details=details, hint=fault.hint)


def _damage(path: Path) -> list[str]:
    """Return the first findings of a check; only asked for when there is damage."""
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            return [f"check: {line}" for (line,) in connection.execute("PRAGMA quick_check(3)")]
        finally:
            connection.close()
    except sqlite3.Error:
        return []
