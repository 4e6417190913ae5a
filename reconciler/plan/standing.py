"""Where a decided resource leaves its children, and the frame of an action that says so."""

from dataclasses import dataclass
from enum import Enum, auto

from reconciler.ids import CandidateNumber, ProviderName
from reconciler.plan.actions import Action, Reason, Source, Verb
from reconciler.plan.pricing import usual_pictures
from reconciler.purchase import Purchase
from reconciler.spec.resource import Resource, TakeKey


class Readiness(Enum):
    """Whether a child can start from this resource: now, after this plan's work on it, or not."""

    OWNED = auto()
    COMING = auto()
    UNSELECTED = auto()
    NOT_READY = auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """What children need to know of a decided resource; without a key nobody chose its source."""

    resource: Resource
    readiness: Readiness
    provider: ProviderName
    key: TakeKey | None
    purchase: Purchase | None

    def candidate(self, of: CandidateNumber | None) -> CandidateNumber | None:
        """Return which candidate a child with this `of` starts from; None: nobody has chosen."""
        return of or self.resource.pick or self._only_one()

    def _only_one(self) -> CandidateNumber | None:
        """Return the candidate that needs no choice: the only one that came, or will come."""
        if self.purchase is not None and self.purchase.candidates:
            first, *others = self.purchase.candidates
            return None if others else first.number
        is_single = usual_pictures(self.resource.operation) == 1
        return CandidateNumber(1) if is_single else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource with its identity resolved against its parent."""

    resource: Resource
    parent: Standing | None
    candidate: CandidateNumber | None
    key: TakeKey

    @property
    def provider(self) -> ProviderName:
        """A follow-up goes to whoever made its parent."""
        return self.parent.provider if self.parent else self.resource.provider


def frame(wanted: Wanted, purchase: Purchase | None) -> Action:
    """Return the action's frame; the caller says what is done and why."""
    parent = wanted.parent
    source = None
    if parent is not None:
        source = Source(parent.resource.address, wanted.candidate, parent.purchase)
    coming = parent is not None and parent.readiness is Readiness.COMING
    return Action(
        wanted.resource.address,
        Verb.KEEP,
        Reason.IN_SYNC,
        provider=purchase.provider if purchase else wanted.provider,
        resource=wanted.resource,
        key=wanted.key,
        source=source,
        purchase=purchase,
        after=(parent.resource.address,) if parent and coming else (),
    )


def needs_pick(resource: Resource, parent: Standing | None) -> Action:
    """Say where to choose: at the parent, or above it when the parent itself waits for a choice."""
    address = parent.resource.address if parent else resource.address
    is_above = parent is not None and parent.key is None
    note = f"first for {address}" if is_above else f"write `pick:` on {address}, or `of:` here"
    return Action(
        resource.address,
        Verb.PICK,
        Reason.NEEDS_PICK,
        note=note,
        resource=resource,
        source=Source(address, None, parent.purchase if parent else None),
    )
