"""What can be found out about one doubt without changing anything: the record, and the balance."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.errors import ReconcilerError
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
from reconciler.ids import IntentId, TaskId
from reconciler.ledger import EntryKind
from reconciler.money import NOTHING, MicroUsd
from reconciler.project import Project
from reconciler.purchase import Phase, Purchase
from reconciler.state.archive import Archive
from reconciler.state.lock import Holder
from reconciler.state.records import BalanceRecord, EventRecord

_PATIENCE = 10.0
"""Seconds for the balance."""

_NEAR = 8
"""How many readings on each side of a doubt are looked at."""

_NAMED_TASK = re.compile(r"names the task (\S+)|\"taskId\"\s*:\s*\"([^\"]+)\"")
_DIED = "the run that sent it ended before an answer was written down"
_BEGINS = (EntryKind.RESERVED, EntryKind.ADOPTED)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Everything about one doubt.

    `happened` is the end of its request in words, `named_task` an id that the lost answer held.
    `balance` is what the account holds now, `silence` why nobody knows. `sender` is who is sending
    it right now: then it is no doubt yet.
    """

    purchase: Purchase
    now: datetime
    sent_at: datetime
    happened: str
    named_task: TaskId | None
    balance: MicroUsd | None
    silence: str
    finding: Finding
    sender: Holder | None = None


def inquire(
    project: Project, archive: Archive, purchase: Purchase, sender: Holder | None
) -> Inquiry:
    """Gather what there is. Asks the provider for the balance, and for nothing else."""
    now = datetime.now(UTC)
    balance, silence = None, "not asked: it is being sent"
    if sender is None:
        newest = archive.last_seq()
        balance, silence = _balance_now(project, purchase)
        if balance is not None and archive.last_seq() != newest:
            balance, silence = (
                None,
                "a run went on while it was asked: look again when it has ended",
            )
    events = [one for one in archive.log(purchase.address) if one.intent == purchase.id]
    sent_at, happened = sending_time(purchase, events), _happened(events)
    named = _NAMED_TASK.search(happened)
    account = _Account(archive, purchase, sent_at)
    return Inquiry(
        purchase,
        now,
        sent_at,
        happened,
        TaskId(named[1] or named[2]) if named else None,
        balance,
        silence,
        account.finding(now, balance),
        sender,
    )


def sending_time(purchase: Purchase, events: Iterable[EventRecord]) -> datetime:
    """Return when the request left last: what came before it is proven not to have arrived."""
    left = [one.at for one in events if one.intent == purchase.id and one.kind == "sending"]
    return left[-1] if left else purchase.created_at


def everything(archive: Archive) -> Iterator[Purchase]:
    """Yield every attempt at every take."""
    for key, one in archive.latest().items():
        if one.attempt == 1:
            yield one
        else:
            yield from archive.attempts(key)


def _happened(events: list[EventRecord]) -> str:
    lost = [str(one.data.get("detail", "")) for one in events if one.kind == "answer_lost"]
    return lost[-1] if lost else _DIED


def _balance_now(project: Project, purchase: Purchase) -> tuple[MicroUsd | None, str]:
    """Return the balance, or None and why."""
    if purchase.provider not in project.config.providers:
        return None, f"`{purchase.provider}` is no longer in reconciler.yaml"
    try:
        return asyncio.run(_ask(project, purchase))
    except TimeoutError:
        return None, f"{purchase.provider} did not answer within {_PATIENCE:.0f} s"
    except ReconcilerError as error:
        return None, error.summary


async def _ask(project: Project, purchase: Purchase) -> tuple[MicroUsd | None, str]:
    from reconciler.clients import connect
    from reconciler.providers.protocol import TryAgain

    async with connect(project, [purchase.provider], {}) as connections:
        async with asyncio.timeout(_PATIENCE):
            answer = await connections.channels[purchase.provider].balance()
    if isinstance(answer, TryAgain):
        return None, f"{purchase.provider}: {answer.detail}"
    return answer, ""


class _Account:
    """The readings around one doubt, and the purchases that moved the account between them."""

    def __init__(self, archive: Archive, doubt: Purchase, sent_at: datetime) -> None:
        self._archive = archive
        self._doubt = doubt
        self._sent_at = sent_at
        same = (one for one in everything(archive) if one.provider == doubt.provider)
        self._purchases: Mapping[IntentId, Purchase] = {one.id: one for one in same}

    def finding(self, now: datetime, balance: MicroUsd | None) -> Finding:
        """Return what the readings say, the nearest before the doubt and now counting most."""
        first = self._archive.balance_before(self._doubt)
        if first is None:
            words = "no balance is on record from before it was sent; every apply that buys takes"
            return Finding(Verdict.UNCLEAR, f"{words} one from now on")
        readings = [one for one in self._archive.balances() if one.provider == first.provider]
        earlier = [one for one in readings if one.ledger_seq <= first.ledger_seq]
        later = [one for one in readings if one.ledger_seq > first.ledger_seq]
        ends = [] if balance is None else [self._reading_now(now, balance)]
        ends += map(self._reading, later[:_NEAR])
        if not ends:
            words = "the balance was read before it was sent, and not after it"
            return Finding(Verdict.UNCLEAR, words, self._reading(first))
        starts = map(self._reading, reversed(earlier[-_NEAR:]))
        return conclude([self._weigh(start, end) for start in starts for end in ends])

    def _weigh(self, start: Reading, end: Reading) -> Finding:
        others = [one for one in self._purchases.values() if one.id != self._doubt.id]
        expenses = [one for one in map(_expense, others) if one is not None]
        doubt = Expense(
            self._doubt.id, self._doubt.price, Fate.OPEN, self._sent_at + SETTLES, is_doubt=True
        )
        return weigh(doubt, expenses, start, end)

    def _reading_now(self, now: datetime, balance: MicroUsd) -> Reading:
        return Reading(now, balance, frozenset(self._purchases))

    def _reading(self, record: BalanceRecord) -> Reading:
        begun = {one.intent for one in self._archive.movements(record) if one.kind in _BEGINS}
        return Reading(record.at, record.amount, frozenset(self._purchases.keys() - begun))


def _expense(purchase: Purchase) -> Expense | None:
    """Return a purchase as its account sees it; None when nothing was ever sent or accepted."""
    price, ended = purchase.cost, purchase.finished_at
    match purchase.phase:
        case Phase.INTENDED | Phase.REJECTED | Phase.CANCELLED:
            return None
        case Phase.SUCCEEDED | Phase.STORED:
            return Expense(purchase.id, price, Fate.TAKEN, ended)
        case Phase.FAILED if price == NOTHING and purchase.price:
            return Expense(purchase.id, purchase.price, Fate.RETURNED, ended)
        case Phase.FAILED:
            late = ended + SETTLES if ended else None
            return Expense(purchase.id, price, Fate.OPEN, late)
        case Phase.SUBMITTED | Phase.MODAL:
            return Expense(purchase.id, price, Fate.OPEN, None)
        case Phase.SUBMITTING | Phase.IN_DOUBT | Phase.ABANDONED:
            late = purchase.changed_at + SETTLES
            return Expense(purchase.id, price, Fate.OPEN, late, is_doubt=True)
