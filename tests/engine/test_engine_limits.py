"""The engine against an API that keeps limits: what is configured, and what it finds out."""

from pathlib import Path

import pytest
from engine_kit import World, image, vary

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.plan.actions import Verb
from reconciler.sandbox.faults import Delay, Place, Stall, Status

FREE = Manner(requests_per_minute=10, concurrent=3, polls_count=True)
"""APIXO's Free plan, should status questions count among the requests there."""


def images(count: int) -> list[str]:
    """Return that many names."""
    return [f"i{n:02}" for n in range(count)]


def free_world(folder: Path, *more: str) -> World:
    """Return twelve pictures, and a sandbox that keeps the Free plan's limits."""
    return World(
        folder,
        *map(image, (*images(12), *more)),
        manner=FREE,
        requests_per_minute=10,
        concurrent=3,
        polls_count=True,
    )


@pytest.mark.parametrize("latency", [0.0, 0.05, 2.0])
def test_the_free_plan_is_never_exceeded(tmp_path: Path, latency: float) -> None:
    """Twelve pictures, three at a time, every poll counted: not one 429, and it takes minutes."""
    world = free_world(tmp_path)
    world.latency = latency
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert run.diary.all("held_up") == []
    assert run.took < 12 * 60


def test_polls_and_submissions_get_their_turns_alike(tmp_path: Path) -> None:
    """Tasks that are asked for all the time keep no picture from being sent, and none forgotten."""
    world = free_world(tmp_path)
    world.order(Place.SUBMIT, Stall(300.0), times=2)
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    sent = [one.at for one in world.submissions()]
    assert sum(at < 300 for at in sent) >= 5
    assert run.diary.all("held_up") == []


def test_links_are_renewed_in_turn_too(tmp_path: Path) -> None:
    """The question for new links counts like any other."""
    world = free_world(tmp_path)
    world.order(Place.DOWNLOAD, Status(404), times=8)
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert run.diary.all("held_up") == []


def test_polls_do_not_wait_where_they_do_not_count(tmp_path: Path) -> None:
    """The rhythm is the documented one, however few requests a minute may submit."""
    world = World(tmp_path, image("owl"), manner=Manner(1, 3))
    run = world.apply()
    assert run.took < 60
    assert len(world.polls(world.purchase("owl").task_id)) > 1


def test_a_refused_poll_slows_everybody_where_polls_count(tmp_path: Path) -> None:
    """The API has said that it is too much: nothing leaves until the time that it named."""
    manner = Manner(60, 2, polls_count=True)
    world = World(tmp_path, image("owl"), image("fox"), image("cat"), manner=manner)
    world.order(Place.STATUS, Status(429, retry_after=200), prompt_contains="owl")
    run = world.apply()
    refused = world.polls(world.purchase("owl").task_id)[0] + 2 * world.latency
    later = [one.at for one in world.visits if one.at > refused]
    assert later[0] - refused == pytest.approx(200, abs=0.1)
    assert set(run.endings().values()) == {Ending.DONE}


def test_a_refused_poll_slows_nobody_else_where_polls_do_not_count(tmp_path: Path) -> None:
    """It is a limit of another kind; only that task is asked for later."""
    world = World(tmp_path, image("owl"), vary("dusk", "fox"), image("fox"))
    world.resources = {one: world.resources[one] for one in sorted(world.resources, reverse=True)}
    world.order(Place.STATUS, Status(429, retry_after=200), prompt_contains="owl")
    run = world.apply()
    assert run.diary.when("done", "dusk") < 120 < run.diary.when("done", "owl")


def test_the_most_overdue_task_is_asked_first(tmp_path: Path) -> None:
    """The plan's order does not count, but how long the answer has been waiting."""
    world = World(tmp_path, image("old"), manner=Manner(1, 3, polls_count=True))
    world.apply(stop_at=5)
    world.sleep(100)
    world.resources = {one.address: one for one in (image("new"), image("old"))}
    world.order(Place.STATUS, Status(500), times=None)
    world.apply(stop_at=1)
    world.sleep(86_000)
    world.calm()
    run = world.apply()
    assert [one.address for one in run.plan.actions] == ["new", "old"]
    assert run.diary.when("done", "old") < run.diary.when("done", "new")
    assert set(run.endings().values()) == {Ending.DONE}


def test_an_account_that_allows_less_than_configured_is_used_all_the_same(tmp_path: Path) -> None:
    """Its limits are found: all is bought once, and few submissions are refused."""
    world = World(
        tmp_path,
        *map(image, images(16)),
        manner=Manner(60, 10),
        requests_per_minute=6,
        concurrent=3,
    )
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}
    assert len(world.submissions()) - 16 <= 20
    assert run.took < 16 * 60


def test_no_submission_leaves_while_as_many_are_in_flight_as_were_too_many(
    tmp_path: Path,
) -> None:
    """A refusal with two accepted: the third waits until one of them has ended, and polls go on."""
    world = World(
        tmp_path, *map(image, images(4)), manner=Manner(1000, 10), concurrent=2, speed=0.5
    )
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    first_end = min(at for at, _ in run.diary.all("succeeded"))
    refused = [at for at, _ in run.diary.all("held_up")]
    early = [one.at for one in world.submissions() if 1 < one.at < first_end]
    assert refused
    assert early == []


def test_tasks_of_an_earlier_run_count_when_a_submission_is_refused(tmp_path: Path) -> None:
    """Two are in flight when the first new one is too many: none leaves before one has ended."""
    world = World(tmp_path, image("a"), image("b"), concurrent=2)
    world.order(Place.SUBMIT, Stall(300.0), times=2)
    world.apply(stop_at=5)
    world.resources |= {one.address: one for one in (image("c"), image("d"))}
    world.manner = Manner(1000, 10)
    began = world.seconds()
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    first_end = min(at for at, _ in run.diary.all("succeeded"))
    sent = [one.at for one in world.submissions() if one.at >= began]
    assert [at for at in sent if began + 1 < at < first_end] == []


@pytest.mark.parametrize(("occupied", "at_once"), [(0, 3), (1, 2), (2, 1), (7, 1)])
def test_tasks_that_nobody_waits_for_take_places(
    tmp_path: Path, occupied: int, at_once: int
) -> None:
    """They leave fewer places for new ones, but at least one."""
    manner = Manner(1000, 3, occupied=occupied)
    world = World(tmp_path, *map(image, images(6)), manner=manner, concurrent=at_once)
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert run.diary.all("held_up") == []
    sent = [one.at for one in world.submissions()]
    assert sum(at < 1 for at in sent) == at_once


def test_what_is_in_flight_is_waited_for_at_once_however_many_places_there_are(
    tmp_path: Path,
) -> None:
    """Five tasks of an earlier run are paid and running: the limit holds for new ones only."""
    world = World(tmp_path, *map(image, images(5)))
    world.apply(stop_at=5)
    world.resources["new"] = image("new")  # type: ignore[index]
    world.manner = Manner(1000, 2)
    run = world.apply()
    assert [one.verb for one in run.plan.actions].count(Verb.WAIT) == 5
    started = [run.diary.when("started", name) for name in images(5)]
    assert max(started) == min(started)
    ended = sorted(at for at, one in run.diary.all("succeeded") if one.address != "new")
    assert run.diary.when("submitting", "new") >= ended[3]


def test_slow_answers_do_not_make_an_api_count_twice(tmp_path: Path) -> None:
    """A request that was long under way may be counted at its end: its minute begins there."""
    world = World(tmp_path, *map(image, images(6)), manner=Manner(2, 50), requests_per_minute=2)
    world.order(Place.SUBMIT, Delay(40.0), times=None)
    run = world.apply()
    assert run.diary.all("held_up") == []
    assert set(run.endings().values()) == {Ending.DONE}
