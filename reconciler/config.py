"""reconciler.yaml as values. Reading it is spec/load.py's work; nothing heavy is imported here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from reconciler.ids import ProviderName
from reconciler.money import MicroUsd
from reconciler.policy import CAREFUL, Policy

CONFIG_FILE: Final = "reconciler.yaml"
SANDBOX: Final = "sandbox:"
SANDBOX_ORIGIN: Final = "http://sandbox.invalid"
"""Where the embedded emulator lives: a name that no network can resolve."""


class ViewMode(StrEnum):
    """How the readable tree of names points at the objects."""

    LINK = "link"
    COPY = "copy"


class ServerErrors(StrEnum):
    """What an API's own 500 or 503 to a submission means: its word is all there is."""

    RETRY = "retry"
    """Nothing was accepted, as the API documents; it is sent again after a while."""
    DOUBT = "doubt"
    """A task may exist behind it: never sent again by itself."""


class MaskPolarity(StrEnum):
    """What marks the part of a mask that a provider repaints; APIMart's pages disagree."""

    WHITE = "white"
    """White is repainted, what is transparent stays."""
    TRANSPARENT = "transparent"
    """What is transparent is repainted, white stays."""


@dataclass(frozen=True, slots=True)
class Poll:
    """Seconds until the first question and between two; None: what the provider documents."""

    first: float | None = None
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One account at one API.

    `api_key_env` is the name of the environment variable that holds the key, never the key. Limits
    that are None are the provider's documented ones. `polls_count`: status requests count among the
    `requests_per_minute`, too. `refunds_failures` None: what the provider documents. `speed` only
    counts for the sandbox: how much faster than life it runs.
    """

    name: ProviderName
    type: str
    base_url: str
    api_key_env: str | None = None
    requests_per_minute: float | None = None
    concurrent: int | None = None
    polls_count: bool = False
    poll: Poll = Poll()
    refunds_failures: bool | None = None
    server_errors: ServerErrors = ServerErrors.RETRY
    mask_repaints: MaskPolarity = MaskPolarity.WHITE
    quota_per_usd: float | None = None
    speed: float = 1.0

    @property
    def is_sandbox(self) -> bool:
        """Whether the embedded emulator answers instead of a network."""
        return self.base_url == SANDBOX


@dataclass(frozen=True, slots=True)
class AssetsConfig:
    """Where pictures are kept, relative to the project's root, and how views are made."""

    dir: str = "assets"
    views: ViewMode = ViewMode.LINK


@dataclass(frozen=True, slots=True)
class Publish:
    """A public place for local pictures, for providers that take URLs only.

    What is put into `target`, a folder relative to the root or an `s3://bucket/prefix`, can be
    fetched below `base_url`.
    """

    target: str
    base_url: str

    @property
    def is_bucket(self) -> bool:
        """Whether it is a bucket and no folder."""
        return self.target.startswith("s3://")


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent; None: no limit.

    Days and months are UTC's. `per_image` is for one root image with all its variants, for ever.
    """

    per_apply: MicroUsd | None = None
    per_day: MicroUsd | None = None
    per_month: MicroUsd | None = None
    per_image: MicroUsd | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit at all."""
        return self != Budget()


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Config:
    """A project's configuration. Paths are relative to the project's root, with `/`.

    `prices` override the provider's table: provider → price key → amount; the keys are the
    provider's to judge. `silenced` are rules of advice that the project does not want to hear.
    `defaults` hold canonical field values as in Imagine, and `provider`.
    """

    providers: Mapping[ProviderName, ProviderConfig]
    default_provider: ProviderName
    specs: str = "specs"
    state: str = "state/reconciler.db"
    assets: AssetsConfig = AssetsConfig()
    budget: Budget = Budget()
    policy: Policy = CAREFUL
    publish: Publish | None = None
    silenced: tuple[str, ...] = ()
    prices: Mapping[ProviderName, Mapping[str, MicroUsd]] = field(default_factory=_nothing)
    defaults: Mapping[str, Any] = field(default_factory=_nothing)
