"""The database of a project that is being written: durable, migrated, one writer at a time.

Only this module imports sqlite-utils, which takes 50 ms: whoever only reads never loads it.
"""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TypeVar

from sqlite_utils import Database, Migrations

from reconciler.state.faults import translated
from reconciler.state.schema import SET_NAME, STEPS, Step, build, pending

T = TypeVar("T")
_WAIT_S = 10.0


class WritableDatabase:
    """The file at `path`, made and migrated where needed. Safe to use in threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = RLock()
        with translated(path):
            self._db = _open(path)

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Return the answer, from one moment of the database. Raises StateError."""
        with self._guard, translated(self._path), self._db.atomic():
            return question(self._db.conn)

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """All or nothing, durable at the end; an exception undoes it. Raises StateError."""
        with self._guard, translated(self._path), _writing(self._db):
            yield self._db

    def close(self) -> None:
        """Let go of the file; more than once is fine."""
        with self._guard, translated(self._path):
            self._db.close()


def migrate(db: Database, steps: tuple[Step, ...] = STEPS) -> None:
    """Run the steps that the file lacks, each with the record of it; all of them, or none."""
    migrations = Migrations(SET_NAME)
    for step in steps:
        migrations(name=step.name)(_runner(step))
    with _writing(db):
        migrations.apply(db)


def _open(path: Path) -> Database:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
    )
    try:
        missing = pending(connection, path)  # before the first write: it may be somebody else's
        db = _durable(connection)
        if missing:
            migrate(db)
            _flush_folder(path.parent)
        # SQLite opens what it may only read without a word: find out before anything is sent.
        db.execute("DELETE FROM views WHERE 0")
    except BaseException:
        connection.close()
        raise
    return db


def _durable(connection: sqlite3.Connection) -> Database:
    """Each commit is on the disk before it returns: an intent must survive a power cut."""
    db = Database(connection, execute_plugins=False)
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        db.execute(f"PRAGMA {setting}").fetchall()
    return db


@contextmanager
def _writing(db: Database) -> Iterator[None]:
    """Like `db.atomic()`, but nobody else can write from the start.

    `atomic` takes the write lock with the first write; what was read before it, such as the money
    already spent, could be outdated by then.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _runner(step: Step) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        build(db.conn, (step,))

    run.__name__ = step.name
    return run


def _flush_folder(folder: Path) -> None:
    """Make the new file's name durable; Windows cannot open folders and needs no such thing."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
