"""What a provider is, and the ones we know."""

from types import MappingProxyType

from reconciler.providers.apimart import Apimart
from reconciler.providers.apixo import Apixo
from reconciler.providers.protocol import Provider

PROVIDERS: MappingProxyType[str, Provider] = MappingProxyType(
    {"apixo": Apixo(), "apimart": Apimart()}
)
"""Every adapter by the `type` that a configuration names it with."""
