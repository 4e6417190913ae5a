"""The machine around a run: another process at its database, a disk that is full, clocks, sleep."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from engine_kit import Parts, World, image, vary
from mortal import MortalDatabase, MortalStore

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.errors import ExitCode, StateError
from reconciler.ids import RunId
from reconciler.money import MicroUsd
from reconciler.plan.actions import Verb
from reconciler.purchase import Abandoned, Attached, Phase, Purchase
from reconciler.sandbox.faults import Delay, DropAfter, DropBefore, Place
from reconciler.state.store import Limits, Store

PRICE = 200_000
DAY = 86_400.0
MONTH = 31 * DAY
SETTLED = {Phase.STORED, Phase.CANCELLED, Phase.SUBMITTED, Phase.SUCCEEDED}


class Reachable(MortalStore):
    """A store whose database a test can reach while a run uses it."""

    current: "Reachable"

    def __init__(self, database: MortalDatabase) -> None:
        super().__init__(database)
        type(self).current = self

    @classmethod
    def pragma(cls, words: str) -> Callable[[], None]:
        """Return something that changes a setting of the open database."""
        return lambda: _pragma(cls.current._database, words)


def _pragma(database: object, words: str) -> None:
    assert isinstance(database, MortalDatabase)
    database._db.execute(f"PRAGMA {words}").fetchall()


REACHABLE = Parts(store=Reachable)
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("holding", flush=True)
sys.stdin.readline()
"""


class OtherProcess:
    """Another program that keeps the database locked until it is told to go."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[str] | None = None

    def hold(self) -> None:
        """Take the lock, for real."""
        command = [sys.executable, "-c", HOLDER, str(self._path)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "holding\n"

    def go(self) -> None:
        """End, and let the lock go."""
        if self._process is not None:
            self._process.communicate("\n")


@contextmanager
def other_process(world: World) -> Iterator[OtherProcess]:
    """Have another program at hand."""
    other = OtherProcess(world.folder / "state.db")
    try:
        yield other
    finally:
        other.go()


def brought_home(world: World) -> None:
    """With everything in order again, one run brings home all that was paid, and pays no more."""
    world._parts = Parts()
    run = world.apply()
    assert {one.phase for one in world.attempts()} <= {
        Phase.STORED,
        Phase.CANCELLED,
        Phase.IN_DOUBT,
    }
    assert len(run.doubtful) <= 1
    assert set(world.charges().values()) == {1}


@pytest.mark.parametrize("moment", [0.0, 0.02, 25.0, 35.0])
def test_a_database_that_another_process_locks_ends_the_run(tmp_path: Path, moment: float) -> None:
    """Before the intent, before the answer, before the links: it says so and forgets nothing."""
    world = World(tmp_path, image("owl"), image("fox"), vary("dusk", "owl"), parts=REACHABLE)
    impatient = Reachable.pragma("busy_timeout = 30")
    with other_process(world) as other:
        with pytest.raises(StateError) as caught:
            world.apply(meanwhile=((moment, impatient), (moment, other.hold)))
        assert "another process keeps the database busy" in f"{caught.value} {caught.value.details}"
    tasks = {str(one["task_id"]) for one in world.sandbox.tasks()}
    known = {one.task_id for one in world.attempts()}
    told = " ".join([str(caught.value), *caught.value.details])
    assert all(task in known or task in told for task in tasks)
    world._parts = Parts()
    again = world.apply()
    assert set(world.charges().values()) == {1}
    assert {one.address for one in again.doubtful} == {
        one.address for one in world.attempts() if one.phase is Phase.IN_DOUBT
    }


def test_a_short_lock_is_waited_for(tmp_path: Path) -> None:
    """Another program that looks into the database for a moment harms nothing."""
    world = World(tmp_path, image("owl"))
    other = OtherProcess(world.folder / "state.db")

    def hold_shortly() -> None:
        other.hold()
        assert other._process is not None
        assert other._process.stdin is not None
        other._process.stdin.write("\n")  # it ends while the engine is already waiting
        other._process.stdin.flush()

    run = world.apply(meanwhile=((10.0, hold_shortly),))
    other.go()
    assert run.ending("owl") is Ending.DONE


@pytest.mark.parametrize("moment", [10.0, 35.0, 70.0])
def test_a_state_that_becomes_read_only_ends_the_run(tmp_path: Path, moment: float) -> None:
    """What is in flight is on record, and is brought home when it can be written again."""
    world = World(
        tmp_path, image("owl"), image("fox"), image("cat"), manner=Manner(1, 5), parts=REACHABLE
    )
    with pytest.raises(StateError, match="cannot be written"):
        world.apply(meanwhile=((moment, Reachable.pragma("query_only = ON")),))
    assert {one.phase for one in world.attempts()} <= SETTLED
    brought_home(world)


def test_a_disk_that_fills_up_ends_the_run(tmp_path: Path) -> None:
    """The database cannot grow any more: the run says so, and later all is bought once."""
    images = [image(f"i{n:02}") for n in range(30)]
    world = World(tmp_path, *images, manner=Manner(20, 50), parts=REACHABLE)
    with pytest.raises(StateError) as caught:
        world.apply(meanwhile=((1.0, Reachable.pragma("max_page_count = 1")),))
    assert "the disk is full" in f"{caught.value} {caught.value.details}"
    assert 0 < world.charges().total() < 30
    brought_home(world)


class FullForIntents(MortalStore):
    """A database without room for one more intent, from the second one on."""

    def intend(
        self,
        purchase: Purchase,
        limits: Limits,
        run: RunId,
        *,
        instead_of: Purchase | None = None,
    ) -> None:
        """Write down, unless there is no room."""
        if purchase.address != "owl":
            raise StateError("the disk is full")
        super().intend(purchase, limits, run, instead_of=instead_of)


def test_without_room_for_the_intent_nothing_is_sent(tmp_path: Path) -> None:
    """The request would be bought and forgotten; what was sent before is on record."""
    world = World(tmp_path, image("owl"), image("fox"), parts=Parts(store=FullForIntents))
    with pytest.raises(StateError, match="the disk is full"):
        world.apply()
    assert [one.about for one in world.submissions()] == ["owl"]
    assert world.phase("owl") is Phase.SUBMITTED
    brought_home(world)


FIVE = MicroUsd(5 * PRICE)
BUDGETS = [Limits(per_run=FIVE), Limits(per_day=FIVE), Limits(per_month=FIVE)]


@pytest.mark.parametrize("jump", [-MONTH, -DAY])
@pytest.mark.parametrize("budget", BUDGETS, ids=["run", "day", "month"])
def test_a_clock_set_back_in_the_middle_widens_no_budget(
    tmp_path: Path, budget: Limits, jump: float
) -> None:
    """Five of eight can be paid, before the jump and after it together; nothing is forgotten."""
    images = [image(f"i{n}") for n in range(8)]
    world = World(tmp_path, *images, manner=Manner(2, 50))

    def set_back() -> None:
        world.clock_error = jump

    run = world.apply(limits=budget, meanwhile=((70.0, set_back),))
    endings = list(run.endings().values())
    assert (endings.count(Ending.DONE), endings.count(Ending.OVER_BUDGET)) == (5, 3)
    assert {one.phase for one in world.attempts()} == {Phase.STORED}
    world.clock_error = 0.0
    if budget.per_run is None:
        assert set(world.apply(limits=budget).endings().values()) == {Ending.OVER_BUDGET}
    assert world.charges().total() == 5
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


@pytest.mark.parametrize("jump", [-MONTH, MONTH])
@pytest.mark.parametrize("moment", [0.05, 10.0, 40.0])
def test_a_clock_that_jumps_at_any_moment_changes_no_rhythm(
    tmp_path: Path, jump: float, moment: float
) -> None:
    """Waits are measured by a clock that nobody sets: the run takes as long as any other."""
    world = World(tmp_path, image("owl"), vary("dusk", "owl"))

    def jumps() -> None:
        world.clock_error = jump

    run = world.apply(meanwhile=((moment, jumps),))
    assert set(run.endings().values()) == {Ending.DONE}
    assert run.took < 150
    assert world.plan().actions == ()


def sleeping(world: World, days: int = 1, *, timers: bool) -> Callable[[], None]:
    """Return a day of sleep: on some machines the timers run on meanwhile, on others they stop."""
    seconds = days * DAY

    def sleep() -> None:
        loop = world._loop
        assert loop is not None
        if timers:
            loop.setup_looptime(start=loop.time() + seconds, end=loop.time() + 10 * DAY)
        else:
            world.asleep += seconds

    return sleep


@pytest.mark.parametrize("timers", [True, False])
@pytest.mark.parametrize("moment", [5.0, 21.0, 30.1, 40.0])
def test_a_day_of_sleep_loses_nothing(tmp_path: Path, moment: float, *, timers: bool) -> None:
    """Every poll is overdue and every link may be dead: all that can be had is brought home."""
    world = World(
        tmp_path,
        *(image(f"i{n}") for n in range(4)),
        link_lifetime=timedelta(days=3),
        manner=Manner(60, 10, polls_count=True),
    )
    run = world.apply(meanwhile=((moment, sleeping(world, timers=timers)),))
    assert set(run.endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}
    assert run.took < 2 * DAY


def test_links_that_died_during_sleep_are_told_and_not_bought_again(tmp_path: Path) -> None:
    """They live for a day. No clock is believed once: the second run that finds them dead says that
    it was paid and is gone, which a person must decide about."""
    world = World(tmp_path, image("owl"), link_lifetime=timedelta(hours=1))
    run = world.apply(meanwhile=((10.0, sleeping(world, 2, timers=False)),))
    assert run.ending("owl") is Ending.NOT_DOWNLOADED
    assert "it is paid: run apply again" in run.outcome("owl").hint
    assert "its link should have died at" in run.outcome("owl").hint
    assert "it was paid, but nobody serves it any more" in world.apply().outcome("owl").hint
    planned = world.action("owl")
    assert planned is not None
    assert planned.verb is Verb.BLOCKED
    world.apply()
    assert world.charged("owl") == 1


@pytest.mark.parametrize(("timers", "fault"), [(True, Delay(90.0)), (False, DropAfter())])
def test_an_answer_lost_in_sleep_is_a_doubt(
    tmp_path: Path, fault: Delay | DropAfter, *, timers: bool
) -> None:
    """The request was accepted and its answer never read: never sent again, all others go on."""
    world = World(tmp_path, image("owl"), image("fox"))
    world.order(Place.SUBMIT, fault, prompt_contains="owl")
    world.order(Place.STATUS, DropBefore(), times=2)
    run = world.apply(meanwhile=((0.2, sleeping(world, timers=timers)),))
    assert run.endings() == {"owl": Ending.IN_DOUBT, "fox": Ending.DONE}
    assert run.result.exit_code() is ExitCode.IN_DOUBT
    world.calm()
    world.apply()
    assert set(world.charges().values()) == {1}


def test_a_stop_with_slow_answers_tells_what_is_in_flight(tmp_path: Path) -> None:
    """Out within a second, whatever is awaited: paid tasks are named, a doubt has a way out."""
    world = World(tmp_path, image("owl"), image("fox"), image("cat"), manner=Manner(2, 5))
    world.order(Place.SUBMIT, Delay(50.0), prompt_contains="fox")
    world.order(Place.STATUS, Delay(50.0), times=None)
    run = world.apply(stop_at=25.0)
    assert run.took <= 26.0
    assert run.left_tasks == 0
    flying, doubtful = run.outcome("owl"), run.outcome("fox")
    assert flying.purchase is not None
    assert (flying.ending, flying.purchase.phase) == (Ending.INTERRUPTED, Phase.SUBMITTED)
    assert flying.purchase.task_id in {one["task_id"] for one in world.sandbox.tasks()}
    assert doubtful.ending is Ending.IN_DOUBT
    assert "`reconcile resolve fox`" in doubtful.hint
    assert "cat" not in {one.address for one in world.attempts()}


@pytest.mark.parametrize("given_up", [False, True])
def test_a_task_that_was_found_is_asked_for_at_once(tmp_path: Path, *, given_up: bool) -> None:
    """Nobody knows when it was submitted: it is overdue, and waited for like any other."""
    world = World(tmp_path, image("owl"))
    world.order(Place.SUBMIT, DropAfter())
    world.apply()
    (task,) = world.sandbox.tasks()
    with Store.open(tmp_path / "state.db") as store:
        purchase = world.purchase("owl")
        if given_up:
            purchase = store.record(purchase, Abandoned(), world.now(), RunId("hand"))
        found = Attached(task["task_id"])  # type: ignore[arg-type]
        store.record(purchase, found, world.now(), RunId("hand"))
    began = world.seconds()
    run = world.apply()
    assert run.ending("owl") is Ending.DONE
    assert world.polls(str(task["task_id"]))[0] - began < 0.01
    assert world.charged("owl") == 1


def test_what_cannot_be_written_down_can_be_attached_later(tmp_path: Path) -> None:
    """The error names the whole command."""
    world = World(tmp_path, image("owl"), parts=REACHABLE)
    with pytest.raises(StateError) as caught:
        world.apply(meanwhile=((0.05, Reachable.pragma("query_only = ON")),))
    (task,) = world.sandbox.tasks()
    assert f"`reconcile resolve owl --attach {task['task_id']}`" in (caught.value.hint or "")


def test_the_other_process_is_a_real_one(tmp_path: Path) -> None:
    """It does what these tests rely on: nobody else can write while it holds the lock."""
    world = World(tmp_path, image("owl"))
    world.apply()
    with other_process(world) as other:
        other.hold()
        connection = sqlite3.connect(tmp_path / "state.db", timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connection.execute("BEGIN IMMEDIATE")
        connection.close()
