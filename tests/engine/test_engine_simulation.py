"""The promises against thousands of stories, and the simulation against careless engines.

`SIMULATE=100000 pytest tests/engine/test_engine_simulation.py -m slow` plays as many as you like; a
failure names its seed, and `SIMULATE_FROM=<seed> SIMULATE=1` plays that one again. Where
`SIMULATE_REPORT` names a file, it says as JSON what happened in all of them.
"""

import fcntl
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pytest
from careless import MISTAKES
from engine_kit import APIMART, APIXO, Parts
from simulation import Story, Tally, Told
from simulation_dice import terms
from simulation_promises import BrokenPromiseError

from reconciler.purchase import Phase
from reconciler.spec.request import Operation

QUICK = 72
QUICK_CHUNKS = 12
MANY = int(os.environ.get("SIMULATE", "2000"))
CHUNKS = max(1, min(MANY, max(50, MANY // 100)))
FIRST = int(os.environ.get("SIMULATE_FROM", "1000"))
REPORT = os.environ.get("SIMULATE_REPORT")
MUTANT_SEEDS = range(100)
CAREFUL = Parts()


def played(seed: int, parts: Parts = CAREFUL) -> Told:
    """Play one seed to its end; return what there is to tell."""
    with tempfile.TemporaryDirectory() as place:
        story = Story(seed, Path(place) / "world", parts)
        story.play()
        return story.told()


def happened(seeds: Iterable[int]) -> Tally:
    """Play them; return what happened."""
    total = Tally()
    for seed in seeds:
        total += played(seed).tally
    return total


def report(tally: Tally) -> None:
    """Add to the report, if one is wanted; several processes may do so at once."""
    if REPORT is None:
        return
    with Path(REPORT).open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        before = file.read()
        total = (Tally(**json.loads(before)) if before else Tally()) + tally
        file.truncate(0)
        file.write(json.dumps(asdict(total), indent=1) + "\n")


@pytest.mark.parametrize("chunk", range(QUICK_CHUNKS))
def test_no_story_breaks_a_promise(chunk: int) -> None:
    """One charge per intent, no purchase forgotten, no limit exceeded, and it converges."""
    happened(range(chunk, QUICK, QUICK_CHUNKS))


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_story_of_many_breaks_a_promise(chunk: int) -> None:
    """The same, as often as one has time for."""
    report(happened(range(FIRST + chunk, FIRST + MANY, CHUNKS)))


def test_a_seed_always_tells_the_same_story() -> None:
    """Every request at the same moment, every word on record: a failure can be looked at again."""
    assert [played(seed) for seed in range(5)] == [played(seed) for seed in range(5)]


def test_stories_are_full_of_trouble() -> None:
    """Every end that a purchase can have is seen, and whatever may happen does."""
    stories = [played(seed) for seed in range(40)]
    tally = sum((one.tally for one in stories), Tally())
    phases = {one.phase for story in stories for one in story.purchases}

    makers = {one.provider for story in stories for one in story.purchases}

    assert makers == {APIXO, APIMART}
    ends = {Phase.REJECTED, Phase.FAILED, Phase.CANCELLED, Phase.ABANDONED, Phase.STORED}
    assert phases >= ends
    assert min(asdict(tally).values()) >= 3, tally


def test_stories_want_everything_that_is_sold() -> None:
    """Each operation of either vendor, but for drafts; half of all stories know APIXO only."""
    stories = [terms(random.Random(seed)) for seed in range(200)]  # noqa: S311 - no secret
    shops = Counter(one.shops for one in stories)
    wanted = {one.operation for story in stories for one in story.resources}

    assert shops.keys() == {(APIXO,), (APIMART,), (APIXO, APIMART)}
    assert 80 <= shops[APIXO,] <= 120
    assert wanted == set(Operation) - {Operation.ENHANCE}


@pytest.mark.parametrize("parts", MISTAKES.values(), ids=MISTAKES.keys())
def test_the_simulation_finds_a_careless_engine(parts: Parts) -> None:
    """Mutation check: whoever makes one of these mistakes is caught within a few stories."""
    for seed in MUTANT_SEEDS:
        try:
            played(seed, parts)
        except BrokenPromiseError:
            return
    pytest.fail(f"none of {len(MUTANT_SEEDS)} stories found it")
