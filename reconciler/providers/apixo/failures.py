"""APIXO's refusals and fail codes, sorted by what helps (section 10)."""

from types import MappingProxyType
from typing import Any

from reconciler.policy import FailureKind
from reconciler.providers.answers import AGAIN_AS_ALLOWED, CHECK_ADDRESS, speaks_of_a_task
from reconciler.providers.protocol import quoted
from reconciler.purchase import Failure

_REWRITE = "change the prompt (or the reference pictures); the same request would be refused again"
_PICTURE = "give a public direct URL of a JPEG, PNG or WebP below 10 MB"

FAIL_CODES: MappingProxyType[str, tuple[FailureKind, str]] = MappingProxyType(
    {
        # section 10.2, the current Midjourney page
        "PromptInvalid": (FailureKind.BAD_REQUEST, "rewrite the prompt"),
        "MissingParameter": (FailureKind.BAD_REQUEST, "compare `reconcile show` with the API page"),
        "SensitiveContentDetected": (FailureKind.MODERATED, _REWRITE),
        "InputOutputSensitiveContentDetected": (FailureKind.MODERATED, _REWRITE),
        "Upload error": (FailureKind.BAD_INPUT_PICTURE, _PICTURE),
        "Website TimeOut": (FailureKind.TIMED_OUT, AGAIN_AS_ALLOWED),
        "Task TimeOut": (FailureKind.TIMED_OUT, AGAIN_AS_ALLOWED),
        "RateLimitExceeded": (FailureKind.RATE_LIMITED, AGAIN_AS_ALLOWED),
        # section 10.3, other and older pages
        "SensitiveContent": (FailureKind.MODERATED, _REWRITE),
        "InputImageSensitiveContentDetected": (FailureKind.MODERATED_INPUT, _REWRITE),
        "NSFW": (FailureKind.MODERATED, _REWRITE),
        "ProhibitedContentDetected": (FailureKind.MODERATED, _REWRITE),
        "CONTENT_VIOLATION": (FailureKind.MODERATED, _REWRITE),
        "NSFW_DETECTED": (FailureKind.MODERATED, _REWRITE),
        "PromptLengthExceeded": (FailureKind.BAD_REQUEST, "shorten the prompt"),
        "PROMPT_TOO_LONG": (FailureKind.BAD_REQUEST, "shorten the prompt"),
        "INVALID_PROMPT": (FailureKind.BAD_REQUEST, "rewrite the prompt"),
        "INVALID_IMAGE_URL": (FailureKind.BAD_INPUT_PICTURE, _PICTURE),
        "IMAGE_TOO_LARGE": (FailureKind.BAD_INPUT_PICTURE, _PICTURE),
        "UNSUPPORTED_FORMAT": (FailureKind.BAD_INPUT_PICTURE, _PICTURE),
        "IMAGE_DOWNLOAD_FAILED": (FailureKind.BAD_INPUT_PICTURE, _PICTURE),
        "PROCESSING_TIMEOUT": (FailureKind.TIMED_OUT, AGAIN_AS_ALLOWED),
        "MODEL_UNAVAILABLE": (FailureKind.PROVIDER, AGAIN_AS_ALLOWED),
        "GENERATION_FAILED": (FailureKind.PROVIDER, AGAIN_AS_ALLOWED),
        "INSUFFICIENT_CREDITS": (FailureKind.OUT_OF_CREDIT, "top up the account"),
    }
)
_PARENT_GONE = (
    FailureKind.EXPIRED,
    "APIXO does not know the parent's task any more: a new `take:` of the parent gives a fresh one",
)
_UNKNOWN = "look the code up at APIXO; `reconcile apply --retry-failed` buys it again"

_STATUSES: MappingProxyType[int, tuple[FailureKind, str]] = MappingProxyType(
    {
        401: (FailureKind.NOT_PERMITTED, "check the API key in the environment"),
        402: (FailureKind.OUT_OF_CREDIT, "top up the account, then run apply again"),
        403: (FailureKind.NOT_PERMITTED, "the key may not use this model: ask APIXO"),
        404: (FailureKind.NOT_PERMITTED, CHECK_ADDRESS),
    }
)


def failed_task(code: Any, message: Any) -> Failure:
    """Return the failure of a task that was accepted and then gave nothing (section 10.2)."""
    text = quoted(code) or "no code"
    kind, advice = FAIL_CODES.get(text, (FailureKind.UNKNOWN, _UNKNOWN))
    return Failure(kind, text, quoted(message), advice)


def refusal(status: int, message: str, data: Any, *, is_follow_up: bool) -> Failure:
    """Return the failure of a submission that was refused at once (section 10.1).

    A 404 is about a follow-up's parent, or about the route and its model: no request can mend
    that. Section 10 adds that a fail code may also name an immediate refusal; then that decides.
    """
    detail = quoted(data.get("error")) if isinstance(data, dict) else ""
    words = quoted(f"{message} {detail}")
    for code, (kind, advice) in FAIL_CODES.items():
        if code in (message, detail) or words.startswith(f"{code}:"):
            return Failure(kind, code, words, advice)
    otherwise = (FailureKind.BAD_REQUEST, "correct the request named here")
    kind, advice = _STATUSES.get(status, otherwise)
    if status == 404 and is_follow_up and speaks_of_a_task(words):
        kind, advice = _PARENT_GONE
    return Failure(kind, str(status), words, advice)
