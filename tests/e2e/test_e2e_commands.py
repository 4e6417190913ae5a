"""Every command as programs and newcomers meet it: --json, --help, exit codes, init, rehearsal."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import KEY_NAME, LIBRARY, Project, Ran, Shop
from jsonschema import Draft202012Validator
from yaml import safe_load

from reconciler import __version__

pytest_plugins = ["e2e_fixtures"]

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    *(["init"], ["validate"], ["plan"], ["apply"], ["status"], ["show"], ["log"], ["verify"]),
    *(["schema"], ["health"], ["sandbox"], ["sandbox", "serve"]),
]


@pytest.fixture
def bought(project: Project) -> Project:
    """A project that has everything."""
    project("apply", "--yes").exits(0)
    return project


def test_plan_json(project: Project) -> None:
    """Versioned; an action has a verb, a reason, a price in micro-dollars, and its place."""
    plan = project("plan", "--json", "--detailed-exitcode").exits(2).json()
    assert set(plan) == {
        *{"format_version", "actions", "in_sync", "tally", "exit_code", "over_budget"}
    }
    assert plan["over_budget"] is None
    assert plan["exit_code"] == 2
    assert plan["tally"] == {
        "tasks": 3,
        "pictures": 9,
        "clips": 0,
        "texts": 0,
        "tasks_without_documented_picture_count": 0,
        "price_micro_usd": 800_000,
        "tasks_without_known_price": 0,
        "by_verb": {"buy": 3},
    }
    first = plan["actions"][0]
    chosen = ("address", "verb", "reason", "price_micro_usd", "operation", "spec", "take")
    assert {name: first[name] for name in chosen} == {
        "address": "library",
        "verb": "buy",
        "reason": "never_bought",
        "price_micro_usd": 200_000,
        "operation": "imagine",
        "spec": {"file": "specs/library.yaml", "path": ["images", "library"]},
        "take": 1,
    }


def test_apply_json_is_one_event_a_line(project: Project, shop: Shop) -> None:
    """First the plan, then what happens, last the summary; nothing else on either stream."""
    ran = project("apply", "--yes", "--json").exits(0)
    assert ran.err == ""
    events = ran.events()
    assert events[0]["event"] == "plan"
    assert events[0]["plan"]["tally"]["tasks"] == 3
    told = {event["event"] for event in events if event.get("address") == "library"}
    assert {"started", "submitting", "submitted", "succeeded", "picture_stored", "done"} <= told
    submitted = [event["task_id"] for event in events if event["event"] == "submitted"]
    assert sorted(submitted) == sorted(task["task_id"] for task in shop.tasks())
    summary = events[-1]
    assert summary["event"] == "summary"
    chosen = ("exit_code", "interrupted", "bought", "spent_micro_usd")
    assert [summary[name] for name in chosen] == [0, False, 3, 800_000]
    assert {one["ending"] for one in summary["outcomes"]} == {"done"}
    again = project("apply", "--json").exits(0).events()
    assert [event["event"] for event in again] == ["plan", "summary"]


def test_apply_json_names_failures(project: Project) -> None:
    """A failure has its code, its kind and its line."""
    prompt = "a quiet library [sandbox: SensitiveContentDetected]"
    project.spec(f'images:\n  library:\n    prompt: "{prompt}"\n')
    summary = project("apply", "--yes", "--json").exits(5).events()[-1]
    assert summary["exit_code"] == 5
    (outcome,) = summary["outcomes"]
    assert outcome["ending"] == "failed"
    assert outcome["failure"] == {"kind": "moderated", "code": "SensitiveContentDetected"}
    assert outcome["spec"] == {"file": "specs/library.yaml", "line": 3, "column": 13}
    assert outcome["task_id"].startswith("task_")


def test_looking_commands_json(bought: Project, shop: Shop) -> None:
    """status, show, log, validate, verify: one document each (log: one line each), right keys."""
    with shop.untouched():
        status = bought("status", "--json").exits(0).json()
        assert status["counts"] == {"in_sync": 3}
        assert status["active_run"] is None
        assert status["spent_this_month_micro_usd"] == 800_000
        assert {one["address"] for one in status["resources"]} == set(bought.manifest())

        shown = bought("show", "library.hero", "--json").exits(0).json()
        assert shown["state"] == "in_sync"
        assert shown["paid_micro_usd"] == 300_000
        assert shown["spec"]["line"] == 8
        assert shown["sent"][0]["path"] == "generateTask/midjourney"
        assert shown["sent"][0]["body"]["input"]["mode"] == "upscale"
        (take,) = shown["takes"]
        assert take["phase"] == "stored"
        assert take["candidates"][0]["picture"]["digest"] == next(iter(shown["view"].values()))

        lines = bought("log", "--json").exits(0).events()
        kinds = {event["kind"] for event in lines}
        assert {"intended", "sending", "accepted"} <= kinds
        assert {"seq", "at", "run", "address", "kind", "data"} <= set(lines[0])
        assert len(bought("log", "-n", "3", "--json").exits(0).events()) == 3
        only = bought("log", "library", "--json").exits(0).events()
        assert {event["address"] for event in only} == {"library"}

        valid = bought("validate", "--json").exits(0).json()
        assert valid == {
            "valid": True,
            "resources": 3,
            "files": 1,
            "problems": [],
            "advice": [],
        }
        verified = bought("verify", "--json").exits(0).json()
        assert verified == {"checked": 9, "damaged": [], "exit_code": 0}


def test_validate(project: Project) -> None:
    """A sentence and 0, or every problem and 1; as JSON too, with line and column."""
    assert project("validate").exits(0).out == "Valid: 3 resources in 1 file.\n"
    project.edit("specs/library.yaml", "pick: 2", "pick: 5")
    assert "specs/library.yaml:5:11" in project("validate").exits(1).err
    broken = project("validate", "--json").exits(1).json()
    assert broken["valid"] is False
    assert [(one["line"], one["column"]) for one in broken["problems"]] == [(5, 11)]


def test_show_for_people(bought: Project) -> None:
    """Spec, request as sent, take, objects, views, events and cost on one page."""
    out = bought("show", "library.hero").exits(0).out
    for words in (
        "library.hero\n  written at  specs/library.yaml:8\n  stands      in sync\n",
        "  paid        $0.30\n",
        "sent as POST generateTask/midjourney\n",
        "take 1, attempt 1: stored, $0.30\n",
        "shown as\n  library/hero.png\n",
        "  accepted  task_id=task_",
    ):
        assert words in out, out
    bought("show", "library.heroo").fails(1, "there is no address", "did you mean `library.hero`?")
    bought("log", "librari").fails(1, "there is no address", "did you mean `library`?")


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=lambda words: " ".join(words) or "none")
def test_help(folder: Project, command: list[str]) -> None:
    """--help and -h work everywhere, without a project, on standard output."""
    ran = folder(*command, "--help").exits(0)
    assert ran.out.startswith("Usage: reconcile")
    assert ran.err == ""
    assert folder(*command, "-h").exits(0) == ran


def test_version(folder: Project) -> None:
    """--version answers without a project."""
    assert folder("--version").exits(0).out == f"reconcile {__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["paln"], "did you mean `plan`?"),
        (["plan", "--jsno"], "--json"),
        (["apply", "--yess"], "--yes"),
        (["--bogus"], "no such option '--bogus'"),
        (["show"], "missing argument 'ADDRESS'"),
        (["schema", "image"], "is not one of 'spec', 'config'"),
        (["plan", "librari"], "did you mean `library`?"),
        (["apply", "--yes", "nothing*"], "no address matches `nothing*`"),
        (["plan", "--exclude", "zzz"], "no address matches `zzz`"),
        (["status", "zzz"], "no address matches `zzz`"),
        (["log", "-n", "0"], "0 is not in the range"),
        (["sandbox", "sreve"], "serve"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_1(project: Project, shop: Shop, words: list[str], message: str) -> None:
    """Never 2, which means that paid work is pending; the nearest right word is named."""
    with shop.untouched():
        assert project(*words).fails(1, message).out == ""


def test_init_gives_a_project_that_works(folder: Project) -> None:
    """An empty folder, no key, three commands: pictures."""
    ran = folder("init").exits(0)
    assert ran.out.startswith("  wrote  reconciler.yaml\n  wrote  specs/pictures.yaml\n")
    assert (
        folder("plan")
        .exits(0)
        .out.endswith("\nPlan: 2 tasks to buy, 5 pictures, $0.50; 0 in sync.\n")
    )
    folder.edit("reconciler.yaml", "    speed: 20 ", "    speed: 300 ")
    folder("apply").exits(0)
    assert "lantern.png" in folder.views()
    assert folder("apply").exits(0).out == "No changes: 2 resources in sync, nothing to do.\n"
    before = {path: path.read_bytes() for path in folder.root.rglob("*.yaml")}
    again = folder("init").exits(0).out
    assert "wrote" not in again
    assert again.count("  kept   ") == 5
    assert {path: path.read_bytes() for path in folder.root.rglob("*.yaml")} == before


def test_init_in_another_folder(folder: Project) -> None:
    """`init DIR` and `-C DIR init` make the folder; a file in the way is told."""
    folder("init", "pictures/here").exits(0)
    folder("-C", "pictures/here", "plan").exits(0)
    folder.write("occupied", "")
    folder("init", "occupied").fails(1)


def _schema_lines(root: Path) -> list[tuple[Path, Path]]:
    found = []
    for path in [root / "reconciler.yaml", *sorted((root / "specs").rglob("*.yaml"))]:
        match = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
        assert match, f"{path} does not begin with a modeline"
        found.append((path, path.parent / match[1]))
    return found


def test_init_writes_modelines_that_point_at_the_schemas(folder: Project) -> None:
    """Editors find the schema beside the specs; it is what `schema` prints, and it holds."""
    folder("init").exits(0)
    schemas = {"spec": folder("schema", "spec"), "config": folder("schema", "config")}
    assert folder("schema").out == schemas["spec"].out
    pointed = _schema_lines(folder.root)
    assert [path.name for _, path in pointed] == ["reconciler.json", "spec.json"]
    for (document, schema), which in zip(pointed, ("config", "spec"), strict=True):
        assert schema.read_text() == schemas[which].exits(0).out
        Draft202012Validator(schemas[which].json()).validate(safe_load(document.read_text()))


def test_the_repositorys_schemas_are_up_to_date(folder: Project) -> None:
    """`reconcile schema spec > specs/.schema/spec.json`, and `config` likewise, change nothing."""
    for which, name in (("spec", "spec.json"), ("config", "reconciler.json")):
        committed = (ROOT / "specs/.schema" / name).read_text(encoding="utf-8")
        assert folder("schema", which).exits(0).out == committed, f"renew {name}"
        assert json.dumps(json.loads(committed), indent=2, ensure_ascii=False) + "\n" == committed
    for _, schema in _schema_lines(ROOT):
        assert schema.is_file()


@pytest.mark.slow
def test_a_rehearsal_mixes_with_nothing(project: Project, shop: Shop) -> None:
    """A real base_url, no key: the sandbox draws, apart; the real state is as it was, both ways."""
    project.spec("images:\n  owl: {prompt: an owl, draft: true, pick: 2}\n")
    key = project.env.pop(KEY_NAME)
    with shop.untouched():
        ran = project("apply", "--sandbox").exits(0)
        assert "A rehearsal: the sandbox draws these pictures, nothing is spent.\n" in ran.out
        again = project("apply", "--sandbox").exits(0)
        assert again.out == "No changes: 1 resource in sync, nothing to do.\n"
        assert project("status", "--sandbox").exits(0).out.startswith("1 in sync.")
        project("verify", "--sandbox").exits(0)
        assert project("show", "owl", "--sandbox").exits(0).out.count("  candidate ") == 4
        assert "1 task to buy" in project("plan").exits(0).out
    assert not project.assets.exists()
    assert not (project.root / "state/reconciler.db").exists()
    rehearsed = project.root / "state/rehearsal"
    assert (rehearsed / "assets/owl.png").is_file()
    before = _fingerprint(rehearsed / "assets")

    project.env[KEY_NAME] = key
    project("apply", "--yes").exits(0)
    assert len(shop.charges()) == 1
    assert _fingerprint(rehearsed / "assets") == before
    project.edit("specs/library.yaml", "pick: 2", "pick: 1")
    with shop.untouched():
        project("apply", "--sandbox").exits(0)
    assert "another pick" in project("plan").exits(0).out


def _fingerprint(folder: Path) -> dict[str, Any]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


FAMILY = """\
images:
  oak:
    prompt: an oak
    pick: 1
    variants: {large: {upscale: subtle, variants: {odd: {vary: subtle}}}}
  elm: {prompt: an elm, pick: 1, variants: {large: {upscale: 2x}}}
"""


@pytest.mark.parametrize(
    ("words", "addresses"),
    [
        (["oak"], ["oak"]),
        (["+oak.large"], ["oak", "oak.large"]),
        (["oak+"], ["oak", "oak.large", "oak.large.odd"]),
        (["+oak.large+"], ["oak", "oak.large", "oak.large.odd"]),
        (["*.large", "oak", "elm"], ["oak", "oak.large", "elm", "elm.large"]),
        (["e*"], ["elm", "elm.large"]),
        (["--exclude", "*.large+"], ["oak", "elm"]),
        (["oak+", "--exclude", "*.odd"], ["oak", "oak.large"]),
    ],
    ids=" ".join,
)
def test_selection(project: Project, words: list[str], addresses: list[str]) -> None:
    """Addresses, globs, ancestors, descendants, exclusions."""
    project.spec(FAMILY)
    plan = project("plan", "--json", *words).exits(0).json()
    assert [action["address"] for action in plan["actions"]] == addresses
    assert {action["verb"] for action in plan["actions"]} == {"buy"}


def test_a_selection_is_all_that_is_bought(project: Project, shop: Shop) -> None:
    """`apply oak` buys oak; a child whose parent is not selected is refused, not bought."""
    project.spec(FAMILY)
    project("apply", "--yes", "oak").exits(0)
    assert shop.charges() == ["text-to-image an oak"]
    ran = project("apply", "--yes", "elm.large").exits(5)
    assert "its parent is not selected (add elm, or select `+elm.large`)" in ran.out
    project("apply", "--yes", "+elm.large", "oak.large").exits(0)
    assert len(shop.charges()) == 4
    project("apply", "--yes", "--exclude", "*.odd").exits(0)
    assert len(shop.charges()) == 4


def _with(project: Project, line: str) -> None:
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", f"{text}{line}\n")


DRAFT = """\
images:
  owl: {prompt: an owl, draft: true, pick: 1, variants: {final: {enhance: true}}}
"""


@pytest.mark.slow
def test_an_unknown_price_is_shown_and_stops_a_budget(project: Project, shop: Shop) -> None:
    """Never zero: `unknown` in plan and question; with a budget exit 6; `prices:` cures it."""
    project.spec(DRAFT)
    plan = project("plan").exits(0).out
    assert plan.endswith(
        "\nPlan: 2 tasks to buy, 5 pictures, $0.10 plus 1 task at an unknown price; 0 in sync.\n"
    )
    terminal = project.terminal("apply")
    terminal.until("Spend $0.10 and 1 at an unknown price? [y/N]: ")
    terminal.type("n\n")
    terminal.end()
    _with(project, "budget: {per_apply: 100}")
    with shop.untouched():
        project("apply", "--yes").fails(6, "the price of owl.final is unknown", "`prices:`")
    _with(project, "prices: {apixo: {enhance: 0.20}}")
    project("apply", "--yes").exits(0)
    assert project("plan").exits(0).out.startswith("No changes")


def test_an_unknown_price_key_is_refused(project: Project) -> None:
    """A typing error in `prices:` is no price."""
    _with(project, "prices: {apixo: {enhanse: 0.20}}")
    project("plan").fails(1, "`prices.apixo` has no key `enhanse`", "enhance")


def plan_exits(project: Project, code: int) -> Ran:
    """Plan with --detailed-exitcode."""
    return project("plan", "--detailed-exitcode").exits(code)


@pytest.mark.slow
def test_detailed_exit_codes(project: Project) -> None:
    """0 in sync, 2 paid work, 3 free work, 4 picks, 5 failures, 7 doubts, 1 error."""
    project("plan").exits(0)
    plan_exits(project, 2)
    project("apply", "--yes").exits(0)
    plan_exits(project, 0)
    (project.assets / "library.png").unlink()
    plan_exits(project, 3)
    project("apply").exits(0)
    project.edit("specs/library.yaml", "    pick: 2\n", "")
    project("apply").exits(4)
    waiting = plan_exits(project, 4).out
    assert "choose a candidate first (write `pick:` on library, or `of:` here)" in waiting
    project.spec("images: 5\n")
    plan_exits(project, 1)
    project.spec(LIBRARY)
