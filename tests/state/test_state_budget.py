"""What is reserved, paid or perhaps paid never exceeds a limit, however many ask at once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from state_examples import NOW, RUN, a_purchase

from reconciler.errors import BudgetError, StateError
from reconciler.ids import Address, IntentId, RunId
from reconciler.money import MicroUsd
from reconciler.policy import FailureKind
from reconciler.purchase import AnswerLost, Failure, Phase, Purchase, Refused, Sending
from reconciler.state.budget import day_start, month_start
from reconciler.state.store import UNLIMITED, Limits, Store

DAY = timedelta(days=1)
PRICE = 300_000
LIMITS = ("per_run", "per_day", "per_month", "per_image")
NAMES = ("budget.per_apply", "budget.per_day", "budget.per_month", "budget.per_image")


def limits(**amounts: int) -> Limits:
    """Return these limits, in micro-dollars."""
    named = (MicroUsd(amounts[name]) if name in amounts else None for name in LIMITS)
    per_run, per_day, per_month, per_image = named
    return Limits(per_run, per_day, per_month, per_image)


def of_one_image(number: int, **changes: object) -> Purchase:
    """Return a variant of one and the same image."""
    return a_purchase(number, address=Address(f"poster[v=6.1].v{number}"), **changes)


def fits(store: Store, purchase: Purchase, allowed: Limits, run: RunId = RUN) -> bool:
    """Try to intend it."""
    try:
        store.intend(purchase, allowed, run)
    except BudgetError:
        return False
    return True


def a_doubt(store: Store, number: int = 1, **changes: object) -> Purchase:
    """Put a purchase in doubt on record."""
    one = of_one_image(number, **changes)
    store.intend(one, UNLIMITED, RUN)
    sending = store.record(one, Sending(), NOW, RUN)
    return store.record(sending, AnswerLost(""), NOW, RUN)


@pytest.mark.parametrize(("limit", "name"), list(zip(LIMITS, NAMES, strict=True)))
def test_a_purchase_over_a_limit_is_refused_and_leaves_no_trace(
    tmp_path: Path, limit: str, name: str
) -> None:
    """Exactly the limit is allowed, a micro-dollar more is not; the message says what counts."""
    with Store.open(tmp_path / "a.db") as store:
        store.intend(of_one_image(1), limits(**{limit: 2 * PRICE}), RUN)
        store.intend(of_one_image(2), limits(**{limit: 2 * PRICE}), RUN)
        with pytest.raises(BudgetError) as caught:
            store.intend(of_one_image(3), limits(**{limit: 3 * PRICE - 1}), RUN)
        assert caught.value.summary == "over budget: poster[v=6.1].v3"
        standing = f"`{name}` is $0.899999, and $0.60 of it is spent, in flight or in doubt"
        assert caught.value.details == (f"it costs $0.30; {standing}; charged: nothing",)
        assert caught.value.hint is not None
        assert f"raise `{name}` in reconciler.yaml" in caught.value.hint
        assert len(store.latest()) == len(store.log()) == 2


def test_the_limit_of_a_command_line_is_named_as_such(tmp_path: Path) -> None:
    """`--max-cost` is not in any file."""
    with Store.open(tmp_path / "a.db") as store, pytest.raises(BudgetError) as caught:
        store.intend(a_purchase(), Limits(MicroUsd(1), per_run_name="--max-cost"), RUN)
    assert caught.value.hint == "raise `--max-cost`, or apply fewer addresses"


def test_each_limit_counts_its_own_purchases(tmp_path: Path) -> None:
    """A run only itself, a day and a month every run in them, an image all its variants ever."""
    last_month, yesterday = NOW - 10 * DAY, NOW - DAY
    with Store.open(tmp_path / "a.db") as store:
        store.intend(of_one_image(1, created_at=last_month), UNLIMITED, RunId("long ago"))
        store.intend(of_one_image(2, created_at=yesterday), UNLIMITED, RunId("before"))
        store.intend(of_one_image(3), UNLIMITED, RunId("beside"))
        store.intend(a_purchase(4), UNLIMITED, RUN)
        assert store.spent_by(RUN) == PRICE
        assert store.spent_since(day_start(NOW)) == 2 * PRICE
        assert store.spent_since(month_start(NOW)) == 3 * PRICE
        assert store.spent_on(Address("poster[v=6.1]")) == 3 * PRICE
        left = {"per_run": 1, "per_day": 2, "per_month": 3, "per_image": 3}
        for number, (limit, gone) in enumerate(left.items(), start=5):
            assert not fits(
                store, of_one_image(number), limits(**{limit: (gone + number - 4) * PRICE - 1})
            )
            assert fits(store, of_one_image(number), limits(**{limit: (gone + number - 4) * PRICE}))


@pytest.mark.parametrize("phase", Phase)
def test_only_what_surely_cost_nothing_is_given_back(tmp_path: Path, phase: Phase) -> None:
    """In doubt, or given up in doubt, counts as paid; and so does a failed task."""
    with Store.open(tmp_path / "a.db") as store:
        one = a_purchase(1, phase=phase)
        store.adopt([one], NOW, RUN)
        free = phase in (Phase.REJECTED, Phase.CANCELLED)
        assert store.spent_since(NOW) == one.cost == (0 if free else PRICE)
        assert store.spent_by(RUN) == 0, "what was bought elsewhere is no part of a run"


@pytest.mark.parametrize("limit", LIMITS)
def test_an_unknown_price_is_refused_by_any_limit(tmp_path: Path, limit: str) -> None:
    """Nobody could say that the limit was kept; without one it counts as nothing."""
    with Store.open(tmp_path / "a.db") as store:
        with pytest.raises(BudgetError, match="the price of image1 is unknown"):
            store.intend(a_purchase(1, price=None), limits(**{limit: 10**9}), RUN)
        assert store.log() == ()
        store.intend(a_purchase(1, price=None), UNLIMITED, RUN)
        assert store.spent_since(NOW) == 0


def test_the_same_attempt_cannot_be_intended_twice(tmp_path: Path) -> None:
    """The database itself refuses a second row for an attempt at a take."""
    one = a_purchase(1)
    with Store.open(tmp_path / "a.db") as store:
        store.intend(one, UNLIMITED, RUN)
        with pytest.raises(StateError, match="already holds something else"):
            store.intend(replace(one, id=IntentId("another")), UNLIMITED, RUN)
        assert len(store.log()) == 1
        assert store.spent_since(NOW) == PRICE


@pytest.mark.parametrize("limit", LIMITS)
def test_a_doubt_is_given_up_only_with_what_replaces_it(tmp_path: Path, limit: str) -> None:
    """The doubt counts as paid beside its replacement; where both do not fit, it stays a doubt."""
    with Store.open(tmp_path / "a.db") as store:
        doubt = a_doubt(store)
        again = replace(doubt, id=IntentId("again"), attempt=2, phase=Phase.INTENDED)
        lines = len(store.log())
        with pytest.raises(BudgetError):
            store.intend(again, limits(**{limit: 2 * PRICE - 1}), RUN, instead_of=doubt)
        assert store.attempts(doubt.key) == (doubt,)
        assert len(store.log()) == lines
        store.intend(again, limits(**{limit: 2 * PRICE}), RUN, instead_of=doubt)
        given_up, new = store.attempts(doubt.key)
        assert (given_up.phase, new) == (Phase.ABANDONED, again)
        assert store.spent_since(NOW) == 2 * PRICE


def test_a_replacement_that_is_on_record_already_leaves_the_doubt(tmp_path: Path) -> None:
    """Giving up and intending are one transaction, whatever goes wrong in it."""
    with Store.open(tmp_path / "a.db") as store:
        doubt = a_doubt(store)
        with pytest.raises(StateError, match="already holds something else"):
            store.intend(replace(doubt, phase=Phase.INTENDED), UNLIMITED, RUN, instead_of=doubt)
        assert store.attempts(doubt.key) == (doubt,)
        assert store.spent_since(NOW) == PRICE


def test_what_was_refused_makes_room_again(tmp_path: Path) -> None:
    """A refusal before acceptance releases the reservation, under every limit."""
    allowed = limits(**dict.fromkeys(LIMITS, PRICE))
    with Store.open(tmp_path / "a.db") as store:
        one = of_one_image(1)
        store.intend(one, allowed, RUN)
        assert not fits(store, of_one_image(2), allowed)
        sending = store.record(one, Sending(), NOW, RUN)
        store.record(sending, Refused(a_failure()), NOW, RUN)
        assert fits(store, of_one_image(2), allowed)


def a_failure() -> Failure:
    """Return some failure."""
    return Failure(FailureKind.BAD_REQUEST, "400", "no", "change it")


ZONES = [UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=14))]


@pytest.mark.parametrize("zone", ZONES)
def test_days_and_months_are_utcs(tmp_path: Path, zone: timezone) -> None:
    """One minute before and after UTC's midnight are two days, in whatever zone they are told."""
    midnight = datetime(2026, 4, 1, tzinfo=UTC)
    before, after = midnight - timedelta(minutes=1), midnight + timedelta(minutes=1)
    assert day_start(after.astimezone(zone)) == month_start(after.astimezone(zone)) == midnight
    with Store.open(tmp_path / "a.db") as store:
        for number, limit in enumerate(("per_day", "per_month")):
            allowed, first = limits(**{limit: (number + 1) * PRICE}), 10 * number
            assert fits(store, a_purchase(first, created_at=before.astimezone(zone)), UNLIMITED)
            late = a_purchase(first + 1, created_at=after.astimezone(zone))
            assert fits(store, late, allowed)
            assert not fits(store, replace(late, id=IntentId("x"), take=2), allowed)


_moments = st.integers(-40 * 24, 40 * 24).map(lambda hours: NOW + timedelta(hours=hours))
_prices = st.integers(0, 5).map(lambda number: MicroUsd(number * PRICE))


@settings(max_examples=40)
@given(st.lists(st.tuples(_moments, _prices, st.sampled_from("abc")), max_size=25))
def test_no_clock_lifts_a_limit(wishes: list[tuple[datetime, MicroUsd, str]]) -> None:
    """However the clock jumps, no UTC day, month or image holds more than its limit."""
    allowed = limits(per_day=6 * PRICE, per_month=12 * PRICE, per_image=15 * PRICE)
    caps = {"day": 6 * PRICE, "month": 12 * PRICE, "image": 15 * PRICE}
    gone: dict[tuple[str, str], int] = {}
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "a.db") as store:
        for number, (moment, price, image) in enumerate(wishes):
            address = Address(f"{image}.v{number}")
            one = a_purchase(number, created_at=moment, price=price, address=address)
            if fits(store, one, allowed):
                for key in (
                    ("day", f"{moment:%F}"),
                    ("month", f"{moment:%Y-%m}"),
                    ("image", image),
                ):
                    gone[key] = gone.get(key, 0) + price
    assert all(amount <= caps[kind] for (kind, _), amount in gone.items())


def test_a_clock_set_back_does_not_open_a_spent_budget(tmp_path: Path) -> None:
    """What was bought while the clock was ahead counts against every day before it."""
    with Store.open(tmp_path / "a.db") as store:
        for limit, ahead in product(
            ("per_day", "per_month"), (timedelta(hours=1), 3 * DAY, 70 * DAY)
        ):
            number = len(store.latest())
            allowed = limits(**{limit: store.spent_since(NOW - 90 * DAY) + PRICE})
            assert fits(store, a_purchase(number, created_at=NOW + ahead), allowed)
            assert not fits(store, a_purchase(number + 1, created_at=NOW), allowed)


@pytest.mark.parametrize("limit", LIMITS)
def test_many_threads_together_stay_within_each_limit(tmp_path: Path, limit: str) -> None:
    """Check and reservation are one step: the limit is used up and not overshot."""
    allowed = limits(**{limit: 11 * PRICE - 1})
    with Store.open(tmp_path / "a.db") as store, ThreadPoolExecutor(8) as pool:
        tries = [of_one_image(number) for number in range(40)]
        assert sum(pool.map(lambda one: fits(store, one, allowed), tries)) == 10
        assert store.spent_on(Address("poster[v=6.1]")) == 10 * PRICE


_PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_state_budget import PRICE, fits, limits, of_one_image
from reconciler.ids import RunId
from reconciler.state.store import Store
first, limit, run = int(sys.argv[2]), sys.argv[4], RunId(sys.argv[5])
with Store.open(Path(sys.argv[1])) as store:
    for number in range(first, first + 15):
        fits(store, of_one_image(number), limits(**{limit: 21 * PRICE - 1}), run)
"""


@pytest.mark.parametrize("limit", LIMITS)
def test_many_processes_together_stay_within_each_limit(tmp_path: Path, limit: str) -> None:
    """They even create the database at the same time. Runs only share a limit across runs."""
    path, here = tmp_path / "new" / "a.db", str(Path(__file__).parent)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(path), str(100 * number), here, limit, run]
        )
        for number, run in enumerate([RUN] * 3 if limit == "per_run" else ["a", "b", "c"])
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    with Store.open(path, read_only=True) as store:
        assert store.spent_since(NOW) == 20 * PRICE
        assert len(store.latest()) == 20
