"""Settling a doubt: find it, look at what is known, attach its task, or give it up.

What is attached or abandoned is written down under the run lock; bringing it home after that is an
ordinary apply of one purchase.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from reconciler.applying import Desk, apply
from reconciler.engine.loop import run_loop
from reconciler.engine.outcome import RunResult
from reconciler.errors import LockedError, ProviderError, ReconcilerError, UsageError
from reconciler.ids import Address, IntentId, ProviderName, RunId, TaskId
from reconciler.inquiry import Inquiry, everything, inquire, sending_time
from reconciler.looking import portray, standing_of
from reconciler.money import format_price
from reconciler.planning import Proposal, Wish, planned
from reconciler.project import Project
from reconciler.providers.protocol import (
    Awaiting,
    Finished,
    Running,
    TaskState,
    TryAgain,
    Unknown,
)
from reconciler.purchase import Abandoned, Attached, Phase, Purchase, TaskFailed
from reconciler.spec.request import decode
from reconciler.state.archive import Archive
from reconciler.state.lock import RunLock, holder
from reconciler.state.store import Store

_NOTHING_CHANGED = "nothing was changed"
_CLOCKS = timedelta(minutes=2)
"""How far the provider's clock and ours may be apart."""
_ANSWERS = timedelta(minutes=5)
"""How long after a request left its task may have been made, by two such clocks."""

_OPEN = (Phase.SUBMITTING, Phase.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Which:
    """Which doubt is meant: its address, and the beginning of its intent where there are more."""

    address: Address
    intent: str = ""


@dataclass(frozen=True, slots=True)
class Surrender:
    """A doubt that was given up, and the plan from here; None where the specs have errors now."""

    purchase: Purchase
    proposal: Proposal | None


def check(project: Project, which: Which) -> Inquiry:
    """Return what can be found out. Changes nothing, needs no lock. Raises UsageError."""
    sender = holder(project.lock_path)
    with Store.open(project.state_path, read_only=True) as store:
        purchase = _doubt(project, store, which, given_up=False)
        is_sent_now = purchase.phase is Phase.SUBMITTING
        return inquire(project, store, purchase, sender if is_sent_now else None)


def attach(
    project: Project, which: Which, task_id: TaskId, desk: Desk, *, force: bool = False
) -> Purchase:
    """Take a task for what a doubt bought, once the provider has confirmed that there is such.

    Without `force` a task that was made at another time is refused. Raises UsageError and
    ProviderError with nothing changed; LockedError while another run works.
    """
    with _changing(project, desk) as (store, run):
        project.load()  # a spec with an error is told before anything changes
        doubt = _doubt(project, store, which, given_up=True)
        _check_unclaimed(store, doubt.provider, task_id)
        created_at = _verified(project, doubt, task_id)
        if not force:
            _check_moment(task_id, created_at, sending_time(doubt, store.log(doubt.address)))
        return store.record(doubt, Attached(task_id), datetime.now(UTC), run)


def bring_home(project: Project, attached: Purchase, desk: Desk) -> RunResult:
    """Wait for an attached task, fetch and show it, as apply would; buys nothing."""
    try:
        result = apply(project, Wish(only=attached.id), desk)
    except LockedError as error:
        raise LockedError(
            f"task {attached.task_id} is attached to {attached.address}, and {error.summary}",
            hint="the next `reconcile apply` brings its pictures home",
        ) from error
    if result is None:
        raise AssertionError("what only waits and fetches needs nobody's approval")
    return result


def abandon(project: Project, which: Which, desk: Desk) -> Surrender:
    """Give a doubt up: it stays counted as spent, and its take may be bought once more."""
    with _changing(project, desk) as (store, run):
        doubt = _doubt(project, store, which, given_up=False)
        left = store.record(doubt, Abandoned(), datetime.now(UTC), run)
    try:
        return Surrender(left, planned(project, Wish()))
    except ReconcilerError:  # the doubt is given up; what is wrong beside it, `plan` will say
        return Surrender(left, None)


@contextmanager
def _changing(project: Project, desk: Desk) -> Iterator[tuple[Store, RunId]]:
    """Hold the project alone, with whatever a dead run left settled."""
    run = RunId(f"run_{secrets.token_hex(8)}")
    with RunLock(project.lock_path), Store.open(project.state_path) as store:
        desk.recovered(store.recover(run, datetime.now(UTC)))
        yield store, run


def _doubt(project: Project, archive: Archive, which: Which, *, given_up: bool) -> Purchase:
    """Return the one doubt that is meant; with `given_up` also what was abandoned and not bought
    again. Raises UsageError when there is none, or more than one.
    """
    latest = archive.latest()
    bought = (one for one in archive.by_address(which.address) if _stands(one, latest[one.key]))
    found = [one for one in bought if _is_meant(one, given_up=given_up)]
    found = found or _under_new_name(project, archive, which.address, given_up=given_up)
    chosen = [one for one in found if _begins(one.id, which.intent)]
    if len(chosen) == 1:
        return chosen[0]
    problem = "several purchases are in doubt" if chosen else "no such intent is in doubt"
    raise UsageError(
        f"{which.address}: {problem}",
        details=[_described(one) for one in found],
        hint="say which one: `--intent` takes the beginning of its intent",
    )


def _stands(purchase: Purchase, latest: Purchase) -> bool:
    """Whether nothing was bought in its place: what was refused or not sent is nothing."""
    return latest.id == purchase.id or latest.phase in (Phase.REJECTED, Phase.CANCELLED)


def _is_meant(purchase: Purchase, *, given_up: bool) -> bool:
    return purchase.phase in _OPEN or (given_up and purchase.phase is Phase.ABANDONED)


def _begins(intent: IntentId, prefix: str) -> bool:
    return intent.startswith(prefix) or intent.removeprefix("intent_").startswith(prefix)


def _described(purchase: Purchase) -> str:
    when = f"{purchase.created_at:%Y-%m-%d %H:%M:%S} UTC"
    price = format_price(purchase.price)
    return f"{purchase.id}  {when}  {price}  take {purchase.take}  {purchase.phase}"


def _under_new_name(
    project: Project, archive: Archive, address: Address, *, given_up: bool
) -> list[Purchase]:
    """Return the doubt that an address asks for, though it was bought under another one.

    Raises UsageError for an address that nobody knows, or that is not in doubt.
    """
    try:
        portrait = portray(project, address)
    except UsageError as error:
        near = get_close_matches(address, {one.address for one in everything(archive)}, n=1)
        hint = f"did you mean `{near[0]}`?" if near else error.hint
        raise UsageError(error.summary, hint=hint) from error
    action = portrait.action
    purchase = action.purchase if action else None
    if purchase is not None and _is_meant(purchase, given_up=given_up):
        return [purchase]
    raise UsageError(
        f"{address} is not in doubt",
        details=(f"it stands: {standing_of(portrait)}", _NOTHING_CHANGED),
        hint=_advice(portrait.takes, address),
    )


def _advice(takes: Sequence[Purchase], address: Address) -> str:
    if any(one.phase is Phase.ABANDONED for one in takes):
        return f"it was given up; `reconcile resolve {address} --attach TASK_ID` takes its task"
    return f"`reconcile show {address}` tells all about it, `reconcile plan` what is left to do"


def _check_unclaimed(archive: Archive, provider: ProviderName, task_id: TaskId) -> None:
    owner = archive.by_task(provider, task_id)
    if owner is not None:
        raise UsageError(
            f"task {task_id} is on record already, for another purchase",
            details=(f"it is {owner.address}'s: {_described(owner)}", _NOTHING_CHANGED),
            hint="two purchases never share a task: look for another one",
        )


def _verified(project: Project, doubt: Purchase, task_id: TaskId) -> datetime | None:
    """Return when the provider made the task, if it says so. Raises ProviderError."""
    if doubt.provider not in project.config.providers:
        raise ProviderError(
            f"`{doubt.provider}` is no longer in reconciler.yaml",
            details=(_NOTHING_CHANGED,),
            hint=f"add `{doubt.provider}` again: only it can tell about the task",
        )
    answer = run_loop(_look(project, doubt.provider, task_id))
    match answer:
        case Awaiting() if not _may_wait(project, doubt):
            raise UsageError(
                f"task {task_id} waits for a second step, and {doubt.address}'s has none",
                details=(_NOTHING_CHANGED,),
                hint="it is the task of something else: look for another one",
            )
        case Running() | Awaiting() | Finished() | TaskFailed():
            return answer.created_at
        case Unknown(detail):
            raise ProviderError(
                f"{doubt.provider} tells nothing of task {task_id}: {detail}",
                details=(_NOTHING_CHANGED,),
                hint="look the task id up in the account's own history; every character counts",
            )
        case TryAgain(detail):
            raise ProviderError(
                f"{doubt.provider} cannot tell about task {task_id} now: {detail}",
                details=(_NOTHING_CHANGED,),
                hint="try again in a moment",
            )


def _may_wait(project: Project, doubt: Purchase) -> bool:
    return project.adapters()[doubt.provider].has_second_step(decode(doubt.canonical))


async def _look(project: Project, provider: ProviderName, task_id: TaskId) -> TaskState:
    from reconciler.clients import connect

    async with connect(project, [provider], {}) as connections:
        return await connections.channels[provider].look(task_id)


def _check_moment(task_id: TaskId, created_at: datetime | None, sent_at: datetime) -> None:
    """Raise UsageError for a task that cannot be the one: nobody can make it in advance."""
    if created_at is None:
        raise UsageError(
            f"the provider does not say when task {task_id} was made",
            details=(f"this was sent at {_utc(sent_at)}", _NOTHING_CHANGED),
            hint="`--force` takes it all the same, if you know that it is the one",
        )
    if -_CLOCKS <= created_at - sent_at <= _ANSWERS:
        return
    word = "before this was sent" if created_at < sent_at else "long after this was sent"
    raise UsageError(
        f"task {task_id} was made {word}",
        details=(
            f"made at {_utc(created_at)} by the provider's clock, sent at {_utc(sent_at)}",
            _NOTHING_CHANGED,
        ),
        hint="look for another one; `--force` takes it all the same, if a clock was wrong",
    )


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
