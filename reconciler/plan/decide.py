"""The plan as a pure function: same resources, same facts, same plan.

Each resource is decided once, parents first, and hands its `Standing` to its children. A child
depends on its parent's take and candidate, never on its parent's text: that is the early cut-off.
"""

from collections.abc import Mapping
from dataclasses import replace

from reconciler.ids import Address
from reconciler.money import NOTHING
from reconciler.plan import doubts, starting, viewing
from reconciler.plan.actions import Action, Plan, Reason, Verb
from reconciler.plan.cutting import cut_out
from reconciler.plan.facts import Facts
from reconciler.plan.offers import Hindrance, links_live, not_delivered
from reconciler.plan.orphans import orphans
from reconciler.plan.owned import Owned
from reconciler.plan.prerequisites import ONLY, prerequisite
from reconciler.plan.pricing import Sellers
from reconciler.plan.results import NO_RESULTS, usual
from reconciler.plan.select import Selection
from reconciler.plan.standing import (
    Standing,
    Start,
    Wanted,
    frame,
    needs_pick,
    standing_of,
    start_of,
    unchosen,
)
from reconciler.policy import CAREFUL, OnDoubt, Policy
from reconciler.purchase import Phase, Purchase
from reconciler.spec.request import uses_candidate
from reconciler.spec.resource import Resource, TakeKey

_NEVER_SENT = (Phase.INTENDED, Phase.CANCELLED)


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
    facts = Facts(resources, owned, sellers, policy)
    planner = _Planner(facts, selection, retry_failed=retry_failed)
    decided = [planner.decide(resource) for resource in resources.values()]
    listed = [one for actions in decided for one in actions if one.verb is not Verb.KEEP]
    kept = sum(actions[-1].verb is Verb.KEEP for actions in decided)
    unselected = sum(address not in selection for address in resources)
    gone = viewing.prunes(resources, owned, planner.moved_from, selection)
    left = map(planner.reachable, orphans(owned, planner.wanted_keys(), selection))
    return Plan((*listed, *left, *gone), in_sync=kept - unselected)


class _Planner:
    """The walk's memory: what was decided for the addresses before."""

    def __init__(self, facts: Facts, selection: Selection, *, retry_failed: bool) -> None:
        self._facts = facts
        self._owned = facts.owned
        self._selection = selection
        self._retry_failed = retry_failed
        self._standings: dict[Address, Standing] = {}
        self._steps: dict[TakeKey, tuple[Standing, Action]] = {}
        self._new_steps: list[Action] = []
        self._workers: dict[TakeKey, Address] = {}
        self._renames = viewing.renames(facts.resources, facts.owned)
        self.moved_from: set[Address] = set()

    def decide(self, resource: Resource) -> tuple[Action, ...]:
        """Return what a resource needs first, then its own action; remember where that leads."""
        parent = self._standings[resource.parent.address] if resource.parent else None
        selected = resource.address in self._selection
        wanted = self._identify(resource, parent)
        if not selected:
            action = Action(resource.address, Verb.KEEP, Reason.IN_SYNC)
        elif wanted is None:
            action = needs_pick(resource, parent)
        else:
            action = self._act(wanted)
        if wanted is None:
            standing = unchosen(resource, action, parent)
        else:
            purchase = self._facts.latest(wanted.key)
            standing = standing_of(wanted, action, purchase, selected=selected)
        self._standings[resource.address] = standing
        steps, self._new_steps = self._new_steps, []
        return (*steps, action)

    def wanted_keys(self) -> set[TakeKey]:
        """Return every take that some resource asks for, or needs first."""
        asked = {one.key for one in self._standings.values() if one.key is not None}
        return asked | self._steps.keys()

    def _identify(self, resource: Resource, parent: Standing | None) -> Wanted | None:
        """Return the resource with its key; None while its parent's candidate is not chosen.

        A picture that was cut out here is, to what follows it, the candidate that it was.
        """
        if parent is None or resource.parent is None:
            return Wanted(resource, None, None, resource.key(None, None))
        needs_one = uses_candidate(resource.operation)
        candidate = parent.candidate(resource.parent.candidate) if needs_one else None
        if parent.key is None or (needs_one and candidate is None):
            return None
        start = start_of(parent, candidate)
        key = resource.key(start.standing.key, start.candidate)
        return Wanted(resource, parent, candidate, key)

    def _act(self, wanted: Wanted) -> Action:
        purchase = self._facts.latest(wanted.key)
        if wanted.is_local and (purchase is None or not self._facts.has_bytes(purchase)):
            action = cut_out(wanted, purchase, self._facts)
        elif wanted.is_local and purchase is not None:
            action = self._displayed(wanted, purchase)
        elif purchase is None or purchase.phase in _NEVER_SENT:
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
            case Phase.SUBMITTED | Phase.MODAL:
                note = doubts.task(purchase)
                return replace(action, verb=Verb.WAIT, reason=Reason.IN_FLIGHT, note=note)
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
        if not action.verb.is_remote or action.provider in self._facts.sellers:
            return action
        note = f"add `{action.provider}` to reconciler.yaml again"
        blocked = replace(action, verb=Verb.BLOCKED, reason=Reason.PROVIDER_GONE, note=note)
        return replace(blocked, gives=NO_RESULTS, after=())

    def _once(self, wanted: Wanted, action: Action) -> Action:
        """One address works on a take; the others adopt it when it is there."""
        if not (action.verb.is_remote or action.verb in (Verb.RESOLVE, Verb.DERIVE)):
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
        old = self._facts.latest(before.key) if before else None
        if before is None or old is None:
            return Reason.NEVER_BOUGHT
        if old.canonical != wanted.resource.canonical:
            return Reason.REQUEST_CHANGED
        if before.key.fingerprint == wanted.key.fingerprint:
            return Reason.TAKE_CHANGED
        return Reason.PARENT_CHANGED

    def _doubt(self, wanted: Wanted, purchase: Purchase) -> Action:
        """Hold it for a person, or, where the project says so, buy it once more."""
        policy = self._facts.policy
        if policy.rebuys(purchase.fruitless_before):
            age = doubts.age(purchase, self._owned.now)
            return _noted(self._buy(wanted, Reason.REBUY_DOUBT), f"{age} ago")
        doubt = replace(frame(wanted, purchase), verb=Verb.RESOLVE, price=purchase.price)
        holds = policy.on_doubt is OnDoubt.HOLD
        reason = Reason.ANSWER_LOST if holds else Reason.DOUBTED_OFTEN
        return replace(doubt, reason=reason, note=doubts.note(purchase, self._owned.now))

    def _failed(self, wanted: Wanted, purchase: Purchase) -> Action:
        given_up = doubts.given_up(purchase, self._facts.policy)
        if given_up is not None and not self._retry_failed:
            blocked = replace(frame(wanted, purchase), verb=Verb.BLOCKED, reason=given_up)
            price = self._facts.price(wanted)
            return replace(blocked, note=doubts.failure(purchase), price=price)
        why_now = Reason.RETRY_ASKED if self._retry_failed else Reason.FAILED_BEFORE_RETRY
        return _noted(self._buy(wanted, why_now), doubts.failure(purchase))

    def _stored(self, wanted: Wanted, purchase: Purchase) -> Action:
        """Bytes first, then the names that people see."""
        if self._facts.has_bytes(purchase):
            return self._displayed(wanted, purchase)
        action = frame(wanted, purchase)
        if links_live(purchase, self._owned.now):
            return replace(action, verb=Verb.FETCH, reason=Reason.BYTES_MISSING)
        return self._gone(wanted, action)

    def _displayed(self, wanted: Wanted, purchase: Purchase) -> Action:
        action = frame(wanted, purchase)
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
        return replace(blocked, price=self._facts.price(wanted))

    def _buy(self, wanted: Wanted, reason: Reason) -> Action:
        """Return the purchase, or why it cannot be made."""
        start, hindered = self._start(wanted)
        seller, request = self._facts.seller(wanted), wanted.resource.request
        previous = self._facts.last_shown(wanted.resource.address)
        bought = replace(
            frame(wanted, self._facts.latest(wanted.key), start),
            verb=Verb.BUY,
            reason=reason,
            price=self._facts.price(wanted),
            units=seller.adapter.units(request) if seller else 1,
            gives=usual(request),
            provider=wanted.provider,
            previous=previous.canonical if previous else None,
        )
        if hindered is not None:
            return replace(bought, **hindered._asdict(), gives=NO_RESULTS, after=())
        return _noted(bought, *starting.notes(wanted, start, self._facts))

    def _start(self, wanted: Wanted) -> tuple[Start | None, Hindrance | None]:
        """Return the task that it starts from, and why it cannot."""
        start, facts = wanted.start, self._facts
        hindered = starting.hindrance(wanted, facts)
        if start is None or hindered is not None:
            return start, hindered
        request = starting.needed_first(wanted, start, facts)
        if request is None:
            return starting.checked(wanted, start, facts)
        standing, action = self._step(wanted, prerequisite(wanted, start, request))
        if action.reason in starting.REFUSALS:
            return start, Hindrance(action.verb, action.reason, action.note)
        start = Start(standing, ONLY)
        not_yet = starting.unready(wanted, start)
        return (start, not_yet) if not_yet else starting.checked(wanted, start, facts)

    def _step(self, wanted: Wanted, step: Wanted) -> tuple[Standing, Action]:
        """Decide the provider's own task for a candidate, once for all that start from it."""
        if step.key not in self._steps:
            purchase = self._facts.latest(step.key)
            action = self.reachable(self._act_first(wanted, step, purchase))
            self._steps[step.key] = standing_of(step, action, purchase), action
            if action.verb is not Verb.KEEP and action.reason not in starting.REFUSALS:
                self._new_steps.append(action)
        return self._steps[step.key]

    def _act_first(self, wanted: Wanted, step: Wanted, purchase: Purchase | None) -> Action:
        """Its task is what counts: its picture is our own candidate once more."""
        if purchase is None or purchase.phase in _NEVER_SENT:
            bought = self._buy(step, Reason.PREREQUISITE)
            return _noted(bought, starting.why_first(wanted, self._facts))
        is_beyond_reach = purchase.phase is Phase.SUCCEEDED and purchase.links_expire_at is None
        if is_beyond_reach or purchase.phase is Phase.STORED:
            return frame(step, purchase)
        return self._go_on(step, purchase)


def _noted(action: Action, *notes: str) -> Action:
    """Add notes to a purchase; what is blocked has its own."""
    if action.verb is not Verb.BUY:
        return action
    return replace(action, note="; ".join(filter(None, (*notes, action.note))))
