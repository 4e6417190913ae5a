"""Whether a purchase can start: from its parent, at its maker, with the pictures it names."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.ids import CandidateNumber
from reconciler.money import NOTHING, MicroUsd, format_price
from reconciler.plan import local_pictures
from reconciler.plan.actions import Reason, Verb
from reconciler.plan.doubts import span
from reconciler.plan.elsewhere import beyond, is_elsewhere, own_copy
from reconciler.plan.facts import Facts
from reconciler.plan.offers import Hindrance, Offer, gone_at, not_delivered, unoffered
from reconciler.plan.prerequisites import is_prerequisite
from reconciler.plan.standing import Readiness, Standing, Start, Wanted
from reconciler.spec.request import Request, Vary, operation_of

REFUSALS = frozenset(
    {
        Reason.CANDIDATE_MISSING,
        Reason.NUMBERS_UNSURE,
        Reason.NOT_OFFERED,
        Reason.LINK_EXPIRED,
        Reason.TASK_GONE,
        Reason.NEEDS_PUBLIC_PLACE,
        Reason.MAKER_CANNOT,
    }
)
"""Why a purchase cannot start, although its parent is ready."""

_NEAR = timedelta(hours=6)
"""Before the end of a task at the provider: then it is time to say so."""


def hindrance(wanted: Wanted, facts: Facts) -> Hindrance | None:
    """Return why it cannot be bought at all, whatever its parent gave; None when it can."""
    seller = facts.seller(wanted)
    parent = _unready(wanted)
    if parent is not None or seller is None:
        return parent
    impossible = beyond(wanted, seller, facts) or local_pictures.hindrance(wanted.resource, seller)
    return impossible or _missing(wanted)


def _missing(wanted: Wanted) -> Hindrance | None:
    start = wanted.start
    if start is None or start.standing.purchase is None or not start.is_delivered:
        return None
    return not_delivered(start.standing.purchase, start.candidate, wanted.resource)


def _unready(wanted: Wanted) -> Hindrance | None:
    return unready(wanted, wanted.start) if wanted.start else None


def unready(wanted: Wanted, start: Start) -> Hindrance | None:
    """Return why nothing can start from this task yet."""
    address = start.standing.resource.address
    if start.standing.readiness is Readiness.UNSELECTED:
        note = f"add {address}, or select `+{wanted.resource.address}`"
        return Hindrance(Verb.BLOCKED, Reason.PARENT_NOT_SELECTED, note)
    if start.standing.readiness is Readiness.NOT_READY:
        return Hindrance(Verb.BLOCKED, Reason.PARENT_NOT_READY, f"see {address}")
    return None


def needed_first(wanted: Wanted, start: Start, facts: Facts) -> Request | None:
    """Return what the maker must make of the candidate before this; None when nothing."""
    seller = facts.seller(wanted)
    if seller is None or start.candidate is None or is_prerequisite(wanted.resource):
        return None
    tasks = facts.tasks_above(wanted.resource)
    return seller.adapter.prerequisite(wanted.resource.request, tasks)


def why_first(wanted: Wanted, facts: Facts) -> str:
    """Return what whoever pays for such a step wants to know."""
    seller, request = facts.seller(wanted), wanted.resource.request
    maker = seller.adapter.name if seller else wanted.provider
    kind = f" {request.vary}" if isinstance(request, Vary) else ""  # only one of them may need it
    what = f"{maker}'s {operation_of(request)}{kind}"
    return f"{what} starts from a single picture, and charges for cutting it out"


def checked(wanted: Wanted, start: Start, facts: Facts) -> tuple[Start, Hindrance | None]:
    """Return where it starts, and why the task there, if it has ended, is no place for that.

    Where only the link is dead, our own picture will do: also one that comes home in this plan.
    """
    found, seller = _refusal(wanted, start, facts), facts.seller(wanted)
    is_fetched = start.standing.verb is Verb.FETCH and seller is not None and seller.takes_pictures
    if found is not None and found.reason is Reason.LINK_EXPIRED and is_fetched:
        return replace(start, waits=True), None
    return start, found


def _refusal(wanted: Wanted, start: Start, facts: Facts) -> Hindrance | None:
    seller, purchase = facts.seller(wanted), start.standing.purchase
    if seller is None or purchase is None or not start.is_delivered:
        return None
    offer = Offer(
        purchase,
        start.candidate,
        by_picture=_goes_by_picture(wanted, facts),
        task_lifetime=seller.adapter.can.task_lifetime,
        publishes=seller.takes_pictures and not _is_lost(start, facts),
    )
    found = unoffered(wanted.resource, offer, facts.owned.now)
    if found is None or found.reason is not Reason.TASK_GONE:
        return found
    return found._replace(note=_ways_left(start, facts))


def _is_lost(start: Start, facts: Facts) -> bool:
    purchase, number = start.standing.purchase, start.candidate or CandidateNumber(1)
    one = purchase.candidate(number) if purchase else None
    return one is None or facts.is_lost(one.picture)


def _ways_left(start: Start, facts: Facts) -> str:
    """Say how to come to such a picture all the same."""
    one, price = _newest_start(start.standing, facts)
    take = f"`take: {one.resource.take + 1}` on {one.resource.address} buys a new one"
    place = own_copy(start, facts)
    ours = f"our own picture, {place}," if place else "our own picture"
    return f"{take} ({format_price(price)}); {ours} can go into an `edit` or `image_refs`"


def _newest_start(parent: Standing, facts: Facts) -> tuple[Standing, MicroUsd | None]:
    """Return the nearest ancestor that can be bought anew, and the price from there on down."""
    one = parent.parent if parent.parent and is_prerequisite(parent.resource) else parent
    prices = [_price_anew(one, facts)]
    while one.parent is not None and _is_gone(one.parent, facts):
        one = one.parent
        prices.append(_price_anew(one, facts))
    known = [price for price in prices if price is not None]
    return one, MicroUsd(sum(known)) if len(known) == len(prices) else None


def _price_anew(one: Standing, facts: Facts) -> MicroUsd | None:
    if one.cut_from is not None:
        return NOTHING
    seller = facts.sellers.get(one.provider if one.parent else one.resource.provider)
    return seller.price(one.resource.request, facts.lineage(one.resource)) if seller else None


def _is_gone(one: Standing, facts: Facts) -> bool:
    gone = _end(one, facts)
    return gone is not None and facts.owned.now >= gone


def notes(wanted: Wanted, start: Start | None, facts: Facts) -> Iterator[str]:
    """Yield what to know about a purchase that can start."""
    if is_elsewhere(wanted):
        yield f"at {wanted.provider}, which made its parent"
    gone = _end(start.standing, facts) if start and not _goes_by_picture(wanted, facts) else None
    if gone is not None and facts.owned.now >= gone - _NEAR:
        yield f"its parent's task can be followed up for {span(gone - facts.owned.now)} more"


def _goes_by_picture(wanted: Wanted, facts: Facts) -> bool:
    """Whether it starts from the candidate's picture, not from its task."""
    seller, request = facts.seller(wanted), wanted.resource.request
    if seller is None:
        return False
    return seller.adapter.starts_from_picture(request, facts.tasks_above(wanted.resource))


def _end(one: Standing, facts: Facts) -> datetime | None:
    seller = facts.sellers.get(one.provider)
    if seller is None or one.purchase is None or not one.purchase.candidates:
        return None
    return gone_at(one.purchase, seller.adapter.can.task_lifetime)
