"""The register of tasks: accepting a job is one transaction with its charge."""

import json
import math
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from reconciler.ids import TaskId
from reconciler.money import MicroUsd, format_usd
from reconciler.sandbox.database import Database
from reconciler.sandbox.drawing.painting import commission_from_json, seed_of
from reconciler.sandbox.jobs import Failure, Job, RefusalError, Task, Vendor
from reconciler.sandbox.ledger import Ledger
from reconciler.sandbox.settings import SandboxSettings

_QUEUED = 0.15
"""The share of its duration that a task waits before it is worked on."""

_RUNNING = "account = ? AND finished > ? AND paused = 0"

_IDS = frozenset({"taskId", "task_id"})
"""Fields that name an earlier task."""


class Register:
    """Tasks, kept for ever."""

    def __init__(self, database: Database, ledger: Ledger, settings: SandboxSettings) -> None:
        self._database = database
        self._ledger = ledger
        self._settings = settings

    def accept(self, account: str, job: Job, origin: str, now: float) -> Task:
        """Record and charge a job. Raises RefusalError: 429 when busy, 402 without the money."""
        likeness = _likeness(job)
        with self._database.change() as connection:
            self._ledger.settle(connection, now)
            if not job.pace.queues:
                self._check_room(connection, account, now)
            if self._ledger.balance_within(connection, account) < job.price:
                raise RefusalError(402, f"Insufficient balance: this costs {format_usd(job.price)}")
            task = self._task(connection, account, job, origin, now)
            _insert(connection, task, likeness)
            self._ledger.charge(connection, task)
        return task

    def go_on(self, task: Task, job: Job, now: float) -> Task:
        """Begin the second step of a task that waits for it, as this job; it costs nothing more.

        Raises RefusalError 400 when the task does not wait (any more).
        """
        with self._database.change() as connection:
            times = self._times(connection, task.account, job, task.task_id, now)
            values = {
                **_job_columns(job),
                "confirmed": times.confirmed,
                "started": times.started,
                "finished": times.finished,
                **_failure_columns(times.failure),
            }
            changes = ", ".join(f"{name} = ?" for name in values)
            waiting = "task_id = ? AND paused = 1 AND finished > ?"
            changed = connection.execute(
                f"UPDATE tasks SET paused = 0, {changes} WHERE {waiting}",  # noqa: S608 - ours
                (*values.values(), task.task_id, now),
            )
            if changed.rowcount == 0:
                raise RefusalError(400, f"task {task.task_id} is not in MODAL state")
        found = self.find(task.task_id)
        return task if found is None else found

    def find(self, task_id: str) -> Task | None:
        """Return a task of any account."""
        row = self._database.row("SELECT * FROM tasks WHERE task_id = ?", task_id)
        return None if row is None else _task(row)

    def all(self) -> list[Task]:
        """Return every task, oldest first."""
        return [_task(row) for row in self._database.rows("SELECT * FROM tasks ORDER BY rowid")]

    def awaiting_callback(self) -> list[Task]:
        """Return the tasks whose callback is neither delivered nor given up."""
        query = "SELECT * FROM tasks WHERE callback_url IS NOT NULL AND called_back = 0"
        return [_task(row) for row in self._database.rows(query)]

    def called_back(self, task_id: TaskId) -> None:
        """Record that a task needs no callback any more."""
        with self._database.change() as connection:
            connection.execute("UPDATE tasks SET called_back = 1 WHERE task_id = ?", (task_id,))

    def _check_room(self, connection: sqlite3.Connection, account: str, now: float) -> None:
        limit = self._settings.concurrent
        query = f"SELECT count(*) FROM tasks WHERE {_RUNNING}"  # noqa: S608 - our own words
        if limit is not None and connection.execute(query, (account, now)).fetchone()[0] >= limit:
            raise RefusalError(429, f"Concurrency limit reached: {limit} unfinished tasks")

    def _task(
        self, connection: sqlite3.Connection, account: str, job: Job, origin: str, now: float
    ) -> Task:
        task_id = TaskId(f"task_{secrets.token_hex(12)}")
        # The n-th purchase of a request draws the same picture in every fresh sandbox: examples
        # are reproducible, and yet buying again gives another picture.
        alike = "SELECT count(*) FROM tasks WHERE likeness = ?"
        (nth,) = connection.execute(alike, (_likeness(job),)).fetchone()
        seed = seed_of(self._settings.seed, _likeness(job), nth)
        times = self._times(connection, account, job, task_id, now)
        return Task(
            task_id=task_id,
            vendor=job.vendor,
            account=account,
            mode=job.mode,
            prompt=job.prompt,
            content=job.content,
            price=job.price,
            pictures=job.pictures,
            commission=replace(job.commission, seed=seed),
            created=now,
            confirmed=times.confirmed,
            started=times.started,
            finished=times.finished,
            paused=times.paused,
            failure=times.failure,
            callback_url=job.callback_url,
            origin=origin,
        )

    def _times(
        self, connection: sqlite3.Connection, account: str, job: Job, task_id: str, now: float
    ) -> "_Times":
        """Return when a job that is taken up now will begin and end, and how."""
        dice = Random(seed_of(self._settings.seed, task_id))  # noqa: S311 - no secret
        speed, limit = self._settings.speed, job.pace.limit
        lasts = dice.uniform(*job.duration) / speed
        confirmed = now + job.idle
        begins = max(confirmed, self._free_at(connection, account, job, now))
        started, finished = begins + lasts * _QUEUED, begins + lasts + job.stall
        deadline = math.inf if limit is None else now + limit / speed
        pauses = job.pace.pauses and job.failure is None
        if pauses or finished > deadline:
            return _Times(confirmed, started, deadline, job.pace.overdue, pauses)
        return _Times(confirmed, started, finished, job.failure)

    def _free_at(self, connection: sqlite3.Connection, account: str, job: Job, now: float) -> float:
        """Return when a job that queues finds a place among the concurrent tasks."""
        limit = self._settings.concurrent
        if limit is None or not job.pace.queues or job.pace.is_instant:
            return now
        query = f"SELECT finished FROM tasks WHERE {_RUNNING} ORDER BY finished DESC LIMIT ?"  # noqa: S608
        ends = connection.execute(query, (account, now, limit)).fetchall()
        return now if len(ends) < limit else float(ends[-1][0])


@dataclass(frozen=True, slots=True)
class _Times:
    """When a task gets on, in epoch seconds, and how it ends."""

    confirmed: float
    started: float
    finished: float
    failure: Failure | None
    paused: bool = False


def task_summary(task: Task, now: float) -> dict[str, object]:
    """Return a task as JSON for people and tests: the sandbox's own words, no vendor's."""
    return {
        "task_id": task.task_id,
        "vendor": task.vendor.value,
        "mode": task.mode,
        "prompt": task.prompt[:80],
        "state": task.phase(now).value,
        "price": task.price,
        "pictures": task.pictures,
        "created": task.created,
        "finished": task.finished if math.isfinite(task.finished) else None,
        "fail_code": task.failure.code if task.failure else None,
        "account": task.account,
    }


def _likeness(job: Job) -> str:
    """Return what makes two jobs the same request: the drawing, not the parent's random id."""
    content = {key: value for key, value in job.content.items() if key not in _IDS}
    parts = (job.mode, json.dumps(content, sort_keys=True), job.commission.to_json())
    return str(seed_of(*parts))


def _insert(connection: sqlite3.Connection, task: Task, likeness: str) -> None:
    columns: Mapping[str, object] = {
        "task_id": task.task_id,
        "vendor": task.vendor,
        "account": task.account,
        "mode": task.mode,
        "price": task.price,
        "likeness": likeness,
        **_job_columns(task),
        "created": task.created,
        "confirmed": task.confirmed,
        "started": task.started,
        "finished": task.finished,
        "paused": task.paused,
        **_failure_columns(task.failure),
        "callback_url": task.callback_url,
        "origin": task.origin,
    }
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    connection.execute(
        f"INSERT INTO tasks ({names}) VALUES ({marks})",  # noqa: S608 - our own column names
        tuple(columns.values()),
    )


def _job_columns(job: Job | Task) -> dict[str, object]:
    """Return what is executed, as columns: all that a second step may change."""
    return {
        "prompt": job.prompt,
        "content": json.dumps(job.content),
        "pictures": job.pictures,
        "commission": job.commission.to_json(),
    }


def _failure_columns(failure: Failure | None) -> dict[str, object]:
    code, message = (failure.code, failure.message) if failure else (None, None)
    return {"fail_code": code, "fail_message": message}


def _task(row: sqlite3.Row) -> Task:
    failed = row["fail_code"] is not None
    return Task(
        task_id=TaskId(row["task_id"]),
        vendor=Vendor(row["vendor"]),
        account=row["account"],
        mode=row["mode"],
        prompt=row["prompt"],
        content=json.loads(row["content"]),
        price=MicroUsd(row["price"]),
        pictures=row["pictures"],
        commission=commission_from_json(row["commission"]),
        created=row["created"],
        confirmed=row["confirmed"],
        started=row["started"],
        finished=row["finished"],
        paused=bool(row["paused"]),
        failure=Failure(row["fail_code"], row["fail_message"]) if failed else None,
        callback_url=row["callback_url"],
        origin=row["origin"],
    )
