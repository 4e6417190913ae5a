"""A sandbox that is spoken to as APIMart."""

import io
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from sandbox_kit import World

from reconciler.sandbox import ApimartSettings

ORIGIN = "http://sandbox.test"
ELSEWHERE = "https://host.test/a.jpg"
USUAL = ApimartSettings()


class Mart(World):
    """One sandbox; `own` are settings of APIMart's protocol."""

    def __init__(self, folder: Path, own: ApimartSettings = USUAL, **settings: Any) -> None:
        plain = {"requests_per_minute": None, "concurrent": None, "apimart": own}
        super().__init__(folder, **{**plain, **settings})

    def send(self, op: str, /, *, key: str = "k", **body: Any) -> httpx.Response:
        """Submit to `/v1/midjourney/generations`, or an operation below it."""
        url = f"{ORIGIN}/v1/midjourney/generations{f'/{op}' if op else ''}"
        return self.request("POST", url, key=key, json=body)

    def get_task(self, op: str = "imagine", /, **body: Any) -> str:
        """Submit; return the task id. An imagine has a prompt unless told otherwise."""
        if op in ("imagine", ""):
            body = {"prompt": "brass owl", **body}
        answer = self.send(op, **body)
        assert answer.status_code == 200, answer.text
        return task_id_of(answer)

    def finished(self, op: str = "imagine", /, **body: Any) -> str:
        """Submit, and let the task finish."""
        task_id = self.get_task(op, **body)
        self.wait()
        return task_id

    def single(self, **body: Any) -> str:
        """Return an upscaled picture of a new grid."""
        return self.finished("upscale", task_id=self.finished(**body), index=1)

    def ask(self, task_id: str, *, key: str = "k") -> httpx.Response:
        return self.request("GET", f"{ORIGIN}/v1/midjourney/{task_id}", key=key)

    def told(self, task_id: str) -> dict[str, Any]:
        answer = self.ask(task_id)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def unified(self, task_id: str) -> dict[str, Any]:
        answer = self.request("GET", f"{ORIGIN}/v1/tasks/{task_id}?language=en")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    def file(self, url: str) -> bytes:
        answer = self.request("GET", url, key=None)
        assert answer.status_code == 200, answer.text
        return answer.content

    def picture(self, url: str) -> Image.Image:
        return Image.open(io.BytesIO(self.file(url))).convert("RGB")

    def upload(
        self, content: bytes, *, key: str | None = "k", field: str = "file"
    ) -> httpx.Response:
        files = {field: ("mask.png", content, "image/png")}
        return self.request("POST", f"{ORIGIN}/v1/uploads/images", key=key, files=files)

    def uploaded(self, image: Image.Image) -> str:
        answer = self.upload(png(image))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["url"])

    def left(self, key: str = "k") -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", f"{ORIGIN}/v1/balance", key=key).json()
        return found

    def button(self, task_id: str, label: str) -> str:
        (found,) = [b["customId"] for b in self.told(task_id)["buttons"] if b["label"] == label]
        return str(found)


def task_id_of(answer: httpx.Response) -> str:
    """Return the id out of any form of acceptance."""
    content = answer.json()
    return str(content["task_id"] if "task_id" in content else content["data"][0]["task_id"])


def reason(answer: httpx.Response) -> tuple[int, str]:
    """Return status and text of a refusal in the usual envelope."""
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["message"]


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def half_white(size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Return a mask whose right half is white."""
    mask = Image.new("L", size)
    mask.paste(255, (size[0] // 2, 0, *size))
    return mask
