"""Every operation of the language becomes its request; advice is silenced where it is said."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.ids import Address
from reconciler.spec.advice_rules import Rule
from reconciler.spec.load import Specs, load_config, load_specs
from reconciler.spec.request import (
    Blend,
    Describe,
    Direction,
    Imagine,
    Inpaint,
    Motion,
    Pan,
    Reference,
    Remix,
    Request,
    Resolution,
    Single,
    Speed,
    Strength,
    Video,
    Zoom,
    ZoomOut,
    canonical,
    decode,
)
from reconciler.spec.resource import Parent

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]

A, B, MASK = (Reference(f"https://e.com/{name}.png") for name in ("a", "b", "mask"))

FULL_CLIP = (
    "source: https://e.com/a.png, end: https://e.com/b.png, resolution: 720, motion: low, "
    "auto: true, batch: 4"
)

ALONE: list[tuple[str, Request]] = [
    ("blend: [https://e.com/a.png, {url: https://e.com/b.png}]", Blend((A, B))),
    (
        'blend: [https://e.com/a.png, https://e.com/b.png], aspect_ratio: "21:9", speed: turbo',
        Blend((A, B), "21:9", Speed.TURBO),
    ),
    ("describe: https://e.com/a.png", Describe(A)),
    ("describe: {url: https://e.com/a.png}, speed: fast", Describe(A, Speed.FAST)),
    ("video: {source: https://e.com/a.png}, prompt: waves", Video("waves", A)),
    (
        f"video: {{{FULL_CLIP}}}, prompt: waves, pick: 4",
        Video("waves", A, B, Resolution.HIGH, Motion.LOW, auto=True, batch=4),
    ),
    ('video: {source: https://e.com/a.png, resolution: "480"}, prompt: waves', Video("waves", A)),
    (
        "prompt: a cat --dref https://e.com/a.png --dw 2.0 --style cute, extra: ' --p  m1'",
        Imagine("a cat", style="cute", depth_refs=(A,), depth_weight=2, extra="--p m1"),
    ),
    (
        "prompt: a cat, style: cute, depth_refs: [https://e.com/a.png], depth_weight: 50",
        Imagine("a cat", style="cute", depth_refs=(A,), depth_weight=50),
    ),
    ("prompt: a cat --style raw", Imagine("a cat", raw=True)),
]

DERIVED: list[tuple[str, Request]] = [
    ("single: true", Single()),
    ("zoom: 1.5x", Zoom(ZoomOut.HALF)),
    ("zoom: 2x", Zoom(ZoomOut.DOUBLE)),
    ("pan: up", Pan(Direction.UP)),
    ("inpaint: {mask: https://e.com/mask.png}", Inpaint(MASK)),
    ("inpaint: {mask: {url: https://e.com/mask.png}}, prompt: a door", Inpaint(MASK, "a door")),
    ("remix: strong", Remix(Strength.STRONG)),
    ("remix: subtle, prompt: an etching", Remix(Strength.SUBTLE, "an etching")),
    ("describe: true", Describe()),
    ("video: {}", Video()),
    ("video: {auto: true}, prompt: waves", Video("waves", auto=True)),
    ("video: {end: https://e.com/b.png, batch: 2}, pick: 2", Video(end=B, batch=2)),
]


def load(root: Path) -> Specs:
    return load_specs(root, load_config(root), cache=root / "cache.db")


@pytest.mark.parametrize(("fields", "request_"), ALONE)
def test_what_stands_alone(project_of: ProjectOf, fields: str, request_: Request) -> None:
    """A root entry without a parent names the pictures that it starts from."""
    specs = load(project_of({"specs/a.yaml": f"images:\n  x: {{{fields}}}\n"}))
    resource = specs.resources[Address("x")]

    assert resource.request == request_
    assert resource.parent is None
    assert decode(canonical(request_)) == request_


@pytest.mark.parametrize(("fields", "request_"), DERIVED)
def test_what_is_derived(project_of: ProjectOf, fields: str, request_: Request) -> None:
    """A variant, nested or with `from`, starts from a candidate of its parent."""
    text = f"images:\n  x: {{prompt: x, variants: {{y: {{{fields}, of: 3}}}}}}\n"
    text += f"  z: {{from: x, of: 3, {fields}}}\n"
    specs = load(project_of({"specs/a.yaml": text}))

    for address in ("x.y", "z"):
        resource = specs.resources[Address(address)]
        assert resource.request == request_
        assert resource.parent == Parent(Address("x"), 3)  # type: ignore[arg-type]
    assert decode(canonical(request_)) == request_


def test_defaults_reach_the_fields_that_an_operation_has(project_of: ProjectOf) -> None:
    """A blend takes the shape and the queue, a description the queue, a video nothing."""
    text = """\
defaults: {aspect_ratio: "3:2", speed: fast, stylize: 5}
images:
  mixed: {blend: [https://e.com/a.png, https://e.com/b.png]}
  told: {describe: https://e.com/a.png}
  tide: {video: {source: https://e.com/a.png}, prompt: waves}
"""
    found = [one.request for one in load(project_of({"specs/a.yaml": text})).resources.values()]

    assert found == [Blend((A, B), "3:2", Speed.FAST), Describe(A, Speed.FAST), Video("waves", A)]


def test_advice_is_silenced_for_all_for_a_file_or_for_one(project_of: ProjectOf) -> None:
    """What the project, the file and the entry say adds up; variants say it for themselves."""
    config = (
        "providers:\n  a: {type: apixo, base_url: 'sandbox:'}\n"
        "silence: [video-batch, vague-words]\n"
    )
    text = """\
defaults: {silence: [subject-first, vague-words]}
images:
  loud: {prompt: a}
  quiet: {prompt: b, silence: [quoted-words, subject-first], variants: {x: {single: true}}}
"""
    root = project_of({"reconciler.yaml": config, "specs/a.yaml": text})
    shared = ("subject-first", "vague-words", "video-batch")
    for _ in ("compiled", "from the cache"):
        loud, quiet, variant = load(root).resources.values()

        assert loud.silenced == variant.silenced == shared
        assert quiet.silenced == ("quoted-words", *shared)


@pytest.mark.parametrize("rule", list(Rule))
def test_every_rule_of_advice_can_be_silenced(project_of: ProjectOf, rule: Rule) -> None:
    """The names are a closed set, each can be written, and none changes what is bought."""
    text = f"images:\n  a: {{prompt: a, silence: [{rule}]}}\n  b: {{prompt: a}}\n"
    quiet, loud = load(project_of({"specs/a.yaml": text})).resources.values()

    assert quiet.silenced == (rule.value,)
    assert quiet.canonical == loud.canonical


def test_what_the_project_silences_makes_files_new(project_of: ProjectOf) -> None:
    """A compiled file does not keep what an older configuration said."""
    config = "providers:\n  a: {type: apixo, base_url: 'sandbox:'}\n"
    root = project_of({"specs/a.yaml": "images:\n  a: {prompt: a}\n"})
    load(root)
    (root / "reconciler.yaml").write_text(f"{config}silence: [vague-words]\n")

    assert load(root).resources[Address("a")].silenced == ("vague-words",)
