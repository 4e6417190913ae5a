"""The facts a plan is made from, gathered by whoever may touch disk and clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.ids import Address, CandidateNumber, Digest, IntentId
from reconciler.purchase import Purchase
from reconciler.spec.resource import TakeKey


@dataclass(frozen=True, slots=True)
class Shown:
    """What an address showed last: which take, which pick, and the files written for it."""

    key: TakeKey
    intent: IntentId
    pick: CandidateNumber | None
    files: Mapping[str, Digest]


@dataclass(frozen=True, slots=True)
class Owned:
    """Everything a project owns, at one moment.

    `purchases` has the latest attempt at each take; `lost` the digests whose bytes are missing;
    `stale_files` the view files that are missing or point elsewhere; `foreign_files` those that
    somebody else put in a view's place. `run_active`: another run is working right now. `folder` is
    where views lie, as a path from the project's root.
    """

    now: datetime
    purchases: Mapping[TakeKey, Purchase] = field(default_factory=dict)
    shown: Mapping[Address, Shown] = field(default_factory=dict)
    lost: frozenset[Digest] = frozenset()
    stale_files: frozenset[str] = frozenset()
    foreign_files: frozenset[str] = frozenset()
    run_active: bool = False
    folder: str = "assets"
