"""Everything that can happen while a task is waited for. Asking is free, so it may be repeated."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from engine_kit import World, image, upscale, vary

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.errors import ExitCode
from reconciler.plan.actions import Reason, Verb
from reconciler.policy import DEFAULT_ATTEMPTS
from reconciler.providers.apixo.failures import FAIL_CODES
from reconciler.purchase import Phase
from reconciler.sandbox.faults import (
    Action,
    Delay,
    DropBefore,
    Fail,
    Fewer,
    Garbage,
    Place,
    Stall,
    Status,
)

PATIENCE = 30 * 60


def world_of(folder: Path) -> World:
    """Return the owl, its variant, and the fox."""
    return World(folder, image("owl"), vary("dusk", "owl"), image("fox"))


PASSING = [
    (Status(500), 3),
    (Status(502, html=True), 3),
    (Status(503), 3),
    (Status(504, html=True), 3),
    (Status(429), 3),
    (Status(408), 2),
    (Status(400), 2),
    (Status(404), 4),
    (Garbage(), 3),
    (Garbage(json=True), 3),
    (DropBefore(), 3),
    (Delay(200.0), 2),
]


@pytest.mark.parametrize(("fault", "times"), PASSING, ids=lambda value: getattr(value, "name", ""))
def test_trouble_that_passes_changes_nothing(tmp_path: Path, fault: Action, times: int) -> None:
    """A poll that fails is nothing but a reason to ask again."""
    world = world_of(tmp_path)
    world.order(Place.STATUS, fault, prompt_contains="owl", times=times)
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


LASTING = [Status(500), Status(502, html=True), Garbage(), Garbage(json=True), DropBefore()]


@pytest.mark.parametrize("fault", LASTING, ids=lambda fault: fault.name)
def test_trouble_that_lasts_loses_nothing(tmp_path: Path, fault: Action) -> None:
    """After half an hour the run ends without a verdict; the next one asks again, for free."""
    world = world_of(tmp_path)
    world.order(Place.STATUS, fault, prompt_contains="owl", times=None)
    run = world.apply()
    assert (run.ending("owl"), run.ending("dusk")) == (Ending.STILL_RUNNING, Ending.BLOCKED)
    assert run.ending("fox") is Ending.DONE
    assert PATIENCE - 60 < run.took < PATIENCE + 60
    assert len(world.polls(world.purchase("owl").task_id)) < PATIENCE / 25
    assert world.phase("owl") is Phase.SUBMITTED
    assert run.result.exit_code() is ExitCode.FAILURES
    planned = world.action("owl")
    assert planned is not None
    assert (planned.verb, planned.reason) == (Verb.WAIT, Reason.IN_FLIGHT)
    world.calm()
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_api_that_tells_nothing_of_a_task_is_not_asked_for_long(
    tmp_path: Path, status: int
) -> None:
    """A wrong key or a forgotten task: five questions, then the next run; the task stays known."""
    world = world_of(tmp_path)
    world.order(Place.STATUS, Status(status), prompt_contains="owl", times=None)
    run = world.apply()
    assert run.ending("owl") is Ending.STILL_RUNNING
    assert len(world.polls(world.purchase("owl").task_id)) == 5
    assert world.phase("owl") is Phase.SUBMITTED
    world.calm()
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


def test_a_poll_waits_as_long_as_the_api_wants(tmp_path: Path) -> None:
    """Retry-After counts for polls too."""
    world = world_of(tmp_path)
    world.order(Place.STATUS, Status(429, retry_after=50), prompt_contains="owl")
    world.apply()
    polls = world.polls(world.purchase("owl").task_id)
    assert polls[1] - polls[0] >= 50


def test_waits_between_failing_polls_grow(tmp_path: Path) -> None:
    """An API in trouble is asked less and less often, at least every half minute or so."""
    world = world_of(tmp_path)
    world.order(Place.STATUS, Status(500), prompt_contains="owl", times=None)
    world.apply()
    gaps = [later - earlier for earlier, later in pairwise(world.polls(_task(world)))]
    assert gaps[0] < 6
    assert all(30 <= gap <= 38 for gap in gaps[4:])


def _task(world: World) -> str | None:
    return world.purchase("owl").task_id


def test_hundreds_of_failing_polls_are_survived(tmp_path: Path) -> None:
    """Even when the API says each time to come back soon, and the configuration polls quickly."""
    world = World(tmp_path, image("owl"), manner=Manner(60, 3, first=1.0, interval=1.0))
    world.order(Place.STATUS, Status(503, retry_after=1), times=None)
    run = world.apply()
    assert run.ending("owl") is Ending.STILL_RUNNING
    assert len(world.polls(_task(world))) > 1000


def test_a_task_that_never_ends_holds_nobody_up(tmp_path: Path) -> None:
    """Patience runs out after half an hour; its slot is free for others then."""
    world = World(tmp_path, image("owl"), image("fox"), manner=Manner(60, 1))
    world.order(Place.SUBMIT, Stall(None), prompt_contains="owl")
    run = world.apply()
    assert run.endings() == {"owl": Ending.STILL_RUNNING, "fox": Ending.DONE}
    assert PATIENCE / 5.2 - 10 < len(world.polls(_task(world))) < PATIENCE / 3


def test_a_task_that_ends_after_our_patience_is_found_by_the_next_run(tmp_path: Path) -> None:
    """A local time-out never means failed."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, Stall(3600.0), prompt_contains="owl")
    assert world.apply().ending("owl") is Ending.STILL_RUNNING
    world.sleep(3600)
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


def test_every_documented_fail_code_ends_its_own_branch(tmp_path: Path) -> None:
    """The record holds code, words and kind; only what may work later is bought again by itself.

    Source: docs/providers/apixo.md, sections 10.2 and 10.3.
    """
    codes = {f"i{n:02}": code for n, code in enumerate([*FAIL_CODES, "SomethingNew"])}
    world = World(tmp_path, *map(image, codes), image("fox"))
    for address, code in codes.items():
        world.order(Place.SUBMIT, Fail(code, f"words of {address}"), prompt_contains=address)
    run = world.apply()
    assert run.ending("fox") is Ending.DONE
    for address in codes:
        assert run.ending(address) is Ending.FAILED
        purchase = world.purchase(address)
        assert purchase.phase is Phase.FAILED
        assert purchase.failure is not None
        planned = world.action(address)
        assert planned is not None
        is_permanent = DEFAULT_ATTEMPTS[purchase.failure.kind] == 1
        assert planned.verb is (Verb.BLOCKED if is_permanent else Verb.BUY)
    assert sorted(
        one.failure.code for one in world.attempts() if one.failure is not None
    ) == sorted(codes.values())
    again = world.apply()
    bought = {one.address for one in again.plan.actions if one.verb is Verb.BUY}
    assert {one for one in codes if world.charged(one) == 2} == bought


def test_a_failed_task_is_refunded_here_and_counted_as_spent(tmp_path: Path) -> None:
    """APIXO documents no refund, so the budget does not count on one."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, Fail("NSFW"), prompt_contains="owl")
    run = world.apply()
    assert (run.ending("owl"), run.ending("dusk")) == (Ending.FAILED, Ending.BLOCKED)
    outcome = run.outcome("owl")
    assert outcome.detail.startswith("NSFW")
    assert outcome.hint
    assert world.spent() == 400_000
    assert [one.kind.value for one in world.sandbox.ledger()] == ["charge", "charge", "refund"]


def test_fewer_pictures_are_kept_and_what_needs_a_missing_one_asks_a_person(tmp_path: Path) -> None:
    """Two of four: both are stored, the variant of the first is made, that of the third is not."""
    world = World(tmp_path, image("owl"), vary("dusk", "owl", 1), upscale("large", "owl", 3))
    world.order(Place.SUBMIT, Fewer(2), prompt_contains="owl")
    run = world.apply()
    assert run.endings() == {"owl": Ending.DONE, "dusk": Ending.DONE, "large": Ending.NEEDS_PICK}
    assert world.owned_pictures("owl") == 2
    planned = world.action("large")
    assert planned is not None
    assert (planned.verb, planned.reason) == (Verb.PICK, Reason.CANDIDATE_MISSING)
    sent = len(world.visits)
    world.apply()
    assert len(world.visits) == sent


def test_a_success_without_pictures_is_a_failure(tmp_path: Path) -> None:
    """It is not asked for again and again, and not bought again by itself."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, Fewer(0), prompt_contains="owl")
    run = world.apply()
    assert (run.ending("owl"), world.phase("owl")) == (Ending.FAILED, Phase.FAILED)
    planned = world.action("owl")
    assert planned is not None
    assert planned.verb is Verb.BLOCKED
    world.apply()
    assert world.charged("owl") == 1


def test_paid_work_that_no_spec_asks_for_any_more_is_brought_home(tmp_path: Path) -> None:
    """The prompt changed while its task ran: both pictures are owned, each charged once."""
    world = world_of(tmp_path)
    world.apply(stop_at=5)
    first = world.purchase("owl")
    owl = world.resources[first.address]
    world.resources[owl.address] = replace(owl, canonical=image("bird").canonical)
    run = world.apply()
    assert {one.ending for one in run.result.outcomes} == {Ending.DONE}
    with world.archive() as store:
        old = store.purchase(first.id)
    assert old is not None
    assert old.phase is Phase.STORED
    assert set(world.charges().values()) == {1}
    assert world.apply().plan.actions == ()


def test_an_orphan_that_fails_does_not_block_what_bears_its_name_now(tmp_path: Path) -> None:
    """An old request and a new one under the same address have nothing to do with each other."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, Fail("NSFW"), prompt_contains="owl")
    world.apply(stop_at=5)
    owl = world.resources[image("owl").address]
    world.resources[owl.address] = replace(owl, canonical=image("bird").canonical)
    run = world.apply()
    assert run.ending("dusk") is Ending.DONE
    assert sorted(one.ending for one in run.result.outcomes if one.address == "owl") == [
        Ending.DONE,
        Ending.FAILED,
    ]
