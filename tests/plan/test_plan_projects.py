"""Plans of whole projects on disk, carried out on the embedded sandbox."""

import io
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from plan_stories import Past

from reconciler.applying import apply
from reconciler.assets.objects import ObjectStore
from reconciler.cli.answers import portrait_json, portrait_lines
from reconciler.cli.summary import summary_json, summary_lines
from reconciler.engine.outcome import Ending, Outcome, RunResult
from reconciler.engine.progress import Happening, Reporter
from reconciler.errors import ExitCode
from reconciler.ids import Address
from reconciler.looking import portray
from reconciler.plan.actions import Action, Plan, Reason, Verb
from reconciler.plan.render import plain
from reconciler.planning import Wish, planned
from reconciler.project import Project
from reconciler.purchase import Purchase, Report
from reconciler.spec.diagnostics import SpecProblemsError
from reconciler.verifying import Fate, verify

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]
BOTH = """\
providers:
  apixo: {type: apixo, base_url: "sandbox:", speed: 1000}
  apimart: {type: apimart, base_url: "sandbox:", speed: 1000}
default_provider: apimart
"""
SPEC = """\
images:
  owl:
    prompt: an owl on a shelf
    speed: fast
    pick: 2
    variants:
      second: {single: true}
      left: {pan: left}
      words: {describe: true}
"""


class Agreeable:
    """A desk that agrees to everything and says nothing."""

    def recovered(self, doubtful: list[Purchase]) -> None:
        """Nothing was left in doubt."""
        assert doubtful == []

    def see(self, plan: Plan) -> None:
        """Look away."""

    def approves(self, plan: Plan) -> bool:  # noqa: ARG002 - the protocol
        """Agree."""
        return True

    def watch(self, plan: Plan) -> AbstractContextManager[Reporter]:  # noqa: ARG002
        """Return nobody."""
        return nullcontext(Silence())


class Silence:
    """Hears nothing."""

    def report(self, happening: Happening) -> None:
        """Say nothing."""


@pytest.fixture
def picture() -> bytes:
    """Return a small real picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def carried_out(project: Project) -> RunResult:
    """Apply everything."""
    result = apply(project, Wish(), Agreeable())
    assert result is not None
    return result


def test_a_local_picture_without_a_public_place_is_told_with_its_line(
    project_of: ProjectOf, picture: bytes
) -> None:
    """Whoever reads the plan finds the place, and what to write."""
    spec = "images:\n  owl:\n    prompt: an owl\n    image_refs:\n      - refs/a.png\n"
    files: dict[str, str | bytes] = {"specs/owl.yaml": spec, "refs/a.png": picture}
    (action,) = planned(Project.find(project_of(files)), Wish()).plan.actions

    assert (action.verb, action.reason) == (Verb.BLOCKED, Reason.NEEDS_PUBLIC_PLACE)
    assert action.note.startswith("specs/owl.yaml:5: refs/a.png; ")
    assert "publish:" in action.note


def test_a_missing_candidate_is_told_with_the_vendors_words(project_of: ProjectOf) -> None:
    """Who gets three pictures instead of four reads why, and that the task is paid."""
    project = Project.find(project_of({"reconciler.yaml": BOTH}))
    bought = Past({}, {"owl": {"imagine": "an owl", "provider": "apimart", "pictures": [1, 2, 4]}})
    said = Report(remark="one image was removed")
    purchase = replace(bought.bought["owl"].purchase, report=said)
    action = Action(Address("owl"), Verb.BUY, Reason.NEVER_BOUGHT)
    outcome = Outcome(action, Ending.DONE, purchase=purchase)
    result = RunResult(Plan((action,), 0), (outcome,))

    assert (
        "note: owl: candidate 3 not delivered (APIMart says: one image was removed); "
        "the task is paid as it is"
    ) in summary_lines(result, project)
    assert summary_json(result, project)["outcomes"][0]["remark"] == "one image was removed"


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with everything that APIMart needs steps for, or makes no pictures of."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "specs").mkdir()
    (folder / "reconciler.yaml").write_text(BOTH)
    (folder / "specs/owl.yaml").write_text(SPEC)
    project = Project.find(folder)
    result = carried_out(project)
    assert {one.ending for one in result.outcomes} == {Ending.DONE}
    assert sorted(one.address for one in result.bought()) == [
        *("owl", "owl.@2", "owl.left", "owl.words")
    ]
    return project


def test_the_manifest_names_parents_as_the_specs_do(applied: Project) -> None:
    """The vendor's step is no resource, and nothing derives from it for whoever uses pictures."""
    text = (applied.assets_path / "manifest.json").read_text(encoding="utf-8")
    resources = json.loads(text)["resources"]

    assert set(resources) == {"owl", "owl.second", "owl.left", "owl.words"}
    assert resources["owl.left"]["parent"] == {"address": "owl", "candidate": 2}
    assert resources["owl.second"]["parent"] == {"address": "owl", "candidate": 2}
    assert resources["owl.second"]["task_id"] is None
    path = applied.assets_path / resources["owl.words"]["path"]
    assert resources["owl.words"]["text"] == path.read_text(encoding="utf-8")


def test_another_default_provider_buys_nothing(applied: Project) -> None:
    """What is owned is owned, whoever made it; for what is new its maker is asked."""
    config = applied.root / "reconciler.yaml"
    portable = SPEC.replace("      left: {pan: left}\n", "").replace(
        "      words: {describe: true}\n", "      dusk: {vary: subtle}\n"
    )
    try:
        config.write_text(BOTH.replace("default_provider: apimart", "default_provider: apixo"))
        (applied.root / "specs/owl.yaml").write_text(portable)
        plan = planned(Project.find(applied.root), Wish()).plan
    finally:
        config.write_text(BOTH)
        (applied.root / "specs/owl.yaml").write_text(SPEC)

    (bought,) = [one for one in plan.actions if one.verb is Verb.BUY]
    assert (bought.address, bought.provider) == ("owl.dusk", "apimart")
    assert bought.note == "at apimart, which made its parent"


def test_verify_brings_back_what_was_cut_out(applied: Project) -> None:
    """Lost bytes are fetched once, and right again under both addresses.

    The sandbox draws the step as the same picture; nobody misses that one.
    """
    owl, second = (portray(applied, name).takes[-1] for name in ("owl", "owl.second"))
    picture = second.candidates[0].picture
    assert picture is not None
    assert owl.candidates[1].picture == picture
    path = ObjectStore(applied.assets_path).path(picture.digest)
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    report = verify(applied, Agreeable())

    assert {(one.address, one.fate) for one in report.damages} == {
        ("owl", Fate.FETCHED),
        ("owl.second", Fate.FETCHED),
        ("owl.@2", Fate.SPARE),
    }
    assert report.exit_code() is ExitCode.OK
    assert planned(applied, Wish()).plan.actions == ()


def test_show_tells_words_and_what_was_needed_first(applied: Project) -> None:
    """The description's text, the grid, and the step that follow-ups start from."""
    words = portrait_json(portray(applied, "owl.words"))
    (candidate,) = words["takes"][0]["candidates"]
    shown = list(portrait_lines(portray(applied, "owl"), plain))

    assert candidate["text"]
    lines = list(portrait_lines(portray(applied, "owl.words"), plain))
    for line in candidate["text"].splitlines():
        assert f"    {line}" in lines
    assert any(line.startswith("  all in one picture: http") for line in shown)
    assert any(line.startswith("  also        owl.@2, stored, ") for line in shown)
    assert portrait_json(portray(applied, "owl"))["takes"][0]["report"]["grid_url"]


def test_show_of_what_is_cut_out_here_sends_nothing(applied: Project) -> None:
    """Its request is shown; there is no message for it."""
    portrait = portray(applied, "owl.second")
    lines = list(portrait_lines(portrait, plain))

    assert portrait.sent == ()
    assert "  operation: single" in lines
    assert not any(line.startswith("sent as") for line in lines)


def test_show_of_a_follow_up_names_the_task_it_will_start_from(applied: Project) -> None:
    """The step's task, not the grid's: placeholders say where they come from."""
    (sent,) = portray(applied, "owl.left").sent

    assert sent.body is not None
    assert sent.body["task_id"] == "<task id of owl.@2>"


def test_show_of_a_step_says_what_it_is_for(applied: Project) -> None:
    """It can be asked for by its address, although no spec names it."""
    lines = list(portrait_lines(portray(applied, "owl.@2"), plain))

    assert "  bought for follow-ups that start from it" in lines


def test_what_is_owned_is_judged_by_its_maker(project_of: ProjectOf) -> None:
    """APIMart knows no words for a variation; those of APIXO's pictures are APIXO's to judge."""
    spec = """\
images:
  owl:
    prompt: an owl
    version: "7"
    speed: fast
    pick: 1
    variants:
      near: {vary: subtle, prompt: an owl asleep}
"""
    config = BOTH.replace("default_provider: apimart", "default_provider: apixo")
    root = project_of({"reconciler.yaml": config, "specs/a.yaml": spec})
    assert apply(Project.find(root), Wish(), Agreeable()) is not None

    (root / "reconciler.yaml").write_text(BOTH)
    assert planned(Project.find(root), Wish()).plan.work() == ()
    (root / "specs" / "a.yaml").write_text(spec + "      far: {vary: strong, prompt: far off}\n")
    (action,) = planned(Project.find(root), Wish()).plan.work()
    assert (action.verb, action.provider) == (Verb.BUY, "apixo")

    (root / "specs" / "a.yaml").write_text(spec.replace("an owl\n", "another owl\n"))
    with pytest.raises(SpecProblemsError, match="problem"):
        planned(Project.find(root), Wish())
