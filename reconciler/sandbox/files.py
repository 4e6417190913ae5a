"""The file host: pictures by link, without a key, until the link expires."""

import asyncio
import re

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
from reconciler.sandbox.jobs import Task, Vendor
from reconciler.sandbox.wire import Hangup, Truncated, corrupted, endless, proxy_page, trickle

_PNG = "image/png"

_NAME = re.compile(r"(?:([1-9][0-9]?)|grid)\.(png|mp4)")


class FileHost:
    """Answers as a file host does: bytes or a web page, never an API's envelope."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the route to mount."""
        path = "/files/{task_id}/{name}"
        return [Route(path, self.download, methods=["GET"])]

    async def download(self, request: Request) -> Response:
        """Send a candidate's picture or clip, or a task's grid; numbers count from 1."""
        task = self._desk.tasks.find(request.path_params["task_id"])
        vendor = task.vendor if task else Vendor.APIXO
        self._desk.visits.count(Place.DOWNLOAD, vendor)
        self._desk.record_leak(request)
        fault = self._desk.strike_task(Place.DOWNLOAD, vendor, task)
        match fault:
            case Status(status, retry_after, _):
                return proxy_page(status, retry_after)
            case DropBefore():
                return Hangup()
        file = await self._file(task, request.path_params["name"]) if task else None
        return proxy_page(404) if file is None else await _sent(*file, fault)

    async def _file(self, task: Task, name: str) -> tuple[bytes, str] | None:
        """Return a task's file and its media type, None where there is none (any more)."""
        named = _NAME.fullmatch(name)
        number = int(named[1]) if named and named[1] else 1
        is_film = "video_type" in task.content
        fits = named is not None and (named[2] == "mp4") == is_film
        if named is None or not fits or not self._desk.delivered(task, number):
            return None
        if is_film:
            short_side = 720 if "720" in str(task.content["video_type"]) else 480
            return await self._desk.film(task, number, short_side), "video/mp4"
        if named[1] is None:
            return await self._desk.draw_grid(task), _PNG
        return await self._desk.draw(task, number), _PNG


async def _sent(content: bytes, media_type: str, fault: Action | None) -> Response:
    """Return the file as the fault wants it."""
    match fault:
        case Truncate(share):
            return Truncated(content, media_type, share)
        case NotAPicture():
            page = "<html><body>Sign in</body></html>"
            return HTMLResponse(page, headers={"Content-Type": media_type})
        case Huge(megabytes, is_announced):
            return endless(content, megabytes, media_type, is_announced=is_announced)
        case Slow(rate):
            return trickle(content, media_type, rate)
        case Corrupt():
            return Response(corrupted(content), media_type=media_type)
        case Delay(seconds):
            await asyncio.sleep(seconds)
    return Response(content, media_type=media_type)
