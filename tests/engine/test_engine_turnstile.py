"""The queue in front of an API: who goes first, who waits for what, who is sent away."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import VirtualLoop

from reconciler.engine.pace import InFlight, Leave, Rate
from reconciler.engine.turnstile import Turnstile


def in_virtual_time(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine where waiting costs nothing."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(0.0, 0.0)) as runner:
        return runner.run(work())


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


def turnstile(per_minute: float = 1000, concurrent: int = 50) -> Turnstile:
    """Return one with nobody in it."""
    return Turnstile(Rate(per_minute), InFlight(concurrent))


class Passages:
    """Who passed when; what is sent is answered at once."""

    def __init__(self, gate: Turnstile) -> None:
        self.seen: list[tuple[str, float]] = []
        self._gate = gate

    async def pass_by(self, name: str, due: float, *, submits: bool, comes_at: float = 0) -> None:
        """Come, wait for a turn, and go."""
        await asyncio.sleep(comes_at)
        leave = await self._gate.turn(due, submits=submits)
        self.seen.append((name, now()))
        if leave is not None:
            self._gate.back(leave, is_refused=False)

    def names(self) -> list[str]:
        """Return who passed, in order."""
        return [name for name, _ in self.seen]


def test_the_most_overdue_goes_first() -> None:
    """Whoever asks, in whatever order they came: a poll that was due before is sent before."""

    async def story() -> list[str]:
        gate = turnstile(per_minute=1)
        passages = Passages(gate)
        await passages.pass_by("first", 0.0, submits=True)
        async with asyncio.TaskGroup() as group:
            for name, due, submits in (
                ("new", 5.0, True),
                ("poll", 3.0, False),
                ("old", -86_000.0, False),
                ("newer", 6.0, True),
                ("same", 3.0, True),
            ):
                group.create_task(passages.pass_by(name, due, submits=submits))
        return passages.names()

    assert in_virtual_time(story) == ["first", "old", "poll", "same", "new", "newer"]


def test_a_poll_passes_submissions_that_wait_for_room_in_flight() -> None:
    """They go when a task ends, and not before."""

    async def story() -> list[tuple[str, float]]:
        gate = turnstile(concurrent=1)
        gate.flight.resumed()
        passages = Passages(gate)
        asyncio.get_running_loop().call_later(9, gate.task_ended)
        async with asyncio.TaskGroup() as group:
            group.create_task(passages.pass_by("new", 0.0, submits=True))
            group.create_task(passages.pass_by("poll", 2.0, submits=False, comes_at=2))
        return passages.seen

    assert in_virtual_time(story) == [("poll", 2.0), ("new", 9.0)]


def test_a_submission_on_its_way_holds_a_place_in_flight() -> None:
    """With room for one task, the second leaves after the first one's answer."""

    async def story() -> float:
        gate = turnstile(concurrent=1)
        leave = await gate.turn(0.0, submits=True)
        assert leave is not None
        asyncio.get_running_loop().call_later(7, lambda: gate.back(leave, is_refused=False))
        await gate.turn(0.0, submits=True)
        return now()

    assert in_virtual_time(story) == 7.0


def test_a_refusal_closes_the_window_for_submissions() -> None:
    """With two tasks in flight no third one leaves; a refused question changes nothing there."""

    async def story() -> list[bool]:
        gate = turnstile()
        for _ in range(2):
            gate.flight.accepted()
        seen = []
        for submits in (False, True):
            leave = await gate.turn(0.0, submits=submits)
            assert leave is not None
            gate.back(leave, is_refused=True)
            seen.append(gate.flight.has_room())
            await asyncio.sleep(120)
        return seen

    assert in_virtual_time(story) == [True, False]


def test_an_opened_turnstile_sends_submissions_away_and_lets_questions_wait() -> None:
    """Who waits for a turn that will not be used learns it at once; polls keep to the limit."""

    async def story() -> list[tuple[str, float]]:
        gate = turnstile(per_minute=1)
        passages = Passages(gate)
        await passages.pass_by("first", 0.0, submits=True)
        asyncio.get_running_loop().call_later(5, gate.open)
        async with asyncio.TaskGroup() as group:
            group.create_task(passages.pass_by("a", 1.0, submits=True))
            group.create_task(passages.pass_by("poll", 2.0, submits=False))
            group.create_task(passages.pass_by("late", 9.0, submits=True, comes_at=9))
        return passages.seen

    assert in_virtual_time(story) == [("first", 0.0), ("a", 5.0), ("late", 9.0), ("poll", 60.0)]


def test_a_pause_holds_everybody() -> None:
    """What the API says to one is true for all, also for who comes later."""

    async def story() -> list[tuple[str, float]]:
        gate = turnstile()
        passages = Passages(gate)
        gate.pause(30.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(passages.pass_by("a", 0.0, submits=True))
            group.create_task(passages.pass_by("b", 10.0, submits=False, comes_at=10))
        return passages.seen

    assert in_virtual_time(story) == [("a", 30.0), ("b", 30.0)]


@pytest.mark.parametrize("delay", [0, 1])
def test_who_is_called_away_leaves_no_trace(delay: int) -> None:
    """While waiting, or in the very moment of being let out: the place is the next one's."""

    async def story() -> list[tuple[str, float]]:
        gate = turnstile(per_minute=1, concurrent=1)
        passages = Passages(gate)
        first = await gate.turn(0.0, submits=True)
        assert first is not None
        called = asyncio.create_task(passages.pass_by("called", 1.0, submits=True))
        after = asyncio.create_task(passages.pass_by("after", 2.0, submits=True))
        await asyncio.sleep(1)
        gate.unused(first)  # `called` is let out here, and has not heard of it
        for _ in range(delay):
            await asyncio.sleep(0)
        called.cancel()
        await asyncio.wait([called, after])
        return passages.seen

    expected = [("after", 1.0)] if delay == 0 else [("called", 1.0), ("after", 61.0)]
    assert in_virtual_time(story) == expected


def test_being_called_away_together_with_a_free_place_breaks_nothing() -> None:
    """The place becomes free before the one who was called away could say so."""

    async def story() -> list[tuple[str, float]]:
        gate = turnstile(per_minute=1, concurrent=1)
        passages = Passages(gate)
        first = await gate.turn(0.0, submits=True)
        assert first is not None
        called = asyncio.create_task(passages.pass_by("called", 1.0, submits=True))
        after = asyncio.create_task(passages.pass_by("after", 2.0, submits=True))
        await asyncio.sleep(1)
        called.cancel()
        gate.unused(first)
        await asyncio.wait([called, after])
        return passages.seen

    assert in_virtual_time(story) == [("after", 1.0)]


visitors = st.tuples(st.floats(0, 100), st.booleans(), st.booleans())


@settings(max_examples=60)
@given(st.lists(visitors, min_size=1, max_size=25), st.integers(1, 10), st.integers(1, 3))
def test_everybody_gets_a_turn(
    comings: list[tuple[float, bool, bool]], per_minute: int, concurrent: int
) -> None:
    """Whoever comes when, submits or asks, is served or refused: all pass, within the limits."""

    async def visitor(gate: Turnstile, coming: tuple[float, bool, bool]) -> None:
        comes_at, submits, is_refused = coming
        await asyncio.sleep(comes_at)
        leave = await gate.turn(now(), submits=submits)
        assert leave is not None
        await _travel(gate, leave, is_refused=is_refused)

    async def story() -> None:
        gate = turnstile(per_minute, concurrent)
        async with asyncio.TaskGroup() as group:
            for coming in comings:
                group.create_task(visitor(gate, coming))
        assert gate.flight.tasks == gate.flight.sending == 0

    in_virtual_time(story)


async def _travel(gate: Turnstile, leave: Leave, *, is_refused: bool) -> None:
    """Be away for a second; who submitted and was not refused has a task for half a minute."""
    await asyncio.sleep(1)
    if leave.submits and not is_refused:
        gate.flight.accepted()
    assert gate.flight.tasks <= gate.flight.most
    gate.back(leave, is_refused=is_refused)
    if leave.submits and not is_refused:
        await asyncio.sleep(30)
        gate.task_ended()
