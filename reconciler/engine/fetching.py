"""From links to owned objects: what was paid for is brought home before anything else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reconciler.engine.backoff import backoff
from reconciler.engine.download import DownloadError, Obstacle, download
from reconciler.engine.outcome import Ending
from reconciler.engine.progress import Kind
from reconciler.engine.workshop import Tracked, Unfinished, Workshop
from reconciler.purchase import Candidate, LinksGone, PictureStored, StoredPicture

_TRIES = 4
_HOPELESS = (Obstacle.GONE, Obstacle.TOO_LARGE, Obstacle.TOO_SLOW)
_HOPELESS_ADVICE = "it was paid, but nobody serves it any more; `take:` plus one buys a new one"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a purchase's links come from.

    `renew` asks the provider for them again and records them; `haste` divides every wait. `is_new`:
    this run has heard for the first time that the task is finished.
    """

    renew: Callable[[], Awaitable[None]]
    haste: float
    is_new: bool


async def fetch(tracked: Tracked, shop: Workshop, source: Source) -> None:
    """Store every candidate whose bytes are not there. Raises Unfinished when some stay away."""
    problem = await _round(tracked, shop, source.haste)
    for wait in (0.0, *backoff(_TRIES)):
        if problem is None or problem.obstacle is not Obstacle.GONE:
            break
        if wait and _has_expired(tracked, shop):
            break
        await asyncio.sleep(wait / source.haste)
        await source.renew()
        problem = await _round(tracked, shop, source.haste)
    if problem is not None:
        is_dead = problem.obstacle is Obstacle.GONE and _has_expired(tracked, shop)
        is_hopeless = is_dead and not source.is_new  # no clock is right enough to believe it once
        if is_hopeless:
            tracked.record(LinksGone())
        advice = _HOPELESS_ADVICE if is_hopeless else _advice(tracked, shop)
        raise Unfinished(Ending.NOT_DOWNLOADED, str(problem), advice)


def _has_expired(tracked: Tracked, shop: Workshop) -> bool:
    """Whether the links have had their documented life.

    Before that a dead link may be a file server that is late, or a proxy that is in the way: what
    is paid for is only given up when the provider had said that it would be gone.
    """
    expiry = tracked.purchase.links_expire_at
    return expiry is None or shop.now() >= expiry


def _advice(tracked: Tracked, shop: Workshop) -> str:
    expiry = tracked.purchase.links_expire_at
    if expiry is None:
        return "it is paid: run apply again to fetch it"
    word = "should have died at" if shop.now() >= expiry else "should live until"
    return f"it is paid: run apply again to fetch it (its link {word} {expiry:%Y-%m-%d %H:%M} UTC)"


async def _round(tracked: Tracked, shop: Workshop, haste: float) -> DownloadError | None:
    """Try all missing candidates side by side; return the first problem, after all have ended."""
    missing = [one for one in tracked.purchase.candidates if _is_missing(one, shop)]
    results = await asyncio.gather(
        *(_store(one, tracked, shop, haste) for one in missing), return_exceptions=True
    )
    problems = [result for result in results if isinstance(result, BaseException)]
    for problem in problems:
        if not isinstance(problem, DownloadError):
            raise problem
    return next((one for one in problems if isinstance(one, DownloadError)), None)


def _is_missing(candidate: Candidate, shop: Workshop) -> bool:
    return candidate.picture is None or not shop.objects.has(candidate.picture.digest)


async def _store(candidate: Candidate, tracked: Tracked, shop: Workshop, haste: float) -> None:
    picture = await _persist(candidate.url, shop, haste)
    tracked.record(PictureStored(candidate.number, picture))
    shop.report(
        Kind.PICTURE_STORED,
        tracked.purchase.address,
        candidate=candidate.number,
        digest=picture.digest,
        width=picture.width,
        height=picture.height,
        bytes=picture.byte_count,
    )


async def _persist(url: str, shop: Workshop, haste: float) -> StoredPicture:
    """Download with a few tries; what is gone, too large or endless is not worth another."""
    waits = backoff(_TRIES)
    while True:
        try:
            async with shop.download_slots:
                return await download(shop.files, url, shop.objects)
        except DownloadError as error:
            wait = next(waits, None)
            if error.obstacle in _HOPELESS or wait is None:
                raise
        await asyncio.sleep(wait / haste)
