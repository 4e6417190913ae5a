"""Every resource against the rules of the provider that will make it."""

from collections.abc import Iterator, Mapping

from reconciler.ids import Address, ProviderName
from reconciler.providers.protocol import Issue, Provider
from reconciler.spec.resource import Resource


def check(
    resources: Mapping[Address, Resource], adapters: Mapping[ProviderName, Provider]
) -> Iterator[tuple[Resource, Issue]]:
    """Yield each issue with its resource. A follow-up is judged by its root image's provider.

    A provider that nobody has configured is somebody else's finding.
    """
    for resource in resources.values():
        chain = [resource, *ancestors(resource, resources)]
        lineage = tuple(one.request for one in chain[1:])
        adapter = adapters.get(chain[-1].provider)
        for issue in adapter.issues(resource.request, lineage) if adapter else ():
            yield resource, issue


def ancestors(resource: Resource, resources: Mapping[Address, Resource]) -> Iterator[Resource]:
    """Yield the parent, its parent, up to the root image."""
    while resource.parent is not None:
        resource = resources[resource.parent.address]
        yield resource
