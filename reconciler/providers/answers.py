"""What any API's answer proves, whoever wrote it: the same for all adapters."""

import re
from datetime import UTC, datetime
from typing import Any

from reconciler.ids import TaskId
from reconciler.money import MicroUsd, usd
from reconciler.policy import FailureKind
from reconciler.providers.protocol import HttpAnswer, TryAgain, quoted
from reconciler.purchase import AnswerLost, Failure, Refused

REQUEST_TIMEOUT = 408
"""The one 4xx that is a lost answer too: somebody gave up waiting."""

SAYS_IT_FAILED = (500, 503)
"""What an API's own envelope means as `it was me, and nothing came of it`. A gateway's 502 or 504
only says that somebody behind it did not answer: that task may exist, and be paid."""

_NEVER_PASSED_ON = frozenset({301, 302, 307, 308, *range(400, 408), 413, 414, 415, 431})
"""What a proxy or a wrong address answers before anything reaches an API."""

MAYBE_ACCEPTED = ": a task may have been accepted behind it"
CHECK_ADDRESS = "check `base_url` in reconciler.yaml"
AGAIN_AS_ALLOWED = "the next apply may buy it again, as `failures:` allows"
"""What to do about a failure that may pass: how often is the project's own choice."""

_OF_A_TASK = re.compile(r"\btask(s|_?id)?\b", re.IGNORECASE)
_NAMED_TASK = re.compile(r'"task_?id"\s*:\s*("[^"]+"|[0-9]+)', re.IGNORECASE)


def usable_task_id(value: Any) -> TaskId | None:
    """Return a task id that can be written down and asked for, or None."""
    is_usable = isinstance(value, str) and value.isprintable() and value.strip(" ./")
    return TaskId(value) if is_usable else None


def speaks_of_a_task(words: str) -> bool:
    """Whether words are about a task, and not about a route such as `generateTask`."""
    return _OF_A_TASK.search(words) is not None


def named_task(body: bytes, known: TaskId | None) -> str | None:
    """Return a task id that an answer names, however it spells that; the known one is no news."""
    for found in _NAMED_TASK.finditer(body.decode("utf-8", "replace")):
        named = quoted(found[1].strip('"'))
        if named and named != known:
            return named
    return None


def limited(answer: HttpAnswer) -> TryAgain:
    """Return the verdict on a 429: a limit is checked before anything is accepted."""
    return TryAgain("rate or concurrency limit (429)", answer.retry_after, is_limit=True)


def maybe_accepted(words: str) -> AnswerLost:
    """Return the verdict on an answer behind which a paid task may exist."""
    return AnswerLost(f"{words}{MAYBE_ACCEPTED}")


def foreign(answer: HttpAnswer, name: str) -> Refused | AnswerLost | TryAgain:
    """Return what a submission's answer means that is not the API's own.

    Somebody in between answered, or `base_url` is wrong.
    """
    if answer.status == 429:
        return limited(answer)
    if answer.status in _NEVER_PASSED_ON:
        return Refused(not_the_api(answer, name))
    return AnswerLost(f"{answer.status}, and not {name}'s own answer: {answer.excerpt()}")


def not_the_api(answer: HttpAnswer, name: str) -> Failure:
    """Return the failure for an answer that is not in the API's own form."""
    return Failure(
        FailureKind.NOT_PERMITTED,
        str(answer.status),
        f"not an answer of {name}'s API: {answer.excerpt()}",
        CHECK_ADDRESS,
    )


def moment(value: Any, *, per_second: int) -> datetime | None:
    """Return a number of seconds, or of parts of them, as a time; a strange one is none."""
    try:
        return datetime.fromtimestamp(value / per_second, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def dollars(value: Any) -> MicroUsd | None:
    """Return a JSON number of dollars, without its floating dust; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return usd(round(value, 6))
    except (ValueError, OverflowError):
        return None
