"""The writes, each inside the caller's transaction."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from socket import gethostname
from typing import TYPE_CHECKING, Any

from reconciler.errors import StateError
from reconciler.ids import Address, IntentId, ProviderName, RunId
from reconciler.ledger import Booking, EntryKind, booking, image_of, opening
from reconciler.money import MicroUsd
from reconciler.purchase import Event, Purchase
from reconciler.state import reading, spending
from reconciler.state.records import UploadRecord, ViewRecord
from reconciler.state.rows import (
    candidate_row,
    changing_columns,
    json_text,
    purchase_row,
    time_text,
)

if TYPE_CHECKING:  # 50 ms, and whoever only reads has no use for it
    from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class Occasion:
    """When something is written down, and by which run."""

    now: datetime
    run: RunId


def insert(db: "Database", purchase: Purchase, occasion: Occasion, kind: EntryKind) -> None:
    """Add a purchase and book it; what was made elsewhere counts in no run's budget."""
    run = None if kind is EntryKind.ADOPTED else occasion.run
    key = db.table("purchases").insert(purchase_row(purchase) | {"run": run}).last_pk
    rows = [candidate_row(int(str(key)), one) for one in purchase.candidates]
    if rows:
        db.table("candidates").insert_all(rows)
    _book(db, purchase, opening(purchase, kind), occasion.now)


def move(db: "Database", before: Purchase, after: Purchase) -> None:
    """Replace a purchase by what it became, and book by how much that changes its cost.

    Raises StateError if it is not `before` any more.
    """
    found = reading.purchase(db.conn, before.id)
    if found != before:
        raise _outdated(before, found)
    columns = changing_columns(after)
    assignments = ", ".join(f"{column} = :{column}" for column in columns)
    db.execute(
        f"UPDATE purchases SET {assignments} WHERE id = :id",  # noqa: S608 - our own column names
        columns | {"id": before.id},
    )
    if after.candidates != before.candidates:
        _replace_candidates(db, before, after)
    change = booking(before, after)
    if change is not None:
        _book(db, after, change, after.changed_at)


def _book(db: "Database", purchase: Purchase, entry: Booking, now: datetime) -> None:
    """Append to the ledger; all entries of a purchase count for its own day, month and run."""
    db.execute(
        "INSERT INTO ledger (at, booked_at, run, intent, address, image, provider, kind,"
        " amount_micro_usd) SELECT ?, created_at, run, id, address, ?, provider, ?, ?"
        " FROM purchases WHERE id = ?",
        (time_text(now), image_of(purchase.address), entry.kind, entry.amount, purchase.id),
    )


def note_balance(
    db: "Database", occasion: Occasion, provider: ProviderName, amount: MicroUsd
) -> None:
    """Add what a provider says that the account holds."""
    db.execute(
        "INSERT INTO balances (at, run, provider, amount_micro_usd, ledger_seq)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            time_text(occasion.now),
            occasion.run,
            provider,
            amount,
            spending.last_entry(db.conn),
        ),
    )


def note_upload(db: "Database", upload: UploadRecord) -> None:
    """Add that a provider keeps a picture."""
    columns = {
        "at": time_text(upload.at),
        "provider": upload.provider,
        "origin": upload.origin,
        "digest": upload.digest,
        "form": upload.form,
        "url": upload.url,
        "expires_at": time_text(upload.expires_at),
    }
    db.table("uploads").insert(columns)


def log(
    db: "Database",
    occasion: Occasion,
    kind: str,
    data: Mapping[str, Any],
    address: Address | None = None,
    intent: IntentId | None = None,
) -> None:
    """Append a line to the history."""
    db.execute(
        "INSERT INTO events (at, run, address, intent, kind, data) VALUES (?, ?, ?, ?, ?, ?)",
        (time_text(occasion.now), occasion.run, address, intent, kind, json_text(data)),
    )


def log_new(db: "Database", occasion: Occasion, purchase: Purchase, kind: str) -> None:
    """Append that a purchase came on record."""
    data = {"price_micro_usd": purchase.price, "attempt": purchase.attempt}
    log(db, occasion, kind, data, purchase.address, purchase.id)


def log_event(db: "Database", occasion: Occasion, purchase: Purchase, event: Event) -> None:
    """Append what happened to a purchase."""
    log(db, occasion, event_kind(event), asdict(event), purchase.address, purchase.id)


def event_kind(event: Event) -> str:
    """Return the name of an event in the history: `PictureStored` is `picture_stored`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def put_view(db: "Database", view: ViewRecord) -> None:
    """Say what an address shows from now on."""
    db.table("views").upsert(
        {
            "address": view.address,
            "intent": view.intent,
            "fingerprint": view.fingerprint,
            "take": view.take,
            "pick": view.pick,
            "files": json_text(dict(view.files)),
        },
        pk="address",
    )


def remove_view(db: "Database", address: Address) -> bool:
    """Forget what an address shows; return whether it showed anything."""
    return db.execute("DELETE FROM views WHERE address = ?", (address,)).rowcount > 0


def unknown(db: "Database", purchases: Iterable[Purchase]) -> list[Purchase]:
    """Return those of which neither the intent nor that attempt at the take is on record."""
    rows = db.execute("SELECT id, fingerprint, take, attempt FROM purchases").fetchall()
    ids = {row[0] for row in rows}
    attempts = {row[1:] for row in rows}
    return [
        one
        for one in purchases
        if one.id not in ids and (one.fingerprint, one.take, one.attempt) not in attempts
    ]


def start_run(db: "Database", occasion: Occasion) -> None:
    """Add a run of this process."""
    row = {
        "id": occasion.run,
        "started_at": time_text(occasion.now),
        "pid": os.getpid(),
        "host": gethostname(),
    }
    db.table("runs").insert(row)


def end_run(db: "Database", occasion: Occasion, outcome: str) -> None:
    """Complete a run. Raises StateError when it never started."""
    ended = db.execute(
        "UPDATE runs SET ended_at = ?, outcome = ? WHERE id = ?",
        (time_text(occasion.now), outcome, occasion.run),
    )
    if ended.rowcount != 1:
        raise StateError(f"this run is not on record: {occasion.run}")


def _replace_candidates(db: "Database", before: Purchase, after: Purchase) -> None:
    (key,) = db.execute("SELECT key FROM purchases WHERE id = ?", (before.id,)).fetchone()
    db.execute("DELETE FROM candidates WHERE purchase = ?", (key,))
    db.table("candidates").insert_all(candidate_row(key, one) for one in after.candidates)


def _outdated(before: Purchase, found: Purchase | None) -> StateError:
    if found is None:
        return StateError(f"this purchase is not on record: {before.address} ({before.id})")
    return StateError(
        f"this purchase was changed by somebody else: {before.address} ({before.id})",
        details=(f"it was {before.phase}, it is {found.phase} since {found.changed_at}",),
        hint="run `reconcile plan` to see how it stands",
    )
