"""What a request costs: the provider's dated table, with the configuration's overrides on top."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.ids import Address, ProviderName
from reconciler.money import MicroUsd
from reconciler.providers.check import ancestors
from reconciler.providers.protocol import Provider
from reconciler.spec.request import Request
from reconciler.spec.resource import Resource

Overrides = Mapping[str, MicroUsd]


@dataclass(frozen=True, slots=True)
class Seller:
    """A configured provider as the planner sees it: its adapter, and prices of one's own.

    `publishes`: the project has a public place, from which any provider can fetch our pictures.
    """

    adapter: Provider
    overrides: Overrides
    publishes: bool = False

    @property
    def takes_pictures(self) -> bool:
        """Whether it can get at a picture of ours: by an upload, or from a public place."""
        return self.publishes or self.adapter.can.upload_lifetime is not None

    def price(self, request: Request, lineage: tuple[Request, ...]) -> MicroUsd | None:
        """Return the price of one task, or None when no source and no override names it."""
        key = self.adapter.price_key(request, lineage)
        known = self.overrides if key in self.overrides else self.adapter.can.prices.rows
        row = known.get(key)
        return None if row is None else MicroUsd(row * self.adapter.units(request))


Sellers = Mapping[ProviderName, Seller]


def lineage(resource: Resource, resources: Mapping[Address, Resource]) -> tuple[Request, ...]:
    """Return the requests of a resource's ancestors, its parent first."""
    return tuple(one.request for one in ancestors(resource, resources))
