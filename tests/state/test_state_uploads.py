"""Uploads on record, reports, and tasks of two steps: what the sixth migration brought."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database
from state_examples import NOW, RUN, a_purchase

from reconciler.ids import Address, Digest, ProviderName, TaskId
from reconciler.purchase import (
    NO_REPORT,
    Accepted,
    Delivered,
    Paused,
    Phase,
    Purchase,
    Report,
    Sending,
)
from reconciler.state.records import UploadRecord
from reconciler.state.schema import STEPS
from reconciler.state.store import UNLIMITED, Store
from reconciler.state.writable import migrate

STONE = UploadRecord(
    ProviderName("apimart"),
    "https://api.example.com/",
    Digest("ab" * 32),
    "picture",
    "https://upload.example.com/1",
    NOW,
    NOW + timedelta(hours=72),
)
WHICH = (STONE.provider, STONE.origin, STONE.digest, STONE.form)
SECOND = timedelta(seconds=1)


def in_flight(store: Store) -> Purchase:
    """Write down a purchase whose task waits for its second step."""
    one = a_purchase()
    store.intend(one, UNLIMITED, RUN)
    for event in (Sending(), Accepted(TaskId("t-1")), Paused()):
        one = store.record(one, event, NOW, RUN)
    return one


def test_an_upload_is_found_as_long_as_it_lives(tmp_path: Path) -> None:
    """Up to its end and not at it; and only at its provider's API, for its picture and form."""
    with Store.open(tmp_path / "a.db") as store:
        store.note_upload(STONE, RUN, Address("moss"))
    with Store.open(tmp_path / "a.db", read_only=True) as store:
        assert store.upload(*WHICH, NOW) == STONE
        assert store.upload(*WHICH, STONE.expires_at - SECOND) == STONE
        assert store.upload(*WHICH, STONE.expires_at) is None
        for other in (
            replace(STONE, provider=ProviderName("other")),
            replace(STONE, origin="http://sandbox.invalid/"),
            replace(STONE, digest=Digest("cd" * 32)),
            replace(STONE, form="mask"),
        ):
            which = (other.provider, other.origin, other.digest, other.form)
            assert store.upload(*which, NOW) is None


def test_the_upload_that_lives_longest_counts(tmp_path: Path) -> None:
    """Whichever was written first."""
    later = replace(STONE, url="https://upload.example.com/2", expires_at=NOW + timedelta(days=9))
    for name, order in (("a", (STONE, later)), ("b", (later, STONE))):
        with Store.open(tmp_path / f"{name}.db") as store:
            for one in order:
                store.note_upload(one, RUN)
            assert store.upload(*WHICH, NOW) == later


def test_an_upload_is_a_line_of_history(tmp_path: Path) -> None:
    """With the address that needed it first; whoever looks at `last_seq` sees that it changed."""
    with Store.open(tmp_path / "a.db") as store:
        store.note_upload(STONE, RUN, Address("moss"))
        (line,) = store.log(Address("moss"))
        assert line.kind == "uploaded"
        assert line.data["digest"] == STONE.digest
        assert store.last_seq() == line.seq


def test_recovery_leaves_a_task_that_waits(tmp_path: Path) -> None:
    """It was accepted: nothing about it is in doubt, and the next run goes on with it."""
    with Store.open(tmp_path / "a.db") as store:
        waiting = in_flight(store)
        assert store.recover(RUN, NOW + timedelta(days=1)) == []
        assert store.purchase(waiting.id) == waiting
        assert waiting.phase is Phase.MODAL
        assert store.by_task(waiting.provider, TaskId("t-1")) == waiting


def test_the_usual_time_counts_both_steps(tmp_path: Path) -> None:
    """From acceptance to success, however it was waited for in between."""
    with Store.open(tmp_path / "a.db") as store:
        waiting = in_flight(store)
        done = Delivered(("https://x/1",), NOW, None)
        store.record(waiting, done, NOW + timedelta(seconds=90), RUN)
        (usual,) = store.durations(waiting.provider)
        assert usual.median == timedelta(seconds=90)


def test_a_report_stays_with_its_purchase(tmp_path: Path) -> None:
    """Every part of it, through writing, reading and the newest link."""
    report = Report("https://x/grid", "one was removed", "3440", "0f3a-hash")
    with Store.open(tmp_path / "a.db") as store:
        told = Delivered(("https://x/1",), NOW, None, report=report)
        one = store.record(in_flight(store), told, NOW, RUN)
        assert store.purchase(one.id) == one
        assert one.report == report


def test_a_file_of_the_version_before(tmp_path: Path) -> None:
    """What is in flight there has no report, and may wait for a second step from now on."""
    path, one = tmp_path / "a.db", a_purchase(phase=Phase.SUBMITTED, task_id=TaskId("t-1"))
    with closing(Database(path, execute_plugins=False)) as db:
        migrate(db, STEPS[:5])
        db.execute(
            "INSERT INTO purchases (id, fingerprint, take, attempt, address, provider, canonical,"
            " price_micro_usd, phase, created_at, changed_at, task_id)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                one.id, one.fingerprint, 1, 1, one.address, one.provider, one.canonical,
                one.price, one.phase, NOW.isoformat(), NOW.isoformat(), one.task_id,
            ),
        )  # fmt: skip
    with Store.open(path, read_only=True) as store:
        assert store.purchase(one.id) == one
        assert store.upload(*WHICH, NOW) is None
    with Store.open(path) as store:
        assert one.report == NO_REPORT
        assert store.record(one, Paused(), NOW, RUN).phase is Phase.MODAL
        store.note_upload(STONE, RUN)
        assert store.upload(*WHICH, NOW) == STONE


def test_a_report_that_is_no_json_is_refused(tmp_path: Path) -> None:
    """Nobody else's hand can put what cannot be read there."""
    with Store.open(tmp_path / "a.db") as store:
        in_flight(store)
    refused = pytest.raises(sqlite3.IntegrityError, match="json_valid")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, refused:
        connection.execute("UPDATE purchases SET report = 'no json'")
