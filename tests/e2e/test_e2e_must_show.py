"""What the first slice must show, item by item, over HTTP against a sandbox in another process."""

from pathlib import Path
from typing import Any

import pytest
from e2e_kit import LIBRARY, Project, Ran, Shop, normal
from PIL import Image

pytest_plugins = ["e2e_fixtures"]

FIRST_PLAN = """\
 buy  library        imagine                      $0.20  never bought
 buy  library.night  vary strong of library@1     $0.30  never bought
 buy  library.hero   upscale subtle of library@2  $0.30  never bought

Plan: 3 tasks to buy, 9 pictures, $0.80; 0 in sync.
"""
OLD = "a quiet library inside a glass greenhouse"
BOUGHT = [f"text-to-image {OLD}", f"upscale {OLD}", "vary the same library at night"]


def test_item_1_first_apply_gives_pictures_the_second_sends_nothing(
    project: Project, shop: Shop
) -> None:
    """Apply buys what the plan lists and leaves real pictures; again: no changes, no request."""
    assert project("plan").exits(0).out == FIRST_PLAN

    first = project("apply", "--yes").exits(0)
    assert first.out.startswith(FIRST_PLAN)
    assert normal(first.out).endswith("\nApplied: 3 bought for $0.80.\nPictures: ASSETS\n")
    assert shop.charges() == BOUGHT

    with shop.untouched():
        assert project("apply") == Ran(0, "No changes: 3 resources in sync, nothing to do.\n", "")
        assert project("plan", "--detailed-exitcode").exits(0).err == ""


def test_item_1_pictures_open_and_have_the_ratio(project: Project, shop: Shop) -> None:
    """Every view opens, has the shape that was asked for, and is a link to a read-only object."""
    project("apply", "--yes").exits(0)
    fours = ["library", "library/night"]
    wanted = [f"{name}.{number}.png" for name in fours for number in (1, 2, 3, 4)]
    assert project.views() == sorted(["library.png", "library/hero.png", *wanted])
    for name in project.views():
        place = project.assets / name
        assert place.is_symlink()
        assert not place.readlink().is_absolute()
        assert place.resolve().stat().st_mode & 0o222 == 0
        with Image.open(place) as picture:
            picture.load()
            assert picture.width / picture.height == pytest.approx(1.5, abs=0.05), name
    assert (project.assets / "library.png").resolve() == (
        project.assets / "library.2.png"
    ).resolve()
    assert shop.leaks() == []


def test_item_1_the_manifest_tells_programs_everything(project: Project, shop: Shop) -> None:
    """manifest.json holds digest, size, type, prompt, parent, provider and task of each address."""
    project("apply", "--yes").exits(0)
    found = project.manifest()
    assert list(found) == ["library", "library.hero", "library.night"]
    hero: dict[str, Any] = found["library.hero"]
    view = project.assets / hero["path"]
    with Image.open(view) as picture:
        assert picture.size == (hero["width"], hero["height"])
    assert view.resolve().name == hero["digest"]
    assert view.stat().st_size == hero["bytes"]
    assert hero["parent"] == {"address": "library", "candidate": 2}
    assert hero["task_id"] in {task["task_id"] for task in shop.tasks()}
    chosen = {name: hero[name] for name in ("media_type", "operation", "provider", "take", "pick")}
    assert chosen == {
        "media_type": "image/png",
        "operation": "upscale",
        "provider": "apixo",
        "take": 1,
        "pick": None,
    }
    assert found["library"]["prompt"] == OLD
    assert found["library"]["pick"] == 2
    assert found["library"]["path"] == "library.png"
    assert [one["number"] for one in found["library"]["candidates"]] == [1, 2, 3, 4]


def test_item_2_a_changed_prompt_is_one_buy_and_what_follows(project: Project, shop: Shop) -> None:
    """A variant with a prompt of its own changes alone; a root takes its followers along."""
    project("apply", "--yes").exits(0)
    project.edit("specs/library.yaml", "library at night", "library at midnight")
    assert project("plan").exits(0).out == (
        " buy  library.night  vary strong of library@1  $0.30  request changed\n"
        "\nPlan: 1 task to buy, 4 pictures, $0.30; 2 in sync.\n"
    )
    verbose = project("plan", "-v", "--detailed-exitcode").exits(2).out
    assert "~ prompt: the same library at [-night-] {+midnight+}\n" in verbose
    project.edit("specs/library.yaml", "inside a glass greenhouse", "in a lighthouse")
    assert project("plan").exits(0).out == (
        " buy  library        imagine                      $0.20  request changed\n"
        " buy  library.night  vary strong of library@1     $0.30  request changed\n"
        " buy  library.hero   upscale subtle of library@2  $0.30  its parent's picture changed\n"
        "\nPlan: 3 tasks to buy, 9 pictures, $0.80; 0 in sync.\n"
    )
    assert len(shop.charges()) == 3
    project("apply", "-y").exits(0)
    assert len(shop.charges()) == 6
    assert project("apply").exits(0).out.startswith("No changes")


REFORMATTED = """\
# the same wishes, written by somebody else
images:
    library:
        pick: 2
        variants: {hero: {upscale: subtle}, night: {prompt: "the same  library at night", of: 1,
                   vary: strong}}
        aspect_ratio: 3:2
        prompt: >-
            a quiet library
            inside a glass greenhouse
"""


def test_item_2_reformatted_or_moved_costs_nothing(project: Project, shop: Shop) -> None:
    """Other quotes, key order, white space, files: in sync, not even free work."""
    project("apply", "--yes").exits(0)
    with shop.untouched():
        (project.root / "specs/library.yaml").unlink()
        project.spec(REFORMATTED, "deep/er/other")
        plan = project("plan", "--detailed-exitcode").exits(0)
        assert plan.out == "No changes: 3 resources in sync, nothing to do.\n"


def test_item_2_renamed_is_moved_for_free(project: Project, shop: Shop) -> None:
    """Another name moves the views; exit code 3 until then; nothing is sent."""
    project("apply", "--yes").exits(0)
    before = [path.name for path in project.objects()]
    project.spec(LIBRARY.replace("  library:\n", "  reading_room:\n"))
    with shop.untouched():
        plan = project("plan", "--detailed-exitcode").exits(3)
        assert [" ".join(line.split()) for line in plan.out.splitlines()] == [
            "move reading_room imagine renamed (was library)",
            "move reading_room.night vary strong of reading_room@1 renamed (was library.night)",
            "move reading_room.hero upscale subtle of reading_room@2 renamed (was library.hero)",
            "",
            "Plan: 0 tasks to buy; 3 move, 0 in sync.",
        ]
        applied = project("apply").exits(0)
        assert "Applied: 3 done for free.\n" in applied.out
        assert project("apply").exits(0).out.startswith("No changes")
    assert list(project.manifest()) == ["reading_room", "reading_room.hero", "reading_room.night"]
    assert {Path(name).parts[0].split(".")[0] for name in project.views()} == {"reading_room"}
    assert [path.name for path in project.objects()] == before


def test_item_3_a_new_pick_buys_the_followers_only(project: Project, shop: Shop) -> None:
    """`hero` follows the pick and is bought again; the parent and `night` (of: 1) are not."""
    project("apply", "--yes").exits(0)
    project.edit("specs/library.yaml", "pick: 2", "pick: 3")
    assert project("plan").exits(0).out == (
        " view  library       imagine                             another pick\n"
        " buy   library.hero  upscale subtle of library@3  $0.30  its parent's picture changed\n"
        "\nPlan: 1 task to buy, 1 picture, $0.30; 1 view, 1 in sync.\n"
    )
    project("apply", "--yes").exits(0)
    assert shop.charges() == sorted([*BOUGHT, f"upscale {OLD}"])
    library = project.manifest()["library"]
    assert library["digest"] == library["candidates"][2]["digest"]
    assert (project.assets / "library.png").resolve().name == library["digest"]
    project.edit("specs/library.yaml", "pick: 3", "pick: 2")
    with shop.untouched():
        assert project("plan", "--detailed-exitcode").exits(3).out.count("adopt") >= 1
        project("apply").exits(0)
