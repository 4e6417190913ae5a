"""`matrix` makes one entry per combination, and `${name}` its fields."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.ids import Address
from reconciler.spec.load import load_config, load_specs
from reconciler.spec.matrix import cells, label, names_used, substitute
from reconciler.spec.request import Imagine, Strength, Upscale, Upscaler, Vary
from reconciler.spec.resource import Resource

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]


def load(project_of: ProjectOf, text: str) -> dict[str, Resource]:
    root = project_of({"specs/a.yaml": text})
    specs = load_specs(root, load_config(root), cache=None)
    return {str(address): one for address, one in specs.resources.items()}


def test_whole_scalars_keep_their_type(project_of: ProjectOf) -> None:
    """`stylize: ${s}` with numbers gives numbers; in the address they print as written."""
    text = """\
images:
  cat:
    matrix: {s: [50, 100], raw: [true, false], iw: [0.5]}
    prompt: a cat ${s}
    stylize: ${s}
    raw: ${raw}
    image_weight: ${iw}
"""
    found = load(project_of, text)

    assert list(found)[:2] == ["cat[s=50,raw=true,iw=0.5]", "cat[s=50,raw=false,iw=0.5]"]
    assert found["cat[s=100,raw=true,iw=0.5]"].request == Imagine(
        "a cat 100", stylize=100, raw=True, image_weight=0.5
    )


def test_matrices_of_variants(project_of: ProjectOf) -> None:
    """Variants see the keys around them and may have a matrix of their own."""
    text = """\
images:
  cat:
    matrix: {mood: [calm, wild]}
    prompt: a ${mood} cat
    variants:
      near:
        matrix: {how: [subtle, strong]}
        vary: ${how}
        prompt: a very ${mood} cat
        variants:
          big: {upscale: 2x}
"""
    found = load(project_of, text)

    address = "cat[mood=wild].near[how=strong]"
    assert found[address].request == Vary(Strength.STRONG, "a very wild cat")
    assert found[f"{address}.big"].request == Upscale(Upscaler.DOUBLE)
    assert found[f"{address}.big"].parent == (address, None)
    assert found[address].path == ("images", "cat", "variants", "near")
    assert len(found) == 2 + 4 + 4


def test_from_can_use_the_matrix(project_of: ProjectOf) -> None:
    """A matrix can run over the cells of another one."""
    text = """\
images:
  cat: {matrix: {mood: [calm, wild]}, prompt: "a ${mood} cat"}
  big: {matrix: {mood: [calm, wild]}, from: "cat[mood=${mood}]", upscale: 2x}
"""
    found = load(project_of, text)

    assert found["big[mood=wild]"].parent == (Address("cat[mood=wild]"), None)


def test_flags_can_come_from_the_matrix(project_of: ProjectOf) -> None:
    """Flags are lifted after the values are put in."""
    text = 'images:\n  cat: {matrix: {r: ["1:1", "2:1"]}, prompt: "a cat --ar ${r}"}\n'
    assert load(project_of, text)["cat[r=2:1]"].request == Imagine("a cat", aspect_ratio="2:1")


def test_a_literal_placeholder_is_escaped(project_of: ProjectOf) -> None:
    """`$${x}` is the text `${x}`, with and without a matrix."""
    text = """\
images:
  a: {prompt: "costs $${price}"}
  b: {matrix: {x: [1]}, prompt: "$${x} is ${x}, $ {x} $x"}
"""
    found = load(project_of, text)

    assert found["a"].request == Imagine("costs ${price}")
    assert found["b[x=1]"].request == Imagine("${x} is 1, $ {x} $x")


def test_the_last_key_runs_fastest() -> None:
    """Cells come in the order in which people write nested loops."""
    found, problems = cells({"a": [1, 2], "b": ["x", "y"]}, {})

    assert [label(cell) for cell in found] == ["[a=1,b=x]", "[a=1,b=y]", "[a=2,b=x]", "[a=2,b=y]"]
    assert problems == []


@pytest.mark.parametrize("values", [[1, 1], ["a", " a "], [True, "true"], [1.0, 1.0], ["é", "é"]])
def test_values_that_print_alike_are_refused(values: list[object]) -> None:
    """Two cells must not share an address."""
    found, problems = cells({"x": values}, {})

    assert found == []
    assert "stands twice" in problems[0].message


def test_one_and_true_are_different_values() -> None:
    """Python thinks 1 == True; people do not."""
    found, _ = cells({"x": [1, True]}, {})
    assert [label(cell) for cell in found] == ["[x=1]", "[x=true]"]


def test_substitution_goes_into_lists_and_mappings_but_not_into_keys() -> None:
    """Keys are names; only values are replaced, and what is put in is not replaced again."""
    value = {"${x}": ["${x}", {"a": "-${x}-"}], "b": 7}

    assert substitute(value, {"x": "${x}"}) == {"${x}": ["${x}", {"a": "-${x}-"}], "b": 7}
    assert substitute(value, {"x": 5}) == {"${x}": [5, {"a": "-5-"}], "b": 7}
    assert names_used(value) == {"x"}
