"""One candidate as a picture of its own: the same bytes under a purchase that cost nothing."""

from reconciler.engine.outcome import Ending
from reconciler.engine.workshop import Unfinished, Workshop
from reconciler.ids import CandidateNumber
from reconciler.money import NOTHING
from reconciler.plan.actions import Action
from reconciler.plan.offers import not_delivered
from reconciler.purchase import (
    Candidate,
    ParentUse,
    Phase,
    PictureStored,
    Purchase,
    StoredPicture,
)

_ONLY = CandidateNumber(1)


def derive(action: Action, parent: Purchase | None, shop: Workshop) -> Purchase:
    """Return the purchase of a picture that is cut out of its parent's; it is on record then.

    Raises Unfinished when the parent did not give that candidate, and StateError.
    """
    if action.source is None or action.source.candidate is None or parent is None:
        raise AssertionError(f"{action.verb} {action.address} starts from nothing")
    candidate = _candidate(action, parent, action.source.candidate)
    if candidate.picture is None:
        raise Unfinished(Ending.BLOCKED, f"{parent.address} is not there", "")
    known = action.purchase
    if known is not None:
        return _again(known, candidate.picture, shop)
    made = _made(action, parent, candidate, shop)
    shop.store.adopt([made], made.created_at, shop.run)
    return made


def _candidate(action: Action, parent: Purchase, number: CandidateNumber) -> Candidate:
    one = parent.candidate(number)
    if one is None:
        missing = not_delivered(parent, number, action.resource)
        note = missing.note if missing else ""
        raise Unfinished(Ending.NEEDS_PICK, "that candidate was not delivered", note)
    return one


def _again(known: Purchase, picture: StoredPicture, shop: Workshop) -> Purchase:
    """Its parent's bytes came again; perhaps they are others, of the same picture."""
    if all(one.picture == picture for one in known.candidates):
        return known
    return shop.store.record(known, PictureStored(_ONLY, picture), shop.now(), shop.run)


def _made(action: Action, parent: Purchase, candidate: Candidate, shop: Workshop) -> Purchase:
    resource, key = action.resource, action.key
    if resource is None or key is None:
        raise AssertionError(f"{action.verb} {action.address} has nothing to make")
    now = shop.now()
    return Purchase(
        id=shop.new_intent(),
        fingerprint=key.fingerprint,
        take=key.take,
        attempt=1,
        address=resource.address,
        provider=parent.provider,
        canonical=resource.canonical,
        parent=ParentUse(parent.id, candidate.number),
        price=NOTHING,
        phase=Phase.STORED,
        created_at=now,
        changed_at=now,
        candidates=(Candidate(_ONLY, candidate.url, candidate.picture),),
        charged=NOTHING,
    )
