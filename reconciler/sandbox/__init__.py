"""An emulator of paid picture APIs: it speaks their protocols, keeps a ledger, misbehaves on order.

It is an independent opinion of the protocols: of this project it imports only identities and money.
Importing this package is cheap; what needs Starlette, Pillow or uvicorn is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.sandbox.app import Sandbox, create_app
    from reconciler.sandbox.database import OtherVersionError
    from reconciler.sandbox.faults import Fault, Place
    from reconciler.sandbox.jobs import Vendor
    from reconciler.sandbox.server import serve
    from reconciler.sandbox.settings import ApimartSettings, SandboxSettings

__all__ = [
    "ApimartSettings",
    "Fault",
    "OtherVersionError",
    "Place",
    "Sandbox",
    "SandboxSettings",
    "Vendor",
    "create_app",
    "serve",
]

_HOMES = {
    "ApimartSettings": "settings",
    "OtherVersionError": "database",
    "Vendor": "jobs",
    "Fault": "faults",
    "Place": "faults",
    "Sandbox": "app",
    "SandboxSettings": "settings",
    "create_app": "app",
    "serve": "server",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
