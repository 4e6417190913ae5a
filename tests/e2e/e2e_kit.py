"""What the end-to-end tests share: the real program, a sandbox in another process, a project."""

import ctypes
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

BIN = Path(sys.executable).parent
RECONCILE = str(BIN / "reconcile")
KEY_NAME = "E2E_API_KEY"
DEADLINE_S = 20.0

LIBRARY = """\
images:
  library:
    prompt: a quiet library inside a glass greenhouse
    aspect_ratio: "3:2"
    pick: 2
    variants:
      night: {vary: strong, of: 1, prompt: the same library at night}
      hero: {upscale: subtle}
"""
"""Three tasks: 0.20 + 0.30 + 0.30; `hero` follows the pick, `night` does not."""

CONFIG = """\
providers:
  apixo:
    type: apixo
    base_url: {base_url}
    api_key: ${{{key_name}}}
    requests_per_minute: 100000
    concurrent: 10
    poll: {{first: 0.05, interval: 0.05}}
defaults: {{version: "7", speed: fast}}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    def exits(self, code: int) -> "Ran":
        """Check the exit code, and what holds for every command: no traceback."""
        assert "Traceback" not in self.out + self.err, self.out + self.err
        assert self.code == code, f"exit {self.code}, wanted {code}\n{self.out}\n{self.err}"
        return self

    def json(self) -> Any:
        """Return standard output as one JSON document."""
        return json.loads(self.out)

    def events(self) -> list[dict[str, Any]]:
        """Return standard output as one JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def fails(self, code: int, *words: str) -> "Ran":
        """Check a refusal: `error: … hint: …` with these words on standard error."""
        self.exits(code)
        assert re.search(r"^error: ", self.err, re.MULTILINE), self.err
        assert re.search(r"^( +=)? *hint: ", self.err, re.MULTILINE), self.err
        for word in words:
            assert word in self.err, self.err
        return self


class Started:
    """A command that runs, in a process group of its own."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            [RECONCILE, *arguments],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def end(self, timeout: float = DEADLINE_S) -> Ran:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=timeout)
        return Ran(self.process.returncode, out, err)

    def kill(self) -> None:
        """End it as a dead machine does."""
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.communicate(timeout=DEADLINE_S)


class Terminal:
    """A command in a pseudo-terminal: what a person sees, and can type."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 110, 0, 0))
        self._before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self._process = subprocess.Popen(
            [RECONCILE, *arguments],
            cwd=folder,
            env={name: value for name, value in env.items() if name != "COLUMNS"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads
        )
        self.seen = ""

    def _read(self) -> None:
        ready, _, _ = select.select([self._ours], [], [], 0.05)
        if ready:
            with suppress(OSError):
                self.seen += os.read(self._ours, 65536).decode(errors="replace")

    def until(self, text: str) -> None:
        """Wait until it has been shown; colours and cursor moves are looked through."""

        def is_shown() -> bool:
            self._read()
            return text in uncoloured(self.seen)

        wait_for(is_shown, f"{text!r} in {self.seen!r}")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until it is heard: readline is deaf in the moment in which it starts."""
        for _ in range(5):
            self.type("\x03")
            for _ in range(20):
                self._read()
                if self._process.poll() is not None:
                    return

    def end(self) -> int:
        """Wait for its end and return the exit code; the terminal must be as it was."""

        def has_ended() -> bool:
            self._read()
            return self._process.poll() is not None

        wait_for(has_ended, f"the end; {self.seen!r}")
        for _ in range(3):
            self._read()
        assert "Traceback" not in self.seen, self.seen
        assert termios.tcgetattr(self._theirs) == self._before
        hidden, shown = self.seen.rfind("\x1b[?25l"), self.seen.rfind("\x1b[?25h")
        assert shown >= hidden, "the cursor stays hidden"
        return self._process.returncode

    def close(self) -> None:
        """Give the terminal back."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(timeout=10)
        os.close(self._ours)
        os.close(self._theirs)


def uncoloured(text: str) -> str:
    """Return what remains when colours and cursor moves are taken out."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@dataclass(slots=True)
class Project:
    """A folder with a project, and the program to run in it. Call it to run a command."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    running: list[Started] = field(default_factory=list)
    terminals: list["Terminal"] = field(default_factory=list)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def spec(self, text: str, name: str = "library") -> Path:
        """Write a spec file."""
        return self.write(f"specs/{name}.yaml", text)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace something that is there exactly once."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def __call__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        answer: str | None = None,
        before: Callable[[], object] | None = None,
    ) -> Ran:
        done = subprocess.run(
            [RECONCILE, *arguments],
            cwd=folder or self.root,
            env=self.env | dict(env or {}),
            input=answer,
            stdin=subprocess.DEVNULL if answer is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            preexec_fn=before,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> Started:
        """Start a command and do not wait."""
        started = Started(arguments, self.env, self.root)
        self.running.append(started)
        return started

    def terminal(self, *arguments: str, **more: str) -> "Terminal":
        """Start a command in a terminal of its own."""
        terminal = Terminal(arguments, self.env | {"TERM": "xterm-256color"} | more, self.root)
        self.terminals.append(terminal)
        return terminal

    def close(self) -> None:
        """Let nothing live on."""
        for one in self.running:
            if one.process.poll() is None:
                one.kill()
            for stream in (one.process.stdout, one.process.stderr):
                if stream is not None:
                    stream.close()
        for terminal in self.terminals:
            terminal.close()

    @property
    def assets(self) -> Path:
        """The asset folder."""
        return self.root / "assets"

    def manifest(self) -> dict[str, Any]:
        """Return the resources of manifest.json."""
        content = json.loads((self.assets / "manifest.json").read_text(encoding="utf-8"))
        assert content["version"] == 1
        resources: dict[str, Any] = content["resources"]
        return resources

    def objects(self) -> list[Path]:
        """Return the stored pictures."""
        folder = self.assets / ".objects"
        return sorted(path for path in folder.glob("??/??/*") if path.is_file())

    def views(self) -> list[str]:
        """Return the names that people see."""
        found = (path for path in self.assets.rglob("*") if not path.is_dir())
        names = (path.relative_to(self.assets) for path in found)
        return sorted(str(one) for one in names if one.parts[0] not in (".objects", MANIFEST))


@contextmanager
def web_server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[str]]]:
    """Serve every request with `answer`; yield the base URL and what was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_POST = do_GET  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its signature
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/v1", asked
        finally:
            server.shutdown()
            thread.join()


MANIFEST = "manifest.json"
COUNTED = ("submit", "status", "download")


SERVE = ("sandbox", "serve", "--port", "0", "--long-side", "64", "--requests-per-minute", "100000")


class Server:
    """`reconcile sandbox serve` in another process, shared by the tests of one worker."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._process = subprocess.Popen(
            [RECONCILE, *SERVE, "--database", str(folder / "s.db"), *options],
            cwd=folder,
            env=clean_env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        found = re.search(r"http://\S+", first)
        assert found, f"the sandbox did not start: {first!r}"
        self.base_url = found[0]
        self.origin = self.base_url.removesuffix("/api/v1")

    def get(self, path: str) -> Any:
        """Read from the control plane."""
        with urllib.request.urlopen(f"{self.origin}/sandbox/{path}", timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Order misbehaviour; without a rule: forget all."""
        body = json.dumps(rules).encode()
        method = "POST" if rules else "DELETE"
        url = f"{self.origin}/sandbox/faults"
        request = urllib.request.Request(url, body if rules else None, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass

    def stop(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.communicate(timeout=10)


class Shop:
    """What one test may know of the shared server: what happened since the test began."""

    def __init__(self, server: Server) -> None:
        self.base_url = server.base_url
        self.origin = server.origin
        self._server = server
        server.faults()
        self._entries = len(server.get("ledger")["entries"])
        self._tasks = len(server.get("tasks")["tasks"])
        self._leaks = len(server.get("leaks")["leaks"])
        self._requests = server.get("requests")

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Order misbehaviour; without a rule: forget all."""
        self._server.faults(*rules)

    def pending_faults(self) -> list[dict[str, Any]]:
        """Return the rules with their counters."""
        found: list[dict[str, Any]] = self._server.get("faults")["faults"]
        return found

    def ledger(self) -> list[dict[str, Any]]:
        """Return every movement of money, oldest first."""
        entries: list[dict[str, Any]] = self._server.get("ledger")["entries"]
        return entries[self._entries :]

    def charges(self) -> list[str]:
        """Return what was charged: `mode prompt`, sorted."""
        charged = (one for one in self.ledger() if one["kind"] == "charge")
        return sorted(f"{one['mode']} {one['prompt']}".strip() for one in charged)

    def tasks(self) -> list[dict[str, Any]]:
        """Return every task, oldest first."""
        tasks: list[dict[str, Any]] = self._server.get("tasks")["tasks"]
        return tasks[self._tasks :]

    def leaks(self) -> list[Any]:
        """Return the downloads that carried a key."""
        leaks: list[Any] = self._server.get("leaks")["leaks"]
        return leaks[self._leaks :]

    def requests(self) -> dict[str, int]:
        """Return how many requests of each kind have come."""
        now = self._server.get("requests")
        return {kind: now[kind] - self._requests[kind] for kind in now}

    def until(self, kind: str, number: int) -> None:
        """Wait until so many requests of a kind have come."""
        wait_for(lambda: self.requests()[kind] >= number, f"{number} × {kind}: {self.requests()}")

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Check that nothing at all is sent inside."""
        before = self.requests()
        yield
        assert self.requests() == before


def wait_for(condition: Callable[[], object], what: str = "it") -> None:
    """Poll until the condition holds; fail after a while."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.01)


def without_privileges() -> None:
    """Make file permissions count for root too; to be called in a child before it starts."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH, _FOWNER):
        libc.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)


_DROP_FROM_BOUNDING_SET = 24
_DAC_OVERRIDE, _DAC_READ_SEARCH, _FOWNER = 1, 2, 3


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[], None]]:
    """Put a file system of this size at a folder; yield what makes it larger.

    Skips the test where mounting is not allowed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not allow mounts")

    def make_larger() -> None:
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)

    try:
        yield make_larger
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def clean_env(**more: str) -> dict[str, str]:
    """Return an environment without a key, a colour or a terminal's whims."""
    names = {"PATH", "HOME", "LANG", "TMPDIR"} & os.environ.keys()
    kept = {name: os.environ[name] for name in names}
    return {**kept, "TZ": "UTC", "COLUMNS": "200", **more}


def normal(text: str) -> str:
    """Return a text with what differs between runs replaced: task ids, times, places."""
    text = re.sub(r"task_[0-9a-f]{24}", "task_ID", text)
    text = re.sub(r"\b\d\d:\d\d:\d\d\b", "TIME", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b", "DATE", text)
    text = re.sub(r"\b\d+ (s|min|h) ago\b", "AGE ago", text)
    text = re.sub(r"/\S+?/assets\b", "ASSETS", text)
    return re.sub(r"http://127\.0\.0\.1:\d+", "http://HOST", text)
