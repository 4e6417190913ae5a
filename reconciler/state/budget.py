"""Whether one more purchase fits into what may be spent."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.errors import BudgetError
from reconciler.ids import RunId
from reconciler.ledger import image_of
from reconciler.money import NOTHING, MicroUsd, format_usd
from reconciler.purchase import Purchase
from reconciler.state import spending

PER_APPLY = "budget.per_apply"


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent; None is no limit. Reserved, in flight and in doubt count as spent.

    `per_run` is for one run, and `per_run_name` says whose limit that is; `per_day` and `per_month`
    are for UTC's day and month of the purchase; `per_image` for a root image with all its variants,
    over all time.
    """

    per_run: MicroUsd | None = None
    per_day: MicroUsd | None = None
    per_month: MicroUsd | None = None
    per_image: MicroUsd | None = None
    per_run_name: str = PER_APPLY


UNLIMITED = Limits()


def day_start(moment: datetime) -> datetime:
    """Return the midnight before."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(moment: datetime) -> datetime:
    """Return the midnight in which its month began."""
    return day_start(moment).replace(day=1)


def check_fits(
    connection: sqlite3.Connection, purchase: Purchase, limits: Limits, run: RunId
) -> None:
    """Raise BudgetError when a limit does not hold the purchase beside what is booked already.

    To be called in the transaction that books it. An unknown price counts as nothing: whoever sets
    a budget refuses unknown prices before.
    """
    price = purchase.price or NOTHING
    for name, limit, spent in _standings(connection, purchase, limits, run):
        if spent + price > limit:
            raise _over(purchase, price, name, limit, spent)


def _standings(
    connection: sqlite3.Connection, purchase: Purchase, limits: Limits, run: RunId
) -> Iterator[tuple[str, MicroUsd, MicroUsd]]:
    """Yield each limit there is: its name, how much it is, how much of it is gone."""
    moment, image = purchase.created_at, image_of(purchase.address)
    if limits.per_run is not None:
        yield limits.per_run_name, limits.per_run, spending.of_run(connection, run)
    if limits.per_day is not None:
        spent = spending.since(connection, day_start(moment))
        yield "budget.per_day", limits.per_day, spent
    if limits.per_month is not None:
        spent = spending.since(connection, month_start(moment))
        yield "budget.per_month", limits.per_month, spent
    if limits.per_image is not None:
        yield "budget.per_image", limits.per_image, spending.of_image(connection, image)


def _over(
    purchase: Purchase, price: MicroUsd, name: str, limit: MicroUsd, spent: MicroUsd
) -> BudgetError:
    standing = f"{format_usd(spent)} of {format_usd(limit)} is spent or reserved"
    return BudgetError(
        f"over budget: {purchase.address}",
        details=(f"it costs {format_usd(price)}; {standing}; charged: nothing",),
        hint=f"raise `{name}`, or apply fewer resources",
    )
