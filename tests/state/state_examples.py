"""Purchases to try the store with: one plain example, and a strategy for all there can be."""

import json
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
    Candidate,
    Failure,
    FollowUp,
    ParentUse,
    Phase,
    Purchase,
    StoredPicture,
)

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


_zones = st.sampled_from(
    [UTC, timezone(timedelta(hours=-9, minutes=-30)), timezone(timedelta(hours=14))]
)
moments = st.datetimes(datetime(1971, 1, 1), datetime(9990, 1, 1), timezones=_zones)  # noqa: DTZ001
_texts = st.text(max_size=30)
_surrogates = st.text(st.characters(), max_size=10)
_numbers = st.integers(1, 9).map(CandidateNumber)
pictures = st.builds(
    StoredPicture,
    digest=_texts.map(Digest),
    media_type=st.sampled_from(["image/png", "image/webp"]),
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
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
    price=st.none() | st.integers(0, 2**50).map(MicroUsd),
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
)
