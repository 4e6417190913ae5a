"""Submissions and what their answers prove (sections 5 and 10, decision 2)."""

from typing import Any

from reconciler.ids import TaskId
from reconciler.providers.answers import (
    REQUEST_TIMEOUT,
    SAYS_IT_FAILED,
    foreign,
    limited,
    maybe_accepted,
    named_task,
    usable_task_id,
)
from reconciler.providers.apimart import bodies, failures
from reconciler.providers.apimart.envelopes import (
    ACCEPTED,
    INSTANCE_OR_TASK,
    NEEDS_MODAL,
    SERVICE_REFUSED,
    Said,
    said,
)
from reconciler.providers.protocol import (
    Exchange,
    HttpAnswer,
    HttpCall,
    Order,
    TryAgain,
)
from reconciler.purchase import Accepted, AnswerLost, Refused
from reconciler.spec.request import Inpaint

NAME = "APIMart"
Verdict = Accepted | Refused | AnswerLost | TryAgain
_GATEWAYS = (502, 504)
"""Somebody in between answered for the API, whichever envelope that wears."""


def submit(order: Order) -> Exchange[Verdict]:
    """Send one order and say what became of it."""
    try:
        content = bodies.body(order)
    except bodies.NoButtonError:
        return Refused(failures.no_button())
    answer = yield HttpCall("POST", bodies.route(order.request), body=content)
    known = order.parent.task_id if order.parent else None
    return _verdict(answer, known)


def go_on(task_id: TaskId, order: Order) -> Exchange[Verdict]:
    """Send an inpainting's mask; the task stays the same (section 4, modal)."""
    if not isinstance(order.request, Inpaint):
        raise TypeError("only inpainting has a second step")
    content = bodies.modal_body(task_id, order, order.request)
    answer = yield HttpCall("POST", f"{bodies.GENERATIONS}/modal", body=content)
    verdict = _verdict(answer, task_id)
    if isinstance(verdict, Accepted) and verdict.task_id != task_id:
        return AnswerLost(f"the second step of {task_id} was accepted as {verdict.task_id}")
    return verdict


def _verdict(answer: HttpAnswer, known: TaskId | None) -> Verdict:
    """Sort an answer by one question: is it proven that nothing was accepted?"""
    task_id = _accepted(answer)
    if task_id is not None:
        return Accepted(task_id)
    words = said(answer)
    verdict = _unaccepted(answer, words, is_follow_up=known is not None)
    named = named_task(answer.body, known)
    if named is None or (isinstance(verdict, AnswerLost) and named in verdict.detail):
        return verdict
    return AnswerLost(f"{words or answer.status}, and yet it names the task {named}")


def _accepted(answer: HttpAnswer) -> TaskId | None:
    """Return the id of the task that an answer says it accepted.

    The list in `data` is documented; a flat object for inpainting is, too (section 5).
    """
    content = answer.json()
    if answer.status != 200 or not isinstance(content, dict) or content.get("error"):
        return None
    code = content.get("code")
    if code is None:
        return usable_task_id(content.get("task_id")) if content.get("status") else None
    is_accepted = type(code) is int and code in (*ACCEPTED, NEEDS_MODAL)
    return _first_task(content.get("data")) if is_accepted else None


def _first_task(data: Any) -> TaskId | None:
    items: list[Any] = data if isinstance(data, list) else [data]
    ids = (usable_task_id(one.get("task_id")) for one in items if isinstance(one, dict))
    return next((one for one in ids if one is not None), None)


def _unaccepted(
    answer: HttpAnswer, words: Said | None, *, is_follow_up: bool
) -> Refused | AnswerLost | TryAgain:
    """Section 10's tables. What only a gateway said is doubt, although the vendor would resend."""
    if words is None:
        return foreign(answer, NAME)
    if 429 in (words.code, answer.status) and answer.status not in _GATEWAYS:
        return limited(answer)
    if answer.status in _GATEWAYS or words.code in _GATEWAYS:
        return maybe_accepted(str(words))
    if words.code == INSTANCE_OR_TASK and not words.speaks_of_a_task:
        return TryAgain(f"no instance is free: {words}", answer.retry_after, is_limit=True)
    if words.code == SERVICE_REFUSED or words.code in SAYS_IT_FAILED:
        return TryAgain(str(words), answer.retry_after)
    if words.code in ACCEPTED or words.code == NEEDS_MODAL:
        return AnswerLost(f"accepted, but without a task id: {answer.excerpt()}")
    if _is_refusal(words.code):
        return Refused(failures.refusal(words, is_follow_up=is_follow_up))
    return maybe_accepted(str(words))


def _is_refusal(code: int) -> bool:
    is_proxys = 1 < code < 100
    return is_proxys or (400 <= code < 500 and code != REQUEST_TIMEOUT)
