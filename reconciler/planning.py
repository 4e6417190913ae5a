"""From a project on disk to its plan: gathers the facts, then asks the pure planner."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.assets.objects import ObjectStore
from reconciler.budgeting import Allowance, objection
from reconciler.config import SANDBOX_ORIGIN
from reconciler.errors import BudgetError, ConfigError
from reconciler.ids import IntentId
from reconciler.plan import local_pictures
from reconciler.plan.actions import Action, Plan, Reason, Verb
from reconciler.plan.decide import make_plan
from reconciler.plan.owned import Owned, Shown
from reconciler.plan.select import select
from reconciler.project import Project
from reconciler.purchase import Purchase
from reconciler.spec.load import Specs
from reconciler.spec.resource import TakeKey
from reconciler.state.lock import holder
from reconciler.state.records import ViewRecord
from reconciler.state.store import Store


@dataclass(frozen=True, slots=True)
class Wish:
    """What a command line asks of a plan: which addresses, and whether failures are tried again.

    `only`: nothing but the free work on this one purchase, whether a spec asks for it or not.
    """

    patterns: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    retry_failed: bool = False
    only: IntentId | None = None


def open_project(directory: Path, *, rehearse: bool = False) -> Project:
    """Return the project around a folder, or its rehearsal."""
    project = Project.find(directory)
    return project.rehearsal() if rehearse else project


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan, and why the budget would not let apply carry it out."""

    plan: Plan
    objection: BudgetError | None


def planned(project: Project, wish: Wish) -> Proposal:
    """Return the plan as it stands now; only reads."""
    specs = project.load()
    with Store.open(project.state_path, read_only=True) as store:
        run_active = holder(project.lock_path) is not None
        owned = gather(project, store, run_active=run_active)
        plan = make(project, specs, owned, wish)
        return Proposal(plan, objection(plan, Allowance(project.config.budget), store, owned.now))


def make(project: Project, specs: Specs, owned: Owned, wish: Wish) -> Plan:
    """Select, then decide."""
    gone = owned.shown.keys() - specs.resources.keys()
    selection = select(wish.patterns, wish.excludes, specs.resources, gone)
    plan = make_plan(
        specs.resources,
        owned,
        project.sellers(),
        selection,
        policy=project.config.policy,
        retry_failed=wish.retry_failed,
    )
    plan = replace(plan, actions=tuple(_placed(project, one) for one in plan.actions))
    return plan if wish.only is None else _only(plan, wish.only)


def _placed(project: Project, action: Action) -> Action:
    """Name the line of a local picture that cannot get to its provider."""
    resource = action.resource
    if action.reason is not Reason.NEEDS_PUBLIC_PLACE or resource is None:
        return action
    from reconciler.spec.diagnostics import locate
    from reconciler.spec.whence import whence

    field = local_pictures.field_of_first(resource) or ()
    problem = whence(project.root, project.config, resource, field).problem("")
    place = locate([problem], project.read)[0]
    return replace(action, note=local_pictures.note(resource, f"{place.file}:{place.line}"))


def _only(plan: Plan, intent: IntentId) -> Plan:
    """Narrow a plan to what finishes one purchase; it waits for nobody, its task runs already."""
    return Plan(
        tuple(
            replace(action, after=())
            for action in plan.actions
            if action.verb.is_free_work and action.purchase and action.purchase.id == intent
        ),
        plan.in_sync,
    )


def already_paid(plan: Plan) -> Plan:
    """Narrow a plan to what brings home what was bought before; it waits for nobody."""
    paid = (one for one in plan.actions if one.verb in (Verb.WAIT, Verb.FETCH))
    return Plan(tuple(replace(one, after=()) for one in paid), plan.in_sync)


def gather(project: Project, store: Store, *, run_active: bool) -> Owned:
    """Return everything the project owns; looks at the asset folder, reads no picture."""
    objects = ObjectStore(project.assets_path)
    purchases, records = store.latest(), store.views()
    _check_worlds(project, purchases.values())
    differences = project.views(objects).missing_or_foreign(
        {path: digest for one in records.values() for path, digest in one.files.items()}
    )
    digests = (
        one.picture.digest
        for purchase in purchases.values()
        for one in purchase.candidates
        if one.picture is not None
    )
    return Owned(
        now=datetime.now(UTC),
        purchases=purchases,
        shown={address: _shown(record) for address, record in records.items()},
        lost=objects.missing(digests),
        stale_files=differences.missing,
        foreign_files=differences.foreign,
        run_active=run_active,
        folder=project.config.assets.dir,
    )


def _check_worlds(project: Project, purchases: Iterable[Purchase]) -> None:
    """Raise ConfigError where drawn pictures and bought ones would be taken for each other.

    A purchase is the sandbox's if its links are; whoever points the same provider elsewhere would
    own pictures that nobody made there, and send task ids to an API that never gave them.
    """
    providers = project.config.providers
    for purchase in purchases:
        provider = providers.get(purchase.provider)
        links = [one.url for one in purchase.candidates if not one.url.startswith("data:")]
        if provider is None or not links:
            continue  # a text carries its words itself, and tells nothing of where it was made
        is_drawn = links[0].startswith(SANDBOX_ORIGIN)
        if is_drawn != provider.is_sandbox:
            raise _other_world(project, purchase, is_drawn=is_drawn)


def _other_world(project: Project, purchase: Purchase, *, is_drawn: bool) -> ConfigError:
    config = project.config
    if is_drawn:
        return ConfigError(
            f"{purchase.address} was drawn by the sandbox, and `{purchase.provider}` is real now",
            details=("nothing was sent",),
            hint=f"nothing drawn was paid for: move {config.state} and {config.assets.dir} away",
        )
    return ConfigError(
        f"{purchase.address} was really bought, and `{purchase.provider}` is the sandbox now",
        details=("nothing was sent",),
        hint="set `base_url` back; `reconcile apply --sandbox` rehearses apart from what is real",
    )


def _shown(record: ViewRecord) -> Shown:
    return Shown(TakeKey(record.fingerprint, record.take), record.intent, record.pick, record.files)
