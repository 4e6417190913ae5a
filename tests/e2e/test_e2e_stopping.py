"""Stopped at any time: kill -9, Ctrl-C, SIGTERM; the next run goes on and nothing is paid twice."""

import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress

import pytest
from e2e_kit import Project, Shop, normal, wait_for

pytest_plugins = ["e2e_fixtures"]

FIVE = """\
images:
  owl: {prompt: a brass owl, pick: 1, variants: {large: {upscale: subtle}}}
  fox: {prompt: a paper fox, pick: 1, variants: {large: {upscale: subtle}}}
  elk: {prompt: a glass elk, pick: 1}
"""
FIVE_CHARGED = {
    "text-to-image a brass owl": 1,
    "text-to-image a paper fox": 1,
    "text-to-image a glass elk": 1,
    "upscale a brass owl": 1,
    "upscale a paper fox": 1,
}
HELD_BACK = {"where": "submit", "action": "delay", "seconds": 20, "prompt_contains": "owl"}
LEAVES_WITHIN_S = 2.0


def assert_converged(project: Project, shop: Shop) -> None:
    """One more apply settles it, each request is charged once, and then there is nothing to do."""
    shop.faults()
    project("apply", "--yes").exits(0)
    assert Counter(shop.charges()) == FIVE_CHARGED
    with shop.untouched():
        assert project("apply").exits(0).out.startswith("No changes: 5 resources")
    assert len(project.objects()) == 3 * 4 + 2


def on_record(project: Project) -> int:
    """Return how many have a task id or more on record, as another process sees it."""
    found = project("status", "--json").exits(0).json()["resources"]
    return sum(bool(one.get("task_id")) or one["state"] == "in_sync" for one in found)


def test_item_4_killed_between_submit_and_poll(project: Project, shop: Shop) -> None:
    """Task ids are on record: the next apply waits for them and submits only what is missing."""
    project.spec(FIVE)
    shop.faults({"where": "submit", "action": "stall", "seconds": 1.5, "times": 3})
    run = project.start("apply", "--yes")
    shop.until("status", 3)
    wait_for(lambda: on_record(project) == 3)
    run.kill()
    plan = project("plan").exits(0).out
    assert plan.count(" wait ") == 3
    assert "already submitted (task task_" in plan
    assert_converged(project, shop)
    assert shop.requests()["submit"] == 5


@pytest.mark.slow
def test_item_4_killed_during_downloads(project: Project, shop: Shop) -> None:
    """What was delivered is fetched again for free; what was stored is not even downloaded."""
    project.spec(FIVE)
    shop.faults({"where": "download", "action": "delay", "seconds": 20, "after": 3, "times": None})
    run = project.start("apply", "--yes")
    shop.until("download", 8)
    wait_for(lambda: len(project.objects()) == 3)
    run.kill()
    submitted = shop.requests()["submit"]
    assert submitted == 3
    assert_converged(project, shop)
    assert shop.requests()["submit"] == 5
    assert not list((project.assets / ".objects").glob("tmp/*"))


SLOWLY = [pytest.param(number, marks=pytest.mark.slow) for number in (2, 3, 5)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 4, *SLOWLY])
def test_item_4_killed_right_after_a_submission(project: Project, shop: Shop, number: int) -> None:
    """Killed when the n-th request has arrived: charged at most once, in doubt or converged."""
    project.spec(FIVE)
    run = project.start("apply", "--yes")
    shop.until("submit", number)
    run.kill()
    again = project("apply", "--yes")
    assert again.code in (0, 7), again
    again.exits(again.code)
    charged = Counter(shop.charges())
    assert max(charged.values(), default=0) <= 1
    assert set(charged) <= set(FIVE_CHARGED)
    if again.code == 0:
        assert_converged(project, shop)
    else:
        with shop.untouched():
            project("apply", "--yes").exits(7)


def test_item_4_killed_while_the_answer_is_held_back(project: Project, shop: Shop) -> None:
    """The server took the money, we never heard: in doubt, not sent again, siblings finish."""
    project.spec(FIVE)
    shop.faults(HELD_BACK)
    run = project.start("apply", "--yes")
    wait_for(lambda: "text-to-image a brass owl" in shop.charges() and on_record(project) == 3)
    run.kill()
    shop.faults()

    again = project("apply", "--yes").exits(7)
    assert again.err.startswith(
        "owl: an earlier run ended while this was being submitted;"
        " it may have been paid: `reconcile resolve owl`\n"
    )
    wanted = {**FIVE_CHARGED}
    del wanted["upscale a brass owl"]
    assert Counter(shop.charges()) == wanted

    with shop.untouched():
        third = project("apply", "--yes").exits(7)
    assert normal(third.out) == (
        " resolve  owl        imagine                  $0.20  in doubt: perhaps paid"
        " (AGE ago; `reconcile resolve owl`)\n"
        " blocked  owl.large  upscale subtle of owl@1  $0.30  its parent is not ready (see owl)\n"
        "\nPlan: 0 tasks to buy; 1 resolve, 1 blocked, 3 in sync.\n"
    )
    status = project("status").exits(0).out
    assert "in doubt        owl  $0.20  in doubt: perhaps paid" in status
    assert normal(project("plan", "--detailed-exitcode").exits(7).out) == normal(third.out)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_item_4_killed_again_and_again(project: Project, shop: Shop, seed: int) -> None:
    """Killed at random moments until it happens to finish: no request is ever charged twice."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    project.spec(FIVE)
    for _ in range(12):
        run = project.start("apply", "--yes")
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(dice.uniform(0.15, 0.9))
        run.kill()
        charged = Counter(shop.charges())
        assert max(charged.values(), default=1) == 1
    last = project("apply", "--yes")
    last.exits(last.code)
    assert last.code in (0, 7)
    assert max(Counter(shop.charges()).values()) == 1
    states = project("status", "--all", "--json").json()["counts"]
    assert set(states) <= {"in_sync", "in_doubt", "blocked"}


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_stopped_by_signal_leaves_at_once_and_goes_on_later(
    project: Project, shop: Shop, number: signal.Signals
) -> None:
    """Exit 130 within a moment, in flight kept by task id, nothing paid twice by the next apply."""
    if signal.getsignal(number) is signal.SIG_IGN:  # these tests run under `nohup`
        signal.signal(number, signal.SIG_DFL)
    project.spec(FIVE)
    shop.faults({"where": "submit", "action": "stall", "seconds": 2, "times": 3})
    run = project.start("apply", "--yes")
    shop.until("status", 3)
    wait_for(lambda: on_record(project) == 3)
    asked = time.monotonic()
    run.signal(number)
    done = run.end()
    assert time.monotonic() - asked < LEAVES_WITHIN_S
    done.exits(130)
    assert done.out.endswith(
        "Applied: 3 interrupted ($0.60).\n"
        "Interrupted. In flight, for $0.60, and on record: owl, fox, elk."
        " The next apply brings them home.\n"
    )
    assert project("plan").exits(0).out.count(" wait ") == 3
    assert_converged(project, shop)
    assert shop.requests()["submit"] == 5


def test_ctrl_c_while_an_answer_is_awaited_leaves_a_doubt(project: Project, shop: Shop) -> None:
    """It does not wait for the server longer than a moment; the lost answer is in doubt."""
    project.spec(FIVE)
    shop.faults(HELD_BACK)
    run = project.start("apply", "--yes")
    wait_for(lambda: len(shop.charges()) >= 3)
    asked = time.monotonic()
    run.signal(signal.SIGINT)
    done = run.end()
    assert time.monotonic() - asked < LEAVES_WITHIN_S
    done.exits(130)
    assert "owl: in doubt" in done.out
    again = project("apply", "--yes").exits(7)
    assert "resolve  owl" in again.out
    assert Counter(shop.charges())["text-to-image a brass owl"] == 1


@pytest.mark.slow
def test_ctrl_c_during_a_download_keeps_what_is_paid(project: Project, shop: Shop) -> None:
    """A trickling download is left at once, and fetched by the next apply without buying."""
    project.spec(FIVE)
    shop.faults({"where": "download", "action": "slow", "bytes_per_second": 20, "times": None})
    run = project.start("apply", "--yes")
    shop.until("download", 8)
    asked = time.monotonic()
    run.signal(signal.SIGINT)
    run.end().exits(130)
    assert time.monotonic() - asked < LEAVES_WITHIN_S
    assert_converged(project, shop)


def test_ctrl_c_with_the_embedded_sandbox(folder: Project) -> None:
    """No server, no socket: the emulator in the process is left as quickly, and goes on too."""
    folder("init").exits(0)
    folder.spec(FIVE, "pictures")
    run = folder.start("apply")
    state = folder.root / "state/reconciler.db"
    wait_for(lambda: state.is_file() and on_record(folder) >= 3)
    asked = time.monotonic()
    run.signal(signal.SIGINT)
    run.end().exits(130)
    assert time.monotonic() - asked < LEAVES_WITHIN_S
    assert folder("plan").exits(0).out.count(" wait ") == 3


def test_a_second_run_is_refused_and_a_killed_one_leaves_no_lock(
    project: Project, shop: Shop
) -> None:
    """Exit 8 names the process; plan and status work beside it; kill -9 leaves nothing behind."""
    shop.faults({"where": "submit", "action": "stall", "seconds": 1})
    run = project.start("apply", "--yes")
    shop.until("status", 1)
    second = project("apply", "--yes").fails(
        8, f"another run holds this project: pid {run.process.pid} on ", "`reconcile apply --yes`"
    )
    assert "hint: wait for it to end" in second.err
    project("verify").fails(8, f"pid {run.process.pid}")
    status = project("status").exits(0).out
    assert status.startswith(f"A run is active: pid {run.process.pid} on ")
    assert project("plan").exits(0).out
    run.kill()
    assert "A run is active" not in project("status").exits(0).out
    project("apply", "--yes").exits(0)
    assert len(shop.charges()) == 3
