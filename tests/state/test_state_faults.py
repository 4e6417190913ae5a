"""SQLite's errors come out as ours, and the history cannot be rewritten."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database
from state_examples import NOW, RUN, a_purchase

from reconciler.errors import StateError
from reconciler.ids import Address, IntentId
from reconciler.purchase import Accepted, Sending
from reconciler.state.faults import FAULTS, translated
from reconciler.state.store import UNLIMITED, Store, ViewRecord

_LAST_PRIMARY_CODE = 26


def connection_of(store: Store) -> sqlite3.Connection:
    """Return the connection below a store, to put it into trouble."""
    database = store._database._db  # type: ignore[union-attr]
    connection: sqlite3.Connection = database.conn
    return connection


def test_every_result_code_has_words() -> None:
    """Codes 1 to 26 are SQLite's primary errors; a new one must not pass unseen."""
    assert set(FAULTS) == set(range(1, _LAST_PRIMARY_CODE + 1))
    assert all(fault.summary and fault.hint for fault in FAULTS.values())


@pytest.mark.parametrize(
    "code", [*range(1, _LAST_PRIMARY_CODE + 1), 266, 2067, 5 | 2 << 8, 99, None]
)
def test_no_sqlite_error_passes(code: int | None) -> None:
    """Extended codes are told as their primary one; unknown and missing ones as a bug."""
    error = sqlite3.DatabaseError("words of SQLite")
    if code is not None:
        error.sqlite_errorcode = code
    with pytest.raises(StateError) as caught, translated(Path("a.db")):
        raise error
    assert caught.value.summary.endswith(": a.db")
    assert not Path("a.db").exists(), "looking for damage must not create a file"
    assert "words of SQLite" in caught.value.details[0]
    assert caught.value.hint


def test_a_full_disk_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    """The failed change is undone; the store works again when there is room."""
    with Store.open(tmp_path / "a.db") as store:
        connection = connection_of(store)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        done = 0
        with pytest.raises(StateError, match="disk is full"):  # noqa: PT012 - fails at some point
            while True:
                store.intend(a_purchase(done), UNLIMITED, RUN)
                done += 1
        assert len(store.latest()) == len(store.log()) == done > 0
        connection.execute("PRAGMA max_page_count = 1000000")
        store.intend(a_purchase(done), UNLIMITED, RUN)


def test_a_busy_database_is_named_after_the_wait(tmp_path: Path) -> None:
    """Somebody has it open in another tool, with a transaction that does not end."""
    path = tmp_path / "a.db"
    with Store.open(path) as store, closing(sqlite3.connect(path)) as other:
        connection_of(store).execute("PRAGMA busy_timeout = 1")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="keeps the database busy"):
            store.intend(a_purchase(), UNLIMITED, RUN)
        assert store.latest() == {}
        other.rollback()
        store.intend(a_purchase(), UNLIMITED, RUN)


def test_values_that_cannot_be_stored_are_told_and_write_nothing(tmp_path: Path) -> None:
    """Half a surrogate pair, or a number beyond 64 bits."""
    with Store.open(tmp_path / "a.db") as store:
        with pytest.raises(StateError, match="cannot be stored"):
            store.intend(a_purchase(take=2**80), UNLIMITED, RUN)
        one = a_purchase()
        store.intend(one, UNLIMITED, RUN)
        one = store.record(one, Sending(), NOW, RUN)
        with pytest.raises(StateError, match="cannot be stored"):
            store.record(one, Accepted("\ud800"), NOW, RUN)  # type: ignore[arg-type]
        assert store.purchase(one.id) == one


def test_a_time_without_a_zone_is_a_bug(tmp_path: Path) -> None:
    """Nobody could say later when that was."""
    with Store.open(tmp_path / "a.db") as store, pytest.raises(ValueError, match="without a zone"):
        store.note(RUN, "x", now=NOW.replace(tzinfo=None))


def test_a_view_of_nothing_bought_is_refused(tmp_path: Path) -> None:
    """Foreign keys are on."""
    view = ViewRecord(Address("a"), IntentId("nobody"), a_purchase().fingerprint, 1, None, {})
    with Store.open(tmp_path / "a.db") as store, pytest.raises(StateError, match="already holds"):
        store.set_view(view, now=NOW, run=RUN)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET kind = 'other'",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events (seq, at, run, kind, data) VALUES (1, '', '', '', '{}')",
    ],
)
def test_the_history_is_append_only(tmp_path: Path, statement: str) -> None:
    """The database refuses it from every tool, and from us."""
    with Store.open(tmp_path / "a.db") as store:
        store.note(RUN, "first", now=NOW)
    with closing(Database(tmp_path / "a.db", execute_plugins=False)) as db:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(statement)
        assert db.execute("SELECT kind FROM events").fetchall() == [("first",)]


def test_a_run_that_never_started_cannot_end(tmp_path: Path) -> None:
    """It would be lost without a word."""
    with (
        Store.open(tmp_path / "a.db") as store,
        pytest.raises(StateError, match="this run is not on record"),
    ):
        store.end_run(RUN, NOW, "done")
