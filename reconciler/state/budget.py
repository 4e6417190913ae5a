"""Whether one more purchase fits into what may be spent."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.errors import BudgetError
from reconciler.money import NOTHING, MicroUsd, format_usd
from reconciler.purchase import Purchase


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent; None is no limit.

    `per_run` counts what this run intended since `run_started`, `per_month` everything that was
    intended since `month_started`.
    """

    per_run: MicroUsd | None
    run_started: datetime
    per_month: MicroUsd | None
    month_started: datetime


def check_fits(purchase: Purchase, limit: MicroUsd | None, spent: MicroUsd, key: str) -> None:
    """Raise BudgetError when `spent` and the purchase exceed the limit; `key` is its YAML name.

    An unknown price counts as nothing: whoever sets a budget refuses unknown prices before.
    """
    price = NOTHING if purchase.price is None else purchase.price
    if limit is None or spent + price <= limit:
        return
    standing = f"{format_usd(spent)} of {format_usd(limit)} is spent or reserved"
    raise BudgetError(
        f"over budget: {purchase.address}",
        details=(f"it costs {format_usd(price)}; {standing}; charged: nothing",),
        hint=f"raise `budget.{key}` in reconciler.yaml, or apply fewer resources",
    )
