"""Whether a plan fits into the budget, as far as that is known before anything is sent.

The budget is kept for each purchase in the transaction that records its intent (state/budget.py);
this is the same sum for the whole plan, so that nobody is asked about what would stop half-way.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.config import Budget
from reconciler.errors import BudgetError
from reconciler.ids import Address
from reconciler.ledger import image_of
from reconciler.money import NOTHING, MicroUsd, format_usd
from reconciler.plan.actions import Action, Plan, Verb
from reconciler.state.archive import Archive
from reconciler.state.budget import (
    PER_APPLY,
    PER_DAY,
    PER_IMAGE,
    PER_MONTH,
    Limits,
    day_start,
    month_start,
    place_of,
    unpriced,
)

MAX_COST = "--max-cost"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one command may spend: the project's budget, and what its command line adds."""

    budget: Budget
    max_cost: MicroUsd | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit at all."""
        return self.budget.is_limited or self.max_cost is not None

    def limits(self) -> Limits:
        """Return the limits of a run; the command line can narrow the budget, never widen it."""
        budget, per_run, name = self.budget, self.budget.per_apply, PER_APPLY
        if self.max_cost is not None and (per_run is None or self.max_cost < per_run):
            per_run, name = self.max_cost, MAX_COST
        return Limits(per_run, budget.per_day, budget.per_month, budget.per_image, name)


def objection(
    plan: Plan, allowance: Allowance, archive: Archive, now: datetime
) -> BudgetError | None:
    """Return why the plan cannot be carried out within its limits, or None when it can."""
    buys = [action for action in plan.actions if action.verb is Verb.BUY]
    if not buys or not allowance.is_limited:
        return None
    unknown = [one.address for one in buys if one.price is None]
    if unknown:
        return unpriced(unknown)
    standings = _standings(buys, allowance.limits(), archive, now)
    return next((_over(one) for one in standings if one.is_over), None)


@dataclass(frozen=True, slots=True)
class _Standing:
    """One limit beside what the plan, or one image in it, would cost. `gone`: counted already."""

    name: str
    limit: MicroUsd
    gone: MicroUsd
    what: str
    price: MicroUsd

    @property
    def is_over(self) -> bool:
        return self.gone + self.price > self.limit


def _standings(
    buys: list[Action], limits: Limits, archive: Archive, now: datetime
) -> Iterator[_Standing]:
    plan, price = "the plan", MicroUsd(sum(one.price or 0 for one in buys))
    if limits.per_run is not None:
        yield _Standing(limits.per_run_name, limits.per_run, NOTHING, plan, price)
    if limits.per_day is not None:
        gone = archive.spent_since(day_start(now))
        yield _Standing(PER_DAY, limits.per_day, gone, plan, price)
    if limits.per_month is not None:
        gone = archive.spent_since(month_start(now))
        yield _Standing(PER_MONTH, limits.per_month, gone, plan, price)
    if limits.per_image is not None:
        for image, cost in _by_image(buys).items():
            gone = archive.spent_on(image)
            yield _Standing(PER_IMAGE, limits.per_image, gone, f"{image} in the plan", cost)


def _by_image(buys: list[Action]) -> Mapping[Address, MicroUsd]:
    sums: dict[Address, MicroUsd] = defaultdict(lambda: NOTHING)
    for one in buys:
        image = image_of(one.address)
        sums[image] = MicroUsd(sums[image] + (one.price or 0))
    return sums


def _over(one: _Standing) -> BudgetError:
    left = MicroUsd(max(0, one.limit - one.gone))
    of_it = f", and {format_usd(left) if left else 'nothing'} of it is left" if one.gone else ""
    counted = f"{format_usd(one.gone)} is spent, in flight or in doubt; " if one.gone else ""
    return BudgetError(
        f"{one.what} costs {format_usd(one.price)}; `{one.name}` is {format_usd(one.limit)}{of_it}",
        details=(f"{counted}nothing was sent",),
        hint=f"apply fewer addresses, or raise {place_of(one.name)}",
    )
