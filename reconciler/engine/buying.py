"""From a decision to a task id. The only place from which a paid request leaves.

The intent is durable before the request; the request leaves at most once per `Sending` on record;
and it leaves again only after an answer, or a missing connection, that proves nothing was accepted.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace

from reconciler.engine.backoff import LONGEST_PAUSE, wait_after
from reconciler.engine.channel import Channel
from reconciler.engine.outcome import Ending
from reconciler.engine.pace import Leave
from reconciler.engine.progress import Kind
from reconciler.engine.trouble import Trouble
from reconciler.engine.workshop import Tracked, Unfinished, Workshop
from reconciler.errors import BudgetError
from reconciler.providers.protocol import Order, TryAgain
from reconciler.purchase import (
    Accepted,
    AnswerLost,
    NotSent,
    Phase,
    Purchase,
    Refused,
    Sending,
    Withdrawn,
)

_SHORTEST_PAUSE = 1.0
Verdict = Accepted | Refused | AnswerLost | NotSent | TryAgain


@dataclass(frozen=True, slots=True)
class Intention:
    """A purchase that is not on record yet, and the doubtful one that is given up with it."""

    purchase: Purchase
    instead_of: Purchase | None = None


@dataclass(slots=True)
class Sender:
    """What a job that buys and whoever ends the run must know of each other.

    `is_sending`: a paid request is on its way right now; `tracked` is its record. `is_last`: the
    run is ending, so that nothing may be sent after it.
    """

    is_sending: bool = False
    is_last: bool = False
    tracked: Tracked | None = None


async def buy(
    wanted: Intention, order: Order, channel: Channel, shop: Workshop, sender: Sender
) -> Tracked:
    """Submit, and return the purchase: submitted, rejected or in doubt. Raises Unfinished."""
    return await _Effort(wanted, order, channel, shop, sender).until_answered()


class _Effort:
    """The tries to submit one intent. It is due since the first one, whatever comes between."""

    def __init__(
        self, wanted: Intention, order: Order, channel: Channel, shop: Workshop, sender: Sender
    ) -> None:
        self._wanted = wanted
        self._order = order
        self._channel = channel
        self._shop = shop
        self._sender = sender
        self._tracked: Tracked | None = None
        self._tries: Counter[Trouble] = Counter()

    async def until_answered(self) -> Tracked:
        """Return the purchase once it is known what became of it. Raises Unfinished."""
        due = asyncio.get_running_loop().time()
        while True:
            leave = await self._turn(due)
            tracked = self._tracked or self._intend(leave)
            nth = self._channel.sent + 1
            verdict: Verdict | None = None
            try:
                verdict = await self._send(tracked)
                if isinstance(verdict, Accepted | Refused | AnswerLost):
                    self._conclude(tracked, verdict, nth)
                    return tracked
                self._put_off(tracked, verdict, nth)
            finally:
                self._channel.turnstile.back(leave, is_refused=_is_limit(verdict))

    async def _turn(self, due: float) -> Leave:
        """Wait for permission to send; give up when the provider was found unusable meanwhile."""
        turnstile = self._channel.turnstile
        try:
            leave = await turnstile.turn(due, submits=True)
        except asyncio.CancelledError:
            self._withdraw()
            raise
        if leave is not None and self._channel.halted is None:
            return leave
        if leave is not None:
            turnstile.unused(leave)
        self._withdraw()
        why = self._channel.halted or f"{self._channel.name} takes nothing more"
        raise Unfinished(Ending.NOT_SENT, why, "nothing was sent for this one")

    def _withdraw(self) -> None:
        if self._tracked is not None:
            self._tracked.record(Withdrawn())

    def _intend(self, leave: Leave) -> Tracked:
        """Write the intent down. Raises Unfinished over the budget; then nobody needs the leave.

        It is made now, however long it has waited for its turn: this day's budget pays for it.
        """
        shop, instead_of, now = self._shop, self._wanted.instead_of, self._shop.now()
        purchase = replace(self._wanted.purchase, created_at=now, changed_at=now)
        try:
            shop.store.intend(purchase, shop.limits, shop.run, instead_of=instead_of)
        except BudgetError as error:
            self._channel.turnstile.unused(leave)
            raise Unfinished(Ending.OVER_BUDGET, error.summary, error.hint or "") from error
        self._tracked = self._sender.tracked = Tracked(purchase, shop)
        return self._tracked

    async def _send(self, tracked: Tracked) -> Verdict:
        """Let the request leave once. An interruption while it is away is a lost answer."""
        self._shop.report(Kind.SUBMITTING, tracked.purchase.address)
        tracked.record(Sending())
        self._sender.is_sending = True
        try:
            return await self._channel.buy(self._order)
        except asyncio.CancelledError:
            tracked.record(AnswerLost("interrupted before the answer came"))
            raise
        finally:
            self._sender.is_sending = False

    def _conclude(
        self, tracked: Tracked, verdict: Accepted | Refused | AnswerLost, nth: int
    ) -> None:
        """Write the answer down, and what it says about all others."""
        purchase = tracked.record(self._unclaimed(verdict))
        if purchase.phase is Phase.SUBMITTED:
            self._channel.turnstile.flight.accepted()
        _settle(purchase, self._channel, nth)

    def _unclaimed(
        self, verdict: Accepted | Refused | AnswerLost
    ) -> Accepted | Refused | AnswerLost:
        """No two purchases share a task: an id that is on record already proves nothing."""
        if not isinstance(verdict, Accepted):
            return verdict
        owner = self._shop.store.by_task(self._channel.name, verdict.task_id)
        if owner is None:
            return verdict
        return AnswerLost(f"answered with {owner.address}'s task id {verdict.task_id}")

    def _put_off(self, tracked: Tracked, verdict: NotSent | TryAgain, nth: int) -> None:
        """Let some time pass before the next try. Raises Unfinished when it was the last one."""
        channel = self._channel
        tracked.record(NotSent(verdict.detail))
        if self._sender.is_last:
            tracked.record(Withdrawn())
            raise Unfinished(Ending.INTERRUPTED, "stopped; nothing was accepted")
        trouble = channel.crowded if _is_limit(verdict) else channel.unable
        trouble.met(tracked.purchase.id, nth, channel.sent)
        self._tries[trouble] += 1
        failed = max(self._tries[trouble], trouble.rounds)
        delay = _delay(verdict, wait_after(failed), channel)
        if failed >= trouble.most or delay > LONGEST_PAUSE:
            raise _give_up(tracked, verdict, channel, delay)
        self._shop.report(
            Kind.HELD_UP,
            tracked.purchase.address,
            detail=verdict.detail,
            seconds=round(delay, 1),
        )
        channel.turnstile.pause(delay, invites=_named(verdict) is not None)


def _settle(purchase: Purchase, channel: Channel, nth: int) -> None:
    """Stop all submissions when no other one can succeed, or when each would only be a doubt."""
    failure = purchase.failure
    if purchase.phase is Phase.IN_DOUBT:
        channel.lost.met(purchase.id, nth, channel.sent)
        if channel.lost.is_general():
            channel.halt(f"{channel.name}: answers get lost, so that nothing more is risked")
    elif failure is not None and failure.kind.stops_provider:
        channel.heed(failure)
    else:
        channel.served()


def _give_up(
    tracked: Tracked, verdict: NotSent | TryAgain, channel: Channel, delay: float
) -> Unfinished:
    """Give this one up; and all others too, where the API serves none of them."""
    tracked.record(Withdrawn())
    is_general = channel.unable.is_general() or channel.crowded.is_general()
    if is_general or delay > LONGEST_PAUSE:
        channel.halt(f"{channel.name} cannot be used now: {verdict.detail}")
    check = "check `base_url` and the network, then " if isinstance(verdict, NotSent) else ""
    return Unfinished(
        Ending.NOT_SENT,
        f"{channel.name}: {verdict.detail}",
        f"nothing was accepted and nothing is charged; {check}run apply again later",
    )


def _delay(verdict: NotSent | TryAgain, wait: float, channel: Channel) -> float:
    """The API's own word on when to come back counts, but nobody comes back at once."""
    named = _named(verdict)
    return wait / channel.haste if named is None else max(named, _SHORTEST_PAUSE / channel.haste)


def _named(verdict: NotSent | TryAgain) -> float | None:
    return verdict.retry_after if isinstance(verdict, TryAgain) else None


def _is_limit(verdict: Verdict | None) -> bool:
    return isinstance(verdict, TryAgain) and verdict.is_limit
