"""APIMart's retry tables (sections 10.1 and 10.2), row by row: what an answer proves.

`Sent again` needs a proof that nothing was accepted; where the vendor would retry without one, the
answer is a doubt (docs/decisions/0002).
"""

import pytest
from apimart_answers import (
    FOLLOW_UP,
    ORDER,
    TASK,
    accepted,
    answer,
    envelope_a,
    envelope_b,
    refused,
    submitted,
)
from provider_talk import APIMART, concluded, html

from reconciler.policy import FailureKind
from reconciler.providers.protocol import Awaiting, Order, TryAgain
from reconciler.purchase import Accepted, AnswerLost

LIMIT = "rate or concurrency limit (429)"


@pytest.mark.parametrize("with_code", [True, False], ids=["with code", "without code"])
def test_http_400_is_never_sent_again(with_code: bool) -> None:
    """A bad parameter, parent, index or picture: fix it."""
    assert refused(envelope_a(400, code=with_code)).kind is FailureKind.BAD_REQUEST


def test_http_401_stops_the_provider() -> None:
    """A bad key: no other submission can succeed."""
    assert refused(envelope_a(401)).kind.stops_provider


def test_http_402_stops_the_provider() -> None:
    """The balance is too low."""
    assert refused(envelope_a(402)).kind is FailureKind.OUT_OF_CREDIT


def test_http_403_is_never_sent_again() -> None:
    """Forbidden; of a follow-up it is about somebody else's task, and no reason to stop."""
    assert refused(envelope_a(403)).kind is FailureKind.NOT_PERMITTED
    assert refused(envelope_a(403), FOLLOW_UP).kind is FailureKind.EXPIRED


def test_http_404_is_never_sent_again() -> None:
    """A parent that is unknown or aged out: that is this follow-up's trouble alone."""
    assert refused(envelope_a(404, "task not found"), FOLLOW_UP).kind is FailureKind.EXPIRED


@pytest.mark.parametrize("order", [ORDER, FOLLOW_UP], ids=["image", "follow-up"])
@pytest.mark.parametrize(
    "words", ["", "Not Found", "Invalid URL (POST /v1/v1/midjourney)", "no POST /generateTask"]
)
def test_http_404_about_a_route_stops_the_provider(words: str, order: Order) -> None:
    """A wrong `base_url` is no request's fault: once it is mended, everything is sent again."""
    failure = refused(envelope_a(404, words), order)
    assert failure.kind is FailureKind.NOT_PERMITTED
    assert failure.advice == "check `base_url` in reconciler.yaml"


def test_http_422_is_never_sent_again() -> None:
    """Moderation of a picture or prompt; it is refunded already."""
    assert refused(envelope_a(422)).kind is FailureKind.MODERATED_INPUT


@pytest.mark.parametrize("retry_after", [None, 7.5])
def test_http_429_is_sent_again_after_a_pause(retry_after: float | None) -> None:
    """The limit per minute comes before any acceptance, whoever says it."""
    named = answer(429, {"error": {"code": 429, "message": "slow"}}, retry_after)
    assert submitted(named) == TryAgain(LIMIT, retry_after, is_limit=True)
    assert submitted(html(429)) == TryAgain(LIMIT, None, is_limit=True)


def test_http_500_is_sent_again_when_the_api_says_it() -> None:
    """Its own envelope says that nothing came of it; a proxy's page says nothing."""
    assert submitted(envelope_a(500)) == TryAgain("500 words")
    assert isinstance(submitted(html(500)), AnswerLost)


def test_http_502_is_a_doubt() -> None:
    """The table says: back off and send again. A gateway cannot know that nothing was accepted."""
    lost = AnswerLost("502 words: a task may have been accepted behind it")
    assert submitted(envelope_a(502)) == lost
    assert isinstance(submitted(html(502)), AnswerLost)


@pytest.mark.parametrize("code", [1, 200])
def test_code_1_and_200_are_acceptance(code: int) -> None:
    """With a task id, and with nothing else."""
    assert submitted(accepted(code=code)) == Accepted(TASK)


@pytest.mark.parametrize("status", [200, 404, 503])
def test_code_3_without_the_word_task_is_sent_again_later(status: int) -> None:
    """No instance is free: a limit, so that it will work later."""
    got = envelope_b(3, "no available instance", status=status)
    later = TryAgain("no instance is free: 3 no available instance", is_limit=True)
    assert submitted(got) == later
    assert submitted(got, FOLLOW_UP) == later


@pytest.mark.parametrize("status", [200, 404])
def test_code_3_with_the_word_task_is_never_sent_again(status: int) -> None:
    """The parent's task is unknown."""
    failure = refused(envelope_b(3, "Task task_p not found", status=status), FOLLOW_UP)
    assert failure.kind is FailureKind.EXPIRED
    assert "new `take:` of the parent" in failure.advice


@pytest.mark.parametrize("status", [200, 400])
def test_code_4_is_never_sent_again(status: int) -> None:
    """Bad parameters: fix them."""
    assert refused(envelope_b(4, status=status)).kind is FailureKind.BAD_REQUEST


@pytest.mark.parametrize("status", [200, 500])
def test_code_9_is_sent_again(status: int) -> None:
    """The service itself says that it refused."""
    assert submitted(envelope_b(9, "busy", status=status)) == TryAgain("9 busy")


def test_code_9_behind_a_502_is_a_doubt() -> None:
    """The table says: after 1, 4 and 16 s. But 502 is what is said for somebody who is silent."""
    assert isinstance(submitted(envelope_b(9, status=502)), AnswerLost)


def test_code_21_is_no_error() -> None:
    """The task waits for its second step: accepted when submitting, awaiting when asked."""
    assert submitted(accepted(code=21, status="modal")) == Accepted(TASK)
    assert concluded(APIMART.poll(TASK), envelope_b(21)) == Awaiting()


@pytest.mark.parametrize("status", [200, 400, 422])
def test_code_24_is_never_sent_again(status: int) -> None:
    """A banned word; refunded. The same words would be refused again."""
    failure = refused(envelope_b(24, "banned: x", status=status))
    assert (failure.kind, failure.code) == (FailureKind.MODERATED_INPUT, "24")
    assert "change the prompt" in failure.advice


def test_code_429_is_sent_again_after_a_pause() -> None:
    """Also where a 200 hides it."""
    assert submitted(envelope_b(429)) == TryAgain(LIMIT, None, is_limit=True)


@pytest.mark.parametrize("status", [500, 503])
def test_code_5xx_is_sent_again_when_the_api_says_it(status: int) -> None:
    """In the API's own envelope, under its own status or hidden by a 200."""
    assert submitted(envelope_b(status, status=status)) == TryAgain(f"{status} words")
    assert submitted(envelope_b(status)) == TryAgain(f"{status} words")


@pytest.mark.parametrize("status", [502, 504])
def test_code_5xx_of_a_gateway_is_a_doubt(status: int) -> None:
    """Also where a 200 hides it."""
    assert isinstance(submitted(envelope_b(status, status=status)), AnswerLost)
    assert isinstance(submitted(envelope_b(status)), AnswerLost)
