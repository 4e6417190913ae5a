"""Faults on order: each one is seen by the client, and the ledger tells what it cost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import World

from reconciler.sandbox import OtherVersionError, Sandbox, SandboxSettings, Vendor
from reconciler.sandbox.faults import (
    Action,
    Corrupt,
    Delay,
    Deny,
    DropAfter,
    DropBefore,
    Fail,
    Fault,
    Fewer,
    Garbage,
    Huge,
    Idle,
    NotAPicture,
    Place,
    Repeat,
    Slow,
    Stall,
    Status,
    StatusAfter,
    Truncate,
    fault_from_json,
)

REQUESTS_URL = "http://sandbox.test/sandbox/requests"
FAULTS_URL = "http://sandbox.test/sandbox/faults"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, requests_per_minute=None, concurrent=None) as world:
        yield world


def test_an_ordered_status_costs_nothing(world: World) -> None:
    """`status` answers instead of the API: an envelope, with Retry-After where it is wanted."""
    world.order(Place.SUBMIT, Status(429, retry_after=2))

    refused = world.submit()

    assert (refused.status_code, refused.json()["code"]) == (429, 429)
    assert refused.headers["retry-after"] == "2"
    assert world.amounts() == []
    assert world.submit().status_code == 200


def test_a_proxy_answers_in_html(world: World) -> None:
    """`html` is what a gateway in front of the API says."""
    for place in (Place.SUBMIT, Place.STATUS, Place.BALANCE):
        world.order(place, Status(502, html=True))

    for answer in (
        world.submit(),
        world.get("/statusTask/midjourney?taskId=x"),
        world.get("/apikeys/current-balance"),
    ):
        assert answer.status_code == 502
        assert answer.headers["content-type"].startswith("text/html")


def test_dropped_before_acceptance_costs_nothing(world: World) -> None:
    """`drop_before`: the connection breaks, and nothing was recorded."""
    world.order(Place.SUBMIT, DropBefore())

    with pytest.raises(ConnectionResetError):
        world.submit()
    assert world.amounts() == []


def test_dropped_after_acceptance_is_paid(world: World) -> None:
    """`drop_after`: the connection breaks, but the task exists and was charged."""
    world.order(Place.SUBMIT, DropAfter())

    with pytest.raises(ConnectionResetError):
        world.submit()
    assert world.amounts() == [("charge", 200_000)]


def test_an_error_after_acceptance_is_paid(world: World) -> None:
    """`status_after`: HTTP 5xx for a task that exists and was charged."""
    world.order(Place.SUBMIT, StatusAfter(504))

    assert world.submit().status_code == 504
    assert world.amounts() == [("charge", 200_000)]


@pytest.mark.parametrize("shape", [False, True])
def test_garbage_after_acceptance_is_paid(world: World, shape: bool) -> None:
    """`garbage`: HTTP 200 whose body is no JSON, or JSON of a wrong shape; the task was charged."""
    world.order(Place.SUBMIT, Garbage(json=shape))

    answer = world.submit()

    assert answer.status_code == 200
    assert world.amounts() == [("charge", 200_000)]
    if shape:
        assert "taskId" not in answer.text
    else:
        with pytest.raises(json.JSONDecodeError):
            answer.json()


def test_faults_after_acceptance_spare_refused_requests(world: World) -> None:
    """A request that breaks a rule is answered with its refusal, whatever was ordered."""
    world.order(Place.SUBMIT, DropAfter())

    assert world.submit(aspect_ratio="1:9").status_code == 400


def test_reads_can_break(world: World) -> None:
    """Status and balance drop, err or babble, and are whole again the next time."""
    task_id = world.made()
    for place in (Place.STATUS, Place.BALANCE):
        world.order(place, DropBefore())
        world.order(place, Garbage())
        world.order(place, Status(503))
    urls = (f"/statusTask/midjourney?taskId={task_id}", "/apikeys/current-balance")

    for url in urls:
        with pytest.raises(ConnectionResetError):
            world.get(url)
        assert world.get(url).text == "OK but not JSON {"
        assert world.get(url).status_code == 503
        assert world.get(url).status_code == 200


def test_a_task_fails_on_order(world: World) -> None:
    """`fail`: after its usual duration, with code and message, refunded."""
    world.order(Place.SUBMIT, Fail("Website TimeOut", "try later"))
    task_id = world.buy()
    assert world.status(task_id)["state"] == "pending"
    world.wait()

    failed = world.status(task_id)

    assert (failed["failCode"], failed["failMsg"]) == ("Website TimeOut", "try later")
    assert world.balance() == 1000


@pytest.mark.parametrize("count", [0, 1, 3, 9])
def test_fewer_pictures(world: World, count: int) -> None:
    """`fewer`: at most so many pictures, never more than usual; the price stays."""
    world.order(Place.SUBMIT, Fewer(count))

    task_id = world.made()

    assert len(world.links(task_id)) == min(count, 4)
    assert world.download(task_id, min(count, 4) + 1).status_code == 404
    assert world.amounts() == [("charge", 200_000)]


def test_a_stalled_task(world: World) -> None:
    """`stall`: for some seconds, or for ever."""
    world.order(Place.SUBMIT, Stall(5000))
    world.order(Place.SUBMIT, Stall(), after=1)
    late, never = world.buy(), world.buy()

    world.wait(4999)
    assert world.status(late)["state"] == "processing"
    world.wait(100)
    assert world.status(late)["state"] == "success"
    world.wait(1e9)
    assert world.status(never)["state"] == "processing"


def test_delays_hold_the_answer_back(world: World) -> None:
    """`delay`: everything works, only later."""
    for place in (Place.SUBMIT, Place.STATUS, Place.BALANCE, Place.DOWNLOAD):
        world.order(place, Delay(0.001))

    task_id = world.made()

    assert world.status(task_id)["state"] == "success"
    assert world.balance() == 999.8
    assert world.download(task_id).status_code == 200


def test_a_rule_narrows_by_prompt_and_mode(world: World) -> None:
    """Only matching requests are struck; a follow-up has its parent's prompt."""
    world.order(Place.SUBMIT, Status(500), prompt_contains="fox", times=None)
    world.order(Place.SUBMIT, Status(503), prompt_contains="owl", mode="upscale")
    owl = world.made(prompt="an owl")

    assert world.submit(prompt="a fox").status_code == 500
    assert world.submit(prompt="a fox").status_code == 500
    follow_up: dict[str, Any] = {"taskId": owl, "imageIndex": 0, "type": 0}
    assert world.submit("vary", **follow_up).status_code == 200
    assert world.submit("upscale", **follow_up).status_code == 503
    assert world.submit("upscale", **follow_up).status_code == 200


def test_a_rule_knows_the_task_it_is_about(world: World) -> None:
    """Status and downloads match by the prompt and mode of their task."""
    owl, fox = world.made(prompt="an owl"), world.made(prompt="a fox")
    world.order(Place.STATUS, Status(500), prompt_contains="fox")
    world.order(Place.DOWNLOAD, Status(500), prompt_contains="fox")

    assert world.get(f"/statusTask/midjourney?taskId={owl}").status_code == 200
    assert world.get(f"/statusTask/midjourney?taskId={fox}").status_code == 500
    assert world.download(owl).status_code == 200
    assert world.download(fox).status_code == 500


def test_a_rule_counts(world: World) -> None:
    """The first `after` are spared, the next `times` struck, then it is spent."""
    world.order(Place.SUBMIT, Status(503), after=1, times=2)

    assert [world.submit().status_code for _ in range(5)] == [200, 503, 503, 200, 200]


def test_rules_strike_one_after_the_other(world: World) -> None:
    """One request is struck once; the next due rule has its turn when the first is spent."""
    world.order(Place.SUBMIT, Status(429), times=2)
    world.order(Place.SUBMIT, Status(500))

    assert [world.submit().status_code for _ in range(4)] == [429, 429, 500, 200]


def test_a_script_survives_a_restart(tmp_path: Path) -> None:
    """Rules and counters are in the database."""
    with World(tmp_path) as world:
        world.order(Place.SUBMIT, Status(429), times=2)
        assert world.submit().status_code == 429
    with World(tmp_path) as world:
        assert [world.submit().status_code for _ in range(2)] == [429, 200]


def test_faults_are_ordered_over_http(world: World) -> None:
    """A list is appended, listed with its counters, and cleared."""
    rule = {"where": "submit", "action": "status", "status": 429, "retry_after": 1, "times": None}

    ordered = world.request("POST", FAULTS_URL, json=[rule])
    struck = world.submit()
    listed = world.get(FAULTS_URL).json()["faults"]
    cleared = world.request("DELETE", FAULTS_URL)

    assert (ordered.status_code, ordered.json()) == (201, {"ordered": 1})
    assert struck.status_code == 429
    assert listed == [
        {"where": "submit", "action": "status", "prompt_contains": None, "mode": None,
             "vendor": None, "after": 0, "message": None,
         "times": None, "status": 429, "retry_after": 1, "html": False, "seen": 1, "struck": 1},
    ]  # fmt: skip
    assert cleared.json() == {"removed": 1}
    assert world.submit().status_code == 200


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({}, "action must be one of"),
        ([5], "object"),
        ([{}], "action must be one of"),
        ([{"action": "explode", "where": "submit"}], "action must be one of"),
        ([{"action": "drop_before"}], "where must be one of"),
        ([{"action": "drop_before", "where": "moon"}], "where must be one of"),
        ([{"action": "truncate", "where": "submit"}], "cannot strike"),
        ([{"action": "status", "where": "submit"}], "missing: status"),
        ([{"action": "status", "where": "submit", "status": "429"}], "wrong type"),
        ([{"action": "status", "where": "submit", "status": True}], "wrong type"),
        ([{"action": "status", "where": "submit", "status": 200}], "not an HTTP error"),
        ([{"action": "drop_before", "where": "submit", "every": 2}], "unknown field 'every'"),
        ([{"action": "drop_before", "where": "submit", "times": "all"}], "wrong type"),
    ],
)
def test_a_wrong_rule_is_refused(world: World, rules: Any, words: str) -> None:
    """All rules of a list are taken or none, and the answer says what is wrong."""
    good = {"action": "drop_before", "where": "submit"}
    content = [good, *rules] if isinstance(rules, list) else rules

    answer = world.request("POST", FAULTS_URL, json=content)

    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert world.get(FAULTS_URL).json() == {"faults": []}


EVERY_ACTION: list[tuple[Place, Action]] = [
    (Place.SUBMIT, Status(429, 1.5, html=True)),
    (Place.CALLBACK, DropBefore()),
    (Place.SUBMIT, DropAfter()),
    (Place.SUBMIT, StatusAfter()),
    (Place.STATUS, Delay(2)),
    (Place.BALANCE, Garbage(json=True)),
    (Place.SUBMIT, Fail("NSFW")),
    (Place.SUBMIT, Fewer(1)),
    (Place.SUBMIT, Stall()),
    (Place.SUBMIT, Stall(3.5)),
    (Place.DOWNLOAD, Truncate(0.1)),
    (Place.DOWNLOAD, NotAPicture()),
    (Place.DOWNLOAD, Huge(None, content_length=False)),
    (Place.DOWNLOAD, Slow(5)),
    (Place.DOWNLOAD, Corrupt()),
    (Place.CALLBACK, Repeat()),
    (Place.MODAL, StatusAfter(504)),
    (Place.UPLOAD, DropAfter()),
    (Place.SUBMIT, Idle(7)),
    (Place.BALANCE, Deny("no quota")),
    (Place.STATUS, Status(404, message="no instance")),
]


@pytest.mark.parametrize(("where", "action"), EVERY_ACTION)
def test_a_rule_survives_its_json(where: Place, action: Action) -> None:
    """Every action can be written and read back."""
    fault = Fault(where, action, prompt_contains="owl", mode="vary", vendor="apixo", times=None)

    assert fault_from_json(json.loads(json.dumps(fault.to_json()))) == fault


def test_every_action_has_its_places() -> None:
    """Each place can be struck by something, and nothing strikes where it means nothing."""
    assert {place for place, _ in EVERY_ACTION} == set(Place)
    with pytest.raises(ValueError, match="cannot strike"):
        Fault(Place.BALANCE, Fewer(1))


def test_requests_are_counted(world: World) -> None:
    """Tests can assert that nothing was sent: every request counts, even one that is struck."""
    world.order(Place.SUBMIT, DropBefore())
    with pytest.raises(ConnectionResetError):
        world.submit()
    task_id = world.made()
    world.status(task_id)
    world.download(task_id)
    world.get("http://sandbox.test/sandbox/tasks")

    counts = {place.value: 0 for place in Place} | {"submit": 2, "status": 1, "download": 1}
    assert world.sandbox.requests() == counts == world.sandbox.requests(Vendor.APIXO)
    assert world.get("http://sandbox.test/sandbox/requests").json() == counts
    assert set(world.get(f"{REQUESTS_URL}?vendor=apimart").json().values()) == {0}
    assert world.get(f"{REQUESTS_URL}?vendor=other").status_code == 400


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    """An unknown schema is not touched."""
    sandbox = Sandbox(SandboxSettings(tmp_path / "sandbox.db"))
    with sandbox._desk.database.change() as connection:
        connection.execute("PRAGMA user_version = 99")
    sandbox.close()

    with pytest.raises(OtherVersionError, match="another version"):
        Sandbox(SandboxSettings(tmp_path / "sandbox.db"))
