"""Everything that can happen to a download. It is paid for: nothing here may buy it again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from engine_kit import Parts, World, image, vary

from reconciler.engine.channel import Channel
from reconciler.engine.outcome import Ending
from reconciler.ids import TaskId
from reconciler.plan.actions import Reason, Verb
from reconciler.providers.protocol import Finished, TaskState
from reconciler.purchase import Phase
from reconciler.sandbox.faults import (
    Action,
    Corrupt,
    Delay,
    DropBefore,
    Huge,
    NotAPicture,
    Place,
    Slow,
    Status,
    Truncate,
)


def world_of(folder: Path, **settings: Any) -> World:
    """Return the owl, its variant, and the fox."""
    return World(folder, image("owl"), vary("dusk", "owl"), image("fox"), **settings)


PASSING = [
    (Status(404), 4),
    (Status(410), 4),
    (Status(403), 4),
    (Status(500), 3),
    (Status(503), 3),
    (DropBefore(), 3),
    (Truncate(0.5), 3),
    (Truncate(0.0), 3),
    (NotAPicture(), 3),
    (Corrupt(), 3),
    (Delay(200.0), 2),
]


def name(value: object) -> str:
    """Return a fault's name for the test's."""
    return getattr(value, "name", "") + str(getattr(value, "status", ""))


@pytest.mark.parametrize(("fault", "times"), PASSING, ids=name)
def test_trouble_that_passes_changes_nothing(tmp_path: Path, fault: Action, times: int) -> None:
    """A few tries, and for a link that seems dead one question for a new one, bring it home."""
    world = world_of(tmp_path)
    world.order(Place.DOWNLOAD, fault, prompt_contains="owl", times=times)
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert {world.owned_pictures(one) for one in ("owl", "dusk", "fox")} == {4}
    assert set(world.charges().values()) == {1}


LASTING = [
    Status(404),
    Status(410),
    Status(403),
    Status(500),
    DropBefore(),
    Truncate(0.5),
    NotAPicture(),
    Corrupt(),
    Huge(megabytes=300),
    Delay(200.0),
]


@pytest.mark.parametrize("fault", LASTING, ids=name)
def test_trouble_that_lasts_loses_nothing(tmp_path: Path, fault: Action) -> None:
    """What could not be fetched stays paid; the next run fetches it and buys nothing twice."""
    world = world_of(tmp_path)
    world.order(Place.DOWNLOAD, fault, prompt_contains="owl", times=None)
    run = world.apply()
    assert (run.ending("owl"), run.ending("dusk")) == (Ending.NOT_DOWNLOADED, Ending.BLOCKED)
    assert run.ending("fox") is Ending.DONE
    assert world.phase("owl") is Phase.SUCCEEDED
    assert run.outcome("owl").hint
    planned = world.action("owl")
    assert planned is not None
    assert (planned.verb, planned.reason) == (Verb.FETCH, Reason.NOT_DOWNLOADED)
    assert list((tmp_path / "assets" / ".objects" / "tmp").iterdir()) == []
    world.calm()
    assert set(world.apply().endings().values()) == {Ending.DONE}
    assert set(world.charges().values()) == {1}
    assert world.plan().actions == ()


def test_one_bad_picture_does_not_keep_its_siblings_away(tmp_path: Path) -> None:
    """Three of four are stored at once; only the fourth is fetched by the next run."""
    world = World(tmp_path, image("owl"))
    world.order(Place.DOWNLOAD, Status(404))
    world.order(Place.DOWNLOAD, Status(404), after=4, times=None)
    assert world.apply().ending("owl") is Ending.NOT_DOWNLOADED
    assert world.owned_pictures("owl") == 3
    world.calm()
    downloads = world.sandbox.requests()["download"]
    assert world.apply().ending("owl") is Ending.DONE
    assert world.sandbox.requests()["download"] == downloads + 1


class Forgetful(Channel):
    """An API that names the first candidate's link only once."""

    async def look(self, task_id: TaskId, due: float | None = None) -> TaskState:
        """Ask, and lose a link when it is not the first success."""
        answer = await super().look(task_id, due)
        if isinstance(answer, Finished) and task_id in self._told:
            return replace(answer, urls=(None, *answer.urls[1:]))
        if isinstance(answer, Finished):
            self._told.add(task_id)
        return answer

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._told: set[TaskId] = set()


def test_new_links_never_make_us_forget_a_picture(tmp_path: Path) -> None:
    """The answer to the second question lacks one: it stays owed, and comes with the next run."""
    world = World(tmp_path, image("owl"), parts=Parts(channel=Forgetful))
    world.order(Place.DOWNLOAD, Status(404))
    world.order(Place.DOWNLOAD, Status(404), after=4, times=None)
    assert world.apply().ending("owl") is Ending.NOT_DOWNLOADED
    world.calm()
    assert [one.number for one in world.purchase("owl").candidates] == [1, 2, 3, 4]
    assert world.apply().ending("owl") is Ending.DONE
    assert world.owned_pictures("owl") == 4
    assert world.plan().actions == ()


def test_a_link_that_dies_before_its_time_is_not_given_up(tmp_path: Path) -> None:
    """A file server that is late, or a proxy in the way, must not cost a picture that is paid."""
    world = world_of(tmp_path)
    world.order(Place.DOWNLOAD, Status(404), prompt_contains="owl", times=None)
    for _ in range(3):
        world.apply()
        world.sleep(3600)
    world.calm()
    assert world.apply().ending("owl") is Ending.DONE
    assert world.owned_pictures("owl") == 4


def test_a_link_that_has_expired_is_not_bought_again_by_itself(tmp_path: Path) -> None:
    """Asked for once more and gone indeed: the plan says so, with the price of a new take."""
    world = world_of(tmp_path)
    world.order(Place.DOWNLOAD, Status(500), prompt_contains="owl", times=None)
    world.apply()
    world.calm()
    world.sleep(25 * 3600)
    run = world.apply()
    assert run.ending("owl") is Ending.NOT_DOWNLOADED
    planned = world.action("owl")
    assert planned is not None
    assert (planned.verb, planned.reason) == (Verb.BLOCKED, Reason.BYTES_GONE)
    sent = len(world.visits)
    world.apply()
    assert world.charged("owl") == 1
    assert not [one for one in world.visits[sent:] if one.about == world.purchase("owl").task_id]


def test_bytes_that_vanished_are_fetched_again(tmp_path: Path) -> None:
    """A deleted object comes back for free while its link lives."""
    world = world_of(tmp_path)
    world.apply()
    picture = world.purchase("owl").candidates[2].picture
    assert picture is not None
    next((tmp_path / "assets").rglob(picture.digest)).unlink()
    planned = world.action("owl")
    assert planned is not None
    assert (planned.verb, planned.reason) == (Verb.FETCH, Reason.BYTES_MISSING)
    downloads = world.sandbox.requests()["download"]
    assert world.apply().endings() == {"owl": Ending.DONE}
    assert world.sandbox.requests()["download"] == downloads + 1
    assert world.plan().actions == ()


def test_a_download_that_never_ends_is_given_up(tmp_path: Path) -> None:
    """A host that sends a few bytes now and then holds neither the run nor the others for ever."""
    world = world_of(tmp_path, long_side=160)
    world.timeout = httpx.Timeout(None)
    world.order(Place.DOWNLOAD, Slow(1), prompt_contains="owl")
    run = world.apply()
    assert run.ending("owl") is Ending.NOT_DOWNLOADED
    assert "end" in run.outcome("owl").detail
    assert run.ending("fox") is Ending.DONE
    assert 900 < run.took < 1000
    assert world.owned_pictures("owl") == 3


def test_a_slow_download_is_waited_for(tmp_path: Path) -> None:
    """Slow is not broken: what arrives in the end is kept."""
    world = world_of(tmp_path)
    world.timeout = httpx.Timeout(None)
    world.order(Place.DOWNLOAD, Slow(30), prompt_contains="owl")
    run = world.apply()
    assert set(run.endings().values()) == {Ending.DONE}
    assert run.took > 60


def test_downloads_carry_no_key(tmp_path: Path) -> None:
    """Not even after a new link had to be asked for."""
    world = world_of(tmp_path)
    world.order(Place.DOWNLOAD, Status(404), times=3)
    world.apply()
    assert world.sandbox.leaks() == []
