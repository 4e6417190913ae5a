"""Golden plans: each story says what is wanted and owned, and reads like what a person sees."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from plan_stories import plan_of

from reconciler.plan import render

STORIES = sorted((Path(__file__).parent / "stories").glob("*.yaml"))
EXPECTED = "\nplan: |2\n"


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path: Path, golden: Callable[[Path, str], None]) -> None:
    """The rendered plan and its exit code are exactly those of the file, whose comment says why."""
    text = path.read_text(encoding="utf-8")
    story = yaml.safe_load(text)

    plan = plan_of(story["given"])

    shown = render.lines(plan, verbose=story.get("verbose", False))
    body = "".join(f"  {line}".rstrip() + "\n" for line in shown)
    given, _, _ = text.partition(EXPECTED)
    code = f"exit_code: {plan.exit_code().name.lower()}\n"
    golden(path, f"{given.rstrip()}{EXPECTED}{body}{code}")


def test_there_are_stories() -> None:
    """The parametrised test above is not empty by accident."""
    assert len(STORIES) >= 50
