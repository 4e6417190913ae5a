"""What APIMart's rules may know of earlier tasks and of pictures, and who may know it."""

import base64
import io
from dataclasses import replace
from urllib.parse import urlsplit

from PIL import Image

from reconciler.sandbox.apimart.fields import url
from reconciler.sandbox.apimart.words import invalid, not_found
from reconciler.sandbox.desk import Desk, own_link
from reconciler.sandbox.drawing.painting import Painting, seed_of
from reconciler.sandbox.jobs import RefusalError, Task, Vendor
from reconciler.sandbox.settings import ApimartSettings
from reconciler.sandbox.uploads import Upload

LARGEST = 12 * 1024 * 1024
"""Bytes of an input picture. Source: APIMart facts, section 3.1."""

UPLOADS_PATH = "/uploads/"

_MASK_SIDE = 512
_DATA = "data:image/png;base64,"


class Records:
    """The records as one account may see them. `base` is the sandbox's origin for this request."""

    def __init__(self, desk: Desk, account: str, base: str) -> None:
        self._desk = desk
        self.account = account
        self.base = base

    @property
    def now(self) -> float:
        """Epoch seconds."""
        return self._desk.now

    @property
    def settings(self) -> ApimartSettings:
        """Where the documents leave a choice."""
        return self._desk.settings.apimart

    def task(self, task_id: str) -> Task:
        """Return a task. Raises RefusalError: 404 unknown or too old, 403 another account's.

        Source: APIMart facts, sections 6, 11.
        """
        task = self._desk.tasks.find(task_id)
        lifetime = self.settings.task_lifetime.total_seconds()
        if task is None or task.vendor is not Vendor.APIMART:
            raise not_found(task_id)
        if self.now >= task.created + lifetime:
            raise not_found(task_id)
        if task.account != self.account:
            raise RefusalError(403, f"no permission to access task {task_id}")
        return task

    def source(self, link: str, name: str) -> Painting:
        """Return what a picture's URL shows. Raises RefusalError 400 where it cannot be fetched.

        The sandbox fetches nothing from elsewhere: a foreign picture is made up from its URL.
        """
        upload, own = self._upload(link), own_link(link)
        if upload is not None:
            return _photo(upload, name)
        if not link.startswith(f"{self.base}/"):
            look = seed_of("elsewhere", link)
            return Painting(link, link, (1, 1), "", look, composition=look)
        task = self._desk.tasks.find(own[0]) if own else None
        if task is None or own is None or not self._desk.delivered(task, own[1]):
            raise invalid(f"{name} could not be fetched")
        return replace(task.commission.candidate(own[1]), scale=1)

    def mask(self, link: str) -> str:
        """Return a mask as a PNG in base64, white where it is repainted; empty for a foreign one.

        Source: APIMart facts, sections 4, 19 (which colour is repainted is a setting).
        """
        content = self._mask_bytes(link)
        if content is None:
            return ""
        if len(content) > LARGEST:
            raise invalid("mask_url is larger than 12 MiB")
        try:
            with Image.open(io.BytesIO(content)) as image:
                kept = _stencil(image, self.settings.mask_repaints == "transparent")
        except (OSError, ValueError, Image.DecompressionBombError):
            raise invalid("mask_url is no readable image") from None
        return base64.b64encode(kept).decode()

    def _mask_bytes(self, link: str) -> bytes | None:
        if link.startswith(_DATA):
            try:
                return base64.b64decode(link.removeprefix(_DATA), validate=True)
            except ValueError:
                raise invalid("mask_url is no valid base64") from None
        upload = self._upload(url(link, "mask_url", self.base))
        if upload is None and link.startswith(f"{self.base}/"):
            raise invalid("mask_url could not be fetched")
        return None if upload is None else upload.content

    def _upload(self, link: str) -> Upload | None:
        """Return the live upload that a URL of this sandbox points at. Raises RefusalError 400."""
        path = urlsplit(link).path
        if not link.startswith(f"{self.base}/") or not path.startswith(UPLOADS_PATH):
            return None
        upload = self._desk.uploads.find(path.removeprefix(UPLOADS_PATH))
        lifetime = self.settings.upload_lifetime.total_seconds()
        if upload is None or self.now >= upload.at + lifetime:
            raise invalid(f"image could not be fetched: {link}")
        return upload


def _photo(upload: Upload, name: str) -> Painting:
    if len(upload.content) > LARGEST:
        raise invalid(f"{name} is larger than 12 MiB")
    with Image.open(io.BytesIO(upload.content)) as image:
        width, height = image.size
    look = seed_of("photo", upload.content.hex())
    ratio = (max(1, min(width, height * 20)), max(1, min(height, width * 20)))
    return Painting("", "", ratio, "", look, photo=upload.name)


def _stencil(image: Image.Image, transparent: bool) -> bytes:
    """Return the mask's repainted part as a small black and white PNG."""
    image.thumbnail((_MASK_SIDE, _MASK_SIDE))
    if transparent:
        repainted = image.convert("RGBA").getchannel("A").point([255] * 128 + [0] * 128)
    else:
        solid = Image.new("RGBA", image.size, (0, 0, 0, 255))
        solid.alpha_composite(image.convert("RGBA"))
        repainted = solid.convert("L").point([0] * 128 + [255] * 128)
    stream = io.BytesIO()
    repainted.convert("1").save(stream, "PNG", optimize=True)
    return stream.getvalue()
