"""An event loop in which an hour passes in milliseconds, and a process that can die in it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from looptime import LoopTimeEventLoop

LONGEST = 20 * 24 * 3600.0
"""Virtual seconds after which whatever still runs counts as endless."""


class Crash(BaseException):
    """The process dies here: nothing that comes later reaches the disk or the network."""


@dataclass
class Fate:
    """Where the process dies, and whether it has.

    Each number counts steps: the n-th word about a purchase or a view (before or after it is
    durable), the n-th write to the state of any kind, the n-th request (before it leaves, or when
    its answer has come but nobody has read it), the n-th step of the event loop, which is any
    `await`; None: not there. `at` is virtual seconds after the start. `still_arrives`: a request
    that had left reaches its host even when nobody waits for its answer any more.
    """

    before_commit: int | None = None
    after_commit: int | None = None
    before_request: int | None = None
    after_request: int | None = None
    before_write: int | None = None
    after_write: int | None = None
    at_step: int | None = None
    still_arrives: bool = False
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


class _Steps(deque[Any]):
    """What the loop is about to do: whoever takes the next step from it tells that first."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell = tell

    def popleft(self) -> Any:
        """Take the next step."""
        self._tell()
        return super().popleft()


class VirtualLoop(LoopTimeEventLoop, asyncio.SelectorEventLoop):
    """Time jumps to the next thing that happens; the work of a thread is a timer among others.

    As with a real thread, its work is done even when whoever waits for it has been cancelled. The
    end of the process is the end of `main`, the task that all others belong to.
    """

    def __init__(self, start: float, thread_seconds: float, fate: Fate | None = None) -> None:
        super().__init__(start=start, end=start + LONGEST, noop_cycles=0, idle_timeout=0)
        self._thread_seconds = thread_seconds
        self._fate = Fate() if fate is None else fate
        self._ready = _Steps(self._step)
        self.threads = 0
        self.main: asyncio.Task[Any] | None = None

    def kill(self) -> None:
        """Let the process die now: whatever still runs achieves nothing, and ends soon."""
        self._fate.is_dead = True
        if self.main is not None:
            self.main.cancel()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Complain of what nobody has caught; nobody could, once all are dead."""
        if not self._fate.is_dead:
            super().call_exception_handler(context)

    def _step(self) -> None:
        if self._fate.at_step is not None and not self._fate.is_dead:
            self._fate.at_step -= 1
            if self._fate.at_step <= 0:
                self.kill()

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
