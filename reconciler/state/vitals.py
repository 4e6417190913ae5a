"""What `reconcile health` asks of the database: tasks with their course, out of the history."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.ids import RunId
from reconciler.purchase import Candidate, Purchase
from reconciler.state.rows import (
    CANDIDATE_COLUMNS,
    PURCHASE_COLUMNS,
    PurchaseReader,
    candidate,
    time_text,
)

STAGE = "stage"
"""The kind of an event that says in which stage a task was seen: `task_id`, `stage`."""


@dataclass(frozen=True, slots=True)
class Course:
    """A purchase, and what the history tells beside its row.

    `stages` are the provider's words for where its task was, and when they were first seen, the
    oldest first. `is_watched`: one and the same run saw it accepted and saw its end, so that the
    time between them is the provider's and not our absence.
    """

    purchase: Purchase
    stages: tuple[tuple[datetime, str], ...] = ()
    is_watched: bool = False


def courses(connection: sqlite3.Connection, since: datetime) -> tuple[Course, ...]:
    """Return what ended or was refused since then, and all that is under way; oldest first."""
    return tuple(_course(connection, one) for one in _purchases(connection, since))


def _purchases(connection: sqlite3.Connection, since: datetime) -> Iterator[Purchase]:
    rows = connection.execute(
        f"SELECT {PURCHASE_COLUMNS}, key FROM purchases"  # noqa: S608 - our own column names
        " WHERE phase IN ('submitted', 'modal') OR finished_at >= ?1"
        " OR (phase = 'rejected' AND changed_at >= ?1) ORDER BY key",
        (time_text(since),),
    ).fetchall()
    reader = PurchaseReader()
    for row in rows:
        yield reader.purchase(row, _candidates(connection, row[-1]))


def _candidates(connection: sqlite3.Connection, key: int) -> Iterator[Candidate]:
    rows = connection.execute(
        f"SELECT {CANDIDATE_COLUMNS} FROM candidates WHERE purchase = ? ORDER BY number",  # noqa: S608
        (key,),
    )
    return map(candidate, rows)


def _course(connection: sqlite3.Connection, purchase: Purchase) -> Course:
    rows = connection.execute(
        "SELECT at, run, kind, data FROM events WHERE address = ? AND (intent = ? OR kind = ?)"
        " AND kind IN ('accepted', 'delivered', 'task_failed', ?3) ORDER BY seq",
        (purchase.address, purchase.id, STAGE),
    ).fetchall()
    stages: list[tuple[datetime, str]] = []
    runs: dict[str, RunId] = {}
    for at, run, kind, data in rows:
        if kind != STAGE:
            runs.setdefault("accepted" if kind == "accepted" else "ended", run)
        elif (told := json.loads(data)).get("task_id") == purchase.task_id:
            stages.append((datetime.fromisoformat(at), told["stage"]))
    is_watched = "accepted" in runs and runs["accepted"] == runs.get("ended")
    return Course(purchase, tuple(stages), is_watched)
