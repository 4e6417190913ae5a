"""Clients with limiters of their own at an API that keeps a limit, in a time made up of numbers."""

import heapq
import itertools
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf, isfinite

from reconciler.engine.pace import Leave, Rate

MINUTE = 60.0
HOUR = 60 * MINUTE


class Agenda:
    """What happens when, in one made-up time."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.dice = random.Random(seed)  # noqa: S311 - no secret
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), do))

    def run(self, until: float) -> None:
        """Let everything happen that happens before."""
        while self._events and self._events[0][0] < until:
            self.now, _, do = heapq.heappop(self._events)
            do()


class Server:
    """An API that takes so many requests in any minute, and refuses all others."""

    def __init__(self, agenda: Agenda, limit: float) -> None:
        self.limit = limit
        self.arrivals: list[float] = []
        self._agenda = agenda
        self._taken: deque[float] = deque()

    def takes(self) -> bool:
        """Count a request; say whether it gets through."""
        self.arrivals.append(self._agenda.now)
        while self._taken and self._taken[0] <= self._agenda.now - MINUTE:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            return False
        self._taken.append(self._agenda.now)
        return True


class Client:
    """Somebody who always has one more request, and waits 1, 4, 16, 30 s after a refusal."""

    def __init__(self, agenda: Agenda, server: Server, rate: Rate) -> None:
        self.rate = rate
        self.served: list[float] = []
        self.refused: list[float] = []
        self._agenda = agenda
        self._server = server
        self._in_a_row = 0
        self._comes_at = inf
        agenda.after(agenda.dice.uniform(0, 5), self.go)

    def go(self) -> None:
        """Send a request, or come back when one may leave; after an answer in any case."""
        delay = self.rate.delay(self._agenda.now)
        if delay > 0:
            self._come_again(self._agenda.now + delay)
            return
        leave = self.rate.leave(self._agenda.now, submits=True)
        self._agenda.after(self._trip(), partial(self._arrives, leave))
        self._agenda.after(0.001, self.go)

    def _come_again(self, moment: float) -> None:
        """Be there at that moment; only the last one that was agreed on counts."""

        def come() -> None:
            if self._comes_at == moment:
                self.go()

        if isfinite(moment) and moment != self._comes_at:
            self._agenda.after(moment - self._agenda.now, come)
        self._comes_at = moment

    def _trip(self) -> float:
        return self._agenda.dice.uniform(0.01, 0.5)

    def _arrives(self, leave: Leave) -> None:
        is_through = self._server.takes()
        self._agenda.after(self._trip(), partial(self._back, leave, is_through=is_through))

    def _back(self, leave: Leave, *, is_through: bool) -> None:
        now = self._agenda.now
        (self.served if is_through else self.refused).append(now)
        self._in_a_row = 0 if is_through else self._in_a_row + 1
        if not is_through:
            wait = min(30.0, 4.0 ** (self._in_a_row - 1))
            self.rate.pause(now, wait * self._agenda.dice.uniform(1, 1.25))
        self.rate.back(now, leave, is_refused=not is_through)
        self.go()


class Play:
    """Clients with limiters of their own at one server, over a network that varies."""

    def __init__(self, limit: float, *rates: Rate, seed: int = 0) -> None:
        self.agenda = Agenda(seed)
        self.server = Server(self.agenda, limit)
        self.clients = [Client(self.agenda, self.server, rate) for rate in rates]

    def until(self, moment: float) -> "Play":
        """Let time pass."""
        self.agenda.run(moment)
        return self


def fullest(moments: list[float], window: float) -> int:
    """Return how many lie in the fullest window."""
    return max(
        (bisect_left(moments, start + window) - n for n, start in enumerate(moments)), default=0
    )
