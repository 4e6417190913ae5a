"""`apply` from end to end: lock, recover, plan, ask, run, and write down what is there now."""

import asyncio
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from reconciler.assets.objects import ObjectStore
from reconciler.budgeting import Allowance, objection
from reconciler.config import CONFIG_FILE
from reconciler.display import ViewDisplay
from reconciler.engine.outcome import RunResult
from reconciler.engine.progress import Reporter
from reconciler.errors import (
    AssetError,
    BudgetError,
    ProviderError,
    ReconcilerError,
    SpecError,
    UsageError,
)
from reconciler.ids import IntentId, ProviderName, RunId
from reconciler.inventory import write_manifest
from reconciler.money import MicroUsd
from reconciler.plan.actions import Plan, Verb
from reconciler.plan.owned import Owned
from reconciler.planning import Wish, already_paid, gather, make
from reconciler.project import Project
from reconciler.purchase import Purchase
from reconciler.spec.load import Specs
from reconciler.spec.request import Request, operation_of
from reconciler.state.lock import RunLock
from reconciler.state.store import Store

_DOWNLOADS = 8
_Counts = Mapping[ProviderName, int]
_NO_SPECS = Specs({}, (), "")
"""For a run while the specs have errors: nobody knows what they ask for."""


class Desk(Protocol):
    """Whoever asked for the run, a person or a program."""

    def recovered(self, doubtful: list[Purchase]) -> None:
        """Hear what an earlier run left in doubt."""

    def see(self, plan: Plan) -> None:
        """See the plan, before anything can forbid it."""

    def approves(self, plan: Plan) -> bool:
        """Say whether the plan's work may begin. May raise UsageError."""

    def watch(self, plan: Plan) -> AbstractContextManager[Reporter]:
        """Return who watches the run."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One execution: its name, when it began, and what it works on."""

    id: RunId
    started: datetime
    project: Project
    specs: Specs
    store: Store
    allowance: Allowance


def apply(
    project: Project, wish: Wish, desk: Desk, *, max_cost: MicroUsd | None = None
) -> RunResult | None:
    """Carry out the plan; None when the desk did not approve.

    `max_cost` is a limit for this run, beside those of the configuration.

    Raises LockedError while another run works, BudgetError before anything is sent, and whatever
    else makes the project unusable.
    """
    allowance = Allowance(project.config.budget, max_cost)
    with RunLock(project.lock_path):
        try:
            specs = project.load()
        except SpecError:
            _bring_home_without_specs(project, allowance, desk)
            raise
        with Store.open(project.state_path) as store:
            run = _Run(RunId(_new_id("run")), _now(), project, specs, store, allowance)
            desk.recovered(store.recover(run.id, run.started))
            owned = gather(project, store, run_active=False)
            plan = make(project, specs, owned, wish)
            desk.see(plan)
            if not plan.work():
                _keep_manifest(run)
                return RunResult(plan, ())
            try:
                is_approved = _may_begin(run, plan, desk)
            except (BudgetError, UsageError):
                _bring_home(run, plan, owned, desk)
                raise
            if not is_approved:
                return None
            with desk.watch(plan) as reporter:
                return _carry_out(run, plan, _occupied(owned, plan), reporter)


def _may_begin(run: _Run, plan: Plan, desk: Desk) -> bool:
    """Ask the budget, the environment and the desk, in this order; each may raise."""
    over_budget = objection(plan, run.allowance, run.store, run.started)
    if over_budget is not None:
        raise over_budget
    _check_keys(run, plan)
    return desk.approves(plan)


def _bring_home(run: _Run, plan: Plan, owned: Owned, desk: Desk) -> None:
    """Wait for and fetch what is paid, although nothing may be bought: links do not live long."""
    paid = already_paid(plan)
    try:
        _check_keys(run, paid)
    except ProviderError:
        return  # what forbade the purchases is told; without a key nobody can fetch
    if paid.work():
        with desk.watch(paid) as reporter:
            _carry_out(run, paid, _occupied(owned, paid), reporter)


def _bring_home_without_specs(project: Project, allowance: Allowance, desk: Desk) -> None:
    """Do the same for everything on record, while the specs have errors; names come later."""
    if not project.state_path.exists():
        return
    with Store.open(project.state_path) as store:
        run = _Run(RunId(_new_id("run")), _now(), project, _NO_SPECS, store, allowance)
        desk.recovered(store.recover(run.id, run.started))
        owned = gather(project, store, run_active=False)
        _bring_home(run, make(project, _NO_SPECS, owned, Wish()), owned, desk)


def _carry_out(run: _Run, plan: Plan, occupied: _Counts, reporter: Reporter) -> RunResult:
    _check_assets(run)
    from reconciler.engine.loop import run_loop

    run.store.start_run(run.id, run.started)
    try:
        result = run_loop(_work(run, plan, occupied, reporter))
    except BaseException:
        with suppress(ReconcilerError):  # what broke the run may break this too, and says less
            run.store.end_run(run.id, _now(), "failed")
            _keep_manifest(run)
        raise
    run.store.end_run(run.id, _now(), result.exit_code().name.lower())
    _keep_manifest(run)
    return result


def _check_assets(run: _Run) -> None:
    """Raise AssetError where nothing can be stored: before anything is bought for it."""
    folder = run.project.assets_path
    if folder.exists() and not folder.is_dir():
        raise AssetError(
            f"the asset folder is a file: {folder}",
            details=("nothing was sent",),
            hint=f"move it away, or name another folder under `assets:` in {CONFIG_FILE}",
        )
    objects = ObjectStore(folder)
    objects.clean_temporary()
    with objects.incoming():
        pass


async def _work(run: _Run, plan: Plan, occupied: _Counts, reporter: Reporter) -> RunResult:
    from reconciler.clients import connect
    from reconciler.engine.balances import note_balances
    from reconciler.engine.scheduler import run_plan
    from reconciler.engine.workshop import Workshop

    stop = asyncio.Event()
    _listen(stop)
    providers = _providers(plan)
    async with connect(run.project, providers, occupied) as connections:
        objects = ObjectStore(run.project.assets_path)
        shop = Workshop(
            run=run.id,
            store=run.store,
            objects=objects,
            display=ViewDisplay(run.project.views(objects), run.store, run.id, _now),
            channels=connections.channels,
            files=connections.files,
            download_slots=asyncio.Semaphore(_DOWNLOADS),
            limits=run.allowance.limits(),
            reporter=reporter,
            now=_now,
            new_intent=lambda: IntentId(_new_id("intent")),
            places=connections.places,
            usual_seconds=_history(run.store, providers),
            policy=run.project.config.policy,
        )
        sellers = [connections.channels[name] for name in _providers(plan, Verb.BUY)]
        if sellers:
            await note_balances(sellers, run.store, run.id, _now, stop)
        result = await run_plan(plan, run.specs.resources, shop, stop)
        if result.bought() and not result.interrupted:
            await note_balances(sellers, run.store, run.id, _now, stop)
        return result


def _providers(plan: Plan, *verbs: Verb) -> set[ProviderName]:
    """Return who must be asked; names cost nothing and need nobody. `verbs`: only for these."""
    remote = (action for action in plan.work() if action.verb.is_remote)
    wanted = (action for action in remote if not verbs or action.verb in verbs)
    return {action.provider for action in wanted if action.provider}


def _occupied(owned: Owned, plan: Plan) -> _Counts:
    """Count the tasks in flight that this plan does not wait for: they hold a place, too."""
    awaited = {action.purchase.id for action in plan.actions if action.purchase is not None}
    return Counter(
        one.provider
        for one in owned.purchases.values()
        if one.phase.is_in_flight and one.id not in awaited
    )


def _history(
    store: Store, providers: Iterable[ProviderName]
) -> Callable[[ProviderName, Request], float | None]:
    """Return a function that knows the median time of such tasks in this project."""
    seen = {
        (name, one.operation, one.speed): one.median.total_seconds()
        for name in providers
        for one in store.durations(name)
    }

    def usual_seconds(name: ProviderName, request: Request) -> float | None:
        speed = getattr(request, "speed", None)
        return seen.get((name, operation_of(request).value, speed))

    return usual_seconds


def _listen(stop: asyncio.Event) -> None:
    """First Ctrl-C, or a terminal that is closed: leave in order. Second one: leave at once."""
    loop = asyncio.get_running_loop()
    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` means to live on
        heard.append(signal.SIGHUP)
    for number in heard:
        loop.add_signal_handler(number, partial(_heard, loop, stop, number))


def _heard(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, number: signal.Signals) -> None:
    stop.set()
    loop.remove_signal_handler(number)


def _check_keys(run: _Run, plan: Plan) -> None:
    """Raise ProviderError when a key is missing: before anybody is asked about money."""
    from reconciler.clients import check_keys  # an apply without work needs no HTTP client

    check_keys(run.project, _providers(plan))


def _keep_manifest(run: _Run) -> None:
    if run.specs is not _NO_SPECS:
        write_manifest(run.project, run.specs, run.store)


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(8)}"


def _now() -> datetime:
    return datetime.now(UTC)
