"""How long to wait before trying again."""

import random
from collections.abc import Iterator

LONGEST_PAUSE = 10 * 60.0
"""Seconds; an API that wants to be left alone for longer is not waited for in this run."""

_LONGEST_WAIT = 30.0
_GROWING_TRIES = 3


def backoff(tries: int) -> Iterator[float]:
    """Yield the waits in seconds between `tries` attempts: 1, 4, 16, 30, 30, up to 25 % longer."""
    return map(wait_after, range(1, tries))


def wait_after(tries: int) -> float:
    """Return the wait in seconds after so many attempts have failed."""
    grown = 4.0 ** min(tries - 1, _GROWING_TRIES)
    return min(grown, _LONGEST_WAIT) * random.uniform(1.0, 1.25)  # noqa: S311 - jitter


def jittered(interval: tuple[float, float]) -> float:
    """Return a wait between the two, so that many tasks do not ask in step."""
    return random.uniform(*interval)  # noqa: S311 - jitter, no secret
