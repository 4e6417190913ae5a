"""From a decision to a task id. The only place from which a paid request leaves.

The intent is durable before the request; the request leaves at most once per `Sending` on record;
and it leaves again only after an answer, or a missing connection, that proves nothing was accepted.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass

from reconciler.engine.channel import Channel
from reconciler.engine.outcome import Ending
from reconciler.engine.pace import Trouble, wait_after
from reconciler.engine.progress import Kind
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
_LONGEST_PAUSE = 10 * 60.0
"""Seconds; an API that wants to be left alone for longer is not waited for in this run."""
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
    intent = wanted.purchase
    tracked: Tracked | None = None
    tries: Counter[Trouble] = Counter()
    while True:
        await _turn(channel, tracked)
        if tracked is None:
            tracked = sender.tracked = _intend(wanted, shop)
        nth = channel.sent + 1
        verdict = await _send(tracked, order, channel, shop, sender)
        if isinstance(verdict, Accepted | Refused | AnswerLost):
            tracked.record(verdict)
            _settle(tracked.purchase, channel, nth)
            return tracked
        tracked.record(NotSent(verdict.detail))
        if sender.is_last:
            tracked.record(Withdrawn())
            raise Unfinished(Ending.INTERRUPTED, "stopped; nothing was accepted")
        is_limit = isinstance(verdict, TryAgain) and verdict.is_limit
        trouble = channel.crowded if is_limit else channel.unable
        trouble.met(intent.id, nth, channel.sent)
        tries[trouble] += 1
        failed = max(tries[trouble], trouble.rounds)
        delay = _delay(verdict, wait_after(failed), channel)
        if failed >= trouble.most or delay > _LONGEST_PAUSE:
            raise _give_up(tracked, verdict, channel, delay)
        shop.report(Kind.HELD_UP, intent.address, detail=verdict.detail, seconds=round(delay, 1))
        channel.pace.pause(delay)


async def _turn(channel: Channel, tracked: Tracked | None) -> None:
    """Wait for permission to send; give up when the provider was found to be unusable meanwhile."""
    try:
        await channel.pace.turn()
    except asyncio.CancelledError:
        if tracked is not None:
            tracked.record(Withdrawn())
        raise
    if channel.halted is not None:
        if tracked is not None:
            tracked.record(Withdrawn())
        raise Unfinished(Ending.NOT_SENT, channel.halted, "nothing was sent for this one")


def _intend(wanted: Intention, shop: Workshop) -> Tracked:
    try:
        shop.store.intend(wanted.purchase, shop.limits, shop.run, instead_of=wanted.instead_of)
    except BudgetError as error:
        raise Unfinished(Ending.OVER_BUDGET, error.summary, error.hint or "") from error
    return Tracked(wanted.purchase, shop)


async def _send(
    tracked: Tracked, order: Order, channel: Channel, shop: Workshop, sender: Sender
) -> Verdict:
    """Let the request leave once. An interruption while it is away is a lost answer."""
    shop.report(Kind.SUBMITTING, tracked.purchase.address)
    tracked.record(Sending())
    sender.is_sending = True
    try:
        return await channel.buy(order)
    except asyncio.CancelledError:
        tracked.record(AnswerLost("interrupted before the answer came"))
        raise
    finally:
        sender.is_sending = False


def _settle(purchase: Purchase, channel: Channel, nth: int) -> None:
    """Stop all submissions when no other one can succeed, or when each would only be a doubt."""
    failure = purchase.failure
    if purchase.phase is Phase.IN_DOUBT:
        channel.lost.met(purchase.id, nth, channel.sent)
        if channel.lost.is_general():
            channel.halt(f"{channel.name}: answers get lost, so that nothing more is risked")
    elif failure is not None and failure.kind.stops_provider:
        channel.halt(f"{channel.name} refuses everything: {failure.code} {failure.message}")
    else:
        channel.served()


def _give_up(
    tracked: Tracked, verdict: NotSent | TryAgain, channel: Channel, delay: float
) -> Unfinished:
    """Give this one up; and all others too, where the API serves none of them."""
    tracked.record(Withdrawn())
    is_general = channel.unable.is_general() or channel.crowded.is_general()
    if is_general or delay > _LONGEST_PAUSE:
        channel.halt(f"{channel.name} cannot be used now: {verdict.detail}")
    check = "check `base_url` and the network, then " if isinstance(verdict, NotSent) else ""
    return Unfinished(
        Ending.NOT_SENT,
        f"{channel.name}: {verdict.detail}",
        f"nothing was accepted and nothing is charged; {check}run apply again later",
    )


def _delay(verdict: NotSent | TryAgain, wait: float, channel: Channel) -> float:
    """The API's own word on when to come back counts, but nobody comes back at once."""
    named = verdict.retry_after if isinstance(verdict, TryAgain) else None
    return wait / channel.haste if named is None else max(named, _SHORTEST_PAUSE / channel.haste)
