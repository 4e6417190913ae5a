"""The faults on order, with their counters in the database: a restart goes on where it was."""

import json
from collections.abc import Iterable

from reconciler.sandbox.database import Database
from reconciler.sandbox.faults import Action, Fault, Place, fault_from_json
from reconciler.sandbox.jobs import Vendor


class Script:
    """An ordered list of faults. Each counts what it matches; the first that is due strikes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def order(self, faults: Iterable[Fault]) -> int:
        """Append faults; return how many."""
        rows = [(fault.where.value, json.dumps(fault.to_json())) for fault in faults]
        with self._database.change() as connection:
            connection.executemany("INSERT INTO faults (place, rule) VALUES (?, ?)", rows)
        return len(rows)

    def clear(self) -> int:
        """Forget all faults; return how many there were."""
        with self._database.change() as connection:
            return connection.execute("DELETE FROM faults").rowcount

    def listing(self) -> list[dict[str, object]]:
        """Return the rules as JSON, each with how often it has `seen` and `struck` a request."""
        rows = self._database.rows("SELECT rule, seen, struck FROM faults ORDER BY seq")
        return [{**json.loads(rule), "seen": seen, "struck": struck} for rule, seen, struck in rows]

    def strike(
        self, place: Place, vendor: Vendor, mode: str | None, prompt: str | None
    ) -> Action | None:
        """Count a request at every rule that matches it; return what the first due one does."""
        if self._database.row("SELECT 1 FROM faults WHERE place = ? LIMIT 1", place.value) is None:
            return None
        struck: Action | None = None
        with self._database.change() as connection:
            query = "SELECT seq, rule, seen, struck FROM faults WHERE place = ? ORDER BY seq"
            for seq, text, seen, times in connection.execute(query, (place.value,)).fetchall():
                fault = fault_from_json(json.loads(text))
                if not fault.matches(vendor, mode, prompt):
                    continue
                is_due = seen >= fault.after and (fault.times is None or times < fault.times)
                hit = is_due and struck is None
                connection.execute(
                    "UPDATE faults SET seen = seen + 1, struck = struck + ? WHERE seq = ?",
                    (hit, seq),
                )
                struck = fault.action if hit else struck
        return struck
