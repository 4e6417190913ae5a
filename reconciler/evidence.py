"""What an account's balance tells about a purchase whose answer was lost. Pure.

Between two readings an account moves by what was charged and given back. Each purchase's share of
that movement is a number or one of a few; whatever choice of shares explains the whole movement may
be what happened. Only what all explanations agree on is said; and all of it holds only as long as
nobody else uses the account.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto

from reconciler.ids import IntentId
from reconciler.money import MicroUsd, format_usd

SETTLES = timedelta(minutes=10)
"""How long after a request a charge or refund of it may come. No source documents the moment."""

_ROUNDING = 5_000
"""Micro-dollars: a balance may be rounded to cents."""

_MOST_SUMS = 20_000
_Share = tuple[int, ...]


class Verdict(StrEnum):
    """What the balance says about one doubt."""

    PAID = "probably paid"
    NOT_PAID = "probably not paid"
    NOT_SO_FAR = "not charged so far"
    UNCLEAR = "unclear"


class Fate(Enum):
    """What is known of a purchase's money. `OPEN`: taken, given back, or never asked for."""

    TAKEN = auto()
    RETURNED = auto()
    OPEN = auto()


@dataclass(frozen=True, slots=True)
class Expense:
    """One purchase as its account sees it.

    `price` None is unknown. Money moves for it between its intent and `settled_at`; None: it may
    still. `is_doubt`: nobody knows whether the provider ever had it.
    """

    intent: IntentId
    price: MicroUsd | None
    fate: Fate
    settled_at: datetime | None
    is_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What the account held at a moment; `known` are the intents that were on record by then."""

    at: datetime
    amount: MicroUsd
    known: frozenset[IntentId]


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, why, and the two readings that it rests on."""

    verdict: Verdict
    reason: str
    before: Reading | None = None
    after: Reading | None = None

    @property
    def is_conclusive(self) -> bool:
        """Whether it says yes or no."""
        return self.verdict in (Verdict.PAID, Verdict.NOT_PAID)


def conclude(findings: Sequence[Finding]) -> Finding:
    """Return the first that says yes or no, or else the first; two that disagree say nothing."""
    clear = [one for one in findings if one.is_conclusive]
    if not clear:
        return findings[0]
    if len({one.verdict for one in clear}) > 1:
        words = "the readings contradict each other: it was given back, or others use the account"
        return Finding(Verdict.UNCLEAR, words, findings[0].before, findings[0].after)
    return clear[0]


def weigh(doubt: Expense, others: Iterable[Expense], before: Reading, after: Reading) -> Finding:
    """Say whether a doubt was charged between a reading before its intent and one after it."""
    verdict, reason = _weighed(doubt, others, before, after)
    return Finding(verdict, reason, before, after)


def _weighed(
    doubt: Expense, others: Iterable[Expense], before: Reading, after: Reading
) -> tuple[Verdict, str]:
    fell = before.amount - after.amount
    if doubt.price is None:
        return Verdict.UNCLEAR, f"{_moved(fell)}, and nobody documents what this one costs"
    if fell < -_ROUNDING:
        return Verdict.UNCLEAR, f"{_moved(fell)}: money came in, which hides what went out"
    unpriced = 0
    shares: list[tuple[Expense, _Share]] = []
    for one in others:
        share = _share(one, before, after)
        unpriced += share is None
        if share is not None and share != (0,):
            shares.append((one, share))
    if unpriced:
        words = f"{_moved(fell)}, and {_tasks(unpriced)} beside this one cost an unknown price"
        return Verdict.UNCLEAR, words
    is_settled = doubt.settled_at is not None and doubt.settled_at <= after.at
    account = _Account(MicroUsd(fell), doubt.price, tuple(shares), is_settled=is_settled)
    return account.verdict()


def _share(one: Expense, before: Reading, after: Reading) -> _Share | None:
    """Return what it may have moved between the readings; None: an unknown amount."""
    if one.intent not in after.known or _is_over(one, before):
        return (0,)
    if one.price is None:
        return None
    price = int(one.price)
    began_inside = one.intent not in before.known
    if began_inside and _has_settled(one, after):
        match one.fate:
            case Fate.TAKEN:
                return (price,)
            case Fate.RETURNED:
                return (0,)
    if began_inside or one.fate is Fate.TAKEN:
        return (0, price)
    return (-price, 0, price)


def _is_over(one: Expense, reading: Reading) -> bool:
    """Whether all its money had moved by then; an intent is compared by order, not by clock."""
    return one.intent in reading.known and _has_settled(one, reading)


def _has_settled(one: Expense, reading: Reading) -> bool:
    return one.settled_at is not None and one.settled_at <= reading.at


@dataclass(frozen=True, slots=True)
class _Account:
    """A doubt's price, by how much the balance fell, and what else may have moved it."""

    fell: MicroUsd
    price: MicroUsd
    shares: tuple[tuple[Expense, _Share], ...]
    is_settled: bool

    def verdict(self) -> tuple[Verdict, str]:
        counts = self._counts()
        if counts is None:
            return Verdict.UNCLEAR, f"{_moved(self.fell)}; too many tasks may be part of that"
        if not counts:
            return Verdict.UNCLEAR, f"{self._known()}, and no task explains the rest: {_STRANGERS}"
        if len(counts) > 1:
            return Verdict.UNCLEAR, self._ambiguous()
        (charged,) = counts
        if 0 < charged < self._alike:
            return Verdict.UNCLEAR, (
                f"{self._known()}: {charged} of the {self._alike} doubts at this price"
                f" {'was' if charged == 1 else 'were'} charged, and nothing tells which"
            )
        if charged:
            return Verdict.PAID, self._paid()
        return self._not_paid()

    def _counts(self) -> list[int] | None:
        """Return how many of the doubts at this price may have been charged; None: too many."""
        sums = _sums(share for one, share in self.shares if not self._is_alike(one, share))
        if sums is None:
            return None
        return [
            count
            for count in range(self._alike + 1)
            if any(abs(self.fell - count * self.price - one) <= _ROUNDING for one in sums)
        ]

    @property
    def _alike(self) -> int:
        """How many doubts nothing but luck tells apart, this one among them."""
        return 1 + sum(self._is_alike(one, share) for one, share in self.shares)

    def _is_alike(self, one: Expense, share: _Share) -> bool:
        return one.is_doubt and share == (0, self.price)

    def _explained(self) -> list[int]:
        return [share[0] for _, share in self.shares if len(share) == 1]

    def _left(self) -> MicroUsd:
        return MicroUsd(self.fell - sum(self._explained()))

    def _known(self) -> str:
        known = self._explained()
        if not known:
            return _moved(self.fell)
        sure = MicroUsd(sum(known))
        return f"{_moved(self.fell)}; {_tasks(len(known))} that {_is(known)} known cost " + (
            f"{format_usd(sure)} of that, {format_usd(self._left())} is left"
            if self._left()
            else "just that"
        )

    def _paid(self) -> str:
        if self._alike > 1:
            return f"{self._known()}: all {self._alike} doubts at this price were charged"
        if abs(self._left() - self.price) <= _ROUNDING:
            return f"{self._known()}: the price of this one"
        return f"{self._known()}, which only adds up with the price of this one"

    def _not_paid(self) -> tuple[Verdict, str]:
        is_empty = abs(self._left()) <= _ROUNDING
        rest = "nothing is left for this one" if is_empty else "this one's price is no part of it"
        words = f"{self._known()}: {rest}"
        if self.is_settled:
            return Verdict.NOT_PAID, words
        return Verdict.NOT_SO_FAR, (
            f"{words}; a charge that only comes when a task ends may still follow,"
            f" so look again {int(SETTLES.total_seconds()) // 60} minutes after it was sent"
        )

    def _ambiguous(self) -> str:
        unsure = sum(len(share) > 1 for _, share in self.shares)
        if not unsure:
            return f"{_moved(self.fell)}, and the price of this one is too small to tell"
        return (
            f"{self._known()}; {_tasks(unsure)} beside this one may have been charged or not,"
            " and can explain it as well"
        )


_STRANGERS = "somebody else uses the account, it was topped up, or a price is not as listed"


def _sums(shares: Iterable[_Share]) -> set[int] | None:
    """Return every sum of one number from each share; None when they are too many to look at."""
    sums = {0}
    for share in shares:
        sums = {one + amount for one in sums for amount in share}
        if len(sums) > _MOST_SUMS:
            return None
    return sums


def _moved(fell: int) -> str:
    if abs(fell) <= _ROUNDING:
        return "the balance is as it was"
    word = "fell" if fell > 0 else "rose"
    return f"the balance {word} by {format_usd(MicroUsd(abs(fell)))}"


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number} tasks"


def _is(known: Sequence[int]) -> str:
    return "is" if len(known) == 1 else "are"
