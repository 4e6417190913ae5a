"""Answers of a broken network, as Starlette responses: dropped, cut short, endless, trickling."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

EXTENSION = "reconciler.sandbox.connection"
"""Where the server puts the connection's transport, for those who must break it."""

_TERABYTE = 1_000_000_000_000
_BLOCK = bytes(65536)
_PER_SECOND = 10
"""Drops of a trickle."""

_HEAD = 33
"""A PNG's signature and IHDR chunk, an MP4's first box: the part that tells what it is."""


class Hangup(Response):
    """No answer: the connection closes. In-process, ConnectionResetError is raised instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Break the connection, and wait until everybody has noticed."""
        transport = scope.get("extensions", {}).get(EXTENSION)
        if transport is None:
            raise ConnectionResetError("the sandbox dropped the connection, as ordered")
        transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass


class Truncated(Response):
    """A file whose Content-Length promises more than is sent, before the connection closes."""

    def __init__(self, content: bytes, media_type: str, share: float) -> None:
        super().__init__(content, media_type=media_type)
        self._kept = content[: int(len(content) * share)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and a part of the body."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        is_connected = EXTENSION in scope.get("extensions", {})
        body = {"type": "http.response.body", "body": self._kept, "more_body": is_connected}
        await send(body)
        if is_connected:
            await Hangup()(scope, receive, send)


def proxy_page(status: int, retry_after: float | None = None) -> Response:
    """Return an HTML error as a proxy in front of an API, or a file host, sends it."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
    return HTMLResponse(page, status, headers=retry_header(retry_after))


def retry_header(retry_after: float | None) -> dict[str, str]:
    """Return the Retry-After header for a number of seconds, or none."""
    return {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}


def nonsense(*, is_json: bool) -> Response:
    """Return HTTP 200 with a body that no client of the API understands."""
    if is_json:
        return Response(b'[{"unexpected": true}]', media_type="application/json")
    return Response(b"OK but not JSON {", media_type="application/json")


def endless(
    content: bytes, megabytes: int | None, media_type: str, *, is_announced: bool
) -> Response:
    """Return a file that is followed by zeros: `megabytes` of them, or without end."""
    total = _TERABYTE if megabytes is None else megabytes * 1_000_000
    headers = {"Content-Length": str(total)} if is_announced else {}
    stops = None if megabytes is None and not is_announced else total
    return StreamingResponse(_zeros(content, stops), media_type=media_type, headers=headers)


def trickle(content: bytes, media_type: str, bytes_per_second: int) -> Response:
    """Return the file so slowly that a patient client needs a time limit."""
    headers = {"Content-Length": str(len(content))}
    drops = _drops(content, max(1, bytes_per_second // _PER_SECOND))
    return StreamingResponse(drops, media_type=media_type, headers=headers)


def corrupted(content: bytes) -> bytes:
    """Return the file with everything behind its head replaced by noise of the same length."""
    noise = Random(len(content)).randbytes(len(content) - _HEAD)  # noqa: S311
    return content[:_HEAD] + noise


async def _zeros(head: bytes, total: int | None) -> AsyncIterator[bytes]:
    sent = 0
    while total is None or sent < total:
        block = head if sent == 0 else _BLOCK
        block = block if total is None else block[: total - sent]
        yield block
        sent += len(block)
        await asyncio.sleep(0)  # a client that has gone is only noticed when others may run


async def _drops(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        await asyncio.sleep(1 / _PER_SECOND)
        yield content[start : start + size]
