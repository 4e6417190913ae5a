"""An action with all that is needed to carry it out."""

from dataclasses import dataclass

from reconciler.engine.channel import Channel
from reconciler.plan.actions import Action
from reconciler.providers.protocol import Lineage
from reconciler.purchase import Purchase
from reconciler.spec.request import Request, decode
from reconciler.spec.resource import Resource, TakeKey


@dataclass(frozen=True, slots=True)
class Assignment:
    """An action with everything its job needs.

    `lineage` is its resource's, `parent` the delivered purchase of its source.
    """

    action: Action
    lineage: Lineage
    channel: Channel
    parent: Purchase | None

    @property
    def request(self) -> Request:
        """What is bought, or was: an action without a resource only finishes a purchase."""
        if self.action.resource is not None:
            return self.action.resource.request
        if self.action.purchase is not None:
            return decode(self.action.purchase.canonical)
        raise AssertionError(f"{self.action.verb} {self.action.address} has nothing to work on")

    def wanted(self) -> tuple[Resource, TakeKey]:
        """Return what is to be bought."""
        resource, key = self.action.resource, self.action.key
        if resource is None or key is None:
            raise AssertionError(f"{self.action.verb} {self.action.address} has nothing to buy")
        return resource, key
