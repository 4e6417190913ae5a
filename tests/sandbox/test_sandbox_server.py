"""The sandbox as a real server in a real process: broken connections, restarts, clean ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

PROGRAM = """
import sys
from pathlib import Path
from reconciler.sandbox import SandboxSettings, serve
settings = SandboxSettings(Path(sys.argv[1]), speed=1e5, long_side=64)
serve(settings, "127.0.0.1", 0, on_ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


class Server:
    """A sandbox in another process."""

    def __init__(self, database: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROGRAM, str(database)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = self._pipe.readline().strip()
        self.origin = self.url.removesuffix("/api/v1")

    @property
    def _pipe(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def stop(self, number: signal.Signals) -> tuple[str, str, int]:
        """Send a signal; return standard output, standard error, exit code."""
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        out, errors = self.process.communicate(timeout=10)
        return out, errors, self.process.returncode


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "sandbox.db")
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(headers={"Authorization": "Bearer k"}, timeout=10) as client:
        yield client


def submit(client: httpx.Client, server: Server) -> httpx.Response:
    body = {"input": {"mode": "text-to-image", "prompt": "brass owl"}}
    return client.post(f"{server.url}/generateTask/midjourney", json=body)


def order(client: httpx.Client, server: Server, **rule: object) -> None:
    client.post(f"{server.origin}/sandbox/faults", json=[rule]).raise_for_status()


def test_faults_are_ordered_singly_or_as_a_list(client: httpx.Client, server: Server) -> None:
    """One rule or several; where one is wrong, none is ordered."""
    url, rule = f"{server.origin}/sandbox/faults", {"where": "submit", "action": "drop_before"}
    assert client.post(url, json=rule).status_code == 201
    assert client.post(url, json=[rule, rule]).status_code == 201
    assert client.post(url, json=[rule, {"where": "submit"}]).status_code == 400
    assert client.post(url, json=[[rule]]).status_code == 400
    assert len(client.get(url).json()["faults"]) == 3


def charged(client: httpx.Client, server: Server) -> int:
    return int(client.get(f"{server.origin}/sandbox/ledger").json()["charged"])


def finished_link(client: httpx.Client, server: Server) -> str:
    task_id = submit(client, server).json()["data"]["taskId"]
    return f"{server.origin}/files/{task_id}/1.png"


def received_of(answer: httpx.Response) -> tuple[bytes, httpx.TransportError | None]:
    received = b""
    try:
        for part in answer.iter_raw():
            received += part
    except httpx.TransportError as error:
        return received, error
    return received, None


def test_connections_really_drop(server: Server, client: httpx.Client) -> None:
    """The socket closes without an answer; what was accepted before that is charged."""
    for action in ("drop_before", "drop_after"):
        order(client, server, where="submit", action=action)

    for expected in (0, 200_000):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            submit(client, server)
        assert charged(client, server) == expected
    assert submit(client, server).status_code == 200


def test_downloads_really_break(server: Server, client: httpx.Client) -> None:
    """A truncated file ends in an error of the connection; an endless one is left by the client."""
    link = finished_link(client, server)
    whole = client.get(link).content
    order(client, server, where="download", action="truncate")
    order(client, server, where="download", action="huge", megabytes=None, after=1)

    with client.stream("GET", link) as answer:
        received, error = received_of(answer)
    with client.stream("GET", link) as answer:
        sizes = (len(part) for part in answer.iter_raw(1_000_000))
        assert sum(size for size, _ in zip(sizes, range(5), strict=False)) == 5_000_000

    assert isinstance(error, httpx.RemoteProtocolError)
    assert received == whole[: len(whole) // 2]
    assert client.get(link).content == whole


def test_everything_survives_a_kill(tmp_path: Path, client: httpx.Client) -> None:
    """After `kill -9` the next process knows every task, charge and ordered fault."""
    first = Server(tmp_path / "sandbox.db")
    link = finished_link(client, first)
    picture = client.get(link).content
    order(client, first, where="submit", action="status", status=503)
    first.stop(signal.SIGKILL)
    second = Server(tmp_path / "sandbox.db")

    assert charged(client, second) == 200_000
    assert client.get(link.replace(first.origin, second.origin)).content == picture
    assert submit(client, second).status_code == 503
    assert submit(client, second).status_code == 200
    second.stop(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_ends_it_cleanly(
    server: Server, client: httpx.Client, number: signal.Signals
) -> None:
    """`serve` returns; nothing is printed, nothing is left open."""
    submit(client, server)

    assert server.stop(number) == ("ended\n", "", 0)
