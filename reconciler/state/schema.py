"""The tables, as named steps from an empty file to today's; a step that shipped never changes."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import StateError
from reconciler.ledger import image_of

SET_NAME = "reconciler"
APPLICATION_ID = 0x5245434F
"""`RECO`: says in the file's header whose database it is."""


class Step(NamedTuple):
    """One migration: its name is what a file remembers, its statements run in one transaction."""

    name: str
    statements: tuple[str, ...]


_PURCHASES = Step(
    "0001-purchases",
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """
        CREATE TABLE purchases (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            fingerprint TEXT NOT NULL,
            take INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            address TEXT NOT NULL,
            provider TEXT NOT NULL,
            canonical TEXT NOT NULL CHECK (json_valid(canonical)),
            parent_id TEXT,
            parent_candidate INTEGER,
            price_micro_usd INTEGER,
            phase TEXT NOT NULL,
            created_at TEXT NOT NULL,
            changed_at TEXT NOT NULL,
            submitted_at TEXT,
            finished_at TEXT,
            links_expire_at TEXT,
            task_id TEXT,
            failure TEXT,
            follow_ups TEXT,
            run TEXT,
            operation TEXT GENERATED ALWAYS AS (json_extract(canonical, '$.operation')) VIRTUAL,
            speed TEXT GENERATED ALWAYS AS (json_extract(canonical, '$.speed')) VIRTUAL,
            UNIQUE (fingerprint, take, attempt)
        ) STRICT
        """,
        "CREATE INDEX purchases_address ON purchases (address)",
        "CREATE INDEX purchases_spending ON purchases (created_at, run, phase, price_micro_usd)",
        """
        CREATE INDEX purchases_unsent ON purchases (phase)
        WHERE phase IN ('intended', 'submitting')
        """,
        """
        CREATE INDEX purchases_finished ON purchases (provider, finished_at)
        WHERE finished_at IS NOT NULL
        """,
        """
        CREATE TABLE candidates (
            purchase INTEGER NOT NULL REFERENCES purchases (key),
            number INTEGER NOT NULL,
            url TEXT NOT NULL,
            digest TEXT,
            media_type TEXT,
            width INTEGER,
            height INTEGER,
            byte_count INTEGER,
            PRIMARY KEY (purchase, number)
        ) STRICT, WITHOUT ROWID
        """,
    ),
)

_VIEWS = Step(
    "0002-views",
    (
        """
        CREATE TABLE views (
            address TEXT PRIMARY KEY,
            intent TEXT NOT NULL REFERENCES purchases (id),
            fingerprint TEXT NOT NULL,
            take INTEGER NOT NULL,
            pick INTEGER,
            files TEXT NOT NULL CHECK (json_valid(files))
        ) STRICT
        """,
    ),
)

_EVENTS = Step(
    "0003-events",
    (
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            run TEXT NOT NULL,
            address TEXT,
            intent TEXT,
            kind TEXT NOT NULL,
            data TEXT NOT NULL CHECK (json_valid(data))
        ) STRICT
        """,
        "CREATE INDEX events_address ON events (address, seq)",
        """
        CREATE TRIGGER events_stay BEFORE DELETE ON events
        BEGIN SELECT RAISE (ABORT, 'the history is append-only'); END
        """,
        """
        CREATE TRIGGER events_do_not_change BEFORE UPDATE ON events
        BEGIN SELECT RAISE (ABORT, 'the history is append-only'); END
        """,
    ),
)

_RUNS = Step(
    "0004-runs",
    (
        """
        CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            pid INTEGER NOT NULL,
            host TEXT NOT NULL,
            outcome TEXT
        ) STRICT
        """,
    ),
)


def _append_only(table: str, refusal: str) -> tuple[str, ...]:
    """Return triggers that refuse every change of a table but a new row at its end."""
    body = f"BEGIN SELECT RAISE (ABORT, '{refusal}'); END"
    return (
        f"CREATE TRIGGER {table}_stays BEFORE DELETE ON {table} {body}",
        f"CREATE TRIGGER {table}_does_not_change BEFORE UPDATE ON {table} {body}",
        _never_replaced(table, refusal),
    )


def _never_replaced(table: str, refusal: str) -> str:
    """INSERT OR REPLACE deletes, too, and asks no DELETE trigger unless the connection says so."""
    return f"""
        CREATE TRIGGER {table}_is_not_replaced BEFORE INSERT ON {table}
        WHEN EXISTS (SELECT 1 FROM {table} WHERE seq = NEW.seq)
        BEGIN SELECT RAISE (ABORT, '{refusal}'); END
    """  # noqa: S608 - our own names


_LEDGER = Step(
    "0005-ledger",
    (
        "ALTER TABLE purchases ADD COLUMN charged_micro_usd INTEGER",
        "ALTER TABLE purchases ADD COLUMN fruitless_before INTEGER NOT NULL DEFAULT 0",
        """
        UPDATE purchases SET fruitless_before = (
            SELECT count(*) FROM purchases earlier
            WHERE earlier.fingerprint = purchases.fingerprint AND earlier.take = purchases.take
            AND earlier.attempt < purchases.attempt AND earlier.phase IN ('failed', 'in_doubt')
        ) WHERE attempt > 1
        """,
        """
        CREATE TABLE ledger (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            booked_at TEXT NOT NULL,
            run TEXT,
            intent TEXT NOT NULL REFERENCES purchases (id),
            address TEXT NOT NULL,
            image TEXT NOT NULL,
            provider TEXT NOT NULL,
            kind TEXT NOT NULL,
            amount_micro_usd INTEGER
        ) STRICT
        """,
        """
        INSERT INTO ledger (at, booked_at, run, intent, address, image, provider, kind,
            amount_micro_usd)
        SELECT created_at, created_at, run, id, address, image_of(address), provider,
            iif(run IS NULL, 'adopted', 'reserved'),
            price_micro_usd FROM purchases ORDER BY key
        """,
        """
        INSERT INTO ledger (at, booked_at, run, intent, address, image, provider, kind,
            amount_micro_usd)
        SELECT changed_at, created_at, run, id, address, image_of(address), provider, 'released',
            -coalesce(price_micro_usd, 0) FROM purchases
        WHERE phase IN ('rejected', 'cancelled') ORDER BY key
        """,
        "CREATE INDEX ledger_time ON ledger (booked_at, amount_micro_usd)",
        "CREATE INDEX ledger_run ON ledger (run, amount_micro_usd)",
        "CREATE INDEX ledger_image ON ledger (image, amount_micro_usd)",
        "CREATE INDEX ledger_intent ON ledger (intent, kind, amount_micro_usd)",
        *_append_only("ledger", "the ledger is append-only"),
        """
        CREATE TABLE balances (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            run TEXT NOT NULL,
            provider TEXT NOT NULL,
            amount_micro_usd INTEGER NOT NULL,
            ledger_seq INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE INDEX purchases_task ON purchases (provider, task_id) WHERE task_id IS NOT NULL
        """,
        "CREATE INDEX balances_provider ON balances (provider, seq)",
        *_append_only("balances", "readings of accounts are append-only"),
        _never_replaced("events", "the history is append-only"),
        "DROP INDEX purchases_spending",
    ),
)

_REPORTS = Step(
    "0006-reports-and-uploads",
    (
        """
        ALTER TABLE purchases
        ADD COLUMN report TEXT CHECK (report IS NULL OR json_valid(report))
        """,
        """
        CREATE TABLE uploads (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            provider TEXT NOT NULL,
            origin TEXT NOT NULL,
            digest TEXT NOT NULL,
            form TEXT NOT NULL,
            url TEXT NOT NULL,
            expires_at TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX uploads_digest ON uploads (provider, origin, digest, form, expires_at)",
    ),
)

STEPS = (_PURCHASES, _VIEWS, _EVENTS, _RUNS, _LEDGER, _REPORTS)


def pending(connection: sqlite3.Connection, path: Path) -> tuple[Step, ...]:
    """Return the steps that the file lacks. Raises StateError for a file we must not touch.

    Sqlite-utils' record of migrations is read directly here: importing it would cost a plan 50 ms.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if tables and owner != APPLICATION_ID:
        raise StateError(
            f"this database belongs to another program: {path}",
            hint="name another file under `state:` in reconciler.yaml",
        )
    done = _applied(connection) if tables else set()
    unknown = sorted(done.difference(step.name for step in STEPS))
    if unknown:
        raise StateError(
            f"the database was written by a newer version of this program: {path}",
            details=(f"unknown here: {', '.join(unknown)}",),
            hint="upgrade reconciler; the database is untouched",
        )
    return tuple(step for step in STEPS if step.name not in done)


def build(connection: sqlite3.Connection, steps: tuple[Step, ...]) -> None:
    """Run the steps on a private copy, where nobody has to know later that they ran."""
    connection.create_function("image_of", 1, image_of, deterministic=True)
    for step in steps:
        for statement in step.statements:
            connection.execute(statement)


def _applied(connection: sqlite3.Connection) -> set[str]:
    question = "SELECT name FROM _sqlite_migrations WHERE migration_set = ?"
    return {name for (name,) in connection.execute(question, (SET_NAME,))}
