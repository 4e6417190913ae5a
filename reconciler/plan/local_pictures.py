"""Local pictures that a provider has to fetch, although it takes none: they need a public place."""

from reconciler.plan.actions import Reason, Verb
from reconciler.plan.offers import Hindrance
from reconciler.plan.pricing import Seller
from reconciler.spec.request import placed_references
from reconciler.spec.resource import KeyPath, Resource


def hindrance(resource: Resource, seller: Seller) -> Hindrance | None:
    """Return why its local pictures cannot get to the provider, or None."""
    if seller.takes_pictures or field_of_first(resource) is None:
        return None
    return Hindrance(Verb.BLOCKED, Reason.NEEDS_PUBLIC_PLACE, note(resource, resource.file))


def note(resource: Resource, place: str) -> str:
    """Return what to do about it; `place` is where the picture is named, as exactly as known."""
    named = _name(resource)
    what = f"{place}: {named}" if named else place
    return f"{what}; name one under `publish:` in reconciler.yaml"


def field_of_first(resource: Resource) -> KeyPath | None:
    """Return where in the request its first local picture stands; None where there is none."""
    return next((path for path, one in placed_references(resource.request) if not one.is_url), None)


def _name(resource: Resource) -> str | None:
    """Return the path of the first local picture, as the spec has it."""
    first = next((one for _, one in placed_references(resource.request) if not one.is_url), None)
    if first is None or first.digest is None:
        return first.location if first else None
    return next((one.path for one in resource.files if one.digest == first.digest), None)
