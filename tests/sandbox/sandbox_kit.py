"""A sandbox in this process with a clock that a test turns, and the words to talk to it."""

import asyncio
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from reconciler.sandbox import Fault, Sandbox, SandboxSettings
from reconciler.sandbox.faults import Action, Place

START = 1_000_000_000.0
LONG_AFTER = 1000.0


class Clock:
    """Epoch seconds that stand still until somebody adds some."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class World:
    """One sandbox and its visitors. Requests carry the key `k` unless told otherwise."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        wanted = {"database": folder / "sandbox.db", "clock": self.clock, "long_side": 64}
        self.sandbox = Sandbox(SandboxSettings(**{**wanted, **settings}))
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.sandbox.app), base_url="http://sandbox.test/api/v1"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()
        self.sandbox.close()

    def request(
        self, method: str, url: str, *, key: str | None = "k", **rest: Any
    ) -> httpx.Response:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return self._runner.run(self._client.request(method, url, headers=headers, **rest))

    def get(self, url: str, **rest: Any) -> httpx.Response:
        return self.request("GET", url, **rest)

    def submit(
        self, mode: str = "text-to-image", *, key: str = "k", **asked: Any
    ) -> httpx.Response:
        if mode in ("text-to-image", "image-to-image", "image-edit"):
            asked = {"prompt": "brass owl", **asked}
        body = {"request_type": "async", "input": {"mode": mode, **asked}}
        return self.request("POST", "/generateTask/midjourney", key=key, json=body)

    def buy(self, mode: str = "text-to-image", *, key: str = "k", **asked: Any) -> str:
        """Submit; return the task id."""
        answer = self.submit(mode, key=key, **asked)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["taskId"])

    def made(self, mode: str = "text-to-image", **asked: Any) -> str:
        """Submit, and let the task finish."""
        task_id = self.buy(mode, **asked)
        self.wait()
        return task_id

    def wait(self, seconds: float = LONG_AFTER) -> None:
        self.clock.now += seconds

    def status(self, task_id: str, *, key: str = "k") -> dict[str, Any]:
        answer = self.get("/statusTask/midjourney", key=key, params={"taskId": task_id})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    def links(self, task_id: str) -> list[str]:
        found: list[str] = json.loads(self.status(task_id)["resultJson"])["resultUrls"]
        return found

    def download(self, task_id: str, number: int = 1) -> httpx.Response:
        return self.get(f"http://sandbox.test/files/{task_id}/{number}.png", key=None)

    def balance(self, key: str = "k") -> float:
        found: float = self.get("/apikeys/current-balance", key=key).json()["data"]
        return found

    def order(self, where: Place, action: Action, **rule: Any) -> None:
        self.sandbox.order(Fault(where, action, **rule))

    def amounts(self) -> list[tuple[str, int]]:
        """Return the ledger as kinds and micro-dollars."""
        return [(entry.kind.value, entry.amount) for entry in self.sandbox.ledger()]
