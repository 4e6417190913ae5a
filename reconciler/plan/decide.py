"""The plan as a pure function: same resources, same facts, same plan.

Each resource is decided once, parents first, and hands its `Standing` to its children. A child
depends on its parent's take and candidate, never on its parent's text: that is the early cut-off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.ids import Address
from reconciler.money import NOTHING, MicroUsd
from reconciler.plan import doubts, viewing
from reconciler.plan.actions import Action, Plan, Reason, Verb
from reconciler.plan.offers import Hindrance, Offer, links_live, not_delivered, unoffered
from reconciler.plan.orphans import orphans
from reconciler.plan.owned import Owned
from reconciler.plan.pricing import Sellers, lineage, usual_pictures
from reconciler.plan.select import Selection
from reconciler.plan.standing import Readiness, Standing, Wanted, frame, needs_pick
from reconciler.policy import CAREFUL, OnDoubt, Policy
from reconciler.purchase import Phase, Purchase, StoredPicture
from reconciler.spec.request import uses_candidate
from reconciler.spec.resource import Resource, TakeKey


def make_plan(
    resources: Mapping[Address, Resource],
    owned: Owned,
    sellers: Sellers,
    selection: Selection,
    *,
    policy: Policy = CAREFUL,
    retry_failed: bool = False,
) -> Plan:
    """Decide one action for each resource, in the mapping's order: parents before children."""
    facts = _Facts(resources, owned, sellers, policy)
    planner = _Planner(facts, selection, retry_failed=retry_failed)
    decided = [planner.decide(resource) for resource in resources.values()]
    listed = [action for action in decided if action.verb is not Verb.KEEP]
    unselected = sum(address not in selection for address in resources)
    gone = viewing.prunes(resources, owned, planner.moved_from, selection)
    left = map(planner.reachable, orphans(owned, planner.wanted_keys(), selection))
    return Plan((*listed, *left, *gone), in_sync=len(decided) - len(listed) - unselected)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What does not change during the walk."""

    resources: Mapping[Address, Resource]
    owned: Owned
    sellers: Sellers
    policy: Policy


class _Planner:
    """The walk's memory: what was decided for the addresses before."""

    def __init__(self, facts: _Facts, selection: Selection, *, retry_failed: bool) -> None:
        self._resources, self._owned = facts.resources, facts.owned
        self._sellers, self._policy = facts.sellers, facts.policy
        self._selection = selection
        self._retry_failed = retry_failed
        self._standings: dict[Address, Standing] = {}
        self._workers: dict[TakeKey, Address] = {}
        self._renames = viewing.renames(facts.resources, facts.owned)
        self.moved_from: set[Address] = set()

    def decide(self, resource: Resource) -> Action:
        """Return the action for one resource and remember where it leaves its children."""
        parent = self._standings[resource.parent.address] if resource.parent else None
        selected = resource.address in self._selection
        wanted = self._identify(resource, parent)
        if not selected:
            action = Action(resource.address, Verb.KEEP, Reason.IN_SYNC)
        elif wanted is None:
            action = needs_pick(resource, parent)
        else:
            action = self._act(wanted)
        self._remember(resource, action, wanted.key if wanted else None, selected=selected)
        return action

    def wanted_keys(self) -> set[TakeKey]:
        """Return every take that some resource asks for."""
        return {one.key for one in self._standings.values() if one.key is not None}

    def _identify(self, resource: Resource, parent: Standing | None) -> Wanted | None:
        """Return the resource with its key; None while its parent's candidate is not chosen."""
        if parent is None or resource.parent is None:
            return Wanted(resource, None, None, resource.key(None, None))
        needs_one = uses_candidate(resource.operation)
        candidate = parent.candidate(resource.parent.candidate) if needs_one else None
        if parent.key is None or (needs_one and candidate is None):
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
        made_by = purchase.provider if purchase else resource.provider
        provider = action.provider or made_by
        standing = Standing(resource, readiness, provider, key, purchase)
        self._standings[resource.address] = standing

    def _act(self, wanted: Wanted) -> Action:
        purchase = self._owned.purchases.get(wanted.key)
        if purchase is None or purchase.phase in (Phase.INTENDED, Phase.CANCELLED):
            action = self._buy(wanted, self._why_new(wanted))
        else:
            action = self._go_on(wanted, purchase)
        return self._once(wanted, self.reachable(action))

    def _go_on(self, wanted: Wanted, purchase: Purchase) -> Action:
        action = frame(wanted, purchase)
        match purchase.phase:
            case Phase.SUBMITTING if self._owned.run_active:
                return replace(action, verb=Verb.WAIT, reason=Reason.IN_FLIGHT)
            case Phase.SUBMITTING | Phase.IN_DOUBT:
                return self._doubt(wanted, purchase)
            case Phase.ABANDONED:
                return self._buy(wanted, Reason.GIVEN_UP)
            case Phase.SUBMITTED:
                return replace(
                    action, verb=Verb.WAIT, reason=Reason.IN_FLIGHT, note=f"task {purchase.task_id}"
                )
            case Phase.SUCCEEDED if purchase.links_expire_at is None:
                return self._gone(wanted, action)
            case Phase.SUCCEEDED:
                return replace(action, verb=Verb.FETCH, reason=Reason.NOT_DOWNLOADED)
            case Phase.REJECTED | Phase.FAILED:
                return self._failed(wanted, purchase)
            case _:
                return self._stored(wanted, purchase)

    def reachable(self, action: Action) -> Action:
        """Only a configured provider can be asked; what is in doubt is shown all the same."""
        if not action.verb.is_remote or action.provider in self._sellers:
            return action
        note = f"add `{action.provider}` to reconciler.yaml again"
        blocked = replace(action, verb=Verb.BLOCKED, reason=Reason.PROVIDER_GONE, note=note)
        return replace(blocked, pictures=0, after=())

    def _once(self, wanted: Wanted, action: Action) -> Action:
        """One address works on a take; the others adopt it when it is there."""
        if not (action.verb.is_remote or action.verb is Verb.RESOLVE):
            return action
        first = self._workers.setdefault(wanted.key, action.address)
        if first == action.address:
            return action
        if action.verb is Verb.RESOLVE:
            return replace(action, price=NOTHING, note=f"the same purchase as {first}'s")
        return replace(
            frame(wanted, None),
            verb=Verb.ADOPT,
            reason=Reason.SAME_REQUEST,
            note=f"with {first}",
            provider=self._standings[first].provider,
            after=(first,),
        )

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

    def _doubt(self, wanted: Wanted, purchase: Purchase) -> Action:
        """Hold it for a person, or, where the project says so, buy it once more."""
        if self._policy.rebuys(purchase.fruitless_before):
            again = self._buy(wanted, Reason.REBUY_DOUBT)
            note = f"{doubts.age(purchase, self._owned.now)} ago"
            return replace(again, note=note) if again.verb is Verb.BUY else again
        doubt = replace(frame(wanted, purchase), verb=Verb.RESOLVE, price=purchase.price)
        holds = self._policy.on_doubt is OnDoubt.HOLD
        reason = Reason.ANSWER_LOST if holds else Reason.DOUBTED_OFTEN
        return replace(doubt, reason=reason, note=doubts.note(purchase, self._owned.now))

    def _failed(self, wanted: Wanted, purchase: Purchase) -> Action:
        failure = purchase.failure
        note = f"{failure.code}: {failure.message}" if failure else ""
        given_up = _given_up(purchase, self._policy)
        if given_up is not None and not self._retry_failed:
            blocked = replace(frame(wanted, purchase), verb=Verb.BLOCKED, note=note)
            return replace(blocked, reason=given_up, price=self._price(wanted))
        why = Reason.RETRY_ASKED if self._retry_failed else Reason.FAILED_BEFORE_RETRY
        again = self._buy(wanted, why)
        return replace(again, note=note) if again.verb is Verb.BUY else again

    def _stored(self, wanted: Wanted, purchase: Purchase) -> Action:
        """Bytes first, then the names that people see."""
        action = frame(wanted, purchase)
        lost = [one for one in purchase.candidates if self._is_lost(one.picture)]
        if lost and links_live(purchase, self._owned.now):
            return replace(action, verb=Verb.FETCH, reason=Reason.BYTES_MISSING)
        if lost:
            return self._gone(wanted, action)
        shown = viewing.view_action(action, wanted.resource, purchase, self._owned)
        unpickable = not_delivered(purchase, wanted.resource.pick)
        if shown.verb is Verb.KEEP and unpickable:
            return replace(shown, **unpickable._asdict())
        if shown.reason is Reason.OWNED_ALREADY and wanted.key in self._renames:
            old = self._renames.pop(wanted.key)
            self.moved_from.add(old)
            moved = replace(shown, verb=Verb.MOVE, reason=Reason.RENAMED, note=f"was {old}")
            return replace(moved, moved_from=old)
        return shown

    def _gone(self, wanted: Wanted, action: Action) -> Action:
        note = f"`take: {wanted.resource.take + 1}` buys it again"
        blocked = replace(action, verb=Verb.BLOCKED, reason=Reason.BYTES_GONE, note=note)
        return replace(blocked, price=self._price(wanted))

    def _is_lost(self, picture: StoredPicture | None) -> bool:
        return picture is None or picture.digest in self._owned.lost

    def _buy(self, wanted: Wanted, reason: Reason) -> Action:
        """Return the purchase, or why it cannot be made."""
        bought = replace(
            frame(wanted, self._owned.purchases.get(wanted.key)),
            verb=Verb.BUY,
            reason=reason,
            price=self._price(wanted),
            pictures=usual_pictures(wanted.resource.operation),
            provider=wanted.provider,
            previous=self._previous(wanted.resource.address),
        )
        hindered = self._hindrance(wanted, wanted.parent) if wanted.parent else None
        if hindered is None:
            return bought
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
            note = f"add {address}, or select `+{wanted.resource.address}`"
            return Hindrance(Verb.BLOCKED, Reason.PARENT_NOT_SELECTED, note)
        if parent.readiness is Readiness.NOT_READY:
            return Hindrance(Verb.BLOCKED, Reason.PARENT_NOT_READY, f"see {address}")
        seller = self._sellers.get(wanted.provider)
        if seller is None or parent.purchase is None or not parent.purchase.candidates:
            return None
        by_link = seller.adapter.can.by_link
        offer = Offer(parent.purchase, wanted.candidate, by_link=by_link)
        return unoffered(wanted.resource, offer, self._owned.now)


def _given_up(purchase: Purchase, policy: Policy) -> Reason | None:
    """Return why a failed purchase is not tried again by itself, or None.

    A refusal cost nothing, so it only counts whether the same request would be refused again. A
    task that ran and failed may have cost money: even a passing trouble is only tried so often.
    """
    if purchase.failure is None:
        return None
    if policy.is_hopeless(purchase.failure.kind):
        return Reason.FAILED_FOR_GOOD
    most = policy.attempts_at(purchase.failure.kind)
    is_worn_out = purchase.phase is Phase.FAILED and purchase.fruitless_before + 1 >= most
    return Reason.FAILED_OFTEN if is_worn_out else None
