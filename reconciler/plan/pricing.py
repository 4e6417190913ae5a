"""What a request costs: the provider's dated table, with the configuration's overrides on top."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.ids import Address, ProviderName
from reconciler.money import MicroUsd
from reconciler.providers.check import ancestors
from reconciler.providers.protocol import Provider
from reconciler.spec.request import Operation, Request
from reconciler.spec.resource import Resource

Overrides = Mapping[str, MicroUsd]
_PICTURES: Mapping[Operation, int | None] = {
    Operation.IMAGINE: 4,
    Operation.VARY: 4,
    Operation.REROLL: 4,
    Operation.EDIT: None,
    Operation.UPSCALE: 1,
    Operation.ENHANCE: 1,
    Operation.BLEND: 4,
    Operation.DESCRIBE: 0,
    Operation.SINGLE: 1,
    Operation.ZOOM: None,
    Operation.PAN: None,
    Operation.INPAINT: 4,
    Operation.REMIX: 4,
    Operation.VIDEO: None,
}


def usual_pictures(operation: Operation) -> int | None:
    """Return how many pictures a task usually gives; None where nobody documents it."""
    return _PICTURES[operation]


@dataclass(frozen=True, slots=True)
class Seller:
    """A configured provider as the planner sees it: its adapter, and prices of one's own."""

    adapter: Provider
    overrides: Overrides

    def price(self, request: Request, lineage: tuple[Request, ...]) -> MicroUsd | None:
        """Return the price of one task, or None when no source and no override names it."""
        key = self.adapter.price_key(request, lineage)
        if key in self.overrides:
            return self.overrides[key]
        return self.adapter.can.prices.rows.get(key)


Sellers = Mapping[ProviderName, Seller]


def lineage(resource: Resource, resources: Mapping[Address, Resource]) -> tuple[Request, ...]:
    """Return the requests of a resource's ancestors, its parent first."""
    return tuple(one.request for one in ancestors(resource, resources))
