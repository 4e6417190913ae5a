"""What is made here for free, and what a vendor makes first so that a follow-up can start."""

from dataclasses import replace
from pathlib import Path

import pytest
from engine_kit import World, at_apimart, image, vary

from reconciler.engine.outcome import Ending
from reconciler.errors import ExitCode
from reconciler.ids import Address, CandidateNumber
from reconciler.money import NOTHING
from reconciler.plan.actions import Reason, Verb
from reconciler.purchase import ParentUse, Phase, Purchase
from reconciler.sandbox.faults import Place, Status
from reconciler.spec.request import (
    Direction,
    Imagine,
    Pan,
    Single,
    Speed,
    Strength,
    Vary,
    Zoom,
    ZoomOut,
)
from reconciler.spec.resource import Resource

GRID = Imagine("owl", speed=Speed.FAST)


def single(address: str, parent: str, of: int) -> Resource:
    """Return a candidate as a picture of its own; nobody is asked for it."""
    return at_apimart(address, Single(), parent, of)


def digest_of(purchase: Purchase, number: int) -> str:
    """Return which object a candidate is."""
    (one,) = [one for one in purchase.candidates if one.number == number]
    assert one.picture is not None
    return one.picture.digest


def test_a_candidate_is_cut_out_without_asking_anybody(tmp_path: Path) -> None:
    """The same bytes, on record at no cost, below their parent; the next run does nothing."""
    world = World(tmp_path, image("owl"), single("owl.second", "owl", 2))
    run = world.apply()
    owl, second = world.purchase("owl"), world.purchase("owl.second")

    assert set(run.endings().values()) == {Ending.DONE}
    assert world.charges().total() == 1
    assert (second.phase, second.task_id, second.price) == (Phase.STORED, None, NOTHING)
    assert (second.cost, second.parent) == (NOTHING, ParentUse(owl.id, CandidateNumber(2)))
    assert digest_of(second, 1) == digest_of(owl, 2)
    assert (world.folder / "assets/owl/second.png").is_file()
    sent = len(world.visits)
    assert world.apply().plan.actions == ()
    assert len(world.visits) == sent


def test_cutting_out_is_no_task_in_the_ledger(tmp_path: Path) -> None:
    """Sums count what was bought; what was made here is nothing that anybody could ask back."""
    world = World(tmp_path, image("owl"), single("owl.second", "owl", 2))
    world.apply()
    with world.archive() as store:
        assert sum(one.tasks for one in store.sums()) == 1


def test_what_was_cut_out_comes_again_with_its_parent(tmp_path: Path) -> None:
    """Its bytes are its parent's: fetched once, and right again under both names."""
    world = World(tmp_path, image("owl"), single("owl.second", "owl", 2))
    world.apply()
    lost = digest_of(world.purchase("owl"), 2)
    (world.folder / f"assets/.objects/{lost[:2]}/{lost[2:4]}/{lost}").unlink()
    run = world.apply()

    reasons = {one.action.address: one.action.reason for one in run.result.outcomes}
    assert reasons == {"owl": Reason.BYTES_MISSING, "owl.second": Reason.CUT_AGAIN}
    assert world.charges().total() == 1
    assert world.apply().plan.actions == ()


def test_a_failed_parent_leaves_nothing_to_cut_out(tmp_path: Path) -> None:
    """The branch is blocked, and says by what."""
    world = World(tmp_path, image("owl"), single("owl.second", "owl", 2))
    world.order(Place.SUBMIT, Status(400))
    run = world.apply()

    assert run.ending("owl.second") is Ending.BLOCKED
    assert run.result.exit_code() is ExitCode.FAILURES


def test_a_follow_up_of_what_was_cut_out_starts_from_the_candidates_task(tmp_path: Path) -> None:
    """There is no task for it at the provider; the one behind it is asked for that candidate."""
    hero = replace(single("owl.hero", "owl", 3), provider=image("owl").provider)
    world = World(tmp_path, image("owl"), hero, vary("owl.hero.dusk", "owl.hero"))
    run = world.apply()

    owl, dusk = world.purchase("owl"), world.purchase("owl.hero.dusk")
    assert run.ending("owl.hero.dusk") is Ending.DONE
    assert dusk.parent is not None
    assert (dusk.parent.intent, dusk.parent.candidate) == (owl.id, 3)


def family() -> tuple[Resource, ...]:
    """Return a grid with three follow-ups that APIMart starts from a single picture."""
    return (
        at_apimart("owl", GRID),
        at_apimart("owl.left", Pan(Direction.LEFT), "owl", 2),
        at_apimart("owl.far", Zoom(ZoomOut.DOUBLE), "owl", 2),
        at_apimart("owl.night", Vary(Strength.STRONG, "at night"), "owl", 2),
    )


def test_what_is_needed_first_is_bought_once_for_all_that_start_from_it(tmp_path: Path) -> None:
    """One step, on a line of its own, without a name on disk; then nothing is left to do."""
    world = World(tmp_path, *family())
    run = world.apply()
    step = world.purchase("owl.@2")

    assert set(run.endings().values()) == {Ending.DONE}
    assert world.charges().total() == 5
    assert step.parent is not None
    assert (step.parent.intent, step.parent.candidate) == (world.purchase("owl").id, 2)
    for address in ("owl.left", "owl.far", "owl.night"):
        used = world.purchase(address).parent
        assert used is not None
        assert (used.intent, used.candidate) == (step.id, 1)
    with world.archive() as store:
        assert Address("owl.@2") not in store.views()
    assert world.apply().plan.actions == ()


def test_a_later_follow_up_starts_from_the_step_that_is_owned(tmp_path: Path) -> None:
    """What was needed first once is never bought again."""
    world = World(tmp_path, *family()[:2])
    world.apply()
    world.resources = {one.address: one for one in family()}
    plan = world.plan()

    assert [one.address for one in plan.actions] == ["owl.far", "owl.night"]
    assert {one.verb for one in plan.actions} == {Verb.BUY}
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert sum(one.address == "owl.@2" for one in world.attempts()) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_step_blocks_only_what_starts_from_it(tmp_path: Path, status: int) -> None:
    """The step fails at the line of its follow-up; a sibling that needs none is bought."""
    dusk = at_apimart("owl.dusk", Vary(Strength.SUBTLE), "owl", 2)
    world = World(tmp_path, *family()[:2], dusk)
    world.order(Place.SUBMIT, Status(status), mode="UPSCALE")
    run = world.apply()

    assert run.endings() == {
        "owl": Ending.DONE,
        "owl.@2": Ending.FAILED,
        "owl.left": Ending.BLOCKED,
        "owl.dusk": Ending.DONE,
    }
    step = run.outcome("owl.@2").action.resource
    assert step is not None
    assert step.path == world.resources[Address("owl.left")].path
