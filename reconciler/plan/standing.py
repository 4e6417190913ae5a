"""Where a decided resource leaves its children, and the frame of an action that says so."""

from dataclasses import dataclass
from enum import Enum, auto

from reconciler.ids import Address, CandidateNumber, ProviderName
from reconciler.plan.actions import Action, Reason, Source, Verb
from reconciler.plan.results import usual
from reconciler.purchase import Phase, Purchase
from reconciler.spec.request import Operation, is_local
from reconciler.spec.resource import Resource, TakeKey


class Readiness(Enum):
    """Whether a child can start from this resource: now, after this plan's work on it, or not."""

    OWNED = auto()
    COMING = auto()
    UNSELECTED = auto()
    NOT_READY = auto()


@dataclass(frozen=True, slots=True)
class Start:
    """The task that a follow-up starts from, and which of its candidates; None: the whole task.

    `waits`: for the picture, which this plan brings here.
    """

    standing: "Standing"
    candidate: CandidateNumber | None
    waits: bool = False

    @property
    def is_delivered(self) -> bool:
        """Whether the task has ended well, so that everything about it is known."""
        purchase = self.standing.purchase
        return purchase is not None and bool(purchase.candidates)


@dataclass(frozen=True, slots=True)
class Standing:
    """What children need to know of a decided resource; without a key nobody chose its source.

    `verb` is what the plan does about it. `cut_from` is where a picture that was cut out here comes
    from at the provider; None for everything else.
    """

    resource: Resource
    readiness: Readiness
    provider: ProviderName
    key: TakeKey | None
    purchase: Purchase | None
    verb: Verb
    parent: "Standing | None" = None
    cut_from: Start | None = None

    def candidate(self, of: CandidateNumber | None) -> CandidateNumber | None:
        """Return which candidate a child with this `of` starts from; None: nobody has chosen."""
        return of or self.resource.pick or self._only_one()

    def _only_one(self) -> CandidateNumber | None:
        """Return the candidate that needs no choice: the only one that came, or will come."""
        if self.purchase is not None and self.purchase.candidates:
            first, *others = self.purchase.candidates
            return None if others else first.number
        is_single = usual(self.resource.request).candidates == 1
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

    @property
    def is_local(self) -> bool:
        """Whether it is made here from what we own, for free."""
        return self.resource.operation is Operation.SINGLE and is_local(self.resource.request)

    @property
    def start(self) -> Start | None:
        """The provider's task behind the parent: its own, or the one that it was cut out of."""
        return start_of(self.parent, self.candidate) if self.parent else None


def start_of(parent: Standing, candidate: CandidateNumber | None) -> Start:
    """Return where a follow-up of this parent's candidate starts at the provider."""
    return parent.cut_from or Start(parent, candidate)


def standing_of(
    wanted: Wanted, action: Action, purchase: Purchase | None, *, selected: bool = True
) -> Standing:
    """Return where a decided resource leaves its children."""
    return Standing(
        wanted.resource,
        _readiness(action, purchase, selected=selected),
        action.provider or (purchase.provider if purchase else wanted.provider),
        wanted.key,
        purchase,
        action.verb,
        wanted.parent,
        wanted.start if wanted.is_local else None,
    )


def unchosen(resource: Resource, action: Action, parent: Standing | None) -> Standing:
    """Return the standing of what cannot be identified yet: nobody chose what it starts from."""
    ready = Readiness.NOT_READY
    return Standing(resource, ready, resource.provider, None, None, action.verb, parent)


def _readiness(action: Action, purchase: Purchase | None, *, selected: bool) -> Readiness:
    if purchase is not None and purchase.phase in (Phase.SUCCEEDED, Phase.STORED):
        return Readiness.OWNED
    if not selected:
        return Readiness.UNSELECTED
    return Readiness.COMING if action.verb.is_work else Readiness.NOT_READY


def frame(wanted: Wanted, purchase: Purchase | None, start: Start | None = None) -> Action:
    """Return the action's frame; the caller says what is done and why.

    `start` is where it starts when that is not what the specs lead to (prerequisites.py).
    """
    start = start or wanted.start
    return Action(
        wanted.resource.address,
        Verb.KEEP,
        Reason.IN_SYNC,
        provider=purchase.provider if purchase else wanted.provider,
        resource=wanted.resource,
        key=wanted.key,
        source=source_of(start) if start else None,
        purchase=purchase,
        after=_awaited(start) if start else (),
    )


def source_of(start: Start) -> Source:
    """Return the start as an action tells it."""
    one = start.standing
    return Source(one.resource.address, start.candidate, one.purchase)


def _awaited(start: Start) -> tuple[Address, ...]:
    is_coming = start.waits or start.standing.readiness is Readiness.COMING
    return (start.standing.resource.address,) if is_coming else ()


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
