"""The life of a purchase: every legal move, nothing else, and no move that could pay twice."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ids import (
    Address,
    CandidateNumber,
    Digest,
    Fingerprint,
    IntentId,
    ProviderName,
    TaskId,
)
from reconciler.money import NOTHING, MicroUsd
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
    IllegalEvent,
    LinksGone,
    NotSent,
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
    advance,
)
from reconciler.spec.resource import TakeKey

START = datetime(2026, 5, 1, tzinfo=UTC)
NOW = START + timedelta(minutes=1)
EXPIRY = START + timedelta(days=1)
FAILURE = Failure(FailureKind.MODERATED, "NSFW", "refused", "change the prompt")
TASK = TaskId("task_1")
INTENDED = Purchase(
    id=IntentId("intent_1"),
    fingerprint=Fingerprint("f" * 64),
    take=1,
    attempt=1,
    address=Address("library"),
    provider=ProviderName("apixo"),
    canonical='{"operation":"imagine","prompt":"a library"}',
    parent=None,
    price=MicroUsd(200_000),
    phase=Phase.INTENDED,
    created_at=START,
    changed_at=START,
)


def picture(number: int) -> StoredPicture:
    return StoredPicture(Digest(f"{number:064x}"), "image/png", 1024, 576, 4096)


def stored(number: int) -> PictureStored:
    return PictureStored(CandidateNumber(number), picture(number))


def delivered(
    count: int, follow_ups: tuple[FollowUp, ...] | None = None, charged: MicroUsd | None = None
) -> Delivered:
    urls = tuple(f"https://file.apixo.ai/{number}.png" for number in range(1, count + 1))
    return Delivered(urls, EXPIRY, follow_ups, charged)


def after(*events: Event) -> Purchase:
    """Return the purchase after these events, from `intended` on."""
    purchase = INTENDED
    for event in events:
        purchase = advance(purchase, event, NOW)
    return purchase


SENT = (Sending(),)
ACCEPTED = (*SENT, Accepted(TASK))
WAITS = (*ACCEPTED, Paused())
TWO_CAME = (*ACCEPTED, delivered(2))
ALL_STORED = (*TWO_CAME, stored(1), stored(2))
LOST = (*SENT, AnswerLost("no answer"))
WAY_TO: dict[Phase, tuple[Event, ...]] = {
    Phase.INTENDED: (),
    Phase.SUBMITTING: SENT,
    Phase.SUBMITTED: ACCEPTED,
    Phase.MODAL: WAITS,
    Phase.SUCCEEDED: TWO_CAME,
    Phase.STORED: ALL_STORED,
    Phase.REJECTED: (*SENT, Refused(FAILURE)),
    Phase.FAILED: (*ACCEPTED, TaskFailed(FAILURE)),
    Phase.CANCELLED: (Withdrawn(),),
    Phase.IN_DOUBT: LOST,
    Phase.ABANDONED: (*LOST, Abandoned()),
}
EVENTS: tuple[Event, ...] = (
    Sending(),
    NotSent("no connection"),
    Accepted(TASK),
    Refused(FAILURE),
    AnswerLost("no answer"),
    Attached(TASK),
    Abandoned(),
    Withdrawn(),
    Paused(),
    Resumed(),
    delivered(2),
    TaskFailed(FAILURE),
    LinksGone(),
    stored(1),
)
LEGAL = {
    (Phase.INTENDED, Sending): Phase.SUBMITTING,
    (Phase.INTENDED, Withdrawn): Phase.CANCELLED,
    (Phase.SUBMITTING, NotSent): Phase.INTENDED,
    (Phase.SUBMITTING, Accepted): Phase.SUBMITTED,
    (Phase.SUBMITTING, Refused): Phase.REJECTED,
    (Phase.SUBMITTING, AnswerLost): Phase.IN_DOUBT,
    (Phase.IN_DOUBT, Attached): Phase.SUBMITTED,
    (Phase.ABANDONED, Attached): Phase.SUBMITTED,
    (Phase.IN_DOUBT, Abandoned): Phase.ABANDONED,
    (Phase.SUBMITTED, Delivered): Phase.SUCCEEDED,
    (Phase.SUBMITTED, TaskFailed): Phase.FAILED,
    (Phase.SUBMITTED, Paused): Phase.MODAL,
    (Phase.MODAL, Resumed): Phase.SUBMITTED,
    (Phase.MODAL, Delivered): Phase.SUCCEEDED,
    (Phase.MODAL, TaskFailed): Phase.FAILED,
    (Phase.SUCCEEDED, Delivered): Phase.SUCCEEDED,
    (Phase.SUCCEEDED, PictureStored): Phase.SUCCEEDED,
    (Phase.STORED, Delivered): Phase.STORED,
    (Phase.SUCCEEDED, LinksGone): Phase.SUCCEEDED,
    (Phase.STORED, LinksGone): Phase.STORED,
    (Phase.STORED, PictureStored): Phase.STORED,
}
ENDS = {Phase.REJECTED, Phase.FAILED, Phase.CANCELLED}
DOUBTS = {Phase.IN_DOUBT, Phase.ABANDONED}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_pair_of_phase_and_event(phase: Phase, event: Event) -> None:
    """The table of legal moves is complete; any other event is our bug."""
    purchase = after(*WAY_TO[phase])
    assert purchase.phase is phase

    if (phase, type(event)) in LEGAL:
        assert advance(purchase, event, NOW).phase is LEGAL[phase, type(event)]
    else:
        with pytest.raises(IllegalEvent, match=f"{type(event).__name__} cannot .* {phase}"):
            advance(purchase, event, NOW)


def test_ends_have_no_exit() -> None:
    """From rejected, failed and cancelled no event leads on."""
    assert ENDS.isdisjoint(phase for phase, _ in LEGAL)


def test_a_doubt_ends_by_a_decision_only() -> None:
    """What is in doubt, or given up, is left by nothing but its task, found, or by giving it up."""
    ways = {kind for phase, kind in LEGAL if phase in DOUBTS}
    assert ways == {Attached, Abandoned}


def test_sending() -> None:
    """Only the phase and the time change before the request leaves."""
    assert after(*SENT) == replace(INTENDED, phase=Phase.SUBMITTING, changed_at=NOW)


def test_not_sent() -> None:
    """A proof that nothing was accepted leads back to where it started."""
    assert after(*SENT, NotSent("refused")) == replace(INTENDED, changed_at=NOW)


def test_accepted() -> None:
    """The task id and the moment of submission are kept."""
    assert after(*ACCEPTED) == replace(
        INTENDED, phase=Phase.SUBMITTED, changed_at=NOW, submitted_at=NOW, task_id=TASK
    )


def test_refused() -> None:
    """The failure is kept; there is no task."""
    assert after(*SENT, Refused(FAILURE)) == replace(
        INTENDED, phase=Phase.REJECTED, changed_at=NOW, failure=FAILURE
    )


def test_attached() -> None:
    """A task that was found stands where an answer would have put it; nobody knows since when."""
    for before in (after(*LOST), after(*LOST, Abandoned())):
        found = advance(before, Attached(TASK), NOW)
        assert found == replace(before, phase=Phase.SUBMITTED, task_id=TASK)
        assert found.submitted_at is None


def test_abandoned() -> None:
    """Giving up changes nothing but the phase: it was perhaps paid, and stays so."""
    assert after(*LOST, Abandoned()) == replace(after(*LOST), phase=Phase.ABANDONED)


def test_task_failed() -> None:
    """The failure is kept beside the task id."""
    assert after(*ACCEPTED, TaskFailed(FAILURE)) == replace(
        after(*ACCEPTED), phase=Phase.FAILED, failure=FAILURE, finished_at=NOW
    )


def test_a_task_of_two_steps() -> None:
    """Only the phase says that it waits; it is one task, however often it waits and goes on."""
    waiting = after(*WAITS)

    assert waiting == replace(after(*ACCEPTED), phase=Phase.MODAL)
    assert advance(waiting, Resumed(), NOW) == after(*ACCEPTED)
    assert after(*WAITS, Resumed(), Paused(), Resumed()) == after(*ACCEPTED)
    assert waiting.phase.is_in_flight
    assert not waiting.is_fruitless
    assert waiting.precedence == after(*ACCEPTED).precedence


def test_what_flies() -> None:
    """In flight are the two phases in which the provider has a task of ours, and no other."""
    assert {phase for phase in Phase if phase.is_in_flight} == {Phase.SUBMITTED, Phase.MODAL}


def test_a_report() -> None:
    """What the provider tells beside the pictures is kept, also when it leaves it out later."""
    first, second = Report(quota="3440", handle="hash"), Report(remark="one was removed")
    told = Delivered(("https://a/1",), EXPIRY, None, report=first)

    purchase = after(*ACCEPTED, told)
    assert purchase.report == first
    later = advance(purchase, replace(told, report=second), NOW)
    assert later.report == Report(remark="one was removed", quota="3440", handle="hash")


def test_delivered() -> None:
    """Candidates are numbered from 1 in the order of their links; none is stored yet."""
    offers = (FollowUp("reroll"),)

    assert after(*ACCEPTED, delivered(2, offers)) == replace(
        after(*ACCEPTED),
        phase=Phase.SUCCEEDED,
        finished_at=NOW,
        links_expire_at=EXPIRY,
        follow_ups=offers,
        candidates=(
            Candidate(CandidateNumber(1), "https://file.apixo.ai/1.png"),
            Candidate(CandidateNumber(2), "https://file.apixo.ai/2.png"),
        ),
    )


def test_links_gone() -> None:
    """A dead link is remembered as such; the pictures stay known, and new links may come."""
    gone = after(*TWO_CAME, LinksGone())

    assert gone == replace(after(*TWO_CAME), links_expire_at=None)
    assert advance(gone, delivered(2), NOW).links_expire_at == EXPIRY


def test_stored_when_all_candidates_are() -> None:
    """One picture of two is not the end; the second one is, in any order."""
    half = after(*TWO_CAME, stored(2))

    assert half.phase is Phase.SUCCEEDED
    assert [one.picture for one in half.candidates] == [None, picture(2)]
    assert advance(half, stored(1), NOW).phase is Phase.STORED


def test_picture_of_no_candidate() -> None:
    """A picture that the task did not deliver is a bug, not silently dropped bytes."""
    with pytest.raises(IllegalEvent):
        advance(after(*TWO_CAME), stored(3), NOW)


def test_links_again() -> None:
    """New links for a stored purchase keep its pictures, its phase and when it was finished."""
    later = NOW + timedelta(days=2)
    before = after(*ALL_STORED)
    again = advance(before, Delivered(("https://a/1", "https://a/2"), later, None), later)

    assert again == replace(
        before,
        changed_at=later,
        links_expire_at=later,
        candidates=(
            Candidate(CandidateNumber(1), "https://a/1", picture(1)),
            Candidate(CandidateNumber(2), "https://a/2", picture(2)),
        ),
    )


def test_fewer_links_again() -> None:
    """A provider that serves fewer links later takes no stored picture away."""
    again = advance(after(*ALL_STORED), delivered(1), NOW)

    assert [one.picture for one in again.candidates] == [picture(1), picture(2)]
    assert again.phase is Phase.STORED


def test_bytes_again() -> None:
    """After bytes were lost, the same candidate can be stored anew."""
    other = replace(picture(1), digest=Digest("e" * 64))
    again = advance(after(*ALL_STORED), PictureStored(CandidateNumber(1), other), NOW)

    assert [one.picture for one in again.candidates] == [other, picture(2)]
    assert again.phase is Phase.STORED


def test_candidate() -> None:
    """A candidate is found by its number; one that was not delivered is None."""
    purchase = after(*TWO_CAME)

    assert purchase.candidate(CandidateNumber(2)) == purchase.candidates[1]
    assert purchase.candidate(CandidateNumber(3)) is None


def test_key() -> None:
    """A purchase is an attempt at one take of one fingerprint."""
    assert replace(INTENDED, take=3).key == TakeKey(Fingerprint("f" * 64), 3)


@pytest.mark.parametrize("phase", Phase)
def test_cost_without_a_word_of_the_provider(phase: Phase) -> None:
    """Everything costs its estimate, but for what was surely not accepted: that costs nothing."""
    free = phase in {Phase.REJECTED, Phase.CANCELLED}
    assert after(*WAY_TO[phase]).cost == (NOTHING if free else INTENDED.price)


def test_cost_by_the_providers_word() -> None:
    """What the provider says that it took counts, zero for a refund; silence changes nothing."""
    less = MicroUsd(150_000)

    assert after(*ACCEPTED, TaskFailed(FAILURE, NOTHING)).cost == NOTHING
    assert after(*ACCEPTED, TaskFailed(FAILURE)).cost == INTENDED.price
    assert after(*ACCEPTED, delivered(2, charged=less)).cost == less
    assert after(*ACCEPTED, delivered(2, charged=less), delivered(2)).cost == less


def test_cost_without_a_price() -> None:
    """An unknown price stays unknown, until the provider names one or nothing was accepted."""
    unpriced = replace(INTENDED, price=None)
    sent = advance(unpriced, Sending(), NOW)

    assert unpriced.cost is None
    assert advance(sent, AnswerLost("no answer"), NOW).cost is None
    assert advance(sent, Refused(FAILURE), NOW).cost == NOTHING


def test_fruitless() -> None:
    """Sent, perhaps paid, and without a picture: failed, in doubt, given up."""
    fruitless = {phase for phase in Phase if after(*WAY_TO[phase]).is_fruitless}
    assert fruitless == {Phase.FAILED, *DOUBTS}


def test_failures_that_stop_a_provider() -> None:
    """Without permission or credit no other request can succeed; what a filter refused can."""
    stopping = {kind for kind in FailureKind if kind.stops_provider}

    assert stopping == {FailureKind.NOT_PERMITTED, FailureKind.OUT_OF_CREDIT}
    assert not any(kind.is_moderated for kind in stopping)


numbers = st.integers(1, 5)
amounts = st.none() | st.sampled_from([0, 100_000, 200_000]).map(MicroUsd)
any_event: st.SearchStrategy[Event] = st.one_of(
    st.just(Sending()),
    st.just(NotSent("no connection")),
    st.sampled_from(["task_1", "task_2"]).map(lambda task: Accepted(TaskId(task))),
    st.just(Refused(FAILURE)),
    st.just(AnswerLost("no answer")),
    st.sampled_from(["task_1", "task_2"]).map(lambda task: Attached(TaskId(task))),
    st.just(Abandoned()),
    st.just(Withdrawn()),
    st.just(Paused()),
    st.just(Resumed()),
    st.builds(delivered, st.integers(0, 4), st.none(), amounts),
    st.builds(TaskFailed, st.just(FAILURE), amounts),
    numbers.map(stored),
)
usual = st.sampled_from([(), SENT, LOST, ACCEPTED, WAITS, TWO_CAME, ALL_STORED])
histories = st.tuples(usual, st.lists(any_event, max_size=25)).map(
    lambda parts: [*parts[0], *parts[1]]
)


def legal_steps(events: Iterable[Event]) -> list[tuple[Purchase, Event, Purchase]]:
    """Play events, passing over those that are refused; return each step that happened."""
    purchase, steps = INTENDED, []
    for seconds, event in enumerate(events):
        before = purchase
        snapshot = repr(before)
        try:
            purchase = advance(before, event, NOW + timedelta(seconds=seconds))
        except IllegalEvent:
            assert repr(before) == snapshot
            continue
        steps.append((before, event, purchase))
    return steps


@given(histories)
def test_legal_moves_are_those_of_the_table(events: list[Event]) -> None:
    """No sequence of events reaches a phase that the table does not know."""
    for before, event, afterwards in legal_steps(events):
        expected = LEGAL[before.phase, type(event)]
        completed = isinstance(event, PictureStored) and afterwards.phase is Phase.STORED
        assert afterwards.phase is expected or completed


@given(histories)
def test_a_request_leaves_again_only_after_a_proof(events: list[Event]) -> None:
    """Between two `Sending` there is always a `NotSent`, and nothing after it but that."""
    kinds = [type(event) for _, event, _ in legal_steps(events)]
    sendings = [position for position, kind in enumerate(kinds) if kind is Sending]

    for first, second in pairwise(sendings):
        assert kinds[first + 1 : second] == [NotSent]


@given(histories)
def test_at_most_one_submission_may_have_been_accepted(events: list[Event]) -> None:
    """Whatever the answers were: of all requests that left, all but one are proven unaccepted."""
    kinds = [type(event) for _, event, _ in legal_steps(events)]
    proofs = kinds.count(NotSent) + kinds.count(Refused)

    assert kinds.count(Sending) - proofs <= 1
    assert kinds.count(Accepted) + kinds.count(AnswerLost) <= 1


@given(histories)
def test_terminal_phases_stay(events: list[Event]) -> None:
    """An end is an end, a doubt ends by a decision, and giving up is never taken for a refusal."""
    for before, event, afterwards in legal_steps(events):
        assert before.phase not in ENDS
        if before.phase in DOUBTS:
            assert isinstance(event, Attached | Abandoned)
            assert afterwards.cost == before.cost


@given(histories)
def test_money_is_only_forgotten_for_a_reason(events: list[Event]) -> None:
    """A cost is the estimate, until a word of the provider or a proof of no acceptance changes it.

    The provider's latest word counts, and what it never spoke of is never free.
    """
    said: MicroUsd | None = None
    for _, event, afterwards in legal_steps(events):
        if isinstance(event, Delivered | TaskFailed) and event.charged is not None:
            said = event.charged
        if isinstance(event, Refused | Withdrawn):
            assert afterwards.cost == NOTHING
        else:
            assert afterwards.cost == (INTENDED.price if said is None else said)


@given(histories)
def test_one_task_at_most(events: list[Event]) -> None:
    """A purchase gets one task id and keeps it."""
    known: set[TaskId] = set()
    for _, _, afterwards in legal_steps(events):
        assert afterwards.task_id is not None or not known
        known |= {afterwards.task_id} if afterwards.task_id else set()

    assert len(known) <= 1


@given(histories)
def test_stored_pictures_stay(events: list[Event]) -> None:
    """No event takes a stored picture away, and candidates stay in order."""
    for before, _, afterwards in legal_steps(events):
        kept = {one.number for one in afterwards.candidates if one.picture}
        assert kept >= {one.number for one in before.candidates if one.picture}
        numbers_after = [one.number for one in afterwards.candidates]
        assert numbers_after == sorted(set(numbers_after))


@given(histories)
def test_identity_and_price_never_change(events: list[Event]) -> None:
    """What was intended is what is recorded, whatever happens to it; time moves forward."""
    for before, _, afterwards in legal_steps(events):
        assert (afterwards.id, afterwards.key) == (before.id, before.key)
        assert (afterwards.canonical, afterwards.price) == (before.canonical, before.price)
        assert afterwards.created_at == START
        assert afterwards.changed_at >= before.changed_at
