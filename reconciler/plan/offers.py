"""Whether a finished task can be a follow-up's parent: asked when planning and when sending."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from reconciler.ids import CandidateNumber
from reconciler.plan.actions import Reason, Verb
from reconciler.plan.results import usual
from reconciler.purchase import FollowUp, Phase, Purchase
from reconciler.spec.request import Upscale, Vary, decode, uses_candidate
from reconciler.spec.resource import Resource


@dataclass(frozen=True, slots=True)
class Offer:
    """A delivered parent and the candidate to start from.

    `by_picture`: there, such a follow-up starts from the candidate's picture, not from its task.
    `task_lifetime`: how long a task can be followed up; None: for ever, as far as is documented.
    `publishes`: a picture of ours can be put where the provider fetches it.
    """

    parent: Purchase
    candidate: CandidateNumber | None
    by_picture: bool
    task_lifetime: timedelta | None = None
    publishes: bool = False


class Hindrance(NamedTuple):
    """What to do instead of buying, why, and a note."""

    verb: Verb
    reason: Reason
    note: str


def unoffered(resource: Resource, offer: Offer, now: datetime) -> Hindrance | None:
    """Return why this follow-up cannot start from that parent, or None when it can."""
    parent, number = offer.parent, offer.candidate
    missing = not_delivered(parent, number, resource)
    if missing is not None:
        return missing
    if not _is_listed(resource, number, parent.follow_ups):
        return Hindrance(Verb.BLOCKED, Reason.NOT_OFFERED, f"on task {parent.task_id}")
    if offer.by_picture:
        return _out_of_reach(offer, now)
    if parent.report.is_renumbered and uses_candidate(resource.operation):
        note = "an `edit` or a `single` starts from the picture itself; a new take has all four"
        return Hindrance(Verb.BLOCKED, Reason.NUMBERS_UNSURE, note)
    gone = gone_at(parent, offer.task_lifetime)
    if gone is not None and now >= gone:
        return Hindrance(Verb.BLOCKED, Reason.TASK_GONE, f"a new take of {parent.address} helps")
    return None


def _out_of_reach(offer: Offer, now: datetime) -> Hindrance | None:
    """Return why the provider cannot fetch the picture: by its own link, or as one of ours."""
    parent = offer.parent
    if links_live(parent, now) or (offer.publishes and _is_stored(parent, offer.candidate)):
        return None
    note = f"a new take of {parent.address} gives a fresh link"
    return Hindrance(Verb.BLOCKED, Reason.LINK_EXPIRED, note)


def _is_stored(parent: Purchase, number: CandidateNumber | None) -> bool:
    one = parent.candidate(number) if number is not None else None
    return one is not None and one.picture is not None


def gone_at(purchase: Purchase, lifetime: timedelta | None) -> datetime | None:
    """Return when a task cannot be followed up any more, by our clock; None: never."""
    if lifetime is None:
        return None
    return (purchase.submitted_at or purchase.created_at) + lifetime


def not_delivered(
    purchase: Purchase, number: CandidateNumber | None, follow_up: Resource | None = None
) -> Hindrance | None:
    """Return what a person must choose instead of a candidate that the task did not give.

    Where the entry of the `follow_up` names the number itself, that is what has to change.
    """
    if number is None or purchase.candidate(number) is not None:
        return None
    there = ", ".join(str(one.number) for one in purchase.candidates)
    parent = follow_up.parent if follow_up else None
    note = f"choose among {there}"
    if parent is not None and parent.candidate == number:
        note = f"change `of`: {there} {'is' if len(purchase.candidates) == 1 else 'are'} there"
    return Hindrance(Verb.PICK, Reason.CANDIDATE_MISSING, note)


def undelivered(purchase: Purchase) -> tuple[CandidateNumber, ...]:
    """Return the candidates that a finished task owed, as far as anybody documents their number."""
    if purchase.phase not in (Phase.SUCCEEDED, Phase.STORED):
        return ()
    owed = usual(decode(purchase.canonical)).candidates or 0
    numbers = map(CandidateNumber, range(1, owed + 1))
    return tuple(number for number in numbers if purchase.candidate(number) is None)


def links_live(purchase: Purchase, now: datetime) -> bool:
    """Whether the provider still serves this purchase's pictures."""
    return purchase.links_expire_at is not None and now < purchase.links_expire_at


def _is_listed(
    resource: Resource, number: CandidateNumber | None, offers: tuple[FollowUp, ...] | None
) -> bool:
    """Believe the provider's own list where it gave one; a silent answer forbids nothing."""
    if offers is None:
        return True
    return any(_fits(resource, number, one) for one in offers)


def _fits(resource: Resource, number: CandidateNumber | None, offer: FollowUp) -> bool:
    if offer.operation != resource.operation:
        return False
    match resource.request:
        case Vary(vary=kind) | Upscale(upscale=kind):
            kind_fits = not offer.kinds or kind.value in offer.kinds
        case _:
            kind_fits = True
    numbered = number is not None and uses_candidate(resource.operation)
    return kind_fits and (not numbered or not offer.candidates or number in offer.candidates)
