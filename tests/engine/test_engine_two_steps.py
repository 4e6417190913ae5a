"""A task of two steps is one purchase: paid once, and finished by whoever comes next."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_kit import PLENTY, Parts, Run, World, at_apimart
from pictures_kit import picture
from virtual_time import Crash, Fate

from reconciler.assets.objects import ObjectStore
from reconciler.engine.channel import Channel
from reconciler.engine.outcome import Ending
from reconciler.ids import Address, Digest, TaskId
from reconciler.money import NOTHING
from reconciler.plan.actions import Reason, Verb
from reconciler.policy import FailureKind
from reconciler.providers.protocol import Awaiting, TaskState
from reconciler.purchase import Failure, Phase, TaskFailed
from reconciler.sandbox.faults import (
    Action,
    DropAfter,
    DropBefore,
    Garbage,
    Place,
    Status,
    StatusAfter,
)
from reconciler.spec.request import Imagine, Inpaint, Reference, Speed

LAMP = Address("library.lamp")
MASK = picture((32, 32), "black", box=((4, 4, 20, 20), "white"))
PAUSED, RESUMED = 4, 5
"""Which words about the purchase these are, after intended, sending and accepted."""
MODAL_REQUEST = 3
"""Which request the second step is, after the submission and a poll."""


def world(folder: Path, **settings: Any) -> World:
    """Return a project that owns all but the last thing that it asks for: a part painted anew."""
    made = World(folder, **settings)
    mask = made.file("mask.png", MASK)
    library = at_apimart("library", Imagine("library", version="7", speed=Speed.FAST))
    lamp = Inpaint(Reference(f"sha256:{mask.digest}"), "a lamp")
    repainted = at_apimart(LAMP, lamp, "library", 2, files=(mask,))
    made.resources = {one.address: one for one in (library, repainted)}
    made.refuses = lambda request: request.url.path.endswith("/inpaint")
    assert made.apply().ending(LAMP) is Ending.NOT_SENT
    made.calm()
    return made


def crash(made: World, **fate: Any) -> None:
    """Let the process die there."""
    with pytest.raises(Crash):
        made.apply(fate=Fate(**fate))


def assert_bought_once(made: World) -> None:
    """Assert that the pictures are there, and that they were paid once."""
    assert made.phase(LAMP) is Phase.STORED
    assert made.owned_pictures(LAMP) == 4
    assert charges(made) == 1
    assert made.plan().work() == ()


def kinds(made: World) -> list[str]:
    """Return what happened to the purchase, in the order of the record."""
    with made.archive() as archive:
        intent = made.purchase(LAMP).id
        events = [one.kind for one in archive.log(LAMP) if one.intent == intent]
    return [one for one in events if one not in ("picture_stored", "view_set")]


def charges(made: World) -> int:
    """Return how often the inpainting was charged, whatever the sandbox calls it by then."""
    return sum(n for name, n in made.charges().items() if name.startswith("INPAINT"))


def test_both_steps_are_one_purchase(tmp_path: Path) -> None:
    """One price, one intent, one task; the mask is given away before anything is bought."""
    made = world(tmp_path / "w")
    run = made.apply()

    assert run.ending(LAMP) is Ending.DONE
    assert_bought_once(made)
    assert kinds(made) == ["intended", "sending", "accepted", "paused", "resumed", "delivered"]
    assert len(made.sent(Place.UPLOAD)) == len(made.sent(Place.MODAL)) == 1
    assert made.sent(Place.UPLOAD)[0].at < made.submissions()[-1].at
    stages = [one.data["stage"] for _, one in run.diary.all("stage", LAMP)]
    assert stages[0] == "waits for its second step"


@pytest.mark.parametrize(
    "fate",
    [
        {"before_commit": PAUSED},
        {"after_commit": PAUSED},
        {"before_request": MODAL_REQUEST},
        {"after_request": MODAL_REQUEST},
        {"before_commit": RESUMED},
        {"after_commit": RESUMED},
    ],
    ids=lambda fate: "-".join(map(str, *fate.items())),
)
def test_a_crash_around_the_second_step(tmp_path: Path, fate: dict[str, int]) -> None:
    """Wherever the process dies, the next run goes on; the second step may be sent again."""
    made = world(tmp_path / "w")
    crash(made, **fate)
    assert made.purchase(LAMP).phase.is_in_flight
    submissions = len(made.submissions())

    run = made.apply()

    assert [one.verb for one in run.plan.work()] == [Verb.WAIT]
    assert_bought_once(made)
    assert len(made.submissions()) == submissions
    was_heard = "after_request" in fate or RESUMED in fate.values()
    assert len([one for one in made.sent(Place.MODAL) if one.run == made.runs]) == (not was_heard)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["before_commit", "after_commit", "before_write", "after_write"])
def test_a_crash_anywhere(tmp_path: Path, place: str) -> None:
    """At any word about the purchase: one charge, or a doubt that is never sent again."""
    for step in range(1, 30):
        made = world(tmp_path / f"{place}-{step}")
        try:
            made.apply(fate=Fate(**{place: step}))  # type: ignore[arg-type]
        except Crash:
            made.apply()
        assert charges(made) <= 1
        assert made.phase(LAMP) in (Phase.STORED, Phase.IN_DOUBT)


@pytest.mark.parametrize(
    ("misdeed", "sent"),
    [
        (DropBefore(), 2),
        (DropAfter(), 1),
        (Garbage(), 1),
        (Status(429), 2),
        (Status(500), 2),
        (Status(502, html=True), 2),
        (StatusAfter(502, html=True), 1),
        (StatusAfter(400), 1),
    ],
    ids=lambda one: f"{one.name}-{getattr(one, 'status', '')}" if isinstance(one, Action) else "",
)
def test_a_bad_answer_to_the_second_step(tmp_path: Path, misdeed: Action, sent: int) -> None:
    """The task tells what an answer did not: only one that still waits is sent the step again."""
    made = world(tmp_path / "w")
    made.order(Place.MODAL, misdeed)
    made.apply()

    assert len(made.sent(Place.MODAL)) == sent
    assert_bought_once(made)


def test_what_a_lost_second_step_is_called(tmp_path: Path) -> None:
    """It moves no money, and its words say so: nobody is told of a task behind it."""
    made = world(tmp_path / "w")
    made.order(Place.MODAL, Status(502))
    held_up = made.apply().diary.all("held_up", LAMP)

    (detail,) = [one.data["detail"] for _, one in held_up]
    assert detail.startswith("second step: 502 ")
    assert detail.endswith("(it costs nothing more; a task that still waits is told again)")
    assert "accepted" not in detail


def test_a_refused_second_step(tmp_path: Path) -> None:
    """It ends our work on the task, not the task: only the provider says what became of that."""
    made = world(tmp_path / "w", manner=replace(PLENTY, refunds_failures=True))
    made.order(Place.MODAL, Status(422, message="the mask failed moderation"), times=None)
    run = made.apply()

    assert run.ending(LAMP) is Ending.STILL_RUNNING
    assert "the mask failed moderation" in run.outcome(LAMP).detail
    assert made.phase(LAMP) is Phase.MODAL
    assert len(made.sent(Place.MODAL)) == 1
    last_poll = made.polls(made.purchase(LAMP).task_id)[-1]
    assert last_poll > made.sent(Place.MODAL)[0].at

    made.sleep(31 * 60)
    made.apply()
    failed = made.purchase(LAMP)
    assert (failed.phase, failed.cost) == (Phase.FAILED, NOTHING)


def test_a_key_without_permission_loses_no_task(tmp_path: Path) -> None:
    """What refuses everything says nothing of the task: it waits on, and the next run goes on."""
    made = world(tmp_path / "w")
    made.order(Place.MODAL, Status(401, message="invalid key"))
    run = made.apply()

    assert run.ending(LAMP) is Ending.STILL_RUNNING
    assert "waits for its second step" in run.outcome(LAMP).detail
    assert made.phase(LAMP) is Phase.MODAL
    made.apply()
    assert_bought_once(made)


def test_left_for_more_than_half_an_hour(tmp_path: Path) -> None:
    """The task is cancelled and refunded, in words; the next apply may buy it again."""
    made = world(tmp_path / "w")
    crash(made, after_commit=PAUSED)
    assert made.phase(LAMP) is Phase.MODAL
    made.sleep(31 * 60)
    run = made.apply()

    assert run.ending(LAMP) is Ending.FAILED
    assert "second step did not come in time; all of it was refunded" in run.outcome(LAMP).detail
    failed = made.purchase(LAMP)
    assert failed.failure is not None
    assert failed.failure.kind is FailureKind.TIMED_OUT
    assert failed.cost == NOTHING
    again = made.action(LAMP)
    assert again is not None
    assert (again.verb, again.reason) == (Verb.BUY, Reason.FAILED_BEFORE_RETRY)
    assert made.apply().ending(LAMP) is Ending.DONE
    assert charges(made) == 2
    assert made.purchase(LAMP).attempt == failed.attempt + 1


def forget_uploads(made: World) -> None:
    """Let the project know of no upload any more."""
    with sqlite3.connect(made.folder / "state.db") as connection:
        connection.execute("DELETE FROM uploads")
    connection.close()


def resumed_without_its_spec(made: World) -> Run:
    """Pause, lose the spec, the mask's file and its link, and apply once more."""
    crash(made, after_commit=PAUSED)
    (made.folder / "mask.png").unlink()
    del made.resources[LAMP]
    forget_uploads(made)
    return made.apply()


def test_the_second_step_needs_no_spec(tmp_path: Path) -> None:
    """Mask and words come from the record and the objects, when spec and file are gone."""
    made = world(tmp_path / "w")
    run = resumed_without_its_spec(made)

    assert run.ending(LAMP) is Ending.DONE
    assert made.owned_pictures(LAMP) == 4
    first, second = made.sent(Place.UPLOAD)
    assert first.about == second.about
    assert charges(made) == 1


def test_a_mask_that_is_nowhere(tmp_path: Path) -> None:
    """The task is not given up for that: its owner has half an hour to bring the mask back."""
    made = world(tmp_path / "w")
    crash(made, after_commit=PAUSED)
    forget_uploads(made)
    (made.folder / "mask.png").unlink()
    objects = ObjectStore(made.folder / "assets")
    objects.path(_digest(made)).unlink()
    run = made.apply()

    assert run.ending(LAMP) is Ending.STILL_RUNNING
    assert "mask.png" in run.outcome(LAMP).detail
    assert made.phase(LAMP) is Phase.MODAL
    made.file("mask.png", MASK)
    made.apply()
    assert_bought_once(made)


def _digest(made: World) -> Digest:
    digest = made.resources[LAMP].files[0].digest
    assert digest is not None
    return digest


class Waiting(Channel):
    """An API that says MODAL of every task when it is asked first."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._told: set[TaskId] = set()

    async def look(self, task_id: TaskId, due: float | None = None) -> TaskState:
        """Ask; the first answer is another one."""
        answer = await super().look(task_id, due)
        if task_id in self._told:
            return answer
        self._told.add(task_id)
        return Awaiting()


def test_another_task_that_waits_is_left_alone(tmp_path: Path) -> None:
    """Only inpainting has a second step (section 19 of the facts doubts it): it stops nobody."""
    made = World(tmp_path / "w", parts=Parts(channel=Waiting))
    hawk = at_apimart("hawk", Imagine("hawk", version="7", speed=Speed.FAST))
    made.resources = {hawk.address: hawk}

    assert made.apply().ending("hawk") is Ending.DONE
    assert made.sent(Place.MODAL) == []


class Keeping(Channel):
    """An API that fails every task, and still counts it for something."""

    async def look(self, task_id: TaskId, due: float | None = None) -> TaskState:  # noqa: ARG002
        """Say that it failed, and what it counts for."""
        failure = Failure(FailureKind.TIMED_OUT, "FAILURE", "Task timeout", "run apply again")
        return self.refunded(TaskFailed(failure, quota="27520"))


@pytest.mark.parametrize(("per_usd", "cost"), [(None, 55_040), (500_000, 55_040), (1e6, 27_520)])
def test_what_a_failed_task_still_counts_for_is_not_refunded(
    tmp_path: Path, per_usd: float | None, cost: int
) -> None:
    """Its price stays booked, or the quota's worth, and nothing is bought again in that run."""
    manner = replace(PLENTY, refunds_failures=True, quota_per_usd=per_usd)
    made = World(tmp_path / "w", manner=manner, parts=Parts(channel=Keeping))
    hawk = at_apimart("hawk", Imagine("hawk", version="7", speed=Speed.FAST))
    made.resources = {hawk.address: hawk}

    assert made.apply().ending("hawk") is Ending.FAILED
    assert [one.cost for one in made.attempts()] == [cost]
