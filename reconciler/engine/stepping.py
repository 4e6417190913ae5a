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
from reconciler.providers.answers import MAYBE_ACCEPTED
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
    StepRefused,
    TaskFailed,
)
from reconciler.spec.request import decode

STAGE = "waits for its second step"
_TOO_LATE = (FailureKind.TIMED_OUT, FailureKind.EXPIRED)


class SecondStep:
    """What makes one task go on. `order` is only asked for when the task waits.

    `pause` is how long to leave the task alone after the latest try, in seconds. `is_known`: such a
    task has a second step at all, as far as is documented; another one that waits is left alone.
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
        self._is_refused = False
        request = decode(tracked.purchase.canonical)
        self.is_known = channel.adapter.has_second_step(request)
        self._is_taken = False

    async def take(self, task_id: TaskId) -> None:
        """Hear that the task waits, and send the step.

        What was accepted is not sent again: then it is the answer about the task that is late.
        Raises Unfinished when the step cannot be sent, or was refused. A refusal ends nothing but
        our work on it: the step may have been heard before, and if not, the provider itself cancels
        the task.
        """
        if self._is_taken:
            return
        refusal = self._tracked.purchase.failure
        if refusal is not None and (self._is_refused or refusal.kind.is_moderated):
            raise self._refused(task_id, refusal)
        if self._tracked.purchase.phase is not Phase.MODAL:
            self._tracked.record(Paused())
            self._shop.report(Kind.STAGE, self._tracked.purchase.address, stage=STAGE)
        order = await self._order()
        verdict = await self._channel.go_on(task_id, order)
        self._tries += 1
        self._heed(verdict, task_id)

    def moved_on(self) -> None:
        """Hear that the task waits no longer: the provider has the step."""
        self.pause = 0.0
        if self._tracked.purchase.phase is Phase.MODAL:
            self._tracked.record(Resumed())

    def ended(self, end: TaskFailed) -> TaskFailed:
        """Say why a task ended while it waited: for want of its second step, or of a usable one."""
        purchase = self._tracked.purchase
        if not (purchase.phase is Phase.MODAL and end.failure.kind in _TOO_LATE):
            return end
        refund = "; all of it was refunded" if end.charged == NOTHING else ""
        what = "was refused" if purchase.failure else "did not come in time"
        why = purchase.failure or end.failure
        words = f"{why.message} (its second step {what}{refund})"
        return replace(end, failure=replace(why, message=words))

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
                raise self._refused(task_id, failure)
            case Refused(failure):
                self._is_refused = True
                self._tracked.record(StepRefused(failure))
            case TryAgain(detail, retry_after):
                self._held_up(detail, retry_after)
            case AnswerLost(detail) | NotSent(detail):
                self._held_up(detail)

    def _refused(self, task_id: TaskId, failure: Failure) -> Unfinished:
        return Unfinished(
            Ending.STILL_RUNNING,
            f"task {task_id} {STAGE}, which was refused: {failure.code} {failure.message}",
            f"{failure.advice}; what waits too long, the provider cancels: apply again then",
        )

    def _held_up(self, detail: str, named: float | None = None) -> None:
        """Look again after a while; only a task that still waits then is sent the step again."""
        words = detail.removesuffix(MAYBE_ACCEPTED)
        self.pause = max(wait_after(self._tries) / self._channel.haste, named or 0.0)
        self._shop.report(
            Kind.HELD_UP,
            self._tracked.purchase.address,
            detail=f"second step: {words} (it costs nothing more; a task that still waits is "
            "told again)",
            seconds=round(self.pause, 1),
        )
