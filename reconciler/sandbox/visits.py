"""Who came: counts of requests, the limit per minute, keys that were sent where none belong."""

from dataclasses import dataclass

from reconciler.sandbox.database import Database
from reconciler.sandbox.faults import Place
from reconciler.sandbox.jobs import RefusalError, Vendor


@dataclass(frozen=True, slots=True)
class Leak:
    """A download that carried an Authorization header. `account` is the key's hash."""

    at: float
    path: str
    account: str


class Visits:
    """The visitors' book."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, place: Place, vendor: Vendor) -> None:
        """Count one request, whatever becomes of it."""
        with self._database.change() as connection:
            connection.execute(
                "INSERT INTO requests VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
                (vendor.value, place.value),
            )

    def counts(self, vendor: Vendor | None = None) -> dict[str, int]:
        """Return how many requests of each kind have come, zero included; None: to any vendor."""
        query = (
            "SELECT kind, sum(count) FROM requests WHERE vendor = coalesce(?, vendor) GROUP BY kind"
        )
        counted = dict(map(tuple, self._database.rows(query, vendor)))
        return {place.value: counted.get(place.value, 0) for place in Place}

    def admit(self, account: str, now: float, limit: int | None, window: float) -> None:
        """Let a request in. Raises RefusalError 429 after `limit` of them in `window` seconds.

        Requests that are refused elsewhere count too. No header says how long to wait: none is
        documented. Source: APIXO facts, section 12.
        """
        if limit is None:
            return
        with self._database.change() as connection:
            connection.execute("DELETE FROM arrivals WHERE at <= ?", (now - window,))
            query = "SELECT count(*) FROM arrivals WHERE account = ? AND at <= ?"
            if connection.execute(query, (account, now)).fetchone()[0] >= limit:
                raise RefusalError(429, f"Rate limit exceeded: {limit} requests per minute")
            connection.execute("INSERT INTO arrivals VALUES (?, ?)", (account, now))

    def leaked(self, leak: Leak) -> None:
        """Record a key that was sent to the file host."""
        with self._database.change() as connection:
            values = (leak.at, leak.path, leak.account)
            connection.execute("INSERT INTO leaks VALUES (?, ?, ?)", values)

    def leaks(self) -> list[Leak]:
        """Return every such leak, oldest first."""
        return [Leak(*row) for row in self._database.rows("SELECT * FROM leaks ORDER BY rowid")]
