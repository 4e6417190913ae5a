"""A task of two steps among others: found after a doubt, held up for long, asleep, side by side."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_kit import APIMART, APIXO, PLENTY, World, at_apimart, image, upscale
from simulation_books import Books
from simulation_promises import check
from simulation_trees import FILES, own
from virtual_time import Crash, Fate

from reconciler.engine.outcome import Ending
from reconciler.ids import Address, RunId
from reconciler.money import NOTHING
from reconciler.plan.actions import Reason, Verb
from reconciler.policy import FailureKind
from reconciler.purchase import Attached, Phase, Purchase
from reconciler.sandbox.faults import DropAfter, Place, Status
from reconciler.spec.request import Direction, Imagine, Inpaint, Pan, Single, Speed, Zoom, ZoomOut
from reconciler.spec.resource import LocalFile, Resource
from reconciler.state.store import UNLIMITED, Store

REFUNDS = replace(PLENTY, refunds_failures=True)
LAMP = "owl.lamp"
OWL = at_apimart("owl", Imagine("owl", version="8.1", speed=Speed.FAST))


def inpaint(address: str, parent: str, of: int = 1) -> Resource:
    """Return a wish to repaint a part of a candidate."""
    mask = own("mask.png")
    files = (LocalFile("mask.png", mask.digest),)
    return at_apimart(address, Inpaint(mask, address), parent, of, files=files)


def world(folder: Path, *resources: Resource, **settings: Any) -> World:
    """Return a project that wants an owl, and these made from it."""
    made = World(folder, OWL, *resources, manner=REFUNDS, **settings)
    made.file("mask.png", FILES["mask.png"])
    return made


def charges(made: World, mode: str) -> int:
    """Return how many tasks of a mode were charged."""
    return sum(n for name, n in made.charges().items() if name.startswith(f"{mode}:"))


def attempts(made: World, address: str) -> list[Purchase]:
    """Return every attempt at an address, oldest first."""
    return [one for one in made.attempts() if one.address == address]


def assert_books_agree(made: World, deaths: int = 0) -> None:
    """Assert every promise of the simulation."""
    check(Books(made), UNLIMITED, deaths=deaths, given_up=())


def test_a_first_step_found_after_a_doubt_goes_on(tmp_path: Path) -> None:
    """The answer to the first step is lost, a person finds its task waiting: it gets its mask."""
    made = world(tmp_path / "w", inpaint(LAMP, "owl"))
    made.order(Place.SUBMIT, DropAfter(), mode="INPAINT")
    assert made.apply().ending(LAMP) is Ending.IN_DOUBT
    assert made.sent(Place.MODAL) == []

    with Store.open(made.folder / "state.db") as store:
        doubt = store.by_address(Address(LAMP))[-1]
        (found,) = Books(made).unexplained(doubt.id)
        store.record(doubt, Attached(found), made.now(), RunId("a-person"))
    assert made.apply().ending(LAMP) is Ending.DONE
    assert charges(made, "INPAINT") == 1
    assert len(made.sent(Place.MODAL)) == 1
    assert_books_agree(made)


def test_a_second_step_that_nobody_takes_for_half_an_hour(tmp_path: Path) -> None:
    """It is offered again and again; the run's patience ends, then the task, at no cost."""
    made = world(tmp_path / "w", inpaint(LAMP, "owl"))
    made.order(Place.MODAL, Status(500), times=None)
    assert made.apply().ending(LAMP) is Ending.STILL_RUNNING
    assert len(made.sent(Place.MODAL)) > 10
    assert made.phase(LAMP) is Phase.MODAL

    made.calm()
    made.sleep(60)
    assert made.apply().ending(LAMP) is Ending.FAILED
    failure = made.purchase(LAMP).failure
    assert failure is not None
    assert failure.kind is FailureKind.TIMED_OUT
    assert made.purchase(LAMP).cost == NOTHING
    assert made.apply().ending(LAMP) is Ending.DONE
    assert charges(made, "INPAINT") == 2
    assert_books_agree(made)


def test_a_machine_that_sleeps_between_the_steps(tmp_path: Path) -> None:
    """An hour later its task is cancelled; that is no charge, and it is bought once more."""
    made = world(tmp_path / "w", inpaint(LAMP, "owl"))

    def sleep() -> None:
        made.asleep += 3600.0

    made.order(Place.MODAL, Status(500), times=None)
    began = made.apply(meanwhile=((100.0, sleep), (100.0, made.calm)))
    assert [one.phase for one in attempts(made, LAMP)] == [Phase.FAILED, Phase.STORED]
    assert began.ending(LAMP) is Ending.DONE
    assert attempts(made, LAMP)[0].cost == NOTHING
    assert_books_agree(made)


DAY = 24 * 3600.0


@pytest.mark.parametrize("days", [3.5, 5.0])
def test_a_task_that_nobody_asked_for_in_time(tmp_path: Path, days: float) -> None:
    """APIMart keeps tasks for three days. It is given up a day later, as paid, and never before."""
    made = World(tmp_path / "w", OWL, manner=REFUNDS)
    with pytest.raises(Crash):
        made.apply(fate=Fate(at=5.0))
    price = made.purchase("owl").price
    made.sleep(days * DAY)
    run = made.apply()
    owl = made.purchase("owl")
    action = made.action("owl")
    assert action is not None
    assert owl.cost == price

    if days < 4:
        assert run.ending("owl") is Ending.STILL_RUNNING
        assert (owl.phase, action.verb) == (Phase.SUBMITTED, Verb.WAIT)
        return
    assert run.ending("owl") is Ending.FAILED
    assert owl.phase is Phase.FAILED
    assert owl.failure is not None
    assert (owl.failure.kind, owl.failure.code) == (FailureKind.EXPIRED, "forgotten")
    assert (action.verb, action.reason) == (Verb.BLOCKED, Reason.FAILED_FOR_GOOD)
    assert_books_agree(made, deaths=1)


def test_follow_ups_share_what_they_need_first(tmp_path: Path) -> None:
    """Four of one candidate need one task of it; a picture that is cut out here needs none."""
    made = world(
        tmp_path / "w",
        inpaint(LAMP, "owl", of=2),
        at_apimart("owl.far", Zoom(ZoomOut.DOUBLE), "owl", 2),
        at_apimart("owl.left", Pan(Direction.LEFT), "owl", 2),
        at_apimart("owl.cut", Single(), "owl", 2),
        at_apimart("owl.cut.up", Pan(Direction.UP), "owl.cut", 1),
    )
    run = made.apply()

    assert set(run.endings().values()) == {Ending.DONE}
    assert charges(made, "UPSCALE") == 1
    assert made.purchase("owl.cut").cost == NOTHING
    starts = {one.content["task_id"] for one in Books(made).tasks.values() if one.mode == "PAN"}
    assert starts == {made.purchase("owl.@2").task_id}
    assert_books_agree(made)


def test_a_crash_while_two_tasks_wait(tmp_path: Path) -> None:
    """Both go on with the next run, each with its own mask, and each is paid once."""
    made = world(tmp_path / "w", inpaint(LAMP, "owl"), inpaint("owl.door", "owl", of=2))
    made.order(Place.MODAL, Status(500), times=None)
    with pytest.raises(Crash):
        made.apply(fate=Fate(at=90.0))
    assert {made.phase(LAMP), made.phase("owl.door")} == {Phase.MODAL}
    made.calm()
    run = made.apply()

    assert {one.verb for one in run.plan.work()} == {Verb.WAIT}
    assert {made.phase(LAMP), made.phase("owl.door")} == {Phase.STORED}
    assert charges(made, "INPAINT") == 2
    assert_books_agree(made, deaths=1)


def test_both_vendors_side_by_side(tmp_path: Path) -> None:
    """Each follow-up goes to whoever made its parent, whatever provider its spec names."""
    fox, large = image("fox"), upscale("fox.large", "fox", 1)
    lamp = replace(inpaint(LAMP, "owl"), provider=APIXO)
    made = world(tmp_path / "w", lamp, fox, replace(large, provider=APIMART))
    run = made.apply()

    assert set(run.endings().values()) == {Ending.DONE}
    makers = {one.address: one.provider for one in made.attempts()}
    assert makers == {
        "owl": APIMART,
        "owl.@1": APIMART,
        LAMP: APIMART,
        "fox": APIXO,
        "fox.large": APIXO,
    }
    assert_books_agree(made)
