"""Our own disk fails in the middle: the run ends with that error, and nothing paid is forgotten."""

from datetime import datetime
from pathlib import Path

import pytest
from engine_kit import Parts, World, image, vary
from mortal import MortalObjects, MortalStore

from reconciler.engine.channel import Manner
from reconciler.engine.outcome import Ending
from reconciler.errors import AssetError, StateError
from reconciler.ids import Digest, RunId
from reconciler.plan.actions import Verb
from reconciler.purchase import Accepted, Delivered, Event, Phase, PictureStored, Purchase, Sending
from reconciler.sandbox.faults import Delay, Place


class FullStore(MortalStore):
    """A database on a disk that is full for some kind of event, from the n-th on."""

    kind: type[Event] = Accepted
    spared = 0

    def record(self, before: Purchase, event: Event, now: datetime, run: RunId) -> Purchase:
        """Write down, unless there is no room."""
        if isinstance(event, self.kind):
            if self.spared == 0:
                raise StateError("the disk is full", details=("SQLite says: full",), hint="free it")
            self.spared -= 1
        return super().record(before, event, now, run)


class FullForTheOwl(MortalStore):
    """A database that has no room for one answer, and then has room again."""

    def record(self, before: Purchase, event: Event, now: datetime, run: RunId) -> Purchase:
        """Write down, unless it is the owl's task id."""
        if isinstance(event, Accepted) and before.address == "owl":
            raise StateError("the disk is full")
        return super().record(before, event, now, run)


def full_at(event: type[Event], after: int = 0) -> Parts:
    """Return parts whose database is full for such events, after some of them."""

    class Full(FullStore):
        kind = event
        spared = after

    return Parts(store=Full)


class FullObjects(MortalObjects):
    """An asset folder without room."""

    def keep(self, part: Path, digest: Digest) -> None:
        """Refuse."""
        raise AssetError("cannot store a picture", details=(f"{part.name} {digest}",))


def repaired(world: World) -> World:
    """Return the same world, after somebody has made room."""
    world._parts = Parts()
    return world


def test_a_task_id_that_cannot_be_written_down_is_told(tmp_path: Path) -> None:
    """The error is all that knows of the purchase; the record says that it is in doubt."""
    world = World(tmp_path, image("owl"), parts=full_at(Accepted))
    with pytest.raises(StateError, match="owl was bought") as caught:
        world.apply()
    (task,) = world.sandbox.tasks()
    assert f"task id: {task['task_id']}" in caught.value.details
    assert "keep that task id" in (caught.value.hint or "")
    run = repaired(world).apply()
    assert [one.address for one in run.doubtful] == ["owl"]
    planned = world.action("owl")
    assert planned is not None
    assert planned.verb is Verb.RESOLVE
    assert world.charged("owl") == 1


@pytest.mark.parametrize("latencies", [(0.05, 0.0), (0.05, 3.0), (0.05, 50.0)])
def test_no_task_id_is_lost_when_several_answers_arrive(
    tmp_path: Path, latencies: tuple[float, float]
) -> None:
    """Not even when the second one arrives long after the disk was found full."""
    world = World(tmp_path, image("owl"), image("fox"), image("cat"), parts=full_at(Accepted))
    world.latency, late = latencies
    world.order(Place.SUBMIT, Delay(late), prompt_contains="fox")
    with pytest.raises(StateError) as caught:
        world.apply()
    text = "\n".join(caught.value.details)
    assert all(str(one["task_id"]) in text for one in world.sandbox.tasks())
    assert all(name in f"{caught.value}{text}" for name in ("owl", "fox", "cat"))
    assert len(repaired(world).apply().doubtful) == 3
    assert set(world.charges().values()) == {1}


def test_a_full_disk_lets_answers_on_their_way_arrive(tmp_path: Path) -> None:
    """One job's trouble makes no doubts of the others: their task ids are waited for."""
    world = World(tmp_path, image("owl"), image("fox"), parts=Parts(store=FullForTheOwl))
    world.order(Place.SUBMIT, Delay(30.0), prompt_contains="fox")
    with pytest.raises(StateError, match="owl was bought"):
        world.apply()
    assert world.phase("fox") is Phase.SUBMITTED
    assert world.seconds() > 30
    run = repaired(world).apply()
    assert run.ending("fox") is Ending.DONE
    assert set(world.charges().values()) == {1}


def test_a_stop_does_not_wait_for_the_disk_to_be_told(tmp_path: Path) -> None:
    """Ctrl-C while answers are waited for after a full disk: out within a second all the same."""
    world = World(tmp_path, image("owl"), image("fox"), parts=full_at(Accepted))
    world.order(Place.SUBMIT, Delay(50.0), prompt_contains="fox")
    with pytest.raises(StateError, match="owl was bought"):
        world.apply(stop_at=5)
    assert world.seconds() <= 6


@pytest.mark.parametrize("event", [Sending, Delivered, PictureStored])
@pytest.mark.parametrize("after", [0, 1])
def test_a_full_disk_at_any_step_forgets_nothing(
    tmp_path: Path, event: type[Event], after: int
) -> None:
    """The run ends with the error itself; with room again the next run brings everything home."""
    world = World(tmp_path, image("owl"), image("fox"), vary("dusk", "owl"))
    world._parts = full_at(event, after)
    with pytest.raises(StateError, match=r"^the disk is full$"):
        world.apply()
    run = repaired(world).apply()
    for one in world.attempts():
        assert one.phase in (Phase.STORED, Phase.CANCELLED, Phase.IN_DOUBT)
    assert len(run.doubtful) <= 1
    assert set(world.charges().values()) == {1}


def test_an_asset_folder_without_room_ends_the_run(tmp_path: Path) -> None:
    """Tasks in flight stay on record by their ids; later everything is fetched and charged once."""
    world = World(tmp_path, *(image(f"i{n}") for n in range(4)), manner=Manner(3, 10))
    world._parts = Parts(objects=FullObjects)
    with pytest.raises(AssetError, match="cannot store a picture"):
        world.apply()
    assert {one.phase for one in world.attempts()} <= {Phase.SUBMITTED, Phase.SUCCEEDED}
    assert set(repaired(world).apply().endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


class NoViews(MortalStore):
    """A database that cannot remember what is shown."""

    def set_view(self, *_views: object, **_rest: object) -> None:
        """Fail."""
        raise StateError("the disk is full")


def test_a_view_that_cannot_be_recorded_ends_the_run_after_the_bytes_are_safe(
    tmp_path: Path,
) -> None:
    """The picture is stored before its name is; the next run only writes names."""
    world = World(tmp_path, image("owl"), parts=Parts(store=NoViews))
    with pytest.raises(StateError, match="the disk is full"):
        world.apply()
    assert world.owned_pictures("owl") == 4
    planned = world.action("owl")
    assert planned is not None
    assert planned.verb is Verb.ADOPT
    requests = len(world.visits)
    assert repaired(world).apply().endings() == {"owl": Ending.DONE}
    assert len(world.visits) == requests


def test_names_written_on_the_spot_fail_like_everything_else(tmp_path: Path) -> None:
    """A local action's error ends the run in order too: what is in flight stays on record."""
    world = World(tmp_path, image("owl"), parts=Parts(store=NoViews))
    with pytest.raises(StateError):
        world.apply()
    world.resources |= {one.address: one for one in (image("fox"),)}
    with pytest.raises(StateError, match=r"^the disk is full$"):
        world.apply()
    assert set(repaired(world).apply().endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}


@pytest.mark.parametrize("name", ["owl.png", "owl.1.png"])
def test_a_foreign_file_in_a_views_place_is_left_alone(tmp_path: Path, name: str) -> None:
    """The picture is stored, its name is not written over a person's file, variants go on."""
    resource = image("owl", pick=1)
    world = World(tmp_path, resource, vary("dusk", "owl"))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / name).write_text("mine")
    run = world.apply()
    assert run.endings() == {"owl": Ending.NOT_SHOWN, "dusk": Ending.DONE}
    assert (tmp_path / "assets" / name).read_text() == "mine"
    assert world.owned_pictures("owl") == 4
