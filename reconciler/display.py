"""Readable names for what is owned: on disk, and in the record of what each address shows."""

from collections.abc import Callable
from datetime import datetime

from reconciler.assets.naming import wanted_files
from reconciler.assets.views import Views
from reconciler.ids import Address, RunId
from reconciler.plan.prerequisites import is_prerequisite
from reconciler.purchase import Purchase
from reconciler.spec.resource import Resource
from reconciler.state.records import ViewRecord
from reconciler.state.store import Store


class ViewDisplay:
    """Shows and hides addresses; what it wrote last is on record, so it removes nothing else."""

    def __init__(self, views: Views, store: Store, run: RunId, now: Callable[[], datetime]) -> None:
        self._views = views
        self._store = store
        self._run = run
        self._now = now
        self._shown = dict(store.views())

    def show(self, resource: Resource, purchase: Purchase) -> str | None:
        """Make the names show this purchase; return a foreign file's path that is in the way.

        A step that nobody asked for by name has none.
        """
        if is_prerequisite(resource):
            return None
        files = wanted_files(resource.address, purchase.candidates, resource.pick)
        foreign = self._views.write(files)
        before = self._shown.get(resource.address)
        if before is not None:
            gone = {path: one for path, one in before.files.items() if path not in files}
            self._views.remove(gone)
        record = ViewRecord(
            resource.address,
            purchase.id,
            purchase.fingerprint,
            purchase.take,
            resource.pick,
            files,
        )
        self._store.set_view(record, now=self._now(), run=self._run)
        self._shown[resource.address] = record
        return min(foreign, default=None)

    def hide(self, address: Address) -> None:
        """Remove an address's names; the bytes stay."""
        record = self._shown.pop(address, None)
        if record is not None:
            self._views.remove(record.files)
            self._store.drop_view(address, now=self._now(), run=self._run)
