"""What APIMart's answers to submissions mean beyond the retry tables: acceptance, doubt, steps."""

import json
from typing import Any

import pytest
from apimart_answers import (
    FOLLOW_UP,
    ORDER,
    PARENT,
    TASK,
    accepted,
    answer,
    envelope_a,
    envelope_b,
    refused,
    submitted,
)
from hypothesis import given
from hypothesis import strategies as st
from provider_talk import APIMART, concluded, html

from reconciler.ids import TaskId
from reconciler.policy import FailureKind
from reconciler.providers.protocol import Attachment, HttpAnswer, Order, TryAgain, Uploaded
from reconciler.purchase import Accepted, AnswerLost, Refused
from reconciler.spec.request import Imagine, Inpaint, Reference, Upscale, Upscaler

INPAINT = Order(Inpaint(Reference("https://pictures.example/mask.png")), PARENT)
FLAT = {"task_id": TASK, "status": "modal", "model": "midjourney"}
ACCEPTED: dict[str, HttpAnswer] = {
    "a list": accepted(),
    "waiting for its second step": accepted(status="modal"),
    "flat": answer(200, FLAT),
    "flat, with a code": answer(200, {"code": 200, "data": FLAT}),
    "with an empty error": answer(200, {"code": 200, "data": [FLAT], "error": None}),
    "with more fields": answer(200, {"code": 1, "data": [{"task_id": TASK, "x": 1}], "y": 2}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_acceptance(name: str) -> None:
    """The documented list, and the flat form of inpainting's other page (section 5)."""
    assert submitted(ACCEPTED[name]) == Accepted(TASK)


DOUBTS: dict[str, HttpAnswer] = {
    "no list": answer(200, {"code": 200}),
    "an empty list": answer(200, {"code": 200, "data": []}),
    "an empty id": accepted(""),
    "an id that is no text": accepted(7),
    "an id that cannot be asked for": accepted(".."),
    "an id that cannot be written": accepted("\ud800"),
    "a bare id without a status": answer(200, {"task_id": TASK}),
    "an error beside a task": answer(200, {"code": 200, "data": [FLAT], "error": {"code": 400}}),
    "another status": answer(202, {"code": 200, "data": [FLAT]}),
    "a refusal that names a task": answer(400, {"code": 4, "data": {"task_id": "task_9"}}),
    "a limit that names a task": answer(429, {"error": {"code": 429}, "taskId": "task_9"}),
    "moderation that names a task": answer(422, {"error": {"code": 422}, "task_id": 1234}),
    "a strange code": envelope_b(170),
    "a wait too long": envelope_a(408),
    "garbage": HttpAnswer(200, b"\xff{"),
    "nothing": HttpAnswer(200, b""),
    "a page": html(200),
    "a gateway's page": html(504),
    "a server's page": html(503),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_doubt(name: str) -> None:
    """Whatever neither names its task nor proves that there is none: perhaps paid."""
    assert isinstance(submitted(DOUBTS[name]), AnswerLost)


def test_the_parents_id_is_no_news() -> None:
    """A refusal of a follow-up may name the task that it is about."""
    got = answer(400, {"error": {"code": 400, "message": "no"}, "task_id": PARENT.task_id})

    assert refused(got, FOLLOW_UP).kind is FailureKind.BAD_REQUEST


@pytest.mark.parametrize("status", [301, 401, 404])
def test_a_proxys_refusal(status: int) -> None:
    """What never reached the API was not accepted by it."""
    failure = refused(html(status))
    assert failure.kind is FailureKind.NOT_PERMITTED
    assert failure.advice == "check `base_url` in reconciler.yaml"


def test_hd_upscale_without_a_button_is_not_sent() -> None:
    """Without the parent's hash there is no id to send (section 9): said before anything leaves."""
    parent = PARENT.__class__(PARENT.task_id, PARENT.candidate, PARENT.url, handle=None)
    order = Order(Upscale(Upscaler.SUBTLE), parent, (Imagine("x", version="7"),))

    with pytest.raises(StopIteration) as ended:
        next(APIMART.submit(order))

    assert isinstance(ended.value.value, Refused)
    assert ended.value.value.failure.kind is FailureKind.EXPIRED


def second_step(got: HttpAnswer) -> Accepted | Refused | AnswerLost | TryAgain:
    return concluded(APIMART.go_on(TASK, INPAINT), got)


def test_second_step_keeps_its_task() -> None:
    """MODAL goes on as the same task; another id would be another purchase (section 4)."""
    assert second_step(accepted()) == Accepted(TASK)
    assert second_step(answer(200, FLAT)) == Accepted(TASK)
    assert isinstance(second_step(accepted("task_2")), AnswerLost)


def test_second_step_may_be_refused() -> None:
    """The refusal names the task, which is no news."""
    verdict = second_step(envelope_a(400, "task is not waiting"))
    assert isinstance(verdict, Refused)
    assert verdict.failure.kind is FailureKind.BAD_REQUEST
    gone = second_step(envelope_b(3, "task not found", status=404))
    assert isinstance(gone, Refused)
    assert gone.failure.kind is FailureKind.EXPIRED


def test_second_step_belongs_to_inpainting() -> None:
    """Asking for another operation's is a bug of ours."""
    with pytest.raises(TypeError, match="only inpainting"):
        next(APIMART.go_on(TASK, ORDER))


numbers = st.sampled_from([1, 3, 4, 9, 21, 24, 200, 400, 404, 422, 429, 500, 502]) | st.integers()
words = st.sampled_from(["task_1", "modal", "submitted", "task not found", ""]) | st.text()
values = st.recursive(
    st.none() | st.booleans() | numbers | st.floats() | words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["task_id", "taskId", "status", "code", "data", "message", "url"]),
            inner,
        )
    ),
    max_leaves=12,
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "code": numbers | values,
        "data": st.lists(st.fixed_dictionaries({"task_id": words | values})) | values,
        "description": words | values,
        "error": st.fixed_dictionaries({"message": words}, optional={"code": numbers}) | values,
        "task_id": words | values,
        "status": words | values,
        "url": words | values,
        "remain_balance": numbers | values,
        "success": values,
    },
)
bodies = st.one_of(
    st.binary(max_size=40),
    (contents | values).map(lambda content: json.dumps(content).encode()),
    st.just(b"[" * 50_000),
    st.just(b'{"code":200,"data":' + b"9" * 5000 + b"}"),
)
answers = st.builds(
    HttpAnswer,
    st.sampled_from([200, 400, 404, 408, 422, 429, 500, 502, 503]) | st.integers(100, 599),
    bodies,
    st.none() | st.floats(min_value=0, allow_infinity=False),
)


def ids_in(content: Any) -> set[str]:
    """Return every text that stands for a task id in an answer."""
    match content:
        case dict():
            found = set().union(*map(ids_in, content.values()))
            own = content.get("task_id")
            return found | ({own} if isinstance(own, str) else set())
        case list():
            return set().union(*map(ids_in, content))
        case _:
            return set()


@given(answers)
def test_no_answer_raises(got: HttpAnswer) -> None:
    """Whatever comes back is read as one of the protocol's verdicts, and can be stored."""
    verdicts = (submitted(got), submitted(got, FOLLOW_UP), second_step(got))
    for verdict in verdicts:
        assert isinstance(verdict, Accepted | Refused | AnswerLost | TryAgain)
        repr(verdict).encode()


@given(answers)
def test_only_a_task_id_makes_an_acceptance(got: HttpAnswer) -> None:
    """A 200 whose own words name the task, and nothing else."""
    verdict = submitted(got)

    if isinstance(verdict, Accepted):
        assert got.status == 200
        assert verdict.task_id in ids_in(json.loads(got.body))


@given(answers)
def test_a_named_task_is_never_bought_twice(got: HttpAnswer) -> None:
    """An answer that names a task is neither a refusal nor a reason to send again."""
    try:
        named = ids_in(json.loads(got.body))
    except (ValueError, RecursionError):
        named = set()

    if any(one.isprintable() and one.strip(' "\\') for one in named):
        assert isinstance(submitted(got), Accepted | AnswerLost)


@given(answers)
def test_sending_again_needs_a_proof(got: HttpAnswer) -> None:
    """Never after a gateway's status; without the API's own words only after a 429."""
    if isinstance(submitted(got), TryAgain):
        assert got.status not in (502, 504)
        assert got.status == 429 or isinstance(json.loads(got.body), dict)


@given(st.builds(answer, st.integers(200, 599), contents))
def test_uploads_never_raise(got: HttpAnswer) -> None:
    """Only a link makes an upload."""
    picture = Attachment("a.jpg", "image/jpeg", b"jpeg")
    verdict = concluded(APIMART.upload(picture), got)
    assert isinstance(verdict, Uploaded | Refused | TryAgain)
    if isinstance(verdict, Uploaded):
        assert verdict.url.startswith(("http://", "https://"))


def test_task_ids_are_opaque() -> None:
    """The older form is an id like any other (section 1)."""
    old = TaskId("task-unified-1758000000-a1b2")
    assert submitted(accepted(old)) == Accepted(old)
