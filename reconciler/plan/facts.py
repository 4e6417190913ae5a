"""What does not change while a plan is made, and the questions that all of its parts ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.ids import Address
from reconciler.money import MicroUsd
from reconciler.plan.owned import Owned
from reconciler.plan.pricing import Seller, Sellers, lineage
from reconciler.plan.standing import Wanted
from reconciler.policy import Policy
from reconciler.purchase import Purchase, StoredPicture
from reconciler.spec.request import Request, is_local
from reconciler.spec.resource import Resource, TakeKey


@dataclass(frozen=True, slots=True)
class Facts:
    """What is wanted, what is owned, who sells, and what is done by itself about trouble."""

    resources: Mapping[Address, Resource]
    owned: Owned
    sellers: Sellers
    policy: Policy

    def latest(self, key: TakeKey) -> Purchase | None:
        """Return the attempt at a take that says how it stands."""
        return self.owned.purchases.get(key)

    def seller(self, wanted: Wanted) -> Seller | None:
        """Return who makes it; None for a provider that is not configured any more."""
        return self.sellers.get(wanted.provider)

    def lineage(self, resource: Resource) -> tuple[Request, ...]:
        """Return the requests of its ancestors as the specs have them, its parent first."""
        return lineage(resource, self.resources)

    def tasks_above(self, resource: Resource) -> tuple[Request, ...]:
        """Return the same without what was made here: what the provider knows of."""
        return tuple(one for one in self.lineage(resource) if not is_local(one))

    def price(self, wanted: Wanted) -> MicroUsd | None:
        """Return what its maker takes for it; None: nobody documents that."""
        seller = self.seller(wanted)
        if seller is None:
            return None
        return seller.price(wanted.resource.request, self.lineage(wanted.resource))

    def last_shown(self, address: Address) -> Purchase | None:
        """Return what an address showed last, if that is still on record."""
        before = self.owned.shown.get(address)
        return self.latest(before.key) if before else None

    def is_lost(self, picture: StoredPicture | None) -> bool:
        """Whether its bytes are not there."""
        return picture is None or picture.digest in self.owned.lost

    def has_bytes(self, purchase: Purchase) -> bool:
        """Whether everything that it gave is there."""
        return not any(self.is_lost(one.picture) for one in purchase.candidates)
