"""The SQLite file: its schema, and transactions that several processes may share."""

import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_VERSION = 2

_SCHEMA = """
CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY, vendor TEXT NOT NULL, account TEXT NOT NULL, mode TEXT NOT NULL,
    prompt TEXT NOT NULL,
    content TEXT NOT NULL, price INTEGER NOT NULL, pictures INTEGER NOT NULL,
    commission TEXT NOT NULL, likeness TEXT NOT NULL,
    created REAL NOT NULL, confirmed REAL NOT NULL, started REAL NOT NULL, finished REAL NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    fail_code TEXT, fail_message TEXT, refunded INTEGER NOT NULL DEFAULT 0,
    callback_url TEXT, called_back INTEGER NOT NULL DEFAULT 0, origin TEXT NOT NULL
);
CREATE INDEX tasks_running ON tasks (account, finished);
CREATE INDEX tasks_alike ON tasks (likeness);
CREATE INDEX tasks_to_refund ON tasks (finished) WHERE fail_code IS NOT NULL AND refunded = 0;
CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, account TEXT NOT NULL,
    task_id TEXT NOT NULL REFERENCES tasks, kind TEXT NOT NULL CHECK (kind IN ('charge', 'refund')),
    amount INTEGER NOT NULL, mode TEXT NOT NULL, UNIQUE (task_id, kind)
);
CREATE INDEX ledger_by_account ON ledger (account, kind, amount);
CREATE TABLE faults (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, place TEXT NOT NULL, rule TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0, struck INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE requests (
    vendor TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (vendor, kind)
);
CREATE TABLE arrivals (account TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX arrivals_by_account ON arrivals (account, at);
CREATE TABLE leaks (at REAL NOT NULL, path TEXT NOT NULL, account TEXT NOT NULL);
CREATE TABLE uploads (
    name TEXT PRIMARY KEY, account TEXT NOT NULL, at REAL NOT NULL, media_type TEXT NOT NULL,
    content BLOB NOT NULL
);
"""


class OtherVersionError(sqlite3.DatabaseError):
    """The file was written by another version; play money and play tasks are not migrated."""


class Database:
    """One connection, guarded by a lock; other processes may hold the same file.

    Every change is one transaction that begins as a writer, so what it reads cannot change under
    it. WAL keeps the file whole through a `kill -9`.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=False
        )
        self.close = weakref.finalize(self, self._connection.close)
        self._connection.row_factory = sqlite3.Row
        _use_wal(self._connection)
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self.change() as connection:
            _create(connection, path)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Run the body as one transaction: all of it is kept, or, on an exception, nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Return all rows of a reading query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a reading query."""
        rows = self.rows(query, *values)
        return rows[0] if rows else None


def _create(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == _VERSION:
        return
    if version != 0:
        raise OtherVersionError(f"{path} was written by another version of the sandbox; delete it")
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait for the lock here, so two openers must take turns."""
    for attempt in range(200):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if attempt == 199:  # two seconds: something else is wrong
                raise
            time.sleep(0.01)
        else:
            return
