"""An event loop in which an hour passes in milliseconds, and a process that can die in it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from looptime import LoopTimeEventLoop

LONGEST = 20 * 24 * 3600.0
"""Virtual seconds after which whatever still runs counts as endless."""


class VirtualLoop(LoopTimeEventLoop, asyncio.SelectorEventLoop):
    """Time jumps to the next thing that happens; the work of a thread is a timer among others.

    As with a real thread, its work is done even when whoever waits for it has been cancelled.
    """

    def __init__(self, start: float, thread_seconds: float) -> None:
        super().__init__(start=start, end=start + LONGEST, noop_cycles=0, idle_timeout=0)
        self._thread_seconds = thread_seconds
        self.threads = 0

    def run_in_executor(  # type: ignore[override]
        self,
        executor: Any,  # noqa: ARG002 - there are no real threads
        func: Any,
        *args: Any,
    ) -> asyncio.Future[Any]:
        """Do the work `thread_seconds` from now."""
        done: asyncio.Future[Any] = self.create_future()
        self.threads += 1
        self.call_later(self._thread_seconds, self._work, done, func, args)
        return done

    def _work(self, done: asyncio.Future[Any], func: Callable[..., Any], args: Any) -> None:
        self.threads -= 1
        try:
            result = func(*args)
        except BaseException as error:  # noqa: BLE001 - a thread hands everything over
            if not done.cancelled():
                done.set_exception(error)
        else:
            if not done.cancelled():
                done.set_result(result)


class Crash(BaseException):
    """The process dies here: nothing that comes later reaches the disk or the network."""


@dataclass
class Fate:
    """Where the process dies, and whether it has.

    Each number counts steps: the n-th write to the state (before or after it is durable), the n-th
    request (before it leaves, or when its answer has come but nobody has read it); None: not there.
    `at` is virtual seconds after the start.
    """

    before_commit: int | None = None
    after_commit: int | None = None
    before_request: int | None = None
    after_request: int | None = None
    at: float | None = None
    is_dead: bool = False
    commits: int = 0

    def live(self) -> None:
        """Raise Crash when the process has died."""
        if self.is_dead:
            raise Crash

    def step(self, place: str) -> None:
        """Count one step at a place. Raises Crash when the process dies there, or has died."""
        self.live()
        left = getattr(self, place)
        if left is not None:
            setattr(self, place, left - 1)
            self.is_dead = left <= 1
        self.live()
