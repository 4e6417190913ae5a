"""`whence` finds the place where a value of a request was written."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.ids import Address
from reconciler.spec.diagnostics import locate
from reconciler.spec.load import load_config, load_specs, text_reader
from reconciler.spec.resource import KeyPath
from reconciler.spec.whence import Place, whence

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]

CONFIG = """\
providers:
  apixo: {type: apixo, base_url: "sandbox:"}
defaults: {chaos: 5, version: "7"}
"""
TEXT = """\
defaults: {tile: true, style_refs: [https://e.com/a.jpg], speed: fast}
images:
  cat:
    prompt: a cat --ar 16:9 --niji 6 --sref https://e.com/b.jpg
    stylize: 100
    image_refs: [https://e.com/1.jpg, {url: https://e.com/2.jpg, weight: 2}]
    pick: 2
    provider: apixo
    variants:
      big: {upscale: 2x}
      cut:
        edit: {mask: [{width: 9, height: 9, points: [[0, 0], [1, 0], [1, 1]]}]}
        prompt: a dog
      door: {inpaint: {mask: https://e.com/m.png}, prompt: a door}
      clip: {video: {end: https://e.com/e.jpg, batch: 2}}
      words: {describe: true}
  mixed: {blend: [https://e.com/1.jpg, {url: https://e.com/2.jpg}]}
  told: {describe: https://e.com/1.jpg}
  tide: {video: {source: {url: https://e.com/1.jpg}, resolution: 720}, prompt: waves}
  dog:
    matrix: {r: ["1:1"], flags: ["--s 5"], weight: [2]}
    prompt: a dog ${flags}
    aspect_ratio: ${r}
    image_refs: [{url: https://e.com/2.jpg, weight: "${weight}"}]
"""

CAT: KeyPath = ("images", "cat")
CUT: KeyPath = (*CAT, "variants", "cut")
DOG: KeyPath = ("images", "dog")
MIXED: KeyPath = ("images", "mixed")
VARIANTS: KeyPath = (*CAT, "variants")


@pytest.mark.parametrize(
    ("address", "field", "place"),
    [
        ("cat", ("prompt",), (*CAT, "prompt")),
        ("cat", ("stylize",), (*CAT, "stylize")),
        ("cat", ("image_refs", 1), (*CAT, "image_refs", 1)),
        ("cat", ("image_refs", 1, "weight"), (*CAT, "image_refs", 1, "weight")),
        ("cat", ("image_refs", 0, "location"), (*CAT, "image_refs", 0)),
        ("cat", ("pick",), (*CAT, "pick")),
        ("cat", ("provider",), (*CAT, "provider")),
        ("cat", ("aspect_ratio",), (*CAT, "prompt")),
        ("cat", ("niji",), (*CAT, "prompt")),
        ("cat", ("version",), (*CAT, "prompt")),
        ("cat", ("style_refs", 0), (*CAT, "prompt")),
        ("cat", ("tile",), ("defaults", "tile")),
        ("cat.big", ("upscale",), (*CAT, "variants", "big", "upscale")),
        ("cat.big", ("provider",), (*CAT, "provider")),
        ("cat.cut", ("mask", 0, "points"), (*CUT, "edit", "mask", 0, "points")),
        ("cat.cut", ("speed",), ("defaults", "speed")),
        ("cat.door", ("mask",), (*VARIANTS, "door", "inpaint", "mask")),
        ("cat.door", ("inpaint", "mask"), (*VARIANTS, "door", "inpaint", "mask")),
        ("cat.door", ("prompt",), (*VARIANTS, "door", "prompt")),
        ("cat.clip", ("batch",), (*VARIANTS, "clip", "video", "batch")),
        ("cat.clip", ("video", "batch"), (*VARIANTS, "clip", "video", "batch")),
        ("cat.clip", ("end", "location"), (*VARIANTS, "clip", "video", "end")),
        ("cat.words", ("speed",), ("defaults", "speed")),
        ("cat.words", ("describe",), (*VARIANTS, "words", "describe")),
        ("mixed", ("pictures", 1), (*MIXED, "blend", 1)),
        ("mixed", ("pictures", 0, "location"), (*MIXED, "blend", 0)),
        ("mixed", ("blend", 1), (*MIXED, "blend", 1)),
        ("mixed", ("speed",), ("defaults", "speed")),
        ("told", ("source",), ("images", "told", "describe")),
        ("tide", ("source",), ("images", "tide", "video", "source")),
        ("tide", ("resolution",), ("images", "tide", "video", "resolution")),
        ("dog[r=1:1,flags=--s 5,weight=2]", ("aspect_ratio",), (*DOG, "aspect_ratio")),
        ("dog[r=1:1,flags=--s 5,weight=2]", ("stylize",), (*DOG, "prompt")),
        ("dog[r=1:1,flags=--s 5,weight=2]", ("image_refs", 0, "weight"),
         (*DOG, "image_refs", 0, "weight")),
        ("dog[r=1:1,flags=--s 5,weight=2]", ("style_refs", 0), ("defaults", "style_refs", 0)),
    ],
)  # fmt: skip
def test_values_in_the_file(
    project_of: ProjectOf, address: str, field: KeyPath, place: KeyPath
) -> None:
    """Entry, then flag, then the file's defaults."""
    assert find(project_of, address, field) == ("specs/a.yaml", place, False)


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("cat", ("chaos",)),
        ("dog[r=1:1,flags=--s 5,weight=2]", ("version",)),
        ("cat.cut", ("version",)),
    ],
)
def test_values_in_the_configuration(project_of: ProjectOf, address: str, field: KeyPath) -> None:
    """What the project's defaults gave is found there."""
    assert find(project_of, address, field) == ("reconciler.yaml", ("defaults", *field), False)


@pytest.mark.parametrize(
    ("address", "field", "path"),
    [
        ("cat", (), CAT),
        ("cat", ("hd",), CAT),
        ("cat.big", ("speed",), (*CAT, "variants", "big")),
        ("cat.cut", ("source",), (*CUT, "edit")),
        ("cat.cut", ("tile",), CUT),
        ("cat.clip", ("motion",), (*VARIANTS, "clip", "video")),
        ("cat.clip", ("speed",), (*VARIANTS, "clip")),
        ("mixed", ("aspect_ratio",), MIXED),
    ],
)
def test_values_that_nobody_wrote(
    project_of: ProjectOf, address: str, field: KeyPath, path: KeyPath
) -> None:
    """They belong to the entry's own key, or to the mapping that could hold them."""
    place = find(project_of, address, field)

    assert place.path == path
    assert place.on_key == (path[-1] not in ("edit", "video"))


def test_a_place_becomes_a_diagnostic(project_of: ProjectOf) -> None:
    """Rules of providers end up with a line and a column like our own."""
    root = project_of({"reconciler.yaml": CONFIG, "specs/a.yaml": TEXT})
    place = find(project_of, "cat", ("stylize",))

    (found,) = locate([place.problem("too high", "at most 50")], text_reader(root))

    assert (found.line, found.column, found.end_column) == (5, 14, 17)
    assert (found.message, found.hint) == ("too high", "at most 50")


def find(project_of: ProjectOf, address: str, field: KeyPath) -> Place:
    root = project_of({"reconciler.yaml": CONFIG, "specs/a.yaml": TEXT})
    config = load_config(root)
    resource = load_specs(root, config, cache=None).resources[Address(address)]
    return whence(root, config, resource, field)
