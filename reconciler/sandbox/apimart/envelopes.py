"""The forms of APIMart's answers, where its documents show more than one."""

from starlette.responses import JSONResponse, Response

from reconciler.sandbox.apimart.asking import PROXY_BANNED
from reconciler.sandbox.settings import ApimartSettings
from reconciler.sandbox.wire import retry_header

_TYPES = {
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
"""Source: APIMart facts, section 10.1."""

_CODES = {400: 4, 404: 3, 422: PROXY_BANNED, 500: 9, 502: 9}
"""The other envelope's codes; the rest are as the HTTP status. Source: section 10.2."""


class Envelopes:
    """Answers as the settings want them."""

    def __init__(self, settings: ApimartSettings) -> None:
        self._settings = settings

    def refuse(self, status: int, message: str, retry_after: float | None) -> Response:
        """Return an error. Source: APIMart facts, sections 10.1, 10.2."""
        content: dict[str, object] = {
            "error": {
                "code": status,
                "message": message,
                "type": _TYPES.get(status, "server_error"),
            }
        }
        if self._settings.envelope == "proxy":
            content = {"code": _CODES.get(status, status), "description": message}
        return JSONResponse(content, status, headers=retry_header(retry_after))

    def banned(self, message: str) -> Response:
        """Return code 24; that HTTP says 200 is our choice. Source: section 10.2."""
        return JSONResponse({"code": PROXY_BANNED, "description": message})

    def accepted(self, task_id: str) -> Response:
        """Return the answer to a submission: `data` is a list. Source: section 5."""
        return self._answer([{"status": "submitted", "task_id": task_id}])

    def paused(self, task_id: str) -> Response:
        """Return the answer to an inpaint submission, in one of two forms. Source: section 5."""
        told: dict[str, object] = {"status": "modal", "task_id": task_id}
        if self._settings.inpaint_answer == "flat":
            return JSONResponse({**told, "model": "midjourney"})
        return self._answer([told])

    def poll(self, told: dict[str, object]) -> Response:
        """Return a task's state, bare as documented, or wrapped."""
        return JSONResponse(told) if self._settings.poll_answer == "bare" else self._answer(told)

    def _answer(self, data: object) -> Response:
        return JSONResponse({"code": self._settings.accepted_code, "data": data})
