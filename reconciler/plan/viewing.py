"""Which names people should see for what is owned, and which of them are not there yet."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.assets.naming import wanted_files
from reconciler.ids import Address
from reconciler.plan.actions import Action, Reason, Verb
from reconciler.plan.owned import Owned
from reconciler.plan.select import Selection
from reconciler.purchase import Purchase
from reconciler.spec.resource import Resource, TakeKey


def view_action(action: Action, resource: Resource, purchase: Purchase, owned: Owned) -> Action:
    """Return what is left to do for a resource whose bytes are all there."""
    files = wanted_files(resource.address, purchase.candidates, resource.pick)
    foreign = sorted(files.keys() & owned.foreign_files)
    if foreign:
        note = f"move {foreign[0]} away"
        return replace(action, verb=Verb.BLOCKED, reason=Reason.FOREIGN_FILE, note=note)
    shown = owned.shown.get(resource.address)
    if shown is None or shown.key != purchase.key:
        note = f"bought as {purchase.address}" if purchase.address != resource.address else ""
        return replace(action, verb=Verb.ADOPT, reason=Reason.OWNED_ALREADY, note=note)
    if shown.files != files:
        return replace(action, verb=Verb.VIEW, reason=Reason.PICK_CHANGED)
    if not owned.stale_files.isdisjoint(files):
        return replace(action, verb=Verb.VIEW, reason=Reason.VIEW_MISSING)
    return action


def renames(resources: Mapping[Address, Resource], owned: Owned) -> dict[TakeKey, Address]:
    """Return, for each take shown under an address that is gone, that address."""
    gone = owned.shown.keys() - resources.keys()
    return {owned.shown[address].key: address for address in sorted(gone, reverse=True)}


def prunes(
    resources: Mapping[Address, Resource],
    owned: Owned,
    moved: set[Address],
    selection: Selection,
) -> Iterator[Action]:
    """Yield a `prune` for every shown address that no spec names and no rename explains."""
    for address in sorted(owned.shown.keys() - resources.keys() - moved):
        if selection.allows_gone(address):
            shown = owned.shown[address]
            yield Action(address, Verb.PRUNE, Reason.REMOVED, key=shown.key, files=shown.files)
