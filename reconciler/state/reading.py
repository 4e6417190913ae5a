"""The questions that the database answers: SQL in, domain values out. None of them writes."""

import gc
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from reconciler.ids import Address, Digest, IntentId, ProviderName, TaskId
from reconciler.purchase import Candidate, Purchase
from reconciler.spec.resource import TakeKey
from reconciler.state.records import EventRecord, UploadRecord, UsualTime, ViewRecord
from reconciler.state.rows import (
    CANDIDATE_COLUMNS,
    PURCHASE_COLUMNS,
    PurchaseReader,
    Row,
    candidate,
    time_text,
)

_RECENT = 500
_NO_MORE: tuple[None, Iterator[Row]] = (None, iter(()))


def latest(connection: sqlite3.Connection) -> dict[TakeKey, Purchase]:
    """Return, for every take, the attempt that says how it stands; two queries for all of them."""
    with _without_collector():
        newest: dict[TakeKey, Purchase] = {}
        for one in _all_purchases(connection):
            known = newest.setdefault(one.key, one)
            if known is not one and known.precedence < one.precedence:
                newest[one.key] = one
        return newest


def purchase(connection: sqlite3.Connection, intent: IntentId) -> Purchase | None:
    """Return one attempt, or None when there is no such intent."""
    return next(iter(_where(connection, "id = ?", intent)), None)


def attempts(connection: sqlite3.Connection, key: TakeKey) -> tuple[Purchase, ...]:
    """Return every attempt at a take, the first one first."""
    return _where(connection, "fingerprint = ? AND take = ? ORDER BY attempt", *key)


def by_address(connection: sqlite3.Connection, address: Address) -> tuple[Purchase, ...]:
    """Return what was bought under an address, the oldest first."""
    return _where(connection, "address = ? ORDER BY key", address)


def by_task(
    connection: sqlite3.Connection, provider: ProviderName, task_id: TaskId
) -> Purchase | None:
    """Return the purchase that this task of a provider stands for, if there is one."""
    return next(iter(_where(connection, "provider = ? AND task_id = ?", provider, task_id)), None)


def unsent(connection: sqlite3.Connection) -> tuple[Purchase, ...]:
    """Return the purchases of which no answer is on record; at rest there are none."""
    condition = "phase IN ('intended', 'submitting') ORDER BY key"
    return _where(connection, condition)


def durations(connection: sqlite3.Connection, provider: ProviderName) -> tuple[UsualTime, ...]:
    """Return the usual times of a provider's recent successes, by operation and speed."""
    rows = connection.execute(
        "SELECT operation, speed, submitted_at, finished_at FROM purchases"
        " WHERE provider = ? AND finished_at IS NOT NULL AND submitted_at IS NOT NULL"
        " AND phase IN ('succeeded', 'stored') ORDER BY finished_at DESC LIMIT ?",
        (provider, _RECENT),
    )
    groups: dict[tuple[str, str | None], list[timedelta]] = {}
    for operation, speed, start, end in rows:
        took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
        groups.setdefault((operation, speed), []).append(took)
    return tuple(
        UsualTime(operation, speed, _median(times), len(times))
        for (operation, speed), times in sorted(groups.items(), key=str)
    )


def upload(
    connection: sqlite3.Connection,
    provider: ProviderName,
    origin: str,
    digest: Digest,
    form: str,
    until: datetime,
) -> UploadRecord | None:
    """Return the upload that lives longest, if that is beyond `until`."""
    row = connection.execute(
        "SELECT url, at, expires_at FROM uploads"
        " WHERE provider = ? AND origin = ? AND digest = ? AND form = ? AND expires_at > ?"
        " ORDER BY expires_at DESC LIMIT 1",
        (provider, origin, digest, form, time_text(until)),
    ).fetchone()
    if row is None:
        return None
    url, at, expires_at = row
    when = datetime.fromisoformat
    return UploadRecord(provider, origin, digest, form, url, when(at), when(expires_at))


def views(connection: sqlite3.Connection) -> dict[Address, ViewRecord]:
    """Return what every address shows."""
    with _without_collector():
        rows = connection.execute(
            "SELECT address, intent, fingerprint, take, pick, files FROM views ORDER BY address"
        ).fetchall()
        # One parse of all lists is several times faster than one parse each.
        files = json.loads(f"[{','.join(row[5] for row in rows)}]")
        return {
            address: ViewRecord(address, intent, fingerprint, take, pick, each)
            for (address, intent, fingerprint, take, pick, _), each in zip(rows, files, strict=True)
        }


def log(
    connection: sqlite3.Connection, address: Address | None, limit: int | None, after: int
) -> tuple[EventRecord, ...]:
    """Return the history, the oldest first; `limit` keeps the newest, `after` is a `seq`."""
    rows = connection.execute(
        "SELECT seq, at, run, address, intent, kind, data FROM events"
        " WHERE (?1 IS NULL OR address = ?1) AND seq > ?2 ORDER BY seq DESC LIMIT ?3",
        (address, after, -1 if limit is None else limit),
    ).fetchall()
    return tuple(_event(row) for row in reversed(rows))


def last_seq(connection: sqlite3.Connection) -> int:
    """Return the number of the newest event, 0 before the first: it grows with every change."""
    (seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
    return int(seq)


def _where(connection: sqlite3.Connection, condition: str, *values: Any) -> tuple[Purchase, ...]:
    rows = connection.execute(
        f"SELECT {PURCHASE_COLUMNS}, key FROM purchases WHERE {condition}",  # noqa: S608 - ours
        values,
    ).fetchall()
    reader = PurchaseReader()
    return tuple(reader.purchase(row, _candidates(connection, row[-1])) for row in rows)


def _candidates(connection: sqlite3.Connection, key: int) -> Iterator[Candidate]:
    rows = connection.execute(
        f"SELECT {CANDIDATE_COLUMNS} FROM candidates WHERE purchase = ? ORDER BY number",  # noqa: S608
        (key,),
    )
    return map(candidate, rows)


def _all_purchases(connection: sqlite3.Connection) -> Iterator[Purchase]:
    """Walk both tables side by side: no row is held longer than it takes to build its value."""
    reader = PurchaseReader()
    rows = connection.execute(f"SELECT {PURCHASE_COLUMNS}, key FROM purchases ORDER BY key")  # noqa: S608
    candidates = groupby(
        connection.execute(
            f"SELECT {CANDIDATE_COLUMNS} FROM candidates ORDER BY purchase, number"  # noqa: S608
        ),
        key=itemgetter(-1),
    )
    key, group = next(candidates, _NO_MORE)
    for row in rows:
        if key == row[-1]:
            yield reader.purchase(row, map(candidate, group))
            key, group = next(candidates, _NO_MORE)
        else:
            yield reader.purchase(row, ())


def _event(row: tuple[Any, ...]) -> EventRecord:
    seq, at, run, address, intent, kind, data = row
    when = datetime.fromisoformat(at)
    return EventRecord(seq, when, run, address, intent, kind, json.loads(data))


def _median(times: list[timedelta]) -> timedelta:
    ordered = sorted(times)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the cycle collector: it would scan 200,000 new values again and again, for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
