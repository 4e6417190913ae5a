"""Questions that change nothing: how a project stands, and everything about one address."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum

from reconciler.assets.objects import ObjectStore
from reconciler.calls import sendings
from reconciler.errors import UsageError
from reconciler.ids import Address, Digest, IntentId, ProviderName
from reconciler.inventory import is_step, text_of
from reconciler.money import MicroUsd
from reconciler.plan.actions import Action, Plan, Reason, Verb
from reconciler.plan.owned import Owned
from reconciler.planning import Wish, gather, make
from reconciler.project import Project
from reconciler.providers.protocol import HttpCall
from reconciler.purchase import Purchase
from reconciler.spec.diagnostics import Diagnostic, locate
from reconciler.spec.load import Specs
from reconciler.spec.resource import Resource
from reconciler.spec.whence import whence
from reconciler.state.budget import month_start
from reconciler.state.lock import Holder, holder
from reconciler.state.records import EventRecord, ViewRecord
from reconciler.state.store import Store


class State(StrEnum):
    """How an address stands, in a word."""

    IN_SYNC = "in sync"
    PENDING = "to buy"
    IN_FLIGHT = "in flight"
    TO_FETCH = "paid, to fetch"
    TO_DERIVE = "to cut out"
    TO_SHOW = "owned, to show"
    TO_REMOVE = "view to remove"
    NEEDS_PICK = "needs a pick"
    IN_DOUBT = "in doubt"
    FAILED = "failed"
    BLOCKED = "blocked"


_STATES = {
    Verb.KEEP: State.IN_SYNC,
    Verb.BUY: State.PENDING,
    Verb.WAIT: State.IN_FLIGHT,
    Verb.FETCH: State.TO_FETCH,
    Verb.DERIVE: State.TO_DERIVE,
    Verb.VIEW: State.TO_SHOW,
    Verb.ADOPT: State.TO_SHOW,
    Verb.MOVE: State.TO_SHOW,
    Verb.PRUNE: State.TO_REMOVE,
    Verb.PICK: State.NEEDS_PICK,
    Verb.RESOLVE: State.IN_DOUBT,
    Verb.BLOCKED: State.BLOCKED,
}


def state_of(action: Action) -> State:
    """Return the word for what a plan says about an address."""
    if action.reason in (Reason.FAILED_FOR_GOOD, Reason.FAILED_OFTEN):
        return State.FAILED
    return _STATES[action.verb]


@dataclass(frozen=True, slots=True)
class Status:
    """The whole project: the plan, all addresses, who works on it now, and what was spent."""

    plan: Plan
    in_sync: tuple[Address, ...]
    running: Holder | None
    spent_this_month: MicroUsd

    @property
    def in_doubt_micro_usd(self) -> MicroUsd:
        """Return what is perhaps paid and waits for a person; unknown prices add nothing."""
        return MicroUsd(sum(action.price or 0 for action in self._doubts()))

    @property
    def unpriced_doubts(self) -> int:
        """Return how many of the doubts nobody can price."""
        return sum(action.price is None for action in self._doubts())

    def _doubts(self) -> list[Action]:
        return [action for action in self.plan.actions if action.verb is Verb.RESOLVE]

    def counts(self) -> Counter[State]:
        """Return how many addresses are in each state."""
        counts = Counter(state_of(action) for action in self.plan.actions)
        if self.in_sync:
            counts[State.IN_SYNC] = len(self.in_sync)
        return counts


def status(project: Project, wish: Wish) -> Status:
    """Return how the project stands."""
    specs, running = project.load(), holder(project.lock_path)
    now = datetime.now(UTC)
    with Store.open(project.state_path, read_only=True) as store:
        owned = gather(project, store, run_active=running is not None)
        spent = store.spent_since(month_start(now))
    plan = make(project, specs, owned, wish)
    busy = {action.address for action in plan.actions}
    in_sync = tuple(address for address in specs.resources if address not in busy)
    return Status(plan, in_sync, running, spent)


Vendors = Mapping[ProviderName, str]
"""How the makers of configured providers call themselves."""


def vendors_of(project: Project) -> Vendors:
    """Return the vendors' names."""
    return {name: adapter.name for name, adapter in project.adapters().items()}


def remark(purchase: Purchase | None, vendors: Vendors) -> str | None:
    """Return what the provider said about what is missing: `APIMart says: ...`."""
    if purchase is None or not purchase.report.remark:
        return None
    return f"{vendors.get(purchase.provider, purchase.provider)} says: {purchase.report.remark}"


@dataclass(frozen=True, slots=True)
class Portrait:
    """Everything about one address. `resource` None: no spec names it any more.

    `sent` are the calls that would be made now, none for what is made here; `takes` every
    attempt, the oldest first. `steps` are what its follow-ups needed first, bought under addresses
    such as `library.@2`. `texts` are the words of descriptions, by digest; `vendors` how providers
    are called; `origins` from which candidate a take was made, as `library@2`. `is_followed`: what
    some address shows was made from it.
    """

    address: Address
    resource: Resource | None
    place: Diagnostic | None
    action: Action | None
    sent: tuple[HttpCall, ...]
    view: ViewRecord | None
    takes: tuple[Purchase, ...]
    events: tuple[EventRecord, ...]
    steps: tuple[Purchase, ...]
    texts: Mapping[Digest, str]
    vendors: Vendors
    origins: Mapping[IntentId, str]
    is_followed: bool

    def cost(self) -> MicroUsd:
        """Return what was paid, or perhaps paid, under this address."""
        return MicroUsd(sum(one.cost or 0 for one in self.takes))


def portray(project: Project, name: str) -> Portrait:
    """Return all there is to know about an address. Raises UsageError for an unknown one."""
    specs, address = project.load(), Address(name)
    with Store.open(project.state_path, read_only=True) as store:
        owned = gather(project, store, run_active=holder(project.lock_path) is not None)
        resource, view = specs.resources.get(address), store.views().get(address)
        takes = _takes(store, address, view)
        if resource is None and view is None and not takes:
            raise _unknown(name, specs)
        plan = make(project, specs, owned, Wish())
        action = next((one for one in plan.actions if one.address == address), None)
        return Portrait(
            address,
            resource,
            _place(project, resource) if resource else None,
            action,
            sendings(project, specs, resource, action, takes) if resource else (),
            view,
            takes,
            store.log(address),
            tuple(_steps(owned.purchases.values(), takes)),
            _texts(takes, ObjectStore(project.assets_path)),
            vendors_of(project),
            dict(_origins(takes, store)),
            _is_followed(takes, owned),
        )


def standing_of(portrait: Portrait) -> str:
    """Return how an address stands, and why."""
    action = portrait.action
    if action is not None:
        note = f" ({action.note})" if action.note else ""
        return f"{state_of(action)}: {action.reason}{note}"
    if portrait.resource is not None:
        return "in sync"
    is_in_use = portrait.is_followed and any(map(is_step, portrait.takes))
    return "in sync: follow-ups start from it" if is_in_use else "no spec asks for it any more"


def _origins(takes: Iterable[Purchase], store: Store) -> Iterator[tuple[IntentId, str]]:
    for one in takes:
        above = store.purchase(one.parent.intent) if one.parent else None
        if above is not None and one.parent is not None:
            number = one.parent.candidate
            yield one.id, f"{above.address}@{number}" if number else above.address


def _is_followed(takes: Collection[Purchase], owned: Owned) -> bool:
    intents = {one.id for one in takes}
    shown = (owned.purchases.get(one.key) for one in owned.shown.values())
    return any(one and one.parent and one.parent.intent in intents for one in shown)


def _steps(purchases: Iterable[Purchase], takes: Collection[Purchase]) -> Iterator[Purchase]:
    """Yield what was bought of these takes only because follow-ups start from it."""
    intents = {one.id for one in takes}
    for one in purchases:
        if one.parent is not None and one.parent.intent in intents and is_step(one):
            yield one


def _texts(takes: Iterable[Purchase], objects: ObjectStore) -> Mapping[Digest, str]:
    return {
        one.picture.digest: text
        for purchase in takes
        for one in purchase.candidates
        if one.picture is not None and (text := text_of(one.picture, objects)) is not None
    }


def history(project: Project, name: str | None, limit: int | None) -> tuple[EventRecord, ...]:
    """Return what happened, to one address or to all. Raises UsageError for an unknown one."""
    with Store.open(project.state_path, read_only=True) as store:
        events = store.log(Address(name) if name is not None else None, limit)
    if name is not None and not events:
        specs = project.load()
        if Address(name) not in specs.resources:
            raise _unknown(name, specs)
    return events


def _takes(store: Store, address: Address, view: ViewRecord | None) -> tuple[Purchase, ...]:
    """Return what was bought under this address, and what it shows but was bought elsewhere."""
    bought = store.by_address(address)
    shown = store.purchase(view.intent) if view else None
    elsewhere = shown is not None and all(one.id != shown.id for one in bought)
    return (*bought, shown) if shown is not None and elsewhere else bought


def _place(project: Project, resource: Resource) -> Diagnostic:
    place = whence(project.root, project.config, resource, ())
    return locate([place.problem("")], project.read)[0]


def _unknown(name: str, specs: Specs) -> UsageError:
    near = get_close_matches(name, specs.resources, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "`reconcile status --all` lists all addresses"
    return UsageError(f"there is no address `{name}`", hint=hint)
