"""The questions about money: sums over the ledger, and readings of accounts. None writes."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from reconciler.ids import Address, ProviderName, RunId
from reconciler.ledger import EntryKind, Sum
from reconciler.money import MicroUsd
from reconciler.purchase import Phase
from reconciler.state.records import BalanceRecord, Movement
from reconciler.state.rows import time_text

_SUM = "SELECT coalesce(sum(amount_micro_usd), 0) FROM ledger WHERE"


def since(connection: sqlite3.Connection, moment: datetime) -> MicroUsd:
    """Return what was booked for purchases made since then; unknown prices count as nothing.

    There is no upper end: what was bought while the clock was ahead counts, too.
    """
    return _one(connection, f"{_SUM} booked_at >= ?", time_text(moment))


def of_run(connection: sqlite3.Connection, run: RunId) -> MicroUsd:
    """Return what one run has booked."""
    return _one(connection, f"{_SUM} run = ?", run)


def of_image(connection: sqlite3.Connection, image: Address) -> MicroUsd:
    """Return what was ever booked for a root image and its variants."""
    return _one(connection, f"{_SUM} image = ?", image)


def _one(connection: sqlite3.Connection, question: str, value: str) -> MicroUsd:
    (total,) = connection.execute(question, (value,)).fetchone()
    return MicroUsd(total)


def sums(connection: sqlite3.Connection) -> tuple[Sum, ...]:
    """Return the whole ledger, summed by address, provider, day and standing.

    A price that was unknown at first is none any more once the provider has named it, or once it is
    clear that nothing was accepted. What was cut out here for free is no task.
    """
    rows = connection.execute(
        "SELECT p.address, p.provider, substr(p.created_at, 1, 10), p.phase,"
        " p.charged_micro_usd IS NOT NULL, coalesce(sum(l.amount), 0), count(*),"
        " sum(coalesce(p.price_micro_usd, p.charged_micro_usd) IS NULL"
        "  AND p.phase NOT IN ('rejected', 'cancelled')), -coalesce(sum(l.refunded), 0)"
        " FROM purchases p JOIN ("
        "  SELECT intent, sum(amount_micro_usd) AS amount,"
        "  sum(amount_micro_usd) FILTER (WHERE kind = ?) AS refunded"
        "  FROM ledger GROUP BY intent) l ON l.intent = p.id"
        " WHERE NOT (p.operation = 'single' AND p.task_id IS NULL AND p.phase = 'stored')"
        " GROUP BY 3, 1, 2, 4, 5 ORDER BY 3, 1, 2, 4, 5",
        (EntryKind.REFUNDED,),
    )
    return tuple(
        Sum(address, provider, day, Phase(phase), bool(is_reported), amount, tasks, unknown, back)
        for address, provider, day, phase, is_reported, amount, tasks, unknown, back in rows
    )


def of_account(
    connection: sqlite3.Connection, provider: ProviderName, after: int, until: int
) -> MicroUsd:
    """Return what the entries after one number, up to another, add up to at one provider.

    What was taken over from elsewhere was paid at another time, so it is left out.
    """
    (total,) = connection.execute(
        f"{_SUM} seq > ? AND seq <= ? AND provider = ? AND kind <> ?",
        (after, until, provider, EntryKind.ADOPTED),
    ).fetchone()
    return MicroUsd(total)


def last_entry(connection: sqlite3.Connection) -> int:
    """Return the number of the ledger's newest entry, 0 before the first."""
    (seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM ledger").fetchone()
    return int(seq)


def balances(
    connection: sqlite3.Connection, provider: ProviderName | None = None
) -> tuple[BalanceRecord, ...]:
    """Return every reading of an account, the oldest first; of all accounts without a name."""
    return _balances(
        connection.execute(
            "SELECT at, run, provider, amount_micro_usd, ledger_seq FROM balances"
            " WHERE ?1 IS NULL OR provider = ?1 ORDER BY seq",
            (provider,),
        )
    )


def balance_before(
    connection: sqlite3.Connection, provider: ProviderName, intent: str
) -> BalanceRecord | None:
    """Return the last reading of an account before an intent was booked."""
    rows = connection.execute(
        "SELECT at, run, provider, amount_micro_usd, ledger_seq FROM balances"
        " WHERE provider = ? AND ledger_seq <"
        " (SELECT min(seq) FROM ledger WHERE intent = ?) ORDER BY seq DESC LIMIT 1",
        (provider, intent),
    )
    return next(iter(_balances(rows)), None)


def movements(
    connection: sqlite3.Connection, provider: ProviderName, after: int
) -> tuple[Movement, ...]:
    """Return the entries of an account after that number, the oldest first."""
    rows = connection.execute(
        "SELECT l.intent, l.kind, l.amount_micro_usd, p.phase FROM ledger l"
        " JOIN purchases p ON p.id = l.intent WHERE l.provider = ? AND l.seq > ? ORDER BY l.seq",
        (provider, after),
    )
    return tuple(
        Movement(intent, EntryKind(kind), amount, Phase(phase))
        for intent, kind, amount, phase in rows
    )


def _balances(
    rows: Iterable[tuple[str, RunId, ProviderName, MicroUsd, int]],
) -> tuple[BalanceRecord, ...]:
    return tuple(
        BalanceRecord(datetime.fromisoformat(at), run, provider, amount, seq)
        for at, run, provider, amount, seq in rows
    )
