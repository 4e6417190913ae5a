"""What the second vendor must show, over HTTP against a sandbox in another process."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import KEY_NAME, Project, Shop, clean_env
from PIL import Image

from reconciler.purchase import Phase, Purchase
from reconciler.state.store import Store

pytest_plugins = ["e2e_fixtures"]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/04-every-operation"
PROVIDER = """\
  {name}:
    type: {name}
    base_url: {base_url}
    api_key: ${{{key_name}}}
    requests_per_minute: 100000
    concurrent: 10
    poll: {{first: 0.05, interval: 0.05}}
"""
PORTABLE = """\
images:
  library:
    prompt: a quiet library inside a glass greenhouse
    aspect_ratio: "3:2"
    stylize: 100
    negative: text, watermark
    pick: 2
    variants:
      night: {vary: strong, of: 1}
      dawn: {vary: subtle}
      hero: {upscale: subtle}
      again: {reroll: true}
      cut: {single: true, of: 3}
      redrawn: {edit: {}, prompt: the same library as an engraving}
"""
INPAINTED = """\
images:
  library:
    prompt: a quiet library inside a glass greenhouse
    variants:
      lamp: {inpaint: {mask: masks/lamp.png}, of: 2, prompt: a green lamp}
"""

Make = Callable[..., Project]


@pytest.fixture
def project_of(shop: Shop, tmp_path: Path, key: str) -> Iterator[Make]:
    """Make a project with these providers, of which the first one is the default."""
    made: list[Project] = []

    def make(*names: str, spec: str = PORTABLE) -> Project:
        project = Project(tmp_path / "-".join(names), clean_env(**{KEY_NAME: key}))
        project.write("reconciler.yaml", configured(shop, *names))
        project.spec(spec)
        made.append(project)
        return project

    yield make
    for one in made:
        one.close()


def configured(shop: Shop, *names: str) -> str:
    """Return a configuration with these providers, of which the first one is the default."""
    urls = {"apixo": shop.base_url, "apimart": shop.origin}
    providers = (
        PROVIDER.format(name=name, base_url=urls[name], key_name=KEY_NAME) for name in sorted(names)
    )
    defaults = 'defaults: {version: "8.1", speed: fast}'
    return f"default_provider: {names[0]}\nproviders:\n{''.join(providers)}{defaults}\n"


def example(make: Make) -> Project:
    """Return the example with every operation, bought over HTTP."""
    project = make("apimart")
    shutil.rmtree(project.root / "specs")
    for folder in ("specs", "refs", "masks"):
        shutil.copytree(EXAMPLE / folder, project.root / folder)
    return project


def purchases(project: Project) -> list[Purchase]:
    """Return every attempt on record."""
    with Store.open(project.root / "state/reconciler.db", read_only=True) as store:
        return [one for key in store.latest() for one in store.attempts(key)]


def assert_results(project: Project) -> Counter[str]:
    """Assert that every candidate on display is what it says it is; return how many of each."""
    found: Counter[str] = Counter()
    for entry in project.manifest().values():
        for one in entry["candidates"]:
            found[one["media_type"]] += 1
            assert_opens(project.assets / one["path"], one)
    return found


def assert_opens(path: Path, told: Mapping[str, Any]) -> None:
    """Assert that a file is what the manifest says."""
    match told["media_type"]:
        case "video/mp4":
            assert path.suffix == ".mp4"
            assert path.read_bytes()[4:8] == b"ftyp"
        case "text/plain":
            assert path.suffix == ".txt"
            assert len(path.read_text(encoding="utf-8").splitlines()) == 4
        case _:
            with Image.open(path) as picture:
                picture.load()
                assert picture.size == (told["width"], told["height"])


@pytest.mark.slow
def test_every_operation_in_one_spec(project_of: Make, shop: Shop) -> None:
    """Must-show 1: pictures, clips and words are there; the second apply sends nothing."""
    project = example(project_of)
    plan = project("plan").exits(0).out
    assert plan.count("starts from a single picture, and charges for cutting it out") == 2
    assert "2 clips x $0.40" in plan
    assert "derive  lighthouse.first" in plan
    assert "Plan: 22 tasks to buy, 43+ pictures, 3 clips, 2 texts, $2.1008; 1 derive" in plan

    project("apply", "--yes").exits(0)
    found = assert_results(project)
    assert found == {"image/png": 62, "video/mp4": 3, "text/plain": 2}
    first, whole = (project.manifest()[name] for name in ("lighthouse.first", "lighthouse"))
    assert first["digest"] == whole["candidates"][0]["digest"]
    assert "lighthouse on a chalk cliff" in project.manifest()["lighthouse.words"]["text"]
    assert sum(one["amount"] for one in shop.ledger()) == 2_100_800
    assert {one["state"] for one in shop.tasks()} == {"success"}
    with shop.untouched():
        assert project("apply").exits(0).out.startswith("No changes: 21 resources in sync")


def identities(project: Project) -> dict[str, tuple[str, int]]:
    """Return what each address stands for; prerequisites have no name of their own."""
    known = (one for one in purchases(project) if "@" not in one.address)
    return {one.address: (one.fingerprint, one.take) for one in known}


@pytest.mark.slow
def test_the_same_spec_is_the_same_wish_at_both_vendors(project_of: Make, shop: Shop) -> None:
    """Must-show 2: the same addresses and fingerprints, whoever makes the pictures."""
    apixo, apimart = project_of("apixo"), project_of("apimart")
    for project in (apixo, apimart):
        project("apply", "--yes").exits(0)
        with shop.untouched():
            project("apply").exits(0)

    assert identities(apixo) == identities(apimart)
    assert list(apixo.manifest()) == list(apimart.manifest())
    vendors = Counter(one["vendor"] for one in shop.tasks())
    assert vendors == {"apixo": 6, "apimart": 7}, (
        "APIMart needs a task of its own for one candidate"
    )


NAMED = """\
images:
  owl:
    prompt: a brass owl
    variants:
      cut: {single: true, of: 2, variants: {left: {pan: left}}}
"""
UNNAMED = """\
images:
  owl:
    prompt: a brass owl
    variants:
      left: {pan: left, of: 2}
"""


def test_a_name_for_a_candidate_is_not_bought_with(project_of: Make, shop: Shop) -> None:
    """With and without it the follow-up is the same purchase; `show` tells what was made here."""
    project = project_of("apimart", spec=NAMED)
    project("apply", "--yes").exits(0)
    told = project("show", "owl.cut").exits(0).out
    assert "take 1: cut out of owl@2 on " in told
    assert "bought" not in told
    assert "charged" not in told
    stands = "stands: in sync: follow-ups start from it"
    assert stands in project("resolve", "owl.@2").exits(1).err
    assert "stands      in sync: follow-ups start from it" in project("show", "owl.@2").out
    assert "choose what you want of owl@2: owl.cut.left" in project("plan", "owl.@2").exits(1).err

    project.spec(UNNAMED)
    with shop.untouched():
        assert "0 tasks to buy; 1 move, 1 prune" in project("apply").exits(0).out


@pytest.mark.slow
def test_another_default_provider_buys_nothing(project_of: Make, shop: Shop) -> None:
    """What is owned is owned; a new follow-up goes to whoever made its parent, and says so."""
    spec = "images:\n  owl: {prompt: a brass owl, pick: 1}\n"
    project = project_of("apixo", "apimart", spec=spec)
    project("apply", "--yes").exits(0)
    project.write("reconciler.yaml", configured(shop, "apimart", "apixo"))
    with shop.untouched():
        assert project("plan").exits(0).out == "No changes: 1 resource in sync, nothing to do.\n"
        assert project("apply").exits(0).out.startswith("No changes")

    project.edit("specs/library.yaml", "pick: 1}", "pick: 1, variants: {near: {vary: subtle}}}")
    assert "apixo" in project("plan").exits(0).out
    project("apply", "--yes").exits(0)
    assert [(one["vendor"], one["mode"]) for one in shop.tasks()] == [
        ("apixo", "text-to-image"),
        ("apixo", "vary"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "misdeed",
    [{"action": "status", "status": 500}, {"action": "delay", "seconds": 10}],
    ids=["before", "after"],
)
def test_a_kill_between_the_two_steps(
    project_of: Make, shop: Shop, misdeed: Mapping[str, Any]
) -> None:
    """`kill -9` before and after the second step is taken up: the next apply ends it, paid once."""
    project = project_of("apimart", spec=INPAINTED)
    shutil.copytree(EXAMPLE / "masks", project.root / "masks")
    (project.root / "masks/door.png").rename(project.root / "masks/lamp.png")
    shop.faults({"where": "modal", "times": None, **misdeed})
    apply = project.start("apply", "--yes")
    shop.until("modal", 1)
    apply.kill()
    shop.faults()
    (lamp,) = [one for one in purchases(project) if one.address == "library.lamp"]
    assert lamp.phase is Phase.MODAL

    again = project("plan").exits(0).out
    assert "wait" in again
    assert "0 tasks to buy" in again
    project("apply", "--yes").exits(0)
    charged = Counter(one["mode"] for one in shop.ledger())
    assert charged == {"IMAGINE": 1, "UPSCALE": 1, "INPAINT": 1}
    assert {one.phase for one in purchases(project)} == {Phase.STORED}
    assert len(project.manifest()["library.lamp"]["candidates"]) == 4
