"""The network between engine and sandbox: it takes a while, keeps time-outs, and remembers all."""

import asyncio
import json
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import httpx
from virtual_time import Crash, Fate

from reconciler.config import ServerErrors
from reconciler.ids import Address, IntentId, ProviderName, TaskId
from reconciler.purchase import Phase
from reconciler.sandbox.faults import Place
from reconciler.sandbox.jobs import Job, Task
from reconciler.sandbox.tasks import Register
from reconciler.state.store import Store

if TYPE_CHECKING:
    from engine_kit import World


@dataclass(slots=True)
class Visit:
    """One request as the network saw it.

    `place` is the kind of traffic; `about` a prompt, a task id, a path, or the hash of an upload's
    bytes; `provider` whose key came with it, `body` what was posted. `is_clear`: an answer came
    through whole, or nobody was there to send anything to. `status` is the answer's, None where
    none came; `arrived`: somebody was there. `intent` is what was on record as being sent for the
    job behind it, `bought` the task that it became, as the sandbox knows and the engine may not.
    """

    at: float
    method: str
    about: str
    place: Place
    path: str
    provider: ProviderName | None = None
    body: bytes = b""
    is_clear: bool = False
    status: int | None = None
    arrived: bool = True
    run: int = 0
    intent: IntentId | None = None
    bought: TaskId | None = None


FREE = (Place.MODAL, Place.UPLOAD)
"""What is sent and buys nothing."""

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
            visit.is_clear, visit.arrived = True, False
            raise httpx.ConnectError("connection refused", request=request)
        _CARRIED.set(visit)
        site = self._world.sites.get(request.url.host)
        if site is not None:
            return site(request)
        try:
            async with asyncio.timeout(request.extensions["timeout"]["read"]):
                await self._go_there(request)
                response = await self._sandbox.handle_async_request(request)
                await asyncio.sleep(self._world.latency)
        except TimeoutError:
            raise httpx.ReadTimeout("read timed out", request=request) from None
        self._fate.step("after_request")
        body = await response.aread()
        visit.status = response.status_code
        visit.is_clear = request.method == "GET" or self._is_clear(visit, body)
        return response

    def _visit(self, request: httpx.Request) -> Visit:
        place = _place(request)
        visit = Visit(
            at=self._world.seconds(),
            method=request.method,
            about=_about(place, request),
            place=place,
            path=request.url.path,
            provider=_whose(request),
            body=request.read(),
            run=self._world.runs,
        )
        if place is Place.SUBMIT:
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

    def _is_clear(self, visit: Visit, body: bytes) -> bool:
        """Whether this tells beyond doubt if something was accepted; see docs/decisions/0002."""
        status, is_enveloped = visit.status or 0, b'"code":' in body or b'"task_id":' in body
        if status in (500, 503):
            manner = self._world.manner_with(visit.provider)
            return is_enveloped and manner.server_errors is ServerErrors.RETRY
        return is_enveloped if status == 200 else status < 500 and status != 408


def _place(request: httpx.Request) -> Place:
    path = request.url.path
    if request.method == "POST":
        last = path.rpartition("/")[2]
        return {"modal": Place.MODAL, "images": Place.UPLOAD}.get(last, Place.SUBMIT)
    if path.endswith("balance"):
        return Place.BALANCE
    is_file = path.startswith(("/files/", "/uploads/"))
    return Place.DOWNLOAD if is_file else Place.STATUS


def _about(place: Place, request: httpx.Request) -> str:
    path = request.url.path
    match place:
        case Place.SUBMIT:
            return _asked(json.loads(request.content), path.rpartition("/")[2])
        case Place.MODAL:
            return str(json.loads(request.content)["task_id"])
        case Place.UPLOAD:
            content = request.read().partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
            return sha256(content).hexdigest()
        case Place.STATUS:
            ids = parse_qs(request.url.query.decode()).get("taskId")
            return ids[0] if ids else path.rpartition("/")[2]
        case _:
            return path


def _asked(body: dict[str, object], route: str) -> str:
    """Return a submission's prompt, or else the word for what it asks for."""
    inputs = body.get("input")
    asked = inputs if isinstance(inputs, dict) else body
    return str(asked.get("prompt") or asked.get("remixPrompt") or asked.get("mode") or route)


def _whose(request: httpx.Request) -> ProviderName | None:
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return ProviderName(key) if key else None
