"""When things happen: the DAG, the limits, the rhythm of polling. All times are virtual."""

import shutil
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from engine_kit import PLENTY, World, edit, image, reroll, upscale, vary

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.errors import ExitCode
from reconciler.ids import Address, RunId
from reconciler.plan.actions import Verb
from reconciler.purchase import Phase
from reconciler.sandbox.faults import Delay, Place, Stall, Status
from reconciler.spec.request import Speed
from reconciler.state.store import Store

LATENCY = 0.05


def gaps(times: list[float]) -> list[float]:
    """Return the times between."""
    return [later - earlier for earlier, later in pairwise(times)]


def test_a_whole_tree_is_bought_once_and_then_nothing_is_left_to_do(tmp_path: Path) -> None:
    """Every kind of variant ends done, with one charge each; the next run sends nothing at all."""
    world = World(
        tmp_path,
        image("owl"),
        vary("dusk", "owl", 2),
        upscale("large", "dusk", 4),
        edit("hat", "owl", 3),
        reroll("again", "owl"),
        image("fox", Speed.TURBO),
    )
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert run.result.exit_code() is ExitCode.OK
    assert set(world.charges().values()) == {1}
    assert world.charges().total() == 6
    assert run.result.spent() == sum(one.amount for one in world.sandbox.ledger())
    assert run.left_tasks == 0
    assert world.sandbox.leaks() == []
    sent = len(world.visits)
    again = world.apply()
    assert again.plan.actions == ()
    assert (len(world.visits), again.took) == (sent, 0.0)


def test_a_variant_starts_the_moment_its_parent_is_stored(tmp_path: Path) -> None:
    """No round, no poll and no other image lies between."""
    world = World(tmp_path, image("owl"), image("fox"), vary("dusk", "owl"))
    world.order(Place.SUBMIT, Stall(600.0), prompt_contains="fox")
    run = world.apply()
    assert run.diary.when("submitting", "dusk") == run.diary.when("shown", "owl")
    assert run.diary.when("done", "dusk") < run.diary.when("done", "fox") - 400


def test_independent_branches_run_side_by_side(tmp_path: Path) -> None:
    """Ten chains of two take as long as one."""
    chains = [part for n in range(10) for part in (image(f"i{n}"), vary(f"v{n}", f"i{n}"))]
    run = World(tmp_path, *chains).apply()
    assert run.took < (45 + 5 + 60 + 5) + 2


def test_a_deep_chain_runs_in_order(tmp_path: Path) -> None:
    """Each link starts after the one before it, and never with a plan of its own."""
    chain = [image("v0"), *(vary(f"v{n}", f"v{n - 1}") for n in range(1, 6))]
    run = World(tmp_path, *chain).apply()
    starts = [run.diary.when("submitting", f"v{n}") for n in range(6)]
    assert starts == sorted(starts)
    assert [one.address for one in run.result.outcomes] == [f"v{n}" for n in range(6)]


def test_tasks_in_flight_never_exceed_the_limit(tmp_path: Path) -> None:
    """A sandbox that allows exactly as many never has to say 429, and there is no idle slot."""
    world = World(
        tmp_path,
        *(image(f"i{n}", Speed.TURBO) for n in range(10)),
        manner=Manner(1000, 3),
        concurrent=3,
    )
    run = world.apply()
    assert run.diary.all("held_up") == []
    assert set(run.endings().values()) == {Ending.DONE}
    assert run.took < 4 * (25 + 5 + 1)


def test_submissions_per_minute_never_exceed_the_limit(tmp_path: Path) -> None:
    """A sandbox that counts too never has to say 429; nobody waits longer than the limit wants."""
    world = World(
        tmp_path,
        *(image(f"i{n}", Speed.TURBO) for n in range(14)),
        manner=Manner(6, 50),
        requests_per_minute=6,
    )
    run = world.apply()
    sent = [one.at for one in world.submissions()]
    assert run.diary.all("held_up") == []
    assert all(later - first >= 60 for first, later in zip(sent, sent[6:], strict=False))
    assert sent[-1] == pytest.approx(120, abs=1)


def test_limits_hold_across_a_stop(tmp_path: Path) -> None:
    """What an earlier run left in flight takes its slot before anything new is sent."""
    world = World(
        tmp_path, *(image(f"i{n}") for n in range(6)), manner=Manner(1000, 3), concurrent=3
    )
    world.order(Place.SUBMIT, Stall(100.0), times=3)
    world.apply(stop_at=10)
    again = world.apply()
    assert [one.verb for one in again.plan.actions].count(Verb.WAIT) == 3
    assert again.diary.all("held_up") == []
    assert set(again.endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


def test_what_is_paid_is_fetched_while_other_tasks_run(tmp_path: Path) -> None:
    """Even more running tasks than downloads are allowed do not hold up a link that may die."""
    world = World(tmp_path, image("paid"))
    world.order(Place.DOWNLOAD, Status(500), times=None)
    world.apply()
    world.calm()
    new = [image(f"i{n}") for n in range(40)]
    world.resources = {one.address: one for one in (*new, *world.resources.values())}
    run = world.apply()
    assert run.diary.when("done", "paid") - run.diary.entries[0][0] < 1


def test_variants_go_before_other_images(tmp_path: Path) -> None:
    """With room for one task, a variant is next as soon as its parent is stored.

    The slot is free a moment earlier, while the parent is being downloaded: that one is not lost.
    """
    images = [image(name) for name in ("owl", "fox", "cat", "elk")]
    world = World(tmp_path, *images, vary("dusk", "owl"), manner=Manner(1000, 1))
    world.apply()
    assert [one.about for one in world.submissions()] == ["owl", "fox", "dusk", "cat", "elk"]


def test_two_providers_have_limits_of_their_own(tmp_path: Path) -> None:
    """One provider's full slots hold up nobody at the other."""
    world = World(
        tmp_path,
        *(image(f"i{n}") for n in range(3)),
        image("elsewhere", provider="other"),
        manner=Manner(1000, 1),
    )
    run = world.apply()
    assert run.diary.when("submitting", "elsewhere") == 0
    assert run.diary.when("submitting", "i1") > 20


@pytest.mark.parametrize(("kind", "first"), [("image", 20.0), ("vary", 15.0), ("upscale", 15.0)])
def test_polls_come_at_the_documented_rhythm(tmp_path: Path, kind: str, first: float) -> None:
    """The first after 20 s, or 15 s for a follow-up; then every 3 to 5 s, never a spin."""
    family = {"image": image("owl"), "vary": vary("dusk", "owl"), "upscale": upscale("big", "owl")}
    world = World(tmp_path, image("owl"))
    if kind != "image":
        world.apply()
        world.resources[family[kind].address] = family[kind]
    world.order(Place.SUBMIT, Stall(120.0))
    run = world.apply()
    address = family[kind].address
    submitted = run.diary.when("submitted", address)
    polls = world.polls(world.purchase(address).task_id)
    assert polls[0] - submitted == pytest.approx(first, abs=0.01)
    assert all(3 <= gap - 2 * LATENCY <= 5.001 for gap in gaps(polls))
    assert 120 / 5.1 < len(polls) < (120 + 60) / 3.1 + 1


def test_configured_polling_times_replace_the_documented_ones(tmp_path: Path) -> None:
    """`poll: {first: 2, interval: 1}` is within a tenth of what it says."""
    world = World(tmp_path, image("owl"), manner=Manner(1000, 5, first=2.0, interval=1.0))
    run = world.apply()
    polls = world.polls(world.purchase("owl").task_id)
    assert polls[0] - run.diary.when("submitted", "owl") == pytest.approx(2, abs=0.01)
    assert all(0.9 <= gap - 2 * LATENCY <= 1.101 for gap in gaps(polls))


def test_haste_divides_every_waiting_time(tmp_path: Path) -> None:
    """The embedded sandbox lives twenty times faster: so do pace, polls and patience."""
    world = World(
        tmp_path,
        *(image(f"i{n}") for n in range(7)),
        manner=Manner(6, 50, haste=20.0),
        speed=20.0,
        requests_per_minute=6,
    )
    world.latency = 0.001
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert run.diary.all("held_up") == []
    assert 3 <= run.took < 3 + 45 / 20 + 1
    polls = world.polls(world.purchase("i0").task_id)
    assert polls[0] - run.diary.when("submitted", "i0") == pytest.approx(1, abs=0.01)


def test_a_task_left_in_flight_long_ago_is_asked_for_at_once(tmp_path: Path) -> None:
    """A laptop that slept for a day does not wait for the documented first poll."""
    world = World(tmp_path, image("owl"))
    world.apply(stop_at=5)
    assert world.phase("owl") is Phase.SUBMITTED
    world.sleep(86_000)
    run = world.apply()
    assert run.took < 1
    assert world.charged("owl") == 1


def test_a_short_stop_keeps_the_rhythm(tmp_path: Path) -> None:
    """The first poll still comes 20 s after the submission, not after the restart."""
    world = World(tmp_path, image("owl"))
    world.apply(stop_at=5)
    world.apply()
    task = world.purchase("owl").task_id
    assert world.polls(task)[0] == pytest.approx(20 + 2 * LATENCY, abs=0.01)


def test_a_clock_that_jumps_back_harms_nothing(tmp_path: Path) -> None:
    """A task submitted in the future is polled after the documented time, not in an hour."""
    world = World(tmp_path, image("owl"))
    world.apply(stop_at=5)
    world.clock_error = -3600.0
    run = world.apply()
    assert run.ending("owl") is Ending.DONE
    assert run.took < 60


def test_events_tell_the_story_in_order(tmp_path: Path) -> None:
    """A reporter hears each step of a purchase once, in the order in which it happens."""
    run = World(tmp_path, image("owl")).apply()
    kinds = [one.kind.value for _, one in run.diary.entries]
    told = [kind for kind in kinds if kind not in ("stage", "picture_stored")]
    assert told == ["started", "submitting", "submitted", "succeeded", "shown", "done"]
    assert kinds.count("picture_stored") == 4
    assert kinds.count("stage") >= 1


def test_same_request_under_two_addresses_is_bought_once(tmp_path: Path) -> None:
    """The second address adopts what the first one bought, and its variants follow."""
    twin = image("owl")
    world = World(tmp_path, twin, replace(twin, address=Address("copy")), vary("dusk", "copy"))
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert world.charged("owl") == 1
    assert (tmp_path / "assets" / "copy.1.png").read_bytes() == (
        tmp_path / "assets" / "owl.1.png"
    ).read_bytes()
    assert world.apply().plan.actions == ()


def test_a_variant_whose_parent_is_unknown_keeps_its_own_pictures(tmp_path: Path) -> None:
    """A clone's record may lack the parent: that is bought, and shown under its own name only."""
    family = (image("owl"), vary("dusk", "owl"))
    first = World(tmp_path / "first", *family)
    first.apply()
    dusk = first.purchase("dusk")
    second = World(tmp_path / "second", *family)
    shutil.copytree(first.folder / "assets" / ".objects", second.folder / "assets" / ".objects")
    with Store.open(second.folder / "state.db") as store:
        store.adopt([dusk], second.now(), RunId("earlier"))
    run = second.apply()
    verbs = {one.address: one.verb for one in run.plan.actions}
    assert verbs == {"owl": Verb.BUY, "dusk": Verb.ADOPT}
    assert second.charges() == {"text-to-image:owl": 1}
    with second.archive() as store:
        assert store.views()[dusk.address].intent == dusk.id


def test_names_that_move_and_go_cost_nothing(tmp_path: Path) -> None:
    """A renamed image moves its file, a removed one loses it; no request, and the bytes stay."""
    owl = image("owl", pick=1)
    world = World(tmp_path, owl, image("fox", pick=1))
    world.apply()
    sent, renamed = len(world.visits), replace(owl, address=Address("bird"))
    world.resources = {renamed.address: renamed}
    run = world.apply()
    assert {one.address: one.verb for one in run.plan.actions} == {
        "bird": Verb.MOVE,
        "fox": Verb.PRUNE,
    }
    assert set(run.endings().values()) == {Ending.DONE}
    shown = sorted(one.name for one in (tmp_path / "assets").glob("*.png"))
    assert shown == ["bird.1.png", "bird.2.png", "bird.3.png", "bird.4.png", "bird.png"]
    assert len(world.visits) == sent
    assert world.owned_pictures("fox") == 4


def test_an_hour_takes_no_time(tmp_path: Path) -> None:
    """A task that takes an hour is waited for in well under a second, patience and all."""
    world = World(tmp_path, image("owl"))
    world.order(Place.SUBMIT, Stall(3500.0))
    began = time.process_time()
    world.apply()
    world.apply()
    assert world.seconds() > 3500
    assert time.process_time() - began < 2


def test_downloads_do_not_wait_for_a_host_that_is_being_waited_for(tmp_path: Path) -> None:
    """While one picture's host is given time to recover, its download slot serves the others."""
    world = World(tmp_path, *(image(f"slow{n}") for n in range(3)), image("fox"))
    for n in range(3):
        world.order(Place.DOWNLOAD, Status(503), prompt_contains=f"slow{n}", times=None)
    world.order(Place.SUBMIT, Stall(6.0), prompt_contains="fox")
    run = world.apply()
    fetched = run.diary.when("done", "fox") - run.diary.when("succeeded", "fox")
    assert fetched < 1
    assert {run.ending(f"slow{n}") for n in range(3)} == {Ending.NOT_DOWNLOADED}


def test_slow_answers_do_not_hold_up_other_submissions(tmp_path: Path) -> None:
    """A submission that takes half a minute to answer stands in nobody's way."""
    world = World(tmp_path, image("owl"), image("fox"), manner=PLENTY)
    world.order(Place.SUBMIT, Delay(30.0), prompt_contains="owl")
    run = world.apply()
    assert run.diary.when("submitted", "fox") < 1
    assert run.ending("owl") is Ending.DONE
