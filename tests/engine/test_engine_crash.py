"""The process dies at every single step, one after the other; the next run goes on from there."""

from pathlib import Path

import pytest
from engine_kit import World, image, upscale
from virtual_time import Crash, Fate

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.plan.actions import Verb
from reconciler.purchase import Phase

COMMITS = 9 + 6
"""Intended, sending, accepted, delivered, 4 pictures stored, shown; the upscale has one picture."""

REQUESTS = 40
"""More than are needed: two submissions, the polls, five downloads."""


def world_of(folder: Path) -> World:
    """Return an image with an upscale below it."""
    return World(folder, image("owl"), upscale("large", "owl"))


def crashed(world: World, fate: Fate) -> bool:
    """Run until the process dies; return whether it did."""
    try:
        world.apply(fate=fate)
    except Crash:
        return True
    return False


def check(world: World, place: str, number: int) -> None:
    """After a crash: one run, and everything is there or in doubt, and was charged once."""
    where = f"{place} {number}"
    charged = world.charges()
    assert set(charged.values()) <= {1}, where
    tasks = [str(one["task_id"]) for one in world.sandbox.tasks()]
    unknown = {*tasks} - {one.task_id for one in world.attempts()}
    run = world.apply()
    doubts = [one for one in world.attempts() if one.phase is Phase.IN_DOUBT]
    assert len(unknown) <= len(doubts) <= 1, where
    assert [one.id for one in run.doubtful] == [one.id for one in doubts], where
    assert set(world.charges().values()) <= {1}, where
    if doubts:
        name = doubts[0].address
        planned = world.action(name)
        assert planned is not None, where
        assert planned.verb is Verb.RESOLVE, where
        assert name == "large" or "large" not in world.charges(), where
    else:
        assert world.plan().actions == (), where
        assert world.charges().total() == 2, where
        assert (world.owned_pictures("owl"), world.owned_pictures("large")) == (4, 1), where


@pytest.mark.parametrize("place", ["before_commit", "after_commit"])
def test_death_at_every_write_to_the_state(tmp_path: Path, place: str) -> None:
    """Right before each, so that it never happened; right after, so that nobody heard of it."""
    for number in range(1, COMMITS + 1):
        world = world_of(tmp_path / f"{number}")
        assert crashed(world, Fate(**{place: number}))  # type: ignore[arg-type]
        check(world, place, number)
    world = world_of(tmp_path / "whole")
    assert not crashed(world, Fate(**{place: COMMITS + 1}))  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["before_request", "after_request"])
def test_death_at_every_request(tmp_path: Path, place: str) -> None:
    """Before it leaves, and when the answer is there but nobody has read it."""
    for number in range(1, REQUESTS):
        world = world_of(tmp_path / f"{number}")
        if not crashed(world, Fate(**{place: number})):  # type: ignore[arg-type]
            break
        check(world, place, number)
    else:
        pytest.fail("the run never came to its end")


@pytest.mark.parametrize("place", ["before_commit", "after_commit"])
def test_dying_again_and_again_ends_well(tmp_path: Path, place: str) -> None:
    """Each run makes a few writes before it dies; in the end all is there."""
    world = world_of(tmp_path)
    for _ in range(12):
        if not crashed(world, Fate(**{place: 4})):  # type: ignore[arg-type]
            break
    assert world.plan().actions == ()
    assert set(world.charges().values()) == {1}


IN_DOUBT_AFTER = {
    ("before_commit", 2): False,  # the intent is there, nothing was sent
    ("after_commit", 2): True,  # `sending` is there: nobody knows whether it left
    ("before_commit", 3): True,  # accepted, but the task id was not written down
    ("after_commit", 3): False,  # it was
    ("before_request", 1): True,  # it did not leave, but the record cannot know
    ("after_request", 1): True,  # the answer was there, unread
    ("before_request", 2): False,  # a poll
    ("after_request", 2): False,
}


@pytest.mark.parametrize(("place", "number"), IN_DOUBT_AFTER)
def test_a_doubt_is_where_an_answer_could_have_been_lost(
    tmp_path: Path, place: str, number: int
) -> None:
    """Exactly between the record of sending and the record of the answer."""
    world = World(tmp_path, image("owl"))
    assert crashed(world, Fate(**{place: number}))  # type: ignore[arg-type]
    run = world.apply()
    expected = IN_DOUBT_AFTER[place, number]
    assert bool(run.doubtful) is expected
    assert world.phase("owl") is (Phase.IN_DOUBT if expected else Phase.STORED)


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.1, 0.15, 20.0, 30.05, 36.0, 45.0, 60.0, 90.0])
def test_death_at_any_moment(tmp_path: Path, moment: float) -> None:
    """A power cut, between any two steps."""
    world = World(tmp_path, image("owl"), upscale("large", "owl"), image("fox"))
    world.thread_seconds = 0.5
    crashed(world, Fate(at=moment))
    doubts = world.apply().doubtful
    assert set(world.charges().values()) <= {1}
    if not doubts:
        assert world.plan().actions == ()
        assert world.charges().total() == 3


def test_what_a_dead_run_reserved_is_given_back(tmp_path: Path) -> None:
    """An intent that was never sent does not eat the budget for ever."""
    world = World(tmp_path, image("owl"), image("fox"), manner=Manner(1, 5))
    assert crashed(world, Fate(after_commit=1))
    assert world.spent() == 200_000
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert world.spent() == 400_000
    assert [one.phase for one in world.attempts() if one.address == "owl"] == [
        Phase.CANCELLED,
        Phase.STORED,
    ]
