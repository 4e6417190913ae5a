"""The disk of a process that may die at any write: right before it is durable, or right after."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

from sqlite_utils import Database
from virtual_time import Fate

from reconciler.assets.objects import ObjectStore
from reconciler.ids import Digest, RunId
from reconciler.purchase import Event, Purchase
from reconciler.state.records import ViewRecord
from reconciler.state.store import Limits, Store
from reconciler.state.writable import WritableDatabase


class MortalDatabase(WritableDatabase):
    """The database of such a process: dying before a commit undoes what it was about to write."""

    fate = Fate()

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """Write, or die."""
        with super().transaction() as db:
            yield db
            self.fate.step("before_write")
        self.fate.step("after_write")


class MortalStore(Store):
    """The store of a process that may die at any write: right before it, or right after."""

    _fate: Fate

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open it; whoever only reads does not die of it."""
        return super().open(path, read_only=True) if read_only else cls(MortalDatabase(path))

    @property
    def fate(self) -> Fate:
        """Where its process dies."""
        return self._fate

    @fate.setter
    def fate(self, fate: Fate) -> None:
        self._fate = fate
        if isinstance(self._database, MortalDatabase):
            self._database.fate = fate

    def intend(
        self,
        purchase: Purchase,
        limits: Limits,
        run: RunId,
        *,
        instead_of: Purchase | None = None,
    ) -> None:
        """Write, or die."""
        with self._mortal():
            super().intend(purchase, limits, run, instead_of=instead_of)

    def record(self, before: Purchase, event: Event, now: datetime, run: RunId) -> Purchase:
        """Write, or die."""
        with self._mortal():
            return super().record(before, event, now, run)

    def set_view(self, *views: ViewRecord, now: datetime, run: RunId) -> None:
        """Write, or die."""
        with self._mortal():
            super().set_view(*views, now=now, run=run)

    @contextmanager
    def _mortal(self) -> Iterator[None]:
        self.fate.step("before_commit")
        yield
        self.fate.commits += 1
        self.fate.step("after_commit")


class MortalObjects(ObjectStore):
    """The objects of a process that may die: it keeps nothing more after that."""

    fate: Fate

    def keep(self, part: Path, digest: Digest) -> None:
        """Keep, unless dead."""
        self.fate.live()
        super().keep(part, digest)
