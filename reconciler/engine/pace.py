"""How fast to go: submissions per minute, tasks in flight, and waits before trying again."""

import asyncio
import random
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

_MINUTE = 60.0
_LONGEST_WAIT = 30.0
_GROWING_TRIES = 3


class Pace:
    """Lets at most `per_minute` callers pass in any minute; all of them wait while it is paused.

    `haste` divides every waiting time: the embedded sandbox lives faster than the wall clock.
    """

    def __init__(self, per_minute: float, haste: float = 1.0) -> None:
        self._most = max(1, int(per_minute))
        self._window = _MINUTE * max(1.0, 1 / per_minute) / haste  # half a request: one in two
        self._passed: deque[float] = deque()
        self._paused_until = 0.0
        self._door = asyncio.Lock()
        self._opened = asyncio.Event()

    async def turn(self) -> None:
        """Return when the caller may send one request, or when nobody has to wait any more."""
        async with self._door:  # first come, first served
            while not self._opened.is_set() and (delay := self._delay()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._opened.wait()
            self._passed.append(_now())

    def open(self) -> None:
        """Let everybody pass from now on: nobody who comes through will send anything."""
        self._opened.set()

    def pause(self, seconds: float) -> None:
        """Let nobody pass for so long: the API said that it is too much."""
        self._paused_until = max(self._paused_until, _now() + seconds)

    def _delay(self) -> float:
        now = _now()
        while self._passed and self._passed[0] + self._window <= now:
            self._passed.popleft()
        full = len(self._passed) >= self._most
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


class Trouble:
    """How often in a row an API could serve nobody. A round is what was under way together.

    Ten tries that fail side by side are one sign of trouble, not ten; and trouble that only one
    picture meets is that picture's own. `most` rounds are too many.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.rounds = 0
        self._round_ends = 0
        self._met_by: set[str] = set()

    def met(self, by: str, nth: int, latest: int) -> None:
        """Count a try that failed: the nth that was sent, while `latest` have been sent by now."""
        self._met_by.add(by)
        if nth > self._round_ends:
            self.rounds += 1
            self._round_ends = latest

    def is_general(self) -> bool:
        """Whether it has lasted too long, and not for one picture only."""
        return self.rounds >= self.most and len(self._met_by) > 1

    def over(self) -> None:
        """Start anew: somebody was served."""
        self.rounds = 0
        self._met_by.clear()


def backoff(tries: int) -> Iterator[float]:
    """Yield the waits in seconds between `tries` attempts: 1, 4, 16, 30, 30, up to 25 % longer."""
    return map(wait_after, range(1, tries))


def wait_after(tries: int) -> float:
    """Return the wait in seconds after so many attempts have failed."""
    grown = 4.0 ** min(tries - 1, _GROWING_TRIES)
    return min(grown, _LONGEST_WAIT) * random.uniform(1.0, 1.25)  # noqa: S311 - jitter


def jittered(interval: tuple[float, float]) -> float:
    """Return a wait between the two, so that many tasks do not ask in step."""
    return random.uniform(*interval)  # noqa: S311 - jitter, no secret


def _now() -> float:
    return asyncio.get_running_loop().time()
