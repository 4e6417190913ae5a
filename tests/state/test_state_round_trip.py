"""What goes into the store comes out of it, equal in every part."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from state_examples import NOW, RUN, a_purchase, purchases

from reconciler.ids import Address, CandidateNumber, Digest, IntentId, ProviderName
from reconciler.purchase import Accepted, Candidate, Delivered, Phase, Purchase, Sending
from reconciler.state.store import UNLIMITED, Store, UsualTime, ViewRecord


@settings(max_examples=60, deadline=None)
@given(st.lists(purchases, max_size=5, unique_by=(lambda one: one.id, lambda one: one.key)))
def test_every_purchase_survives_closing_and_reopening(some: list[Purchase]) -> None:
    """Whatever a purchase can hold, reading gives an equal value."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        with Store.open(path) as store:
            assert store.adopt(some, NOW, RUN) == some
        with Store.open(path, read_only=True) as store:
            assert dict(store.latest()) == {one.key: one for one in some}
            assert [store.purchase(one.id) for one in some] == some


def test_latest_has_only_the_last_attempt_at_each_take(tmp_path: Path) -> None:
    """Attempts are counted, not ordered by the time they were written."""
    first = a_purchase(1, phase=Phase.FAILED, address=Address("old"))
    third = a_purchase(1, id=IntentId("c"), attempt=3, phase=Phase.INTENDED)
    second = a_purchase(1, id=IntentId("b"), attempt=2, phase=Phase.REJECTED)
    other_take = a_purchase(1, id=IntentId("d"), take=2)
    with Store.open(tmp_path / "a.db") as store:
        store.adopt([first, third, second, other_take], NOW, RUN)
        assert dict(store.latest()) == {first.key: third, other_take.key: other_take}
        assert store.attempts(first.key) == (first, second, third)
        assert store.by_address(Address("old")) == (first,)
        assert store.purchase(IntentId("nobody")) is None


def test_latest_takes_two_queries_whatever_the_number(tmp_path: Path) -> None:
    """A plan over 30,000 purchases must not ask 30,000 questions."""
    links = (
        Candidate(CandidateNumber(1), "https://x/1"),
        Candidate(CandidateNumber(2), "https://x/2"),
    )
    with Store.open(tmp_path / "a.db") as store:
        store.adopt([a_purchase(number, candidates=links) for number in range(50)], NOW, RUN)
    store = Store.open(tmp_path / "a.db", read_only=True)
    seen: list[str] = []
    store._database._opened.connection.set_trace_callback(seen.append)  # type: ignore[union-attr]
    assert len(store.latest()) == 50
    assert sum(statement.startswith("SELECT") for statement in seen) == 2


def test_views_come_back_in_address_order(tmp_path: Path) -> None:
    """A view is replaced whole, and forgotten when dropped."""
    files = {"b.png": Digest("22" * 32), "a/ü.png": Digest("11" * 32)}
    one = a_purchase()
    late = ViewRecord(Address("z"), one.id, one.fingerprint, 1, CandidateNumber(2), files)
    early = ViewRecord(Address("a"), one.id, one.fingerprint, 1, None, {})
    with Store.open(tmp_path / "a.db") as store:
        store.intend(one, UNLIMITED, RUN)
        store.set_view(late, early, now=NOW, run=RUN)
        store.set_view(replace(early, files=files), now=NOW, run=RUN)
        assert list(store.views().items()) == [("a", replace(early, files=files)), ("z", late)]
        store.drop_view(Address("z"), Address("never there"), now=NOW, run=RUN)
        assert list(store.views()) == ["a"]
        kinds = [event.kind for event in store.log()]
        assert kinds == ["intended", "view_set", "view_set", "view_set", "view_dropped"]


def test_history_is_told_by_address_and_newest_first_counted(tmp_path: Path) -> None:
    """`limit` keeps the newest lines, and they are still told the oldest first."""
    with Store.open(tmp_path / "a.db") as store:
        assert store.last_seq() == 0
        for number in range(4):
            data = {"number": number, "word": "\ud800"}
            store.note(RUN, "found", Address(f"a{number % 2}"), data, now=NOW)
        store.note(RUN, "nowhere", now=NOW)
        assert [event.data.get("number") for event in store.log(Address("a1"))] == [1, 3]
        assert [event.seq for event in store.log(limit=2)] == [4, 5]
        assert [event.kind for event in store.log(after=4)] == ["nowhere"]
        assert store.log(limit=1)[0].at == NOW
        assert store.last_seq() == 5


def test_times_in_an_event_are_told_like_its_own(tmp_path: Path) -> None:
    """ISO 8601 with a `T`: programs read one form of time."""
    with Store.open(tmp_path / "reconciler.db") as store:
        store.note(RUN, "told", Address("owl"), {"until": NOW}, now=NOW)
        (event,) = store.log(Address("owl"))
    assert event.data == {"until": NOW.isoformat()}


def test_runs_are_on_record_from_start_to_end(tmp_path: Path) -> None:
    """A run that never ended shows that it died."""
    with Store.open(tmp_path / "a.db") as store:
        store.start_run(RUN, NOW)
        store.end_run(RUN, NOW + timedelta(minutes=1), "done")
        assert [event.kind for event in store.log()] == ["run_started", "run_ended"]
        found = store._database.ask(
            lambda connection: connection.execute(
                "SELECT id, ended_at, outcome FROM runs"
            ).fetchall()
        )
        assert found == [("run-1", "2026-03-04T05:07:07.891011+00:00", "done")]


@pytest.mark.parametrize(("seconds", "expected"), [((60, 20, 40), 40), ((10, 20), 15), ((7,), 7)])
def test_usual_time_is_the_median_of_successes(
    tmp_path: Path, seconds: tuple[int, ...], expected: int
) -> None:
    """One task that hung for an hour does not make people wait for the next."""
    with Store.open(tmp_path / "a.db") as store:
        for number, took in enumerate(seconds):
            one = a_purchase(number)
            store.intend(one, UNLIMITED, RUN)
            one = store.record(one, Sending(), NOW, RUN)
            one = store.record(one, Accepted("t"), NOW, RUN)  # type: ignore[arg-type]
            later = NOW + timedelta(seconds=took)
            store.record(one, Delivered(("u",), later, None), later, RUN)
        store.adopt([a_purchase(99, phase=Phase.FAILED)], NOW, RUN)
        usual = UsualTime("imagine", "fast", timedelta(seconds=expected), len(seconds))
        assert store.durations(ProviderName("apixo")) == (usual,)
        assert store.durations(ProviderName("other")) == ()


def test_adopting_leaves_what_is_known_as_it_is(tmp_path: Path) -> None:
    """Neither an intent nor an attempt at a take is ever on record twice."""
    mine, theirs = a_purchase(1), a_purchase(2, phase=Phase.STORED)
    same_attempt = replace(mine, id=IntentId("elsewhere"), phase=Phase.STORED)
    with Store.open(tmp_path / "a.db") as store:
        store.intend(mine, UNLIMITED, RUN)
        assert store.adopt([same_attempt, theirs], NOW, RUN) == [theirs]
        assert store.adopt([theirs], NOW, RUN) == []
        assert store.purchase(mine.id) == mine
