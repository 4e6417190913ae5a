"""The engine's parts that need no world: the board, the waits, the exit code."""

from dataclasses import replace

import pytest
from engine_kit import image
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.backoff import backoff, jittered
from reconciler.engine.board import Board
from reconciler.engine.outcome import Ending, Outcome, RunResult
from reconciler.engine.workshop import UnrecordedError, together
from reconciler.errors import AssetError, ExitCode, StateError
from reconciler.ids import Address, ProviderName
from reconciler.plan.actions import Action, Plan, Reason, Verb

A, B = ProviderName("a"), ProviderName("b")


def action(address: str, verb: Verb = Verb.BUY, *after: str, provider: str = "a") -> Action:
    """Return work on an address."""
    return Action(
        Address(address),
        verb,
        Reason.NEVER_BOUGHT,
        provider=ProviderName(provider),
        resource=image(address),
        after=tuple(Address(one) for one in after),
    )


def ready(board: Board) -> list[str]:
    """Take everything that is ready."""
    return [one.address for one in board.take(lambda _action: True)]


@st.composite
def graphs(draw: st.DrawFn) -> list[Action]:
    """Return actions, parents before children, some waiting for several others."""
    size = draw(st.integers(1, 12))
    actions = []
    for number in range(size):
        above = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        verb = draw(st.sampled_from([Verb.BUY, Verb.WAIT, Verb.FETCH, Verb.VIEW]))
        provider = draw(st.sampled_from("ab"))
        actions.append(action(str(number), verb, *map(str, sorted(above)), provider=provider))
    return actions


def below(actions: list[Action], failed: set[str]) -> set[str]:
    """Return what is below those that failed."""
    lost: set[str] = set()
    for one in actions:
        if not {*one.after}.isdisjoint(lost | failed):
            lost.add(one.address)
    return lost


@given(graphs(), st.data())
def test_board_yields_each_once_after_its_parents_and_blocks_what_is_below(
    actions: list[Action], data: st.DataObject
) -> None:
    """Whatever room there is and whatever fails: started once, never early; the rest is blocked."""
    board, awaited = Board(actions), {one.address: set(one.after) for one in actions}
    started: list[str] = []
    finished: set[str] = set()
    failed: set[str] = set()
    blocked: list[str] = []
    running: list[Action] = []
    idle = 0
    while idle < 2:
        room = data.draw(st.integers(0, 3)) if running else len(actions)
        for one in board.take(lambda _action: len(running) < room):  # noqa: B023 - used at once
            assert awaited[one.address] <= finished
            started.append(one.address)
            running.append(one)
        idle = 0 if running else idle + 1
        if running:
            one = running.pop(data.draw(st.integers(0, len(running) - 1)))
            if data.draw(st.booleans()):
                finished.add(one.address)
                board.finished(one.address)
            else:
                failed.add(one.address)
                blocked += [other.address for other, _ in board.failed(one.address)]
    lost = below(actions, failed)
    assert len(started) == len(set(started))
    assert sorted(blocked) == sorted(lost)
    assert {*started} == {one.address for one in actions} - lost


def test_board_names_what_a_blocked_action_waited_for() -> None:
    """Each blocked action comes with its own parent, however deep it lies."""
    board = Board([action("a"), action("b", Verb.BUY, "a"), action("c", Verb.BUY, "b")])
    assert [(one.address, above) for one, above in board.failed(Address("a"))] == [
        ("b", "a"),
        ("c", "b"),
    ]


def test_board_survives_a_very_long_chain() -> None:
    """A chain of variants longer than Python's stack can be blocked."""
    chain = [action("0"), *(action(str(n), Verb.BUY, str(n - 1)) for n in range(1, 3000))]
    assert sum(1 for _ in Board(chain).failed(Address("0"))) == 2999


def test_board_serves_what_is_urgent_first() -> None:
    """Names, then bytes whose links die, then tasks that hold a slot already, then what is new."""
    board = Board(
        [
            action("new"),
            action("running", Verb.WAIT),
            action("bytes", Verb.FETCH),
            action("name", Verb.VIEW),
        ]
    )
    assert ready(board) == ["name", "bytes", "running", "new"]


def test_board_lets_variants_go_before_other_images() -> None:
    """What became ready is made while its parent's links live, in plan order."""
    work = [action("a"), action("b"), action("c"), *(action(v, Verb.BUY, "a") for v in "xy")]
    board = Board(work)
    first = next(board.take(lambda _action: True))
    board.finished(first.address)
    assert ready(board) == ["x", "y", "b", "c"]


def test_board_does_not_let_one_provider_hold_up_another() -> None:
    """Room is looked for once per provider, and only there."""
    board = Board([action(f"a{n}") for n in range(100)] + [action("b", provider="b")])
    asked: list[str] = []

    def can_start(one: Action) -> bool:
        asked.append(one.address)
        return one.provider == B

    assert [one.address for one in board.take(can_start)] == ["b"]
    assert asked == ["a0", "b"]


def test_backoff_waits_1_4_16_30_with_jitter() -> None:
    """One wait less than tries; at most a quarter longer than documented; never an overflow."""
    waits = list(backoff(2000))
    assert len(waits) == 1999
    for wait, least in zip(waits, [1, 4, 16, *([30] * 1996)], strict=True):
        assert least <= wait <= least * 1.25
    assert list(backoff(1)) == []


def test_jitter_stays_within_the_interval() -> None:
    """Polls come between the two documented times, and not in step."""
    waits = {jittered((3, 5)) for _ in range(100)}
    assert all(3 <= wait <= 5 for wait in waits)
    assert len(waits) > 50


def result(endings: list[Ending], verbs: list[Verb], *, interrupted: bool = False) -> RunResult:
    """Return how a run ended."""
    plan = Plan(tuple(action(verb.value, verb) for verb in verbs), in_sync=0)
    outcomes = tuple(Outcome(action(one.value), one) for one in endings)
    return RunResult(plan, outcomes, interrupted)


EXIT_CODES = [
    ([], [], ExitCode.OK),
    ([Ending.DONE], [Verb.BUY], ExitCode.OK),
    ([Ending.DONE], [Verb.BUY, Verb.PICK], ExitCode.PICK_PENDING),
    ([Ending.DONE], [Verb.BUY, Verb.BLOCKED], ExitCode.FAILURES),
    ([Ending.DONE], [Verb.BLOCKED, Verb.PICK], ExitCode.FAILURES),
    ([Ending.DONE], [Verb.BUY, Verb.RESOLVE], ExitCode.IN_DOUBT),
    *(
        ([Ending.DONE, ending], [Verb.BUY], ExitCode.FAILURES)
        for ending in (
            *(Ending.FAILED, Ending.STILL_RUNNING, Ending.NOT_SENT, Ending.NOT_DOWNLOADED),
            *(Ending.NOT_SHOWN, Ending.BLOCKED, Ending.IMPOSSIBLE),
        )
    ),
    ([Ending.DONE, Ending.NEEDS_PICK, Ending.BLOCKED], [Verb.BUY], ExitCode.PICK_PENDING),
    ([Ending.NEEDS_PICK], [Verb.BUY, Verb.BLOCKED], ExitCode.FAILURES),
    ([Ending.NEEDS_PICK, Ending.FAILED], [Verb.BUY], ExitCode.FAILURES),
    ([Ending.FAILED, Ending.IN_DOUBT], [Verb.BUY], ExitCode.IN_DOUBT),
    ([Ending.FAILED], [Verb.RESOLVE], ExitCode.IN_DOUBT),
    ([Ending.IN_DOUBT, Ending.OVER_BUDGET, Ending.FAILED], [Verb.BUY], ExitCode.BUDGET),
]


@pytest.mark.parametrize(("endings", "verbs", "code"), EXIT_CODES)
def test_exit_code_tells_the_most_pressing_thing(
    endings: list[Ending], verbs: list[Verb], code: ExitCode
) -> None:
    """Budget before doubt before failures before picks; an interruption before all of them."""
    assert result(endings, verbs).exit_code() is code
    assert result(endings, verbs, interrupted=True).exit_code() is ExitCode.INTERRUPTED


def test_every_ending_has_an_exit_code() -> None:
    """No ending but DONE passes for success."""
    for ending in Ending:
        code = result([ending], [Verb.BUY]).exit_code()
        assert (code is ExitCode.OK) == (ending is Ending.DONE)


def test_errors_that_come_together_are_told_together() -> None:
    """The one that holds a task id comes first, and nothing that the others know is lost."""
    full = AssetError("the disk is full", details=("no space",), hint="free some")
    lost = UnrecordedError("owl was bought", details=("task id: t1",), hint="keep it")
    other = UnrecordedError("fox was bought", details=("task id: t2",))
    told = together([full, lost, other])
    assert isinstance(told, StateError)
    assert (told.summary, told.hint) == ("owl was bought", "keep it")
    text = "\n".join(told.details)
    assert all(word in text for word in ("t1", "t2", "fox", "the disk is full", "no space"))


def test_a_bug_is_told_with_what_else_went_wrong() -> None:
    """A bug shows its traceback, and the task id that was lost at the same time."""
    bug = ZeroDivisionError()
    assert together([UnrecordedError("owl was bought", details=("task id: t1",)), bug]) is bug
    assert "t1" in bug.__notes__[0]


def test_a_lone_error_stays_as_it_is() -> None:
    """Most of the time there is one."""
    error = StateError("busy")
    assert together([error]) is error


def test_blocked_actions_are_not_ready_when_their_other_parent_finishes() -> None:
    """One failed parent is enough, in whatever order the others end."""
    child = replace(action("c"), after=(Address("a"), Address("b")))
    board = Board([action("a"), action("b"), child])
    assert ready(board) == ["a", "b"]
    assert [one.address for one, _ in board.failed(Address("a"))] == ["c"]
    board.finished(Address("b"))
    assert ready(board) == []
    assert list(board.failed(Address("b"))) == []
