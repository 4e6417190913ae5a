"""The life of one purchase, as values: phases, events, and the function that moves between them.

    intended ─► submitting ─► submitted ─► succeeded ─► stored
       │            │             └─► failed     the task ran and gave nothing
       │            ├─► rejected   refused before acceptance: nothing was charged
       │            ├─► in_doubt   no answer, perhaps paid: never sent again, a person decides
       │            └─► intended   proven not sent: may be sent once more
       └─► cancelled               given up before anything was sent

A purchase is written down as `intended` before anything is sent, and as `submitting` right before
the request leaves. Whoever finds `submitting` without a live run knows that the answer was lost.
"""

from dataclasses import dataclass, replace
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
from reconciler.money import MicroUsd
from reconciler.spec.resource import TakeKey


class Phase(StrEnum):
    """Where a purchase stands."""

    INTENDED = "intended"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    SUCCEEDED = "succeeded"
    STORED = "stored"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    IN_DOUBT = "in_doubt"


COUNTS_AS_SPENT = frozenset(Phase) - {Phase.REJECTED, Phase.CANCELLED}
"""Reserved, paid, or perhaps paid. A failed task counts: APIXO documents no refund (section 13)."""


class FailureKind(StrEnum):
    """Why a purchase gave nothing, sorted by what helps."""

    MODERATED = "moderated"
    BAD_REQUEST = "bad_request"
    BAD_INPUT_PICTURE = "bad_input_picture"
    NOT_PERMITTED = "not_permitted"
    OUT_OF_CREDIT = "out_of_credit"
    RATE_LIMITED = "rate_limited"
    PROVIDER = "provider"
    UNKNOWN = "unknown"

    @property
    def is_permanent(self) -> bool:
        """Whether the same request would fail again; such a request is not bought again by itself.

        An unknown reason counts as permanent: guessing wrong would cost money.
        """
        return self in _PERMANENT

    @property
    def stops_provider(self) -> bool:
        """Whether no other submission to this provider can succeed either."""
        return self in (FailureKind.NOT_PERMITTED, FailureKind.OUT_OF_CREDIT)


_PERMANENT = frozenset(
    {
        FailureKind.MODERATED,
        FailureKind.BAD_REQUEST,
        FailureKind.BAD_INPUT_PICTURE,
        FailureKind.UNKNOWN,
    }
)


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
    """An owned object: what it is and how large. `byte_count` in bytes, sizes in pixels."""

    digest: Digest
    media_type: str
    width: int
    height: int
    byte_count: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One picture of a task: where it can be fetched, and the object once it is stored."""

    number: CandidateNumber
    url: str
    picture: StoredPicture | None = None


@dataclass(frozen=True, slots=True)
class ParentUse:
    """The purchase that a follow-up was bought from, and which of its candidates."""

    intent: IntentId
    candidate: CandidateNumber | None


@dataclass(frozen=True, slots=True)
class Purchase:
    """One attempt to buy one take. `price` None: no source documents it. Times are UTC."""

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

    @property
    def key(self) -> TakeKey:
        """Which take this is an attempt at."""
        return TakeKey(self.fingerprint, self.take)

    def candidate(self, number: CandidateNumber) -> Candidate | None:
        """Return that candidate, or None when the task did not deliver it."""
        return next((one for one in self.candidates if one.number == number), None)


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
class Withdrawn:
    """The intent is given up before anything was sent."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The task succeeded. `urls` in candidate order; they work until `links_expire_at`.

    None stands where a candidate was not delivered: the others keep their numbers.
    """

    urls: tuple[str | None, ...]
    links_expire_at: datetime
    follow_ups: tuple[FollowUp, ...] | None


@dataclass(frozen=True, slots=True)
class LinksGone:
    """The provider does not serve the pictures any more, and has no other links."""


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The task ended without a picture."""

    failure: Failure


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
    | Withdrawn
    | Delivered
    | LinksGone
    | TaskFailed
    | PictureStored
)


class IllegalEvent(Exception):  # noqa: N818 - it is a bug of ours, not an error of the user's
    """An event arrived in a phase where it makes no sense: always our bug."""

    def __init__(self, purchase: Purchase, event: Event) -> None:
        super().__init__(f"{type(event).__name__} cannot happen to a purchase {purchase.phase}")


def advance(purchase: Purchase, event: Event, now: datetime) -> Purchase:  # noqa: C901 - a table
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
        case Phase.SUBMITTED, TaskFailed(failure):
            return replace(changed, phase=Phase.FAILED, failure=failure, finished_at=now)
        case Phase.SUBMITTED, Delivered():
            return _delivered(replace(changed, finished_at=now), event)
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
        candidates=tuple(sorted((*linked, *unlinked), key=lambda one: one.number)),
    )


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
