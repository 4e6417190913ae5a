"""The second step of a task that waits for it. It buys nothing: it may be sent until it is heard.

An answer is believed as far as the task itself confirms it. A task that has moved on has had its
second step, whatever came of the request; one that still waits has not, or was refused it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from reconciler.engine.backoff import wait_after
from reconciler.engine.channel import Channel
from reconciler.engine.outcome import Ending
from reconciler.engine.progress import Kind
from reconciler.engine.workshop import Tracked, Unfinished, Workshop
from reconciler.ids import TaskId
from reconciler.money import NOTHING
from reconciler.policy import FailureKind
from reconciler.providers.protocol import Order, TryAgain
from reconciler.purchase import (
    Accepted,
    AnswerLost,
    Failure,
    NotSent,
    Paused,
    Phase,
    Refused,
    Resumed,
    TaskFailed,
)

STAGE = "waits for its second step"
_TOO_LATE = (FailureKind.TIMED_OUT, FailureKind.EXPIRED)


class SecondStep:
    """What makes one task go on. `order` is only asked for when the task waits.

    `pause` is how long to leave the task alone after the latest try, in seconds.
    """

    def __init__(
        self,
        tracked: Tracked,
        channel: Channel,
        shop: Workshop,
        order: Callable[[], Awaitable[Order]],
    ) -> None:
        self.pause = 0.0
        self._tracked = tracked
        self._channel = channel
        self._shop = shop
        self._order = order
        self._tries = 0
        self._refusal: Failure | None = None
        self._is_taken = False

    async def take(self, task_id: TaskId) -> TaskFailed | None:
        """Hear that the task waits, and send the step; return the task's end if it is refused.

        What was accepted is not sent again, and no refusal of it believed: then it is the answer
        about the task that is late. Raises Unfinished when it cannot be sent, or when another try
        needs a person first.
        """
        if self._is_taken:
            return None
        if self._refusal is not None:
            return self._channel.refunded(TaskFailed(self._refusal))
        if self._tracked.purchase.phase is not Phase.MODAL:
            self._tracked.record(Paused())
            self._shop.report(Kind.STAGE, self._tracked.purchase.address, stage=STAGE)
        order = await self._order()
        verdict = await self._channel.go_on(task_id, order)
        self._tries += 1
        self._heed(verdict, task_id)
        return None

    def moved_on(self) -> None:
        """Hear that the task waits no longer: the provider has the step."""
        self._refusal, self.pause = None, 0.0
        if self._tracked.purchase.phase is Phase.MODAL:
            self._tracked.record(Resumed())

    def ended(self, end: TaskFailed) -> TaskFailed:
        """Say in words what it means that a task ended while it waited."""
        is_waiting = self._tracked.purchase.phase is Phase.MODAL
        if not (is_waiting and end.failure.kind in _TOO_LATE):
            return end
        refund = "; all of it was refunded" if end.charged == NOTHING else ""
        words = f"{end.failure.message} (its second step did not come in time{refund})"
        return replace(end, failure=replace(end.failure, message=words))

    def _heed(
        self, verdict: Accepted | Refused | AnswerLost | NotSent | TryAgain, task_id: TaskId
    ) -> None:
        match verdict:
            case Accepted(named) if named == task_id:
                self.pause, self._is_taken = 0.0, True
                self._tracked.record(Resumed())
            case Accepted(named):
                self._held_up(f"answered with another task's id, {named}")
            case Refused(failure) if failure.kind.stops_provider:
                self._channel.heed(failure)
                raise Unfinished(
                    Ending.STILL_RUNNING,
                    f"task {task_id} {STAGE}, and {self._channel.name} refuses everything: "
                    f"{failure.code} {failure.message}",
                    f"{failure.advice}; then apply again soon: it is refunded when it waits long",
                )
            case Refused(failure):
                self._refusal = failure
            case TryAgain(detail, retry_after):
                self._held_up(detail, retry_after)
            case AnswerLost(detail) | NotSent(detail):
                self._held_up(detail)

    def _held_up(self, detail: str, named: float | None = None) -> None:
        """Look again after a while; only a task that still waits then is sent the step again."""
        self.pause = max(wait_after(self._tries) / self._channel.haste, named or 0.0)
        self._shop.report(
            Kind.HELD_UP,
            self._tracked.purchase.address,
            detail=f"second step: {detail}",
            seconds=round(self.pause, 1),
        )
