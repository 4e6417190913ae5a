"""Pictures that clients have given the sandbox to keep for a while."""

import secrets
from dataclasses import dataclass

from reconciler.sandbox.database import Database


@dataclass(frozen=True, slots=True)
class Upload:
    """A kept file. `at` is when it came, in epoch seconds; `account` whose key it came with."""

    name: str
    account: str
    at: float
    media_type: str
    content: bytes


class Uploads:
    """Files by name. Nothing is ever removed: what was drawn from one must be drawn again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, account: str, media_type: str, content: bytes, at: float) -> Upload:
        """Record a file under a new name, which nobody can guess."""
        name = f"{secrets.token_hex(12)}.{media_type.partition('/')[2]}"
        upload = Upload(name, account, at, media_type, content)
        with self._database.change() as connection:
            values = (name, account, at, media_type, content)
            connection.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?)", values)
        return upload

    def find(self, name: str) -> Upload | None:
        """Return a file, whoever gave it and however old."""
        row = self._database.row("SELECT * FROM uploads WHERE name = ?", name)
        return None if row is None else Upload(**dict(row))
