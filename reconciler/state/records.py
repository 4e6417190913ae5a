"""What the store tells about, beside purchases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.ids import Address, CandidateNumber, Digest, Fingerprint, IntentId, RunId


@dataclass(frozen=True, slots=True)
class ViewRecord:
    """What an address shows: a take, the purchase that paid for it, and the files written.

    `files` are paths below the asset folder, with `/` between the parts.
    """

    address: Address
    intent: IntentId
    fingerprint: Fingerprint
    take: int
    pick: CandidateNumber | None
    files: Mapping[str, Digest]


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One line of the history. `seq` grows by time; `data` is what JSON can hold."""

    seq: int
    at: datetime
    run: RunId
    address: Address | None
    intent: IntentId | None
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UsualTime:
    """How long such tasks took: the median from acceptance to success, over `sample_count`.

    `operation` is an Operation's value, `speed` a Speed's or None where the request names none.
    """

    operation: str
    speed: str | None
    median: timedelta
    sample_count: int
