"""The file host: pictures by link, without a key, until the link expires."""

import asyncio

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from reconciler.sandbox.desk import Desk
from reconciler.sandbox.faults import (
    Action,
    Corrupt,
    Delay,
    DropBefore,
    Huge,
    NotAPicture,
    Place,
    Slow,
    Status,
    Truncate,
)
from reconciler.sandbox.wire import Hangup, Truncated, corrupted, endless, proxy_page, trickle

_PNG = "image/png"


class FileHost:
    """Answers as a file host does: bytes or a web page, never an API's envelope."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the route to mount."""
        path = "/files/{task_id}/{number:int}.png"
        return [Route(path, self.download, methods=["GET"])]

    async def download(self, request: Request) -> Response:
        """Send a candidate's picture; numbers count from 1."""
        self._desk.visits.count(Place.DOWNLOAD)
        self._desk.record_leak(request)
        task = self._desk.tasks.find(request.path_params["task_id"])
        number: int = request.path_params["number"]
        fault = self._desk.strike_task(Place.DOWNLOAD, task)
        match fault:
            case Status(status, retry_after, _):
                return proxy_page(status, retry_after)
            case DropBefore():
                return Hangup()
        if task is None or not self._desk.delivered(task, number):
            return proxy_page(404)
        return await _sent(await self._desk.draw(task, number), fault)


async def _sent(png: bytes, fault: Action | None) -> Response:
    """Return the file as the fault wants it."""
    match fault:
        case Truncate(share):
            return Truncated(png, _PNG, share)
        case NotAPicture():
            return HTMLResponse("<html><body>Sign in</body></html>", headers={"Content-Type": _PNG})
        case Huge(megabytes, is_announced):
            return endless(png, megabytes, is_announced=is_announced)
        case Slow(rate):
            return trickle(png, _PNG, rate)
        case Corrupt():
            return Response(corrupted(png), media_type=_PNG)
        case Delay(seconds):
            await asyncio.sleep(seconds)
    return Response(png, media_type=_PNG)
