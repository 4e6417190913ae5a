"""`apply` from end to end: lock, recover, plan, ask, run, and write down what is there now."""

import asyncio
import secrets
import signal
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from reconciler.assets.objects import ObjectStore
from reconciler.config import CONFIG_FILE
from reconciler.display import ViewDisplay
from reconciler.engine.outcome import RunResult
from reconciler.engine.progress import Reporter
from reconciler.errors import AssetError, BudgetError, ReconcilerError
from reconciler.ids import IntentId, ProviderName, RunId
from reconciler.inventory import write_manifest
from reconciler.money import MicroUsd, format_usd
from reconciler.plan.actions import Plan
from reconciler.planning import Wish, gather, make
from reconciler.project import Project
from reconciler.purchase import Purchase
from reconciler.spec.load import Specs
from reconciler.spec.request import Request, operation_of
from reconciler.state.lock import RunLock
from reconciler.state.store import Limits, Store

_DOWNLOADS = 8


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


def apply(project: Project, wish: Wish, desk: Desk) -> RunResult | None:
    """Carry out the plan; None when the desk did not approve.

    Raises LockedError while another run works, BudgetError before anything is sent, and whatever
    else makes the project unusable.
    """
    with RunLock(project.lock_path):
        specs = project.load()
        with Store.open(project.state_path) as store:
            run = _Run(RunId(_new_id("run")), _now(), project, specs, store)
            desk.recovered(store.recover(run.id, run.started))
            plan = make(project, specs, gather(project, store, run_active=False), wish)
            desk.see(plan)
            if not plan.work():
                _keep_manifest(run)
                return RunResult(plan, ())
            _check_budget(run, plan)
            _check_keys(run, plan)
            if not desk.approves(plan):
                return None
            with desk.watch(plan) as reporter:
                return _carry_out(run, plan, reporter)


def _carry_out(run: _Run, plan: Plan, reporter: Reporter) -> RunResult:
    _check_assets(run)
    run.store.start_run(run.id, run.started)
    try:
        result = asyncio.run(_work(run, plan, reporter))
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


async def _work(run: _Run, plan: Plan, reporter: Reporter) -> RunResult:
    from reconciler.clients import connect
    from reconciler.engine.scheduler import run_plan
    from reconciler.engine.workshop import Workshop

    stop = asyncio.Event()
    _listen(stop)
    providers = _providers(plan)
    async with connect(run.project, providers) as connections:
        objects = ObjectStore(run.project.assets_path)
        shop = Workshop(
            run=run.id,
            store=run.store,
            objects=objects,
            display=ViewDisplay(run.project.views(objects), run.store, run.id, _now),
            channels=connections.channels,
            files=connections.files,
            download_slots=asyncio.Semaphore(_DOWNLOADS),
            limits=_limits(run),
            reporter=reporter,
            now=_now,
            new_intent=lambda: IntentId(_new_id("intent")),
            usual_seconds=_history(run.store, providers),
        )
        return await run_plan(plan, run.specs.resources, shop, stop)


def _providers(plan: Plan) -> set[ProviderName]:
    """Return who must be asked; names cost nothing and need nobody."""
    remote = (action for action in plan.work() if action.verb.is_remote)
    return {action.provider for action in remote if action.provider}


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
    """First Ctrl-C: stop submitting and leave in order. Second one: leave at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, partial(_heard, loop, stop, number))


def _heard(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, number: signal.Signals) -> None:
    stop.set()
    loop.remove_signal_handler(number)


def _check_keys(run: _Run, plan: Plan) -> None:
    """Raise ProviderError when a key is missing: before anybody is asked about money."""
    from reconciler.clients import check_keys  # an apply without work needs no HTTP client

    check_keys(run.project, _providers(plan))


def _check_budget(run: _Run, plan: Plan) -> None:
    """Refuse before anything is sent what the limits cannot hold, and what nobody can price."""
    budget, tally = run.project.config.budget, plan.tally()
    if budget.per_apply is None and budget.per_month is None:
        return
    if tally.unpriced:
        unknown = [one.address for one in plan.work() if one.price is None]
        raise BudgetError(
            f"no budget can be kept: the price of {', '.join(unknown[:3])} is unknown",
            details=("nothing was sent",),
            hint=f"give it a price under `prices:` in {CONFIG_FILE}, or `--exclude` it",
        )
    _check_limit("per_apply", budget.per_apply, tally.price, MicroUsd(0))
    spent = run.store.spent(_month_start(run.started))
    _check_limit("per_month", budget.per_month, tally.price, spent)


def _check_limit(name: str, limit: MicroUsd | None, price: MicroUsd, spent: MicroUsd) -> None:
    if limit is None or spent + price <= limit:
        return
    already = f", {format_usd(spent)} of it is spent" if spent else ""
    raise BudgetError(
        f"the plan costs {format_usd(price)}; `budget.{name}` is {format_usd(limit)}{already}",
        details=("nothing was sent",),
        hint=f"apply fewer addresses, or raise the limit in {CONFIG_FILE}",
    )


def _limits(run: _Run) -> Limits:
    budget = run.project.config.budget
    return Limits(budget.per_apply, run.started, budget.per_month, _month_start(run.started))


def _month_start(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _keep_manifest(run: _Run) -> None:
    write_manifest(run.project, run.specs, run.store)


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(8)}"


def _now() -> datetime:
    return datetime.now(UTC)
