"""One run at a time; the lock names its holder and dies with it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ExitCode, LockedError, StateError
from reconciler.state.lock import Holder, RunLock, holder

_HOLDING = """
import sys
from pathlib import Path
from reconciler.state.lock import RunLock
sys.argv = ["/usr/bin/reconcile", "apply", "a b"]
lock = RunLock(Path({path!r}))
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held_elsewhere(path: Path, code: str = _HOLDING) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock; it gives it back when its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", code.format(path=str(path))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_second_run_is_told_who_holds_the_project(tmp_path: Path) -> None:
    """With process, host, command and time; and an exit code of its own."""
    path = tmp_path / "run.lock"
    with held_elsewhere(path) as process:
        with pytest.raises(LockedError) as caught:
            RunLock(path).acquire()
        who = holder(path)
        assert who is not None
        assert who.pid == process.pid
        assert who.command == "reconcile apply 'a b'"
        assert who.since is not None
        since = who.since.astimezone()
        assert caught.value.summary == (
            f"another run holds this project: pid {process.pid} on {who.host},"
            f" `reconcile apply 'a b'`, since {since:%H:%M:%S}"
        )
        assert caught.value.exit_code is ExitCode.LOCKED
        assert caught.value.hint


def test_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    """After kill -9 the file still tells of the dead run, but nobody holds it."""
    path = tmp_path / "run.lock"
    with held_elsewhere(path) as process:
        process.kill()
        process.wait()
        assert json.loads(path.read_text())["pid"] == process.pid
        assert holder(path) is None
        with RunLock(path):
            assert holder(path) is not None


def test_it_is_free_after_release_and_says_nothing_then(tmp_path: Path) -> None:
    """Releasing twice is fine; the file stays, or a waiting process could lock a deleted one."""
    path = tmp_path / "state" / "run.lock"
    lock = RunLock(path)
    with lock:
        assert holder(path) == holder(path)
        assert holder(path) is not None
        with pytest.raises(LockedError, match=f"pid {os.getpid()} "):
            RunLock(path).acquire()
    lock.release()
    assert holder(path) is None
    assert path.read_text() == ""


def test_no_file_means_no_run_and_looking_makes_none(tmp_path: Path) -> None:
    """Plan and status look; they never write."""
    assert holder(tmp_path / "state" / "run.lock") is None
    assert list(tmp_path.iterdir()) == []


@given(
    st.binary(max_size=50) | st.sampled_from([b"[]", b"null", b'{"pid": "x"}', b'{"pid": 1e999}'])
)
def test_garbage_in_the_file_is_an_unknown_holder(garbage: bytes) -> None:
    """What the file says is for people; the lock itself is the system's."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.lock"
        path.write_bytes(garbage)
        assert holder(path) is None
        with RunLock(path):
            path.write_bytes(garbage)
            assert holder(path) == Holder()
            with pytest.raises(LockedError, match="unknown process"):
                RunLock(path).acquire()


_HOLDING_WITH_CHILD = """
import subprocess, sys
from pathlib import Path
from reconciler.state.lock import RunLock
RunLock(Path({path!r})).acquire()
child = [sys.executable, "-c", "print('held', flush=True); input()"]
subprocess.run(child, close_fds=False)
"""


def test_a_child_program_does_not_inherit_the_lock(tmp_path: Path) -> None:
    """A viewer or an editor that a run started must not keep the project locked after it died."""
    path = tmp_path / "run.lock"
    with held_elsewhere(path, _HOLDING_WITH_CHILD) as process:
        assert holder(path) is not None
        process.kill()
        process.wait()
        assert holder(path) is None


def test_a_released_lock_is_free_though_a_forked_child_has_it_open(tmp_path: Path) -> None:
    """Closing the file would not be enough: the child has the same one."""
    path = tmp_path / "run.lock"
    lock = RunLock(path)
    lock.acquire()
    assert lock._descriptor is not None
    twin = os.dup(lock._descriptor)
    lock.release()
    assert holder(path) is None
    os.close(twin)


def test_looking_never_keeps_a_run_from_starting(tmp_path: Path) -> None:
    """Many plans beside one apply: `holder` has the lock for a moment, acquiring outlasts it."""
    path = tmp_path / "run.lock"
    with RunLock(path):
        pass
    stop = False

    def look() -> None:
        while not stop:
            holder(path)

    with ThreadPoolExecutor(4) as pool:
        lookers = [pool.submit(look) for _ in range(3)]
        try:
            for _ in range(100):
                with RunLock(path):
                    pass
        finally:
            stop = True
        for looker in lookers:
            looker.result()


def test_a_path_that_cannot_be_a_lock_is_told(tmp_path: Path) -> None:
    """No OSError comes out."""
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="run lock cannot be used"):
        RunLock(tmp_path / "file" / "run.lock").acquire()
    with pytest.raises(StateError, match="run lock cannot be used"):
        RunLock(tmp_path).acquire()
    with pytest.raises(StateError, match="run lock cannot be used"):
        holder(tmp_path / "file" / "run.lock")


def test_a_holder_reads_like_a_sentence() -> None:
    """The words that stand behind `another run holds this project:`."""
    since = datetime(2026, 1, 2, 12, 3, 10, tzinfo=UTC)
    who = Holder(123, "host", "reconcile apply", since)
    assert str(who) == f"pid 123 on host, `reconcile apply`, since {since.astimezone():%H:%M:%S}"
    assert str(Holder()) == "unknown process"
