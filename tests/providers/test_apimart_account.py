"""APIMart's balance and uploads (sections 16 and 17)."""

from typing import Any

import pytest
from apimart_answers import answer, envelope_a
from provider_talk import APIMART, concluded, converse, html, only_call

from reconciler.money import usd
from reconciler.policy import FailureKind
from reconciler.providers.protocol import Attachment, HttpAnswer, HttpCall, TryAgain, Uploaded
from reconciler.purchase import Refused

PICTURE = Attachment("a.jpg", "image/jpeg", b"jpeg")
UNLIMITED = {"success": True, "remain_balance": -1, "used_balance": 3, "unlimited_quota": True}
URL = "https://upload.apimart.ai/a.jpg"


def balance(remain: Any, **fields: Any) -> HttpAnswer:
    return answer(200, {"success": True, "remain_balance": remain, "used_balance": 1} | fields)


@pytest.mark.parametrize(("remain", "amount"), [(12.5, "12.50"), (0, "0"), (0.1 + 0.2, "0.30")])
def test_balance_of_the_key(remain: float, amount: str) -> None:
    """Dollars, without floating dust."""
    assert concluded(APIMART.balance(), balance(remain)) == usd(amount)


@pytest.mark.parametrize("unlimited", [UNLIMITED, UNLIMITED | {"unlimited_quota": False}])
def test_unlimited_key(unlimited: dict[str, Any]) -> None:
    """A key without a limit of its own spends the account's balance."""
    calls, verdict = converse(APIMART.balance(), answer(200, unlimited), balance(7))
    assert [call.path for call in calls] == ["v1/balance", "v1/user/balance"]
    assert verdict == usd("7")


def test_unlimited_account() -> None:
    """Nothing can be learnt from it."""
    _, verdict = converse(APIMART.balance(), answer(200, UNLIMITED), answer(200, UNLIMITED))
    assert verdict == TryAgain("the balance is unlimited: it tells nothing")


@pytest.mark.parametrize(
    ("got", "verdict"),
    [
        (
            answer(200, {"success": False, "message": "token not found", "remain_balance": 0}),
            TryAgain("200: token not found"),
        ),
        (answer(429, {}, 3.0), TryAgain("429: {}", 3.0, is_limit=True)),
        (
            balance("12"),
            TryAgain('200: {"success": true, "remain_balance": "12", "used_balance": 1}'),
        ),
        (html(502), TryAgain("502: <html> <h1>Bad gateway</h1></html>")),
    ],
)
def test_unreadable_balance(got: HttpAnswer, verdict: TryAgain) -> None:
    """A 200 that says `success: false` is no balance either."""
    assert concluded(APIMART.balance(), got) == verdict


def test_upload_is_a_form() -> None:
    """One file in the field `file`; nothing else."""
    call = only_call(APIMART.upload(PICTURE))
    assert call == HttpCall("POST", "v1/uploads/images", file=("file", PICTURE))


@pytest.mark.parametrize("content", [{"url": URL, "bytes": 4}, {"code": 200, "data": {"url": URL}}])
def test_uploaded(content: dict[str, Any]) -> None:
    """The link, with or without an envelope."""
    assert concluded(APIMART.upload(PICTURE), answer(200, content)) == Uploaded(URL)


@pytest.mark.parametrize(
    ("got", "kind"),
    [
        (envelope_a(400), FailureKind.BAD_INPUT_PICTURE),
        (envelope_a(413), FailureKind.BAD_INPUT_PICTURE),
        (html(413), FailureKind.BAD_INPUT_PICTURE),
        (envelope_a(401), FailureKind.NOT_PERMITTED),
        (envelope_a(402), FailureKind.OUT_OF_CREDIT),
    ],
)
def test_refused_upload(got: HttpAnswer, kind: FailureKind) -> None:
    """What is wrong with the picture, and what with the account."""
    verdict = concluded(APIMART.upload(PICTURE), got)
    assert isinstance(verdict, Refused)
    assert verdict.failure.kind is kind


@pytest.mark.parametrize(
    "got", [envelope_a(500), html(502), answer(200, {"url": "file:///etc/passwd"}), html(200)]
)
def test_unable_to_upload(got: HttpAnswer) -> None:
    """It is free, so that it may be tried again."""
    assert isinstance(concluded(APIMART.upload(PICTURE), got), TryAgain)
    assert concluded(APIMART.upload(PICTURE), html(429)) == TryAgain(
        "rate or concurrency limit (429)", is_limit=True
    )
