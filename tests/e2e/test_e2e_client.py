"""A stranger's client of the vendor's API, written from its documentation, against the sandbox."""

import io
import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from e2e_kit import Shop
from PIL import Image

pytest_plugins = ["e2e_fixtures"]


class Client:
    """The API as its documentation tells it; it knows nothing of this project."""

    def __init__(self, base_url: str, key: str) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return `data` of the envelope."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self._base_url}/{path}",
            None if body is None else json.dumps(body).encode(),
            self._headers,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            envelope = json.load(answer)
        assert envelope["code"] == 200
        assert envelope["message"] == "success"
        return envelope["data"]

    def submit(self, **content: Any) -> str:
        """Return the task id."""
        body = {"request_type": "async", "input": content}
        task_id: str = self.call("generateTask/midjourney", body)["taskId"]
        return task_id

    def finished(self, task_id: str) -> dict[str, Any]:
        """Poll until the task is over."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            data: dict[str, Any] = self.call(f"statusTask/midjourney?taskId={task_id}")
            if data["state"] in ("success", "failed"):
                return data
            assert data["state"] in ("pending", "processing")
            time.sleep(0.02)
        raise AssertionError(f"{task_id} never finished")

    def balance(self) -> float:
        """Return what is left, in dollars."""
        left: float = self.call("apikeys/current-balance")
        return left


def links(status: dict[str, Any]) -> list[str]:
    """Return the result's links: JSON inside a JSON string."""
    found: list[str] = json.loads(status["resultJson"])["resultUrls"]
    return found


@pytest.fixture
def client(shop: Shop, key: str) -> Client:
    """A client with an account of its own."""
    return Client(shop.base_url, key)


def test_item_6_a_strangers_client_works(client: Client, shop: Shop) -> None:
    """Submit, poll, download, vary and upscale a candidate, and the balance adds up."""
    opening = client.balance()
    task = client.submit(
        mode="text-to-image", prompt="brass owl", version="7", speed="fast", aspect_ratio="3:2"
    )
    done = client.finished(task)
    assert done["taskId"] == task
    assert done["completeTime"] - done["createTime"] == done["costTime"]
    assert len(links(done)) == 4
    for link in links(done):
        with urllib.request.urlopen(link, timeout=10) as answer:  # noqa: S310 - loopback, no key
            picture = Image.open(io.BytesIO(answer.read()))
        assert picture.width / picture.height == pytest.approx(1.5, abs=0.05)
    offered = {action["mode"]: action for action in done["supported_actions"]}
    assert offered["vary"] == {
        "mode": "vary",
        "imageIndex_options": [0, 1, 2, 3],
        "type_options": [0, 1],
    }

    varied = client.finished(
        client.submit(mode="vary", taskId=task, imageIndex=3, type=1, remixPrompt="silver owl")
    )
    assert len(links(varied)) == 4
    large = client.finished(client.submit(mode="upscale", taskId=task, imageIndex=0, type=0))
    assert len(links(large)) == 1
    assert round(opening - client.balance(), 2) == 0.80
    assert [entry["amount"] for entry in shop.ledger()] == [200_000, 300_000, 300_000]


def test_item_6_a_strangers_client_is_refused_as_documented(client: Client, shop: Shop) -> None:
    """HTTP status and envelope agree; a failed task answers 200 and is paid back."""
    for content, status in (
        ({"mode": "text-to-image"}, 400),
        ({"mode": "sing", "prompt": "x"}, 400),
        ({"mode": "text-to-image", "prompt": "x", "speed": "draft", "version": "6"}, 400),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            client.submit(**content)
        assert refused.value.code == status
        assert json.load(refused.value)["code"] == status
        refused.value.close()
    assert shop.ledger() == []

    moderated = "an owl [sandbox: SensitiveContentDetected]"
    failed = client.finished(client.submit(mode="text-to-image", prompt=moderated))
    assert failed["state"] == "failed"
    assert failed["failCode"] == "SensitiveContentDetected"
    assert "resultJson" not in failed
    assert [entry["kind"] for entry in shop.ledger()] == ["charge", "refund"]


def test_a_client_without_a_key_is_refused(shop: Shop) -> None:
    """401, in the envelope."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        Client(shop.base_url, "").balance()
    assert refused.value.code == 401
    refused.value.close()
