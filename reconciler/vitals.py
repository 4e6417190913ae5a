"""How well the providers work for us, as numbers against the vendor's own marks. Pure.

The marks are those of APIMart's monitoring table (APIMart facts, section 13); they serve as the
yardstick for every provider. Times are ours: a task's end is the moment in which we learned of it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from reconciler.ids import ProviderName
from reconciler.policy import FailureKind
from reconciler.purchase import Phase, Purchase
from reconciler.state.vitals import Course

FEWEST: Final = 5
"""From fewer tasks than this no share and no mean is judged: one bad prompt is no outage."""

HEALTHY_SUCCESS: Final = 0.95
HEALTHY_SECONDS: Final = 90.0
HEALTHY_BANNED: Final = 0.05
PARKED_AFTER: Final = timedelta(minutes=1)
"""A task that waits longer than this for its second step is parked: `apply` sends it at once."""

_RUNNING: Final = frozenset({"in progress", "processing"})
"""The words of both vendors for a task that left the queue."""

_SUCCESS = (Phase.SUCCEEDED, Phase.STORED)
_NOT_JUDGED = (FailureKind.RATE_LIMITED, FailureKind.NOT_PERMITTED, FailureKind.OUT_OF_CREDIT)


class Metric(StrEnum):
    """What is measured; the values are the names in JSON."""

    SUCCESS_RATE = "success_rate"
    MEAN_COMPLETION = "mean_completion_seconds"
    IN_MODAL = "tasks_in_modal"
    BANNED_SHARE = "banned_prompt_share"
    QUEUE = "mean_queue_seconds"
    WAIT = "mean_wait_before_sending_seconds"


class Judgement(StrEnum):
    """What a measurement means."""

    OK = "ok"
    BROKEN = "broken"
    TOO_FEW = "too few to tell"
    UNMARKED = "no mark"
    """Nobody says what is healthy."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number: shares from 0 to 1, times in seconds, else a count.

    `value` None: there was nothing to measure. `mark` is the vendor's; a healthy value lies beyond
    it. `sample` is how many tasks it is taken from.
    """

    metric: Metric
    value: float | None
    mark: float | None
    sample: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Scope:
    """The measurements of one provider, or of all of them where `provider` is None."""

    provider: ProviderName | None
    measurements: tuple[Measurement, ...]

    def of(self, metric: Metric) -> Measurement:
        """Return one of them."""
        return next(one for one in self.measurements if one.metric is metric)

    @property
    def is_broken(self) -> bool:
        """Whether any mark is missed."""
        return any(one.judgement is Judgement.BROKEN for one in self.measurements)


def scopes(courses: Sequence[Course], now: datetime) -> tuple[Scope, ...]:
    """Return the numbers over everything, then those of each provider by name."""
    names = sorted({one.purchase.provider for one in courses})
    each = (
        Scope(name, measured([one for one in courses if one.purchase.provider == name], now))
        for name in names
    )
    return (Scope(None, measured(courses, now)), *each)


def measured(courses: Sequence[Course], now: datetime) -> tuple[Measurement, ...]:
    """Return all numbers of these tasks: those that ended in the window, and those under way."""
    tasks = [one for one in courses if one.purchase.task_id is not None]
    ended = [one for one in tasks if one.purchase.finished_at is not None]
    return (
        _success_rate(ended),
        _mean_completion(ended),
        _in_modal(tasks, now),
        _banned_share(courses),
        _mean(Metric.QUEUE, map(queued, tasks)),
        _mean(Metric.WAIT, map(waited, tasks)),
    )


def _success_rate(ended: Sequence[Course]) -> Measurement:
    good = sum(one.purchase.phase in _SUCCESS for one in ended)
    return _share(Metric.SUCCESS_RATE, good, len(ended), lambda rate: rate > HEALTHY_SUCCESS)


def _mean_completion(ended: Iterable[Course]) -> Measurement:
    times = (completion(one) for one in ended if one.purchase.phase in _SUCCESS)
    return _mean(Metric.MEAN_COMPLETION, times, HEALTHY_SECONDS)


def _in_modal(tasks: Sequence[Course], now: datetime) -> Measurement:
    under_way = [one.purchase for one in tasks if one.purchase.phase.is_in_flight]
    parked = sum(is_parked(one, now) for one in under_way)
    judgement = Judgement.BROKEN if parked else Judgement.OK
    return Measurement(Metric.IN_MODAL, parked, 0, len(under_way), judgement)


def is_parked(purchase: Purchase, now: datetime) -> bool:
    """Whether a task waits for its second step, and nobody sends it."""
    return purchase.phase is Phase.MODAL and now - purchase.changed_at > PARKED_AFTER


def _banned_share(courses: Iterable[Course]) -> Measurement:
    judged = [one.purchase for one in courses if _is_judged(one.purchase)]
    banned = sum(one.failure is not None and one.failure.kind.is_moderated for one in judged)
    metric = Metric.BANNED_SHARE
    return _share(metric, banned, len(judged), lambda share: share < HEALTHY_BANNED)


def _is_judged(purchase: Purchase) -> bool:
    """Whether the provider looked at the prompt at all."""
    if purchase.phase is Phase.REJECTED:
        return purchase.failure is not None and purchase.failure.kind not in _NOT_JUDGED
    return purchase.task_id is not None and purchase.finished_at is not None


_MARKS = {Metric.SUCCESS_RATE: HEALTHY_SUCCESS, Metric.BANNED_SHARE: HEALTHY_BANNED}


def _share(
    metric: Metric, part: int, sample: int, is_healthy: Callable[[float], bool]
) -> Measurement:
    value = part / sample if sample else None
    judgement = _judged(sample, is_healthy=value is None or is_healthy(value))
    return Measurement(metric, value, _MARKS[metric], sample, judgement)


def _mean(
    metric: Metric, times: Iterable[timedelta | None], mark: float | None = None
) -> Measurement:
    known = [time.total_seconds() for time in times if time is not None]
    value = sum(known) / len(known) if known else None
    if mark is None:
        return Measurement(metric, value, None, len(known), Judgement.UNMARKED)
    judgement = _judged(len(known), is_healthy=value is None or value < mark)
    return Measurement(metric, value, mark, len(known), judgement)


def _judged(sample: int, *, is_healthy: bool) -> Judgement:
    if sample < FEWEST:
        return Judgement.TOO_FEW
    return Judgement.OK if is_healthy else Judgement.BROKEN


def completion(course: Course) -> timedelta | None:
    """Return how long a task took from its acceptance to its end; None where nobody watched."""
    start, end = course.purchase.submitted_at, course.purchase.finished_at
    if start is None or end is None or not course.is_watched:
        return None
    return max(end - start, timedelta(0))


def queued(course: Course) -> timedelta | None:
    """Return how long a task stood in the provider's queue, if it was seen to leave it."""
    start = course.purchase.submitted_at
    left = next((at for at, stage in course.stages if stage in _RUNNING), None)
    return None if start is None or left is None else max(left - start, timedelta(0))


def waited(course: Course) -> timedelta | None:
    """Return how long a purchase waited here until it was accepted: our own pace, and refusals."""
    start, created = course.purchase.submitted_at, course.purchase.created_at
    return None if start is None else max(start - created, timedelta(0))
