"""Purchases to try the store with: one plain example, and a strategy for all there can be."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from reconciler.ids import (
    Address,
    CandidateNumber,
    Digest,
    Fingerprint,
    IntentId,
    ProviderName,
    RunId,
    TaskId,
)
from reconciler.money import MicroUsd
from reconciler.policy import FailureKind
from reconciler.purchase import (
    Abandoned,
    Accepted,
    AnswerLost,
    Attached,
    Candidate,
    Delivered,
    Event,
    Failure,
    FollowUp,
    LinksGone,
    NotSent,
    ParentUse,
    Paused,
    Phase,
    PictureStored,
    Purchase,
    Refused,
    Report,
    Resumed,
    Sending,
    StoredPicture,
    TaskFailed,
    Withdrawn,
)
from reconciler.state.store import Store

NOW = datetime(2026, 3, 4, 5, 6, 7, 891_011, UTC)
RUN = RunId("run-1")
CANONICAL = '{"operation":"imagine","prompt":"a library","speed":"fast"}'
PICTURE = StoredPicture(Digest("ab" * 32), "image/png", 1024, 768, 1_234_567)


def a_purchase(number: int = 1, **changes: Any) -> Purchase:
    """Return a fresh intent of $0.30; `number` makes its id, fingerprint and address differ."""
    purchase = Purchase(
        id=IntentId(f"intent-{number}"),
        fingerprint=Fingerprint(f"{number:064x}"),
        take=1,
        attempt=1,
        address=Address(f"image{number}"),
        provider=ProviderName("apixo"),
        canonical=CANONICAL,
        parent=None,
        price=MicroUsd(300_000),
        phase=Phase.INTENDED,
        created_at=NOW,
        changed_at=NOW,
    )
    return replace(purchase, **changes)


def booked(store: Store) -> dict[IntentId, int]:
    """Return what the entries of each purchase add up to; an unknown amount adds nothing."""
    rows = store._database.ask(
        lambda connection: connection.execute(
            "SELECT intent, coalesce(sum(amount_micro_usd), 0) FROM ledger GROUP BY intent"
        ).fetchall()
    )
    return dict(rows)


_zones = st.sampled_from(
    [UTC, timezone(timedelta(hours=-9, minutes=-30)), timezone(timedelta(hours=14))]
)
moments = st.datetimes(datetime(1971, 1, 1), datetime(9990, 1, 1), timezones=_zones)  # noqa: DTZ001
_texts = st.text(max_size=30)
_surrogates = st.text(st.characters(), max_size=10)
_numbers = st.integers(1, 9).map(CandidateNumber)
amounts = st.integers(0, 2**50).map(MicroUsd)
pictures = st.builds(
    StoredPicture,
    digest=_texts.map(Digest),
    media_type=st.sampled_from(["image/png", "image/webp"]),
    width=st.none() | st.integers(1, 9999),
    height=st.none() | st.integers(1, 9999),
    byte_count=st.integers(0, 2**40),
)
failures = st.builds(
    Failure, st.sampled_from(FailureKind), code=_surrogates, message=_surrogates, advice=_texts
)
follow_ups = st.lists(
    st.builds(
        FollowUp,
        operation=_texts,
        candidates=st.lists(_numbers, max_size=4).map(tuple),
        kinds=st.lists(_surrogates, max_size=3).map(tuple),
    ),
    max_size=4,
).map(tuple)
_candidates = st.dictionaries(_numbers, st.tuples(_texts, st.none() | pictures), max_size=5).map(
    lambda found: tuple(Candidate(number, *found[number]) for number in sorted(found))
)
urls = st.lists(st.none() | st.text(max_size=5), max_size=4).map(tuple)
stored = st.builds(
    StoredPicture, st.text(max_size=3).map(Digest), st.just("image/png"), *[st.integers(1, 9)] * 3
)
_tasks = st.text(max_size=3).map(TaskId)
_accepted = st.builds(Accepted, _tasks)
_lost = st.builds(AnswerLost, st.text(max_size=3))
_attached = st.builds(Attached, _tasks)
reports = st.builds(Report, *[st.none() | _surrogates] * 4)
_delivered = st.builds(
    Delivered, urls, st.just(NOW), st.none() | follow_ups, st.none() | amounts, reports
)
_failed = st.builds(TaskFailed, failures, st.none() | amounts)
_stored = st.builds(PictureStored, st.integers(1, 4).map(CandidateNumber), stored)
events: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from((Sending(), Abandoned(), Withdrawn(), LinksGone(), Paused(), Resumed())),
    st.builds(NotSent, st.text(max_size=3)),
    st.builds(Refused, failures),
    *(_accepted, _lost, _attached, _delivered, _failed, _stored),
)
"""Whatever can happen to a purchase, mostly where it makes no sense."""

onwards: Mapping[Phase, st.SearchStrategy[Event]] = {
    Phase.INTENDED: st.just(Sending()),
    Phase.SUBMITTING: st.one_of(_accepted, _lost),
    Phase.SUBMITTED: st.one_of(_delivered, _failed, st.just(Paused())),
    Phase.MODAL: st.one_of(_delivered, _failed, st.just(Resumed())),
    Phase.SUCCEEDED: _delivered,
    Phase.STORED: _delivered,
    Phase.IN_DOUBT: st.one_of(_attached, st.just(Abandoned())),
    Phase.ABANDONED: _attached,
}
"""What goes on from a phase, towards money that moves."""

_canonicals = st.dictionaries(_texts, st.integers() | _texts, max_size=3).map(
    lambda content: json.dumps({"operation": "vary", **content}, ensure_ascii=False)
)

purchases = st.builds(
    Purchase,
    id=st.uuids().map(lambda name: IntentId(str(name))),
    fingerprint=st.text(min_size=1, max_size=8).map(Fingerprint),
    take=st.integers(1, 10**6),
    attempt=st.integers(1, 10**6),
    address=_texts.map(Address),
    provider=_texts.map(ProviderName),
    canonical=_canonicals,
    parent=st.none() | st.builds(ParentUse, _texts.map(IntentId), st.none() | _numbers),
    price=st.none() | amounts,
    phase=st.sampled_from(Phase),
    created_at=moments,
    changed_at=moments,
    submitted_at=st.none() | moments,
    finished_at=st.none() | moments,
    links_expire_at=st.none() | moments,
    task_id=st.none() | _texts.map(TaskId),
    failure=st.none() | failures,
    candidates=_candidates,
    follow_ups=st.none() | follow_ups,
    charged=st.none() | amounts,
    fruitless_before=st.integers(0, 10**6),
    report=reports,
)
