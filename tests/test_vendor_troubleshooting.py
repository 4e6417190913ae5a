"""Every row of the vendor's troubleshooting list (APIMart facts, section 18), on a past of ours."""

import json
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import pytest
from health_books import NOW, PICTURE, PRICE, Past, delivered

from reconciler.checklist import Case, Symptom
from reconciler.ids import CandidateNumber, TaskId
from reconciler.money import MicroUsd
from reconciler.policy import FailureKind
from reconciler.providers.apimart import Apimart
from reconciler.providers.protocol import HttpAnswer
from reconciler.purchase import Paused, PictureStored, Report, Resumed
from reconciler.spec.request import Describe, Upscale, Upscaler, Video

MINUTE = timedelta(minutes=1)


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """Return an empty past."""
    return Past(tmp_path / "reconciler.db")


def the_case(past: Past) -> Case:
    """Return the only thing that is wrong."""
    (case,) = past.health().cases
    return case


def test_troubleshooting_long_submitted_is_queued_ask_later(past: Past) -> None:
    """A task seen as SUBMITTED for more than five minutes is queued; before, it is young."""
    young = past.accepted(NOW - 5 * MINUTE)
    past.seen(young, "submitted", NOW - 4 * MINUTE)
    assert past.health().cases == ()
    old = past.accepted(NOW - 12 * MINUTE)
    past.seen(old, "not start", NOW - 11 * MINUTE)
    past.seen(old, "submitted", NOW - 10 * MINUTE)
    case = the_case(past)
    assert (case.symptom, case.purchase.id) == (Symptom.LONG_SUBMITTED, old.id)
    assert (case.age_s, case.minutes_left) == (720, 18)
    assert "queue: ask later" in case.symptom.meaning


def test_troubleshooting_long_not_start_will_refund(past: Past) -> None:
    """A task that was never confirmed times out and is refunded; nobody has to do anything."""
    one = past.accepted(NOW - 6 * MINUTE)
    past.seen(one, "not start", NOW - 5 * MINUTE)
    case = the_case(past)
    assert (case.symptom, case.minutes_left) == (Symptom.LONG_NOT_START, 24)
    assert "refunded by itself" in case.symptom.meaning


def test_troubleshooting_unknown_stage_is_said_to_be_unknown(past: Past) -> None:
    """Where no run saw a stage, or another one, nothing is claimed about a queue."""
    past.accepted(NOW - 31 * MINUTE)
    case = the_case(past)
    assert (case.symptom, case.minutes_left) == (Symptom.LONG_UNDER_WAY, 0)
    assert "its stage was never seen" in case.words
    assert "has given up by now" in case.words


def test_troubleshooting_modal_near_30_minutes_run_apply_now(past: Past) -> None:
    """The minutes count from the acceptance, when the provider's clock began to run."""
    one = past.happened(past.accepted(NOW - 27 * MINUTE), Paused(), NOW - 26 * MINUTE)
    case = the_case(past)
    assert (case.symptom, case.minutes_left) == (Symptom.MODAL_WAITING, 3)
    assert "3 min left: run `reconcile apply` now" in case.words
    past.happened(one, Resumed(), NOW)
    assert the_case(past).symptom is Symptom.LONG_UNDER_WAY


def test_troubleshooting_modal_over_30_minutes_is_cancelled_and_refunded(past: Past) -> None:
    """Behind the limit nothing can be saved, and nothing is lost."""
    past.happened(past.accepted(NOW - 31 * MINUTE), Paused(), NOW - 30 * MINUTE)
    case = the_case(past)
    assert (case.symptom, case.minutes_left) == (Symptom.MODAL_WAITING, 0)
    assert "cancelled and refunded" in case.words


def test_troubleshooting_empty_prompt_is_a_describe_result(past: Past) -> None:
    """The text is then read from `description`; a describe owes no picture, so it is healthy."""
    asking = Apimart().poll(TaskId("task_1"))
    next(asking)
    task = {"status": "SUCCESS", "action": "DESCRIBE", "prompt": "", "description": "1 a fox"}
    with pytest.raises(StopIteration) as found:
        asking.send(HttpAnswer(200, json.dumps(task).encode()))
    (url,) = found.value.value.urls
    assert b64decode(url.partition(",")[2]) == b"1 a fox"
    past.succeeded(request=Describe(), result=delivered(url))
    assert past.health().cases == ()
    assert "`description`" in Symptom.EMPTY_PROMPT.meaning


def test_troubleshooting_image_urls_short_by_one_was_moderated(past: Past) -> None:
    """The missing candidate keeps its number, and the provider's remark says why."""
    result = delivered(
        "https://h/1", "https://h/2", None, "https://h/4", report=Report(remark="Banned prompt")
    )
    past.succeeded(result=result)
    case = the_case(past)
    assert case.symptom is Symptom.MISSING_PICTURE
    assert case.words == 'candidate 3 missing; the provider says "Banned prompt"'


def test_troubleshooting_whole_result_misses_nothing(past: Past) -> None:
    """A grid owes four, an upscale one."""
    past.succeeded()
    past.succeeded(request=Upscale(Upscaler.SUBTLE), result=delivered("https://h/1"))
    assert past.health().cases == ()


def test_troubleshooting_cost_too_high_shows_charge_and_quota(past: Past) -> None:
    """What the provider took beyond the price is named, with its own count."""
    report = Report(quota="50000")
    past.succeeded(result=delivered(charged=PRICE))
    past.succeeded(result=delivered(charged=MicroUsd(100_000), report=report))
    case = the_case(past)
    assert case.symptom is Symptom.HIGH_BILL
    assert case.words == "charged $0.10, expected $0.05504, `quota` 50000"


def test_troubleshooting_cost_too_high_is_often_a_video_batch(past: Past) -> None:
    """A batch pays for each clip; that is only said where the charge is above the price."""
    video, clips = Video(batch=4), ["https://h/1"] * 4
    past.succeeded(request=video, result=delivered(*clips, charged=MicroUsd(220_160)))
    case = the_case(past)
    assert case.symptom is Symptom.HIGH_BILL
    assert case.words == "charged $0.22016, expected $0.05504; a batch of 4 clips pays for each"
    assert "each clip of a video's batch is paid" in case.symptom.meaning


def test_troubleshooting_a_batch_as_planned_is_no_high_bill(past: Past) -> None:
    """Plan, price and count agree, or the provider says nothing of money: no alarm."""
    video, clips = Video(batch=4), ["https://h/1"] * 4
    report = Report(quota="27520")
    past.succeeded(request=video, result=delivered(*clips))
    past.succeeded(request=video, result=delivered(*clips, charged=PRICE, report=report))
    assert past.health().cases == ()


def test_troubleshooting_a_refund_is_no_high_bill(past: Past) -> None:
    """What failed and came back is nobody's trouble."""
    past.failed(FailureKind.TIMED_OUT)
    assert past.health().cases == ()


def test_troubleshooting_forgets_what_ended_before_the_window(past: Past) -> None:
    """A picture that was missing yesterday is not stuck now; a task under way is, however old."""
    two = delivered("https://h/1", "https://h/2")
    past.succeeded(ended=NOW - 61 * MINUTE, result=two)
    past.accepted(NOW - timedelta(days=2))
    assert the_case(past).symptom is Symptom.LONG_UNDER_WAY


def test_troubleshooting_stored_again_stays_one_case(past: Past) -> None:
    """Fetching once more changes nothing about what is missing."""
    one = past.succeeded(result=delivered("https://h/1", "https://h/2", None, "https://h/4"))
    past.happened(one, PictureStored(CandidateNumber(1), PICTURE), NOW)
    assert the_case(past).symptom is Symptom.MISSING_PICTURE
