"""From a decision to a task id. The only place from which a paid request leaves.

The intent is durable before the request; the request leaves at most once per `Sending` on record;
and it leaves again only after an answer, or a missing connection, that proves nothing was accepted.
"""

import asyncio
from dataclasses import dataclass

from reconciler.engine.channel import Channel
from reconciler.engine.outcome import Ending
from reconciler.engine.pace import backoff
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

_UNABLE_TRIES = 4
_CROWDED_TRIES = 20
Verdict = Accepted | Refused | AnswerLost | NotSent | TryAgain


@dataclass(slots=True)
class Sender:
    """What a job that is cancelled while it buys must still know.

    `is_sending`: a paid request is on its way right now; `tracked` is its record.
    """

    is_sending: bool = False
    tracked: Tracked | None = None


async def buy(
    intent: Purchase, order: Order, channel: Channel, shop: Workshop, sender: Sender
) -> Tracked:
    """Submit, and return the purchase: submitted, rejected or in doubt. Raises Unfinished."""
    tracked: Tracked | None = None
    waits = {False: backoff(_UNABLE_TRIES), True: backoff(_CROWDED_TRIES)}
    while True:
        await _turn(channel, tracked)
        if tracked is None:
            tracked = sender.tracked = _intend(intent, shop)
        verdict = await _send(tracked, order, channel, shop, sender)
        if isinstance(verdict, Accepted | Refused | AnswerLost):
            tracked.record(verdict)
            _settle(tracked.purchase, channel)
            return tracked
        tracked.record(NotSent(verdict.detail))
        is_limit = isinstance(verdict, TryAgain) and verdict.is_limit
        wait = next(waits[is_limit], None)
        if wait is None:
            raise _give_up(tracked, verdict, channel, is_limit=is_limit)
        delay = _delay(verdict, wait, channel)
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


def _intend(intent: Purchase, shop: Workshop) -> Tracked:
    try:
        shop.store.intend(intent, shop.limits, shop.run)
    except BudgetError as error:
        raise Unfinished(Ending.OVER_BUDGET, error.summary, error.hint or "") from error
    return Tracked(intent, shop)


async def _send(
    tracked: Tracked, order: Order, channel: Channel, shop: Workshop, sender: Sender
) -> Verdict:
    """Let the request leave once. An interruption while it is away is a lost answer."""
    tracked.record(Sending())
    shop.report(Kind.SUBMITTING, tracked.purchase.address)
    sender.is_sending = True
    try:
        return await channel.buy(order)
    except asyncio.CancelledError:
        tracked.record(AnswerLost("interrupted before the answer came"))
        raise
    finally:
        sender.is_sending = False


def _settle(purchase: Purchase, channel: Channel) -> None:
    """Stop all submissions when the answer shows that no other one can succeed."""
    failure = purchase.failure
    if purchase.phase is Phase.REJECTED and failure and failure.kind.stops_provider:
        channel.halt(f"{channel.name} refuses everything: {failure.code} {failure.message}")


def _give_up(
    tracked: Tracked, verdict: NotSent | TryAgain, channel: Channel, *, is_limit: bool
) -> Unfinished:
    tracked.record(Withdrawn())
    if not is_limit:
        channel.halt(f"{channel.name} cannot be used now: {verdict.detail}")
    check = "check `base_url` and the network, then " if isinstance(verdict, NotSent) else ""
    return Unfinished(
        Ending.NOT_SENT,
        f"{channel.name}: {verdict.detail}",
        f"nothing was accepted and nothing is charged; {check}run apply again later",
    )


def _delay(verdict: NotSent | TryAgain, wait: float, channel: Channel) -> float:
    """The API's own word on when to come back counts; otherwise the backoff."""
    named = verdict.retry_after if isinstance(verdict, TryAgain) else None
    return named if named is not None else wait / channel.haste
