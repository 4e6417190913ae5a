"""The vendor's troubleshooting list (APIMart facts, section 18), applied to our tasks. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Final

from reconciler.money import format_usd
from reconciler.plan.offers import undelivered
from reconciler.purchase import Phase, Purchase
from reconciler.spec.request import Operation, Video, decode
from reconciler.state.vitals import Course
from reconciler.vitals import is_parked

LONG: Final = timedelta(minutes=5)
"""Ours: a task usually takes one or two minutes, so nothing is said before."""

GIVES_UP_AFTER: Final = timedelta(minutes=30)
"""The provider's own limit for a task, and for one in MODAL (APIMart facts, section 8)."""

_NOT_CONFIRMED: Final = frozenset({"not start"})
_QUEUED: Final = frozenset({"submitted", "pending"})


class Symptom(StrEnum):
    """One row of the list; the values are the names in JSON."""

    LONG_SUBMITTED = "long_submitted"
    LONG_NOT_START = "long_not_start"
    LONG_UNDER_WAY = "long_under_way"
    """Not the vendor's: a task that is late, and its stage says neither of the two above."""
    MODAL_WAITING = "modal_waiting"
    EMPTY_PROMPT = "empty_prompt"
    MISSING_PICTURE = "missing_picture"
    HIGH_BILL = "high_bill"

    @property
    def label(self) -> str:
        """Return its name for people."""
        return _LABELS[self]

    @property
    def meaning(self) -> str:
        """Return what it means, and what is done about it."""
        return _MEANINGS[self]


_LABELS: Final = {
    Symptom.LONG_SUBMITTED: "long SUBMITTED",
    Symptom.LONG_NOT_START: "long NOT_START",
    Symptom.LONG_UNDER_WAY: "long under way",
    Symptom.MODAL_WAITING: "waits in MODAL",
    Symptom.EMPTY_PROMPT: "empty `prompt`",
    Symptom.MISSING_PICTURE: "missing picture",
    Symptom.HIGH_BILL: "high bill",
}
_MEANINGS: Final = {
    Symptom.LONG_SUBMITTED: "it stands in the provider's queue: ask later with `reconcile apply`",
    Symptom.LONG_NOT_START: "never confirmed: it times out and is refunded by itself, do nothing",
    Symptom.LONG_UNDER_WAY: "`reconcile apply` asks how it stands; asking is free",
    Symptom.MODAL_WAITING: "its second step is missing: `reconcile apply` sends it",
    Symptom.EMPTY_PROMPT: "nothing to do: a describe's text is then read from `description`",
    Symptom.MISSING_PICTURE: "the provider's filter kept it back; that is refunded nowhere we know",
    Symptom.HIGH_BILL: "above the price: compare `quota`; each clip of a video's batch is paid",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One task with a symptom. `age_s` counts seconds since its acceptance, where that is known.

    `minutes_left` until the provider gives up and refunds; None where that is not the trouble.
    """

    symptom: Symptom
    purchase: Purchase
    words: str
    age_s: float | None = None
    minutes_left: int | None = None


def cases(courses: Iterable[Course], now: datetime) -> Iterator[Case]:
    """Yield every symptom of every task; a local derivation has none."""
    for course in courses:
        if course.purchase.task_id is None:
            continue
        if course.purchase.phase is Phase.MODAL:
            yield from _parked(course.purchase, now)
        elif course.purchase.phase is Phase.SUBMITTED:
            yield from _late(course, now)
        else:
            yield from _delivered(course.purchase)
        yield from _expensive(course.purchase)


def _late(course: Course, now: datetime) -> Iterator[Case]:
    """Judge a task under way by the stage in which it was seen last."""
    start = course.purchase.submitted_at or course.purchase.changed_at
    age = now - start
    if age <= LONG:
        return
    stage = course.stages[-1][1] if course.stages else None
    symptom, words = _stage_words(stage)
    left = _minutes_left(start, now)
    if left == 0:
        words += "; the provider has given up by now and refunded: `reconcile apply` learns it"
    yield Case(symptom, course.purchase, words, age.total_seconds(), left)


def _stage_words(stage: str | None) -> tuple[Symptom, str]:
    if stage is None:
        return Symptom.LONG_UNDER_WAY, "its stage was never seen: queued, running or unconfirmed"
    if stage in _NOT_CONFIRMED:
        return Symptom.LONG_NOT_START, f"seen as {stage}"
    if stage in _QUEUED:
        return Symptom.LONG_SUBMITTED, f"seen as {stage}"
    return Symptom.LONG_UNDER_WAY, f"seen as {stage}"


def _parked(purchase: Purchase, now: datetime) -> Iterator[Case]:
    if not is_parked(purchase, now):
        return
    start = purchase.submitted_at or purchase.changed_at
    left = _minutes_left(start, now)
    words = (
        f"{left} min left: run `reconcile apply` now"
        if left
        else "its time is over: cancelled and refunded, the next apply may buy it again"
    )
    yield Case(Symptom.MODAL_WAITING, purchase, words, (now - start).total_seconds(), left)


def _minutes_left(start: datetime, now: datetime) -> int:
    return max(0, ceil((start + GIVES_UP_AFTER - now).total_seconds() / 60))


def _delivered(purchase: Purchase) -> Iterator[Case]:
    """Say which pictures are missing, and what the provider remarked."""
    missing = undelivered(purchase)
    if not missing:
        return
    numbers = ", ".join(map(str, missing))
    said = purchase.report.remark
    words = f"{_named('candidate', missing)} {numbers} missing"
    words += f'; the provider says "{said}"' if said else "; the provider does not say why"
    yield Case(Symptom.MISSING_PICTURE, purchase, words)


def _named(noun: str, items: Sequence[object]) -> str:
    return noun if len(items) == 1 else f"{noun}s"


def _expensive(purchase: Purchase) -> Iterator[Case]:
    """A charge above the price; of a batch of videos it says that each clip is paid."""
    charged, price = purchase.charged, purchase.price
    if charged is None or price is None or charged <= price:
        return
    quota = f", `quota` {purchase.report.quota}" if purchase.report.quota else ""
    request = decode(purchase.canonical) if _is_video(purchase) else None
    batch = request.batch if isinstance(request, Video) and request.batch > 1 else None
    clips = f"; a batch of {batch} clips pays for each" if batch else ""
    words = f"charged {format_usd(charged)}, expected {format_usd(price)}{quota}{clips}"
    yield Case(Symptom.HIGH_BILL, purchase, words)


def _is_video(purchase: Purchase) -> bool:
    return f'"operation":"{Operation.VIDEO}"' in purchase.canonical
