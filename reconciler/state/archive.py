"""What can be asked of a store, open for writing or not."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self, TypeVar

from reconciler.ids import Address, Digest, IntentId, ProviderName, RunId, TaskId
from reconciler.ledger import Sum
from reconciler.money import MicroUsd
from reconciler.purchase import Purchase
from reconciler.spec.resource import TakeKey
from reconciler.state import reading, spending, vitals
from reconciler.state.records import (
    BalanceRecord,
    EventRecord,
    Movement,
    UploadRecord,
    UsualTime,
    ViewRecord,
)
from reconciler.state.vitals import Course

T = TypeVar("T")


class Database(Protocol):
    """Something that answers questions, each from one moment."""

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Return the answer. Raises StateError."""

    def close(self) -> None:
        """Let go of the file; more than once is fine."""


class Archive:
    """The answers. Every method raises StateError when the database cannot be read."""

    def __init__(self, database: Database) -> None:
        self._source = database

    def close(self) -> None:
        """Let go of the file; more than once is fine."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def latest(self) -> Mapping[TakeKey, Purchase]:
        """Return, for every take, the attempt that says how it stands."""
        return self._source.ask(reading.latest)

    def purchase(self, intent: IntentId) -> Purchase | None:
        """Return one attempt, or None when there is no such intent."""
        return self._source.ask(lambda connection: reading.purchase(connection, intent))

    def attempts(self, key: TakeKey) -> tuple[Purchase, ...]:
        """Return every attempt at a take, the first one first."""
        return self._source.ask(lambda connection: reading.attempts(connection, key))

    def by_task(self, provider: ProviderName, task_id: TaskId) -> Purchase | None:
        """Return the purchase that this task of a provider stands for, if there is one."""
        return self._source.ask(lambda connection: reading.by_task(connection, provider, task_id))

    def by_address(self, address: Address) -> tuple[Purchase, ...]:
        """Return what was bought under an address, the oldest first."""
        return self._source.ask(lambda connection: reading.by_address(connection, address))

    def spent_since(self, moment: datetime) -> MicroUsd:
        """Return what was reserved, paid or perhaps paid for purchases made since then."""
        return self._source.ask(lambda connection: spending.since(connection, moment))

    def spent_by(self, run: RunId) -> MicroUsd:
        """Return the same of one run."""
        return self._source.ask(lambda connection: spending.of_run(connection, run))

    def spent_on(self, image: Address) -> MicroUsd:
        """Return the same of a root image and its variants, over all time."""
        return self._source.ask(lambda connection: spending.of_image(connection, image))

    def sums(self) -> tuple[Sum, ...]:
        """Return the whole ledger, summed by address, provider, day and standing."""
        return self._source.ask(spending.sums)

    def balances(self) -> tuple[BalanceRecord, ...]:
        """Return every reading of an account, the oldest first."""
        return self._source.ask(spending.balances)

    def spent_between(self, first: BalanceRecord, last: BalanceRecord) -> MicroUsd:
        """Return what was booked for an account between two readings of it."""
        provider, after, until = first.provider, first.ledger_seq, last.ledger_seq
        return self._source.ask(
            lambda connection: spending.of_account(connection, provider, after, until)
        )

    def balance_before(self, purchase: Purchase) -> BalanceRecord | None:
        """Return the last reading of its account before a purchase was booked."""
        provider, intent = purchase.provider, purchase.id
        return self._source.ask(
            lambda connection: spending.balance_before(connection, provider, intent)
        )

    def movements(self, reading: BalanceRecord) -> tuple[Movement, ...]:
        """Return what was booked for an account after a reading of it, the oldest first."""
        provider, after = reading.provider, reading.ledger_seq
        return self._source.ask(lambda connection: spending.movements(connection, provider, after))

    def durations(self, provider: ProviderName) -> tuple[UsualTime, ...]:
        """Return how long a provider's recent successes took, by operation and speed."""
        return self._source.ask(lambda connection: reading.durations(connection, provider))

    def courses(self, since: datetime) -> tuple[Course, ...]:
        """Return what ended or was refused since then, and all that is under way."""
        return self._source.ask(lambda connection: vitals.courses(connection, since))

    def upload(
        self, provider: ProviderName, origin: str, digest: Digest, form: str, until: datetime
    ) -> UploadRecord | None:
        """Return a picture that a provider still keeps at that moment, or None."""
        return self._source.ask(
            lambda connection: reading.upload(connection, provider, origin, digest, form, until)
        )

    def views(self) -> Mapping[Address, ViewRecord]:
        """Return what every address shows, in address order."""
        return self._source.ask(reading.views)

    def log(
        self, address: Address | None = None, limit: int | None = None, *, after: int = 0
    ) -> tuple[EventRecord, ...]:
        """Return the history, the oldest first.

        `limit` keeps only the newest so many; `after` leaves out events up to that `seq`.
        """
        return self._source.ask(lambda connection: reading.log(connection, address, limit, after))

    def last_seq(self) -> int:
        """Return the newest event's number, 0 before the first.

        Every change writes an event, but the reading of an account: as long as this number stays,
        so does everything else.
        """
        return self._source.ask(reading.last_seq)
