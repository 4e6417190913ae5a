"""The wall clock, as a run may rely on it."""

from collections.abc import Callable
from datetime import datetime


def never_back(now: Callable[[], datetime]) -> Callable[[], datetime]:
    """Return a clock that stands still while `now` is behind what it has said before.

    What is bought after a clock was set back is booked beside what was bought before: no day and no
    month gets a second budget.
    """
    latest = now()

    def steady() -> datetime:
        nonlocal latest
        latest = max(latest, now())
        return latest

    return steady
