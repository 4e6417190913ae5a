"""Opening: made, migrated and read as promised; whatever cannot be used is said in words."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlite_utils import Database
from state_examples import NOW, RUN, a_purchase

from reconciler.errors import StateError
from reconciler.ids import Address
from reconciler.purchase import Purchase, Sending
from reconciler.state.schema import STEPS
from reconciler.state.store import UNLIMITED, Store, ViewRecord
from reconciler.state.writable import migrate


def old_file(path: Path, version: int) -> Purchase:
    """Make the database that the program had after so many migrations, with one purchase in it."""
    with closing(Database(path, execute_plugins=False)) as db:
        migrate(db, STEPS[:version])
        one = a_purchase()
        db.execute(
            "INSERT INTO purchases (id, fingerprint, take, attempt, address, provider, canonical,"
            " price_micro_usd, phase, created_at, changed_at) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                one.id, one.fingerprint, 1, 1, one.address, one.provider, one.canonical,
                one.price, one.phase, NOW.isoformat(), NOW.isoformat(),
            ),
        )  # fmt: skip
    return one


def filled(path: Path) -> Purchase:
    """Make today's database with one purchase in it."""
    with Store.open(path) as store:
        one = a_purchase()
        store.intend(one, UNLIMITED, RUN)
        return one


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Assert that no file in the folder comes, goes or changes."""
    before = _content(folder)
    yield
    assert _content(folder) == before


def _content(folder: Path) -> dict[str, tuple[bytes, int]]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def crashed(path: Path) -> None:
    """Leave what kill -9 leaves: a database whose last commits are in its journal only."""
    code = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from test_state_opening import filled, Store, a_purchase, UNLIMITED, RUN\n"
        "store = Store.open(Path(sys.argv[1])); store.intend(a_purchase(), UNLIMITED, RUN)\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path), str(Path(__file__).parent)], check=False)
    assert path.with_name(path.name + "-wal").stat().st_size > 0


def test_folders_and_tables_are_made_when_writing(tmp_path: Path) -> None:
    """A fresh clone has neither; settings that promise durability are on."""
    path = tmp_path / "a" / "b" / "c.db"
    with Store.open(path) as store:
        settings = ("journal_mode", "synchronous", "foreign_keys")
        found = [
            store._database.ask(lambda db, name=name: db.execute(f"PRAGMA {name}").fetchone()[0])  # type: ignore[misc]
            for name in settings
        ]
    assert found == ["wal", 2, 1]
    assert path.is_file()


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_every_older_file_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    """What it held is still there, and everything of today works on it."""
    path = tmp_path / "a.db"
    one = old_file(path, version)
    with Store.open(path) as store:
        assert store.purchase(one.id) == one
        store.record(one, Sending(), NOW, RUN)
        store.start_run(RUN, NOW)
        store.set_view(
            ViewRecord(one.address, one.id, one.fingerprint, 1, None, {}), now=NOW, run=RUN
        )
    with Store.open(path) as store:
        assert list(store.views()) == [one.address]


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_reading_an_older_file_leaves_it_as_old_as_it_is(tmp_path: Path, version: int) -> None:
    """Reading never writes, not even a migration."""
    path = tmp_path / "a.db"
    one = old_file(path, version)
    with unchanged(tmp_path), Store.open(path, read_only=True) as store:
        assert store.latest() == {one.key: one}
        assert store.log() == ()


def test_an_empty_file_is_an_empty_store(tmp_path: Path) -> None:
    """`touch` makes such a file."""
    path = tmp_path / "a.db"
    path.touch()
    with unchanged(tmp_path), Store.open(path, read_only=True) as store:
        assert store.latest() == {}
    filled(path)


def test_reading_where_nothing_is_makes_nothing(tmp_path: Path) -> None:
    """And once somebody made it, the same store sees it."""
    path = tmp_path / "state" / "a.db"
    with Store.open(path, read_only=True) as store:
        assert store.latest() == {}
        assert store.views() == {}
        assert store.purchase(a_purchase().id) is None
        assert list(tmp_path.iterdir()) == []
        one = filled(path)
        assert store.latest() == {one.key: one}


def test_reading_a_closed_database_leaves_no_files(tmp_path: Path) -> None:
    """SQLite's own read-only mode would leave two files beside it."""
    one = filled(tmp_path / "a.db")
    with unchanged(tmp_path), Store.open(tmp_path / "a.db", read_only=True) as store:
        assert store.latest() == {one.key: one}
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_reading_beside_a_live_run_sees_its_last_commit(tmp_path: Path) -> None:
    """Plan and status work while apply runs, and disturb nothing."""
    path = tmp_path / "a.db"
    one = filled(path)
    with Store.open(path) as writer:
        one = writer.record(one, Sending(), NOW, RUN)
        with Store.open(path, read_only=True) as reader:
            assert reader.latest() == {one.key: one}
            writer.intend(a_purchase(2), UNLIMITED, RUN)
            assert len(reader.latest()) == 2
            writer.close()
            assert len(reader.latest()) == 2
    with Store.open(path, read_only=True) as reader:
        assert len(reader.latest()) == 2


def test_reading_sees_a_run_that_came_and_went_meanwhile(tmp_path: Path) -> None:
    """A file that nobody wrote when it was opened is not trusted to stay like that."""
    path = tmp_path / "a.db"
    one = filled(path)
    with Store.open(path, read_only=True) as reader:
        assert len(reader.latest()) == 1
        with Store.open(path) as writer:
            writer.intend(a_purchase(2), UNLIMITED, RUN)
            assert len(reader.latest()) == 2
        assert reader.latest()[one.key] == one


def test_an_answer_is_asked_for_again_when_the_file_changed_under_it(tmp_path: Path) -> None:
    """The first answer may be torn; it is thrown away."""
    path = tmp_path / "a.db"
    filled(path)
    answers: list[int] = []

    def question(connection: sqlite3.Connection) -> int:
        (count,) = connection.execute("SELECT count(*) FROM purchases").fetchone()
        if not answers:
            with Store.open(path) as writer:
                writer.intend(a_purchase(2), UNLIMITED, RUN)
        answers.append(count)
        return int(count)

    with Store.open(path, read_only=True) as reader:
        assert reader._database.ask(question) == 2
    assert answers == [1, 2]


_COMING_AND_GOING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from state_examples import a_purchase, RUN
from reconciler.state.store import UNLIMITED, Store
for number in range(1, 121):
    with Store.open(Path(sys.argv[1])) as store:
        store.intend(a_purchase(number), UNLIMITED, RUN)
"""


def test_reading_while_runs_come_and_go(tmp_path: Path) -> None:
    """Journals appear and vanish between any two steps of opening; no answer is torn or older."""
    path, here = tmp_path / "a.db", str(Path(__file__).parent)
    last = 0
    with subprocess.Popen([sys.executable, "-c", _COMING_AND_GOING, str(path), here]) as writer:
        while writer.poll() is None:
            with Store.open(path, read_only=True) as store:
                count, lines = len(store.latest()), len(store.log())
            assert last <= count <= lines
            last = count
    assert writer.returncode == 0
    with Store.open(path, read_only=True) as store:
        assert len(store.latest()) == 120


def test_reading_after_a_crash_needs_no_repair(tmp_path: Path) -> None:
    """The journal of a dead run is read, not replayed."""
    path = tmp_path / "a.db"
    crashed(path)
    with unchanged(tmp_path), Store.open(path, read_only=True) as store:
        assert len(store.latest()) == 1
    with Store.open(path) as store:
        assert len(store.latest()) == 1


def test_reading_a_copied_database_with_its_journal(tmp_path: Path) -> None:
    """A backup of a crashed state has no index file; it is read all the same, and left alone."""
    path = tmp_path / "a.db"
    crashed(path)
    path.with_name("a.db-shm").unlink()
    with unchanged(tmp_path), Store.open(path, read_only=True) as store:
        assert len(store.latest()) == 1


_AS_NOBODY = """
import os, sys
from pathlib import Path
from reconciler.errors import StateError
from reconciler.state.store import UNLIMITED, Store
import reconciler.state.writable
os.setgroups([]); os.setgid(65534); os.setuid(65534)
path = Path(sys.argv[1])
print(len(Store.open(path, read_only=True).latest()))
try:
    Store.open(path)
except StateError as error:
    print(error.summary)
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to become another")
@pytest.mark.parametrize("make", [filled, crashed])
def test_reading_where_writing_is_forbidden(make: Callable[[Path], object]) -> None:
    """A read-only checkout can be planned, with or without a journal; writing fails in words."""
    with TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        folder.chmod(0o755)
        make(folder / "a.db")
        with unchanged(folder):
            done = subprocess.run(
                [sys.executable, "-c", _AS_NOBODY, str(folder / "a.db")],
                check=True,
                capture_output=True,
                text=True,
            )
        assert done.stdout == f"1\nthe database cannot be written: {folder / 'a.db'}\n"


def test_a_store_for_reading_refuses_to_write(tmp_path: Path) -> None:
    """Not by accident of the file's permissions, but because it was asked for."""
    with (
        Store.open(tmp_path / "a.db", read_only=True) as store,
        pytest.raises(StateError, match="open for reading only"),
    ):
        store.note(RUN, "x", Address("a"), now=NOW)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_newer_schema_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    """A downgrade must not damage what the upgrade wrote."""
    path = tmp_path / "a.db"
    filled(path)
    with closing(Database(path, execute_plugins=False)) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('reconciler', '0099-from-the-future', '')"
        )
    with unchanged(tmp_path), pytest.raises(StateError, match="newer version") as caught:
        Store.open(path, read_only=read_only)
    assert caught.value.details == ("unknown here: 0099-from-the-future",)


@pytest.mark.parametrize("read_only", [True, False])
def test_another_programs_database_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    """A wrong path in reconciler.yaml must not add tables to somebody's data."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE addresses (name TEXT)")
    with unchanged(tmp_path), pytest.raises(StateError, match="belongs to another program"):
        Store.open(path, read_only=read_only)


@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_no_database_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    """Text, pictures, anything."""
    path = tmp_path / "a.db"
    path.write_text("images:\n  library: {prompt: a library}\n" * 100)
    with unchanged(tmp_path), pytest.raises(StateError, match="is no database"):
        Store.open(path, read_only=read_only)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_folder_or_a_file_as_parent_is_named(tmp_path: Path, read_only: bool) -> None:
    """What cannot be opened is told with its path."""
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be opened") as caught:
        Store.open(tmp_path, read_only=read_only)
    assert "the path is a folder, not a file" in caught.value.details
    with pytest.raises(StateError, match="cannot be opened"):
        Store.open(tmp_path / "file" / "a.db", read_only=read_only)


def test_damage_is_found_where_it_hurts_and_described(tmp_path: Path) -> None:
    """Checking every file at every start would cost more than it gives."""
    path = tmp_path / "a.db"
    with Store.open(path) as store:
        for number in range(200):
            store.intend(a_purchase(number), UNLIMITED, RUN)
    content = bytearray(path.read_bytes())
    for page in range(len(content) // 8192, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(content)
    with (
        pytest.raises(StateError, match="damaged") as caught,
        Store.open(path, read_only=True) as store,
    ):
        store.latest()
    assert any(line.startswith("check: ") for line in caught.value.details)


def test_a_failed_migration_leaves_the_older_file(tmp_path: Path) -> None:
    """All steps or none: half a schema would fit no version of the program."""
    path = tmp_path / "a.db"
    with closing(Database(path, execute_plugins=False)) as db:
        bad = STEPS[1]._replace(name="0002-bad", statements=("CREATE TABLE more (a)", "NONSENSE"))
        with pytest.raises(sqlite3.OperationalError):
            migrate(db, (STEPS[0], bad))
        assert "more" not in db.table_names()
        assert "purchases" not in db.table_names()


def test_closing_twice_is_fine_and_using_it_after_is_not(tmp_path: Path) -> None:
    """No error of sqlite3 comes out, not even for our own mistakes."""
    for read_only in (False, True):
        store = Store.open(tmp_path / "a.db", read_only=read_only)
        store.close()
        store.close()
        with pytest.raises(StateError, match="refused a statement"):
            store.latest()
