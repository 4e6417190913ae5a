"""Whether one more purchase fits into what may be spent."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.config import CONFIG_FILE
from reconciler.errors import BudgetError
from reconciler.ids import Address, RunId
from reconciler.ledger import image_of
from reconciler.money import MicroUsd, format_usd
from reconciler.purchase import Purchase
from reconciler.state import spending

PER_APPLY = "budget.per_apply"
PER_DAY = "budget.per_day"
PER_MONTH = "budget.per_month"
PER_IMAGE = "budget.per_image"
_NAMED = 3


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

    @property
    def is_any(self) -> bool:
        """Whether there is any limit at all."""
        all_limits = (self.per_run, self.per_day, self.per_month, self.per_image)
        return any(limit is not None for limit in all_limits)


UNLIMITED = Limits()


def day_start(moment: datetime) -> datetime:
    """Return the midnight before, UTC's."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(moment: datetime) -> datetime:
    """Return the midnight in which its month began, UTC's."""
    return day_start(moment).replace(day=1)


def check_fits(
    connection: sqlite3.Connection, purchase: Purchase, limits: Limits, run: RunId
) -> None:
    """Raise BudgetError when a limit does not hold the purchase beside what is booked already.

    To be called in the transaction that books it. Beside any limit an unknown price is refused:
    nobody could say afterwards that the limit was kept.
    """
    if not limits.is_any:
        return
    if purchase.price is None:
        raise unpriced([purchase.address])
    price = purchase.price
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
        yield PER_DAY, limits.per_day, spent
    if limits.per_month is not None:
        spent = spending.since(connection, month_start(moment))
        yield PER_MONTH, limits.per_month, spent
    if limits.per_image is not None:
        yield PER_IMAGE, limits.per_image, spending.of_image(connection, image)


def unpriced(addresses: Sequence[Address]) -> BudgetError:
    """Return the refusal to spend what nobody can name beside a limit."""
    more = f" and {len(addresses) - _NAMED} more" if len(addresses) > _NAMED else ""
    return BudgetError(
        f"no budget can be kept: the price of {', '.join(addresses[:_NAMED])}{more} is unknown",
        details=("charged: nothing",),
        hint=f"give it a price under `prices:` in {CONFIG_FILE}, or `--exclude` it",
    )


def place_of(name: str) -> str:
    """Return a limit's name with the file it stands in, if it stands in one."""
    return f"`{name}` in {CONFIG_FILE}" if name.startswith("budget.") else f"`{name}`"


def _over(
    purchase: Purchase, price: MicroUsd, name: str, limit: MicroUsd, spent: MicroUsd
) -> BudgetError:
    gone = f"{format_usd(spent)} of it is spent, in flight or in doubt"
    standing = f"it costs {format_usd(price)}; `{name}` is {format_usd(limit)}, and {gone}"
    return BudgetError(
        f"over budget: {purchase.address}",
        details=(f"{standing}; charged: nothing",),
        hint=f"raise {place_of(name)}, or apply fewer addresses",
    )
