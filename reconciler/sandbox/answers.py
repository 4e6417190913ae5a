"""What every protocol does alike: reading a body, and answering as a fault wants it."""

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn

from starlette.responses import Response

from reconciler.sandbox.faults import (
    Action,
    Delay,
    DropAfter,
    DropBefore,
    Garbage,
    Status,
    StatusAfter,
)
from reconciler.sandbox.wire import Hangup, nonsense, proxy_page

Refuse = Callable[[int, str, float | None], Response]
"""A vendor's error: HTTP status, text, and seconds for the header Retry-After."""

_PHRASES = {one.value: one.phrase for one in HTTPStatus}


def parsed(body: bytes) -> object:
    """Return the JSON of a body, or None where it is none: null is refused like anything unusable.

    What is no Unicode (lone surrogates) or no JSON (NaN) could not be stored, and counts as none.
    """
    try:
        value: object = json.loads(body, parse_constant=_no_json)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


def instead(fault: Action | None, refuse: Refuse) -> Response | None:
    """Return the answer of a fault that strikes before any work is done."""
    match fault:
        case Status(status, retry_after, html, message):
            if html:
                return proxy_page(status, retry_after)
            return refuse(status, message or _phrase(status), retry_after)
        case DropBefore():
            return Hangup()
    return None


async def bent(answer: Response, fault: Action | None, refuse: Refuse) -> Response:
    """Return the answer after work was done, as the fault wants it."""
    match fault:
        case DropAfter():
            return Hangup()
        case StatusAfter(status, retry_after, html):
            if html:
                return proxy_page(status, retry_after)
            return refuse(status, _phrase(status), retry_after)
        case Garbage(is_json):
            return nonsense(is_json=is_json)
        case Delay(seconds):
            await asyncio.sleep(seconds)
    return answer


def _phrase(status: int) -> str:
    return _PHRASES.get(status, "Error")


def _no_json(constant: str) -> NoReturn:
    raise ValueError(constant)
