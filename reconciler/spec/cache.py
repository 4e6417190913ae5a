"""What was compiled from spec files, kept in a small SQLite file that may be deleted at any time.

A cache may never be the reason that something fails: a file that cannot be read, written or
understood counts as empty. And it may never change what is bought: every content has a checksum.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS compiled
    (kind TEXT, digest TEXT, checksum TEXT, content TEXT, PRIMARY KEY (kind, digest));
CREATE TABLE IF NOT EXISTS checked (digest TEXT PRIMARY KEY);
"""
_CHECKED_KEPT = 16
_PATIENCE_S = 0.1
"""How long another process may hold the file before the cache is done without."""


class Kind(StrEnum):
    """What a content was compiled from."""

    SPEC = "spec"
    CONFIG = "config"
    FILE = "file"
    """Not compiled, but read: a picture's digest, under what changes with the picture."""


def recall(path: Path | None, kind: Kind) -> dict[str, str]:
    """Return the contents of this kind, by digest. Never raises."""
    if path is None:
        return {}
    query = "SELECT digest, checksum, content FROM compiled WHERE kind = ?"
    try:
        if not path.exists():
            return {}
        with _opened(path) as database:
            rows = database.execute(query, (kind.value,)).fetchall()
        return {digest: text for digest, check, text in rows if _checksum(text) == check}
    except (sqlite3.Error, OSError, TypeError, AttributeError, UnicodeError):
        return {}


def keep(
    path: Path | None, kind: Kind, contents: Mapping[str, str], *, still_used: Iterable[str] = ()
) -> None:
    """Keep these contents and those that are still used; forget the others. Never raises."""
    if path is None:
        return
    rows = [(kind.value, digest, _checksum(text), text) for digest, text in contents.items()]
    used = {*still_used, *contents}
    with _forgiven(path), _opened(path) as database:
        database.executescript(_SCHEMA)
        with database:
            known = database.execute("SELECT digest FROM compiled WHERE kind = ?", (kind.value,))
            gone = [(kind.value, one) for (one,) in known.fetchall() if one not in used]
            database.executemany("DELETE FROM compiled WHERE kind = ? AND digest = ?", gone)
            database.executemany("INSERT OR REPLACE INTO compiled VALUES (?, ?, ?, ?)", rows)


def is_checked(cache: Path | None, digest: str) -> bool:
    """Whether `mark_checked` was called for exactly these specs. Never raises."""
    if cache is None:
        return False
    try:
        if not cache.exists():
            return False
        with _opened(cache) as database:
            found = database.execute("SELECT 1 FROM checked WHERE digest = ?", (digest,))
            return found.fetchone() is not None
    except (sqlite3.Error, OSError):
        return False


def mark_checked(cache: Path | None, digest: str) -> None:
    """Remember that the provider's rules found nothing wrong with these specs. Never raises."""
    if cache is None:
        return
    with _forgiven(cache), _opened(cache) as database:
        database.executescript(_SCHEMA)
        with database:
            database.execute("INSERT OR REPLACE INTO checked VALUES (?)", (digest,))
            database.execute(
                "DELETE FROM checked WHERE rowid NOT IN"
                " (SELECT rowid FROM checked ORDER BY rowid DESC LIMIT ?)",
                (_CHECKED_KEPT,),
            )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_PATIENCE_S)
    try:
        yield database
    finally:
        database.close()


@contextlib.contextmanager
def _forgiven(path: Path) -> Iterator[None]:
    """Let a cache that cannot be written be; remove one that is no database any more."""
    try:
        yield
    except (sqlite3.OperationalError, OSError):
        return
    except sqlite3.DatabaseError:
        with contextlib.suppress(OSError):
            path.unlink()


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
