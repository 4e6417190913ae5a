"""APIMart's upload: a picture as a form's field, fetched by URL for a while.

Source: APIMart facts, section 16; the refusals' words are ours.
"""

import io
from email import policy
from email.message import Message
from email.parser import BytesParser

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.sandbox.answers import bent, instead
from reconciler.sandbox.apimart.envelopes import Envelopes
from reconciler.sandbox.apimart.records import UPLOADS_PATH
from reconciler.sandbox.apimart.words import invalid
from reconciler.sandbox.desk import Desk, origin_of
from reconciler.sandbox.faults import Place
from reconciler.sandbox.jobs import RefusalError, Vendor
from reconciler.sandbox.wire import proxy_page

LARGEST = 20_000_000
"""Bytes; "20 MB" may be these or a few more. Source: section 16."""

_FORM = 10_000
"""Bytes that a form may need around its file."""

_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}

_US = Vendor.APIMART


class ApimartUploads:
    """Takes pictures, and gives them to whoever knows their URL."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._forms = Envelopes(desk.settings.apimart)

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/v1/uploads/images", self.upload, methods=["POST"]),
            Route(f"{UPLOADS_PATH}{{name}}", self.download, methods=["GET"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Keep a picture. Each upload is a new one, whatever its bytes."""
        self._desk.visits.count(Place.UPLOAD, _US)
        body = await request.body()
        fault = self._desk.strike(Place.UPLOAD, _US)
        if (broken := instead(fault, self._forms.refuse)) is not None:
            return broken
        try:
            answer = self._keep(request, body)
        except RefusalError as refusal:
            return self._forms.refuse(refusal.status, refusal.message, None)
        return await bent(answer, fault, self._forms.refuse)

    async def download(self, request: Request) -> Response:
        """Send an upload, as long as it is kept."""
        self._desk.visits.count(Place.DOWNLOAD, _US)
        self._desk.record_leak(request)
        upload = self._desk.uploads.find(request.path_params["name"])
        lifetime = self._desk.settings.apimart.upload_lifetime.total_seconds()
        if upload is None or self._desk.now >= upload.at + lifetime:
            return proxy_page(404)
        return Response(upload.content, media_type=upload.media_type)

    def _keep(self, request: Request, body: bytes) -> Response:
        account = self._desk.account(request, _US)
        self._desk.admit(account)
        if len(body) > LARGEST + _FORM:
            raise RefusalError(413, "file is larger than 20 MB")
        filename, content = _file(request.headers.get("content-type", ""), body)
        kept = self._desk.uploads.keep(account, _media_type(content), content, self._desk.now)
        return JSONResponse(
            {
                "url": f"{origin_of(request)}{UPLOADS_PATH}{kept.name}",
                "filename": filename or kept.name,
                "content_type": kept.media_type,
                "bytes": len(content),
                "created_at": int(kept.at),
            }
        )


def _file(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Return name and bytes of the form's field `file`. Raises RefusalError 400 without one."""
    kind = _headers(f"Content-Type: {content_type}".encode("latin-1", "replace"))
    boundary = kind.get_boundary() if kind.get_content_type() == "multipart/form-data" else None
    parts = (b"\r\n" + body).split(f"\r\n--{boundary}".encode()) if boundary else []
    for part in parts[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        headers = _headers(head.strip())
        if headers.get_param("name", header="content-disposition") == "file":
            return headers.get_filename() or "", content
    raise invalid("file is required")


def _headers(head: bytes) -> Message:
    return BytesParser(policy=policy.compat32).parsebytes(head + b"\r\n\r\n", headersonly=True)


def _media_type(content: bytes) -> str:
    """Return what the bytes are, whatever their name says. Raises RefusalError 400."""
    try:
        with Image.open(io.BytesIO(content), formats=tuple(_MEDIA_TYPES)) as image:
            image.load()
            return _MEDIA_TYPES[str(image.format)]
    except Exception:  # noqa: BLE001 - Pillow has no common error for what it cannot read
        raise invalid("file must be a JPEG, PNG, WebP or GIF image") from None
