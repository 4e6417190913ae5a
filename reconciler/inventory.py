"""What the project shows now, as entries for the manifest."""

import json
from collections.abc import Iterator, Mapping

from reconciler.assets import manifest
from reconciler.ids import Address
from reconciler.project import Project
from reconciler.purchase import Purchase
from reconciler.spec.load import Specs
from reconciler.spec.resource import Parent, Resource, TakeKey
from reconciler.state.records import ViewRecord
from reconciler.state.store import Store


def write_manifest(project: Project, specs: Specs, store: Store) -> None:
    """Write `manifest.json` if it is not right already. Raises AssetError."""
    entries = _entries(specs.resources, store.views(), store.latest())
    manifest.write(project.assets_path, manifest.render(entries))


def _entries(
    resources: Mapping[Address, Resource],
    views: Mapping[Address, ViewRecord],
    purchases: Mapping[TakeKey, Purchase],
) -> Iterator[manifest.Entry]:
    """Yield what each address shows: what was bought, which may be older than its spec."""
    for address, view in views.items():
        purchase = purchases.get(TakeKey(view.fingerprint, view.take))
        if purchase is None:
            continue
        request = json.loads(purchase.canonical)
        yield manifest.Entry(
            address=address,
            operation=request["operation"],
            prompt=request.get("prompt"),
            parent=_parent(resources.get(address), purchase),
            provider=purchase.provider,
            task_id=purchase.task_id,
            take=purchase.take,
            pick=view.pick,
            candidates=purchase.candidates,
        )


def _parent(resource: Resource | None, purchase: Purchase) -> Parent | None:
    if resource is None or resource.parent is None:
        return None
    candidate = purchase.parent.candidate if purchase.parent else resource.parent.candidate
    return Parent(resource.parent.address, candidate)
