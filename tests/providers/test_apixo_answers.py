"""What APIXO's answers mean: is it proven that nothing was accepted, and how does a task stand?"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_talk import APIXO, PARENT, concluded, enveloped, html

from reconciler.ids import TaskId
from reconciler.money import MicroUsd, usd
from reconciler.policy import CAREFUL, FailureKind
from reconciler.providers.apixo.failures import FAIL_CODES
from reconciler.providers.protocol import (
    Finished,
    HttpAnswer,
    Order,
    Running,
    TaskState,
    TryAgain,
    Unknown,
)
from reconciler.purchase import (
    Accepted,
    AnswerLost,
    FollowUp,
    Refused,
    TaskFailed,
)
from reconciler.spec.request import Imagine, Upscale, Upscaler

ORDER = Order(Imagine("brass owl"))
TASK = TaskId("task_1")
ACCEPTED = {"taskId": "task_1"}
URLS = ["https://file.apixo.ai/1.png", "https://file.apixo.ai/2.png"]
MADE_AT = datetime(2026, 5, 17, 20, tzinfo=UTC)
DONE_AT = datetime(2026, 5, 17, 20, 0, 0, 250_000, tzinfo=UTC)


def submitted(answer: HttpAnswer) -> Accepted | Refused | AnswerLost | TryAgain:
    return concluded(APIXO.submit(ORDER), answer)


def polled(answer: HttpAnswer) -> TaskState:
    return concluded(APIXO.poll(TASK), answer)


def task(**data: Any) -> HttpAnswer:
    return enveloped({"taskId": TASK, "createTime": 1_779_048_000_000} | data)


def finished(urls: Any = URLS, **data: Any) -> HttpAnswer:
    return task(state="success", resultJson=json.dumps({"resultUrls": urls}), **data)


LIMIT = "rate or concurrency limit (429)"
SUBMISSIONS: dict[str, tuple[HttpAnswer, Accepted | AnswerLost | TryAgain]] = {
    "accepted": (enveloped(ACCEPTED), Accepted(TASK)),
    "accepted, with unknown fields": (
        enveloped({**ACCEPTED, "new": 1}, message="ok"),
        Accepted(TASK),
    ),
    "200 without data": (
        enveloped(),
        AnswerLost(
            'accepted, but without a task id: {"code": 200, "message": "success", "data": null}'
        ),
    ),
    "200 with an empty task id": (
        enveloped({"taskId": ""}),
        AnswerLost(
            "accepted, but without a task id: "
            '{"code": 200, "message": "success", "data": {"taskId": ""}}'
        ),
    ),
    "200 with a task id that is no text": (
        enveloped({"taskId": [1]}),
        AnswerLost(
            "accepted, but without a task id: "
            '{"code": 200, "message": "success", "data": {"taskId": [1]}}'
        ),
    ),
    "200 with a broken character in the task id": (
        enveloped({"taskId": "\ud800"}),
        AnswerLost(
            "accepted, but without a task id: "
            '{"code": 200, "message": "success", "data": {"taskId": "\\ud800"}}'
        ),
    ),
    "200 garbage": (
        HttpAnswer(200, b"\xff\x00{"),
        AnswerLost("200, and not APIXO's own answer: � {"),
    ),
    "200 HTML": (
        html(200),
        AnswerLost("200, and not APIXO's own answer: <html> <h1>Bad gateway</h1></html>"),
    ),
    "200 nothing": (HttpAnswer(200, b""), AnswerLost("200, and not APIXO's own answer: ")),
    "200 JSON without a code": (
        HttpAnswer(200, b'{"data":{"taskId":"task_1"}}'),
        AnswerLost('200, and not APIXO\'s own answer: {"data":{"taskId":"task_1"}}'),
    ),
    "200 hiding 429": (
        enveloped(code=429, status=200, retry_after=3.0),
        TryAgain(LIMIT, 3.0, is_limit=True),
    ),
    "200 hiding 500": (enveloped(code=500, status=200, message="oh"), TryAgain("500 oh")),
    "200 hiding 502": (
        enveloped(code=502, status=200, message="upstream"),
        AnswerLost("502 upstream: a task may have been accepted behind it"),
    ),
    "200 hiding a code of its own": (
        enveloped(code=1, status=200, message="odd"),
        AnswerLost("1 odd: a task may have been accepted behind it"),
    ),
    "202": (
        enveloped(ACCEPTED, code=202, message="queued"),
        AnswerLost("202 queued, and yet it names the task task_1"),
    ),
    "204": (HttpAnswer(204, b""), AnswerLost("204, and not APIXO's own answer: ")),
    "408": (
        enveloped(code=408, message="too slow"),
        AnswerLost("408 too slow: a task may have been accepted behind it"),
    ),
    "408 of a proxy": (
        html(408),
        AnswerLost("408, and not APIXO's own answer: <html> <h1>Bad gateway</h1></html>"),
    ),
    "429": (enveloped(code=429), TryAgain(LIMIT, None, is_limit=True)),
    "429 with a delay": (
        enveloped(code=429, retry_after=7.5),
        TryAgain(LIMIT, 7.5, is_limit=True),
    ),
    "429 of a proxy": (html(429), TryAgain(LIMIT, None, is_limit=True)),
    "429 of a proxy with a delay": (
        HttpAnswer(429, b"", 60.0),
        TryAgain(LIMIT, 60.0, is_limit=True),
    ),
    "429 that names a task": (
        enveloped(ACCEPTED, code=429, message="slow down"),
        AnswerLost("429 slow down, and yet it names the task task_1"),
    ),
    "500": (enveloped(code=500, message="server error"), TryAgain("500 server error")),
    "500 with a delay": (
        enveloped(code=500, message="server error", retry_after=2.0),
        TryAgain("500 server error", 2.0),
    ),
    "500 that names a task": (
        enveloped(ACCEPTED, code=500, message="late"),
        AnswerLost("500 late, and yet it names the task task_1"),
    ),
    "500 of a proxy": (
        html(500),
        AnswerLost("500, and not APIXO's own answer: <html> <h1>Bad gateway</h1></html>"),
    ),
    "503": (enveloped(code=503, message="unavailable"), TryAgain("503 unavailable")),
    "503 of a proxy": (
        html(503),
        AnswerLost("503, and not APIXO's own answer: <html> <h1>Bad gateway</h1></html>"),
    ),
    "502": (
        enveloped(code=502, message="upstream"),
        AnswerLost("502 upstream: a task may have been accepted behind it"),
    ),
    "502 of a proxy": (
        html(502),
        AnswerLost("502, and not APIXO's own answer: <html> <h1>Bad gateway</h1></html>"),
    ),
    "504": (
        enveloped(code=504, message="timeout"),
        AnswerLost("504 timeout: a task may have been accepted behind it"),
    ),
    "504 of a proxy": (
        html(504),
        AnswerLost("504, and not APIXO's own answer: <html> <h1>Bad gateway</h1></html>"),
    ),
    "504 whose envelope says 429": (
        enveloped(code=429, status=504, message="limit"),
        AnswerLost("504 limit: a task may have been accepted behind it"),
    ),
    "505": (
        enveloped(code=505, message="version"),
        AnswerLost("505 version: a task may have been accepted behind it"),
    ),
}


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_submission(name: str) -> None:
    """A task id is acceptance, a proof lets a request be sent again, everything else is doubt."""
    answer, verdict = SUBMISSIONS[name]

    assert submitted(answer) == verdict


BAD = "correct the request named here"
KEY = "check the API key in the environment"
TOP_UP = "top up the account, then run apply again"
MODEL = "the key may not use this model: ask APIXO"
NOT_API = "check `base_url` in reconciler.yaml"
PAGE = "not an answer of APIXO's API: <html> <h1>Bad gateway</h1></html>"
REFUSALS: dict[str, tuple[HttpAnswer, FailureKind, str, str, str]] = {
    "400": (enveloped(code=400, message="no"), FailureKind.BAD_REQUEST, "400", "no", BAD),
    "400 with the old page's detail": (
        enveloped({"error": "Missing field"}, code=400, message="Invalid request"),
        FailureKind.BAD_REQUEST,
        "400",
        "Invalid request Missing field",
        BAD,
    ),
    "400 with data that is no mapping": (
        enveloped(["x"], code=400, message="no"),
        FailureKind.BAD_REQUEST,
        "400",
        "no",
        BAD,
    ),
    "200 hiding 400": (
        enveloped(code=400, status=200, message="no"),
        FailureKind.BAD_REQUEST,
        "400",
        "no",
        BAD,
    ),
    "401": (enveloped(code=401, message="key"), FailureKind.NOT_PERMITTED, "401", "key", KEY),
    "402": (enveloped(code=402, message="low"), FailureKind.OUT_OF_CREDIT, "402", "low", TOP_UP),
    "403": (enveloped(code=403, message="no"), FailureKind.NOT_PERMITTED, "403", "no", MODEL),
    "404": (enveloped(code=404, message="gone"), FailureKind.NOT_PERMITTED, "404", "gone", NOT_API),
    "422": (enveloped(code=422, message="no"), FailureKind.BAD_REQUEST, "422", "no", BAD),
    "400 naming a fail code": (
        enveloped(code=400, message="SensitiveContentDetected"),
        FailureKind.MODERATED,
        "SensitiveContentDetected",
        "SensitiveContentDetected",
        FAIL_CODES["SensitiveContentDetected"][1],
    ),
    "400 naming a fail code and more": (
        enveloped(code=400, message="PromptInvalid: too odd"),
        FailureKind.BAD_REQUEST,
        "PromptInvalid",
        "PromptInvalid: too odd",
        "rewrite the prompt",
    ),
    "400 with a fail code as its detail": (
        enveloped({"error": "NSFW"}, code=400, message="refused"),
        FailureKind.MODERATED,
        "NSFW",
        "refused NSFW",
        FAIL_CODES["NSFW"][1],
    ),
    "301 of a proxy": (html(301), FailureKind.NOT_PERMITTED, "301", PAGE, NOT_API),
    "302 without a body": (
        HttpAnswer(302, b""),
        FailureKind.NOT_PERMITTED,
        "302",
        "not an answer of APIXO's API: ",
        NOT_API,
    ),
    "401 of a proxy": (html(401), FailureKind.NOT_PERMITTED, "401", PAGE, NOT_API),
    "403 of a proxy": (html(403), FailureKind.NOT_PERMITTED, "403", PAGE, NOT_API),
    "404 of a proxy": (html(404), FailureKind.NOT_PERMITTED, "404", PAGE, NOT_API),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(name: str) -> None:
    """A refusal says what kind it is, quotes the provider, and advises."""
    answer, kind, code, message, advice = REFUSALS[name]

    verdict = submitted(answer)

    assert isinstance(verdict, Refused)
    failure = verdict.failure
    assert (failure.kind, failure.code, failure.message, failure.advice) == (
        kind,
        code,
        message,
        advice,
    )


def test_words_of_the_provider_are_one_short_printable_line() -> None:
    """No answer can break a terminal, a log line or a database."""
    verdict = submitted(enveloped(code=400, message="no\n\x1b[31m\ud800 " + "x" * 5000))

    assert isinstance(verdict, Refused)
    assert verdict.failure.message == "no [31m " + "x" * 149 + "..."


@pytest.mark.parametrize("state", ["pending", "processing", "queued by a later version"])
def test_running(state: str) -> None:
    """Every state that is not terminal means: ask again."""
    assert polled(task(state=state)) == Running(state, MADE_AT)


def test_finished() -> None:
    """The result is JSON within JSON, its moment milliseconds, its order the candidates'."""
    assert polled(finished(completeTime=1_779_048_000_250)) == Finished(
        tuple(URLS), DONE_AT, follow_ups=None, created_at=MADE_AT
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_number_of_pictures_is_never_assumed(count: int) -> None:
    """However many links the task gave, those are its candidates (section 10.4)."""
    urls = [f"https://file.apixo.ai/{number}.png" for number in range(count)]

    assert polled(finished(urls)) == Finished(tuple(urls), None, None, created_at=MADE_AT)


@pytest.mark.parametrize(
    "moment", [None, "soon", [], {}, 1e300, 10**400, -(10**18), float("nan")], ids=range(8)
)
def test_unreadable_completion_time(moment: Any) -> None:
    """A strange time never costs the result."""
    strange = finished(completeTime=moment, createTime=moment)
    assert polled(strange) == Finished(tuple(URLS), None, None)


UNREADABLE = "success, but its result cannot be read"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (task(state="success"), UNREADABLE),
        (task(state="success", resultJson=None), UNREADABLE),
        (task(state="success", resultJson="{"), UNREADABLE),
        (task(state="success", resultJson="[]"), UNREADABLE),
        (task(state="success", resultJson="{}"), UNREADABLE),
        (task(state="success", resultJson="[" * 100_000), UNREADABLE),
        (finished("https://file.apixo.ai/1.png"), UNREADABLE),
        (task(), "the answer names no state"),
        (task(state=7), "the answer names no state"),
        (enveloped(), "200 success"),
        (enveloped(code=500, message="oh"), "500 oh"),
        (enveloped(code=503, message="oh"), "503 oh"),
        (html(502), "502, unreadable: <html> <h1>Bad gateway</h1></html>"),
        (html(404), "404, unreadable: <html> <h1>Bad gateway</h1></html>"),
        (html(200), "200, unreadable: <html> <h1>Bad gateway</h1></html>"),
        (HttpAnswer(200, b""), "200, unreadable: "),
    ],
)
def test_unable_to_tell(answer: HttpAnswer, detail: str) -> None:
    """Whatever does not say how the task stands means: ask again, the task is not lost."""
    assert polled(answer) == TryAgain(detail)


def test_poll_keeps_the_named_delay() -> None:
    """The API's own word on when to come back reaches the driver, and that it was too much."""
    answer = enveloped(code=429, message="slow", retry_after=9.0)
    assert polled(answer) == TryAgain("429 slow", 9.0, is_limit=True)


@pytest.mark.parametrize(
    "answer",
    [
        enveloped({"taskId": 123456}, code=500, message="oops"),
        enveloped({"task_id": "123456"}, code=503, message="oops"),
        HttpAnswer(429, b'{"data": {"taskId": "123456"}}'),
        HttpAnswer(400, b'{"code": "400", "data": {"taskid":"123456"}}'),
        HttpAnswer(404, b'<html>"task_id": 123456</html>'),
    ],
)
def test_an_answer_that_names_a_task_is_never_a_refusal(answer: HttpAnswer) -> None:
    """However it spells the id, wherever it stands: perhaps it was accepted."""
    verdict = submitted(answer)

    assert isinstance(verdict, AnswerLost)
    assert verdict.detail.endswith("and yet it names the task 123456")


def test_a_refusal_may_name_the_parent() -> None:
    """Which is no news: the follow-up itself was refused."""
    answer = enveloped({"taskId": PARENT.task_id}, code=404, message="task not found")

    assert isinstance(
        concluded(APIXO.submit(Order(Upscale(Upscaler.SUBTLE), PARENT)), answer), Refused
    )


@pytest.mark.parametrize("status", [303, 409, 423, 425, 451, 499])
def test_a_foreign_answer_that_proves_nothing(status: int) -> None:
    """Only what a proxy or a wrong address says before anything is passed on is a refusal."""
    assert isinstance(submitted(html(status)), AnswerLost)


def test_a_follow_up_of_a_forgotten_task() -> None:
    """A 404 about a task says that the parent's is gone."""
    order = Order(Upscale(Upscaler.SUBTLE), PARENT)

    verdict = concluded(APIXO.submit(order), enveloped(code=404, message="task not found"))

    assert isinstance(verdict, Refused)
    assert verdict.failure.kind is FailureKind.EXPIRED
    assert "new `take:` of the parent" in verdict.failure.advice


@pytest.mark.parametrize("words", ["", "Not Found", "Model not found: x", "POST /generateTask/x"])
def test_a_follow_up_at_a_wrong_address(words: str) -> None:
    """A 404 that speaks of no task is about the route: the parent may be alive and well."""
    order = Order(Upscale(Upscaler.SUBTLE), PARENT)

    verdict = concluded(APIXO.submit(order), enveloped(code=404, message=words))

    assert isinstance(verdict, Refused)
    assert verdict.failure.kind is FailureKind.NOT_PERMITTED
    assert "check `base_url`" in verdict.failure.advice


@pytest.mark.parametrize("status", [404, 200])
def test_unknown_task(status: int) -> None:
    """APIXO's own 404 says that it does not know the task; a proxy's says nothing."""
    assert polled(enveloped(code=404, status=status, message="")) == Unknown("404")
    assert polled(enveloped(code=404, status=status, message="gone")) == Unknown("404 gone")


@pytest.mark.parametrize("code", [401, 403])
def test_task_kept_from_us(code: int) -> None:
    """A key that may not look now will not be let in by asking again in a moment."""
    assert polled(enveloped(code=code, message="key")) == Unknown(f"{code} key")


def test_undelivered_candidate() -> None:
    """An entry that is no link leaves a gap: the others keep their numbers (section 10.4)."""
    text = json.dumps({"resultUrls": ["https://a/1", None, 7, "https://a/4"]})
    verdict = polled(task(state="success", resultJson=text))

    assert isinstance(verdict, Finished)
    assert verdict.urls == ("https://a/1", None, None, "https://a/4")


@pytest.mark.parametrize("code", FAIL_CODES)
def test_failed_task(code: str) -> None:
    """Every documented fail code has a kind and an advice (sections 10.2 and 10.3)."""
    verdict = polled(task(state="failed", failCode=code, failMsg="words"))

    assert isinstance(verdict, TaskFailed)
    kind, advice = FAIL_CODES[code]
    assert (verdict.failure.kind, verdict.failure.advice) == (kind, advice)
    assert (verdict.failure.code, verdict.failure.message) == (code, "words")


DOCUMENTED = """
    PromptInvalid=bad_request MissingParameter=bad_request SensitiveContentDetected=moderated
    InputOutputSensitiveContentDetected=moderated Upload_error=bad_input_picture
    Website_TimeOut=timed_out Task_TimeOut=timed_out RateLimitExceeded=rate_limited
    SensitiveContent=moderated InputImageSensitiveContentDetected=moderated_input NSFW=moderated
    ProhibitedContentDetected=moderated PromptLengthExceeded=bad_request CONTENT_VIOLATION=moderated
    NSFW_DETECTED=moderated PROMPT_TOO_LONG=bad_request INVALID_PROMPT=bad_request
    INVALID_IMAGE_URL=bad_input_picture IMAGE_TOO_LARGE=bad_input_picture
    UNSUPPORTED_FORMAT=bad_input_picture IMAGE_DOWNLOAD_FAILED=bad_input_picture
    PROCESSING_TIMEOUT=timed_out MODEL_UNAVAILABLE=provider GENERATION_FAILED=provider
    INSUFFICIENT_CREDITS=out_of_credit
"""


def test_documented_fail_codes() -> None:
    """The table holds exactly the documented codes, spaces included, each with its kind."""
    spaced = {"Upload_error", "Website_TimeOut", "Task_TimeOut"}
    pairs = (entry.split("=") for entry in DOCUMENTED.split())
    expected = {name.replace("_", " ") if name in spaced else name: kind for name, kind in pairs}

    assert {code: kind.value for code, (kind, _) in FAIL_CODES.items()} == expected


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("SomethingNew", "SomethingNew"),
        (None, "no code"),
        ("", "no code"),
        (17, "17"),
        ({}, "no code"),
    ],
)
def test_unknown_fail_code(code: Any, shown: str) -> None:
    """An unknown reason is kept as it is, and counts as permanent: guessing would cost money."""
    verdict = polled(task(state="failed", failCode=code, failMsg=None))

    assert isinstance(verdict, TaskFailed)
    assert verdict.failure.kind is FailureKind.UNKNOWN
    assert CAREFUL.is_hopeless(verdict.failure.kind)
    assert (verdict.failure.code, verdict.failure.message) == (shown, "")


SAMPLE: list[Any] = [
    {"mode": "reroll"},
    {"mode": "vary", "imageIndex_options": [0, 1, 2, 3], "type_options": [0, 1]},
    {"mode": "upscale", "imageIndex_options": [0, 3], "type_options": [0, 1, 2, 3]},
    {"mode": "image-edit", "imageIndex_options": [1]},
    {"mode": "enhance", "imageIndex_options": [2]},
]


def offered(actions: Any) -> tuple[FollowUp, ...] | None:
    verdict = polled(finished(supported_actions=actions))
    assert isinstance(verdict, Finished)
    return verdict.follow_ups


def candidates(*numbers: int) -> Any:
    return numbers


def test_supported_actions() -> None:
    """Modes and types become our words, indices become candidates from 1 (section 3.1)."""
    assert offered(SAMPLE) == (
        FollowUp("reroll"),
        FollowUp("vary", candidates(1, 2, 3, 4), ("subtle", "strong")),
        FollowUp("upscale", candidates(1, 4), ("subtle", "creative", "2x", "4x")),
        FollowUp("edit", candidates(2)),
        FollowUp("enhance", candidates(3)),
    )


@pytest.mark.parametrize(
    ("actions", "follow_ups"),
    [
        (None, None),
        ("reroll", None),
        ([], ()),
        ([{"mode": "animate"}, {"mode": "text-to-image"}, {}, "reroll", None], ()),
        ([{"mode": ["reroll"]}, {"mode": {}}], ()),
        ([{"mode": "reroll", "imageIndex_options": "all"}], (FollowUp("reroll"),)),
        ([{"mode": "vary", "type_options": [1, 9]}], (FollowUp("vary", (), ("strong",)),)),
        ([{"mode": "vary", "type_options": [9]}], ()),
        (
            [{"mode": "enhance", "imageIndex_options": [1, "2", True, -1]}],
            (FollowUp("enhance", candidates(2)),),
        ),
    ],
)
def test_strange_supported_actions(actions: Any, follow_ups: tuple[FollowUp, ...] | None) -> None:
    """What we have no word for is no offer of ours; an absent list forbids nothing."""
    assert offered(actions) == follow_ups


@pytest.mark.parametrize(
    ("data", "amount"), [(74.87, "74.87"), (0, "0"), (12, "12"), (0.1 + 0.2, "0.30")]
)
def test_balance(data: float, amount: str) -> None:
    """The balance is a bare number of dollars; floating dust is rounded away (section 11)."""
    assert concluded(APIXO.balance(), enveloped(data)) == usd(amount)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (enveloped("74.87"), '200: {"code": 200, "message": "success", "data": "74.87"}'),
        (enveloped(True), '200: {"code": 200, "message": "success", "data": true}'),
        (enveloped(-3), '200: {"code": 200, "message": "success", "data": -3}'),
        (
            enveloped(float("nan")),
            '200: {"code": 200, "message": "success", "data": NaN}',
        ),
        (enveloped(5, code=401), '401: {"code": 401, "message": "success", "data": 5}'),
        (html(502), "502: <html> <h1>Bad gateway</h1></html>"),
    ],
)
def test_unreadable_balance(answer: HttpAnswer, detail: str) -> None:
    """Anything else says nothing about the account."""
    assert concluded(APIXO.balance(), answer) == TryAgain(detail)


statuses = st.one_of(
    st.sampled_from([200, 400, 404, 408, 429, 500, 502, 503, 504]), st.integers(100, 599)
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
TASK_KEYS = ["taskId", "state", "resultJson", "resultUrls", "failCode", "failMsg", "completeTime"]
ACTION_KEYS = ["supported_actions", "mode", "imageIndex_options", "type_options"]
keys = st.sampled_from(["code", "message", "data", "error", *TASK_KEYS, *ACTION_KEYS])
words = st.sampled_from(["success", "failed", "pending", "vary", "task_1", '{"resultUrls":["u"]}'])
values = st.recursive(
    scalars | words | st.integers(0, 5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=25,
)
actions = st.fixed_dictionaries(
    {"mode": st.sampled_from(["vary", "upscale", "reroll", "image-edit", "animate"]) | values},
    optional={"imageIndex_options": values, "type_options": st.lists(st.integers(-1, 5)) | values},
)
task_data = st.fixed_dictionaries(
    {},
    optional={
        "taskId": words | values,
        "state": words | values,
        "resultJson": values.map(lambda value: json.dumps({"resultUrls": value})) | values,
        "supported_actions": st.lists(actions, max_size=3) | values,
        "completeTime": values,
        "failCode": st.sampled_from(sorted(FAIL_CODES)) | values,
        "failMsg": values,
        "error": values,
    },
)
envelopes = st.fixed_dictionaries(
    {"code": statuses | values, "message": values, "data": task_data | values}
)
bodies = st.one_of(
    st.binary(max_size=80),
    values.map(lambda value: json.dumps(value).encode()),
    envelopes.map(lambda value: json.dumps(value).encode()),
    st.just(b"[" * 50_000),
    st.just(b'{"code":200,"data":' + b"9" * 5000 + b"}"),
)
answers = st.builds(
    HttpAnswer, statuses, bodies, st.none() | st.floats(min_value=0, allow_infinity=False)
)


@given(answers)
def test_no_answer_raises(answer: HttpAnswer) -> None:
    """Whatever comes back is read as one of the protocol's verdicts."""
    assert isinstance(submitted(answer), Accepted | Refused | AnswerLost | TryAgain)
    assert isinstance(polled(answer), Running | Finished | TaskFailed | Unknown | TryAgain)
    assert isinstance(concluded(APIXO.balance(), answer), int | TryAgain)


def envelope_of(answer: HttpAnswer) -> dict[str, Any] | None:
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    is_envelope = isinstance(content, dict) and isinstance(content.get("code"), int)
    return content if is_envelope else None


@given(answers)
def test_acceptance_needs_200_and_a_task_id(answer: HttpAnswer) -> None:
    """Nothing but the documented answer makes a task."""
    verdict = submitted(answer)

    if isinstance(verdict, Accepted):
        content = envelope_of(answer)
        assert content is not None
        assert (answer.status, content["code"]) == (200, 200)
        assert content["data"]["taskId"] == verdict.task_id


@given(answers)
def test_sending_again_needs_a_proof(answer: HttpAnswer) -> None:
    """TryAgain comes only from a 429, or from a 500 or 503 in APIXO's own envelope."""
    verdict = submitted(answer)

    if isinstance(verdict, TryAgain):
        content = envelope_of(answer)
        hidden = content["code"] if content and answer.status == 200 else answer.status
        assert hidden == 429 or (content is not None and hidden in (500, 503))
        assert verdict.is_limit == (hidden == 429)
        assert verdict.retry_after == answer.retry_after


@given(answers)
def test_no_verdict_lets_a_task_be_bought_twice(answer: HttpAnswer) -> None:
    """An answer that names a task is never taken for one that proves there is none."""
    content = envelope_of(answer)
    data = content.get("data") if content else None
    task_id = data.get("taskId") if isinstance(data, dict) else None

    if isinstance(task_id, str) and task_id and task_id.isprintable():
        assert isinstance(submitted(answer), Accepted | AnswerLost)


@given(answers)
def test_everything_read_can_be_stored(answer: HttpAnswer) -> None:
    """No text from outside holds what a database cannot encode."""
    for verdict in (submitted(answer), polled(answer)):
        repr(verdict).encode()
        match verdict:
            case Refused(failure) | TaskFailed(failure):
                (failure.code + failure.message).encode()
            case AnswerLost(detail) | TryAgain(detail) | Unknown(detail):
                detail.encode()
            case Finished(urls):
                "".join(url or "" for url in urls).encode()


def test_a_micro_usd_is_an_integer() -> None:
    """The balance is money, and money is never a float."""
    assert type(concluded(APIXO.balance(), enveloped(1.5))) is type(MicroUsd(1))
