"""Drives an adapter's conversations with canned answers: values in, values out, no server."""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

from reconciler.ids import CandidateNumber, TaskId
from reconciler.providers import PROVIDERS
from reconciler.providers.protocol import (
    Exchange,
    HttpAnswer,
    HttpCall,
    Issue,
    ParentTask,
    Provider,
)
from reconciler.spec.request import Request, operation_of

T = TypeVar("T")
APIXO: Provider = PROVIDERS["apixo"]
APIMART: Provider = PROVIDERS["apimart"]
PARENT = ParentTask(TaskId("task_parent"), CandidateNumber(2), "https://file.apixo.ai/parent-2.png")


def converse(exchange: Exchange[T], *answers: HttpAnswer) -> tuple[list[HttpCall], T]:
    """Return every call that the adapter made and what it concluded, given these answers."""
    calls = [next(exchange)]
    for position, answer in enumerate(answers):
        try:
            calls.append(exchange.send(answer))
        except StopIteration as end:
            assert position == len(answers) - 1, "the adapter did not wait for all answers"
            result: T = end.value
            return calls, result
    raise AssertionError("the adapter wants more answers")


def concluded(exchange: Exchange[T], answer: HttpAnswer) -> T:
    """Return what the adapter concludes from one answer."""
    return converse(exchange, answer)[1]


def only_call(exchange: Exchange[Any]) -> HttpCall:
    """Return the call, without answering it."""
    return next(exchange)


def enveloped(
    data: Any = None,
    *,
    code: int = 200,
    status: int | None = None,
    message: str = "success",
    retry_after: float | None = None,
) -> HttpAnswer:
    """Return an answer in APIXO's envelope; its HTTP status repeats the code if not told else."""
    body = json.dumps({"code": code, "message": message, "data": data}).encode()
    return HttpAnswer(code if status is None else status, body, retry_after)


def html(status: int) -> HttpAnswer:
    """Return what a proxy answers."""
    return HttpAnswer(status, b"<html>\n<h1>Bad\n gateway</h1></html>")


def issues_of(request: Request, *lineage: Request, at: Provider = APIXO) -> list[Issue]:
    """Return everything that a provider's rules say about a request."""
    return list(at.issues(request, lineage))


def messages(issues: Sequence[Issue]) -> list[str]:
    """Return the messages alone."""
    return [issue.message for issue in issues]


def has_field(request: Request, field: tuple[str | int, ...]) -> bool:
    """Whether an issue's field leads to something that the spec can hold for this request."""
    names = {one.name for one in fields(request)} | {operation_of(request).value}
    return field[0] in names
