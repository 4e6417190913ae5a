"""Every owned file re-read: damage is set aside, fetched again while links live, or priced."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from reconciler.applying import Desk, apply
from reconciler.assets.objects import Integrity, ObjectStore
from reconciler.engine.outcome import Ending, RunResult
from reconciler.errors import ExitCode
from reconciler.ids import Address, CandidateNumber, Digest, RunId
from reconciler.inventory import is_step
from reconciler.money import NOTHING, MicroUsd, format_price
from reconciler.plan.actions import Plan, Reason
from reconciler.planning import Wish, planned
from reconciler.project import Project
from reconciler.purchase import Purchase
from reconciler.state.lock import RunLock
from reconciler.state.store import Store

_COMES_AGAIN = (Reason.BYTES_MISSING, Reason.CUT_AGAIN)


class Fate(StrEnum):
    """What became of a damaged file."""

    FETCHED = "fetched again"
    LATER = "not fetched yet: run `reconcile apply`"
    GONE = "gone, its link has expired"
    UNWANTED = "gone, and no spec asks for it any more"
    SPARE = "gone, and not missed: only its task was needed"

    @property
    def is_loss(self) -> bool:
        """Whether something is not there that somebody may want."""
        return self not in (Fate.FETCHED, Fate.SPARE)


@dataclass(frozen=True, slots=True)
class Damage:
    """One file whose bytes are not what was bought. `price` is a new take's; None is unknown."""

    address: Address
    candidate: CandidateNumber
    digest: Digest
    integrity: Integrity
    fate: Fate = Fate.UNWANTED
    price: MicroUsd | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification. `checked` counts files, shared ones once."""

    checked: int
    damages: tuple[Damage, ...]

    def exit_code(self) -> ExitCode:
        """Return 0 when everything is there again."""
        is_lost = any(one.fate.is_loss for one in self.damages)
        return ExitCode.FAILURES if is_lost else ExitCode.OK


def verify(project: Project, desk: Desk) -> Report:
    """Re-read everything, set damaged bytes aside, and fetch what can be fetched. Buys nothing."""
    objects = ObjectStore(project.assets_path)
    with RunLock(project.lock_path):
        _recover(project, desk)
        with Store.open(project.state_path, read_only=True) as store:
            purchases = store.latest().values()
            digests = sorted(set(_digests(purchases)))
            damaged = dict(_damaged(objects, digests))
    if not damaged:
        return Report(len(digests), ())
    plan = planned(project, Wish()).plan
    fetchable = tuple(action.address for action in plan.actions if action.reason in _COMES_AGAIN)
    result = apply(project, Wish(fetchable), desk) if fetchable else None
    fates = _spares(purchases) | _fates(plan, result)
    return Report(len(digests), tuple(_described(purchases, damaged, fates)))


def _recover(project: Project, desk: Desk) -> None:
    """Settle what a dead run left: while this one holds the project, it would look alive."""
    if project.state_path.exists():
        with Store.open(project.state_path) as store:
            run = RunId(f"run_{secrets.token_hex(8)}")
            desk.recovered(store.recover(run, datetime.now(UTC)))


def _digests(purchases: Iterable[Purchase]) -> Iterator[Digest]:
    for purchase in purchases:
        for one in purchase.candidates:
            if one.picture is not None:
                yield one.picture.digest


def _damaged(objects: ObjectStore, digests: list[Digest]) -> Iterator[tuple[Digest, Integrity]]:
    for digest in digests:
        integrity = objects.verify(digest)
        if integrity is Integrity.CORRUPT:
            objects.discard_corrupt(digest)
        if integrity is not Integrity.OK:
            yield digest, integrity


_Fates = dict[str, tuple[Fate, MicroUsd | None]]


def _fates(plan: Plan, result: RunResult | None) -> _Fates:
    """Return, by intent, what became of purchases with missing bytes."""
    outcomes = {one.address: one.ending for one in result.outcomes} if result else {}
    fates: dict[str, tuple[Fate, MicroUsd | None]] = {}
    for action in plan.actions:
        if action.purchase is None:
            continue
        if action.reason is Reason.BYTES_GONE:
            fates[action.purchase.id] = (Fate.GONE, action.price)
        elif action.reason in _COMES_AGAIN:
            is_done = outcomes.get(action.address) is Ending.DONE
            fates[action.purchase.id] = (Fate.FETCHED if is_done else Fate.LATER, action.price)
    return fates


def _spares(purchases: Iterable[Purchase]) -> _Fates:
    """Return the fate of what was bought for its task only: its picture is owned by its parent."""
    return {one.id: (Fate.SPARE, NOTHING) for one in purchases if is_step(one)}


def _described(
    purchases: Iterable[Purchase], damaged: Mapping[Digest, Integrity], fates: _Fates
) -> Iterator[Damage]:
    for purchase in purchases:
        fate, price = fates.get(purchase.id, (Fate.UNWANTED, purchase.price))
        for one in purchase.candidates:
            if one.picture is not None and one.picture.digest in damaged:
                digest = one.picture.digest
                yield Damage(purchase.address, one.number, digest, damaged[digest], fate, price)


def report_lines(report: Report) -> Iterator[str]:
    """Yield a line for each damage and one for the sum."""
    for one in report.damages:
        is_paid = one.fate is Fate.GONE and one.price != NOTHING
        price = f"; a new take costs {format_price(one.price)}" if is_paid else ""
        yield f"{one.address} candidate {one.candidate}: {one.integrity}, {one.fate}{price}"
    lost = sum(one.fate.is_loss for one in report.damages)
    files = "1 file" if report.checked == 1 else f"{report.checked} files"
    yield f"{files} checked, {len(report.damages)} damaged, {lost} not restored."


def report_json(report: Report) -> dict[str, Any]:
    """Return the report for programs."""
    return {
        "checked": report.checked,
        "damaged": [
            {
                "address": one.address,
                "candidate": one.candidate,
                "digest": one.digest,
                "integrity": one.integrity.value,
                "fate": one.fate.name.lower(),
                "price_micro_usd": one.price,
            }
            for one in report.damages
        ],
        "exit_code": int(report.exit_code()),
    }
