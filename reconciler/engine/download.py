"""From a link to an owned object: streamed, bounded, hashed, decoded, and only then kept."""

import asyncio
import binascii
import re
from base64 import b64decode
from enum import StrEnum
from urllib.parse import unquote_to_bytes

import httpx

from reconciler.assets.objects import Incoming, NotAPicture, ObjectStore, TooLarge
from reconciler.assets.pictures import WORDS
from reconciler.purchase import StoredPicture

MOST_BYTES = 256 * 1024 * 1024
_LONGEST = 15 * 60.0
"""Seconds for one picture: a host that sends a byte now and then would hold us for ever."""


_DATA = "data:"
_NUMBER = re.compile(r"[0-9]{1,20}")


class Obstacle(StrEnum):
    """Why a download did not work, sorted by what helps."""

    GONE = "the link no longer works"
    NETWORK = "the connection failed"
    NOT_A_PICTURE = "what came is not a picture"
    TOO_LARGE = "it is too large"
    TOO_SLOW = "it did not come to an end"


class DownloadError(Exception):
    """One download did not give a picture; what was paid stays known."""

    def __init__(self, obstacle: Obstacle, detail: str) -> None:
        super().__init__(f"{obstacle}: {detail}")
        self.obstacle = obstacle


def carries_itself(url: str | None) -> bool:
    """Whether a link holds its result, such as a description, and so never dies."""
    return url is not None and url.startswith(_DATA)


async def download(client: httpx.AsyncClient, url: str, objects: ObjectStore) -> StoredPicture:
    """Fetch one result into the store: a picture, a clip, or words that the link itself carries.

    Raises DownloadError, and AssetError for our own disk.
    """
    try:
        with objects.incoming(limit=MOST_BYTES) as part:
            if carries_itself(url):
                media_type, content = _carried(url)
                part.write(content)
                keep = part.commit_words if media_type == WORDS else part.commit
                return await asyncio.to_thread(keep)
            async with asyncio.timeout(_LONGEST):
                await _stream(client, url, part)
            return await asyncio.to_thread(part.commit)
    except NotAPicture as error:
        raise DownloadError(Obstacle.NOT_A_PICTURE, str(error)) from error
    except TooLarge as error:
        raise DownloadError(Obstacle.TOO_LARGE, str(error)) from error
    except TimeoutError as error:
        raise DownloadError(Obstacle.TOO_SLOW, f"given up after {_LONGEST:.0f} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
        words = str(error) or type(error).__name__
        raise DownloadError(Obstacle.NETWORK, words) from error


def _carried(url: str) -> tuple[str, bytes]:
    """Return the media type and the bytes of a data URL (RFC 2397)."""
    described, comma, text = url.removeprefix(_DATA).partition(",")
    media_type, *parameters = described.lower().split(";")
    if not comma:
        raise DownloadError(Obstacle.NOT_A_PICTURE, "the link holds no data")
    try:
        raw = unquote_to_bytes(text)
        content = b64decode(raw, validate=True) if "base64" in parameters else raw
    except binascii.Error as error:
        raise DownloadError(Obstacle.NOT_A_PICTURE, f"the link is damaged: {error}") from error
    return media_type or WORDS, content


async def _stream(client: httpx.AsyncClient, url: str, part: Incoming) -> None:
    async with client.stream("GET", url, follow_redirects=True) as response:
        _check(response)
        async for chunk in response.aiter_bytes():
            part.write(chunk)


def _check(response: httpx.Response) -> None:
    status = response.status_code
    if status in (404, 410, 403):  # storage services answer 403 for a signed link that has expired
        raise DownloadError(Obstacle.GONE, f"answered {status}")
    if status != 200:
        raise DownloadError(Obstacle.NETWORK, f"answered {status}")
    promised = response.headers.get("content-length", "")
    if _NUMBER.fullmatch(promised) and int(promised) > MOST_BYTES:
        raise DownloadError(Obstacle.TOO_LARGE, f"{int(promised):,} bytes are announced")
