"""Where requests to an API wait until they may leave."""

import asyncio
from bisect import insort
from dataclasses import dataclass, field
from itertools import count
from math import isfinite

from reconciler.engine.pace import InFlight, Leave, Rate


@dataclass(slots=True, order=True)
class _Waiter:
    """Somebody in the queue; `number` keeps those in order that are due at the same moment."""

    due: float
    number: int
    submits: bool = field(compare=False)
    let_out: asyncio.Future[Leave | None] = field(compare=False)


class Turnstile:
    """Lets one request after the other out, as fast as `rate` allows, the most overdue one first.

    A submission needs room for one more task as well; while it waits for that it holds up nobody
    who only asks. Every `turn` is followed by `back` or `unused`.
    """

    def __init__(self, rate: Rate, flight: InFlight) -> None:
        self.rate = rate
        self.flight = flight
        self._waiting: list[_Waiter] = []
        self._numbers = count()
        self._alarm: asyncio.TimerHandle | None = None
        self._is_open = False

    async def turn(self, due: float, *, submits: bool) -> Leave | None:
        """Return when the request may leave; None once nothing may be submitted any more.

        `due` is when it should have left, by the loop's clock.
        """
        if submits and self._is_open:
            return None
        loop = asyncio.get_running_loop()
        let_out: asyncio.Future[Leave | None] = loop.create_future()
        waiter = _Waiter(due, next(self._numbers), submits, let_out)
        insort(self._waiting, waiter)
        loop.call_soon(self._serve)  # not at once: somebody more overdue may come just now
        try:
            return await let_out
        except asyncio.CancelledError:
            self._left(waiter)
            raise

    def back(self, leave: Leave, *, is_refused: bool) -> None:
        """Hear that a request was answered, or never will be. `is_refused`: it was too much."""
        if leave.submits:
            self.flight.sending -= 1
            if is_refused:
                self.flight.limited()
        self.rate.back(_now(), leave, is_refused=is_refused)
        self._serve()

    def unused(self, leave: Leave) -> None:
        """Take back a permission that nobody needs."""
        if leave.submits:
            self.flight.sending -= 1
        self.rate.unused(leave)
        self._serve()

    def pause(self, seconds: float, *, invites: bool = False) -> None:
        """Let nobody out for so long. `invites`: the API itself named the time."""
        self.rate.pause(_now(), seconds, invites=invites)
        self._serve()

    def task_ended(self) -> None:
        """Hear that one task fewer is in flight."""
        self.flight.ended()
        self._serve()

    def open(self) -> None:
        """Send away whoever wants to submit, now and from now on; questions go on."""
        self._is_open = True
        for waiter in self._present():
            if waiter.submits:
                self._waiting.remove(waiter)
                waiter.let_out.set_result(None)

    def _serve(self) -> None:
        """Let out whoever may leave now, and come back when the next one may."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while (first := self._next()) is not None:
            delay = self.rate.delay(_now())
            if delay > 0:
                if isfinite(delay):
                    self._alarm = asyncio.get_running_loop().call_later(delay, self._serve)
                return
            self._waiting.remove(first)
            if first.submits:
                self.flight.sending += 1
            first.let_out.set_result(self.rate.leave(_now(), submits=first.submits))

    def _next(self) -> _Waiter | None:
        has_room = self.flight.has_room()
        return next((one for one in self._present() if has_room or not one.submits), None)

    def _present(self) -> list[_Waiter]:
        """Return who waits and was not called away this very moment."""
        return [one for one in self._waiting if not one.let_out.done()]

    def _left(self, waiter: _Waiter) -> None:
        """Forget somebody who was called away, perhaps just after being let out."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif not waiter.let_out.cancelled() and (leave := waiter.let_out.result()) is not None:
            self.unused(leave)


def _now() -> float:
    return asyncio.get_running_loop().time()
