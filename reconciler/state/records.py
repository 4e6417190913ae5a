"""What the store tells about, beside purchases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.ids import (
    Address,
    CandidateNumber,
    Digest,
    Fingerprint,
    IntentId,
    ProviderName,
    RunId,
)
from reconciler.ledger import EntryKind
from reconciler.money import MicroUsd
from reconciler.purchase import Phase


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
class UploadRecord:
    """A picture that a provider keeps for a while.

    `origin` is the API's scheme and host: no other one knows the picture. `digest` is our own
    bytes'; `form` says what was made of them for the wire (engine/inputs.py).
    """

    provider: ProviderName
    origin: str
    digest: Digest
    form: str
    url: str
    at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class BalanceRecord:
    """What a provider said that the account held. `ledger_seq`: the newest entry at that moment."""

    at: datetime
    run: RunId
    provider: ProviderName
    amount: MicroUsd
    ledger_seq: int


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry of the ledger after some moment, and where its purchase stands by now.

    `amount` None: nobody knows the price.
    """

    intent: IntentId
    kind: EntryKind
    amount: MicroUsd | None
    phase: Phase


@dataclass(frozen=True, slots=True)
class UsualTime:
    """How long such tasks took: the median from acceptance to success, over `sample_count`.

    `operation` is an Operation's value, `speed` a Speed's or None where the request names none.
    """

    operation: str
    speed: str | None
    median: timedelta
    sample_count: int
