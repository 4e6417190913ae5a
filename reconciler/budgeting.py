"""Whether a plan fits into the budget, as far as that is known before anything is sent.

The budget is kept for each purchase in the transaction that records its intent (state/budget.py);
this is the same sum for the whole plan, so that nobody is asked about what would stop half-way.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.config import CONFIG_FILE, Budget
from reconciler.errors import BudgetError
from reconciler.ids import Address
from reconciler.ledger import image_of
from reconciler.money import NOTHING, MicroUsd, format_usd
from reconciler.plan.actions import Action, Plan, Verb
from reconciler.state.archive import Archive
from reconciler.state.budget import PER_APPLY, Limits, day_start, month_start

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
    return _unpriced(buys) or _beyond(buys, allowance.limits(), archive, now)


def _unpriced(buys: list[Action]) -> BudgetError | None:
    unknown = [one.address for one in buys if one.price is None]
    if not unknown:
        return None
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    return BudgetError(
        f"no budget can be kept: the price of {', '.join(unknown[:3])}{more} is unknown",
        details=("nothing was sent",),
        hint=f"give it a price under `prices:` in {CONFIG_FILE}, or `--exclude` it",
    )


def _beyond(
    buys: list[Action], limits: Limits, archive: Archive, now: datetime
) -> BudgetError | None:
    price = _sum(buys)
    if limits.per_run is not None and price > limits.per_run:
        return _over("the plan", price, limits.per_run_name, limits.per_run, NOTHING)
    for name, limit, start in (
        ("budget.per_day", limits.per_day, day_start(now)),
        ("budget.per_month", limits.per_month, month_start(now)),
    ):
        spent = NOTHING if limit is None else archive.spent_since(start)
        if limit is not None and spent + price > limit:
            return _over("the plan", price, name, limit, spent)
    if limits.per_image is None:
        return None
    for image, cost in _by_image(buys).items():
        spent = archive.spent_on(image)
        if spent + cost > limits.per_image:
            return _over(f"{image} in it", cost, "budget.per_image", limits.per_image, spent)
    return None


def _sum(buys: list[Action]) -> MicroUsd:
    return MicroUsd(sum(one.price or 0 for one in buys))


def _by_image(buys: list[Action]) -> Mapping[Address, MicroUsd]:
    sums: dict[Address, MicroUsd] = defaultdict(lambda: NOTHING)
    for one in buys:
        image = image_of(one.address)
        sums[image] = MicroUsd(sums[image] + (one.price or 0))
    return sums


def _over(what: str, price: MicroUsd, name: str, limit: MicroUsd, spent: MicroUsd) -> BudgetError:
    already = f", {format_usd(spent)} of it is spent or reserved" if spent else ""
    return BudgetError(
        f"{what} costs {format_usd(price)}; `{name}` is {format_usd(limit)}{already}",
        details=("nothing was sent",),
        hint="apply fewer addresses, or raise the limit"
        + ("" if name == MAX_COST else f" in {CONFIG_FILE}"),
    )
