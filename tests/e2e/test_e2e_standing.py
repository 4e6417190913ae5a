"""What one event may not hide: a doubt, a filter's no, or pictures that are paid."""

import signal
from collections.abc import Callable

import pytest
from e2e_kit import Project, Shop, wait_for

pytest_plugins = ["e2e_fixtures"]
pytestmark = pytest.mark.slow

OWL = "images:\n  owl: {prompt: a brass owl}\n"
LOST = {"where": "submit", "action": "drop_after"}
NO_MONEY = {"where": "submit", "action": "status", "status": 402}
MODERATED = {"where": "submit", "action": "fail", "code": "NSFW"}


def test_a_refusal_does_not_hide_what_was_given_up(project: Project, shop: Shop) -> None:
    """Bought again, refused for want of credit: the first one is perhaps paid, and attachable."""
    project.spec(OWL)
    project.write("reconciler.yaml", _config(project) + "on_doubt: rebuy\n")
    shop.faults(LOST, NO_MONEY)
    project("apply", "--yes").exits(7)
    project("apply", "--yes").exits(5)
    assert "was given up in doubt: perhaps paid" in project("plan").exits(0).out

    (task,) = shop.tasks()
    project("resolve", "owl", "--attach", task["task_id"]).exits(0)
    with shop.untouched():
        assert project("apply").exits(0).out.startswith("No changes: 1 resource in sync")
    assert len(shop.charges()) == 1


def test_a_refusal_does_not_hide_that_a_filter_said_no(project: Project, shop: Shop) -> None:
    """Asked once more by a person and refused for want of credit: still never sent by itself."""
    project.spec(OWL)
    shop.faults(MODERATED, {**NO_MONEY, "after": 1})
    project("apply", "--yes").exits(5)
    shop.faults(NO_MONEY)
    project("apply", "--yes", "--retry-failed").exits(5)
    with shop.untouched():
        project("apply", "--yes").exits(5)
    assert "failed, and would fail again" in project("plan").exits(0).out


def _config(project: Project) -> str:
    return (project.root / "reconciler.yaml").read_text(encoding="utf-8")


def _in_flight(project: Project, shop: Shop) -> None:
    """Leave the owl at the provider, as after Ctrl-C."""
    project.spec(OWL)
    shop.faults({"where": "submit", "action": "stall", "seconds": 1})
    run = project.start("apply", "--yes")
    wait_for(lambda: "already submitted" in project("plan").exits(0).out)
    run.signal(signal.SIGINT)
    run.end().exits(130)


def _over_budget(project: Project) -> None:
    project.write("reconciler.yaml", _config(project) + "budget: {per_month: 0.25}\n")
    project.spec("images:\n  fox: {prompt: a paper fox}\n", "more")


def _more_to_buy(project: Project) -> None:
    project.spec("images:\n  fox: {prompt: a paper fox}\n", "more")


def _broken(project: Project) -> None:
    project.spec("images:\n  fox: {promt: a paper fox}\n", "more")


@pytest.mark.parametrize(
    ("forbid", "arguments", "code"),
    [
        (_over_budget, ("apply", "--yes"), 6),
        pytest.param(_more_to_buy, ("apply",), 1, marks=pytest.mark.slow),
        (_broken, ("apply", "--yes"), 1),
    ],
)
def test_what_is_paid_comes_home_though_nothing_may_be_bought(
    project: Project,
    shop: Shop,
    forbid: Callable[[Project], None],
    arguments: tuple[str, ...],
    code: int,
) -> None:
    """Links live for a day: a budget, a missing --yes or a typo elsewhere costs no picture."""
    _in_flight(project, shop)
    forbid(project)

    project(*arguments).fails(code)

    assert len(project.objects()) == 4
    assert shop.charges() == ["text-to-image a brass owl"]


def test_a_failed_task_of_something_else_is_not_attached(project: Project, shop: Shop) -> None:
    """It says when it was made, as every task does; so the doubt stays what it is."""
    project.spec(OWL)
    shop.faults(MODERATED)
    project("apply", "--yes").exits(5)
    (old,) = shop.tasks()
    project.spec("images:\n  fox: {prompt: a paper fox}\n")
    shop.faults(LOST)
    project("apply", "--yes").exits(7)
    project("resolve", "fox", "--attach", old["task_id"]).fails(1, "is on record already")


def test_one_doubt_under_two_names_is_one_price(project: Project, shop: Shop) -> None:
    """Both wait for it; it was sent once, and counts once."""
    project.spec(OWL + "  uhu: {prompt: a brass owl}\n")
    shop.faults(LOST)
    project("apply", "--yes").exits(7)
    status = project("status").exits(0).out
    assert "2 in doubt ($0.20)" in status
    assert "the same purchase as owl's" in project("plan").exits(0).out


def test_verify_settles_what_a_dead_run_left(project: Project, shop: Shop) -> None:
    """It holds the project while it reads: what was being sent must not look alive by that."""
    project.spec(OWL)
    shop.faults({"where": "submit", "action": "delay", "seconds": 20})
    run = project.start("apply", "--yes")
    wait_for(lambda: len(shop.charges()) == 1)
    run.kill()
    project("verify").exits(0)
    log = project("log", "owl").exits(0).out
    assert "answer_lost" in log
