"""From a task id to its result, on the provider's documented rhythm. Asking costs nothing."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from reconciler.engine.backoff import LONGEST_PAUSE, backoff, jittered
from reconciler.engine.channel import Channel
from reconciler.engine.download import carries_itself
from reconciler.engine.outcome import Ending
from reconciler.engine.progress import Kind
from reconciler.engine.stepping import STAGE as WAITS
from reconciler.engine.stepping import SecondStep
from reconciler.engine.workshop import Tracked, Unfinished, Workshop
from reconciler.ids import TaskId
from reconciler.policy import FailureKind
from reconciler.providers.protocol import (
    Awaiting,
    Cadence,
    Finished,
    Running,
    TryAgain,
    Unknown,
)
from reconciler.purchase import Delivered, Event, Failure, Purchase, TaskFailed
from reconciler.state.vitals import STAGE

_PATIENCE = 30 * 60.0
"""Seconds that one run watches one task. Giving up means nothing: the next run asks again."""

_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When a link dies that carries its result itself."""
_UNKNOWN_TRIES = 5
_CLOCKS = timedelta(days=1)
"""By how much a clock may be wrong before anything paid is given up."""
_TROUBLED_TRIES = 1000
_NO_PICTURES = Failure(
    FailureKind.UNKNOWN,
    "no pictures",
    "the task succeeded and delivered nothing",
    "ask the provider; `reconcile apply --retry-failed` buys it again",
)


_FORGOTTEN = Failure(
    FailureKind.EXPIRED,
    "forgotten",
    "nobody asked for its result in time, and the provider does not know the task any more",
    "it was paid, unless it failed there; `take:` plus one buys a new one",
)


async def wait(
    tracked: Tracked, channel: Channel, cadence: Cadence, shop: Workshop, second: SecondStep
) -> None:
    """Poll until the task has ended, and record how. Raises Unfinished when patience runs out.

    A task that waits for its second step gets it.
    """
    purchase = tracked.purchase
    if purchase.task_id is None:
        raise Unfinished(Ending.IN_DOUBT, "no task id is on record")
    watch = _Watch(channel, cadence, shop, purchase, second)
    pause = _until_first_poll(purchase, cadence, shop.now())
    patience = _PATIENCE / channel.haste
    while pause < patience:
        began = _now()
        await asyncio.sleep(max(0.0, pause))
        event = await watch.ask(purchase.task_id, began + pause)
        if event is not None:
            tracked.record(event)
            return
        # What took longer than any wait of ours was the sleep of a machine, and nobody's patience.
        patience -= min(_now() - began, max(pause, LONGEST_PAUSE))
        pause = watch.pause
    raise Unfinished(
        Ending.STILL_RUNNING,
        f"task {purchase.task_id} is not finished",
        "it is paid and not lost: the next apply asks again",
    )


def _until_first_poll(purchase: Purchase, cadence: Cadence, now: datetime) -> float:
    """Return seconds, negative for a task whose first question is overdue.

    A task that somebody found behind a lost answer has no time of submission, and is overdue. A
    clock that was set back cannot make anybody wait for longer than the documented time.
    """
    if purchase.submitted_at is None:
        return 0.0
    age = (now - purchase.submitted_at).total_seconds()
    return cadence.first - max(0.0, age)


def _now() -> float:
    return asyncio.get_running_loop().time()


def delivered(answer: Finished, purchase: Purchase, channel: Channel, now: datetime) -> Delivered:
    """Return what came. The links' life counts from the task's end, by our clock or its own.

    Where the two clocks disagree, the later moment counts: what is paid for is not given up early.
    """
    ends = [purchase.submitted_at, answer.completed_at, _end_by_our_clock(answer, purchase)]
    began = min(now, max((end for end in ends if end is not None), default=now))
    lifetime: timedelta = channel.adapter.can.link_lifetime
    until = _FOR_EVER if all(map(carries_itself, answer.urls)) else began + lifetime
    charged = channel.charged(answer)
    return Delivered(answer.urls, until, answer.follow_ups, charged, answer.report)


def _end_by_our_clock(answer: Finished, purchase: Purchase) -> datetime | None:
    """Return our moment of submission and the provider's duration together."""
    if answer.created_at is None or answer.completed_at is None or purchase.submitted_at is None:
        return None
    return purchase.submitted_at + max(timedelta(0), answer.completed_at - answer.created_at)


class _Watch:
    """One task's conversation; `pause` is how long to wait before the next question."""

    def __init__(
        self,
        channel: Channel,
        cadence: Cadence,
        shop: Workshop,
        purchase: Purchase,
        second: SecondStep,
    ) -> None:
        self.pause = 0.0
        self._second = second
        self._channel = channel
        self._cadence = cadence
        self._shop = shop
        self._purchase = purchase
        self._stage, self._progress = "", 0
        self._unknown = self._empties = 0
        self._troubles: Iterator[float] = backoff(_TROUBLED_TRIES)

    async def ask(self, task_id: TaskId, due: float) -> Event | None:
        """Poll once, as was due then; return the event that ends the wait, or None."""
        answer = await self._channel.look(task_id, due)
        self.pause = jittered(self._cadence.interval)
        match answer:
            case Finished(urls=urls) if not any(urls):
                return self._empty()
            case Finished():
                self._second.moved_on()
                return delivered(answer, self._purchase, self._channel, self._shop.now())
            case TaskFailed():
                return self._second.ended(answer)
            case Running(stage=stage, progress=progress):
                self._second.moved_on()
                self._running(stage, progress)
            case Awaiting() if self._second.is_known:
                await self._go_on(task_id)
            case Awaiting():
                self._running(WAITS, None)
            case Unknown(detail):
                return self._forgotten(detail)
            case TryAgain():
                self._held_up(answer)
        return None

    async def _go_on(self, task_id: TaskId) -> None:
        self._unknown, self._troubles = 0, backoff(_TROUBLED_TRIES)
        await self._second.take(task_id)
        self.pause = max(self.pause, self._second.pause)

    def _empty(self) -> Event | None:
        """A success without pictures may only be early; it is believed when it stays so."""
        self._empties += 1
        return TaskFailed(_NO_PICTURES) if self._empties >= _UNKNOWN_TRIES else None

    def _running(self, stage: str, progress: int | None) -> None:
        self._unknown, self._troubles = 0, backoff(_TROUBLED_TRIES)
        if stage != self._stage:
            self._stage = stage
            self._note(stage)
            self._shop.report(Kind.STAGE, self._purchase.address, stage=stage)
        if progress is not None and progress != self._progress:
            self._progress = progress
            self._shop.report(Kind.PROGRESS, self._purchase.address, stage=stage, percent=progress)

    def _note(self, stage: str) -> None:
        """Write down that the task got on: `health` asks for queue times, and what is stuck."""
        shop, purchase = self._shop, self._purchase
        data = {"task_id": purchase.task_id, "stage": stage}
        shop.store.note(shop.run, STAGE, purchase.address, data, now=shop.now())

    def _forgotten(self, detail: str) -> Event | None:
        """Believe it when it is said again and again; for good when the time is long over."""
        self._unknown += 1
        if self._unknown < _UNKNOWN_TRIES:
            return None
        if self._is_long_over():
            return TaskFailed(_FORGOTTEN)
        raise Unfinished(
            Ending.STILL_RUNNING,
            f"{self._channel.name} tells nothing of task {self._purchase.task_id}: {detail}",
            "it stays on record and is asked again; `take:` plus one would buy a new one",
        )

    def _is_long_over(self) -> bool:
        """Whether the provider documents that it has forgotten such a task, some clock aside."""
        lifetime = self._channel.adapter.can.task_lifetime
        began = self._purchase.submitted_at or self._purchase.created_at
        return lifetime is not None and self._shop.now() > began + lifetime + _CLOCKS

    def _held_up(self, answer: TryAgain) -> None:
        patient = next(self._troubles, 0.0) / self._channel.haste
        self.pause = max(self.pause, answer.retry_after or patient)
        self._shop.report(
            Kind.HELD_UP,
            self._purchase.address,
            detail=answer.detail,
            seconds=round(self.pause, 1),
        )
