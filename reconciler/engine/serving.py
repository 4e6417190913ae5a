"""Whether a public URL serves the bytes that were put behind it: asked before they are paid for.

A folder may have to be deployed first, and a bucket need not be readable by everybody. A provider
that fetches too early would find nothing, and fail what was paid.
"""

import asyncio
import hashlib

import httpx

_LONGEST = 60.0
"""Seconds for one answer, its body included."""
_OK = 200


async def missing(files: httpx.AsyncClient, url: str, content: bytes) -> str | None:
    """Return what is wrong there, in words, or None when exactly these bytes come from it.

    Redirections are not followed: a provider need not follow them either.
    """
    try:
        async with asyncio.timeout(_LONGEST):
            return await _compared(files, url, content)
    except TimeoutError:
        return f"no whole answer within {_LONGEST:.0f} s"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"no answer: {str(error) or type(error).__name__}"


async def _compared(files: httpx.AsyncClient, url: str, content: bytes) -> str | None:
    async with files.stream("GET", url, headers={"Cache-Control": "no-cache"}) as response:
        if response.status_code != _OK:
            return f"it answers {response.status_code}"
        digest, size = hashlib.sha256(), 0
        async for chunk in response.aiter_bytes():
            digest.update(chunk)
            size += len(chunk)
            if size > len(content):
                break
    is_same = size == len(content) and digest.digest() == hashlib.sha256(content).digest()
    return None if is_same else "other bytes come from there"
