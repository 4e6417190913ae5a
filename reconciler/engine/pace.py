"""How fast to go, learned from an API's answers. Pure: moments are seconds of a clock that only
goes forward, and every method is told what it says.
"""

from collections import deque
from dataclasses import dataclass
from math import inf

_MINUTE = 60.0
_DECREASE = 0.8


@dataclass(eq=False, slots=True)
class Leave:
    """Permission for one request. `at` is when it was given, `back_at` when the answer was there.

    `submits`: the request may make a task. `is_refused`: the answer was that we are too fast.
    """

    at: float
    submits: bool
    back_at: float = inf
    is_refused: bool = False


class Rate:
    """How many requests may leave in a minute: `per_minute`, or fewer where the API allows fewer.

    A request counts from the moment it leaves until a minute after its answer: whenever in between
    the API has counted it, its own minute is over by then. What the API really allows is found from
    its refusals: after one, somewhat less than what got through in the last minute, and evenly
    spread. Each minute without a refusal adds one, then two, four and so on, up to `per_minute`.
    `haste` > 1 makes the minute shorter; less than one request a minute makes it longer.
    """

    def __init__(self, per_minute: float, haste: float = 1.0) -> None:
        self.ceiling = float(max(1, int(per_minute)))
        self.allowed = self.ceiling
        self._window = _MINUTE * max(1.0, 1 / per_minute) / haste
        self._out: set[Leave] = set()
        self._back: deque[Leave] = deque()
        self._last_left = self._paused_until = self._limited_at = self._quiet_since = -inf
        self._step = 1.0
        self._is_invited = False

    def delay(self, now: float) -> float:
        """Return the seconds until one more may leave; infinite: not before another is back."""
        self._settle(now)
        free = max(self._paused_until, self._free_at(self.ceiling, self._back))
        if self.allowed < self.ceiling and not self._is_invited:
            through = [one for one in self._back if not one.is_refused]
            spread = self._last_left + self._window / self.allowed
            free = max(free, spread, self._free_at(self.allowed, through))
        return max(0.0, free - now)

    def leave(self, now: float, *, submits: bool) -> Leave:
        """Count a request that leaves now; the caller has asked for the delay."""
        one = Leave(now, submits)
        self._out.add(one)
        self._last_left = now
        self._is_invited = False
        return one

    def back(self, now: float, one: Leave, *, is_refused: bool) -> None:
        """Hear how a request was answered, or that no answer came."""
        self._settle(now)
        self._out.discard(one)
        one.back_at, one.is_refused = now, is_refused
        self._back.append(one)
        is_news = one.at >= self._limited_at
        if is_refused:
            self._limited(now, is_news=is_news)
        elif not is_news:  # it got through after all, side by side with the one that did not
            self.allowed = min(self.ceiling, self.allowed + _DECREASE)

    def unused(self, one: Leave) -> None:
        """Take a permission back: nothing was sent."""
        self._out.discard(one)

    def pause(self, now: float, seconds: float, *, invites: bool = False) -> None:
        """Let nobody leave for so long.

        `invites`: the API itself named the time. Then it knows best, and one may come when it is
        over, whatever was learned before.
        """
        self._paused_until = max(self._paused_until, now + seconds)
        self._is_invited = self._is_invited or invites

    def _limited(self, now: float, *, is_news: bool) -> None:
        self._quiet_since, self._step = now, 1.0
        if is_news:
            self._limited_at = now
            through = sum(not one.is_refused for one in self._back)
            self.allowed = max(1.0, min(self.allowed, _DECREASE * through))

    def _settle(self, now: float) -> None:
        """Forget what is over, and trust more after each quiet minute."""
        while self._back and self._back[0].back_at + self._window <= now:
            self._back.popleft()
        while self.allowed < self.ceiling and self._quiet_since + self._window <= now:
            self.allowed = min(self.ceiling, self.allowed + self._step)
            self._step *= 2
            self._quiet_since += self._window

    def _free_at(self, most: float, counted: "deque[Leave] | list[Leave]") -> float:
        """Return when one more is within `most`, of which these count beside those under way."""
        surplus = len(self._out) + len(counted) - int(most)
        if surplus < 0:
            return -inf
        return counted[surplus].back_at + self._window if surplus < len(counted) else inf


class InFlight:
    """How many tasks an API works on for us at once: at most `most`, or fewer where it says so.

    When it refuses while so many are unfinished, no more than these are tried, and at least one;
    each one that it accepts after that raises the number a little.
    """

    def __init__(self, most: int) -> None:
        self.most = float(max(1, most))
        self.allowed = self.most
        self.tasks = 0
        self.sending = 0

    def has_room(self) -> bool:
        """Whether one more submission may leave."""
        return self.tasks + self.sending < int(self.allowed)

    def accepted(self) -> None:
        """Count a task, and trust more."""
        self.tasks += 1
        self.allowed = min(self.most, self.allowed + 1 / int(self.allowed))

    def resumed(self) -> None:
        """Count a task that an earlier run has left."""
        self.tasks += 1

    def ended(self) -> None:
        """Count a task no more: it ended, or nobody waits for it now."""
        self.tasks -= 1

    def limited(self) -> None:
        """Hear that it was too much."""
        self.allowed = max(1.0, min(self.allowed, float(self.tasks)))


class Slots:
    """How many jobs may work towards a task, or wait for one, at once.

    Tasks that an earlier run has left are waited for in any case: then fewer than none are free.
    """

    def __init__(self, size: int) -> None:
        self.free = max(1, size)

    def take(self) -> None:
        """Occupy one slot; who buys has looked at `free`."""
        self.free -= 1

    def give_back(self) -> None:
        """Free one slot."""
        self.free += 1
