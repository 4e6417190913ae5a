"""The store of a project: everything it remembers, and the only ways to change it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from reconciler.ids import Address, ProviderName, RunId
from reconciler.ledger import EntryKind
from reconciler.money import MicroUsd
from reconciler.purchase import Abandoned, AnswerLost, Event, Phase, Purchase, Withdrawn, advance
from reconciler.state import changes, reading
from reconciler.state.archive import Archive
from reconciler.state.budget import UNLIMITED, Limits, check_fits
from reconciler.state.changes import Occasion
from reconciler.state.readonly import ReadOnlyDatabase
from reconciler.state.records import EventRecord, UploadRecord, UsualTime, ViewRecord

if TYPE_CHECKING:  # 50 ms; loaded when something will be written
    from sqlite_utils import Database

    from reconciler.state.writable import WritableDatabase

__all__ = ["UNLIMITED", "EventRecord", "Limits", "Store", "UsualTime", "ViewRecord"]

_ANSWER_LOST = AnswerLost("the run ended before an answer was written down")


class Store(Archive):
    """The purchases, views, history and runs of one project. Safe to use in threads.

    What a method wrote is durable when it returns; one that raises has written nothing. All raise
    StateError when the database cannot be used.
    """

    def __init__(self, database: "ReadOnlyDatabase | WritableDatabase") -> None:
        super().__init__(database)
        self._database = database

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open the database at `path`; it is made and migrated where needed.

        With `read_only` nothing is ever created or written: a missing file is an empty store, and
        an older schema is brought up to date in memory.
        """
        if read_only:
            return cls(ReadOnlyDatabase(path))
        from reconciler.state.writable import WritableDatabase

        return cls(WritableDatabase(path))

    def intend(
        self,
        purchase: Purchase,
        limits: Limits,
        run: RunId,
        *,
        instead_of: Purchase | None = None,
    ) -> None:
        """Write a purchase down before anything is sent, and with that reserve its price.

        `instead_of` is a doubtful attempt at the same take, which is given up with it. Raises
        BudgetError when the limits would be exceeded; then nothing has changed.
        """
        with self._database.transaction() as db:
            occasion = Occasion(purchase.created_at, run)
            check_fits(db.conn, purchase, limits, run)
            if instead_of is not None:
                _move(db, occasion, instead_of, Abandoned())
            changes.insert(db, purchase, occasion, EntryKind.RESERVED)
            changes.log_new(db, occasion, purchase, "intended")

    def record(self, before: Purchase, event: Event, now: datetime, run: RunId) -> Purchase:
        """Write down what happened to a purchase; return it as it is now.

        Raises IllegalEvent, and StateError when the purchase on record is not `before` any more.
        """
        with self._database.transaction() as db:
            return _move(db, Occasion(now, run), before, event)

    def recover(self, run: RunId, now: datetime) -> list[Purchase]:
        """Settle what a dead run left; call it while holding the run lock, before anything is sent.

        Returns what is in doubt from now on: it was being sent, and no answer is on record.
        """
        with self._database.transaction() as db:
            occasion, doubtful = Occasion(now, run), []
            for left in reading.unsent(db.conn):
                if left.phase is Phase.SUBMITTING:
                    doubtful.append(_move(db, occasion, left, _ANSWER_LOST))
                else:
                    _move(db, occasion, left, Withdrawn())
            return doubtful

    def adopt(self, purchases: Iterable[Purchase], now: datetime, run: RunId) -> list[Purchase]:
        """Take over purchases made elsewhere, such as those in reconciler.lock, as they are.

        Those already on record stay as they are; returns the others.
        """
        with self._database.transaction() as db:
            new = changes.unknown(db, purchases)
            for purchase in new:
                changes.insert(db, purchase, Occasion(now, run), EntryKind.ADOPTED)
                changes.log_new(db, Occasion(now, run), purchase, "adopted")
            return new

    def set_view(self, *views: ViewRecord, now: datetime, run: RunId) -> None:
        """Say what these addresses show from now on."""
        with self._database.transaction() as db:
            for view in views:
                changes.put_view(db, view)
                data = {"fingerprint": view.fingerprint, "take": view.take, "pick": view.pick}
                changes.log(db, Occasion(now, run), "view_set", data, view.address, view.intent)

    def drop_view(self, *addresses: Address, now: datetime, run: RunId) -> None:
        """Forget what these addresses show; one that shows nothing is fine."""
        with self._database.transaction() as db:
            for address in addresses:
                if changes.remove_view(db, address):
                    changes.log(db, Occasion(now, run), "view_dropped", {}, address)

    def note_balance(
        self, provider: ProviderName, amount: MicroUsd, now: datetime, run: RunId
    ) -> None:
        """Write down what a provider says that the account holds: evidence for later doubts."""
        with self._database.transaction() as db:
            changes.note_balance(db, Occasion(now, run), provider, amount)

    def note_upload(self, upload: UploadRecord, run: RunId, address: Address | None = None) -> None:
        """Write down that a provider keeps a picture, so that it is not given it again."""
        with self._database.transaction() as db:
            changes.note_upload(db, upload)
            data = {
                "digest": upload.digest,
                "form": upload.form,
                "expires_at": upload.expires_at,
            }
            changes.log(db, Occasion(upload.at, run), "uploaded", data, address)

    def note(
        self,
        run: RunId,
        kind: str,
        address: Address | None = None,
        data: Mapping[str, Any] | None = None,
        *,
        now: datetime,
    ) -> None:
        """Add to the history what no other method writes there; `data` is what JSON can hold."""
        with self._database.transaction() as db:
            changes.log(db, Occasion(now, run), kind, data or {}, address)

    def start_run(self, run: RunId, now: datetime) -> None:
        """Write down that this process begins a run."""
        with self._database.transaction() as db:
            changes.start_run(db, Occasion(now, run))
            changes.log(db, Occasion(now, run), "run_started", {})

    def end_run(self, run: RunId, now: datetime, outcome: str) -> None:
        """Write down how a run ended."""
        with self._database.transaction() as db:
            changes.end_run(db, Occasion(now, run), outcome)
            changes.log(db, Occasion(now, run), "run_ended", {"outcome": outcome})


def _move(db: "Database", occasion: Occasion, before: Purchase, event: Event) -> Purchase:
    after = advance(before, event, occasion.now)
    changes.move(db, before, after)
    changes.log_event(db, occasion, after, event)
    return after
