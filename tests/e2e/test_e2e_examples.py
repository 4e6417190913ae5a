"""Every example, and the demonstration in the repository's root, as a reader would run it."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import Project, clean_env
from PIL import Image

pytest_plugins = ["e2e_fixtures"]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir())


def fresh(source: Path, target: Path) -> Project:
    """Copy what git has of a project."""
    for folder in ("specs", "refs", "masks"):
        if (source / folder).is_dir():
            shutil.copytree(source / folder, target / folder)
    shutil.copy(source / "reconciler.yaml", target)
    return Project(target, clean_env())


def assert_works(project: Project) -> None:
    """Plan, apply, apply: results that open, then nothing to do."""
    planned = project("plan", "--json").exits(0).json()
    actions = planned["actions"]
    assert {one["verb"] for one in actions} <= {"buy", "derive"}
    assert planned["tally"]["tasks"] == sum(one["verb"] == "buy" for one in actions) > 0
    project("apply").exits(0)
    entries = project.manifest()
    named = [one for one in actions if "@" not in one["address"]]
    assert entries.keys() == {one["address"] for one in named}
    for entry in entries.values():
        assert_opens(project, entry if entry["path"] else entry["candidates"][0])
    again = project("apply").exits(0)
    assert again.out.startswith(f"No changes: {len(entries)} resources in sync")
    project("plan", "--detailed-exitcode").exits(0)


def assert_opens(project: Project, told: Mapping[str, Any]) -> None:
    """A result is what the manifest says: a picture, a clip or words."""
    path = project.assets / told["path"]
    assert path.stat().st_size == told["bytes"] > 0
    if told["media_type"].startswith("image/"):
        with Image.open(path) as picture:
            picture.load()
            assert picture.size == (told["width"], told["height"])
    else:
        assert told["media_type"] in ("video/mp4", "text/plain")


def test_there_are_examples() -> None:
    """At least three that a user would recognise."""
    assert len(EXAMPLES) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_example(tmp_path: Path, name: str) -> None:
    """Applied twice: works without a key, then says that there is nothing to do."""
    assert_works(fresh(ROOT / "examples" / name, tmp_path))


@pytest.mark.slow
def test_the_demonstration(tmp_path: Path) -> None:
    """The repository's own specs show every mode, within well under a minute."""
    project = fresh(ROOT, tmp_path)
    operations = {one["operation"] for one in project("plan", "--json").json()["actions"]}
    assert operations == {"imagine", "vary", "upscale", "reroll", "enhance", "edit"}
    assert_works(project)


@pytest.mark.parametrize("name", [".", *(f"examples/{name}" for name in EXAMPLES)])
def test_examples_are_valid(name: str, folder: Project) -> None:
    """Checked in a moment, for whoever leaves the slow ones out."""
    shown = folder("-C", str(ROOT / name), "validate").exits(0).out
    assert re.search(r"^Valid: ", shown, re.MULTILINE)
