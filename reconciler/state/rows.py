"""Purchases as rows and back: pure, exact, and quick for tens of thousands."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from reconciler.ids import CandidateNumber
from reconciler.policy import FailureKind
from reconciler.purchase import (
    NO_REPORT,
    Candidate,
    Failure,
    FollowUp,
    ParentUse,
    Phase,
    Purchase,
    Report,
    StoredPicture,
)

Row = tuple[Any, ...]

PURCHASE_COLUMNS = (
    "id, fingerprint, take, attempt, address, provider, canonical, parent_id, parent_candidate,"
    " price_micro_usd, phase, created_at, changed_at, submitted_at, finished_at, links_expire_at,"
    " task_id, failure, follow_ups, charged_micro_usd, fruitless_before, report"
)
CANDIDATE_COLUMNS = "number, url, digest, media_type, width, height, byte_count, purchase"

_PHASES = {phase.value: phase for phase in Phase}


def time_text(time: datetime) -> str:
    """Return the time in UTC as text of one width, so that its order is time's order.

    Raises ValueError for a time without a zone: a bug, since nobody knows when that is.
    """
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone: {time}")
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def json_text(value: Any) -> str:
    """Return compact JSON in ASCII: even half a surrogate pair from a provider survives."""
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def purchase_row(purchase: Purchase) -> dict[str, Any]:
    """Return what a new purchase's row holds, by column."""
    parent = purchase.parent
    return {
        "id": purchase.id,
        "fingerprint": purchase.fingerprint,
        "take": purchase.take,
        "attempt": purchase.attempt,
        "address": purchase.address,
        "provider": purchase.provider,
        "canonical": purchase.canonical,
        "parent_id": parent.intent if parent else None,
        "parent_candidate": parent.candidate if parent else None,
        "price_micro_usd": purchase.price,
        "fruitless_before": purchase.fruitless_before,
        "created_at": time_text(purchase.created_at),
    } | changing_columns(purchase)


def changing_columns(purchase: Purchase) -> dict[str, Any]:
    """Return the columns that an event may change."""
    failure, follow_ups = purchase.failure, purchase.follow_ups
    report = purchase.report
    return {
        "phase": purchase.phase.value,
        "changed_at": time_text(purchase.changed_at),
        "submitted_at": _optional_time(purchase.submitted_at),
        "finished_at": _optional_time(purchase.finished_at),
        "links_expire_at": _optional_time(purchase.links_expire_at),
        "task_id": purchase.task_id,
        "charged_micro_usd": purchase.charged,
        "failure": None if failure is None else json_text(asdict(failure)),
        "follow_ups": None
        if follow_ups is None
        else json_text([asdict(one) for one in follow_ups]),
        "report": None if report == NO_REPORT else json_text(asdict(report)),
    }


def candidate_row(purchase_key: int, candidate: Candidate) -> dict[str, Any]:
    """Return a candidate's row, by column."""
    picture = candidate.picture
    return {
        "purchase": purchase_key,
        "number": candidate.number,
        "url": candidate.url,
        "digest": picture.digest if picture else None,
        "media_type": picture.media_type if picture else None,
        "width": picture.width if picture else None,
        "height": picture.height if picture else None,
        "byte_count": picture.byte_count if picture else None,
    }


def candidate(row: Row) -> Candidate:
    """Return the candidate of a row of CANDIDATE_COLUMNS."""
    number, url, digest, media_type, width, height, byte_count, _ = row
    if digest is None:
        return Candidate(number, url)
    return Candidate(number, url, StoredPicture(digest, media_type, width, height, byte_count))


class PurchaseReader:
    """Builds purchases out of rows that begin with PURCHASE_COLUMNS.

    The same failure or list of follow-ups is parsed once and shared: such values never change, and
    nearly all tasks of one kind offer the same.
    """

    def __init__(self) -> None:
        self._follow_ups: dict[str | None, tuple[FollowUp, ...] | None] = {None: None}
        self._failures: dict[str | None, Failure | None] = {None: None}

    def purchase(self, row: Row, candidates: Iterable[Candidate]) -> Purchase:
        """Return the purchase of a row."""
        name, fingerprint, take, attempt, address, provider, canonical, parent, of = row[:9]
        price, phase, created, changed, submitted, finished, expire, task = row[9:17]
        when = datetime.fromisoformat
        return Purchase(
            name,
            fingerprint,
            take,
            attempt,
            address,
            provider,
            canonical,
            None if parent is None else ParentUse(parent, of),
            price,
            _PHASES[phase],
            when(created),
            when(changed),
            None if submitted is None else when(submitted),
            None if finished is None else when(finished),
            None if expire is None else when(expire),
            task,
            self._failure(row[17]),
            tuple(candidates),
            self._offers(row[18]),
            row[19],
            row[20],
            NO_REPORT if row[21] is None else Report(**json.loads(row[21])),
        )

    def _failure(self, text: str | None) -> Failure | None:
        if text is not None and text not in self._failures:
            self._failures[text] = _failure(text)
        return self._failures[text]

    def _offers(self, text: str | None) -> tuple[FollowUp, ...] | None:
        if text is not None and text not in self._follow_ups:
            self._follow_ups[text] = tuple(_follow_up(one) for one in json.loads(text))
        return self._follow_ups[text]


def _optional_time(time: datetime | None) -> str | None:
    return None if time is None else time_text(time)


def _failure(text: str) -> Failure:
    content = json.loads(text)
    return Failure(
        FailureKind(content["kind"]), content["code"], content["message"], content["advice"]
    )


def _follow_up(content: dict[str, Any]) -> FollowUp:
    return FollowUp(
        content["operation"],
        tuple(CandidateNumber(number) for number in content["candidates"]),
        tuple(content["kinds"]),
    )
