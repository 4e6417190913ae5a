"""What is not about tasks: the balance (section 17) and uploads (section 16)."""

from collections.abc import Mapping
from types import MappingProxyType

from reconciler.money import MicroUsd
from reconciler.policy import FailureKind
from reconciler.providers.answers import dollars, limited
from reconciler.providers.apimart.envelopes import content_of, said
from reconciler.providers.apimart.failures import refusal
from reconciler.providers.protocol import (
    Attachment,
    Exchange,
    HttpAnswer,
    HttpCall,
    TryAgain,
    Uploaded,
    quoted,
)
from reconciler.purchase import Failure, Refused

_UNLIMITED = TryAgain("the balance is unlimited: it tells nothing")
_PICTURE = "give a JPEG, PNG, WebP or GIF of at most 12 MiB"
_BAD_PICTURES: Mapping[int, str] = MappingProxyType({400: _PICTURE, 413: _PICTURE, 415: _PICTURE})


def balance() -> Exchange[MicroUsd | TryAgain]:
    """Ask for the key's balance; where the key has no limit of its own, for the account's."""
    answer = yield HttpCall("GET", "v1/balance")
    if not _is_unlimited(answer):
        return _remaining(answer)
    second = yield HttpCall("GET", "v1/user/balance")
    return _UNLIMITED if _is_unlimited(second) else _remaining(second)


def _is_unlimited(answer: HttpAnswer) -> bool:
    content = content_of(answer)
    is_marked = content.get("unlimited_quota") is True or content.get("remain_balance") == -1
    return answer.status == 200 and is_marked


def _remaining(answer: HttpAnswer) -> MicroUsd | TryAgain:
    """A 200 with `success: false` says nothing but its message."""
    content = content_of(answer)
    if answer.status == 200 and content.get("success") is not False:
        amount = dollars(content.get("remain_balance"))
        if amount is not None:
            return amount
    words = quoted(content.get("message")) or answer.excerpt()
    return TryAgain(f"{answer.status}: {words}", answer.retry_after, answer.status == 429)


def upload(picture: Attachment) -> Exchange[Uploaded | Refused | TryAgain]:
    """Give a picture to keep for three days; what its errors look like is not documented."""
    answer = yield HttpCall("POST", "v1/uploads/images", file=("file", picture))
    url = content_of(answer).get("url")
    if answer.status == 200 and isinstance(url, str) and _is_link(url):
        return Uploaded(url)
    if answer.status == 429:
        return limited(answer)
    if 400 <= answer.status < 500 and answer.status != 408:
        return Refused(_refused(answer))
    return TryAgain(f"{answer.status}: {answer.excerpt()}", answer.retry_after)


def _is_link(url: str) -> bool:
    return url.isprintable() and url.startswith(("http://", "https://"))


def _refused(answer: HttpAnswer) -> Failure:
    words = said(answer)
    if answer.status in _BAD_PICTURES or words is None:
        message = words.message if words else answer.excerpt()
        advice = _BAD_PICTURES.get(answer.status, "check `base_url` in reconciler.yaml")
        return Failure(FailureKind.BAD_INPUT_PICTURE, str(answer.status), message, advice)
    return refusal(words, is_follow_up=False)
