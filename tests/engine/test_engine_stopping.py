"""Ctrl-C at any moment: out within a second, nothing forgotten, the next run goes on."""

from itertools import chain
from pathlib import Path

import pytest
from engine_kit import Run, World, edit, image, upscale, vary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.errors import ExitCode
from reconciler.plan.actions import Verb
from reconciler.purchase import Phase
from reconciler.sandbox.faults import Delay, DropAfter, Place, Status

HALF_A_TRIP = 0.4


def world_of(folder: Path, latency: float = 0.15) -> World:
    """Return a small tree at a provider that is slow to answer and slow to deliver."""
    world = World(
        folder,
        image("owl"),
        vary("dusk", "owl"),
        upscale("large", "dusk"),
        edit("hat", "owl"),
        image("fox"),
        manner=Manner(4, 3),
    )
    world.latency = latency
    world.thread_seconds = 0.2
    world.order(Place.DOWNLOAD, Delay(1.5), times=None)
    return world


def check_stopped(world: World, run: Run, moment: float) -> None:
    """The run is over at once, and whatever was accepted is on record, at least as a doubt."""
    assert run.took <= moment + 1.0
    assert run.left_tasks == 0
    assert run.result.interrupted
    assert run.result.exit_code() is ExitCode.INTERRUPTED
    known = {one.task_id for one in world.attempts() if one.task_id}
    accepted = {str(one["task_id"]) for one in world.sandbox.tasks()}
    doubts = [one for one in world.attempts() if one.phase is Phase.IN_DOUBT]
    assert known <= accepted
    assert len(accepted - known) <= len(doubts)
    unsettled = {Phase.INTENDED, Phase.SUBMITTING}
    assert not [one for one in world.attempts() if one.phase in unsettled]
    told = [one.address for one in run.result.outcomes if one.ending is Ending.IN_DOUBT]
    told += [one.address for one in run.plan.actions if one.verb is Verb.RESOLVE]
    assert sorted(told) == sorted(one.address for one in doubts)


def check_finished(world: World, run: Run) -> None:
    """All is done and charged once, but for what is in doubt and what is below it."""
    assert run.doubtful == ()
    assert set(world.charges().values()) <= {1}
    doubts = [one.address for one in world.attempts() if one.phase is Phase.IN_DOUBT]
    if doubts:
        assert {one.ending for one in run.result.outcomes} <= {Ending.DONE, Ending.BLOCKED}
        return
    assert world.charges().total() == len(world.resources)
    assert world.plan().actions == ()


MOMENTS = sorted(
    chain(
        (0.0, 0.01, 0.149, 0.15, 0.16, 0.29, 0.3, 0.31, 0.5, 1.0, 5.0, 15.0, 20.2, 20.4),
        (float(n) for n in range(24, 120, 6)),
    )
)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_stop_at_any_moment_leaves_in_order(tmp_path: Path, moment: float) -> None:
    """Out within a second; the second run finishes; every distinct take is charged once."""
    world = world_of(tmp_path)
    run = world.apply(stop_at=moment)
    if run.result.interrupted:
        check_stopped(world, run, moment)
    check_finished(world, world.apply())


@pytest.mark.slow
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.lists(st.floats(0, 60), min_size=1, max_size=4), latency=st.floats(0, 1.5))
def test_stops_at_many_moments_leave_in_order(
    tmp_path_factory: pytest.TempPathFactory, stops: list[float], latency: float
) -> None:
    """Several stops one after the other, with any latency: the same promises."""
    world = world_of(tmp_path_factory.mktemp("world"), latency)
    for moment in stops:
        run = world.apply(stop_at=moment)
        if not run.result.interrupted:
            break
        check_stopped(world, run, moment)
    check_finished(world, world.apply())


@pytest.mark.parametrize("moment", [0.05, 0.39, 0.4, 0.41, 0.6, 0.79])
def test_an_answer_on_its_way_is_waited_for(tmp_path: Path, moment: float) -> None:
    """It may take most of a second: then the task id is on record and nothing is in doubt."""
    world = World(tmp_path, image("owl"), image("fox"))
    world.latency = HALF_A_TRIP
    run = world.apply(stop_at=moment)
    left = min(2 * HALF_A_TRIP - moment, 0.7)
    assert run.took == pytest.approx(moment + left, abs=0.02)
    expected = Phase.SUBMITTED if left < 0.7 else Phase.IN_DOUBT
    assert {world.phase("owl"), world.phase("fox")} == {expected}
    check_stopped(world, run, moment)


def test_an_answer_that_takes_too_long_is_a_doubt(tmp_path: Path) -> None:
    """Nobody waits longer than a second; what was sent may have been paid."""
    world = World(tmp_path, image("owl"))
    world.order(Place.SUBMIT, Delay(30.0))
    run = world.apply(stop_at=3)
    assert run.took <= 4
    assert run.ending("owl") is Ending.IN_DOUBT
    assert world.charged("owl") == 1
    world.calm()
    world.apply()
    assert world.charged("owl") == 1


@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_sent_after_a_stop(tmp_path: Path, status: int) -> None:
    """A refusal that comes during the moment of grace is not answered with another try."""
    world = World(tmp_path, image("owl"), manner=Manner(1000, 5, haste=20.0), speed=20.0)
    world.latency = 0.2
    world.order(Place.SUBMIT, Status(status))
    run = world.apply(stop_at=0.3)
    assert len(world.submissions()) == 1
    assert run.ending("owl") is Ending.INTERRUPTED
    assert world.phase("owl") is Phase.CANCELLED
    assert world.spent() == 0


def test_a_stop_while_the_api_asks_for_patience_gives_the_reservation_back(
    tmp_path: Path,
) -> None:
    """An intent that waits for its next try is withdrawn: nothing of it was accepted."""
    world = World(tmp_path, image("owl"), image("fox"))
    world.order(Place.SUBMIT, Status(429, retry_after=60), times=None)
    run = world.apply(stop_at=10)
    assert set(run.endings().values()) == {Ending.INTERRUPTED}
    assert {one.phase for one in world.attempts()} == {Phase.CANCELLED}
    assert world.spent() == 0
    world.calm()
    assert set(world.apply().endings().values()) == {Ending.DONE}


def test_a_stop_before_anything_began_sends_nothing(tmp_path: Path) -> None:
    """A limit that lets only one go first: the other one is never heard of."""
    world = World(tmp_path, image("fox"), image("owl"), manner=Manner(1, 5))
    run = world.apply(stop_at=0)
    assert run.took <= 0.2
    assert [one.about for one in world.submissions()] == ["fox"]
    assert world.spent() == 200_000
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert world.charged("owl") == 1


def test_a_stop_after_a_lost_answer_tells_of_the_doubt(tmp_path: Path) -> None:
    """What ended during the moment of grace is reported as it ended."""
    world = World(tmp_path, image("owl"), image("fox"))
    world.latency = 0.2
    world.order(Place.SUBMIT, DropAfter(), prompt_contains="owl")
    run = world.apply(stop_at=0.1)
    assert run.endings() == {"owl": Ending.IN_DOUBT, "fox": Ending.INTERRUPTED}
    assert world.phase("fox") is Phase.SUBMITTED
    told = [one.address for _, one in run.diary.all("problem")]
    assert told == ["owl"]


def test_bytes_that_were_being_stored_during_a_stop_are_not_half_there(tmp_path: Path) -> None:
    """A thread cannot be stopped: what it finishes is whole, and the next run takes it over."""
    world = World(tmp_path, image("owl"))
    world.thread_seconds = 5.0
    found = 0
    for moment in (20.0, 25.0, 30.0, 35.0):
        run = world.apply(stop_at=moment)
        if run.result.interrupted:
            assert run.took <= moment + 1
        found = max(found, world.owned_pictures("owl"))
    world.apply()
    assert world.owned_pictures("owl") == 4
    assert list((tmp_path / "assets" / ".objects" / "tmp").iterdir()) == []
    assert world.charged("owl") == 1
