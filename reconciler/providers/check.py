"""Every resource against the rules of its provider, and every configured address likewise."""

from collections.abc import Callable, Iterator, Mapping

from reconciler.config import CONFIG_FILE, Config
from reconciler.ids import Address, ProviderName
from reconciler.providers.protocol import Issue, Provider
from reconciler.spec.expanded import BARREN
from reconciler.spec.problems import Problem
from reconciler.spec.resource import Resource


def check(
    resources: Mapping[Address, Resource],
    adapters: Mapping[ProviderName, Provider],
    made_by: Callable[[Resource], ProviderName | None],
) -> Iterator[tuple[Resource, Issue]]:
    """Yield each issue with its resource. A follow-up is judged by its root image's provider.

    That is the one that made the root, as `made_by` knows, else the one that the spec names: who
    changes the default provider need not rewrite what is owned. A provider that nobody has
    configured is somebody else's finding.
    """
    for resource in resources.values():
        chain = [resource, *ancestors(resource, resources)]
        found = _issues(chain, adapters.get(chain[-1].provider))
        maker = made_by(chain[-1]) if found else None
        if maker is not None and maker != chain[-1].provider:
            found = _issues(chain, adapters.get(maker))
        for issue in found:
            yield resource, issue


def _issues(chain: list[Resource], adapter: Provider | None) -> list[Issue]:
    """Return what a provider objects to in the first of these, which derives from the others."""
    if adapter is None:
        return []
    resource, *above = chain
    if above and above[0].operation in BARREN:
        return []  # the language has said already that nothing can be derived from this
    return list(adapter.issues(resource.request, tuple(one.request for one in above)))


def ancestors(resource: Resource, resources: Mapping[Address, Resource]) -> Iterator[Resource]:
    """Yield the parent, its parent, up to the root image."""
    while resource.parent is not None:
        resource = resources[resource.parent.address]
        yield resource


def misaddressed(config: Config, adapters: Mapping[ProviderName, Provider]) -> Iterator[Problem]:
    """Yield what is wrong with a `base_url` that repeats what the adapter adds by itself."""
    for name, one in config.providers.items():
        address, prefix = one.base_url.rstrip("/"), adapters[name].can.own_prefix
        if prefix and address.endswith(f"/{prefix}"):
            yield Problem(
                CONFIG_FILE,
                ("providers", name, "base_url"),
                f"{adapters[name].name}'s `base_url` must not end in `/{prefix}`:"
                " its routes begin with it",
                f"write `{address.removesuffix(f'/{prefix}')}`",
            )
