"""A project's files become resources: tree, defaults, parents, order."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.errors import ConfigError, SpecError
from reconciler.ids import Address
from reconciler.spec.diagnostics import SpecProblemsError
from reconciler.spec.load import Specs, load_config, load_specs
from reconciler.spec.request import Edit, Imagine, Operation, Reference, Speed, Vary
from reconciler.spec.resource import Parent, Resource

PNG = b"\x89PNG\r\n\x1a\n"
SCENE = {"refs/scene.jpg": PNG}

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]

TWO_PROVIDERS = """\
default_provider: one
providers:
  one: {type: apixo, base_url: "sandbox:"}
  two: {type: apixo, base_url: "sandbox:"}
"""

DEMO = """\
defaults: {version: "7", speed: fast, aspect_ratio: "16:9"}
images:
  library:
    prompt: a quiet library inside a glass greenhouse, soft morning light
    stylize: 100
    negative: text, watermark
    image_refs: [https://example.com/scene.jpg, ./refs/scene.jpg]
    style_refs: [{url: https://example.com/style.jpg, weight: 2}]
    pick: 2
    variants:
      night: {vary: strong, of: 1, prompt: the same library at night}
      hero:
        upscale: subtle
        variants:
          again: {reroll: true}
  poster:
    matrix: {season: [spring, winter], ratio: ["1:1", "9:16"]}
    prompt: ${season} forest, flat poster
    aspect_ratio: ${ratio}
    variants: {big: {upscale: creative}}
  signpost:
    from: library.night
    of: 2
    edit: {}
    prompt: signs
"""


def load(root: Path) -> Specs:
    return load_specs(root, load_config(root), cache=None)


def one(specs: Specs, address: str) -> Resource:
    return specs.resources[Address(address)]


def messages(root: Path) -> list[str]:
    with pytest.raises(SpecProblemsError) as raised:
        load(root)
    return [one.message for one in raised.value.diagnostics]


def test_demo(project_of: ProjectOf) -> None:
    """The design's own example gives the addresses that the design names."""
    specs = load(project_of({"specs/demo.yaml": DEMO, **SCENE}))

    assert list(specs.resources) == [
        "library",
        "library.night",
        "library.hero",
        "library.hero.again",
        "poster[season=spring,ratio=1:1]",
        "poster[season=spring,ratio=1:1].big",
        "poster[season=spring,ratio=9:16]",
        "poster[season=spring,ratio=9:16].big",
        "poster[season=winter,ratio=1:1]",
        "poster[season=winter,ratio=1:1].big",
        "poster[season=winter,ratio=9:16]",
        "poster[season=winter,ratio=9:16].big",
        "signpost",
    ]
    assert specs.files == ("specs/demo.yaml",)


def test_an_image_has_its_fields_and_the_defaults(project_of: ProjectOf) -> None:
    """A request holds what the entry says and, for the rest, what the file says."""
    specs = load(project_of({"specs/demo.yaml": DEMO, **SCENE}))

    digest = hashlib.sha256(PNG).hexdigest()
    assert one(specs, "library").request == Imagine(
        prompt="a quiet library inside a glass greenhouse, soft morning light",
        negative="text, watermark",
        version="7",
        speed=Speed.FAST,
        aspect_ratio="16:9",
        stylize=100,
        image_refs=(Reference("https://example.com/scene.jpg"), Reference(f"sha256:{digest}")),
        style_refs=(Reference("https://example.com/style.jpg", 2),),
    )
    assert one(specs, "library").pick == 2
    assert one(specs, "library").path == ("images", "library")


def test_variants_have_parents(project_of: ProjectOf) -> None:
    """`of` names the parent's candidate; without it the parent's pick is followed."""
    specs = load(project_of({"specs/demo.yaml": DEMO, **SCENE}))

    assert one(specs, "library.night").parent == Parent(Address("library"), 1)  # type: ignore[arg-type]
    assert one(specs, "library.hero").parent == Parent(Address("library"), None)
    assert one(specs, "library.hero.again").operation is Operation.REROLL
    assert one(specs, "library.hero.again").path == (
        "images", "library", "variants", "hero", "variants", "again",
    )  # fmt: skip


def test_defaults_reach_only_fields_that_the_operation_has(project_of: ProjectOf) -> None:
    """An edit takes version and speed of the defaults, a variation none."""
    specs = load(project_of({"specs/demo.yaml": DEMO, **SCENE}))

    assert one(specs, "signpost").request == Edit("signs", version="7", speed=Speed.FAST)
    assert isinstance(one(specs, "library.night").request, Vary)


@pytest.mark.parametrize(
    ("project", "file", "prompt", "entry", "chaos"),
    [
        ("{chaos: 1}", "{}", "a cat", "", 1),
        ("{chaos: 1}", "{chaos: 2}", "a cat", "", 2),
        ("{chaos: 1}", "{chaos: 2}", "a cat --c 3", "", 3),
        ("{chaos: 1}", "{chaos: 2}", "a cat", "chaos: 4", 4),
        ("{chaos: 1}", "{chaos: 2}", "a cat --chaos 4", "chaos: 4", 4),
    ],
)
def test_precedence_of_defaults(
    project_of: ProjectOf, project: str, file: str, prompt: str, entry: str, chaos: int
) -> None:
    """Project < file < flag or entry."""
    config = f"providers:\n  a: {{type: apixo, base_url: 'sandbox:'}}\ndefaults: {project}\n"
    text = f"defaults: {file}\nimages:\n  cat:\n    prompt: {prompt}\n    {entry}\n"

    specs = load(project_of({"reconciler.yaml": config, "specs/a.yaml": text}))

    assert one(specs, "cat").request == Imagine("a cat", chaos=chaos)


def test_an_entry_can_undo_a_default(project_of: ProjectOf) -> None:
    """False, an empty list and an empty text are values; they say: not here."""
    text = """\
defaults: {tile: true, negative: text, style_refs: [https://e.com/a.jpg]}
images:
  cat: {prompt: a cat, tile: false, negative: [], style_refs: []}
"""
    assert one(load(project_of({"specs/a.yaml": text})), "cat").request == Imagine("a cat")


@pytest.mark.parametrize("images", ["", "images:\n", "images: {}\n", "# nothing\n", "defaults:\n"])
def test_files_may_be_empty(project_of: ProjectOf, images: str) -> None:
    """Comments only, no images, no defaults: all fine."""
    assert load(project_of({"specs/a.yaml": images})).resources == {}


def test_empty_variants_are_tolerated(project_of: ProjectOf) -> None:
    """A `variants:` left over after its last entry was deleted is no error."""
    text = "images:\n  cat:\n    prompt: a cat\n    variants:\n"
    assert list(load(project_of({"specs/a.yaml": text})).resources) == ["cat"]


def test_parents_come_first_whatever_the_file(project_of: ProjectOf) -> None:
    """`from` may point to a later file; the order stays stable otherwise."""
    specs = load(
        project_of(
            {
                "specs/a.yaml": "images:\n  one: {from: three.x, vary: subtle}\n  two: {prompt: x}",
                "specs/b.yaml": "images:\n  three: {prompt: three, variants: {x: {upscale: 2x}}}\n",
                "specs/c.yaml": "images:\n  four: {from: one, vary: strong}\n",
            }
        )
    )
    assert list(specs.resources) == ["three", "three.x", "one", "two", "four"]


def test_long_chains_need_no_stack(project_of: ProjectOf) -> None:
    """Thousands of entries that derive from each other, listed backwards, are put in order."""
    count = 3000
    lines = [f"  e{i}: {{from: e{i + 1}, vary: subtle}}" for i in range(count)]
    text = "\n".join(["images:", *lines, f"  e{count}: {{prompt: the first}}"])

    specs = load(project_of({"specs/a.yaml": text}))

    assert list(specs.resources)[:2] == [f"e{count}", f"e{count - 1}"]


@pytest.mark.parametrize("variant", ["vary: subtle", "vary: subtle, provider: two"])
def test_a_variant_follows_its_parents_provider(project_of: ProjectOf, variant: str) -> None:
    """A follow-up is bought where its parent was bought, whether it says so or not."""
    text = f"""\
images:
  cat:
    prompt: a cat
    provider: two
    variants: {{x: {{{variant}}}}}
  dog: {{from: cat, {variant}}}
  owl: {{prompt: an owl}}
"""
    specs = load(project_of({"reconciler.yaml": TWO_PROVIDERS, "specs/a.yaml": text}))

    assert one(specs, "cat.x").provider == "two"
    assert one(specs, "dog").provider == "two"
    assert one(specs, "owl").provider == "one"


def test_provider_of_the_defaults(project_of: ProjectOf) -> None:
    """Entry > file > project > `default_provider`."""
    files = {
        "reconciler.yaml": TWO_PROVIDERS + "defaults: {provider: two}\n",
        "specs/a.yaml": "images:\n  a: {prompt: a}\n  b: {prompt: b, provider: one}\n",
        "specs/b.yaml": "defaults: {provider: one}\nimages:\n  c: {prompt: c}\n",
    }
    specs = load(project_of(files))

    assert [one.provider for one in specs.resources.values()] == ["two", "one", "one"]


def test_problems_of_all_files_are_reported_at_once(project_of: ProjectOf) -> None:
    """A file that is no YAML does not hide what is wrong with another."""
    root = project_of(
        {
            "specs/a.yaml": "images: [",
            "specs/b.yaml": b"\xff",
            "specs/c.yaml": "images:\n  cat: {prompt: a cat, stylise: 1}\n  dog: {}\n",
        }
    )
    assert messages(root) == [
        "this bracket is never closed",
        "byte 1 is not UTF-8",
        "`stylise` is not known here",
        "`prompt` is missing",
    ]


def test_children_of_broken_parents_are_not_orphans(project_of: ProjectOf) -> None:
    """What is only wrong because its parent is wrong is not reported."""
    text = """\
images:
  cat: {prompt: a cat, stylize: x, variants: {big: {upscale: 2x}}}
  dog: {from: cat.big, vary: subtle}
  owl: {from: gone, vary: subtle}
"""
    assert messages(project_of({"specs/a.yaml": text})) == [
        "`stylize` must be a whole number, not `x`",
        "there is no image or variant `gone`",
    ]


def test_hidden_and_other_files_are_left_out(project_of: ProjectOf) -> None:
    """Only *.yaml and *.yml below the specs folder count, at any depth."""
    image = "images:\n  {0}: {{prompt: {0}}}\n"
    root = project_of(
        {
            "specs/a.yaml": image.format("a"),
            "specs/deep/er/b.yml": image.format("b"),
            "specs/.hidden.yaml": "[",
            "specs/.git/c.yaml": "[",
            "specs/notes.txt": "[",
            "other.yaml": "[",
        }
    )
    (root / "specs" / "folder.yaml").mkdir()

    assert load(root).files == ("specs/a.yaml", "specs/deep/er/b.yml")


def test_a_missing_folder_is_an_error(project_of: ProjectOf) -> None:
    """No specs at all would look like: everything may go."""
    root = project_of({})
    (root / "specs").rmdir()

    with pytest.raises(SpecError, match="there is no folder specs"):
        load(root)


def test_a_missing_config_is_an_error(tmp_path: Path) -> None:
    """A folder without reconciler.yaml is no project."""
    with pytest.raises(ConfigError, match=r"there is no reconciler\.yaml"):
        load_config(tmp_path)


def test_names_that_yaml_would_twist_are_fine_when_quoted(project_of: ProjectOf) -> None:
    """`"1"`, on and no are ordinary names."""
    text = 'images:\n  "1": {prompt: one}\n  on: {prompt: on}\n  no: {prompt: no}\n'
    assert list(load(project_of({"specs/a.yaml": text})).resources) == ["1", "on", "no"]


def test_takes_are_different_purchases(project_of: ProjectOf) -> None:
    """The take is part of the key, not of the request."""
    text = "images:\n  a: {prompt: cat}\n  b: {prompt: cat, take: 2}\n"
    first, second = load(project_of({"specs/a.yaml": text})).resources.values()

    assert first.canonical == second.canonical
    assert first.key(None, None).fingerprint == second.key(None, None).fingerprint
    assert first.key(None, None) != second.key(None, None)
