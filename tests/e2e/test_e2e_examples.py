"""Every example, and the demonstration in the repository's root, as a reader would run it."""

import shutil
from pathlib import Path

import pytest
from e2e_kit import Project, clean_env
from PIL import Image

pytest_plugins = ["e2e_fixtures"]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir())


def fresh(source: Path, target: Path) -> Project:
    """Copy what git has of a project."""
    shutil.copytree(source / "specs", target / "specs")
    shutil.copy(source / "reconciler.yaml", target)
    return Project(target, clean_env())


def assert_works(project: Project) -> None:
    """Plan, apply, apply: pictures that open, then nothing to do."""
    planned = project("plan", "--json").exits(0).json()
    assert planned["tally"]["tasks"] == len(planned["actions"]) > 0
    project("apply").exits(0)
    entries = project.manifest()
    assert len(entries) == len(planned["actions"])
    for entry in entries.values():
        with Image.open(project.assets / entry["path"]) as picture:
            picture.load()
            assert picture.size == (entry["width"], entry["height"])
    again = project("apply").exits(0)
    assert again.out.startswith(f"No changes: {len(entries)} resources in sync")
    project("plan", "--detailed-exitcode").exits(0)


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
    assert shown.startswith("Valid: ")
