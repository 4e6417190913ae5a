"""Callbacks: a POST when a task is done, repeated until somebody answers 200 or patience ends."""

import asyncio
import json
from collections.abc import Callable
from urllib.parse import urlsplit

from reconciler.sandbox.desk import Desk
from reconciler.sandbox.faults import Delay, DropBefore, Place, Repeat
from reconciler.sandbox.jobs import Task

Body = Callable[[Task], dict[str, object]]
"""What is told about a finished task, in its vendor's words."""

_ANSWER_WITHIN = 30.0
"""Seconds. Source: APIXO facts, section 9."""

_LOOK_AGAIN = 0.5
"""Seconds between looks at the clock, which may be one that a test turns."""


class Courier:
    """Delivers callbacks in the background of the event loop that serves the sandbox."""

    def __init__(self, desk: Desk, body: Body) -> None:
        self._desk = desk
        self._body = body
        self._errands: set[asyncio.Task[None]] = set()

    def send(self, task: Task) -> None:
        """Deliver the callback of a task once it is finished, if it wants one."""
        if task.callback_url is not None:
            errand = asyncio.create_task(self._deliver(task, task.callback_url))
            self._errands.add(errand)
            errand.add_done_callback(self._errands.discard)

    def resume(self) -> None:
        """Take up what an earlier process has left undone."""
        for task in self._desk.tasks.awaiting_callback():
            self.send(task)

    async def stop(self) -> None:
        """Drop all errands; `resume` finds them again."""
        for errand in self._errands:
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)

    async def _deliver(self, task: Task, url: str) -> None:
        await self._wait_until(task.finished)
        content = json.dumps(self._body(task)).encode()
        for delay in (*self._desk.settings.callback_delays, None):
            if await self._attempt(task, url, content):
                break
            if delay is not None:
                await asyncio.sleep(delay / self._desk.settings.speed)
        self._desk.tasks.called_back(task.task_id)

    async def _attempt(self, task: Task, url: str, content: bytes) -> bool:
        """Send once, or as a fault wants it; return whether the answer was 200."""
        fault = self._desk.strike_task(Place.CALLBACK, task.vendor, task)
        if isinstance(fault, DropBefore):
            return True
        if isinstance(fault, Delay):
            await asyncio.sleep(fault.seconds)
        done = False
        for _ in range(2 if isinstance(fault, Repeat) else 1):
            self._desk.visits.count(Place.CALLBACK, task.vendor)
            done = await post(url, content) == 200
        return done

    async def _wait_until(self, moment: float) -> None:
        while (remaining := moment - self._desk.now) > 0:  # noqa: ASYNC110 - a clock, no event
            await asyncio.sleep(min(remaining, _LOOK_AGAIN))


async def post(url: str, content: bytes) -> int | None:
    """POST JSON; return the HTTP status, None where no answer came in time. Follows nothing."""
    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            return await _exchange(url, content)
    except (OSError, TimeoutError, ValueError, IndexError):
        return None


async def _exchange(url: str, content: bytes) -> int:
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=is_secure or None)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.rpartition("@")[2]
        head = (
            f"POST {target} HTTP/1.1\r\nHost: {host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            "Connection: close\r\n\r\n"
        )
        writer.write(head.encode() + content)
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
