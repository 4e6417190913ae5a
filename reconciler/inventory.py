"""What the project shows now, as entries for the manifest."""

import json
from collections.abc import Iterator, Mapping

from reconciler.assets import manifest
from reconciler.assets.objects import ObjectStore
from reconciler.assets.pictures import WORDS
from reconciler.ids import Address, IntentId
from reconciler.project import Project
from reconciler.purchase import Purchase, StoredPicture
from reconciler.spec.load import Specs
from reconciler.spec.request import Single, decode, is_local
from reconciler.spec.resource import Parent, Resource, TakeKey
from reconciler.state.store import Store


def write_manifest(project: Project, specs: Specs, store: Store) -> None:
    """Write `manifest.json` if it is not right already. Raises AssetError."""
    entries = _entries(specs.resources, store, ObjectStore(project.assets_path))
    manifest.write(project.assets_path, manifest.render(entries))


def _entries(
    resources: Mapping[Address, Resource], store: Store, objects: ObjectStore
) -> Iterator[manifest.Entry]:
    """Yield what each address shows: what was bought, which may be older than its spec."""
    views, purchases = store.views(), store.latest()
    by_intent = {one.id: one for one in purchases.values()}
    for address, view in views.items():
        purchase = purchases.get(TakeKey(view.fingerprint, view.take))
        if purchase is None:
            continue
        request = json.loads(purchase.canonical)
        yield manifest.Entry(
            address=address,
            operation=request["operation"],
            prompt=request.get("prompt"),
            parent=_parent(resources.get(address), purchase, resources, by_intent),
            provider=purchase.provider,
            task_id=purchase.task_id,
            take=purchase.take,
            pick=view.pick,
            candidates=purchase.candidates,
            text=_text(purchase, objects),
        )


def _parent(
    resource: Resource | None,
    purchase: Purchase,
    resources: Mapping[Address, Resource],
    purchases: Mapping[IntentId, Purchase],
) -> Parent | None:
    """Return what it was made from as the specs name it, whatever the vendor needed in between."""
    if resource is None or resource.parent is None:
        return None
    used, above = purchase.parent, resources.get(resource.parent.address)
    if used is None or (above is not None and is_local(above.request)):
        return resource.parent
    origin = purchases.get(used.intent)
    if origin is not None and origin.parent is not None and is_step(origin):
        used = origin.parent
    return Parent(resource.parent.address, used.candidate)


def is_step(purchase: Purchase) -> bool:
    """Whether it was only bought because a follow-up starts from it (plan/prerequisites.py)."""
    request = decode(purchase.canonical)
    return isinstance(request, Single) and request.at_provider


def text_of(picture: StoredPicture, objects: ObjectStore) -> str | None:
    """Return the words of a description; None for pictures, and where they are lost."""
    if picture.media_type != WORDS:
        return None
    content = objects.read(picture.digest)
    return None if content is None else content.decode("utf-8", "replace")


def _text(purchase: Purchase, objects: ObjectStore) -> str | None:
    texts = (text_of(one.picture, objects) for one in purchase.candidates if one.picture)
    return next((text for text in texts if text is not None), None)
