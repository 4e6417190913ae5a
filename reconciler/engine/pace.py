"""How fast to go: submissions per minute, tasks in flight, and waits before trying again."""

import asyncio
import random
from collections import deque
from collections.abc import Iterator

_MINUTE = 60.0
_LONGEST_WAIT = 30.0


class Pace:
    """Lets at most `per_minute` callers pass in any minute; all of them wait while it is paused.

    `haste` divides every waiting time: the embedded sandbox lives faster than the wall clock.
    """

    def __init__(self, per_minute: float, haste: float = 1.0) -> None:
        self._per_minute = per_minute
        self._window = _MINUTE / haste
        self._passed: deque[float] = deque()
        self._paused_until = 0.0
        self._door = asyncio.Lock()

    async def turn(self) -> None:
        """Return when the caller may send one request."""
        async with self._door:  # first come, first served
            while (delay := self._delay()) > 0:  # noqa: ASYNC110 - waits for a time, not for an event
                await asyncio.sleep(delay)
            self._passed.append(_now())

    def pause(self, seconds: float) -> None:
        """Let nobody pass for so long: the API said that it is too much."""
        self._paused_until = max(self._paused_until, _now() + seconds)

    def _delay(self) -> float:
        now = _now()
        while self._passed and self._passed[0] <= now - self._window:
            self._passed.popleft()
        full = len(self._passed) >= self._per_minute
        next_free = self._passed[0] + self._window if full else now
        return max(next_free, self._paused_until) - now


class Slots:
    """How many tasks may be unfinished at the provider at once."""

    def __init__(self, size: int) -> None:
        self.free = size

    def take(self) -> None:
        """Occupy one slot; the caller has looked at `free`."""
        self.free -= 1

    def give_back(self) -> None:
        """Free one slot."""
        self.free += 1


def backoff(tries: int) -> Iterator[float]:
    """Yield the waits in seconds between `tries` attempts: 1, 4, 16, 30, 30, up to 25 % longer."""
    for attempt in range(tries - 1):
        yield min(4.0**attempt, _LONGEST_WAIT) * random.uniform(1.0, 1.25)  # noqa: S311 - jitter


def jittered(interval: tuple[float, float]) -> float:
    """Return a wait between the two, so that many tasks do not ask in step."""
    return random.uniform(*interval)  # noqa: S311 - jitter, no secret


def _now() -> float:
    return asyncio.get_running_loop().time()
