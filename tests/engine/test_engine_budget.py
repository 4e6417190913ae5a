"""The budget is kept to the cent, by reservations that are made with the intents."""

from pathlib import Path

import pytest
from engine_kit import World, image, vary
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.errors import ExitCode
from reconciler.money import MicroUsd
from reconciler.purchase import Phase
from reconciler.sandbox.faults import DropBefore, Fail, Place, Status
from reconciler.spec.request import Speed
from reconciler.state.store import Limits

PRICE = 200_000


def limits(
    per_run: int | None = None, per_day: int | None = None, per_month: int | None = None
) -> Limits:
    """Return what may be spent, in micro-dollars."""
    run, day, month = (
        None if one is None else MicroUsd(one) for one in (per_run, per_day, per_month)
    )
    return Limits(run, day, month)


@pytest.mark.parametrize("bought", [0, 1, 3, 9])
@pytest.mark.parametrize("spare", [0, 1, PRICE - 1])
def test_parallel_submissions_stop_at_the_limit(tmp_path: Path, bought: int, spare: int) -> None:
    """Ten start at once; as many get through as can be paid, to the micro-dollar."""
    world = World(tmp_path, *(image(f"i{n}") for n in range(10)))
    run = world.apply(limits=limits(per_run=bought * PRICE + spare))
    endings = list(run.endings().values())
    assert endings.count(Ending.DONE) == bought
    assert endings.count(Ending.OVER_BUDGET) == 10 - bought
    assert len(world.submissions()) == bought
    assert run.result.exit_code() is ExitCode.BUDGET
    assert run.result.spent() == world.spent() == bought * PRICE


def test_what_is_over_budget_is_not_on_record_and_is_bought_later(tmp_path: Path) -> None:
    """Nothing was reserved for it; with a larger limit the next run buys exactly the rest."""
    world = World(tmp_path, *(image(f"i{n}") for n in range(3)), vary("v", "i2"))
    run = world.apply(limits=limits(per_run=2 * PRICE))
    assert run.ending("v") is Ending.BLOCKED
    assert len(world.attempts()) == 2
    again = world.apply()
    assert set(again.endings()) == {"i2", "v"}
    assert set(world.charges().values()) == {1}


def test_a_month_counts_what_earlier_runs_spent(tmp_path: Path) -> None:
    """`per_run` starts anew with each run, `per_month` does not."""
    world = World(tmp_path, image("owl"))
    world.apply()
    world.resources |= {one.address: one for one in (image("fox"), image("cat"))}
    per_month = limits(per_run=2 * PRICE, per_month=2 * PRICE)
    run = world.apply(limits=per_month)
    assert sorted(run.endings().values()) == sorted([Ending.DONE, Ending.OVER_BUDGET])
    assert world.spent() == 2 * PRICE


@pytest.mark.parametrize(
    ("fault", "phase", "counts"),
    [
        (DropBefore(), Phase.IN_DOUBT, True),
        (Fail("NSFW"), Phase.FAILED, True),
        (Status(400), Phase.REJECTED, False),
    ],
)
def test_what_counts_as_spent(
    tmp_path: Path, fault: DropBefore | Fail | Status, phase: Phase, *, counts: bool
) -> None:
    """A doubt and a failed task count, as no refund is documented; a refusal does not."""
    world = World(tmp_path, image("owl"), image("fox"), manner=Manner(60, 1))
    world.order(Place.SUBMIT, fault, prompt_contains="owl")
    run = world.apply(limits=limits(per_run=PRICE))
    assert world.phase("owl") is phase
    assert run.ending("fox") is (Ending.OVER_BUDGET if counts else Ending.DONE)


def test_an_intent_that_waits_for_its_next_try_keeps_its_reservation(tmp_path: Path) -> None:
    """Otherwise it would exceed the limit when the API has recovered."""
    world = World(tmp_path, image("owl"), image("fox"))
    world.order(Place.SUBMIT, Status(429), times=3)
    run = world.apply(limits=limits(per_run=PRICE))
    assert sorted(run.endings().values()) == sorted([Ending.DONE, Ending.OVER_BUDGET])
    assert world.charges().total() == 1


PRICES = {Speed.FAST: 200_000, Speed.TURBO: 400_000}


@settings(max_examples=25)
@given(
    speeds=st.lists(st.sampled_from([Speed.FAST, Speed.TURBO]), min_size=1, max_size=6),
    limit=st.integers(0, 2_500_000),
    per_minute=st.integers(1, 10),
)
def test_no_mix_of_prices_exceeds_a_limit(
    tmp_path_factory: pytest.TempPathFactory, speeds: list[Speed], limit: int, per_minute: int
) -> None:
    """Whatever fits is bought, in whatever order; what was refused would not have fitted."""
    resources = [image(f"i{n}", speed) for n, speed in enumerate(speeds)]
    world = World(tmp_path_factory.mktemp("world"), *resources, manner=Manner(per_minute, 3))
    run = world.apply(limits=limits(per_run=limit))
    spent = world.spent()
    assert spent == sum(one.amount for one in world.sandbox.ledger()) <= limit
    left = [
        PRICES[speed]
        for speed, one in zip(speeds, resources, strict=True)
        if run.ending(one.address) is Ending.OVER_BUDGET
    ]
    assert all(spent + price > limit for price in left)


def test_what_waits_for_its_turn_over_midnight_is_the_next_days(tmp_path: Path) -> None:
    """A purchase is booked when its request leaves, not when the run began."""
    world = World(tmp_path, *(image(f"i{n}") for n in range(4)), manner=Manner(2, 5))
    world.sleep(12 * 3600 - 30)
    run = world.apply(limits=limits(per_day=2 * PRICE))
    assert set(run.endings().values()) == {Ending.DONE}
    assert {one.created_at.day for one in world.attempts()} == {1, 2}
