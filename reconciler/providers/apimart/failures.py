"""APIMart's refusals and fail reasons, sorted by what helps (section 10)."""

from types import MappingProxyType
from typing import Any

from reconciler.policy import FailureKind
from reconciler.providers.answers import AGAIN_AS_ALLOWED, CHECK_ADDRESS, speaks_of_a_task
from reconciler.providers.apimart.envelopes import (
    BAD_PARAMETERS,
    BANNED_PROMPT,
    INSTANCE_OR_TASK,
    Said,
)
from reconciler.providers.protocol import quoted
from reconciler.purchase import Failure

_REWRITE = "change the prompt (or the pictures); the same request would be refused again"
_CORRECT = "correct the request named here"
_PARENT_GONE = (
    "APIMart keeps tasks for three days and does not know the parent's any more: a new `take:` of"
    " the parent gives a fresh one"
)
_NOT_OUR_PARENT = "the parent's task belongs to another account: buy the parent with this key"
_UNKNOWN = "look the reason up at APIMart; `reconcile apply --retry-failed` buys it again"

_REFUSALS: MappingProxyType[int, tuple[FailureKind, str]] = MappingProxyType(
    {
        BAD_PARAMETERS: (FailureKind.BAD_REQUEST, _CORRECT),
        BANNED_PROMPT: (FailureKind.MODERATED_INPUT, _REWRITE),
        401: (FailureKind.NOT_PERMITTED, "check the API key in the environment"),
        402: (FailureKind.OUT_OF_CREDIT, "top up the account, then run apply again"),
        403: (FailureKind.NOT_PERMITTED, "the key may not use this: ask APIMart"),
        404: (FailureKind.NOT_PERMITTED, CHECK_ADDRESS),
        422: (FailureKind.MODERATED_INPUT, _REWRITE),
    }
)
_OF_PARENT: MappingProxyType[int, str] = MappingProxyType(
    {INSTANCE_OR_TASK: _PARENT_GONE, 403: _NOT_OUR_PARENT, 404: _PARENT_GONE}
)

FAIL_REASONS: MappingProxyType[str, tuple[FailureKind, str]] = MappingProxyType(
    {
        "banned prompt": (FailureKind.MODERATED, _REWRITE),
        "task timeout": (FailureKind.TIMED_OUT, AGAIN_AS_ALLOWED),
        "no available upstream": (FailureKind.PROVIDER, AGAIN_AS_ALLOWED),
        "upstream code=4": (FailureKind.BAD_REQUEST, _CORRECT),
    }
)
"""How the documented reasons begin, in lower case (section 10.3); the set is open."""


def refusal(said: Said, *, is_follow_up: bool) -> Failure:
    """Return the failure of a submission that was refused at once; nothing is charged in the end.

    A follow-up to which this is about somebody's or nobody's task is refused because of its parent.
    Any other 404 is about the route, whatever is asked: no request can mend that.
    """
    code = str(said.code)
    if is_follow_up and _is_about_the_parent(said):
        return Failure(FailureKind.EXPIRED, code, said.message, _OF_PARENT[said.code])
    kind, advice = _REFUSALS.get(said.code, (FailureKind.BAD_REQUEST, _CORRECT))
    return Failure(kind, code, said.message, advice)


def _is_about_the_parent(said: Said) -> bool:
    return said.code in _OF_PARENT and (said.code != 404 or speaks_of_a_task(said.message))


def failed_task(code: str, reason: Any) -> Failure:
    """Return the failure of a task that was accepted and then gave nothing (section 10.3)."""
    words = quoted(reason)
    for beginning, (kind, advice) in FAIL_REASONS.items():
        if words.lower().startswith(beginning):
            return Failure(kind, code, words, advice)
    return Failure(FailureKind.UNKNOWN, code, words, _UNKNOWN)


def cancelled_task(code: str, reason: Any) -> Failure:
    """Return the failure of a cancelled task: one that waited too long for its second step (8)."""
    words = quoted(reason) or "the task was cancelled there"
    return Failure(FailureKind.TIMED_OUT, code, words, AGAIN_AS_ALLOWED)


def no_button() -> Failure:
    """Return the failure of an HD upscale whose parent named no button; nothing was sent."""
    return Failure(
        FailureKind.EXPIRED,
        "no button",
        "APIMart named no button of the parent's task, and an HD upscale needs one's id",
        "a new `take:` of the parent gives a task with buttons",
    )
