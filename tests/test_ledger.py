"""The ledger's entries: they add up to what a purchase costs, whatever happens to it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.assets.naming import stem
from reconciler.ids import Address, Fingerprint, IntentId, ProviderName, TaskId
from reconciler.ledger import Booking, EntryKind, booking, image_of, opening
from reconciler.money import NOTHING, MicroUsd
from reconciler.policy import FailureKind
from reconciler.purchase import (
    Abandoned,
    Accepted,
    AnswerLost,
    Attached,
    Delivered,
    Event,
    Failure,
    IllegalEvent,
    LinksGone,
    NotSent,
    Paused,
    Phase,
    Purchase,
    Refused,
    Resumed,
    Sending,
    TaskFailed,
    Withdrawn,
    advance,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
FAILURE = Failure(FailureKind.PROVIDER, "500", "no", "later")
TASK = Accepted(TaskId("t"))
INTENT = Purchase(
    id=IntentId("i"),
    fingerprint=Fingerprint("f"),
    take=1,
    attempt=1,
    address=Address("library"),
    provider=ProviderName("apixo"),
    canonical="{}",
    parent=None,
    price=MicroUsd(200_000),
    phase=Phase.INTENDED,
    created_at=NOW,
    changed_at=NOW,
)


def delivered(charged: int | None) -> Delivered:
    """Return a success with the provider's own figure."""
    return Delivered(("u",), NOW, None, None if charged is None else MicroUsd(charged))


def entries(price: int | None, *events: Event) -> list[tuple[str, int | None]]:
    """Return what a purchase of this price books in a life of these events."""
    now = replace(INTENT, price=None if price is None else MicroUsd(price))
    first = opening(now)
    found: list[tuple[str, int | None]] = [(first.kind.value, first.amount)]
    for event in events:
        before, now = now, advance(now, event, NOW)
        change = booking(before, now)
        found += [(change.kind.value, change.amount)] if change else []
    return found


REFUSED, LOST = (Sending(), Refused(FAILURE)), (Sending(), AnswerLost(""))
LIVES: dict[str, tuple[int | None, tuple[Event, ...], list[tuple[str, int | None]]]] = {
    "reserved with the intent": (5, (Sending(),), [("reserved", 5)]),
    "refused: released": (5, REFUSED, [("reserved", 5), ("released", -5)]),
    "withdrawn: released": (5, (Withdrawn(),), [("reserved", 5), ("released", -5)]),
    "proven not sent: still reserved": (5, (Sending(), NotSent("")), [("reserved", 5)]),
    "lost: still reserved": (5, LOST, [("reserved", 5)]),
    "given up: still counted": (5, (*LOST, Abandoned()), [("reserved", 5)]),
    "the figure is as estimated": (5, (Sending(), TASK, delivered(5)), [("reserved", 5)]),
    "no figure": (5, (Sending(), TASK, delivered(None)), [("reserved", 5)]),
    "dearer than estimated": (
        5,
        (Sending(), TASK, delivered(7)),
        [("reserved", 5), ("reported", 2)],
    ),
    "cheaper, then corrected": (
        5,
        (Sending(), TASK, delivered(3), delivered(4), delivered(None), LinksGone()),
        [("reserved", 5), ("reported", -2), ("reported", 1)],
    ),
    "failed without a word": (5, (Sending(), TASK, TaskFailed(FAILURE)), [("reserved", 5)]),
    "failed and refunded": (
        5,
        (Sending(), TASK, TaskFailed(FAILURE, NOTHING)),
        [("reserved", 5), ("refunded", -5)],
    ),
    "the second step costs nothing more": (
        5,
        (Sending(), TASK, Paused(), Resumed(), delivered(None)),
        [("reserved", 5)],
    ),
    "waited in vain, refunded": (
        5,
        (Sending(), TASK, Paused(), TaskFailed(FAILURE, NOTHING)),
        [("reserved", 5), ("refunded", -5)],
    ),
    "found after it was given up, then refunded": (
        5,
        (*LOST, Abandoned(), Attached(TaskId("t")), TaskFailed(FAILURE, NOTHING)),
        [("reserved", 5), ("refunded", -5)],
    ),
    "failed, and dearer": (
        5,
        (Sending(), TASK, TaskFailed(FAILURE, MicroUsd(6))),
        [("reserved", 5), ("reported", 1)],
    ),
    "unknown": (None, (Sending(), TASK, delivered(None)), [("reserved", None)]),
    "unknown, then named": (
        None,
        (Sending(), TASK, delivered(7)),
        [("reserved", None), ("reported", 7)],
    ),
    "unknown, then refused": (None, REFUSED, [("reserved", None), ("released", 0)]),
}


@pytest.mark.parametrize("name", LIVES)
def test_each_change_of_the_cost_is_one_entry_with_its_reason(name: str) -> None:
    """And what does not change the cost is none."""
    price, events, expected = LIVES[name]
    assert entries(price, *events) == expected


amounts = st.none() | st.integers(0, 10).map(MicroUsd)
PLAIN = (Sending(), Withdrawn(), NotSent(""), TASK, Refused(FAILURE), AnswerLost(""))
LATE = (Attached(TaskId("t")), Abandoned(), LinksGone(), Paused(), Resumed())
events = st.one_of(
    st.sampled_from((*PLAIN, *LATE)),
    st.builds(TaskFailed, st.just(FAILURE), amounts),
    amounts.map(delivered),
)


@given(
    phase=st.sampled_from(Phase),
    price=amounts,
    charged=amounts,
    happening=st.lists(events, max_size=40),
)
def test_the_entries_always_add_up_to_the_cost(
    phase: Phase, price: MicroUsd | None, charged: MicroUsd | None, happening: list[Event]
) -> None:
    """From wherever it begins, through whatever happens: nothing is booked twice or forgotten."""
    now = replace(INTENT, phase=phase, price=price, charged=charged)
    total = opening(now).amount or 0
    for event in happening:
        try:
            before, now = now, advance(now, event, NOW)
        except IllegalEvent:
            continue
        change = booking(before, now)
        assert (change is None) == (before.cost == now.cost)
        total += (change.amount or 0) if change else 0
        assert total == (now.cost or 0)


def test_what_was_bought_elsewhere_says_so() -> None:
    """Its first entry is no reservation of this project's."""
    assert opening(INTENT, EntryKind.ADOPTED) == Booking(EntryKind.ADOPTED, MicroUsd(200_000))


@pytest.mark.parametrize(
    ("address", "image"),
    [
        ("library", "library"),
        ("library.night.hero", "library"),
        ("poster[v=6.1]", "poster[v=6.1]"),
        ("poster[v=6.1].hero", "poster[v=6.1]"),
        ("poster[season=winter,ratio=1:1].a.b", "poster[season=winter,ratio=1:1]"),
        ("odd[.b", "odd["),
        ("", ""),
    ],
)
def test_the_image_of_an_address_is_its_root(address: str, image: str) -> None:
    """A dot between brackets is part of a value."""
    assert image_of(Address(address)) == image


@given(st.text("a.[]=1/", min_size=1))
def test_an_image_is_the_first_folder_of_its_view(address: str) -> None:
    """Names of files and limits of images split an address at the same places."""
    image = image_of(Address(address))
    assert address.startswith(image)
    assert stem(Address(address)).split("/")[0] == stem(image).split("/")[0]
