"""What the surroundings of an answer say: an exception's words, a delay, a quota's worth."""

import re
from email.utils import parsedate_to_datetime

import httpx

from reconciler.money import MicroUsd

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_ABSURD_USD = 1e6
"""No task costs so many dollars; such a figure is no money."""


def worth(quota: str, per_usd: float) -> MicroUsd | None:
    """Return a quota in money; None where it is no number that makes sense."""
    try:
        amount = float(quota) / per_usd
    except (ValueError, ZeroDivisionError):
        return None
    return MicroUsd(round(amount * 1_000_000)) if 0 <= amount < _ABSURD_USD else None


def words_of(error: Exception) -> str:
    """An exception's words, or its kind where it has none; neither ever holds a header."""
    text = re.sub(r"\[Errno -?\d+\] ", "", str(error))
    return " ".join(text.split()) or type(error).__name__


def retry_after(response: httpx.Response) -> float | None:
    """Read Retry-After as seconds; its date form counts from the answer's own Date."""
    value = response.headers.get("retry-after", "")
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        now = parsedate_to_datetime(response.headers["date"])
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
