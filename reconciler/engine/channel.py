"""The one driver of all providers: sockets, time-outs, the API key, and what may be sent again.

A submission is sent by `buy`, once per call, over a connection of its own: a kept-alive one that
the server has just closed would look like a lost answer. So no connection is kept, not even after a
poll. The key goes to the API's base URL and nowhere else; results are downloaded by another client
that never has it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import httpx

from reconciler.config import MaskPolarity, ServerErrors
from reconciler.engine.backoff import LONGEST_PAUSE, wait_after
from reconciler.engine.pace import InFlight, Leave, Rate, Slots
from reconciler.engine.reading import retry_after, words_of, worth
from reconciler.engine.trouble import Trouble
from reconciler.engine.turnstile import Turnstile
from reconciler.ids import ProviderName, TaskId
from reconciler.money import NOTHING, MicroUsd
from reconciler.providers.protocol import (
    Attachment,
    Cadence,
    Exchange,
    Finished,
    HttpAnswer,
    HttpCall,
    Lineage,
    Order,
    Provider,
    TaskState,
    TryAgain,
    Uploaded,
)
from reconciler.purchase import Accepted, AnswerLost, Failure, NotSent, Refused, TaskFailed
from reconciler.spec.request import Request

_ANSWER_LIMIT = 4 * 1024 * 1024
_ANSWER_WITHIN = 120.0
"""Seconds for a whole answer; the client's own time-outs only count from byte to byte."""
_OWN_CONNECTION = {"Connection": "close"}
_SHORTEST_KEY = 8
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)
_LOST = (httpx.HTTPError, httpx.StreamError, OSError)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Manner:
    """How the configuration wants a provider to be treated.

    `first` and `interval` are polling times in seconds, None keeps the documented ones. `haste` > 1
    is the embedded sandbox's faster life: it divides every documented or configured time.
    `polls_count`: questions are requests among the `requests_per_minute`, too. `refunds_failures`:
    a failed task costs nothing in the end. `quota_per_usd`: how much of what it reports as a task's
    quota is worth a dollar; None: nobody knows. `mask_repaints`: what its masks mean. `occupied`
    tasks are in flight already, and nobody in this run waits for them: they leave fewer of the
    `concurrent` places, but at least one.
    """

    requests_per_minute: float
    concurrent: int
    first: float | None = None
    interval: float | None = None
    haste: float = 1.0
    polls_count: bool = False
    refunds_failures: bool = False
    server_errors: ServerErrors = ServerErrors.RETRY
    mask_repaints: MaskPolarity = MaskPolarity.WHITE
    quota_per_usd: float | None = None
    occupied: int = 0


class Channel:
    """One configured provider, reachable. `client` has the base URL and the key.

    `halted` says why nothing more can be submitted in this run, once that is known. Three kinds of
    trouble lead there: an API that is `unable`, one that is `crowded`, and answers that get `lost`.
    `sent` counts submissions.
    """

    def __init__(
        self, name: ProviderName, adapter: Provider, client: httpx.AsyncClient, manner: Manner
    ) -> None:
        self.name = name
        self.adapter = adapter
        places = max(1, manner.concurrent - manner.occupied)
        self.turnstile = Turnstile(Rate(manner.requests_per_minute, manner.haste), InFlight(places))
        self.slots = Slots(places)
        self.haste = manner.haste
        self.mask_repaints = manner.mask_repaints
        self.halted: str | None = None
        self.sent = 0
        self.unable, self.crowded, self.lost = Trouble(4), Trouble(20), Trouble(3)
        self._client = client
        self._manner = manner

    @property
    def origin(self) -> str:
        """The API's scheme and host."""
        return str(self._client.base_url.copy_with(path="/", query=None, fragment=None))

    def halt(self, why: str) -> None:
        """Submit nothing more in this run; whoever waits for a turn learns it at once."""
        self.halted = why
        self.turnstile.open()

    def heed(self, failure: Failure) -> None:
        """Halt when this failure says that no other submission can succeed either."""
        if failure.kind.stops_provider:
            self.halt(f"{self.name} refuses everything: {failure.code} {failure.message}")

    def served(self) -> None:
        """Note that a submission was accepted, or refused for what was in it."""
        for trouble in (self.unable, self.crowded, self.lost):
            trouble.over()

    def cadence(self, request: Request, lineage: Lineage) -> Cadence:
        """Return when to poll, in wall-clock seconds."""
        documented = self.adapter.cadence(request, lineage)
        first, interval = self._manner.first, self._manner.interval
        return Cadence(
            first=(documented.first if first is None else first) / self.haste,
            interval=_scaled(
                documented.interval if interval is None else (interval * 0.9, interval * 1.1),
                self.haste,
            ),
            usual=_scaled(documented.usual, self.haste),
        )

    async def buy(self, order: Order) -> Accepted | Refused | AnswerLost | NotSent | TryAgain:
        """Submit once. Whatever is not proven to be refused or unsent is a lost answer."""
        self.sent += 1
        verdict = await self._once(self.adapter.submit(order))
        doubts_trouble = self._manner.server_errors is ServerErrors.DOUBT
        if doubts_trouble and isinstance(verdict, TryAgain) and not verdict.is_limit:
            return AnswerLost(f"{verdict.detail}: a task may exist behind it")
        return verdict

    async def go_on(
        self, task_id: TaskId, order: Order
    ) -> Accepted | Refused | AnswerLost | NotSent | TryAgain:
        """Send a task's second step once.

        It buys nothing more: after a lost answer `look` tells whether the task still waits for it.
        """
        return await self._in_turn(lambda: self._once(self.adapter.go_on(task_id, order)))

    async def upload(
        self, picture: Attachment
    ) -> Uploaded | Refused | AnswerLost | NotSent | TryAgain:
        """Give the provider a picture once. Free, but nobody documents that it may be repeated."""
        return await self._in_turn(lambda: self._once(self.adapter.upload(picture)))

    def charged(self, answer: Finished) -> MicroUsd | None:
        """Return what a finished task cost, by the provider's word; None: it is not certain."""
        quota, per_usd = answer.report.quota, self._manner.quota_per_usd
        if answer.charged is not None or quota is None or per_usd is None:
            return answer.charged
        return worth(quota, per_usd)

    async def look(self, task_id: TaskId, due: float | None = None) -> TaskState:
        """Poll once; a broken connection is nothing but a reason to ask again.

        `due` is when this should have happened, by the loop's clock; None: now. Where polls count
        among the requests, the most overdue one goes first.
        """
        answer = await self._ask(self.adapter.poll(task_id), due)
        return self.refunded(answer) if isinstance(answer, TaskFailed) else answer

    def refunded(self, end: TaskFailed) -> TaskFailed:
        """Return a failed task's end with what it cost, as far as that is certain.

        What a provider says counts before what it documents: where it still counts a failed task
        for something, nothing is known to be refunded.
        """
        if end.charged is None and end.quota is not None:
            per_usd = self._manner.quota_per_usd
            return replace(end, charged=worth(end.quota, per_usd) if per_usd else None)
        is_free = end.charged is None and self._manner.refunds_failures
        return replace(end, charged=NOTHING) if is_free else end

    async def balance(self) -> MicroUsd | TryAgain:
        """Ask what is left on the account."""
        return await self._ask(self.adapter.balance(), None)

    async def _ask(self, exchange: Exchange[T], due: float | None) -> T | TryAgain:
        """Ask what costs nothing, in turn where questions count."""
        if not self._manner.polls_count:
            return await self._question(exchange)
        return await self._in_turn(lambda: self._question(exchange), due)

    async def _in_turn(self, send: Callable[[], Awaitable[T]], due: float | None = None) -> T:
        """Send what makes no task when it may leave; it counts among the requests."""
        now = asyncio.get_running_loop().time()
        leave = await self.turnstile.turn(now if due is None else due, submits=False)
        answer: T | None = None
        try:
            answer = await send()
            return answer
        finally:
            if leave is not None:
                self._asked(leave, answer)

    def _asked(self, leave: Leave, answer: object) -> None:
        """Slow everybody down when the answer says that it was too much.

        A very long pause is left to whoever asked: waiting for it together would take for ever.
        """
        is_refused = isinstance(answer, TryAgain) and answer.is_limit
        if isinstance(answer, TryAgain) and is_refused:
            named = answer.retry_after
            pause = wait_after(1) / self.haste if named is None else named
            if pause <= LONGEST_PAUSE:
                self.turnstile.pause(pause, invites=named is not None)
        self.turnstile.back(leave, is_refused=is_refused)

    async def _question(self, exchange: Exchange[T]) -> T | TryAgain:
        try:
            return await self._converse(exchange)
        except _LOST as error:
            return TryAgain(f"no answer: {words_of(error)}")

    async def _once(self, exchange: Exchange[T]) -> T | NotSent | AnswerLost:
        """Send what is never repeated blindly: a missing answer says what it proves."""
        try:
            return await self._converse(exchange)
        except _NEVER_SENT as error:
            return NotSent(f"no connection to {self._client.base_url.host}: {words_of(error)}")
        except _LOST as error:
            return AnswerLost(f"no answer: {words_of(error)}")

    async def _converse(self, exchange: Exchange[T]) -> T:
        try:
            call = next(exchange)
            while True:
                call = exchange.send(await self._send(call))
        except StopIteration as finished:
            result: T = finished.value
            return result

    async def _send(self, call: HttpCall) -> HttpAnswer:
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                return await self._exchange(call)
        except TimeoutError as error:
            words = f"nothing complete within {_ANSWER_WITHIN:.0f} s"
            raise httpx.ReadTimeout(words) from error

    async def _exchange(self, call: HttpCall) -> HttpAnswer:
        async with self._client.stream(
            call.method,
            call.path,
            params=call.query,
            json=call.body,
            files=_form(call),
            headers=_OWN_CONNECTION,
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _ANSWER_LIMIT:
                    raise httpx.DecodingError("the answer is larger than 4 MiB")
            return HttpAnswer(
                response.status_code, self._without_key(bytes(body)), retry_after(response)
            )

    def _without_key(self, body: bytes) -> bytes:
        """An API that echoes the key must not bring it into a record or onto the screen."""
        _, _, key = self._client.headers.get("Authorization", "").partition(" ")
        return body.replace(key.encode(), b"***") if len(key) >= _SHORTEST_KEY else body


def _form(call: HttpCall) -> dict[str, tuple[str, bytes, str]] | None:
    if call.file is None:
        return None
    field, picture = call.file
    return {field: (picture.name, picture.content, picture.media_type)}


def _scaled(span: tuple[float, float], haste: float) -> tuple[float, float]:
    return span[0] / haste, span[1] / haste
