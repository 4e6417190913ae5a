"""The ledger on disk: it adds up, nothing in it changes, and older files get theirs."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database
from state_examples import NOW, RUN, a_purchase, amounts, booked, onwards

from reconciler.ids import Address, ProviderName, RunId, TaskId
from reconciler.ledger import Sum
from reconciler.money import NOTHING, MicroUsd
from reconciler.policy import FailureKind
from reconciler.purchase import (
    Accepted,
    Delivered,
    Failure,
    Phase,
    Purchase,
    Refused,
    Sending,
    TaskFailed,
)
from reconciler.state.rows import purchase_row
from reconciler.state.schema import STEPS
from reconciler.state.store import UNLIMITED, Store
from reconciler.state.writable import migrate

APIXO = ProviderName("apixo")
FAILURE = Failure(FailureKind.PROVIDER, "500", "no", "later")
POSTER = Address("poster[v=6.1].hero")


def submitted(store: Store, one: Purchase) -> Purchase:
    """Buy it, up to its task id."""
    store.intend(one, UNLIMITED, RUN)
    return store.record(store.record(one, Sending(), NOW, RUN), Accepted(TaskId("t")), NOW, RUN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a reserved, a refunded and a read account."""
    path = tmp_path / "a.db"
    with Store.open(path) as store:
        store.record(submitted(store, a_purchase(1)), TaskFailed(FAILURE, NOTHING), NOW, RUN)
        store.intend(a_purchase(2), UNLIMITED, RUN)
        store.note_balance(APIXO, MicroUsd(5), NOW, RUN)
    return path


@pytest.mark.parametrize("table", ["ledger", "balances", "events"])
@pytest.mark.parametrize("opened", [sqlite3.connect, Database])
@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM {}",
        "UPDATE {} SET run = 'x'",
        "UPDATE {} SET seq = seq + 10",
        "INSERT OR REPLACE INTO {0} SELECT * FROM {0} WHERE seq = 1",
        "REPLACE INTO {0} SELECT * FROM {0}",
    ],
)
def test_what_happened_to_money_is_append_only(
    path: Path, table: str, opened: type[Database], change: str
) -> None:
    """From every tool, whatever it thinks of triggers: not even a row put in another's place."""
    with closing(opened(path)) as db:
        question = f"SELECT * FROM {table}"  # noqa: S608 - our own names
        before = db.execute(question).fetchall()
        assert before
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(change.format(table))
        assert db.execute(question).fetchall() == before


def test_the_intent_its_entry_and_its_line_of_history_are_one_transaction(tmp_path: Path) -> None:
    """And the budget was asked within it: nobody can write between question and answer."""
    with Store.open(tmp_path / "a.db") as store:
        seen: list[str] = []
        store._database.ask(lambda connection: connection.set_trace_callback(seen.append))
        limits = replace(UNLIMITED, per_month=MicroUsd(10**9))
        store.intend(a_purchase(), limits, RUN)
    starts = [number for number, one in enumerate(seen) if one.startswith("BEGIN")]
    writing = seen[starts[-1] :]
    assert writing[0] == "BEGIN IMMEDIATE"
    order = ("FROM ledger", "INTO purchases", "INTO ledger", "INTO events")
    bare = [re.sub(r"[^\w ]", "", one) for one in writing]
    places = [next(n for n, one in enumerate(bare) if part in one) for part in order]
    assert places == sorted(places)
    assert [one for one in writing if "COMMIT" in one] == [writing[-1]]


@settings(max_examples=60)
@given(data=st.data(), price=st.none() | amounts)
def test_the_entries_add_up_all_along_a_life(data: st.DataObject, price: MicroUsd | None) -> None:
    """On disk as in the pure function: after each event, through reports, refunds and doubts."""
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "a.db") as store:
        one = a_purchase(price=price)
        store.intend(one, UNLIMITED, RUN)
        for _ in range(data.draw(st.integers(2, 7))):
            if one.phase in onwards:
                one = store.record(one, data.draw(onwards[one.phase]), NOW, RUN)
            assert booked(store) == {one.id: one.cost or 0}
            assert store.spent_by(RUN) == store.spent_since(NOW) == (one.cost or 0)


OLD_COLUMNS = {
    *("id", "fingerprint", "take", "attempt", "address", "provider", "canonical"),
    *("price_micro_usd", "phase", "created_at", "changed_at", "failure"),
}


def old_file(path: Path, *purchases: tuple[Purchase, str | None]) -> None:
    """Make the database of before the ledger, with purchases and the runs that made them."""
    with closing(Database(path, execute_plugins=False)) as db:
        migrate(db, STEPS[:4])
        for one, run in purchases:
            row = {name: value for name, value in purchase_row(one).items() if name in OLD_COLUMNS}
            db.table("purchases").insert(row | {"run": run})


def everything_old() -> list[tuple[Purchase, str | None]]:
    """Return a purchase in every phase an old file could have, at known and unknown prices."""
    phases = [phase for phase in Phase if phase is not Phase.ABANDONED]
    prices = (MicroUsd(300_000), MicroUsd(0), None)
    return [
        (a_purchase(number, phase=phase, price=price, address=Address(f"p[v=6.1].v{number}")), run)
        for number, (phase, price, run) in enumerate(
            (phase, price, run) for phase in phases for price in prices for run in (RUN, None)
        )
    ]


@pytest.mark.parametrize("read_only", [False, True])
def test_an_older_file_gets_its_ledger(tmp_path: Path, read_only: bool) -> None:
    """Every purchase's entries add up to its cost, on disk and in a reader's memory."""
    path, old = tmp_path / "a.db", everything_old()
    old_file(path, *old)
    with Store.open(path, read_only=read_only) as store:
        assert booked(store) == {one.id: one.cost or 0 for one, _ in old}
        total = sum(one.cost or 0 for one, _ in old)
        assert store.spent_since(NOW) == store.spent_on(Address("p[v=6.1]")) == total
        assert store.spent_by(RUN) == sum(one.cost or 0 for one, run in old if run)
        assert sum(one.unknown for one in store.sums()) == sum(one.cost is None for one, _ in old)
        assert {one.id: store.purchase(one.id) for one, _ in old} == {one.id: one for one, _ in old}


@pytest.mark.parametrize("read_only", [False, True])
def test_an_older_file_knows_how_often_a_take_gave_nothing(tmp_path: Path, read_only: bool) -> None:
    """An upgrade does not try again what failed as often as it may."""
    path = tmp_path / "a.db"
    phases = (Phase.FAILED, Phase.REJECTED, Phase.IN_DOUBT, Phase.CANCELLED, Phase.FAILED)
    attempts = [
        a_purchase(number, fingerprint="f", attempt=number, phase=phase)
        for number, phase in enumerate(phases, start=1)
    ]
    old_file(path, *((one, RUN) for one in attempts), (a_purchase(9, attempt=4), RUN))
    with Store.open(path, read_only=read_only) as store:
        found = [one.fruitless_before for one in store.attempts(attempts[0].key)]
        assert found == [0, 1, 1, 2, 2]
        assert store.attempts(a_purchase(9).key)[0].fruitless_before == 0


def test_a_migrated_file_goes_on_with_its_ledger(tmp_path: Path) -> None:
    """A later refund is an entry beside the one that the migration wrote."""
    path, one = tmp_path / "a.db", a_purchase(phase=Phase.SUBMITTED, address=POSTER)
    old_file(path, (one, RUN))
    with Store.open(path) as store:
        store.record(one, TaskFailed(FAILURE, NOTHING), NOW, RUN)
        assert booked(store) == {one.id: 0}
        assert store.spent_on(Address("poster[v=6.1]")) == store.spent_by(RUN) == 0


def test_sums_keep_apart_who_said_it_and_how_it_stands(tmp_path: Path) -> None:
    """By address, provider, UTC's day and phase; a refund is told beside the amount, not in it."""
    done = Delivered((), NOW, None, MicroUsd(250_000))
    with Store.open(tmp_path / "a.db") as store:
        for number in (1, 2):
            store.record(submitted(store, a_purchase(number, address=POSTER)), done, NOW, RUN)
        failed = submitted(store, a_purchase(3, address=POSTER))
        store.record(failed, TaskFailed(FAILURE, NOTHING), NOW, RUN)
        submitted(store, a_purchase(4, address=POSTER, created_at=NOW - timedelta(hours=6)))
        price, both = MicroUsd(300_000), MicroUsd(500_000)
        assert store.sums() == (
            Sum(POSTER, APIXO, "2026-03-03", Phase.SUBMITTED, False, price, 1, 0, NOTHING),
            Sum(POSTER, APIXO, "2026-03-04", Phase.FAILED, True, NOTHING, 1, 0, price),
            Sum(POSTER, APIXO, "2026-03-04", Phase.SUCCEEDED, True, both, 2, 0, NOTHING),
        )


def test_a_price_is_unknown_only_as_long_as_nobody_names_it(tmp_path: Path) -> None:
    """The provider's figure, or a refusal, settles what the price table left open."""
    with Store.open(tmp_path / "a.db") as store:
        open_price = submitted(store, a_purchase(1, price=None))
        named = submitted(store, a_purchase(2, price=None))
        store.record(named, Delivered((), NOW, None, MicroUsd(7)), NOW, RUN)
        refused = a_purchase(3, price=None)
        store.intend(refused, UNLIMITED, RUN)
        store.record(store.record(refused, Sending(), NOW, RUN), Refused(FAILURE), NOW, RUN)
        unknown = {one.address: one.unknown for one in store.sums()}
    assert unknown == {open_price.address: 1, named.address: 0, refused.address: 0}


def test_between_two_readings_lies_what_was_booked_there(tmp_path: Path) -> None:
    """Of this account only, refunds included; what was taken over was paid at another time."""
    with Store.open(tmp_path / "a.db") as store:
        early = submitted(store, a_purchase(1))
        store.note_balance(APIXO, MicroUsd(1), NOW, RUN)
        store.note_balance(ProviderName("other"), MicroUsd(9), NOW, RUN)
        store.intend(a_purchase(2, price=MicroUsd(5)), UNLIMITED, RUN)
        store.intend(a_purchase(3, provider=ProviderName("other")), UNLIMITED, RUN)
        store.adopt([a_purchase(4)], NOW, RunId("later"))
        store.record(early, TaskFailed(FAILURE, NOTHING), NOW, RUN)
        store.note_balance(APIXO, MicroUsd(0), NOW, RUN)
        store.intend(a_purchase(5), UNLIMITED, RUN)
        first, _, last = store.balances()
        assert store.spent_between(first, last) == 5 - 300_000
        assert store.spent_between(last, last) == 0
