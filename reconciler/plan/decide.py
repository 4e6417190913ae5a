"""The plan as a pure function: same resources, same facts, same plan.

Each resource is decided once, parents first, and hands its `Standing` to its children. A child
depends on its parent's take and candidate, never on its parent's text: that is the early cut-off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from reconciler.ids import Address, CandidateNumber, ProviderName
from reconciler.money import MicroUsd
from reconciler.plan import viewing
from reconciler.plan.actions import Action, Plan, Reason, Source, Verb
from reconciler.plan.offers import Hindrance, Offer, links_live, unoffered
from reconciler.plan.owned import Owned
from reconciler.plan.pricing import Sellers, lineage, usual_pictures
from reconciler.plan.select import Selection
from reconciler.purchase import Phase, Purchase, StoredPicture
from reconciler.spec.request import uses_candidate
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
        chosen = of or self.resource.pick
        return chosen or (CandidateNumber(1) if self._is_single() else None)

    def _is_single(self) -> bool:
        if self.purchase is not None and self.purchase.candidates:
            return len(self.purchase.candidates) == 1
        return usual_pictures(self.resource.operation) == 1


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


def make_plan(
    resources: Mapping[Address, Resource],
    owned: Owned,
    sellers: Sellers,
    selection: Selection,
    *,
    retry_failed: bool = False,
) -> Plan:
    """Decide one action for each resource, in the mapping's order: parents before children."""
    planner = _Planner(resources, owned, sellers, selection, retry_failed)
    decided = [planner.decide(resource) for resource in resources.values()]
    gone = viewing.prunes(resources, owned, planner.moved_from, selection)
    listed = [action for action in decided if action.verb is not Verb.KEEP]
    return Plan((*listed, *gone), in_sync=len(decided) - len(listed))


class _Planner:
    """The walk's memory: what was decided for the addresses before."""

    def __init__(
        self,
        resources: Mapping[Address, Resource],
        owned: Owned,
        sellers: Sellers,
        selection: Selection,
        retry_failed: bool,
    ) -> None:
        self._resources = resources
        self._owned = owned
        self._sellers = sellers
        self._selection = selection
        self._retry_failed = retry_failed
        self._standings: dict[Address, Standing] = {}
        self._buyer: dict[TakeKey, Address] = {}
        self._renames = viewing.renames(resources, owned)
        self.moved_from: set[Address] = set()

    def decide(self, resource: Resource) -> Action:
        """Return the action for one resource and remember where it leaves its children."""
        parent = self._standings[resource.parent.address] if resource.parent else None
        selected = resource.address in self._selection
        wanted = self._identify(resource, parent)
        if not selected:
            action = Action(resource.address, Verb.KEEP, Reason.IN_SYNC)
        elif wanted is None:
            action = _needs_pick(resource, parent)
        else:
            action = self._act(wanted)
        self._remember(resource, action, wanted.key if wanted else None, selected=selected)
        return action

    def _identify(self, resource: Resource, parent: Standing | None) -> Wanted | None:
        """Return the resource with its key; None while its parent's candidate is not chosen."""
        if parent is None or resource.parent is None:
            return Wanted(resource, None, None, resource.key(None, None))
        candidate = parent.candidate(resource.parent.candidate)
        unchosen = candidate is None and uses_candidate(resource.operation)
        if parent.key is None or unchosen:
            return None
        return Wanted(resource, parent, candidate, resource.key(parent.key, candidate))

    def _remember(
        self, resource: Resource, action: Action, key: TakeKey | None, *, selected: bool
    ) -> None:
        purchase = self._owned.purchases.get(key) if key else None
        has_task = purchase is not None and purchase.phase in (Phase.SUCCEEDED, Phase.STORED)
        if has_task:
            readiness = Readiness.OWNED
        elif not selected:
            readiness = Readiness.UNSELECTED
        elif action.verb.is_work:
            readiness = Readiness.COMING
        else:
            readiness = Readiness.NOT_READY
        provider = purchase.provider if purchase else action.provider or resource.provider
        standing = Standing(resource, readiness, provider, key, purchase)
        self._standings[resource.address] = standing

    def _act(self, wanted: Wanted) -> Action:
        purchase = self._owned.purchases.get(wanted.key)
        if purchase is None or purchase.phase in (Phase.INTENDED, Phase.CANCELLED):
            return self._buy(wanted, self._why_new(wanted))
        action = _action(wanted, purchase)
        if purchase.phase is not Phase.STORED and purchase.provider not in self._sellers:
            return _unconfigured(action)
        match purchase.phase:
            case Phase.SUBMITTING if self._owned.run_active:
                return replace(action, verb=Verb.WAIT, reason=Reason.IN_FLIGHT)
            case Phase.SUBMITTING | Phase.IN_DOUBT:
                return replace(
                    action, verb=Verb.RESOLVE, reason=Reason.ANSWER_LOST, price=purchase.price
                )
            case Phase.SUBMITTED:
                return replace(
                    action, verb=Verb.WAIT, reason=Reason.IN_FLIGHT, note=f"task {purchase.task_id}"
                )
            case Phase.SUCCEEDED:
                return replace(action, verb=Verb.FETCH, reason=Reason.NOT_DOWNLOADED)
            case Phase.REJECTED | Phase.FAILED:
                return self._failed(wanted, purchase)
            case _:
                return self._stored(wanted, purchase)

    def _why_new(self, wanted: Wanted) -> Reason:
        """Say what changed since this address last showed something."""
        before = self._owned.shown.get(wanted.resource.address)
        old = self._owned.purchases.get(before.key) if before else None
        if before is None or old is None:
            return Reason.NEVER_BOUGHT
        if old.canonical != wanted.resource.canonical:
            return Reason.REQUEST_CHANGED
        if before.key.fingerprint == wanted.key.fingerprint:
            return Reason.TAKE_CHANGED
        return Reason.PARENT_CHANGED

    def _failed(self, wanted: Wanted, purchase: Purchase) -> Action:
        failure = purchase.failure
        note = f"{failure.code}: {failure.message}" if failure else ""
        if self._retry_failed:
            return replace(self._buy(wanted, Reason.RETRY_ASKED), note=note)
        if failure is not None and failure.kind.is_permanent:
            blocked = replace(_action(wanted, purchase), verb=Verb.BLOCKED, note=note)
            return replace(blocked, reason=Reason.FAILED_FOR_GOOD, price=self._price(wanted))
        return replace(self._buy(wanted, Reason.FAILED_BEFORE_RETRY), note=note)

    def _stored(self, wanted: Wanted, purchase: Purchase) -> Action:
        """Bytes first, then the names that people see."""
        action = _action(wanted, purchase)
        lost = [one for one in purchase.candidates if self._is_lost(one.picture)]
        if lost and links_live(purchase, self._owned.now):
            return replace(action, verb=Verb.FETCH, reason=Reason.BYTES_MISSING)
        if lost:
            return replace(
                action,
                verb=Verb.BLOCKED,
                reason=Reason.BYTES_GONE,
                note=f"`take: {wanted.resource.take + 1}` buys it again",
                price=self._price(wanted),
            )
        shown = viewing.view_action(action, wanted.resource, purchase, self._owned)
        if shown.reason is Reason.OWNED_ALREADY and wanted.key in self._renames:
            old = self._renames[wanted.key]
            self.moved_from.add(old)
            moved = replace(shown, verb=Verb.MOVE, reason=Reason.RENAMED, note=f"was {old}")
            return replace(moved, moved_from=old)
        return shown

    def _is_lost(self, picture: StoredPicture | None) -> bool:
        return picture is None or picture.digest in self._owned.lost

    def _buy(self, wanted: Wanted, reason: Reason) -> Action:
        """Return the purchase, or why it cannot be made."""
        resource, parent = wanted.resource, wanted.parent
        first = self._buyer.setdefault(wanted.key, resource.address)
        if first != resource.address:
            action = _action(wanted, None)
            return replace(
                action,
                verb=Verb.ADOPT,
                reason=Reason.SAME_REQUEST,
                note=f"with {first}",
                after=(first,),
            )
        bought = replace(
            _action(wanted, self._owned.purchases.get(wanted.key)),
            verb=Verb.BUY,
            reason=reason,
            price=self._price(wanted),
            pictures=usual_pictures(resource.operation),
            previous=self._previous(resource.address),
        )
        hindered = self._hindrance(wanted, parent) if parent else None
        if hindered is None:
            return bought
        del self._buyer[wanted.key]
        return replace(bought, **hindered._asdict(), pictures=0, after=())

    def _previous(self, address: Address) -> str | None:
        before = self._owned.shown.get(address)
        old = self._owned.purchases.get(before.key) if before else None
        return old.canonical if old else None

    def _price(self, wanted: Wanted) -> MicroUsd | None:
        seller = self._sellers.get(wanted.provider)
        if seller is None:
            return None
        return seller.price(wanted.resource.request, lineage(wanted.resource, self._resources))

    def _hindrance(self, wanted: Wanted, parent: Standing) -> Hindrance | None:
        """Return why a follow-up cannot be bought from this parent, or None."""
        address = parent.resource.address
        if parent.readiness is Readiness.UNSELECTED:
            note = f"select `+{wanted.resource.address}` to include {address}"
            return Hindrance(Verb.BLOCKED, Reason.PARENT_NOT_SELECTED, note)
        if parent.readiness is Readiness.NOT_READY:
            return Hindrance(Verb.BLOCKED, Reason.PARENT_NOT_READY, f"see {address}")
        if parent.provider not in self._sellers:
            return Hindrance(Verb.BLOCKED, Reason.PROVIDER_GONE, parent.provider)
        if parent.purchase is None or not parent.purchase.candidates:
            return None
        needs_link = self._sellers[wanted.provider].adapter.can.edits_need_link
        offer = Offer(parent.purchase, wanted.candidate, needs_link=needs_link)
        return unoffered(wanted.resource, offer, self._owned.now)


def _action(wanted: Wanted, purchase: Purchase | None) -> Action:
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


def _unconfigured(action: Action) -> Action:
    note = f"add `{action.provider}` to reconciler.yaml again"
    return replace(action, verb=Verb.BLOCKED, reason=Reason.PROVIDER_GONE, note=note)


def _needs_pick(resource: Resource, parent: Standing | None) -> Action:
    address = parent.resource.address if parent else resource.address
    return Action(
        resource.address,
        Verb.PICK,
        Reason.NEEDS_PICK,
        note=f"write `pick:` on {address}, or `of:` here",
        resource=resource,
    )
