"""Everything that can happen to a submission: how it ends, what is on record, what comes next.

In each story `owl` is struck, `dusk` is its variant, `fox` has nothing to do with either.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from engine_kit import Run, World, image, vary

from reconciler.engine.outcome import Ending
from reconciler.errors import ExitCode
from reconciler.plan.actions import Reason, Verb
from reconciler.purchase import Phase
from reconciler.sandbox.faults import (
    Action,
    Delay,
    DropAfter,
    DropBefore,
    Garbage,
    Place,
    Status,
    StatusAfter,
)


@dataclass(frozen=True)
class Story:
    """A fault and what comes of it; `charged` is what the sandbox's ledger says of the owl.

    `verb` is the next plan's, None where nothing is left; `next_charged` what the ledger says after
    the next run, when the fault is over.
    """

    name: str
    fault: Action
    ending: Ending
    phase: Phase
    charged: int
    verb: Verb | None
    next_charged: int
    forever: bool = False


def healed(name: str, fault: Action) -> Story:
    """Return a story that ends well within the run."""
    return Story(name, fault, Ending.DONE, Phase.STORED, 1, None, 1)


def doubtful(name: str, fault: Action, charged: int, *, forever: bool = False) -> Story:
    """Return a story whose truth only the provider knows: never sent again."""
    return Story(
        name, fault, Ending.IN_DOUBT, Phase.IN_DOUBT, charged, Verb.RESOLVE, charged, forever
    )


def put_off(name: str, fault: Action) -> Story:
    """Return a story in which nothing was accepted: the next run buys."""
    return Story(name, fault, Ending.NOT_SENT, Phase.CANCELLED, 0, Verb.BUY, 1, forever=True)


def refused(name: str, fault: Action) -> Story:
    """Return a story in which the same request would be refused again."""
    return Story(name, fault, Ending.FAILED, Phase.REJECTED, 0, Verb.BLOCKED, 0)


STORIES = [
    healed("429", Status(429)),
    healed("429 with retry-after", Status(429, retry_after=7)),
    healed("429 with retry-after 0", Status(429, retry_after=0)),
    healed("429 as a web page", Status(429, html=True)),
    healed("500", Status(500)),
    healed("503 with retry-after", Status(503, retry_after=5)),
    healed("slow answer", Delay(50.0)),
    put_off("429 for ever", Status(429)),
    put_off("500 for ever", Status(500)),
    put_off("503 for ever", Status(503)),
    put_off("429 until tomorrow", Status(429, retry_after=86_400)),
    doubtful("dropped before", DropBefore(), 0),
    doubtful("dropped before, for ever", DropBefore(), 0, forever=True),
    doubtful("dropped after", DropAfter(), 1),
    doubtful("dropped after, for ever", DropAfter(), 1, forever=True),
    doubtful("502", Status(502), 0),
    doubtful("504", Status(504), 0),
    doubtful("500 as a web page", Status(500, html=True), 0),
    doubtful("503 as a web page", Status(503, html=True), 0),
    doubtful("408", Status(408), 0),
    doubtful("502 after", StatusAfter(502), 1),
    doubtful("504 after", StatusAfter(504, html=True), 1),
    doubtful("garbage", Garbage(), 1),
    doubtful("garbage in JSON", Garbage(json=True), 1),
    doubtful("answer after the time-out", Delay(200.0), 1),
    refused("400", Status(400)),
    refused("422", Status(422)),
]


def world_of(folder: Path) -> World:
    """Return the owl, its variant, and the fox."""
    return World(folder, image("owl"), vary("dusk", "owl"), image("fox"))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_fault_at_submission_ends_as_documented(tmp_path: Path, story: Story) -> None:
    """Ending, record, charge, plan and next run; the fox lives, the variant shares the owl's fate.

    Source: docs/decisions/0002.
    """
    world = world_of(tmp_path)
    times = None if story.forever else 1
    world.order(Place.SUBMIT, story.fault, prompt_contains="owl", times=times)
    run = world.apply()
    assert run.ending("owl") is story.ending
    assert world.phase("owl") is story.phase
    assert world.charged("owl") == story.charged
    is_done = story.ending is Ending.DONE
    assert run.ending("dusk") is (Ending.DONE if is_done else Ending.BLOCKED)
    assert run.ending("fox") is Ending.DONE
    planned = world.action("owl")
    assert (planned.verb if planned else None) is story.verb
    world.calm()
    world.sleep(100)
    again = world.apply()
    assert world.charged("owl") == story.next_charged
    assert world.charged("fox") == 1
    assert again.left_tasks == run.left_tasks == 0
    if story.next_charged == 1 and story.verb in (Verb.BUY, None):
        assert world.plan().actions == ()
        assert world.charged("dusk") == 1


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_what_the_state_says_is_spent_covers_what_was_charged(tmp_path: Path, story: Story) -> None:
    """The record may fear too much, where a doubt was never charged; it never fears too little."""
    world = world_of(tmp_path)
    times = None if story.forever else 1
    world.order(Place.SUBMIT, story.fault, prompt_contains="owl", times=times)
    world.apply()
    recorded = world.spent()
    charged = sum(one.amount for one in world.sandbox.ledger())
    doubted = sum(one.price or 0 for one in world.attempts() if one.phase is Phase.IN_DOUBT)
    assert charged <= recorded <= charged + doubted


def waits(run: Run) -> list[float]:
    """Return how long the owl was told to wait, each time."""
    return [one.data["seconds"] for _, one in run.diary.all("held_up", "owl")]


def test_the_api_says_when_to_come_back(tmp_path: Path) -> None:
    """Retry-After is honoured to the second, for everybody, and counts from the answer."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, Status(429, retry_after=42), prompt_contains="owl")
    run = world.apply()
    sent = [one.at for one in world.submissions() if one.about == "owl"]
    assert waits(run) == [42.0]
    assert sent[1] - sent[0] == pytest.approx(42 + 2 * world.latency, abs=0.01)


def test_nobody_comes_back_at_once(tmp_path: Path) -> None:
    """A storm that says Retry-After: 0 is not answered with a storm of our own."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, Status(429, retry_after=0), prompt_contains="owl", times=None)
    world.apply()
    sent = [one.at for one in world.submissions() if one.about == "owl"]
    assert len(sent) == 20
    assert all(later - earlier >= 1 for earlier, later in pairwise(sent))


def test_waits_grow_when_the_api_names_none(tmp_path: Path) -> None:
    """1, 4, 16 s with jitter where the API is unable: then this one is given up."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, Status(500), prompt_contains="owl", times=None)
    run = world.apply()
    for wait, least in zip(waits(run), [1, 4, 16], strict=True):
        assert least <= wait <= least * 1.26


def test_a_storm_of_limits_passes(tmp_path: Path) -> None:
    """Fifteen 429s in a row for everybody are outlived, with one charge each."""
    world = World(tmp_path, *(image(f"i{n}") for n in range(3)))
    world.order(Place.SUBMIT, Status(429), times=15)
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


def test_a_limit_that_the_sandbox_keeps_is_found(tmp_path: Path) -> None:
    """Configured too high, the provider's own limits still let everything through once."""
    world = World(
        tmp_path, *(image(f"i{n}") for n in range(8)), concurrent=2, requests_per_minute=5
    )
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


@pytest.mark.parametrize("misses", [1, 3])
def test_a_connection_that_is_never_made_is_made_again(tmp_path: Path, misses: int) -> None:
    """Nobody there: nothing was sent, so it may be sent again."""
    world = world_of(tmp_path)
    calls = iter([True] * misses)
    world.refuses = lambda request: request.method == "POST" and next(calls, False)
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


def test_nobody_home_ends_the_run_in_seconds(tmp_path: Path) -> None:
    """Without a connection nothing is in doubt, nothing is reserved, and nobody waits for long."""
    world = World(tmp_path, *(image(f"i{n}") for n in range(30)))
    world.refuses = lambda _request: True
    run = world.apply()
    assert set(run.endings().values()) == {Ending.NOT_SENT}
    assert run.took < 60
    assert {one.phase for one in world.attempts()} <= {Phase.CANCELLED}
    assert world.spent() == 0
    assert run.result.exit_code() is ExitCode.FAILURES
    world.calm()
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


def test_an_api_that_fails_for_one_prompt_serves_the_others(tmp_path: Path) -> None:
    """One picture that makes the API answer 500 every time does not stop fifteen others."""
    images = [image("owl"), *(image(f"i{n}") for n in range(15))]
    world = World(tmp_path, *images)
    world.manner = type(world.manner)(requests_per_minute=20, concurrent=2)
    world.order(Place.SUBMIT, Status(500), prompt_contains="owl", times=None)
    run = world.apply()
    assert run.ending("owl") is Ending.NOT_SENT
    assert [one for one, ending in run.endings().items() if ending is not Ending.DONE] == ["owl"]


def test_an_api_that_is_down_is_not_asked_for_every_picture(tmp_path: Path) -> None:
    """When nothing gets through, the first to give up speaks for all."""
    world = World(tmp_path, *(image(f"i{n}") for n in range(100)))
    world.manner = type(world.manner)(requests_per_minute=60, concurrent=5)
    world.order(Place.SUBMIT, Status(503), times=None)
    run = world.apply()
    assert set(run.endings().values()) == {Ending.NOT_SENT}
    assert len(world.submissions()) <= 20
    assert run.took < 120


@pytest.mark.parametrize("fault", [Status(502), DropAfter(), Garbage()], ids=lambda f: f.name)
def test_doubts_do_not_pile_up(tmp_path: Path, fault: Action) -> None:
    """Where every answer gets lost, the run stops risking money after a few."""
    world = World(tmp_path, *(image(f"i{n}") for n in range(60)))
    world.manner = type(world.manner)(requests_per_minute=60, concurrent=2)
    world.order(Place.SUBMIT, fault, times=None)
    run = world.apply()
    endings = list(run.endings().values())
    assert endings.count(Ending.IN_DOUBT) <= 6
    assert endings.count(Ending.NOT_SENT) == 60 - endings.count(Ending.IN_DOUBT)


def test_a_doubt_names_its_price_and_blocks_only_its_branch(tmp_path: Path) -> None:
    """The plan shows it as possibly paid; exit code 7; nothing below it is bought."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, DropAfter(), prompt_contains="owl")
    run = world.apply()
    assert run.result.exit_code() is ExitCode.IN_DOUBT
    planned = world.action("owl")
    assert planned is not None
    assert (planned.reason, planned.price) == (Reason.ANSWER_LOST, world.purchase("owl").price)
    below = world.action("dusk")
    assert below is not None
    assert (below.verb, below.reason) == (Verb.BLOCKED, Reason.PARENT_NOT_READY)
    sent = len(world.submissions())
    for _ in range(3):
        world.apply()
    assert len(world.submissions()) == sent


def test_a_lost_answer_after_limits_is_still_a_doubt(tmp_path: Path) -> None:
    """Tries that proved nothing was accepted do not make the last one safe to repeat."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, Status(429), prompt_contains="owl", times=2)
    world.order(Place.SUBMIT, DropAfter(), prompt_contains="owl", after=2, times=None)
    run = world.apply()
    assert run.ending("owl") is Ending.IN_DOUBT
    assert world.charged("owl") == 1


def test_a_refused_request_is_not_repeated_until_it_is_asked_for(tmp_path: Path) -> None:
    """`--retry-failed` sends it again, as a new attempt; nothing else does."""
    world = world_of(tmp_path)
    world.order(Place.SUBMIT, Status(400), prompt_contains="owl")
    world.apply()
    sent = len(world.submissions())
    world.apply()
    assert len(world.submissions()) == sent
    run = world.apply(retry_failed=True)
    assert run.ending("owl") is Ending.DONE
    assert [one.attempt for one in world.attempts() if one.address == "owl"] == [1, 2]
    assert world.charged("owl") == 1
