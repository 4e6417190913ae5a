"""Every row of the vendor's monitoring table (APIMart facts, section 13), and the queue times."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from health_books import APIMART, APIXO, LATER_RUN, NOW, Past
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ExitCode
from reconciler.health import WINDOW, Health
from reconciler.ids import Address, Fingerprint, IntentId, TaskId
from reconciler.policy import FailureKind
from reconciler.purchase import Paused, Phase, Purchase, Resumed
from reconciler.spec.request import Single
from reconciler.state.vitals import Course
from reconciler.vitals import FEWEST, Judgement, Metric, measured, scopes

MINUTE = timedelta(minutes=1)


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """Return an empty past."""
    return Past(tmp_path / "reconciler.db")


def repeat(number: int, event: Callable[[], object]) -> None:
    """Let it happen so often."""
    for _ in range(number):
        event()


def test_monitoring_success_rate_above_95_percent(past: Past) -> None:
    """SUCCESS of all that ended in the last hour must be above 95 %; 95 % itself is not."""
    repeat(19, past.succeeded)
    assert past.measured(Metric.SUCCESS_RATE).judgement is Judgement.OK
    past.failed()
    rate = past.measured(Metric.SUCCESS_RATE)
    assert (rate.value, rate.mark, rate.sample) == (0.95, 0.95, 20)
    assert rate.judgement is Judgement.BROKEN
    assert past.health().exit_code() is ExitCode.FAILURES
    past.succeeded()
    assert past.measured(Metric.SUCCESS_RATE).judgement is Judgement.OK
    assert past.health().exit_code() is ExitCode.OK


def test_monitoring_success_rate_counts_the_last_hour_only(past: Past) -> None:
    """What failed 61 minutes ago is history; a longer window still sees it."""
    repeat(6, lambda: past.failed(ended=NOW - 61 * MINUTE))
    assert past.measured(Metric.SUCCESS_RATE).sample == 0
    assert past.health().exit_code() is ExitCode.OK
    assert past.health(timedelta(minutes=62)).exit_code() is ExitCode.FAILURES


def test_monitoring_mean_completion_below_90_seconds(past: Past) -> None:
    """From acceptance to the pictures, the mean over successes; failures take no part."""
    repeat(4, lambda: past.succeeded(took=60.0))
    past.succeeded(took=205.0)
    past.failed()
    mean = past.measured(Metric.MEAN_COMPLETION)
    assert (mean.value, mean.mark, mean.sample) == (89.0, 90.0, 5)
    assert mean.judgement is Judgement.OK
    past.succeeded(took=95.0)
    assert past.measured(Metric.MEAN_COMPLETION).value == 90.0
    assert past.measured(Metric.MEAN_COMPLETION).judgement is Judgement.BROKEN


def test_monitoring_mean_completion_leaves_out_what_nobody_watched(past: Past) -> None:
    """A task that a later run found finished says when we came back, not how long it took."""
    repeat(5, lambda: past.succeeded(took=50.0))
    past.succeeded(took=3000.0, ending_run=LATER_RUN)
    mean = past.measured(Metric.MEAN_COMPLETION)
    assert (mean.value, mean.sample) == (50.0, 5)
    assert past.measured(Metric.SUCCESS_RATE).sample == 6


def test_monitoring_tasks_in_modal_near_zero(past: Past) -> None:
    """One task that waits for its second step for over a minute is enough."""
    one = past.accepted(NOW - 5 * MINUTE)
    one = past.happened(one, Paused(), NOW - MINUTE)
    assert past.measured(Metric.IN_MODAL).value == 0
    parked = past.happened(past.accepted(NOW - 5 * MINUTE), Paused(), NOW - 2 * MINUTE)
    assert past.measured(Metric.IN_MODAL).value == 1
    assert past.measured(Metric.IN_MODAL).judgement is Judgement.BROKEN
    assert past.health().exit_code() is ExitCode.FAILURES
    past.happened(parked, Resumed(), NOW)
    assert past.measured(Metric.IN_MODAL).judgement is Judgement.OK


def test_monitoring_banned_prompts_below_5_percent(past: Past) -> None:
    """Prompts that a filter stopped, at once or later, of all that the provider judged."""
    repeat(20, past.succeeded)
    past.refused(FailureKind.MODERATED_INPUT)
    share = past.measured(Metric.BANNED_SHARE)
    assert (share.value, share.mark, share.sample) == (1 / 21, 0.05, 21)
    assert share.judgement is Judgement.OK
    past.failed(FailureKind.MODERATED)
    assert past.measured(Metric.BANNED_SHARE).value == 2 / 22
    assert past.measured(Metric.BANNED_SHARE).judgement is Judgement.BROKEN


@pytest.mark.parametrize(
    "kind", [FailureKind.RATE_LIMITED, FailureKind.OUT_OF_CREDIT, FailureKind.NOT_PERMITTED]
)
def test_monitoring_banned_prompts_leaves_out_what_was_never_judged(
    past: Past, kind: FailureKind
) -> None:
    """A refusal for the account's sake says nothing about prompts."""
    past.refused(kind)
    past.refused(FailureKind.BAD_REQUEST)
    assert past.measured(Metric.BANNED_SHARE).sample == 1


def test_monitoring_queue_times(past: Past) -> None:
    """There: from acceptance to the first sight of IN_PROGRESS. Here: from intent to acceptance."""
    for seconds in (10, 30):
        start = NOW - 5 * MINUTE
        one = past.accepted(start, waited=timedelta(seconds=seconds + 1))
        past.seen(one, "submitted", start + timedelta(seconds=2))
        past.seen(one, "in progress", start + timedelta(seconds=seconds))
        past.seen(one, "in progress", start + timedelta(seconds=100))
    past.accepted(NOW - 5 * MINUTE, waited=timedelta(seconds=1))  # never seen to leave the queue
    queue, wait = past.measured(Metric.QUEUE), past.measured(Metric.WAIT)
    assert (queue.value, queue.sample, queue.mark) == (20.0, 2, None)
    assert (wait.value, wait.sample) == (43 / 3, 3)
    assert queue.judgement is Judgement.UNMARKED


def test_monitoring_says_nothing_about_nothing(past: Past) -> None:
    """Without a single task no mark is missed, and no number is made up."""
    found = past.health()
    assert found.exit_code() is ExitCode.OK
    assert [one.value for one in found.overall.measurements] == [None, None, 0, None, None, None]


def test_monitoring_does_not_judge_a_handful(past: Past) -> None:
    """Four failures of four are bad luck; the fifth makes it a rate."""
    repeat(FEWEST - 1, lambda: past.failed(FailureKind.MODERATED))
    assert past.measured(Metric.SUCCESS_RATE).value == 0
    assert past.measured(Metric.SUCCESS_RATE).judgement is Judgement.TOO_FEW
    assert past.measured(Metric.BANNED_SHARE).judgement is Judgement.TOO_FEW
    past.failed(FailureKind.MODERATED)
    assert past.measured(Metric.SUCCESS_RATE).judgement is Judgement.BROKEN
    assert past.measured(Metric.BANNED_SHARE).judgement is Judgement.BROKEN


def test_monitoring_tells_the_providers_apart() -> None:
    """Many successes at one do not hide that the other fails: its own mark is missed."""
    good = Course(replace(_STORED, provider=APIXO))
    found = Health(NOW, WINDOW, scopes([good] * 200 + [Course(_FAILED)] * 5, NOW), ())
    rates = {one.provider: one.of(Metric.SUCCESS_RATE) for one in found.scopes}
    assert list(rates) == [None, APIMART, APIXO]
    assert rates[None].judgement is Judgement.OK
    assert rates[APIMART].judgement is Judgement.BROKEN
    assert rates[APIXO].value == 1
    assert found.exit_code() is ExitCode.FAILURES


def test_monitoring_leaves_out_what_no_provider_made(past: Past) -> None:
    """A local single is on record as bought for nothing; it proves nobody's health."""
    intent = past.sent(NOW - MINUTE, request=Single())
    local = replace(intent, phase=Phase.STORED, finished_at=NOW)
    assert [number.sample for number in measured([Course(local)], NOW)] == [0] * 6


@given(st.integers(0, 300), st.integers(0, 300))
def test_monitoring_rate_is_broken_exactly_up_to_its_mark(good: int, bad: int) -> None:
    """Whatever the counts: above 95 % is healthy, and a handful is never judged."""
    rate, *_ = measured([Course(_STORED)] * good + [Course(_FAILED)] * bad, NOW)
    total = good + bad
    assert rate.sample == total
    assert (rate.judgement is Judgement.BROKEN) == (total >= FEWEST and 100 * good <= 95 * total)


_STORED = Purchase(
    id=IntentId("i"),
    fingerprint=Fingerprint("f"),
    take=1,
    attempt=1,
    address=Address("a"),
    provider=APIMART,
    canonical='{"operation":"imagine","prompt":"x"}',
    parent=None,
    price=None,
    phase=Phase.STORED,
    created_at=NOW,
    changed_at=NOW,
    finished_at=NOW,
    task_id=TaskId("t"),
)
_FAILED = replace(_STORED, phase=Phase.FAILED)
