"""`reconcile health`: what people and programs see, its exit code, and that it only looks."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from health_books import APIXO, NOW, Past, delivered

from reconciler.cli.app import main
from reconciler.cli.health import health_json, health_lines
from reconciler.plan.render import Tone
from reconciler.policy import FailureKind
from reconciler.purchase import Paused, Report

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]
MINUTE = timedelta(minutes=1)

WHOLE_PAGE = """\
all providers, the last 60 min
  success rate        85.7 %  > 95 %  of 7      BROKEN
  mean completion     40.0 s  < 90 s  of 6      ok
  tasks in MODAL           1  0       of 2      BROKEN
  banned prompts      14.3 %  < 5 %   of 7      BROKEN
  in their queue      20.0 s          of 1
  waited here          0.0 s          of 9

apimart, the last 60 min
  success rate        83.3 %  > 95 %  of 6      BROKEN
  mean completion     40.0 s  < 90 s  of 5      ok
  tasks in MODAL           1  0       of 2      BROKEN
  banned prompts      16.7 %  < 5 %   of 6      BROKEN
  in their queue      20.0 s          of 1
  waited here          0.0 s          of 8

apixo, the last 60 min
  success rate       100.0 %  > 95 %  of 1      too few to tell
  mean completion     40.0 s  < 90 s  of 1      too few to tell
  tasks in MODAL           0  0       of 0      ok
  banned prompts       0.0 %  < 5 %   of 1      too few to tell
  in their queue           -          of 0      not on record
  waited here          0.0 s          of 1

long SUBMITTED   none
long NOT_START   none
long under way   1: `reconcile apply` asks how it stands; asking is free
  image8  10 min, seen as in progress  (task task_i8 at apimart)
waits in MODAL   1: its second step is missing: `reconcile apply` sends it
  image9  25 min, 5 min left: run `reconcile apply` now  (task task_i9 at apimart)
empty `prompt`   nothing to do: a describe's text is then read from `description`
missing picture  1: the provider's filter kept it back; that is refunded nowhere we know
  image1  candidate 4 missing; the provider says "Banned prompt detected"  (task task_i1 at apimart)
high bill        none
"""


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """Return an empty past."""
    return Past(tmp_path / "reconciler.db")


def in_trouble(past: Past) -> Past:
    """Let nearly everything go wrong once."""
    remark = Report(remark="Banned prompt detected")
    past.succeeded(result=delivered("https://h/1", "https://h/2", "https://h/3", report=remark))
    for _ in range(4):
        past.succeeded()
    past.succeeded(provider=APIXO)
    past.failed(FailureKind.MODERATED)
    running = past.accepted(NOW - 10 * MINUTE)
    past.seen(running, "in progress", NOW - 10 * MINUTE + timedelta(seconds=20))
    past.happened(past.accepted(NOW - 25 * MINUTE), Paused(), NOW - 24 * MINUTE)
    return past


def plain(text: str, tone: Tone) -> str:
    """Paint troubles so that they can be seen."""
    return text.upper() if tone is Tone.TROUBLE else text


def test_the_page_for_people(past: Past) -> None:
    """One table for all and one for each provider, then the checklist, each task with its words."""
    page = "\n".join(health_lines(in_trouble(past).health(), plain)) + "\n"
    assert page == WHOLE_PAGE


def test_one_provider_needs_one_table(past: Past) -> None:
    """The numbers over all would only repeat those of the one."""
    past.succeeded(provider=APIXO)
    lines = list(health_lines(past.health(), plain))
    assert [line for line in lines if "the last" in line] == ["apixo, the last 60 min"]


def test_the_document_for_programs(past: Past) -> None:
    """Names, units and order stay: whoever watches a project builds upon them."""
    found = health_json(in_trouble(past).health())
    assert json.loads(json.dumps(found)) == found
    assert list(found) == [
        *("format_version", "at", "window_minutes", "scopes", "checklist", "exit_code")
    ]
    assert [(one["provider"], one["broken"]) for one in found["scopes"]] == [
        (None, True),
        ("apimart", True),
        ("apixo", False),
    ]
    assert [one["metric"] for one in found["scopes"][0]["metrics"]] == [
        *("success_rate", "mean_completion_seconds", "tasks_in_modal", "banned_prompt_share"),
        *("mean_queue_seconds", "mean_wait_before_sending_seconds"),
    ]
    assert found["scopes"][2]["metrics"][1] == {
        "metric": "mean_completion_seconds",
        "value": 40.0,
        "mark": 90.0,
        "sample": 1,
        "judgement": "too_few",
    }
    cases = {one["symptom"]: one["cases"] for one in found["checklist"]}
    assert list(cases) == [
        *("long_submitted", "long_not_start", "long_under_way", "modal_waiting"),
        *("empty_prompt", "missing_picture", "high_bill"),
    ]
    assert cases["modal_waiting"] == [
        {
            "address": "image9",
            "provider": "apimart",
            "task_id": "task_i9",
            "intent": "i9",
            "detail": "5 min left: run `reconcile apply` now",
            "age_seconds": 1500.0,
            "minutes_left": 5,
        }
    ]
    assert found["exit_code"] == 5


def reconcile(root: Path, *arguments: str) -> Result:
    """Run the program on a project."""
    return CliRunner().invoke(main, ["-C", str(root), *arguments])


def json_of(result: Result) -> Any:
    """Return standard output as one document."""
    return json.loads(result.stdout)


def test_a_project_without_a_past_is_healthy(project_of: ProjectOf) -> None:
    """Nothing is made up, and nothing is made: not even the database."""
    root = project_of({"specs/broken.yaml": "images: [this is no spec"})
    result = reconcile(root, "health")
    assert result.exit_code == 0
    assert "success rate             -  > 95 %  of 0      nothing to judge" in result.stdout
    assert not (root / "state/reconciler.db").exists()


SANDBOX = """\
providers:
  apimart: {type: apimart, base_url: "sandbox:", speed: 40}
"""


def test_apply_leaves_on_record_what_health_asks_for(project_of: ProjectOf) -> None:
    """A real run on the sandbox: it was watched, and seen to leave the queue."""
    spec = 'images:\n  fox: {prompt: a fox, version: "7", speed: fast}\n'
    root = project_of({"reconciler.yaml": SANDBOX, "specs/a.yaml": spec})
    assert reconcile(root, "apply", "--yes").exit_code == 0
    metrics = json_of(reconcile(root, "health", "--json"))["scopes"][0]["metrics"]
    known = {one["metric"]: one["value"] for one in metrics if one["sample"] == 1}
    assert known["success_rate"] == 1
    assert known["banned_prompt_share"] == 0
    assert 0 < known["mean_queue_seconds"] < known["mean_completion_seconds"] < 60


def test_a_missed_mark_exits_with_5(project_of: ProjectOf) -> None:
    """So that a cron job or a CI step can tell; in both forms, and with a window of one's own."""
    root = project_of({})
    (root / "state").mkdir()
    past = Past(root / "state/reconciler.db")
    for _ in range(5):
        past.failed(ended=datetime.now(UTC) - timedelta(minutes=90))
    past.store.close()
    assert reconcile(root, "health").exit_code == 0
    wider = reconcile(root, "health", "--window", "120")
    assert wider.exit_code == 5
    assert "success rate         0.0 %  > 95 %  of 5      broken" in wider.stdout
    document = reconcile(root, "health", "--window", "120", "--json")
    assert document.exit_code == 5
    assert json_of(document)["exit_code"] == 5
    assert json_of(document)["window_minutes"] == 120


def test_health_only_looks(project_of: ProjectOf) -> None:
    """The history grows by nothing, and a window of nothing is refused."""
    root = project_of({})
    (root / "state").mkdir()
    past = Past(root / "state/reconciler.db")
    past.happened(past.accepted(datetime.now(UTC) - 9 * MINUTE), Paused(), datetime.now(UTC))
    before = past.store.last_seq()
    assert reconcile(root, "health").exit_code == 0
    assert past.store.last_seq() == before
    assert reconcile(root, "health", "--window", "0").exit_code == 1
