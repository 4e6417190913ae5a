"""The sandbox over HTTP. Its connections can really break, which plain ASGI cannot order."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.sandbox.apixo.routes import BASE_PATH
from reconciler.sandbox.app import create_app
from reconciler.sandbox.settings import SandboxSettings
from reconciler.sandbox.wire import EXTENSION

OnReady = Callable[[str], None]


def serve(
    settings: SandboxSettings, host: str, port: int, *, on_ready: OnReady | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, then return; port 0 picks a free port.

    `on_ready` is told APIXO's base URL once connections are accepted; APIMart's is its origin.
    Raises OSError where the address cannot be used.
    """
    config = uvicorn.Config(
        create_app(settings),
        host=host,
        port=port,
        http=_BreakableConnection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    with _bound(host, port) as listener, _quiet_signals():
        _Server(config, on_ready).run(sockets=[listener])


class _BreakableConnection(H11Protocol):
    """Gives each request its connection's transport, so that a fault can close it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app: Any = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            extensions = {**scope.get("extensions", {}), EXTENSION: self.transport}
            await app({**scope, "extensions": extensions}, receive, send)

        self.app = with_transport


class _Server(uvicorn.Server):
    """Tells somebody when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: OnReady | None) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._on_ready is not None and sockets and not self.should_exit:
            self._on_ready(_base_url(sockets[0]))


def _base_url(listener: socket.socket) -> str:
    """Return the base URL; a wildcard address is reached by its loopback."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{BASE_PATH}"


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=512)


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let a stop signal end the server and nothing else: uvicorn raises it again at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stops = (signal.SIGINT, signal.SIGTERM)
    before = {stop: signal.signal(stop, _ignore) for stop in stops}
    try:
        yield
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)


def _ignore(number: int, frame: object) -> None:
    """Do nothing: a handler, where SIG_IGN would be inherited by children."""
