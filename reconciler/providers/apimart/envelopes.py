"""APIMart's two error envelopes, read as one (sections 10.1 and 10.2)."""

from typing import Any, NamedTuple

from reconciler.providers.protocol import HttpAnswer, JsonObject, quoted

INSTANCE_OR_TASK = 3
BAD_PARAMETERS = 4
SERVICE_REFUSED = 9
NEEDS_MODAL = 21
BANNED_PROMPT = 24
ACCEPTED = (1, 200)
_CODES = frozenset({INSTANCE_OR_TASK, BAD_PARAMETERS, SERVICE_REFUSED, NEEDS_MODAL, BANNED_PROMPT})


class Said(NamedTuple):
    """What the API itself said: one of its codes or an HTTP status, and its words."""

    code: int
    message: str

    @property
    def speaks_of_a_task(self) -> bool:
        """Whether code 3 means an unknown task; without that word no instance is free."""
        return "task" in self.message.lower()

    def __str__(self) -> str:
        return f"{self.code} {self.message}".rstrip()


def said(answer: HttpAnswer) -> Said | None:
    """Return what the API said of a call that gave nothing, or None when it is not its own answer.

    A code of the second envelope counts before the HTTP status, and so does whatever a 200 hides.
    """
    content = answer.json()
    if not isinstance(content, dict):
        return None
    error = content.get("error")
    inner: JsonObject = error if isinstance(error, dict) else {}
    code = _whole(content.get("code")) or _whole(inner.get("code"))
    words = (content.get("description"), content.get("message"), inner.get("message"))
    if code is None and not inner:
        return None
    counts = code is not None and (code in _CODES or answer.status == 200)
    message = next((text for text in map(quoted, words) if text), "")
    return Said(code if counts and code else answer.status, message)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def content_of(answer: HttpAnswer) -> JsonObject:
    """Return the object that an answer is about, bare or in an envelope; {} where there is none."""
    content = answer.json()
    data = content.get("data") if isinstance(content, dict) else None
    if isinstance(data, list):
        data = data[0] if data else None
    if isinstance(data, dict):
        return data
    return content if isinstance(content, dict) else {}
