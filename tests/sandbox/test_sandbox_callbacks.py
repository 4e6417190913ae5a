"""Callbacks: the status envelope is posted when a task ends, until somebody answers 200."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Fault, Sandbox, SandboxSettings
from reconciler.sandbox.callbacks import post
from reconciler.sandbox.faults import Action, Delay, DropBefore, Place, Repeat

HASTE = 5000.0
"""A task of 45 seconds takes 9 milliseconds, the first repetition comes after 6."""


@dataclass
class Receiver:
    """Somebody who answers callbacks with the given statuses, the last one for ever."""

    statuses: list[int]
    received: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        self.received.append(json.loads(await reader.readexactly(length)))
        self.paths.append(head.split()[1])
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?secret=1"
        return server


@contextmanager
def sandboxed(folder: Path, **settings: Any) -> Iterator[Sandbox]:
    wanted = {"database": folder / "sandbox.db", "speed": HASTE, "long_side": 32, **settings}
    sandbox = Sandbox(SandboxSettings(**wanted))
    yield sandbox
    sandbox.close()


async def bought(sandbox: Sandbox, callback_url: str, prompt: str = "brass owl") -> str:
    transport = httpx.ASGITransport(sandbox.app)
    body = {
        "request_type": "callback",
        "callback_url": callback_url,
        "input": {"mode": "text-to-image", "prompt": prompt},
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.test") as client:
        answer = await client.post(
            "/api/v1/generateTask/midjourney", json=body, headers={"Authorization": "Bearer k"}
        )
    return str(answer.json()["data"]["taskId"])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the courier has no event to wait for
            await asyncio.sleep(0.002)


def deliver(
    sandbox: Sandbox, statuses: list[int], *, attempts: int, prompt: str = "brass owl"
) -> Receiver:
    """Buy with a callback, and wait until the courier has tried so often and has no more to do."""

    async def run() -> Receiver:
        receiver = Receiver(statuses)
        async with await receiver.open():
            await bought(sandbox, receiver.url, prompt)
            await until(lambda: len(receiver.received) >= attempts)
            await until(lambda: not sandbox._desk.tasks.awaiting_callback())
        return receiver

    return asyncio.run(run())


def test_a_success_is_announced_once(tmp_path: Path) -> None:
    """The body is the status envelope, without actions; links point where the task was bought."""
    with sandboxed(tmp_path) as sandbox:
        receiver = deliver(sandbox, [200], attempts=1)

        (body,) = receiver.received
        assert list(body) == ["code", "message", "data"]
        assert list(body["data"]) == [
            "taskId", "state", "resultJson", "costTime", "createTime", "completeTime",
        ]  # fmt: skip
        assert "http://sandbox.test/files/" in body["data"]["resultJson"]
        assert receiver.paths == ["/hook?secret=1"]
        assert sandbox.requests()["callback"] == 1


def test_a_failure_is_announced_too(tmp_path: Path) -> None:
    """A failed task sends its failCode."""
    with sandboxed(tmp_path) as sandbox:
        receiver = deliver(sandbox, [200], attempts=1, prompt="[sandbox: NSFW]")

        (body,) = receiver.received
        assert list(body["data"]) == [
            "taskId", "state", "failCode", "failMsg", "createTime", "completeTime",
        ]  # fmt: skip
        assert body["data"]["failCode"] == "NSFW"


@pytest.mark.parametrize(
    ("statuses", "attempts"),
    [([500, 200], 2), ([204, 302, 200], 3), ([503, 503, 503, 200], 4), ([500], 4)],
)
def test_anything_but_200_is_repeated(tmp_path: Path, statuses: list[int], attempts: int) -> None:
    """Up to three repetitions; other 2xx and redirects are no answer."""
    with sandboxed(tmp_path) as sandbox:
        receiver = deliver(sandbox, statuses, attempts=attempts)

        assert len(receiver.received) == attempts


@pytest.mark.parametrize(
    ("action", "times", "attempts"),
    [(Repeat(), 1, 2), (DropBefore(), 1, 0), (Delay(0.01), 1, 1)],
)
def test_callbacks_misbehave_on_order(
    tmp_path: Path, action: Action, times: int, attempts: int
) -> None:
    """They come twice, late, or not at all."""
    with sandboxed(tmp_path) as sandbox:
        sandbox.order(Fault(Place.CALLBACK, action, times=times))

        assert len(deliver(sandbox, [200], attempts=attempts).received) == attempts


def test_a_restart_takes_up_what_was_left(tmp_path: Path) -> None:
    """A callback that was not delivered is delivered by the next process."""

    async def run() -> Receiver:
        receiver = Receiver([200])
        async with await receiver.open():
            with sandboxed(tmp_path, speed=1.0) as slow:
                await bought(slow, receiver.url)
                async with slow.app.router.lifespan_context(slow.app):
                    pass
            with sandboxed(tmp_path, clock=lambda: 9e9) as later:
                async with later.app.router.lifespan_context(later.app):
                    await until(lambda: receiver.received)
                    await until(lambda: not later._desk.tasks.awaiting_callback())
        return receiver

    assert asyncio.run(run()).received[0]["data"]["state"] == "success"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/x", "http://127.0.0.1:99999/x", "http://\udcff.test/", "http://é" * 30],
)
def test_an_unreachable_receiver_is_no_error(url: str) -> None:
    """Nobody there, an impossible port, an impossible name: no answer, no exception."""
    assert asyncio.run(post(url, b"{}")) is None
