"""The truth about money: every charge and refund, in order. Amounts are micro-dollars."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from reconciler.ids import TaskId
from reconciler.money import MicroUsd
from reconciler.sandbox.database import Database
from reconciler.sandbox.jobs import Task, Vendor


class EntryKind(StrEnum):
    """Which way the money went."""

    CHARGE = "charge"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of money. `at` is epoch seconds; `account` a key's hash, never the key.

    `reason` is why a task was refunded, in its vendor's words; None for a charge.
    """

    seq: int
    at: float
    vendor: Vendor
    account: str
    task_id: TaskId
    kind: EntryKind
    amount: MicroUsd
    mode: str
    prompt: str
    reason: str | None


_DUE = "fail_code IS NOT NULL AND refunded = 0 AND finished <= ?"

_SUMS = "SELECT kind, sum(amount) FROM ledger WHERE account = ? GROUP BY kind"

_SETTLE = f"""
INSERT INTO ledger (at, account, task_id, kind, amount, mode)
SELECT finished, account, task_id, 'refund', price, mode FROM tasks
WHERE {_DUE} ORDER BY finished
"""  # noqa: S608 - our own words


class Ledger:
    """Reads and settles the accounts. A failed task is refunded at the moment it fails."""

    def __init__(self, database: Database, opening: MicroUsd) -> None:
        self._database = database
        self._opening = opening

    def entries(self, now: float) -> list[Entry]:
        """Return every movement until now, oldest first."""
        self._settle_if_due(now)
        query = (
            "SELECT l.*, t.vendor, t.prompt, t.fail_code FROM ledger l JOIN tasks t USING (task_id)"
            " ORDER BY seq"
        )
        return [_entry(row) for row in self._database.rows(query)]

    def balance(self, account: str, now: float) -> MicroUsd:
        """Return what the account has left."""
        self._settle_if_due(now)
        return self._balance(self._database.rows(_SUMS, account))

    def balance_within(self, connection: sqlite3.Connection, account: str) -> MicroUsd:
        """Return what the account has left, as seen inside a transaction."""
        return self._balance(connection.execute(_SUMS, (account,)).fetchall())

    def settle(self, connection: sqlite3.Connection, now: float) -> None:
        """Refund every task that has failed by now, inside the caller's transaction."""
        if connection.execute(_SETTLE, (now,)).rowcount > 0:
            connection.execute(f"UPDATE tasks SET refunded = 1 WHERE {_DUE}", (now,))  # noqa: S608

    def charge(self, connection: sqlite3.Connection, task: Task) -> None:
        """Charge a task to its account, inside the transaction that records it."""
        connection.execute(
            "INSERT INTO ledger (at, account, task_id, kind, amount, mode)"
            " VALUES (?, ?, ?, 'charge', ?, ?)",
            (task.created, task.account, task.task_id, task.price, task.mode),
        )

    def _balance(self, rows: Iterable[sqlite3.Row]) -> MicroUsd:
        sums: dict[str, int] = {row[0]: row[1] for row in rows}
        spent = sums.get(EntryKind.CHARGE, 0) - sums.get(EntryKind.REFUND, 0)
        return MicroUsd(self._opening - spent)

    def _settle_if_due(self, now: float) -> None:
        due = f"SELECT 1 FROM tasks WHERE {_DUE} LIMIT 1"  # noqa: S608
        if self._database.row(due, now) is not None:
            with self._database.change() as connection:
                self.settle(connection, now)


def _entry(row: sqlite3.Row) -> Entry:
    kind = EntryKind(row["kind"])
    return Entry(
        seq=row["seq"],
        at=row["at"],
        vendor=Vendor(row["vendor"]),
        account=row["account"],
        task_id=TaskId(row["task_id"]),
        kind=kind,
        amount=MicroUsd(row["amount"]),
        mode=row["mode"],
        prompt=row["prompt"],
        reason=row["fail_code"] if kind is EntryKind.REFUND else None,
    )
