"""What the accounts hold before and after a run buys: evidence for what may get lost in between."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

from reconciler.engine.channel import Channel
from reconciler.errors import ReconcilerError
from reconciler.ids import RunId
from reconciler.providers.protocol import TryAgain
from reconciler.state.store import Store

PATIENCE = 10.0
"""Seconds for all accounts together: an apply does not wait longer for mere evidence."""


async def note_balances(
    channels: Iterable[Channel],
    store: Store,
    run: RunId,
    now: Callable[[], datetime],
    stop: asyncio.Event,
) -> None:
    """Ask every account at once and write down what it holds; one that stays silent has no reading.

    Returns when all have answered, after `PATIENCE`, or as soon as `stop` is set.
    """
    asking = asyncio.create_task(_ask(channels, store, run, now))
    stopping = asyncio.create_task(stop.wait())
    both = {asking, stopping}
    try:
        await asyncio.wait(both, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.wait(both)
    if not asking.cancelled():
        asking.result()


async def _ask(
    channels: Iterable[Channel], store: Store, run: RunId, now: Callable[[], datetime]
) -> None:
    async with asyncio.TaskGroup() as group:
        for one in channels:
            group.create_task(_note(one, store, run, now))


async def _note(channel: Channel, store: Store, run: RunId, now: Callable[[], datetime]) -> None:
    """A disk that cannot take this cannot take an intent either, and says so there."""
    with suppress(ReconcilerError):
        amount = await channel.balance()
        if not isinstance(amount, TryAgain):
            store.note_balance(channel.name, amount, now(), run)
