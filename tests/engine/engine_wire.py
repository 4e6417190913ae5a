"""The network between engine and sandbox: it takes a while, keeps time-outs, and remembers all."""

import asyncio
import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import httpx
from virtual_time import Crash, Fate

from reconciler.config import ServerErrors
from reconciler.ids import Address, IntentId, TaskId
from reconciler.purchase import Phase
from reconciler.sandbox.jobs import Job, Task
from reconciler.sandbox.tasks import Register
from reconciler.state.store import Store

if TYPE_CHECKING:
    from engine_kit import World


@dataclass(slots=True)
class Visit:
    """One request as the network saw it. `about` is a prompt, a task id or a path.

    `is_clear`: an answer came through whole, or nobody was there to send anything to. `intent` is
    what was on record as being sent for the job behind it, `bought` the task that it became, as
    the sandbox knows and the engine may not.
    """

    at: float
    method: str
    about: str
    is_clear: bool = False
    run: int = 0
    intent: IntentId | None = None
    bought: TaskId | None = None


_CARRIED: ContextVar[Visit | None] = ContextVar("_CARRIED", default=None)


class WatchedRegister(Register):
    """The sandbox's register, which tells the request that is being carried what it bought."""

    def accept(self, account: str, job: Job, origin: str, now: float) -> Task:
        """Accept, and tell."""
        task = super().accept(account, job, origin, now)
        visit = _CARRIED.get()
        if visit is not None:
            visit.bought = task.task_id
        return task


class Wire(httpx.AsyncBaseTransport):
    """The network to the sandbox: each way takes a while, and time-outs count."""

    def __init__(self, world: "World", store: Store, fate: Fate) -> None:
        self._world = world
        self._store = store
        self._fate = fate
        self._sandbox = httpx.ASGITransport(world.sandbox.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request over and its answer back."""
        self._fate.step("before_request")
        visit = self._visit(request)
        if self._world.refuses(request):
            visit.is_clear = True
            raise httpx.ConnectError("connection refused", request=request)
        _CARRIED.set(visit)
        try:
            async with asyncio.timeout(request.extensions["timeout"]["read"]):
                await self._go_there(request)
                response = await self._sandbox.handle_async_request(request)
                await asyncio.sleep(self._world.latency)
        except TimeoutError:
            raise httpx.ReadTimeout("read timed out", request=request) from None
        self._fate.step("after_request")
        body = await response.aread()
        visit.is_clear = request.method == "GET" or self._is_clear(response.status_code, body)
        return response

    def _visit(self, request: httpx.Request) -> Visit:
        visit = Visit(self._world.seconds(), request.method, _about(request), run=self._world.runs)
        if request.method == "POST":
            visit.intent = self._intent()
        self._world.visits.append(visit)
        return visit

    def _intent(self) -> IntentId | None:
        """Return what the record says is being sent for the address whose job asks for it."""
        job = asyncio.current_task()
        attempts = self._store.by_address(Address(job.get_name())) if job else ()
        return next((one.id for one in attempts if one.phase is Phase.SUBMITTING), None)

    async def _go_there(self, request: httpx.Request) -> None:
        """Take the way over. What has left may arrive even when nobody is there to hear of it."""
        try:
            await asyncio.sleep(self._world.latency)
            self._fate.live()
        except (asyncio.CancelledError, Crash):
            if self._fate.still_arrives and request.method == "POST":
                await self._sandbox.handle_async_request(request)
            raise

    def _is_clear(self, status: int, body: bytes) -> bool:
        """Whether this tells beyond doubt if something was accepted; see docs/decisions/0002."""
        is_enveloped = b'"code":' in body
        if status in (500, 503):
            is_believed = self._world.manner.server_errors is ServerErrors.RETRY
            return is_enveloped and is_believed
        return is_enveloped if status == 200 else status < 500 and status != 408


def _about(request: httpx.Request) -> str:
    if request.method == "POST":
        asked = json.loads(request.content)["input"]
        return str(asked.get("prompt") or asked.get("remixPrompt") or asked["mode"])
    task_ids = parse_qs(request.url.query.decode()).get("taskId", [request.url.path])
    return task_ids[0]
