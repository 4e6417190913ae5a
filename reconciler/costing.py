"""What a project has cost: the ledger summed by what a person asks for, beside account balances.

Each purchase's money stands in exactly one part, by how sure it is, so the parts add up to the
total; what came back is told apart and is in no part.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from itertools import groupby, pairwise

from reconciler.ids import Address, ProviderName
from reconciler.ledger import Sum, image_of
from reconciler.money import NOTHING, MicroUsd
from reconciler.project import Project
from reconciler.purchase import Phase
from reconciler.state.archive import Archive
from reconciler.state.records import BalanceRecord
from reconciler.state.store import Store

_NOTHING_ACCEPTED = (Phase.REJECTED, Phase.CANCELLED)
_PERHAPS_PAID = (Phase.SUBMITTING, Phase.IN_DOUBT, Phase.ABANDONED)
_IN_FLIGHT = (Phase.INTENDED, Phase.SUBMITTED, Phase.MODAL)
Files = Mapping[Address, str]
"""The spec file of every address that today's specs name."""


class Grouping(StrEnum):
    """What the ledger is summed by."""

    IMAGE = "image"
    FILE = "file"
    PROVIDER = "provider"
    DAY = "day"
    MONTH = "month"

    @property
    def is_time(self) -> bool:
        """Whether its groups have an order of their own."""
        return self in (Grouping.DAY, Grouping.MONTH)


@dataclass(frozen=True, slots=True)
class Cost:
    """One sum of money, apart by how sure it is. Amounts are micro-dollars.

    `estimated`: finished, from the price table; `reported`: finished, the provider's own figure or
    documented refund; `in_flight`: reserved or accepted, not finished; `in_doubt`: perhaps paid.
    `refunded` came back, and `unknown` counts tasks that nobody can price: neither is in the total.
    """

    tasks: int = 0
    estimated: MicroUsd = NOTHING
    reported: MicroUsd = NOTHING
    in_flight: MicroUsd = NOTHING
    in_doubt: MicroUsd = NOTHING
    unknown: int = 0
    refunded: MicroUsd = NOTHING

    @property
    def total(self) -> MicroUsd:
        """Return the sum of the four parts: what counts against a budget."""
        return MicroUsd(self.estimated + self.reported + self.in_flight + self.in_doubt)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.tasks + other.tasks,
            MicroUsd(self.estimated + other.estimated),
            MicroUsd(self.reported + other.reported),
            MicroUsd(self.in_flight + other.in_flight),
            MicroUsd(self.in_doubt + other.in_doubt),
            self.unknown + other.unknown,
            MicroUsd(self.refunded + other.refunded),
        )


def cost_of(one: Sum) -> Cost:
    """Return a sum with its amount in the one part where it belongs."""
    estimated = reported = in_flight = in_doubt = NOTHING
    if one.phase in _PERHAPS_PAID:
        in_doubt = one.amount
    elif one.phase in _IN_FLIGHT:
        in_flight = one.amount
    elif one.is_reported:
        reported = one.amount
    else:
        estimated = one.amount
    return Cost(one.tasks, estimated, reported, in_flight, in_doubt, one.unknown, one.refunded)


@dataclass(frozen=True, slots=True)
class Period:
    """The time between two readings of an account, in which its balance only fell, or rose once.

    `booked` is what the ledger says of the same time. Top-ups, and other users of the account, move
    the balance and not the ledger.
    """

    first: BalanceRecord
    last: BalanceRecord
    booked: MicroUsd

    @property
    def rise(self) -> MicroUsd:
        """Return by how much the balance rose: a top-up or a refund; usually zero."""
        return MicroUsd(max(0, self.last.amount - self.first.amount))

    @property
    def measured(self) -> MicroUsd | None:
        """Return by how much the balance fell; None where it rose: then nobody can tell."""
        return None if self.rise else MicroUsd(self.first.amount - self.last.amount)


@dataclass(frozen=True, slots=True)
class Account:
    """A provider's balance over time, in the order of reading; a lone reading makes no period."""

    provider: ProviderName
    last: BalanceRecord
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """Everything there is to tell since a day (UTC's); None: since ever."""

    since: date | None
    sums: tuple[Sum, ...]
    accounts: tuple[Account, ...]

    def total(self) -> Cost:
        """Return the sum over everything."""
        return sum(map(cost_of, self.sums), Cost())

    def by(self, grouping: Grouping, files: Files) -> Mapping[str | None, Cost]:
        """Return the sum of every group: days and months in order, else the dearest first.

        None stands for what no spec names any more; `files` only matter for that grouping.
        """
        groups: dict[str | None, Cost] = {}
        for one in self.sums:
            name = _group(one, grouping, files)
            groups[name] = groups.get(name, Cost()) + cost_of(one)
        if grouping.is_time:
            return dict(sorted(groups.items(), key=lambda group: str(group[0])))
        return dict(sorted(groups.items(), key=lambda group: (-group[1].total, str(group[0]))))


def _group(one: Sum, grouping: Grouping, files: Files) -> str | None:
    match grouping:
        case Grouping.IMAGE:
            return image_of(one.address)
        case Grouping.FILE:
            return files.get(one.address)
        case Grouping.PROVIDER:
            return one.provider
        case Grouping.DAY:
            return one.day
        case Grouping.MONTH:
            return one.day[: len("2026-05")]


def costs(project: Project, since: date | None = None) -> Costs:
    """Return what the project has cost; only reads, and needs no specs."""
    with Store.open(project.state_path, read_only=True) as store:
        return summed(store, since)


def summed(archive: Archive, since: date | None) -> Costs:
    """Return what a store knows of money. What was refused or never sent is no task."""
    first = "" if since is None else since.isoformat()
    sums = tuple(
        one for one in archive.sums() if one.day >= first and one.phase not in _NOTHING_ACCEPTED
    )
    start = None if since is None else datetime.combine(since, time(), UTC)
    readings = [one for one in archive.balances() if start is None or one.at >= start]
    return Costs(since, sums, tuple(_accounts(readings, archive.spent_between)))


Booked = Callable[[BalanceRecord, BalanceRecord], MicroUsd]


def _accounts(readings: Iterable[BalanceRecord], booked: Booked) -> Iterator[Account]:
    ordered = sorted(readings, key=lambda one: one.provider)  # stable: in the order of reading
    for provider, group in groupby(ordered, key=lambda one: one.provider):
        yield account(provider, tuple(group), booked)


def account(provider: ProviderName, readings: tuple[BalanceRecord, ...], booked: Booked) -> Account:
    """Return what the readings of one account say; there is at least one, the oldest is first.

    They are split wherever the balance rose, so that a top-up hides nothing that was spent.
    """
    runs = [[readings[0]]]
    for one in readings[1:]:
        if one.amount > runs[-1][-1].amount:
            runs.append([])
        runs[-1].append(one)
    ends = [end for run in runs for end in dict.fromkeys((run[0], run[-1]))]
    periods = (Period(first, last, booked(first, last)) for first, last in pairwise(ends))
    return Account(provider, readings[-1], tuple(periods))


def spec_files(project: Project) -> Files:
    """Return where every address is written today. Raises SpecError."""
    return {address: one.file for address, one in project.load().resources.items()}
