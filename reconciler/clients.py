"""HTTP clients for the configured providers, and the one for results, which knows no key.

`sandbox:` reaches the embedded emulator through the same client class, without a socket.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from reconciler import __version__
from reconciler.config import SANDBOX_ORIGIN, ProviderConfig
from reconciler.engine.channel import Channel, Manner
from reconciler.engine.places import Places
from reconciler.errors import ProviderError, StateError
from reconciler.ids import ProviderName
from reconciler.project import Project
from reconciler.providers.protocol import Provider
from reconciler.publishing import public_place

if TYPE_CHECKING:
    from reconciler.sandbox import SandboxSettings

_API_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_FILES_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_AGENT = f"reconciler/{__version__}"


@dataclass(frozen=True, slots=True)
class Connections:
    """A channel for every provider that is needed, and the client that downloads results.

    `places` are where local pictures come from and go to.
    """

    channels: Mapping[ProviderName, Channel]
    files: httpx.AsyncClient
    places: Places


@asynccontextmanager
async def connect(
    project: Project, needed: Iterable[ProviderName], occupied: Mapping[ProviderName, int]
) -> AsyncIterator[Connections]:
    """Open clients; closed at the end. Raises ProviderError when a key is missing.

    `occupied` counts tasks in flight, by provider, that nobody in this run waits for.
    """
    configs = [project.config.providers[name] for name in sorted(set(needed))]
    keys = {one.name: _key(one) for one in configs}
    sandbox = _sandbox(project, configs)
    adapters = project.adapters()
    async with AsyncExitStack() as stack:
        channels = {}
        for config in configs:
            adapter = adapters[config.name]
            base_url = _base_url(config, adapter)
            client = await stack.enter_async_context(
                _api_client(base_url, keys[config.name], sandbox if config.is_sandbox else None)
            )
            manner = _manner(config, adapter, occupied.get(config.name, 0))
            channels[config.name] = Channel(config.name, adapter, client, manner)
        files = await stack.enter_async_context(_files_client(sandbox))
        yield Connections(channels, files, Places(project.root, public_place(project)))


def check_keys(project: Project, needed: Iterable[ProviderName]) -> None:
    """Raise ProviderError when a key is missing: before anybody is asked about money."""
    for name in sorted(set(needed)):
        _key(project.config.providers[name])


def _key(config: ProviderConfig) -> str:
    """Return the API key from the environment; it is kept nowhere else.

    At the embedded sandbox each provider has an account of its own.
    """
    if config.is_sandbox:
        return f"sandbox-{config.name}"
    name = config.api_key_env
    if name is None:
        raise ProviderError(
            f"provider `{config.name}` has no `api_key`",
            hint="write `api_key: ${SOME_NAME}` in reconciler.yaml and export SOME_NAME",
        )
    key = os.environ.get(name, "").strip()
    if not key:
        raise ProviderError(
            f"{name} is not set: provider `{config.name}` needs its API key",
            details=("nothing was sent",),
            hint=f"export {name}=..., or rehearse without a key: `reconcile apply --sandbox`",
        )
    if not key.isascii() or not key.isprintable():
        raise ProviderError(
            f"{name} cannot be an API key: it has characters that no HTTP header may carry",
            hint=f"export {name} again, without line breaks",
        )
    return key


class _Embedded(httpx.AsyncBaseTransport):
    """Reaches the emulator in this process. Raises StateError when its database fails."""

    def __init__(self, settings: "SandboxSettings") -> None:
        from reconciler.sandbox import create_app

        self._database = settings.database
        with self._told():
            self._inner = httpx.ASGITransport(app=create_app(settings))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with self._told():
            return await self._inner.handle_async_request(request)

    @contextmanager
    def _told(self) -> Iterator[None]:
        from reconciler.sandbox import OtherVersionError

        try:
            yield
        except OtherVersionError as error:
            raise StateError(
                f"the sandbox's tasks were made by another version: {self._database}",
                details=("nothing was sent; its money is play money, and is not carried over",),
                hint="delete that file; to go on from pictures that it drew before, begin anew: "
                "move the state and the assets away, too",
            ) from error
        except sqlite3.Error as error:
            raise StateError(
                f"the sandbox's database cannot be used: {self._database}",
                details=(f"SQLite says: {error}",),
                hint="free some space if the disk is full; if the file is damaged, delete it: "
                "it only holds the emulator's own tasks",
            ) from error


def _sandbox(project: Project, configs: Iterable[ProviderConfig]) -> _Embedded | None:
    embedded = [one for one in configs if one.is_sandbox]
    if not embedded:
        return None
    from reconciler.sandbox import SandboxSettings

    settings = SandboxSettings(
        database=project.sandbox_path,
        speed=embedded[0].speed,
        requests_per_minute=None,
        concurrent=None,
    )
    return _Embedded(settings)


def _base_url(config: ProviderConfig, adapter: Provider) -> str:
    return SANDBOX_ORIGIN + adapter.can.sandbox_path if config.is_sandbox else config.base_url


def _api_client(base_url: str, key: str, sandbox: _Embedded | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=sandbox,
        base_url=base_url,
        headers={"Authorization": f"Bearer {key}", "User-Agent": _AGENT},
        timeout=_API_TIMEOUT,
        follow_redirects=False,
    )


def _files_client(sandbox: _Embedded | None) -> httpx.AsyncClient:
    mounts = {SANDBOX_ORIGIN: sandbox} if sandbox else None
    return httpx.AsyncClient(mounts=mounts, headers={"User-Agent": _AGENT}, timeout=_FILES_TIMEOUT)


def _manner(config: ProviderConfig, adapter: Provider, occupied: int) -> Manner:
    can, refunds = adapter.can, config.refunds_failures
    return Manner(
        requests_per_minute=config.requests_per_minute or can.requests_per_minute,
        concurrent=config.concurrent or can.concurrent,
        first=config.poll.first,
        interval=config.poll.interval,
        haste=config.speed if config.is_sandbox else 1.0,
        polls_count=config.polls_count,
        refunds_failures=can.refunds_failures if refunds is None else refunds,
        server_errors=config.server_errors,
        mask_repaints=config.mask_repaints,
        quota_per_usd=config.quota_per_usd,
        occupied=occupied,
    )
