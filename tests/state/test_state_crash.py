"""`kill -9` at any moment: the database opens, and stands where the last finished step left it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from state_examples import NOW, PICTURE, RUN, a_purchase, booked

from reconciler.ids import CandidateNumber, RunId, TaskId
from reconciler.purchase import (
    Accepted,
    Delivered,
    Event,
    Phase,
    PictureStored,
    Purchase,
    Sending,
    advance,
)
from reconciler.state.store import UNLIMITED, Store

HERE = str(Path(__file__).parent)
LIFE: tuple[Event, ...] = (
    Sending(),
    Accepted(TaskId("t-1")),
    Delivered(("https://x/1", "https://x/2"), NOW, None),
    PictureStored(CandidateNumber(1), PICTURE),
    PictureStored(CandidateNumber(2), PICTURE),
)
MOMENTS = 60

# Each child dies right before its nth statement; one parent process forks them all.
_DYING = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import sqlite3
from state_examples import a_purchase, RUN, NOW
from test_state_crash import LIFE, MOMENTS
from reconciler.state.store import UNLIMITED, Store
import reconciler.state.writable

def live(path, moment):
    left = moment
    def count(statement):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
    connect = sqlite3.connect
    def traced(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(count)
        return connection
    sqlite3.connect = traced
    with Store.open(path) as store:
        one = a_purchase()
        store.intend(one, UNLIMITED, RUN)
        for number, event in enumerate(LIFE):
            path.with_suffix(".done").write_text(str(number))
            one = store.record(one, event, NOW, RUN)
        path.with_suffix(".done").write_text(str(len(LIFE)))

for moment in range(1, MOMENTS + 1):
    child = os.fork()
    if child == 0:
        live(Path(sys.argv[1]) / f"{moment}.db", moment)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_death_before_any_statement_leaves_a_finished_step(tmp_path: Path) -> None:
    """From the first PRAGMA of a new file to the last commit."""
    child = subprocess.run(
        [sys.executable, "-c", _DYING, str(tmp_path), HERE],
        check=True,
        capture_output=True,
        text=True,
    )
    codes = [int(line) for line in child.stdout.split()]
    assert codes.count(-signal.SIGKILL) > len(LIFE) * 5
    stages = _stages()
    for moment in range(1, MOMENTS + 1):
        path = tmp_path / f"{moment}.db"
        mark = path.with_suffix(".done")
        done = int(mark.read_text()) if mark.exists() else None
        with Store.open(path) as store:
            found = store.purchase(a_purchase().id)
            check = store._database.ask(lambda db: db.execute("PRAGMA quick_check").fetchone())
            lines, ledger = len(store.log()), booked(store)
        assert check == ("ok",)
        allowed = [None, stages[0]] if done is None else stages[done : done + 2]
        assert found in allowed
        assert ledger == ({} if found is None else {found.id: found.cost})
        assert lines == (0 if found is None else stages.index(found) + 1)


def _stages() -> list[Purchase]:
    stages = [a_purchase()]
    for event in LIFE:
        stages.append(advance(stages[-1], event, NOW))
    return stages


_BUSY = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from state_examples import a_purchase, RUN, NOW
from test_state_crash import LIFE
from reconciler.state.store import UNLIMITED, Store
with Store.open(Path(sys.argv[1])) as store:
    number = 0
    while True:
        number += 1
        one = a_purchase(number)
        store.intend(one, UNLIMITED, RUN)
        for event in LIFE:
            one = store.record(one, event, NOW, RUN)
            print(one.id, one.phase, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Every step that returned is there; recovery then doubts or withdraws the rest."""
    order = list(Phase)
    path = tmp_path / "a.db"
    with subprocess.Popen(
        [sys.executable, "-c", _BUSY, str(path), HERE], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        told = [child.stdout.readline().split() for _ in range(38)]
        child.kill()
        told += [line.split() for line in child.stdout if line.endswith("\n")]
    with Store.open(path) as store:
        found = {one.id: one for one in store.latest().values()}
        for intent, phase in told:
            assert order.index(found[intent].phase) >= order.index(Phase(phase))  # type: ignore[index]
        store.recover(RunId("run-2"), NOW)
        unsent = {Phase.INTENDED, Phase.SUBMITTING}
        assert not any(one.phase in unsent for one in store.latest().values())
        store.intend(a_purchase(10**6), UNLIMITED, RUN)
