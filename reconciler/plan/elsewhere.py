"""Follow-ups at the maker of their parent, where the specs name another provider by now."""

from dataclasses import replace

from reconciler.plan.actions import Reason, Verb
from reconciler.plan.facts import Facts
from reconciler.plan.offers import Hindrance
from reconciler.plan.pricing import Seller
from reconciler.plan.standing import Start, Wanted
from reconciler.spec.request import Describe, Edit, Reference, Request, Video, operation_of


def is_elsewhere(wanted: Wanted) -> bool:
    """Whether its parent was made at another provider than the one that the specs name now."""
    return wanted.parent is not None and wanted.provider != wanted.resource.provider


def beyond(wanted: Wanted, seller: Seller, facts: Facts) -> Hindrance | None:
    """Return what the maker of the parent cannot do; the configured provider was asked before."""
    if not is_elsewhere(wanted):
        return None
    lineage = facts.lineage(wanted.resource)
    for issue in seller.adapter.issues(wanted.resource.request, lineage):
        note = f"{wanted.provider}: {issue.message}"
        way = _way_left(wanted, facts)
        return Hindrance(Verb.BLOCKED, Reason.MAKER_CANNOT, f"{note}; {way}" if way else note)
    return None


def _way_left(wanted: Wanted, facts: Facts) -> str | None:
    """Say how the configured provider could do it: from our own picture, not from the task."""
    place = own_copy(wanted.start, facts) if wanted.start else None
    name = wanted.resource.provider
    seller = facts.sellers.get(name)
    if place is None or seller is None or not seller.takes_pictures:
        return None
    request = _from_picture(wanted.resource.request, Reference(place))
    if request is None or any(seller.adapter.issues(request, ())):
        return None
    operation = operation_of(request)
    value = place if isinstance(request, Describe) else f"{{source: {place}}}"
    return f"`{operation}: {value}` in an entry of its own is bought at {name}"


def _from_picture(request: Request, picture: Reference) -> Request | None:
    """Return the same request as a root entry; None where it needs the parent's task."""
    if not isinstance(request, (Describe, Edit, Video)):
        return None
    return replace(request, source=picture)


def own_copy(start: Start, facts: Facts) -> str | None:
    """Return where our own copy of the picture has a readable name."""
    purchase, number = start.standing.purchase, start.candidate
    one = purchase.candidate(number) if purchase and number else None
    shown = facts.owned.shown.get(start.standing.resource.address)
    if one is None or one.picture is None or shown is None:
        return None
    paths = (path for path, digest in shown.files.items() if digest == one.picture.digest)
    found = min(paths, default=None)  # the numbered name, which stays when another one is picked
    return f"{facts.owned.folder}/{found}" if found else None
