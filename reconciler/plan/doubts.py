"""How a plan speaks of what is in doubt: since when, and how a person settles it."""

from datetime import datetime, timedelta

from reconciler.purchase import Purchase

_DAY = timedelta(days=1)


def note(purchase: Purchase, now: datetime) -> str:
    """Return its age and the command that settles it."""
    return f"{age(purchase, now)} ago; `reconcile resolve {purchase.address}`"


def age(purchase: Purchase, now: datetime) -> str:
    """Return how long ago it was sent, in its largest unit; a clock set back makes it `0 s`."""
    passed = max(timedelta(0), now - purchase.created_at)
    if passed >= _DAY:
        return _counted(passed // _DAY, "day")
    seconds = int(passed.total_seconds())
    if seconds >= 3600:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
