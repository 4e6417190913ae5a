"""The life of one purchase, as values: phases, events, and the function that moves between them.

    intended ─► submitting ─► submitted ─► succeeded ─► stored
       │            │          │    ▲ └─► failed     the task ran and gave nothing
       │            │          └► modal              the task waits for its second step
       │            ├─► rejected   refused before acceptance: nothing was charged
       │            ├─► in_doubt   no answer, perhaps paid: never sent again, a person decides
       │            │     ├─► submitted   its task was found after all
       │            │     └─► abandoned   given up; counted as paid, another attempt may be made
       │            └─► intended   proven not sent: may be sent once more
       └─► cancelled               given up before anything was sent

A purchase is written down as `intended` before anything is sent, and as `submitting` right before
the request leaves. Whoever finds `submitting` without a live run knows that the answer was lost.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum

from reconciler.ids import (
    Address,
    CandidateNumber,
    Digest,
    Fingerprint,
    IntentId,
    ProviderName,
    TaskId,
)
from reconciler.money import NOTHING, MicroUsd
from reconciler.policy import DEFAULT_ATTEMPTS, ONCE, FailureKind
from reconciler.spec.resource import TakeKey


class Phase(StrEnum):
    """Where a purchase stands."""

    INTENDED = "intended"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    MODAL = "modal"
    SUCCEEDED = "succeeded"
    STORED = "stored"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    IN_DOUBT = "in_doubt"
    ABANDONED = "abandoned"

    @property
    def is_in_flight(self) -> bool:
        """Whether the provider works on its task, or waits for us to go on with it."""
        return self in (Phase.SUBMITTED, Phase.MODAL)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why, in the provider's own words (`code`, `message`) and in ours (`kind`, `advice`)."""

    kind: FailureKind
    code: str
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One follow-up that the provider offers on a finished task.

    Empty `candidates` or `kinds` mean that the provider named no options. `kinds` are our words
    (`subtle`, `2x`); `operation` is an Operation's value.
    """

    operation: str
    candidates: tuple[CandidateNumber, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """An owned object: what it is and how large. `byte_count` in bytes, sizes in pixels.

    A clip is one, too; so is a description in words, which has no width and no height.
    """

    digest: Digest
    media_type: str
    width: int | None
    height: int | None
    byte_count: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One picture of a task: where it can be fetched, and the object once it is stored."""

    number: CandidateNumber
    url: str
    picture: StoredPicture | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider tells of a finished task beside its pictures.

    `grid_url` shows all candidates in one picture; `remark` says why some are missing; `quota` is
    what it counted for, in a unit of its own; `handle` is what its adapter needs for follow-ups,
    and nobody else understands. `is_renumbered`: some candidates are missing and nobody says which,
    so that our numbers need not be the provider's.
    """

    grid_url: str | None = None
    remark: str | None = None
    quota: str | None = None
    handle: str | None = None
    is_renumbered: bool = False


NO_REPORT = Report()


@dataclass(frozen=True, slots=True)
class ParentUse:
    """The purchase that a follow-up was bought from, and which of its candidates."""

    intent: IntentId
    candidate: CandidateNumber | None


@dataclass(frozen=True, slots=True)
class Purchase:
    """One attempt to buy one take. Times are UTC.

    `price` is the estimate; None: no source documents it. `charged` is what the provider took in
    the end, by its own word or by its documented refund; None: it says nothing. `fruitless_before`
    counts the earlier attempts that were sent, perhaps paid, and gave nothing.
    """

    id: IntentId
    fingerprint: Fingerprint
    take: int
    attempt: int
    address: Address
    provider: ProviderName
    canonical: str
    parent: ParentUse | None
    price: MicroUsd | None
    phase: Phase
    created_at: datetime
    changed_at: datetime
    submitted_at: datetime | None = None
    finished_at: datetime | None = None
    links_expire_at: datetime | None = None
    task_id: TaskId | None = None
    failure: Failure | None = None
    candidates: tuple[Candidate, ...] = ()
    follow_ups: tuple[FollowUp, ...] | None = None
    charged: MicroUsd | None = None
    fruitless_before: int = 0
    report: Report = NO_REPORT

    @property
    def cost(self) -> MicroUsd | None:
        """What it counts for: reserved, paid or perhaps paid; None where nobody knows a price."""
        if self.phase in _NOTHING_ACCEPTED:
            return NOTHING
        return self.price if self.charged is None else self.charged

    @property
    def precedence(self) -> tuple[int, int]:
        """Which of all attempts at a take says how it stands: the one with the greatest value.

        What was given up unsent, or refused in passing, hides nothing that was sent before it; what
        is alive, or was found after all, comes before every failure.
        """
        is_passing = self.failure is not None and DEFAULT_ATTEMPTS[self.failure.kind] > ONCE
        match self.phase:
            case Phase.CANCELLED:
                rank = 0
            case Phase.REJECTED if is_passing:
                rank = 1
            case Phase.REJECTED | Phase.FAILED | Phase.IN_DOUBT | Phase.ABANDONED:
                rank = 2
            case _:
                rank = 3
        return rank, self.attempt

    @property
    def is_fruitless(self) -> bool:
        """Whether it was sent, perhaps paid, and gave nothing."""
        return self.phase in _FRUITLESS

    @property
    def key(self) -> TakeKey:
        """Which take this is an attempt at."""
        return TakeKey(self.fingerprint, self.take)

    def candidate(self, number: CandidateNumber) -> Candidate | None:
        """Return that candidate, or None when the task did not deliver it."""
        return next((one for one in self.candidates if one.number == number), None)


_NOTHING_ACCEPTED = (Phase.REJECTED, Phase.CANCELLED)
_FRUITLESS = (Phase.FAILED, Phase.IN_DOUBT, Phase.ABANDONED)


@dataclass(frozen=True, slots=True)
class Sending:
    """The request is about to leave."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Proven: nothing was accepted (no connection, or a refusal that may be tried again)."""

    detail: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider answered with a task id."""

    task_id: TaskId


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider said no before it accepted a task; nothing was charged."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """The request was sent and no usable answer came back: perhaps paid."""

    detail: str


@dataclass(frozen=True, slots=True)
class Attached:
    """Somebody found the task behind a lost answer, and the provider knows it."""

    task_id: TaskId


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The doubt is given up: it stays on record as perhaps paid, and may be bought once more."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The intent is given up before anything was sent."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The task waits for its second step; it will not wait for long."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The provider has the second step, and works on."""


@dataclass(frozen=True, slots=True)
class StepRefused:
    """The provider did not take the second step; what becomes of the task is still its to say."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Delivered:
    """The task succeeded. `urls` in candidate order; they work until `links_expire_at`.

    None stands where a candidate was not delivered: the others keep their numbers. A `data:` URL
    carries its result itself: a description in words. `charged` is what the provider says that it
    took, if it says so.
    """

    urls: tuple[str | None, ...]
    links_expire_at: datetime
    follow_ups: tuple[FollowUp, ...] | None
    charged: MicroUsd | None = None
    report: Report = NO_REPORT


@dataclass(frozen=True, slots=True)
class LinksGone:
    """The provider does not serve the pictures any more, and has no other links."""


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The task ended without a picture; `charged` zero means that all was refunded.

    `created_at` is when the provider says that it accepted the task, by its own clock; `quota` what
    it counts the task for all the same, in a unit of its own.
    """

    failure: Failure
    charged: MicroUsd | None = None
    created_at: datetime | None = None
    quota: str | None = None


@dataclass(frozen=True, slots=True)
class PictureStored:
    """One candidate's bytes are safe in the object store."""

    number: CandidateNumber
    picture: StoredPicture


Event = (
    Sending
    | NotSent
    | Accepted
    | Refused
    | AnswerLost
    | Attached
    | Abandoned
    | Withdrawn
    | Paused
    | Resumed
    | StepRefused
    | Delivered
    | LinksGone
    | TaskFailed
    | PictureStored
)


class IllegalEvent(Exception):  # noqa: N818 - it is a bug of ours, not an error of the user's
    """An event arrived in a phase where it makes no sense: always our bug."""

    def __init__(self, purchase: Purchase, event: Event) -> None:
        super().__init__(f"{type(event).__name__} cannot happen to a purchase {purchase.phase}")


def advance(purchase: Purchase, event: Event, now: datetime) -> Purchase:  # noqa: C901, PLR0912 - a table
    """Return the purchase after the event. Raises IllegalEvent."""
    changed = replace(purchase, changed_at=now)
    match purchase.phase, event:
        case Phase.INTENDED, Sending():
            return replace(changed, phase=Phase.SUBMITTING)
        case Phase.INTENDED, Withdrawn():
            return replace(changed, phase=Phase.CANCELLED)
        case Phase.SUBMITTING, NotSent():
            return replace(changed, phase=Phase.INTENDED)
        case Phase.SUBMITTING, AnswerLost():
            return replace(changed, phase=Phase.IN_DOUBT)
        case Phase.SUBMITTING, Refused(failure):
            return replace(changed, phase=Phase.REJECTED, failure=failure)
        case Phase.SUBMITTING, Accepted(task_id):
            return replace(changed, phase=Phase.SUBMITTED, submitted_at=now, task_id=task_id)
        case ((Phase.IN_DOUBT | Phase.ABANDONED), Attached(task_id)):
            return replace(changed, phase=Phase.SUBMITTED, task_id=task_id)
        case Phase.IN_DOUBT, Abandoned():
            return replace(changed, phase=Phase.ABANDONED)
        case Phase.SUBMITTED, Paused():
            return replace(changed, phase=Phase.MODAL)
        case Phase.MODAL, Resumed():
            return replace(changed, phase=Phase.SUBMITTED, failure=None)
        case Phase.MODAL, StepRefused(failure):
            return replace(changed, failure=failure)
        case ((Phase.SUBMITTED | Phase.MODAL), TaskFailed(failure=failure, charged=charged)):
            ended = replace(changed, phase=Phase.FAILED, finished_at=now, charged=charged)
            return replace(ended, failure=failure)
        case ((Phase.SUBMITTED | Phase.MODAL), Delivered()):
            return _delivered(replace(changed, finished_at=now, failure=None), event)
        case (
            (Phase.SUCCEEDED | Phase.STORED),
            Delivered(),
        ):  # the links again, after bytes were lost
            return _delivered(changed, event)
        case ((Phase.SUCCEEDED | Phase.STORED), LinksGone()):
            return replace(changed, links_expire_at=None)
        case ((Phase.SUCCEEDED | Phase.STORED), PictureStored()):
            return _stored(changed, event)
    raise IllegalEvent(purchase, event)


def _delivered(purchase: Purchase, event: Delivered) -> Purchase:
    """The links may come again, even fewer of them; what is stored stays."""
    owned = {one.number: one.picture for one in purchase.candidates}
    links = {CandidateNumber(number): url for number, url in enumerate(event.urls, 1) if url}
    linked = (Candidate(number, url, owned.get(number)) for number, url in links.items())
    unlinked = (one for one in purchase.candidates if one.picture and one.number not in links)
    return replace(
        purchase,
        phase=purchase.phase if purchase.phase is Phase.STORED else Phase.SUCCEEDED,
        links_expire_at=event.links_expire_at,
        follow_ups=event.follow_ups,
        charged=purchase.charged if event.charged is None else event.charged,
        report=_together(event.report, purchase.report),
        candidates=tuple(sorted((*linked, *unlinked), key=lambda one: one.number)),
    )


def _together(later: Report, earlier: Report) -> Report:
    """What was told once stays known, though another answer leaves it out."""
    told = {name: value for name, value in asdict(later).items() if value}
    return replace(earlier, **told)


def _stored(purchase: Purchase, event: PictureStored) -> Purchase:
    if purchase.candidate(event.number) is None:
        raise IllegalEvent(purchase, event)
    candidates = tuple(
        replace(one, picture=event.picture) if one.number == event.number else one
        for one in purchase.candidates
    )
    complete = all(one.picture for one in candidates)
    phase = Phase.STORED if complete else purchase.phase
    return replace(purchase, candidates=candidates, phase=phase)
