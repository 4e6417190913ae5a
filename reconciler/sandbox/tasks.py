"""The register of tasks: accepting a job is one transaction with its charge."""

import json
import math
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from reconciler.ids import TaskId
from reconciler.money import MicroUsd, format_usd
from reconciler.sandbox.database import Database
from reconciler.sandbox.drawing.painting import commission_from_json, seed_of
from reconciler.sandbox.jobs import Failure, Job, RefusalError, Task
from reconciler.sandbox.ledger import Ledger
from reconciler.sandbox.settings import SandboxSettings

_QUEUED = 0.15
"""The share of its duration that a task waits before it is worked on."""


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
            self._check_room(connection, account, now)
            if self._ledger.balance_within(connection, account) < job.price:
                raise RefusalError(402, f"Insufficient balance: this costs {format_usd(job.price)}")
            task = self._task(connection, account, job, origin, now)
            _insert(connection, task, likeness)
            self._ledger.charge(connection, task)
        return task

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
        query = "SELECT count(*) FROM tasks WHERE account = ? AND finished > ?"
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
        dice = Random(seed_of(self._settings.seed, task_id))  # noqa: S311 - no secret
        lasts = dice.uniform(*job.duration) / self._settings.speed
        return Task(
            task_id=task_id,
            account=account,
            mode=job.mode,
            prompt=job.prompt,
            content=job.content,
            price=job.price,
            pictures=job.pictures,
            commission=replace(job.commission, seed=seed),
            created=now,
            started=now + lasts * _QUEUED,
            finished=now + lasts + job.stall,
            failure=job.failure,
            callback_url=job.callback_url,
            origin=origin,
        )


def task_summary(task: Task, now: float) -> dict[str, object]:
    """Return a task as JSON for people and tests: the sandbox's own words, no vendor's."""
    return {
        "task_id": task.task_id,
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
    content = {key: value for key, value in job.content.items() if key != "taskId"}
    parts = (job.mode, json.dumps(content, sort_keys=True), job.commission.to_json())
    return str(seed_of(*parts))


def _insert(connection: sqlite3.Connection, task: Task, likeness: str) -> None:
    columns: Mapping[str, object] = {
        "task_id": task.task_id,
        "account": task.account,
        "mode": task.mode,
        "prompt": task.prompt,
        "content": json.dumps(task.content),
        "price": task.price,
        "pictures": task.pictures,
        "commission": task.commission.to_json(),
        "likeness": likeness,
        "created": task.created,
        "started": task.started,
        "finished": task.finished,
        "fail_code": task.failure.code if task.failure else None,
        "fail_message": task.failure.message if task.failure else None,
        "callback_url": task.callback_url,
        "origin": task.origin,
    }
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    connection.execute(
        f"INSERT INTO tasks ({names}) VALUES ({marks})",  # noqa: S608 - our own column names
        tuple(columns.values()),
    )


def _task(row: sqlite3.Row) -> Task:
    failed = row["fail_code"] is not None
    return Task(
        task_id=TaskId(row["task_id"]),
        account=row["account"],
        mode=row["mode"],
        prompt=row["prompt"],
        content=json.loads(row["content"]),
        price=MicroUsd(row["price"]),
        pictures=row["pictures"],
        commission=commission_from_json(row["commission"]),
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        failure=Failure(row["fail_code"], row["fail_message"]) if failed else None,
        callback_url=row["callback_url"],
        origin=row["origin"],
    )
