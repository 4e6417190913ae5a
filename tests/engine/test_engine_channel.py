"""The one driver of sockets: what each accident proves, and that every request has its own road."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from engine_kit import APIXO
from virtual_time import VirtualLoop

from reconciler.config import ServerErrors
from reconciler.engine.channel import Channel, Manner
from reconciler.ids import TaskId
from reconciler.providers import PROVIDERS
from reconciler.providers.protocol import Order, Running, TryAgain
from reconciler.purchase import Accepted, AnswerLost, NotSent, Refused, TaskFailed
from reconciler.spec.request import Imagine

KEY = "sk-very-secret-key"
ORDER = Order(Imagine("owl"))
USUAL = Manner(60, 3)
ACCEPTED = {"code": 200, "message": "success", "data": {"taskId": "t1"}}
BUSY = {"code": 429, "message": "busy", "data": None}

Handler = Callable[[httpx.Request], httpx.Response]


def channel(client: httpx.AsyncClient, manner: Manner = USUAL) -> Channel:
    """Return a channel over a client."""
    return Channel(APIXO, PROVIDERS["apixo"], client, manner)


def answer_to(
    handler: Handler, ask: Callable[[Channel], Awaitable[Any]], manner: Manner = USUAL
) -> Any:
    """Ask through a network that does what `handler` says, in virtual time."""

    async def work() -> Any:
        transport = httpx.MockTransport(handler)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://api.test/v1", headers=headers
        ) as client:
            return await ask(channel(client, manner))

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(0.0, 0.0)) as runner:
        return runner.run(work())


def bought(handler: Handler) -> Any:
    """Submit once."""
    return answer_to(handler, lambda one: one.buy(ORDER))


NEVER_SENT = {
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
}
ACCIDENTS = sorted(
    (
        one
        for one in vars(httpx).values()
        if isinstance(one, type) and issubclass(one, httpx.RequestError)
    ),
    key=lambda one: one.__name__,
)


def failing(kind: type[Exception]) -> Handler:
    """Return a network in which every request ends with that exception."""

    def handler(_request: httpx.Request) -> httpx.Response:
        raise kind("an accident")

    return handler


@pytest.mark.parametrize("kind", ACCIDENTS, ids=lambda kind: kind.__name__)
def test_every_accident_of_the_network_has_a_meaning(kind: type[Exception]) -> None:
    """Only what happens before a connection is there proves that nothing was sent."""
    answer = bought(failing(kind))
    assert type(answer) is (NotSent if kind in NEVER_SENT else AnswerLost)
    assert type(answer_to(failing(kind), lambda one: one.look(TaskId("t1")))) is TryAgain
    assert type(answer_to(failing(kind), lambda one: one.balance())) is TryAgain


@pytest.mark.parametrize("kind", [OSError, ConnectionResetError, TimeoutError, BrokenPipeError])
def test_an_accident_of_the_system_is_a_lost_answer(kind: type[Exception]) -> None:
    """What no library translated proves nothing."""
    assert type(bought(failing(kind))) is AnswerLost


class Endless(httpx.AsyncByteStream):
    """An answer of which a byte comes every so many seconds."""

    def __init__(self, every: float, byte: bytes = b" ") -> None:
        self._every = every
        self._byte = byte

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(self._every)
            yield self._byte


def test_an_answer_without_end_is_lost_after_two_minutes() -> None:
    """Time-outs from byte to byte would wait for ever."""
    answer = bought(lambda _request: httpx.Response(200, stream=Endless(30.0)))
    assert isinstance(answer, AnswerLost)
    assert "120 s" in answer.detail


def test_an_answer_without_bounds_is_lost_after_a_few_megabytes() -> None:
    """Nobody fills our memory."""
    answer = bought(lambda _request: httpx.Response(200, stream=Endless(0.0, bytes(1 << 20))))
    assert isinstance(answer, AnswerLost)
    assert "4 MiB" in answer.detail


RETRY_AFTER = [
    ("7", 7.0),
    ("0", 0.0),
    ("2.5", 2.5),
    ("-1", None),
    ("²", None),
    ("1e9", None),
    ("9" * 400, None),
    ("", None),
    ("soon", None),
    ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
    ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
    ("Wed, 21 Oct 2026 07:28:30 -0000", None),
    ("Wed, 99 Oct 2026 07:28:30 GMT", None),
]


@pytest.mark.parametrize(("header", "seconds"), RETRY_AFTER)
def test_retry_after_is_read_in_both_forms_and_never_breaks_anything(
    header: str, seconds: float | None
) -> None:
    """Seconds, or a date that counts from the answer's own; anything else says nothing."""
    headers = {"Retry-After": header.encode(), "Date": b"Wed, 21 Oct 2026 07:28:00 GMT"}
    answer = bought(lambda _request: httpx.Response(429, json=BUSY, headers=headers))  # type: ignore[arg-type]
    assert isinstance(answer, TryAgain)
    assert answer.is_limit
    assert answer.retry_after == seconds


def test_a_date_without_a_date_to_compare_it_with_says_nothing() -> None:
    """Our own clock may be wrong."""
    headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}
    answer = bought(lambda _request: httpx.Response(429, json=BUSY, headers=headers))
    assert answer.retry_after is None


DOUBTING = Manner(60, 3, server_errors=ServerErrors.DOUBT)
TROUBLE = [
    (500, TryAgain, AnswerLost),
    (503, TryAgain, AnswerLost),
    (429, TryAgain, TryAgain),
    (502, AnswerLost, AnswerLost),
    (400, Refused, Refused),
]


@pytest.mark.parametrize(("status", "usually", "doubting"), TROUBLE)
def test_whoever_doubts_server_errors_never_repeats_them(
    status: int, usually: type, doubting: type
) -> None:
    """`server_errors: doubt`: an API's own 500 may hide a task; a limit or a refusal hides none."""

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"code": status, "message": "no", "data": None})

    assert type(bought(handler)) is usually
    assert type(answer_to(handler, lambda one: one.buy(ORDER), DOUBTING)) is doubting


def test_whoever_doubts_server_errors_knows_what_was_never_sent() -> None:
    """Without a connection there was nobody who could have accepted anything."""
    handler = failing(httpx.ConnectError)
    assert type(answer_to(handler, lambda one: one.buy(ORDER), DOUBTING)) is NotSent


FAILED = {"taskId": "t1", "state": "failed", "failCode": "NSFW", "failMsg": "no"}


@pytest.mark.parametrize(("refunds", "charged"), [(True, 0), (False, None)])
def test_a_failed_task_costs_nothing_where_failures_are_refunded(
    charged: int | None, *, refunds: bool
) -> None:
    """Otherwise nobody knows, and the estimate counts."""

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"code": 200, "message": "", "data": FAILED})

    manner = Manner(60, 3, refunds_failures=refunds)
    answer = answer_to(handler, lambda one: one.look(TaskId("t1")), manner)
    assert isinstance(answer, TaskFailed)
    assert answer.charged == charged


def test_an_echoed_key_goes_no_further() -> None:
    """An API that repeats the key must not bring it into the state or onto a screen."""

    def echo(request: httpx.Request) -> httpx.Response:
        words = f"bad key {request.headers['authorization']}"
        return httpx.Response(401, json={"code": 401, "message": words, "data": None})

    verdict = bought(echo)
    assert isinstance(verdict, Refused)
    assert KEY not in repr(verdict)
    assert "bad key Bearer ***" in verdict.failure.message


def test_a_redirected_submission_is_not_followed() -> None:
    """A paid request goes where it was meant to go, once."""
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"Location": "http://elsewhere.test/"})

    assert isinstance(bought(handler), Refused)
    assert asked == ["http://api.test/v1/generateTask/midjourney"]


def test_polling_times_are_the_documented_ones_or_ours() -> None:
    """Each of the two can be replaced alone; haste divides whatever counts."""

    def cadence(manner: Manner) -> Any:
        one = Channel(APIXO, PROVIDERS["apixo"], httpx.AsyncClient(), manner)
        return one.cadence(Imagine("owl"), ())

    documented = cadence(Manner(60, 3))
    assert (documented.first, documented.interval) == (20, (3, 5))
    ours = cadence(Manner(60, 3, first=1.0, haste=2.0))
    assert (ours.first, ours.interval) == (0.5, (1.5, 2.5))
    assert cadence(Manner(60, 3, interval=10.0)).interval == pytest.approx((9, 11))


class Counting:
    """A real HTTP server that counts its connections, and cuts those it is told to."""

    def __init__(self, *cut: int) -> None:
        self.served: list[int] = []
        self._cut = cut

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on one connection until the other side closes it."""
        number = len(self.served)
        self.served.append(0)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _content_length(head)
                await reader.readexactly(length)
                self.served[number] += 1
                if number in self._cut:
                    break
                data = {True: '{"taskId":"t1"}', False: '{"state":"pending"}'}[length > 0]
                body = f'{{"code":200,"message":"","data":{data}}}'
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
                )
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


def _content_length(head: bytes) -> int:
    names = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in names if name == b"content-length"), 0)


def over_sockets(counting: Counting, talk: Callable[[Channel], Awaitable[Any]]) -> Any:
    """Talk to a real server on a free port of this machine."""

    async def work() -> Any:
        server = await asyncio.start_server(counting.serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        try:
            async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
                return await talk(channel(client))
        finally:
            server.close()
            await server.wait_closed()

    return asyncio.run(work())


def test_every_request_has_a_connection_of_its_own() -> None:
    """A submission never takes over the connection of a poll, which may be dying just then."""
    counting = Counting()

    async def talk(one: Channel) -> list[Any]:
        answers = []
        for _ in range(2):
            answers += [await one.look(TaskId("t1")), await one.buy(ORDER)]
        return answers

    answers = over_sockets(counting, talk)
    assert [type(one) for one in answers] == [Running, Accepted] * 2
    assert counting.served == [1, 1, 1, 1]


def test_a_connection_cut_after_the_request_is_a_lost_answer() -> None:
    """The server has read everything and says nothing: over real sockets too."""
    counting = Counting(0)
    assert isinstance(over_sockets(counting, lambda one: one.buy(ORDER)), AnswerLost)
    assert counting.served == [1]


def test_a_port_where_nobody_listens_is_not_sent() -> None:
    """A real refused connection."""

    async def work() -> Any:
        server = await asyncio.start_server(Counting().serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        server.close()
        await server.wait_closed()
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
            return await channel(client).buy(ORDER)

    assert isinstance(asyncio.run(work()), NotSent)
