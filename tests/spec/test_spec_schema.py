"""The JSON Schema agrees with the loader on what is right, and refuses what editors can see."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.spec.load import load_config, load_specs
from reconciler.spec.schema import config_schema, spec_schema
from reconciler.spec.yaml import parse

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]

BROKEN = Path(__file__).parent / "broken"

GOOD = """\
# yaml-language-server: $schema=...
defaults:
  {provider: apixo, version: "7", speed: fast, aspect_ratio: "16:9", negative: [text],
   silence: [video-batch]}
images:
  library:
    prompt: a quiet library inside a glass greenhouse, soft morning light
    stylize: 100
    negative: text, watermark
    image_refs: [https://example.com/scene.jpg, refs/scene.jpg]
    style_refs: [{url: https://example.com/style.jpg, weight: 2}, {path: refs/a.jpg}]
    pick: 2
    take: 3
    variants:
      night: {vary: strong, of: 1, prompt: the same library at night}
      hero:
        upscale: subtle
        provider: apixo
        variants:
          again: {reroll: true, take: 2}
          cut: {edit: {}, prompt: a cat, version: 8.1, speed: turbo}
          empty: {enhance: true, variants: }
  poster:
    matrix: {season: [spring, winter], ratio: ["1:1", "9:16"], s: [1, 2], raw: [true], w: [0.5]}
    prompt: ${season} forest, flat poster
    aspect_ratio: ${ratio}
    stylize: ${s}
    raw: ${raw}
    image_refs: [{url: "https://example.com/${season}.jpg", weight: "${w}"}]
    variants:
      near: {matrix: {how: [subtle, strong], n: [1, 2]}, vary: "${how}", of: "${n}"}
  signpost:
    from: library.night
    of: 2
    edit: {}
    prompt: signs
  retouched:
    edit:
      source: https://example.com/photo.jpg
      mask: [{width: 1024, height: 1024, points: [[0,0],[512,0],[512,512]]}]
      canvas: {width: 1456, height: 1024}
      position: {x: -200, y: 0, width: 1024, height: 1024}
    prompt: a lighthouse
  mixed: {blend: [https://example.com/a.jpg, {path: refs/a.jpg}], aspect_ratio: "2:1"}
  told: {describe: refs/a.jpg, speed: fast, silence: [expiring-url]}
  tide:
    video: {source: {path: refs/a.jpg}, end: refs/scene.jpg, resolution: 720, batch: 4}
    prompt: the tide comes in
    pick: 4
  words: {from: library, describe: true}
  waves: {from: library, video: {auto: true, motion: low, resolution: "480"}}
  styled:
    prompt: x
    style: cute
    depth_refs: [refs/a.jpg]
    depth_weight: 50
    extra: --p m1
    variants:
      one: {single: true, of: 3, variants: {two: {zoom: 1.5x}, three: {pan: up}}}
      door: {inpaint: {mask: refs/a.jpg}, prompt: a door}
      storm: {remix: strong}
      clips: {matrix: {n: [1, 2]}, video: {batch: "${n}"}}
  numbers: {prompt: x, version: 7, quality: .5, seed: 5, image_weight: 1}
  empty: {prompt: "y", variants: {}}
"""

SEEN_BY_EDITORS = [
    "blend-parent",
    "blend-pictures",
    "describe-source",
    "defaults-wrong",
    "document-is-list",
    "document-unknown-section",
    "edit-null",
    "edit-without-source",
    "entry-is-text",
    "entry-name",
    "entry-no-prompt",
    "entry-null",
    "field-aspect-ratio",
    "field-misspelt",
    "field-other-words",
    "field-pick-and-take",
    "field-quality",
    "field-speed",
    "field-types",
    "field-version",
    "from-in-variant",
    "images-is-list",
    "inpaint-mask",
    "matrix-shape",
    "of-on-reroll",
    "of-without-parent",
    "operation-choices",
    "operation-kind",
    "operation-none",
    "operation-two",
    "operation-without-parent",
    "operation-wrong-field",
    "silence-wrong",
    "variants-is-list",
    "video-source",
    "video-values",
]


def errors(schema: dict[str, Any], text: str) -> list[str]:
    document = parse("x.yaml", text).value
    return [error.message for error in Draft202012Validator(schema).iter_errors(document)]


def test_the_schemas_are_schemas() -> None:
    """Both are valid JSON Schema 2020-12."""
    Draft202012Validator.check_schema(spec_schema())
    Draft202012Validator.check_schema(config_schema())


def test_the_schema_accepts_what_the_loader_accepts(project_of: ProjectOf) -> None:
    """A file with every construct of the language."""
    picture = b"\xff\xd8\xff"
    root = project_of({"specs/a.yaml": GOOD, "refs/a.jpg": picture, "refs/scene.jpg": picture})
    load_specs(root, load_config(root), cache=None)

    assert errors(spec_schema(), GOOD) == []


@pytest.mark.parametrize("name", SEEN_BY_EDITORS)
def test_the_schema_refuses(name: str) -> None:
    """What one entry alone shows to be wrong is underlined in the editor too."""
    assert errors(spec_schema(), (BROKEN / f"{name}.yaml").read_text()) != []


def config_examples() -> Iterator[tuple[str, str]]:
    for path in sorted(BROKEN.glob("config-*.yaml")):
        yield path.stem, re.split(r"#=== reconciler.yaml\n", path.read_text())[1]


@pytest.mark.parametrize(("name", "text"), list(config_examples()))
def test_the_config_schema_refuses(name: str, text: str) -> None:
    """Shapes, words and ranges; what depends on several keys is the loader's."""
    several_keys = {"config-default-provider", "config-unknown-provider", "config-no-key"}
    several_keys |= {"config-speed-without-sandbox", "config-publish-place"}
    found = errors(config_schema(), text)

    assert bool(found) == (name not in several_keys) or name == "config-unknown-provider"


def test_the_config_schema_accepts(project_of: ProjectOf) -> None:
    """The design's own example, and the short form of `assets`."""
    text = """\
default_provider: apixo
providers:
  apixo:
    type: apixo
    base_url: https://api.apixo.ai/api/v1
    api_key: ${APIXO_API_KEY}
    requests_per_minute: 60
    concurrent: 10
    poll: {first: 20, interval: 4}
  toy: {type: apixo, base_url: "sandbox:", speed: 20}
  other:
    type: apimart
    base_url: "sandbox:"
    mask_repaints: transparent
    quota_per_usd: 500000
assets: assets
budget: {per_apply: 5.00, per_month: 200}
prices: {apixo: {imagine.fast: 0.20, enhance: 0.25}}
defaults: {speed: fast}
publish: {bucket: "s3://pictures/refs", base_url: https://pictures.example.com/refs}
silence: [video-batch]
"""
    load_config(project_of({"reconciler.yaml": text}))

    assert errors(config_schema(), text) == []


@pytest.mark.parametrize("schema", [spec_schema(), config_schema()], ids=["spec", "config"])
def test_every_field_has_a_description(schema: dict[str, Any]) -> None:
    """Editors show it beside the field."""
    assert [name for name, field in properties(schema) if "description" not in field] == []


def properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            if isinstance(field, dict) and not field.keys() <= {"properties", "required"}:
                yield name, field
        for inner in schema.values():
            yield from properties(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from properties(inner)
