"""How a plan speaks of what was sent: in doubt since when, waiting for what, failed why."""

from datetime import datetime, timedelta

from reconciler.money import NOTHING
from reconciler.plan.actions import Reason
from reconciler.policy import Policy
from reconciler.purchase import Phase, Purchase

_DAY = timedelta(days=1)


def note(purchase: Purchase, now: datetime) -> str:
    """Return its age and the command that settles it."""
    return f"{age(purchase, now)} ago; `reconcile resolve {purchase.address}`"


def task(purchase: Purchase) -> str:
    """Return the task that is waited for."""
    paused = ", which waits for its second step" if purchase.phase is Phase.MODAL else ""
    return f"task {purchase.task_id}{paused}"


def failure(purchase: Purchase) -> str:
    """Return the provider's words, and whether the money came back."""
    if purchase.failure is None:
        return ""
    is_refunded = purchase.phase is Phase.FAILED and purchase.cost == NOTHING and purchase.price
    words = f"{purchase.failure.code}: {purchase.failure.message}"
    return f"{words}; refunded" if is_refunded and "refunded" not in words else words


def age(purchase: Purchase, now: datetime) -> str:
    """Return how long ago it was sent, in its largest unit; a clock set back makes it `0 s`."""
    return span(now - purchase.created_at)


def span(time: timedelta) -> str:
    """Return a length of time in its largest unit."""
    passed = max(timedelta(0), time)
    if passed >= _DAY:
        return _counted(passed // _DAY, "day")
    seconds = int(passed.total_seconds())
    if seconds >= 3600:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def given_up(purchase: Purchase, policy: Policy) -> Reason | None:
    """Return why a failed purchase is not tried again by itself, or None.

    A refusal cost nothing, so it only counts whether the same request would be refused again. A
    task that ran and failed may have cost money: even a passing trouble is only tried so often.
    """
    if purchase.failure is None:
        return None
    if policy.is_hopeless(purchase.failure.kind):
        return Reason.FAILED_FOR_GOOD
    most = policy.attempts_at(purchase.failure.kind)
    is_worn_out = purchase.phase is Phase.FAILED and purchase.fruitless_before + 1 >= most
    return Reason.FAILED_OFTEN if is_worn_out else None
