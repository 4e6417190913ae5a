"""Failures that cost nothing: they are booked as refunds, and tried again within the run."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from engine_kit import World, image, vary

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.money import MicroUsd
from reconciler.plan.actions import Reason, Verb
from reconciler.policy import FailureKind, OnDoubt, Policy
from reconciler.purchase import Phase
from reconciler.sandbox.faults import Delay, DropAfter, Fail, Place
from reconciler.sandbox.ledger import EntryKind
from reconciler.state.store import Limits

PRICE = 200_000
DUSK = 300_000
REFUNDING = Manner(requests_per_minute=1000, concurrent=50, refunds_failures=True)
PASSING = Fail("GENERATION_FAILED", "the model stumbled")


def failing(folder: Path, fault: Fail = PASSING, times: int | None = 1, **world: object) -> World:
    """Return a world that pays back, in which the owl fails so often."""
    given = {"manner": REFUNDING, **world}
    made = World(folder, image("owl"), vary("dusk", "owl"), **given)  # type: ignore[arg-type]
    made.order(Place.SUBMIT, fault, prompt_contains="owl", times=times)
    return made


def attempts(world: World) -> list[tuple[int, Phase, int | None]]:
    """Return the owl's attempts, with what they cost."""
    mine = [one for one in world.attempts() if one.address == "owl"]
    return [(one.attempt, one.phase, one.cost) for one in mine]


def paid(world: World) -> int:
    """Return what the sandbox has charged and not paid back."""
    amounts: Counter[EntryKind] = Counter()
    for entry in world.sandbox.ledger():
        amounts[entry.kind] += entry.amount
    return amounts[EntryKind.CHARGE] - amounts[EntryKind.REFUND]


def test_a_refunded_failure_is_bought_again_in_the_same_run(tmp_path: Path) -> None:
    """A second attempt with an intent of its own; both sides' ledgers agree to the cent."""
    world = failing(tmp_path)
    run = world.apply()
    assert run.endings() == {"owl": Ending.DONE, "dusk": Ending.DONE}
    assert attempts(world) == [(1, Phase.FAILED, 0), (2, Phase.STORED, PRICE)]
    assert run.result.spent() == world.spent() == paid(world) == PRICE + DUSK
    (held_up,) = run.diary.all("held_up", "owl")
    assert "GENERATION_FAILED: the model stumbled (it cost nothing" in held_up[1].data["detail"]
    assert world.plan().actions == ()


def test_a_failure_of_which_nobody_says_that_it_is_refunded_is_not_bought_again(
    tmp_path: Path,
) -> None:
    """It may have cost money: the next run is another promise."""
    world = failing(tmp_path, manner=Manner(1000, 50))
    run = world.apply()
    assert run.ending("owl") is Ending.FAILED
    assert attempts(world) == [(1, Phase.FAILED, PRICE)]
    assert world.spent() == PRICE


def test_waits_between_attempts_grow_until_the_policy_is_exhausted(tmp_path: Path) -> None:
    """Three attempts in all, 1 and 4 s apart; then it waits for a person."""
    world = failing(tmp_path, times=None)
    run = world.apply()
    assert run.endings() == {"owl": Ending.FAILED, "dusk": Ending.BLOCKED}
    assert [phase for _, phase, _ in attempts(world)] == [Phase.FAILED] * 3
    waits = [one.data["seconds"] for _, one in run.diary.all("held_up", "owl")]
    for wait, least in zip(waits, [1, 4], strict=True):
        assert least <= wait <= least * 1.26
    assert world.spent() == 0
    planned = world.action("owl")
    assert planned is not None
    assert (planned.verb, planned.reason) == (Verb.BLOCKED, Reason.FAILED_OFTEN)


@pytest.mark.parametrize(
    ("fault", "own", "expected"),
    [
        (Fail("NSFW"), {}, 1),
        (Fail("Strange"), {}, 1),
        (Fail("Strange"), {FailureKind.UNKNOWN: 2}, 2),
        (Fail("Task TimeOut"), {}, 3),
        (Fail("Task TimeOut"), {FailureKind.TIMED_OUT: 5}, 5),
        (Fail("Task TimeOut"), {FailureKind.TIMED_OUT: 1}, 1),
    ],
)
def test_the_project_says_how_often(
    tmp_path: Path, fault: Fail, own: dict[FailureKind, int], expected: int
) -> None:
    """By kind; what a filter refused, or nobody knows, is tried once unless a person says more."""
    world = failing(tmp_path, fault, None, policy=Policy(attempts=own))
    world.apply()
    assert len(attempts(world)) == expected
    assert world.charged("owl") == expected


def test_attempts_of_earlier_runs_count(tmp_path: Path) -> None:
    """Two have failed before: one is left, and then none."""
    world = failing(tmp_path, times=None, manner=Manner(1000, 50))
    world.apply()
    world.apply()
    world.manner = REFUNDING
    run = world.apply()
    assert len(attempts(world)) == 3
    assert run.diary.all("held_up", "owl") == []


def test_who_asked_for_one_more_gets_one_more(tmp_path: Path) -> None:
    """`--retry-failed` after the last attempt is one attempt, not three."""
    world = failing(tmp_path, times=None)
    world.apply()
    world.apply(retry_failed=True)
    assert len(attempts(world)) == 4


@pytest.mark.parametrize(("moment", "failed"), [(100.6, 1), (203.0, 2)])
def test_a_stop_during_the_wait_leaves_in_order(tmp_path: Path, moment: float, failed: int) -> None:
    """The failures and their refunds are on record, nothing is reserved; the next run goes on."""
    manner = Manner(1000, 50, first=100.0, refunds_failures=True)
    world = failing(tmp_path, times=2, manner=manner)
    run = world.apply(stop_at=moment)
    assert run.took == pytest.approx(moment, abs=0.1)
    assert run.left_tasks == 0
    assert attempts(world) == [(n, Phase.FAILED, 0) for n in range(1, failed + 1)]
    assert run.ending("owl") is Ending.INTERRUPTED
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert attempts(world)[-1] == (3, Phase.STORED, PRICE)


def test_the_next_attempt_fits_into_what_the_refund_has_freed(tmp_path: Path) -> None:
    """A limit of one price is enough for two attempts of which the first is refunded."""
    world = failing(tmp_path)
    world.resources = {one.address: one for one in (image("owl"),)}
    run = world.apply(limits=Limits(per_run=MicroUsd(PRICE), per_image=MicroUsd(PRICE)))
    assert run.ending("owl") is Ending.DONE
    assert world.spent() == PRICE


def test_the_next_attempt_is_checked_against_the_budget_like_any_other(tmp_path: Path) -> None:
    """Somebody else has taken what the refund had freed: then nothing more is sent."""
    manner = Manner(1, 50, refunds_failures=True)
    world = World(tmp_path, image("owl"), image("fox"), manner=manner)
    world.order(Place.SUBMIT, PASSING, prompt_contains="owl")
    run = world.apply(limits=Limits(per_run=MicroUsd(PRICE)))
    assert run.endings() == {"owl": Ending.OVER_BUDGET, "fox": Ending.DONE}
    assert attempts(world) == [(1, Phase.FAILED, 0)]
    assert world.spent() == PRICE


def test_what_the_plan_only_waited_for_is_not_bought_again(tmp_path: Path) -> None:
    """An apply does what its plan listed: that an earlier run's task failed is the next one's."""
    world = failing(tmp_path)
    world.apply(stop_at=5)
    run = world.apply()
    assert run.ending("owl") is Ending.FAILED
    assert len(attempts(world)) == 1
    assert set(world.apply().endings().values()) == {Ending.DONE}


def test_attempts_keep_their_slot(tmp_path: Path) -> None:
    """With room for one task, the other picture waits until the owl is through."""
    world = World(
        tmp_path,
        image("owl"),
        image("fox"),
        manner=Manner(1000, 1, refunds_failures=True),
        concurrent=1,
    )
    world.order(Place.SUBMIT, PASSING, prompt_contains="owl", times=2)
    world.apply()
    assert [one.about for one in world.submissions()] == ["owl", "owl", "owl", "fox"]


def test_a_doubt_is_given_up_once(tmp_path: Path) -> None:
    """Bought again instead of a doubt, and failed: the third attempt replaces no doubt."""
    world = failing(tmp_path, policy=Policy(on_doubt=OnDoubt.REBUY), times=0)
    world.calm()
    world.order(Place.SUBMIT, DropAfter(), prompt_contains="owl")
    world.order(Place.SUBMIT, PASSING, prompt_contains="owl", after=1)
    world.apply()
    run = world.apply()
    assert run.ending("owl") is Ending.DONE
    assert [phase for _, phase, _ in attempts(world)] == [
        Phase.ABANDONED,
        Phase.FAILED,
        Phase.STORED,
    ]


def test_an_answer_lost_at_the_second_attempt_is_a_doubt(tmp_path: Path) -> None:
    """The run tells of the attempt that is in doubt, not of the one before it."""
    world = failing(tmp_path)
    world.order(Place.SUBMIT, DropAfter(), prompt_contains="owl", after=1)
    run = world.apply()
    assert run.ending("owl") is Ending.IN_DOUBT
    assert run.outcome("owl").hint.count("`reconcile resolve owl`") == 1
    assert attempts(world)[-1] == (2, Phase.IN_DOUBT, PRICE)


def test_a_stop_while_the_second_attempt_is_on_its_way_tells_of_its_doubt(tmp_path: Path) -> None:
    """Not of the first one, which has ended."""
    manner = Manner(1000, 50, first=100.0, refunds_failures=True)
    world = failing(tmp_path, manner=manner)
    world.order(Place.SUBMIT, Delay(50.0), prompt_contains="owl", after=1)
    run = world.apply(stop_at=110)
    assert run.ending("owl") is Ending.IN_DOUBT
    purchase = run.outcome("owl").purchase
    assert purchase is not None
    assert purchase.attempt == 2


def test_a_task_that_fails_for_want_of_credit_stops_all_submissions(tmp_path: Path) -> None:
    """Not only a refusal says so; what is in flight is finished, what is in line is not sent."""
    images = [image("owl"), image("fox"), image("cat")]
    world = World(tmp_path, *images, manner=Manner(2, 50, refunds_failures=True))
    world.order(Place.SUBMIT, Fail("INSUFFICIENT_CREDITS"), prompt_contains="owl")
    run = world.apply()
    assert run.endings() == {
        "owl": Ending.FAILED,
        "fox": Ending.DONE,
        "cat": Ending.NOT_SENT,
    }
    assert len(attempts(world)) == 1


def test_haste_divides_the_waits_between_attempts(tmp_path: Path) -> None:
    """The embedded sandbox lives faster."""
    manner = Manner(1000, 50, haste=20.0, refunds_failures=True)
    world = failing(tmp_path, times=None, manner=manner, speed=20.0)
    run = world.apply()
    waits = [at for at, _ in run.diary.all("submitting", "owl")]
    assert all(later - earlier < 45 / 20 + 1 for earlier, later in pairwise(waits))
    assert len(waits) == 3
