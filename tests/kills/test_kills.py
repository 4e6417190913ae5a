"""`kill -9` on the real program: at every transition of its state, and at random moments.

`KILLS_SEED` plays other moments, `KILLS` another number of them. A failure names all that happened.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_kit import Server
from kills_kit import AFTER, BEFORE, Album, Victim, repainted, single, thirty, victim
from kills_launcher import ANY

pytest_plugins = ["e2e_fixtures"]
pytestmark = pytest.mark.slow

SEED = int(os.environ.get("KILLS_SEED", "3"))
KILLS = int(os.environ.get("KILLS", "200"))
CHUNKS = 10
STRIDE = 4
FEWEST_COMMITS = 11
"""Recovered, started, intended, sending, accepted, delivered, 4 pictures, shown, ended."""

COUNTS = {
    "run_started": 1,
    "intended": 30,
    "sending": 30,
    "accepted": 30,
    "delivered": 30,
    "picture_stored": 75,
    "view_set": 30,
    "run_ended": 1,
}
"""How many commits of each kind a run of the thirty makes."""

STEPS = {
    "uploaded": 1,
    "paused": 1,
    "resumed": 1,
    "intended": 3,
    "sending": 3,
    "accepted": 3,
    "delivered": 3,
}
"""How many commits of each kind there are up to those of a task of two steps."""

SETTLING = {"answer_lost", "withdrawn", "attached", "abandoned"}
"""What the next run, or a person, makes of what a killed one has left."""

WATCHING = {"stage"}
"""What is noted of tasks for people; nothing depends on it."""

LATE = {"where": "submit", "action": "delay", "seconds": 0.15, "times": None}
"""Each answer to a submission takes a while: more of them are lost."""

LATE_CHUNKS = (1, 6)

Make = Callable[[Album], Victim]


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Chance, the same for each test and seed."""
    return random.Random(f"{SEED} {request.node.name}")  # noqa: S311 - no secret


@pytest.fixture
def make(server: Server, tmp_path: Path, dice: random.Random) -> Iterator[Make]:
    """Make victims; a failure tells how each of them died."""
    made: list[Victim] = []

    def make_one(album: Album) -> Victim:
        made.append(victim(server, tmp_path / f"project{len(made)}", album, dice))
        return made[-1]

    server.faults()
    yield make_one
    server.faults()
    for one in made:  # shown on failure, or with `-rP`
        print(f"KILLS_SEED={SEED}: {one.doubts} doubts, killed {one.kills}")  # noqa: T201


@pytest.mark.parametrize("where", [BEFORE, AFTER])
@pytest.mark.parametrize("first", range(1, STRIDE + 1))
def test_a_single_image_survives_a_kill_at_every_commit(make: Make, where: str, first: int) -> None:
    """Right before the commit, and right after it, from the first one to the last one."""
    number = first
    while True:
        one = make(single())
        is_dead = one.die_around(where, ANY, number)
        one.finish()
        if not is_dead:
            break
        number += STRIDE
    assert number > FEWEST_COMMITS


@pytest.mark.parametrize("where", [BEFORE, AFTER])
@pytest.mark.parametrize("kind", COUNTS)
def test_thirty_pictures_survive_a_kill_at_every_kind_of_transition(
    make: Make, dice: random.Random, where: str, kind: str
) -> None:
    """Somewhere in the middle of three levels that are bought side by side."""
    one = make(thirty())
    assert one.die_around(where, kind, dice.randint(1, COUNTS[kind]))
    one.finish()
    kinds = {event.kind for event in one.records().log}
    assert kinds <= COUNTS.keys() | SETTLING | WATCHING, (
        "there are transitions that nothing here kills"
    )


@pytest.mark.parametrize("where", [BEFORE, AFTER])
@pytest.mark.parametrize("kind", STEPS)
def test_a_task_of_two_steps_survives_a_kill_at_every_transition(
    make: Make, where: str, kind: str
) -> None:
    """It is paid once, and gets its mask from whoever comes next."""
    one = make(repainted())
    assert one.die_around(where, kind, STEPS[kind])
    one.finish()
    kinds = {event.kind for event in one.records().log}
    assert kinds <= COUNTS.keys() | SETTLING | WATCHING | STEPS.keys()


@pytest.mark.parametrize("where", [BEFORE, AFTER])
@pytest.mark.parametrize(("left", "kind"), [("sending", "answer_lost"), ("intended", "withdrawn")])
def test_a_kill_while_the_run_before_is_being_recovered(
    make: Make, dice: random.Random, where: str, left: str, kind: str
) -> None:
    """What the first one left is settled by the third one, if the second one could not."""
    one = make(thirty())
    assert one.die_around(AFTER, left, dice.randint(1, COUNTS[left]))
    assert one.die_around(where, kind, 1)
    one.finish()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_single_image_survives_kills_at_random_moments(
    server: Server, make: Make, dice: random.Random, chunk: int
) -> None:
    """Again and again, until it happens to come to its end; then the next image."""
    if chunk in LATE_CHUNKS:
        server.faults(LATE)
    kill_at_random(lambda: make(single()), dice, KILLS // 2 // CHUNKS, longest=1.1)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_thirty_pictures_survive_kills_at_random_moments(
    server: Server, make: Make, dice: random.Random, chunk: int
) -> None:
    """The same, with much in flight at any moment."""
    if chunk in LATE_CHUNKS:
        server.faults(LATE)
    kill_at_random(lambda: make(thirty()), dice, KILLS // 2 // CHUNKS, longest=1.8)


def kill_at_random(
    make_one: Callable[[], Victim], dice: random.Random, kills: int, longest: float
) -> None:
    """Kill runs after a random number of seconds, so often, on as many projects as that takes."""
    one = make_one()
    for _ in range(kills):
        while not one.die_after(dice.uniform(0.2, longest)):
            one.finish()
            one = make_one()
    one.finish()
