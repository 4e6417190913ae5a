"""What a balance proves about a lost answer: never more than it does, and all that it does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from reconciler.evidence import (
    SETTLES,
    Expense,
    Fate,
    Finding,
    Reading,
    Verdict,
    conclude,
    weigh,
)
from reconciler.ids import IntentId
from reconciler.money import MicroUsd, usd

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DOUBT = IntentId("doubt")


def at(seconds: float) -> datetime:
    """Return that long after noon."""
    return NOON + timedelta(seconds=seconds)


def expense(
    name: str, price: str | None, fate: Fate = Fate.OPEN, ended: float | None = None
) -> Expense:
    """Return a purchase that was settled so long after noon; a name with `?` is a doubt."""
    moment = None if ended is None else at(ended)
    amount = None if price is None else usd(price)
    return Expense(IntentId(name), amount, fate, moment, is_doubt="?" in name)


def weighed(
    fell: str,
    *others: Expense,
    price: str | None = "0.20",
    older: Sequence[str] = (),
    late: float = 3600,
) -> Finding:
    """Weigh a doubt sent at noon by a reading a minute before it and one `late` seconds after.

    `older` are the intents that were on record before the first reading; `fell` may be negative.
    """
    before = Reading(at(-60), usd(100), frozenset(map(IntentId, older)))
    left = MicroUsd(usd(100) - int(float(fell) * 1_000_000))
    known = frozenset({DOUBT, *(one.intent for one in others)})
    amount = None if price is None else usd(price)
    doubt = Expense(DOUBT, amount, Fate.OPEN, NOON + SETTLES, is_doubt=True)
    return weigh(doubt, others, before, Reading(at(late), left, known))


def test_what_is_left_over_is_the_price_of_the_doubt() -> None:
    """Known purchases explain a part, the rest is this one's price."""
    found = weighed("0.50", expense("fox", "0.30", Fate.TAKEN, 40))
    assert found.verdict is Verdict.PAID
    assert found.reason == (
        "the balance fell by $0.50; 1 task that is known cost $0.30 of that, $0.20 is left:"
        " the price of this one"
    )


def test_nothing_is_left_for_the_doubt() -> None:
    """All of the fall is explained without it."""
    found = weighed("0.30", expense("fox", "0.30", Fate.TAKEN, 40))
    assert found.verdict is Verdict.NOT_PAID
    assert found.reason == (
        "the balance fell by $0.30; 1 task that is known cost just that:"
        " nothing is left for this one"
    )
    assert weighed("0").reason == "the balance is as it was: nothing is left for this one"


def test_no_charge_yet_is_not_no_charge() -> None:
    """Nobody documents when a task is charged: a minute later a charge may still come."""
    found = weighed("0", late=60)
    assert found.verdict is Verdict.NOT_SO_FAR
    assert found.reason.endswith("so look again 10 minutes after it was sent")
    assert weighed("0", late=599).verdict is Verdict.NOT_SO_FAR
    assert weighed("0", late=600).verdict is Verdict.NOT_PAID
    assert weighed("0.20", late=1).verdict is Verdict.PAID


def test_doubts_of_one_price_cannot_be_told_apart() -> None:
    """All of them, none of them, or a number without a name."""
    other = expense("other?", "0.20")
    one = weighed("0.20", other)
    assert one.verdict is Verdict.UNCLEAR
    assert one.reason == (
        "the balance fell by $0.20: 1 of the 2 doubts at this price was charged,"
        " and nothing tells which"
    )
    assert weighed("0.40", other).verdict is Verdict.PAID
    assert weighed("0.40", other).reason.endswith(": all 2 doubts at this price were charged")
    assert weighed("0", other).verdict is Verdict.NOT_PAID


def test_another_price_tells_doubts_apart() -> None:
    """$0.30 cannot be a doubt of $0.20."""
    other = expense("other?", "0.30")
    assert weighed("0.30", other).verdict is Verdict.NOT_PAID
    assert weighed("0.20", other).verdict is Verdict.PAID
    assert weighed("0.50", other).verdict is Verdict.PAID


@pytest.mark.parametrize(
    "other",
    [
        expense("running", "0.20"),
        expense("failed", "0.20", Fate.OPEN, 60),
        expense("ended later", "0.20", Fate.TAKEN, 4000),
        expense("back later", "0.20", Fate.RETURNED, 4000),
    ],
    ids=lambda one: one.intent,
)
def test_what_may_have_been_charged_or_not_makes_it_unclear(other: Expense) -> None:
    """Tasks in flight, failures without a known refund: each explains it as well."""
    found = weighed("0.20", other)
    assert found.verdict is Verdict.UNCLEAR
    assert "1 task beside this one may have been charged or not" in found.reason
    assert weighed("0.40", other).verdict is Verdict.PAID
    assert weighed("0", other).verdict is Verdict.NOT_PAID


def test_a_refund_on_record_leaves_no_trace() -> None:
    """Charged and given back between the readings: no part of the fall."""
    back = expense("back", "0.20", Fate.RETURNED, 60)
    assert weighed("0.20", back).verdict is Verdict.PAID
    assert weighed("0", back).verdict is Verdict.NOT_PAID


def test_what_was_under_way_at_the_first_reading_counts_with_every_sign() -> None:
    """Charged before it or after it, and given back after it: none of that can be excluded."""
    running = expense("old", "0.20")
    assert weighed("0.20", running, older=["old"]).verdict is Verdict.UNCLEAR
    assert weighed("0", running, older=["old"]).verdict is Verdict.UNCLEAR
    delivered = expense("old", "0.20", Fate.TAKEN, 30)
    assert weighed("0.20", delivered, older=["old"]).verdict is Verdict.UNCLEAR
    assert weighed("0", delivered, older=["old"]).verdict is Verdict.NOT_PAID
    settled = expense("old", "0.20", Fate.TAKEN, -61)
    assert weighed("0.20", settled, older=["old"]).verdict is Verdict.PAID


@pytest.mark.parametrize(
    ("fell", "others", "price", "words"),
    [
        ("-20", [], "0.20", "the balance rose by $20.00: money came in, which hides what went out"),
        ("0.17", [], "0.20", "no task explains the rest: somebody else uses the account"),
        ("0.20", [], None, "nobody documents what this one costs"),
        ("0.20", [expense("owl", None, Fate.TAKEN, 9)], "0.20", "cost an unknown price"),
        ("0", [], "0.001", "the price of this one is too small to tell"),
    ],
)
def test_what_cannot_be_known_is_said(
    fell: str, others: list[Expense], price: str | None, words: str
) -> None:
    """A top-up, strangers, unknown prices: unclear, and why."""
    found = weighed(fell, *others, price=price)
    assert found.verdict is Verdict.UNCLEAR
    assert words in found.reason


def test_a_balance_may_be_rounded_to_cents() -> None:
    """Half a cent more or less is no contradiction; a whole one is."""
    assert weighed("0.204").verdict is Verdict.PAID
    assert weighed("0.196").verdict is Verdict.PAID
    assert weighed("0.004").verdict is Verdict.NOT_PAID
    assert weighed("0.21").verdict is Verdict.UNCLEAR


def test_hundreds_of_open_purchases_are_no_trouble() -> None:
    """Sums are few where prices are; where they are not, it says so instead of taking for ever."""
    alike = [expense(f"n{number}", "0.30") for number in range(500)]
    assert weighed("0.20", *alike).verdict is Verdict.PAID
    odd = [expense(f"n{number}", str((2**number) / 1_000_000)) for number in range(30)]
    assert "too many tasks" in weighed("0.20", *odd).reason


def test_findings_that_disagree_say_nothing() -> None:
    """The first clear word counts, unless another one contradicts it."""
    unclear, paid, not_paid = weighed("7"), weighed("0.20"), weighed("0")
    assert conclude([unclear, paid, paid]) is paid
    assert conclude([unclear, unclear]) is unclear
    assert conclude([unclear, paid, not_paid]).verdict is Verdict.UNCLEAR
    assert "contradict" in conclude([not_paid, paid]).reason


@dataclass(frozen=True)
class Deal:
    """One purchase as it really went; seconds. `is_seen`: a run has watched its end."""

    sent: int
    price: str
    lasts: int
    is_accepted: bool = True
    is_lost: bool = False
    is_charged_late: bool = False
    fails: bool = False
    refund_after: int | None = None
    is_seen: bool = True
    seen_after: int = 0

    @property
    def ended(self) -> int:
        """Return when its task ended."""
        return self.sent + self.lasts

    def taken(self, moment: float) -> int:
        """Return what the account has lost to it by then, in micro-dollars."""
        charged = self.ended if self.is_charged_late else self.sent + 1
        if not self.is_accepted or moment < charged:
            return 0
        is_back = self.fails and self.refund_after is not None
        if is_back and moment >= self.ended + (self.refund_after or 0):
            return 0
        return int(usd(self.price))

    def as_expense(self, number: int, moment: float) -> Expense | None:
        """Return what our own record of it says by then."""
        name, price = IntentId(f"n{number}"), usd(self.price)
        if self.is_lost:
            late = at(self.sent) + SETTLES
            return Expense(name, price, Fate.OPEN, late, is_doubt=True)
        if not self.is_accepted:
            return None
        seen = self.ended + self.seen_after
        if not self.is_seen or seen > moment:
            return Expense(name, price, Fate.OPEN, None)
        if not self.fails:
            return Expense(name, price, Fate.TAKEN, at(seen))
        if self.refund_after == 0:
            return Expense(name, price, Fate.RETURNED, at(seen))
        return Expense(name, price, Fate.OPEN, at(seen) + SETTLES)


seconds = st.integers(0, 1200)
deals = st.builds(
    Deal,
    sent=seconds,
    price=st.sampled_from(["0.10", "0.20", "0.30"]),
    lasts=st.integers(2, 240),
    is_accepted=st.booleans(),
    is_lost=st.sampled_from([False, False, True]),
    is_charged_late=st.booleans(),
    fails=st.sampled_from([False, False, True]),
    refund_after=st.sampled_from([None, 0, 0, 200]),
    is_seen=st.sampled_from([True, True, False]),
    seen_after=st.integers(0, 9),
)


def findings(account: list[Deal], doubt: Deal, readings: list[int], now: int) -> list[Finding]:
    """Weigh every pair of readings around a doubt, as they were taken."""

    def reading(moment: int) -> Reading:
        left = usd(1000) - sum(one.taken(moment) for one in account)
        known = {IntentId(f"n{i}") for i, one in enumerate(account) if one.sent <= moment}
        return Reading(at(moment), MicroUsd(left), frozenset(known))

    wanted, others = None, []
    for number, one in enumerate(account):
        if one.sent > now:
            continue
        record = one.as_expense(number, now)
        if one is doubt:
            wanted = record
        elif record is not None:
            others.append(record)
    assert wanted is not None
    moments = sorted({*readings, now})
    return [
        weigh(wanted, others, reading(first), reading(last))
        for first in reversed([one for one in moments if one < doubt.sent])
        for last in reversed([one for one in moments if one > doubt.sent])
        if last <= now
    ]


@settings(max_examples=500)
@given(
    account=st.lists(deals, min_size=1, max_size=7),
    readings=st.lists(seconds, min_size=1, max_size=4),
    now=st.integers(1, 3000),
)
def test_the_verdict_is_never_wrong_where_nobody_else_uses_the_account(
    account: list[Deal], readings: list[int], now: int
) -> None:
    """Paid: a task exists and was charged. Not paid: nothing was taken, or all is back."""
    doubts = [one for one in account if one.is_lost and one.sent < now]
    for doubt in doubts:
        found = findings(account, doubt, readings, now)
        if not found:
            continue
        for each in (*found, conclude(found)):
            event(each.verdict)
            if each.verdict is Verdict.PAID:
                assert doubt.is_accepted, each.reason
            if each.verdict is Verdict.NOT_PAID:
                assert doubt.taken(10_000) == 0, each.reason


@given(account=st.lists(deals, max_size=7), doubt=deals)
def test_a_single_doubt_is_always_settled_by_quiet_readings(
    account: list[Deal], doubt: Deal
) -> None:
    """One doubt among purchases whose end is known, with quiet before and after it: yes or no."""
    settled = [
        Deal(one.sent, one.price, one.lasts, fails=one.fails, refund_after=0) for one in account
    ]
    lost = Deal(doubt.sent, doubt.price, doubt.lasts, is_accepted=doubt.is_accepted, is_lost=True)
    assume(all(one != lost for one in settled))
    (found,) = findings([*settled, lost], lost, [-1], 3000)
    assert found.verdict is (Verdict.PAID if lost.is_accepted else Verdict.NOT_PAID)
