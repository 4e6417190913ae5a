"""Answers in APIMart's forms, for tests."""

import json
from typing import Any

from provider_talk import APIMART, concluded

from reconciler.ids import CandidateNumber, TaskId
from reconciler.providers.protocol import HttpAnswer, Order, ParentTask, TryAgain
from reconciler.purchase import Accepted, AnswerLost, Failure, Refused
from reconciler.spec.request import Imagine, Strength, Vary

TASK = TaskId("task_1")
PARENT = ParentTask(TaskId("task_p"), CandidateNumber(2), "https://cdn.apimart.ai/p-2.png", "0f3c")
ORDER = Order(Imagine("brass owl"))
FOLLOW_UP = Order(Vary(Strength.SUBTLE), PARENT, (Imagine("brass owl"),))

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "payment_required",
    403: "permission_error",
    404: "not_found_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    502: "bad_gateway",
}


def answer(status: int, content: Any, retry_after: float | None = None) -> HttpAnswer:
    return HttpAnswer(status, json.dumps(content).encode(), retry_after)


def envelope_a(status: int, message: str = "words", *, code: bool = True) -> HttpAnswer:
    """Return an error as section 10.1 shows it; its overview page omits the code."""
    error: dict[str, Any] = {"message": message, "type": TYPES.get(status, "error")}
    return answer(status, {"error": {"code": status} | error if code else error})


def envelope_b(code: int, description: str = "words", *, status: int = 200) -> HttpAnswer:
    """Return an error as section 10.2 shows it."""
    return answer(status, {"code": code, "description": description})


def accepted(task_id: Any = TASK, code: int = 200, status: str = "submitted") -> HttpAnswer:
    return answer(200, {"code": code, "data": [{"status": status, "task_id": task_id}]})


def submitted(got: HttpAnswer, order: Order = ORDER) -> Accepted | Refused | AnswerLost | TryAgain:
    return concluded(APIMART.submit(order), got)


def refused(got: HttpAnswer, order: Order = ORDER) -> Failure:
    """Return why a submission was refused, which it must be."""
    verdict = submitted(got, order)
    assert isinstance(verdict, Refused)
    return verdict.failure
