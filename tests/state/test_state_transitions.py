"""A purchase moves in the database as it moves in `advance`, and never from where it is not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from state_examples import NOW, PICTURE, RUN, a_purchase, booked, events, onwards, purchases

from reconciler.errors import StateError
from reconciler.ids import CandidateNumber, IntentId, RunId, TaskId
from reconciler.money import MicroUsd
from reconciler.purchase import (
    Abandoned,
    Accepted,
    AnswerLost,
    Delivered,
    Event,
    IllegalEvent,
    Phase,
    PictureStored,
    Purchase,
    Sending,
    Withdrawn,
    advance,
)
from reconciler.state.store import UNLIMITED, Store

ONE, TWO = CandidateNumber(1), CandidateNumber(2)


def test_each_transition_is_one_line_of_history(tmp_path: Path) -> None:
    """The whole life of a purchase, with the data of its events."""
    with Store.open(tmp_path / "a.db") as store:
        one = a_purchase()
        store.intend(one, UNLIMITED, RUN)
        for event in (
            Sending(),
            Accepted(TaskId("t-1")),
            Delivered(("https://x/1",), NOW, None),
            PictureStored(ONE, PICTURE),
        ):
            one = store.record(one, event, NOW, RUN)
        assert one.phase is Phase.STORED
        assert store.purchase(one.id) == one
        history = store.log(one.address)
        kinds = ["intended", "sending", "accepted", "delivered", "picture_stored"]
        assert [line.kind for line in history] == kinds
        assert history[0].data == {"price_micro_usd": 300_000, "attempt": 1}
        assert history[2].data == {"task_id": "t-1"}
        assert history[4].data["picture"]["digest"] == PICTURE.digest
        assert {line.intent for line in history} == {one.id}


def test_a_purchase_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """Two writers with the same knowledge: the second one is told, and nothing is lost."""
    with Store.open(tmp_path / "a.db") as store:
        intent = a_purchase()
        store.intend(intent, UNLIMITED, RUN)
        sending = store.record(intent, Sending(), NOW, RUN)
        with pytest.raises(StateError, match="changed by somebody else") as caught:
            store.record(intent, Withdrawn(), NOW, RUN)
        assert "it was intended, it is submitting" in caught.value.details[0]
        assert store.purchase(intent.id) == sending
        assert len(store.log()) == 2


def test_two_pictures_recorded_from_the_same_knowledge_do_not_erase_each_other(
    tmp_path: Path,
) -> None:
    """The phase is the same before and after; still the second writer is refused."""
    with Store.open(tmp_path / "a.db") as store:
        links = Delivered(("https://x/1", "https://x/2", "https://x/3"), NOW, None)
        one = _walked(store, [Sending(), Accepted(TaskId("t")), links])
        after = store.record(one, PictureStored(ONE, PICTURE), NOW, RUN)
        with pytest.raises(StateError):
            store.record(one, PictureStored(TWO, PICTURE), NOW, RUN)
        assert store.record(after, PictureStored(TWO, PICTURE), NOW, RUN) == store.purchase(one.id)


def test_an_illegal_event_writes_nothing(tmp_path: Path) -> None:
    """It is a bug of ours, and shows itself as one."""
    with Store.open(tmp_path / "a.db") as store:
        one = _walked(store, [])
        with pytest.raises(IllegalEvent):
            store.record(one, Accepted(TaskId("t")), NOW, RUN)
        assert len(store.log()) == 1


def test_an_unknown_purchase_cannot_move(tmp_path: Path) -> None:
    """Nothing is recorded about what was never intended."""
    with (
        Store.open(tmp_path / "a.db") as store,
        pytest.raises(StateError, match="not on record: image1"),
    ):
        store.record(a_purchase(), Sending(), NOW, RUN)


def test_recovery_doubts_what_was_being_sent_and_withdraws_what_was_not(tmp_path: Path) -> None:
    """After a crash nothing is unsent: either it surely never left, or a person decides."""
    later = NOW + timedelta(hours=1)
    with Store.open(tmp_path / "a.db") as store:
        waiting = _walked(store, [], number=1)
        away = _walked(store, [Sending()], number=2)
        running = _walked(store, [Sending(), Accepted(TaskId("t"))], number=3)
        doubtful = store.recover(RunId("run-2"), later)
        assert [(one.id, one.phase, one.changed_at) for one in doubtful] == [
            (away.id, Phase.IN_DOUBT, later)
        ]
        phases = {one.id: one.phase for one in store.latest().values()}
        assert phases[waiting.id] is Phase.CANCELLED
        assert phases[running.id] is Phase.SUBMITTED
        assert store.recover(RunId("run-3"), later) == []
        assert store.log(away.address)[-1].run == "run-2"


def _walked(store: Store, events: list[Event], number: int = 1) -> Purchase:
    one = a_purchase(number)
    store.intend(one, UNLIMITED, RUN)
    for event in events:
        one = store.record(one, event, NOW, RUN)
    return one


_prices = st.sampled_from([None, MicroUsd(0), MicroUsd(200_000), MicroUsd(300_001)])


class StoreAndModel(RuleBasedStateMachine):
    """Any events in any order, with restarts: the store always agrees with a plain dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "a.db"
        self.store = Store.open(self.path)
        self.model: dict[IntentId, Purchase] = {}
        self.lines = 0
        self.now = NOW

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(price=_prices)
    def intend(self, price: MicroUsd | None) -> None:
        now = self._tick()
        one = a_purchase(len(self.model), created_at=now, changed_at=now, price=price)
        self.store.intend(one, UNLIMITED, RUN)
        self.model[one.id] = one
        self.lines += 1

    @rule(one=purchases)
    def adopt(self, one: Purchase) -> None:
        if self.store.adopt([one], self._tick(), RUN):
            self.model[one.id] = one
            self.lines += 1

    @rule(price=_prices)
    def replace_a_doubt(self, price: MicroUsd | None) -> None:
        doubts = [one for one in self.model.values() if one.phase is Phase.IN_DOUBT]
        for doubt in doubts[:1]:
            number, now = len(self.model), self._tick()
            again = a_purchase(number, created_at=now, changed_at=now, price=price, take=2)
            self.store.intend(again, UNLIMITED, RUN, instead_of=doubt)
            self.model[doubt.id] = advance(doubt, Abandoned(), now)
            self.model[again.id] = again
            self.lines += 2

    @rule(event=events, which=st.integers(0, 5))
    def happen(self, event: Event, which: int) -> None:
        if self.model:
            self._record(self._one(which), event)

    @rule(data=st.data(), which=st.integers(0, 5))
    def go_on(self, data: st.DataObject, which: int) -> None:
        before = self._one(which) if self.model else None
        if before is not None and before.phase in onwards:
            self._record(before, data.draw(onwards[before.phase]))

    def _one(self, which: int) -> Purchase:
        return list(self.model.values())[which % len(self.model)]

    def _record(self, before: Purchase, event: Event) -> None:
        self._tick()
        try:
            after = advance(before, event, self.now)
        except IllegalEvent:
            with pytest.raises(IllegalEvent):
                self.store.record(before, event, self.now, RUN)
            return
        assert self.store.record(before, event, self.now, RUN) == after
        self.model[before.id] = after
        self.lines += 1

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store.open(self.path)

    @rule()
    def recover(self) -> None:
        self._tick()
        cures: dict[Phase, Callable[[], Event]] = {
            Phase.SUBMITTING: lambda: AnswerLost(""),
            Phase.INTENDED: Withdrawn,
        }
        left = [one for one in self.model.values() if one.phase in cures]
        doubtful = self.store.recover(RUN, self.now)
        for one in left:
            self.model[one.id] = advance(one, cures[one.phase](), self.now)
        self.lines += len(left)
        assert doubtful == [self.model[one.id] for one in left if one.phase is Phase.SUBMITTING]

    @invariant()
    def agree(self) -> None:
        assert {name: self.store.purchase(name) for name in self.model} == self.model
        assert self.store.last_seq() == len(self.store.log()) == self.lines

    @invariant()
    def the_ledger_adds_up(self) -> None:
        costs = {one.id: one.cost or 0 for one in self.model.values()}
        assert booked(self.store) == costs
        assert sum(one.amount for one in self.store.sums()) == sum(costs.values())
        unknown = sum(one.cost is None for one in self.model.values())
        assert sum(one.unknown for one in self.store.sums()) == unknown
        assert self.store.spent_since(datetime(1970, 1, 1, tzinfo=UTC)) == sum(costs.values())

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


TestStoreAndModel = StoreAndModel.TestCase
TestStoreAndModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
