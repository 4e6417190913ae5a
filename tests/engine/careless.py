"""Engines that make one mistake each: the simulation must find every one of them."""

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
from engine_kit import START, Parts
from mortal import MortalObjects, MortalStore

from reconciler.config import ServerErrors
from reconciler.engine.channel import Channel, Manner
from reconciler.errors import BudgetError
from reconciler.ids import CandidateNumber, Digest, IntentId, ProviderName, RunId, TaskId
from reconciler.money import NOTHING, MicroUsd
from reconciler.policy import FailureKind, OnDoubt, Policy
from reconciler.providers.protocol import (
    Attachment,
    Order,
    Provider,
    TaskState,
    TryAgain,
    Uploaded,
)
from reconciler.purchase import (
    Accepted,
    AnswerLost,
    Event,
    Failure,
    NotSent,
    Phase,
    Purchase,
    Refused,
    Sending,
    TaskFailed,
    advance,
)
from reconciler.state.store import UNLIMITED, Limits


class CarelessChannel(Channel):
    """Sends again when an answer got lost, as the vendor's page advises."""

    async def buy(self, order: Order) -> Accepted | Refused | AnswerLost | NotSent | TryAgain:
        """Submit, and call a lost answer a reason to try again."""
        verdict = await super().buy(order)
        return TryAgain(verdict.detail) if isinstance(verdict, AnswerLost) else verdict


class HastyChannel(Channel):
    """Sends once more when nothing has come for a while."""

    async def buy(self, order: Order) -> Accepted | Refused | AnswerLost | NotSent | TryAgain:
        """Submit, at most twice."""
        try:
            async with asyncio.timeout(20):
                return await super().buy(order)
        except TimeoutError:
            return await super().buy(order)


class ForgettingChannel(Channel):
    """Starts every follow-up from the first candidate."""

    async def buy(self, order: Order) -> Accepted | Refused | AnswerLost | NotSent | TryAgain:
        """Submit, whatever was picked."""
        if order.parent is not None:
            order = replace(order, parent=replace(order.parent, candidate=CandidateNumber(1)))
        return await super().buy(order)


class RestartingChannel(Channel):
    """Begins anew with a task whose second step got no answer."""

    async def go_on(
        self, task_id: TaskId, order: Order
    ) -> Accepted | Refused | AnswerLost | NotSent | TryAgain:
        """Send it, or else the first step again."""
        verdict = await super().go_on(task_id, order)
        return await self.buy(order) if isinstance(verdict, AnswerLost) else verdict


class ResigningChannel(Channel):
    """Gives a task up whose second step got no answer, and takes it for refunded."""

    _given_up: frozenset[TaskId] = frozenset()

    async def go_on(
        self, task_id: TaskId, order: Order
    ) -> Accepted | Refused | AnswerLost | NotSent | TryAgain:
        """Send it, and hear what comes of it."""
        verdict = await super().go_on(task_id, order)
        if isinstance(verdict, AnswerLost):
            self._given_up |= {task_id}
        return verdict

    async def look(self, task_id: TaskId, due: float | None = None) -> TaskState:
        """Look, or know better."""
        state = await super().look(task_id, due)
        if task_id not in self._given_up:
            return state
        return TaskFailed(Failure(FailureKind.TIMED_OUT, "", "no answer", ""), NOTHING)


class GenerousChannel(Channel):
    """Gives a picture away again when nobody said thanks."""

    async def upload(
        self, picture: Attachment
    ) -> Uploaded | Refused | AnswerLost | NotSent | TryAgain:
        """Upload, at most twice."""
        verdict = await super().upload(picture)
        is_unclear = isinstance(verdict, AnswerLost | TryAgain)
        return await super().upload(picture) if is_unclear else verdict


class LateStore(MortalStore):
    """Writes the intent down when the answer is there, and not before."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._owed: dict[IntentId, Purchase] = {}

    def intend(
        self,
        purchase: Purchase,
        limits: Limits,  # noqa: ARG002
        run: RunId,  # noqa: ARG002
        *,
        instead_of: Purchase | None = None,  # noqa: ARG002
    ) -> None:
        """Keep it in mind."""
        self._owed[purchase.id] = purchase

    def record(self, before: Purchase, event: Event, now: datetime, run: RunId) -> Purchase:
        """Write the answer down, and before it what should have been written long ago."""
        if before.id in self._owed:
            if isinstance(event, Sending):
                return advance(before, event, now)
            super().intend(self._owed.pop(before.id), UNLIMITED, run)
            super().record(self.attempts(before.key)[-1], Sending(), before.changed_at, run)
        return super().record(before, event, now, run)


class HopefulStore(MortalStore):
    """Takes for granted that what was being sent when the process died never arrived."""

    def recover(self, run: RunId, now: datetime) -> list[Purchase]:
        """Call every doubt unsent."""
        for one in self.latest().values():
            if one.phase is Phase.SUBMITTING:
                self.record(one, NotSent("surely"), now, run)
        return super().recover(run, now)


class ForgetfulStore(MortalStore):
    """Does not write down that a task was accepted when it is the third one."""

    _accepted = 0

    def record(self, before: Purchase, event: Event, now: datetime, run: RunId) -> Purchase:
        """Write down, mostly."""
        if isinstance(event, Accepted):
            self._accepted += 1
            if self._accepted == 3:
                return super().record(before, AnswerLost("never mind"), now, run)
        return super().record(before, event, now, run)


class TrustingChannel(Channel):
    """Takes an API's own 500 for a refusal, whatever the project has learnt about it."""

    def __init__(
        self, name: ProviderName, adapter: Provider, client: httpx.AsyncClient, manner: Manner
    ) -> None:
        manner = replace(manner, server_errors=ServerErrors.RETRY)
        super().__init__(name, adapter, client, manner)


class SpendthriftStore(MortalStore):
    """Asks no budget."""

    def intend(
        self,
        purchase: Purchase,
        limits: Limits,  # noqa: ARG002
        run: RunId,
        *,
        instead_of: Purchase | None = None,
    ) -> None:
        """Book without a look."""
        super().intend(purchase, UNLIMITED, run, instead_of=instead_of)


class OutdatedStore(MortalStore):
    """Asks the day's and the month's budget, with what was spent when somebody last looked."""

    _spent: MicroUsd | None = None

    def intend(
        self,
        purchase: Purchase,
        limits: Limits,
        run: RunId,
        *,
        instead_of: Purchase | None = None,
    ) -> None:
        """Look first, and book afterwards."""
        self._spent = self.spent_since(START) if self._spent is None else self._spent
        for most in (limits.per_day, limits.per_month):
            if most is not None and self._spent + (purchase.price or NOTHING) > most:
                raise BudgetError("too much")
        others = replace(limits, per_day=None, per_month=None)
        super().intend(purchase, others, run, instead_of=instead_of)


class CreditedStore(MortalStore):
    """Believes that whatever failed was given back."""

    def record(self, before: Purchase, event: Event, now: datetime, run: RunId) -> Purchase:
        """Write down, and credit it."""
        if isinstance(event, TaskFailed):
            return super().record(before, replace(event, charged=NOTHING), now, run)
        return super().record(before, event, now, run)


class LazyObjects(MortalObjects):
    """Says that bytes are kept, and puts them into their place a while later."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._late: dict[Digest, Path] = {}

    def path(self, digest: Digest) -> Path:
        """Point at where they wait."""
        return self._late.get(digest) or super().path(digest)

    def has(self, digest: Digest) -> bool:
        """Take the promise for the deed."""
        return digest in self._late or super().has(digest)

    def keep(self, part: Path, digest: Digest) -> None:
        """Promise it."""
        self._late[digest] = part.rename(part.with_suffix(".late"))
        asyncio.get_running_loop().call_later(5, self._keep, digest)

    def _keep(self, digest: Digest) -> None:
        super().keep(self._late.pop(digest), digest)


MISTAKES = {
    "sends again after a lost answer": Parts(channel=CarelessChannel),
    "sends again after a time-out": Parts(channel=HastyChannel),
    "sends again after a doubtful 500": Parts(channel=TrustingChannel),
    "forgets the candidate": Parts(channel=ForgettingChannel),
    "begins anew after a lost second step": Parts(channel=RestartingChannel),
    "gives up after a lost second step": Parts(channel=ResigningChannel),
    "gives pictures away twice": Parts(channel=GenerousChannel),
    "writes the intent after the request": Parts(store=LateStore),
    "hopes after a crash": Parts(store=HopefulStore),
    "forgets a task id": Parts(store=ForgetfulStore),
    "asks no budget": Parts(store=SpendthriftStore),
    "asks the budget outside the transaction": Parts(store=OutdatedStore),
    "counts every failure as refunded": Parts(store=CreditedStore),
    "buys again what a person must decide": Parts(policy=Policy(OnDoubt.REBUY)),
    "calls pictures stored before they are": Parts(objects=LazyObjects),
}
