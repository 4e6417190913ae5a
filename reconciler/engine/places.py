"""Where local pictures come from, where they can be put, and what a run has done about each."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from reconciler.ids import Digest, ProviderName


class Form(StrEnum):
    """What is made of a picture before it is sent."""

    PICTURE = "picture"
    """At most as large as advised."""
    WHITE_MASK = "mask, white repainted"
    TRANSPARENT_MASK = "mask, transparent repainted"


class Shipment(NamedTuple):
    """One picture on its way to one provider, whose API is at `origin`."""

    provider: ProviderName
    origin: str
    digest: Digest
    form: Form


class PublicPlace(Protocol):
    """Somewhere that everybody can fetch from."""

    @property
    def target(self) -> str:
        """What people call it."""

    @property
    def remedy(self) -> str:
        """What to do when its URLs do not serve what was put there."""

    async def put(self, content: bytes, media_type: str) -> str:
        """Make the bytes public and return their URL; again is fine. Raises ReconcilerError."""


def _no_locks() -> "defaultdict[Shipment, asyncio.Lock]":
    return defaultdict(asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Places:
    """What all jobs of a run share about pictures that go to providers.

    Local files lie below `root`. `public` is the project's own public place, if it has one. `links`
    are where this run has put pictures, `failed` says why others are nowhere: nothing is tried
    twice. Whoever looks at either holds the lock of that shipment. `served` are the public URLs
    that this run has seen to serve what was put there.
    """

    root: Path
    public: PublicPlace | None = None
    links: dict[Shipment, str] = field(default_factory=dict)
    failed: dict[Shipment, Exception] = field(default_factory=dict)
    served: set[str] = field(default_factory=set)
    locks: "defaultdict[Shipment, asyncio.Lock]" = field(default_factory=_no_locks)
