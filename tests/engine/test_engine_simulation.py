"""The promises against thousands of stories, and the simulation against careless engines.

`SIMULATE=100000 pytest tests/engine/test_engine_simulation.py -m slow` plays as many as you like; a
failure names its seed, and `SIMULATE_FROM=<seed> SIMULATE=1` plays that one again.
"""

import asyncio
import os
import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from engine_kit import MortalStore, Parts
from simulation import BrokenPromiseError, play

from reconciler.engine.channel import Channel
from reconciler.ids import IntentId, RunId
from reconciler.providers.protocol import Order, TryAgain
from reconciler.purchase import (
    Accepted,
    AnswerLost,
    Event,
    NotSent,
    Phase,
    Purchase,
    Refused,
    Sending,
    advance,
)
from reconciler.state.store import UNLIMITED, Limits

QUICK = 120
CHUNKS = 8
MANY = int(os.environ.get("SIMULATE", "2000"))
FIRST = int(os.environ.get("SIMULATE_FROM", "1000"))
MUTANT_SEEDS = range(100)
CAREFUL = Parts()


def story(seed: int, parts: Parts = CAREFUL) -> list[tuple[float, str, str]]:
    """Play one seed; return what went over the network."""
    with tempfile.TemporaryDirectory() as place:
        world = play(seed, Path(place) / "world", parts)
        return [(one.at, one.method, one.about) for one in world.visits]


def phases(seed: int) -> Counter[Phase]:
    """Play one seed; return where its purchases ended."""
    with tempfile.TemporaryDirectory() as place:
        world = play(seed, Path(place) / "world", CAREFUL)
        return Counter(one.phase for one in world.attempts())


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_story_breaks_a_promise(chunk: int) -> None:
    """One charge per intent, no purchase forgotten, no budget exceeded, and it converges."""
    for seed in range(chunk, QUICK, CHUNKS):
        story(seed)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_story_of_many_breaks_a_promise(chunk: int) -> None:
    """The same, as often as one has time for."""
    for seed in range(FIRST + chunk, FIRST + MANY, CHUNKS):
        story(seed)


def test_a_seed_always_tells_the_same_story() -> None:
    """Every request at the same moment: a failure can be looked at again."""
    assert [story(seed) for seed in range(5)] == [story(seed) for seed in range(5)]


def test_stories_are_full_of_trouble() -> None:
    """Every end that a purchase can have is seen, and most are not the happy one's."""
    seen = sum((phases(seed) for seed in range(40)), Counter())
    ends = {Phase.REJECTED, Phase.FAILED, Phase.CANCELLED, Phase.IN_DOUBT, Phase.STORED}
    assert set(seen) == ends
    assert seen[Phase.IN_DOUBT] >= 10


class CarelessChannel(Channel):
    """Sends again when an answer got lost, as the vendor's page advises."""

    async def buy(self, order: Order) -> Accepted | Refused | AnswerLost | NotSent | TryAgain:
        """Submit, and call a lost answer a reason to try again."""
        verdict = await super().buy(order)
        return TryAgain(verdict.detail) if isinstance(verdict, AnswerLost) else verdict


class HastyChannel(Channel):
    """Sends once more when nothing has come for a while."""

    async def buy(self, order: Order) -> Accepted | Refused | AnswerLost | NotSent | TryAgain:
        """Submit, at most twice."""
        try:
            async with asyncio.timeout(20):
                return await super().buy(order)
        except TimeoutError:
            return await super().buy(order)


class LateStore(MortalStore):
    """Writes the intent down when the answer is there, and not before."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._owed: dict[IntentId, tuple[Purchase, Limits]] = {}

    def intend(
        self,
        purchase: Purchase,
        limits: Limits,
        run: RunId,  # noqa: ARG002
        *,
        instead_of: Purchase | None = None,  # noqa: ARG002
    ) -> None:
        """Keep it in mind."""
        self._owed[purchase.id] = (purchase, limits)

    def record(self, before: Purchase, event: Event, now: datetime, run: RunId) -> Purchase:
        """Write the answer down, and before it what should have been written long ago."""
        if isinstance(event, Sending):
            return advance(before, event, now)
        if before.id in self._owed:
            purchase, _ = self._owed.pop(before.id)
            super().intend(purchase, UNLIMITED, run)
            super().record(purchase, Sending(), before.changed_at, run)
        return super().record(before, event, now, run)


class HopefulStore(MortalStore):
    """Takes for granted that what was being sent when the process died never arrived."""

    def recover(self, run: RunId, now: datetime) -> list[Purchase]:
        """Call every doubt unsent."""
        for one in self.latest().values():
            if one.phase is Phase.SUBMITTING:
                self.record(one, NotSent("surely"), now, run)
        return super().recover(run, now)


class ForgetfulStore(MortalStore):
    """Does not write down that a task was accepted when it is the third one."""

    _accepted = 0

    def record(self, before: Purchase, event: Event, now: datetime, run: RunId) -> Purchase:
        """Write down, mostly."""
        if isinstance(event, Accepted):
            self._accepted += 1
            if self._accepted == 3:
                return super().record(before, AnswerLost("never mind"), now, run)
        return super().record(before, event, now, run)


MUTANTS = {
    "sends again after a lost answer": Parts(channel=CarelessChannel),
    "sends again after a time-out": Parts(channel=HastyChannel),
    "writes the intent after the request": Parts(store=LateStore),
    "hopes after a crash": Parts(store=HopefulStore),
    "forgets a task id": Parts(store=ForgetfulStore),
}


@pytest.mark.parametrize("parts", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_simulation_finds_a_careless_engine(parts: Parts) -> None:
    """Mutation check: whoever makes one of these mistakes is caught within a few stories."""
    for seed in MUTANT_SEEDS:
        try:
            story(seed, parts)
        except BrokenPromiseError:
            return
    pytest.fail(f"none of {len(MUTANT_SEEDS)} stories found it")
