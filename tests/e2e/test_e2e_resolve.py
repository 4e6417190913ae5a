"""A doubt and its exits: looked at, attached, given up, bought again; all without a terminal."""

import json
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from e2e_kit import Project, Shop, wait_for, web_server

pytest_plugins = ["e2e_fixtures"]

OWL = """\
images:
  owl:
    prompt: a brass owl
    variants:
      large: {upscale: subtle, of: 1}
  fox: {prompt: a paper fox}
"""
JUST_OWL = "images:\n  owl: {prompt: a brass owl}\n"
BRASS_OWL = "text-to-image a brass owl"
ACCEPTED = {"where": "submit", "action": "drop_after", "prompt_contains": "owl"}
NEVER_CAME = {"where": "submit", "action": "drop_before", "prompt_contains": "owl"}


def in_doubt(project: Project, shop: Shop, fault: dict[str, Any], spec: str = JUST_OWL) -> None:
    """Let an apply end with the owl in doubt."""
    project.spec(spec)
    shop.faults(fault)
    project("apply", "--yes").exits(7)


def task_of(shop: Shop, prompt: str) -> str:
    """Return the id of the only task with this prompt."""
    (task_id,) = [one["task_id"] for one in shop.tasks() if one["prompt"] == prompt]
    return str(task_id)


def spent(project: Project) -> int:
    """Return what the state counts as spent, in micro-dollars."""
    found: int = project("status", "--json").json()["spent_this_month_micro_usd"]
    return found


def test_a_lost_answer_is_shown_with_its_price_age_and_exit(project: Project, shop: Shop) -> None:
    """Plan, status, exit code; only its descendants are blocked, its sibling is bought."""
    in_doubt(project, shop, ACCEPTED, OWL)
    plan = project("plan", "--detailed-exitcode").exits(7).out
    assert " resolve  owl        imagine                  $0.20  in doubt: perhaps paid (" in plan
    assert " s ago; `reconcile resolve owl`)\n" in plan
    assert " blocked  owl.large " in plan
    status = project("status").exits(0).out
    assert "in doubt        owl  $0.20  in doubt: perhaps paid (" in status
    assert "Spent or reserved this month: $0.40.\n" in status
    assert project.views() == [f"fox.{number}.png" for number in (1, 2, 3, 4)]


def test_a_paid_doubt_is_found_attached_and_brought_home(project: Project, shop: Shop) -> None:
    """The balance says paid; its task id brings the pictures; one charge; then all goes on."""
    in_doubt(project, shop, ACCEPTED, OWL)
    told = project("resolve", "owl").exits(7).out
    assert told.startswith(
        "owl  in doubt: perhaps paid, $0.20\n  asked for  imagine: a brass owl\n"
    )
    assert "happened   no answer: " in told
    assert (
        "verdict    probably paid: the balance fell by $0.40; 1 task that is known cost $0.20"
        " of that, $0.20 is left: the price of this one\n"
    ) in told
    assert "\n  reconcile resolve owl --attach TASK_ID\n" in told
    assert "\n  reconcile resolve owl --abandon\n" in told

    submitted = shop.requests()["submit"]
    found = task_of(shop, "a brass owl")
    ran = project("resolve", "owl", "--attach", found).exits(0)
    assert ran.out.startswith(f"owl: task {found} is attached; nothing more is paid for it.\n")
    assert "Applied: 1 done for free.\n" in ran.out
    assert shop.requests()["submit"] == submitted
    assert [f"owl.{number}.png" in project.views() for number in (1, 2, 3, 4)] == [True] * 4

    project("apply", "--yes").exits(0)
    assert Counter(shop.charges())[BRASS_OWL] == 1
    assert spent(project) == 700_000
    project("resolve", "owl").fails(1, "owl is not in doubt", "it stands: in sync")


def test_a_check_changes_nothing_and_needs_little(project: Project, shop: Shop) -> None:
    """No key, no API: it says so, and the readings on record speak all the same."""
    in_doubt(project, shop, ACCEPTED)
    state = (project.root / "state/reconciler.db").read_bytes()
    with shop.untouched():
        told = project("resolve", "owl", "--check", env={"E2E_API_KEY": ""}).exits(7).out
    assert "balance    not known now: E2E_API_KEY is not set: " in told
    assert "verdict    probably paid: the balance fell by $0.20: the price of this one\n" in told
    shop.faults({"where": "balance", "action": "status", "status": 503})
    found = project("resolve", "owl", "--json").exits(7).json()
    assert found["balance_micro_usd"] is None
    assert found["balance_unknown_because"].startswith("apixo: 503")
    assert (found["verdict"], found["is_in_doubt"]) == ("paid", True)
    assert found["request"]["prompt"] == "a brass owl"
    assert found["price_micro_usd"] == 200_000
    assert (project.root / "state/reconciler.db").read_bytes() == state


@pytest.mark.slow
def test_a_task_id_in_a_lost_answer_is_offered(project: Project, shop: Shop) -> None:
    """The answer was no success, and yet it named the task: nobody has to search."""
    project.spec(JUST_OWL)

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(502)
        request.end_headers()
        request.wfile.write(b'{"code":502,"message":"upstream","data":{"taskId":"task_9"}}')

    with web_server(answer) as (url, _):
        project.edit("reconciler.yaml", shop.base_url, url)
        project("apply", "--yes").exits(7)
        told = project("resolve", "owl").exits(7).out
    assert "task id    task_9\n" in told
    assert "reconcile resolve owl --attach task_9\n" in told
    assert "verdict    unclear: no balance is on record from before it was sent" in told


@pytest.mark.slow
def test_wrong_task_ids_are_refused(project: Project, shop: Shop) -> None:
    """Unknown to the API, or somebody else's already: nothing changes, exit 1."""
    in_doubt(project, shop, ACCEPTED, OWL)
    project("resolve", "owl", "--attach", "task_none").fails(
        1, "apixo tells nothing of task task_none: 404", "nothing was changed"
    )
    taken = task_of(shop, "a paper fox")
    project("resolve", "owl", "--attach", taken).fails(
        1, f"task {taken} is on record already, for another purchase", "it is fox's: intent_"
    )
    shop.faults({"where": "status", "action": "status", "status": 503})
    found = task_of(shop, "a brass owl")
    project("resolve", "owl", "--attach", found).fails(
        1, f"apixo cannot tell about task {found} now: 503", "hint: try again in a moment"
    )
    project("plan", "--detailed-exitcode").exits(7)
    project("resolve", "owl", "--attach", found, "--json").exits(0)


class Api:
    """An API that loses every submission, and knows one task, made when it is told."""

    def __init__(self, made: datetime) -> None:
        self._made = made
        self.state = "processing"
        self.polls = 0

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a poll; leave everything else without an answer."""
        if "statusTask" not in request.path:
            return
        self.polls += 1
        data: dict[str, Any] = {"state": self.state, "createTime": self._made.timestamp() * 1000}
        if self.polls > 2:  # after both verifications: the run that waits for it
            data |= {"state": "failed", "failCode": "Task TimeOut", "failMsg": "it went stale"}
        request.send_response(200)
        request.end_headers()
        body = {"code": 200, "message": "success", "data": {"taskId": "task_old", **data}}
        request.wfile.write(json.dumps(body).encode())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (-3, "was made before this was sent"),
        pytest.param(6, "was made long after", marks=pytest.mark.slow),
    ],
)
def test_a_task_made_at_another_time_is_refused(
    project_at: Callable[[str], Project], minutes: int, words: str
) -> None:
    """It cannot be the one; --force takes it all the same, and a failed task is exit 5."""
    with web_server(Api(datetime.now(UTC) + timedelta(minutes=minutes))) as (url, _):
        project = project_at(url)
        project.spec(JUST_OWL)
        project("apply", "--yes").exits(7)
        attach = ("resolve", "owl", "--attach", "task_old")
        project(*attach).fails(1, f"task task_old {words}", "nothing was changed", "`--force`")
        project("plan", "--detailed-exitcode").exits(7)
        ran = project(*attach, "--force").exits(5)
        assert "owl: failed: Task TimeOut: it went stale" in ran.out
        assert project("show", "owl", "--json").json()["takes"][0]["phase"] == "failed"
        project(*attach, "--force").fails(1, "owl is not in doubt")


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [-1, 4])
def test_a_task_made_about_then_may_be_the_one(
    project_at: Callable[[str], Project], minutes: int
) -> None:
    """Clocks differ, and an answer may take its time."""
    with web_server(Api(datetime.now(UTC) + timedelta(minutes=minutes))) as (url, _):
        project = project_at(url)
        project.spec(JUST_OWL)
        project("apply", "--yes").exits(7)
        project("resolve", "owl", "--attach", "task_old").exits(5)


def test_a_request_that_never_arrived_is_given_up_and_bought_once(
    project: Project, shop: Shop
) -> None:
    """The balance says so; one charge, two bookings: what is given up stays counted."""
    in_doubt(project, shop, NEVER_CAME)
    told = project("resolve", "owl").exits(7).out
    assert "verdict    not charged so far: the balance is as it was: nothing is left" in told
    quarter_of_an_hour_ago(project)
    told = project("resolve", "owl").exits(7).out
    assert "verdict    probably not paid: the balance is as it was: nothing is left" in told

    given_up = project("resolve", "owl", "--abandon").exits(0).out
    assert given_up == (
        "owl: given up; $0.20 stays counted as spent, perhaps paid for nothing.\n"
        "The next `reconcile apply` would buy it once more for $0.20.\n"
        "Plan: 1 task to buy, 4 pictures, $0.20; 0 in sync.\n"
    )
    plan = project("plan", "--detailed-exitcode").exits(2).out
    assert "the attempt before was given up in doubt: perhaps paid" in plan
    project("apply", "--yes").exits(0)
    assert shop.charges() == [BRASS_OWL]
    assert spent(project) == 400_000
    with shop.untouched():
        project("apply", "--yes").exits(0)
    project("resolve", "owl", "--abandon").fails(1, "owl is not in doubt")


def quarter_of_an_hour_ago(project: Project) -> None:
    """Let all that has happened so far have happened earlier."""
    connection = sqlite3.connect(project.root / "state/reconciler.db")
    connection.execute("DROP TRIGGER events_do_not_change")
    earlier = (datetime.now(UTC) - timedelta(minutes=15)).isoformat(timespec="microseconds")
    connection.execute("UPDATE events SET at = ?", (earlier,))
    connection.commit()
    connection.close()


@pytest.mark.slow
def test_what_was_given_up_can_still_be_attached(project: Project, shop: Shop) -> None:
    """Its task turned up before it was bought again: no second purchase, one document of JSON."""
    in_doubt(project, shop, ACCEPTED)
    left = project("resolve", "owl", "--abandon", "--json").exits(0).json()
    assert (left["settled"], left["counted_micro_usd"]) == ("abandoned", 200_000)
    assert (left["next"]["verb"], left["next"]["price_micro_usd"]) == ("buy", 200_000)
    project("resolve", "owl").fails(1, "owl is not in doubt", "--attach TASK_ID` takes its task")
    found = task_of(shop, "a brass owl")
    done = project("resolve", "owl", "--attach", found, "--json").exits(0).json()
    assert (done["settled"], done["task_id"], done["spent_micro_usd"]) == ("attached", found, 0)
    project("apply").exits(0)
    assert shop.charges() == [BRASS_OWL]


@pytest.mark.slow
def test_rebuy_buys_a_doubt_again_and_stops_after_three(project: Project, shop: Shop) -> None:
    """`on_doubt: rebuy`: the plan says so, the next apply does it; three doubts need a person."""
    project.write(
        "reconciler.yaml",
        (project.root / "reconciler.yaml").read_text(encoding="utf-8") + "on_doubt: rebuy\n",
    )
    in_doubt(project, shop, {**ACCEPTED, "times": 3})
    plan = project("plan", "--detailed-exitcode").exits(2).out
    assert " buy  owl  imagine  $0.20  in doubt: perhaps paid; bought again, as `on_doubt" in plan
    assert project("resolve", "owl").exits(7).out.startswith("owl  in doubt: perhaps paid, $0.20\n")
    for _ in range(2):
        project("apply", "--yes").exits(7)
    assert shop.charges() == [BRASS_OWL] * 3
    with shop.untouched():
        stopped = project("apply", "--yes").exits(7).out
    assert " resolve  owl  imagine  $0.20  in doubt again and again: perhaps paid each" in stopped
    assert spent(project) == 600_000
    told = project("resolve", "owl", "--json").exits(7).json()
    assert (told["attempt"], told["verdict"]) == (3, "paid")
    assert told["reason"].endswith(": all 3 doubts at this price were charged")
    last = str(shop.tasks()[-1]["task_id"])
    project("resolve", "owl", "--attach", last).exits(0)
    assert shop.charges() == [BRASS_OWL] * 3


@pytest.mark.slow
def test_rebuy_that_works_the_second_time(project: Project, shop: Shop) -> None:
    """The doubt is given up with the new intent; both stay counted, and nothing is left to do."""
    project.write(
        "reconciler.yaml",
        (project.root / "reconciler.yaml").read_text(encoding="utf-8") + "on_doubt: rebuy\n",
    )
    in_doubt(project, shop, NEVER_CAME)
    project("apply", "--yes").exits(0)
    assert shop.charges() == [BRASS_OWL]
    assert spent(project) == 400_000
    phases = [one["phase"] for one in project("show", "owl", "--json").json()["takes"]]
    assert phases == ["abandoned", "stored"]


@pytest.mark.slow
def test_killed_between_request_and_answer(project: Project, shop: Shop) -> None:
    """While it is being sent it is no doubt; dead, it is one, even before any other run."""
    project.spec(JUST_OWL)
    shop.faults({"where": "submit", "action": "delay", "seconds": 20})
    run = project.start("apply", "--yes")
    wait_for(lambda: shop.charges() == [BRASS_OWL])
    told = project("resolve", "owl").exits(0).out
    assert told.startswith(f"owl is being submitted right now by pid {run.process.pid} on ")
    assert told.endswith(": it is no doubt yet.\n")
    found = task_of(shop, "a brass owl")
    project("resolve", "owl", "--attach", found).fails(8, f"pid {run.process.pid} on ")
    project("resolve", "owl", "--abandon").fails(8, f"pid {run.process.pid} on ")
    run.kill()
    shop.faults()

    told = project("resolve", "owl").exits(7).out
    assert "happened   the run that sent it ended before an answer was written down\n" in told
    assert "verdict    probably paid: " in told
    project("resolve", "owl", "--attach", found).exits(0)
    assert project("apply").exits(0).out.startswith("No changes: 1 resource in sync")
    assert shop.charges() == [BRASS_OWL]


@pytest.mark.slow
def test_several_doubts_are_told_apart_by_their_intents(project: Project, shop: Shop) -> None:
    """The one that no spec asks for any more is brought home too, and buys nothing."""
    in_doubt(project, shop, {**ACCEPTED, "times": 2}, OWL)
    project.spec(OWL.replace("a brass owl", "a clay owl"))
    project("apply", "--yes").exits(7)
    several = project("resolve", "owl").fails(1, "owl: several purchases are in doubt")
    old, new = [line.split()[0] for line in several.err.splitlines() if " intent_" in line]
    project("resolve", "owl", "--intent", "zz").fails(1, "owl: no such intent is in doubt", old)
    told = project("resolve", "owl", "--intent", old[: len("intent_") + 6]).exits(7).out
    assert "asked for  imagine: a brass owl\n" in told
    assert f"reconcile resolve owl --intent {old[: len('intent_') + 6]} --abandon\n" in told

    before = Counter(shop.charges())
    found = task_of(shop, "a brass owl")
    project("resolve", "owl", "--intent", old, "--attach", found).exits(0)
    assert Counter(shop.charges()) == before
    assert len(project.objects()) == 8
    assert "owl.1.png" not in project.views()
    project("resolve", "owl", "--attach", task_of(shop, "a clay owl")).exits(0)
    assert "owl.1.png" in project.views()
    assert project("plan").exits(0).out.startswith(" buy  owl.large ")
    assert new != old


@pytest.mark.slow
def test_attaching_the_old_doubt_does_not_buy_the_new_prompt(project: Project, shop: Shop) -> None:
    """The spec asks for something else by now: that stays for apply, nobody is asked about it."""
    in_doubt(project, shop, ACCEPTED)
    project.spec(JUST_OWL.replace("brass", "clay"))
    project("resolve", "owl", "--attach", task_of(shop, "a brass owl")).exits(0)
    assert shop.charges() == [BRASS_OWL]
    assert len(project.objects()) == 4
    project("plan", "--detailed-exitcode").exits(2)


def test_a_doubt_without_a_spec_can_be_settled(project: Project, shop: Shop) -> None:
    """Its address is gone, the money is not; nothing is bought in its place."""
    in_doubt(project, shop, ACCEPTED)
    project.spec("images:\n  fox: {prompt: a paper fox}\n")
    project("resolve", "ovl").fails(1, "there is no address `ovl`", "did you mean `owl`?")
    project("resolve", "owl").exits(7)
    given_up = project("resolve", "owl", "--abandon").exits(0).out
    assert "No spec asks for it any more: nothing is bought in its place.\n" in given_up
    project("resolve", "owl").fails(1, "owl is not in doubt", "no spec asks for it any more")
    assert shop.charges() == [BRASS_OWL]


@pytest.mark.slow
def test_a_renamed_doubt_answers_to_both_names(project: Project, shop: Shop) -> None:
    """The request is the same, so the doubt is; renaming buys nothing."""
    in_doubt(project, shop, ACCEPTED)
    project.spec(JUST_OWL.replace("owl:", "bird:"))
    project("resolve", "owl").exits(7)
    project("resolve", "bird").exits(7)
    project("resolve", "bird", "--attach", task_of(shop, "a brass owl")).exits(0)
    assert "bird.1.png" in project.views()
    assert shop.charges() == [BRASS_OWL]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("owl", "--abandon", "--check"), "exclude each other"),
        (("owl", "--attach", "t", "--abandon"), "exclude each other"),
        (("owl", "--force"), "--force belongs to --attach"),
        (("owl", "--attach", " "), "--attach needs the task id"),
        (("libary",), "did you mean `library`?"),
        (("library",), "library is not in doubt"),
    ],
)
def test_what_makes_no_sense_is_refused(
    project: Project, arguments: tuple[str, ...], words: str
) -> None:
    """With the reason, and what to do; nothing is sent."""
    project("resolve", *arguments).fails(1, words)


@pytest.mark.slow
def test_balances_are_read_around_purchases_only(project: Project, shop: Shop) -> None:
    """Before the first intent and after the run; never for a run that buys nothing."""
    project.spec(JUST_OWL)
    shop.faults({"where": "submit", "action": "stall", "seconds": 1})
    run = project.start("apply", "--yes")
    shop.until("status", 1)
    assert shop.requests()["balance"] == 1
    run.signal(signal.SIGINT)
    run.end().exits(130)
    project("apply").exits(0)
    assert shop.requests()["balance"] == 1
    project.spec("images:\n  fox: {prompt: a paper fox}\n")
    project("apply", "--yes").exits(0)
    assert shop.requests()["balance"] == 3
    connection = sqlite3.connect(project.root / "state/reconciler.db")
    rows = connection.execute("SELECT amount_micro_usd, ledger_seq FROM balances").fetchall()
    connection.close()
    (first, before), (second, between), (third, after) = rows
    assert (before, between, after) == (0, 1, 2)
    assert (first - second, second - third) == (200_000, 200_000)


def test_ctrl_c_while_the_balance_is_read(project: Project, shop: Shop) -> None:
    """An API that holds its answer back is left at once, and nothing was submitted."""
    project.spec(JUST_OWL)
    shop.faults({"where": "balance", "action": "delay", "seconds": 20})
    run = project.start("apply", "--yes")
    shop.until("balance", 1)
    asked = time.monotonic()
    run.signal(signal.SIGINT)
    run.end().exits(130)
    assert time.monotonic() - asked < 2
    assert shop.requests()["submit"] == 0
