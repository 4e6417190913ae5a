"""Questions that change nothing: how a project stands, and everything about one address."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum

from reconciler.assets.objects import ObjectStore
from reconciler.errors import UsageError
from reconciler.ids import Address, CandidateNumber, Digest, ProviderName, TaskId
from reconciler.inventory import is_step, text_of
from reconciler.money import MicroUsd
from reconciler.plan.actions import Action, Plan, Reason, Verb
from reconciler.planning import Wish, gather, make
from reconciler.project import Project
from reconciler.providers.check import ancestors
from reconciler.providers.protocol import HttpCall, Lineage, Order, ParentTask, Provider
from reconciler.purchase import Purchase
from reconciler.spec.diagnostics import Diagnostic, locate
from reconciler.spec.load import Specs
from reconciler.spec.request import is_local
from reconciler.spec.resource import Resource
from reconciler.spec.whence import whence
from reconciler.state.budget import month_start
from reconciler.state.lock import Holder, holder
from reconciler.state.records import EventRecord, ViewRecord
from reconciler.state.store import Store

_NOT_BOUGHT_YET = TaskId("<task id of {}>")


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
    are called.
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
            _sent(project, specs, resource, action, takes) if resource else (),
            view,
            takes,
            store.log(address),
            tuple(_steps(owned.purchases.values(), takes)),
            _texts(takes, ObjectStore(project.assets_path)),
            vendors_of(project),
        )


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


def _sent(
    project: Project,
    specs: Specs,
    resource: Resource,
    action: Action | None,
    takes: tuple[Purchase, ...],
) -> tuple[HttpCall, ...]:
    """Return the submission, and the second step; what is not known before has placeholders."""
    adapter = project.adapters().get(_maker(specs, resource, action, takes))
    if adapter is None or is_local(resource.request):
        return ()
    above = tuple(one.request for one in ancestors(resource, specs.resources))
    tasks = tuple(one for one in above if not is_local(one))
    if any(adapter.issues(resource.request, above)):
        return ()
    links = {one.digest: f"<link of {one.path}>" for one in resource.files if one.digest}
    order = Order(resource.request, _parent(specs, resource, adapter, tasks), tasks, links)
    first = next(adapter.submit(order))
    if not adapter.has_second_step(resource.request):
        return (first,)
    task = TaskId(_NOT_BOUGHT_YET.format(resource.address))
    return first, next(adapter.go_on(task, order))


def _maker(
    specs: Specs, resource: Resource, action: Action | None, takes: tuple[Purchase, ...]
) -> ProviderName:
    """Return who makes it, or made it."""
    if action is not None and action.provider is not None:
        return action.provider
    root = [resource, *ancestors(resource, specs.resources)][-1]
    return takes[-1].provider if takes else root.provider


def _parent(
    specs: Specs, resource: Resource, adapter: Provider, tasks: Lineage
) -> ParentTask | None:
    """Return the task that it starts from at the provider, with placeholders."""
    start = resource
    candidate = None
    while start.parent is not None:
        candidate = start.parent.candidate or _pick(specs, start) or CandidateNumber(1)
        start = specs.resources[start.parent.address]
        if not is_local(start.request):
            break
    if candidate is None:
        return None
    name = f"{start.address}@{candidate}"
    first = adapter.prerequisite(resource.request, tasks)
    task = start.address if first is None else Address(f"{start.address}.@{candidate}")
    number = candidate if first is None else CandidateNumber(1)
    handle = f"<handle of {task}>"
    return ParentTask(TaskId(_NOT_BOUGHT_YET.format(task)), number, f"<link of {name}>", handle)


def _pick(specs: Specs, resource: Resource) -> CandidateNumber | None:
    return specs.resources[resource.parent.address].pick if resource.parent else None


def _unknown(name: str, specs: Specs) -> UsageError:
    near = get_close_matches(name, specs.resources, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "`reconcile status --all` lists all addresses"
    return UsageError(f"there is no address `{name}`", hint=hint)
