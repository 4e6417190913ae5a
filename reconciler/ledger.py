"""What purchases do to a project's money, as entries that only ever add up. Pure.

A purchase's entries always sum to its `cost`: it is reserved with the intent, and every later entry
says by how much that changed and why. Nothing is taken back by deleting.
"""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.ids import Address, ProviderName, parts_of
from reconciler.money import NOTHING, MicroUsd
from reconciler.purchase import Phase, Purchase


class EntryKind(StrEnum):
    """Why the sum changed."""

    RESERVED = "reserved"
    """The estimate, from the price table, booked in the transaction that records the intent."""
    RELEASED = "released"
    """Nothing was accepted."""
    REFUNDED = "refunded"
    """The provider gave it back, by its own word or its documented rule."""
    REPORTED = "reported"
    """The provider's own figure, where it differs from the estimate."""
    ADOPTED = "adopted"
    """Bought elsewhere, and taken over as it is."""


@dataclass(frozen=True, slots=True)
class Booking:
    """By how much a purchase's cost changed; None: it costs something that nobody can name."""

    kind: EntryKind
    amount: MicroUsd | None


def opening(purchase: Purchase, kind: EntryKind = EntryKind.RESERVED) -> Booking:
    """Return the first entry of a purchase."""
    return Booking(kind, purchase.cost)


def booking(before: Purchase, after: Purchase) -> Booking | None:
    """Return the entry for what an event did, or None when it left the cost as it was."""
    if before.cost == after.cost:
        return None
    change = MicroUsd((after.cost or NOTHING) - (before.cost or NOTHING))
    if after.phase in (Phase.REJECTED, Phase.CANCELLED):
        return Booking(EntryKind.RELEASED, change)
    is_refund = after.phase is Phase.FAILED and change <= 0
    return Booking(EntryKind.REFUNDED if is_refund else EntryKind.REPORTED, change)


def image_of(address: Address) -> Address:
    """Return the root image that an address belongs to: `poster[v=6.1].hero` → `poster[v=6.1]`."""
    return Address(parts_of(address)[0])


@dataclass(frozen=True, slots=True)
class Sum:
    """What one address cost on one day (UTC's, `2026-05-01`) at one provider, where it stands so.

    `amount` is in micro-dollars; `is_reported`: by the provider's own figure. `tasks` counts
    purchases; `unknown` those of them that nobody can price. `refunded` is part of no `amount`.
    """

    address: Address
    provider: ProviderName
    day: str
    phase: Phase
    is_reported: bool
    amount: MicroUsd
    tasks: int
    unknown: int
    refunded: MicroUsd
