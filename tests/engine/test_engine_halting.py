"""When one answer says that no other submission can succeed, nothing more is sent there."""

from pathlib import Path

import pytest
from engine_kit import World, image, vary

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.plan.actions import Verb
from reconciler.purchase import Phase
from reconciler.sandbox.faults import Place, Status

REFUSALS = [
    *(Status(401), Status(402), Status(403), Status(404)),
    *(Status(401, html=True), Status(404, html=True)),
]
IDS = ["401", "402", "403", "404 of a route", "401 of a proxy", "404 of another server"]


@pytest.mark.parametrize("fault", REFUSALS, ids=IDS)
def test_a_refusal_of_the_account_stops_all_others(tmp_path: Path, fault: Status) -> None:
    """Those in flight are finished and stored; those in line are not sent; the next run sends."""
    images = [image("owl"), image("fox"), *(image(f"i{n}") for n in range(8))]
    world = World(tmp_path, *images, vary("dusk", "owl"), manner=Manner(2, 50))
    world.order(Place.SUBMIT, fault, prompt_contains="fox")
    run = world.apply()
    assert run.ending("owl") is Ending.DONE
    assert world.owned_pictures("owl") == 4
    assert run.ending("fox") is Ending.FAILED
    assert world.phase("fox") is Phase.REJECTED
    assert {run.ending(f"i{n}") for n in range(8)} == {Ending.NOT_SENT}
    assert run.ending("dusk") is Ending.NOT_SENT
    assert [one.about for one in world.submissions()] == ["owl", "fox"]
    assert {one.address for one in world.attempts()} == {"owl", "fox"}
    verbs = {one.address: one.verb for one in world.plan().actions}
    assert set(verbs.values()) == {Verb.BUY}
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


def test_a_halted_provider_ends_the_run_at_once(tmp_path: Path) -> None:
    """Three hundred pictures do not wait for three hundred turns to learn that the key is wrong."""
    world = World(tmp_path, *(image(f"i{n}") for n in range(300)), api_key="another")
    world.manner = Manner(requests_per_minute=10, concurrent=3)
    run = world.apply()
    assert run.took < 1
    assert len(world.submissions()) <= 3
    endings = list(run.endings().values())
    assert endings.count(Ending.NOT_SENT) == 300 - len(world.submissions())


def test_another_provider_goes_on(tmp_path: Path) -> None:
    """An empty account at one provider is nothing to the other one."""
    ours = [image(f"i{n}") for n in range(3)]
    theirs = [image(f"o{n}", provider="other") for n in range(3)]
    world = World(tmp_path, *ours, *theirs, manner=Manner(1, 5))
    world.order(Place.SUBMIT, Status(402), prompt_contains="i")
    run = world.apply()
    assert {run.ending(f"o{n}") for n in range(3)} == {Ending.DONE}
    assert Ending.DONE not in {run.ending(f"i{n}") for n in range(3)}


def test_an_account_that_runs_dry_buys_what_it_can(tmp_path: Path) -> None:
    """The sandbox's own 402: what was bought is kept, the rest is bought when there is money."""
    world = World(
        tmp_path, *(image(f"i{n}") for n in range(5)), manner=Manner(60, 1), balance=500_000
    )
    run = world.apply()
    endings = list(run.endings().values())
    assert (endings.count(Ending.DONE), endings.count(Ending.FAILED)) == (2, 1)
    assert endings.count(Ending.NOT_SENT) == 2
    assert world.spent() == 400_000


def test_a_wait_for_the_next_try_ends_when_the_provider_is_halted(tmp_path: Path) -> None:
    """Who was told to come back later learns of the refusal now, and gives its reservation back."""
    world = World(tmp_path, image("owl"), image("fox"))
    world.latency = 0.1
    world.order(Place.SUBMIT, Status(429, retry_after=300), prompt_contains="owl")
    world.order(Place.SUBMIT, Status(401), prompt_contains="fox")
    run = world.apply()
    assert run.endings() == {"owl": Ending.NOT_SENT, "fox": Ending.FAILED}
    assert run.took < 1
    assert world.phase("owl") is Phase.CANCELLED
    assert world.spent() == 0
