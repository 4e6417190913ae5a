"""Drawing: the same painting gives the same PNG, in the right shape, whatever the prompt."""

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFont, ImageStat

from reconciler.sandbox.drawing import (
    Commission,
    Painting,
    Patch,
    Treatment,
    commission_from_json,
    png_of,
    seed_of,
    size_of,
)
from reconciler.sandbox.drawing.lettering import printable, wrapped
from reconciler.sandbox.drawing.motifs import MOTIFS
from reconciler.sandbox.drawing.palette import Light, light_of, palette_of

BASE = Painting(
    title="a quiet library", motif="a quiet library", ratio=(1, 1), label="v7 fast", colours=5,
    composition=7,
)  # fmt: skip
CORNER = (((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5)),)


def drawn(painting: Painting, long_side: int = 64) -> Image.Image:
    image = Image.open(io.BytesIO(png_of(painting, long_side)))
    image.load()
    return image


def distance(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def candidate(treatment: Treatment, number: int = 1, seed: int = 9) -> Painting:
    return Commission(BASE, treatment, seed=seed).candidate(number)


@pytest.mark.parametrize("words", list(MOTIFS))
@pytest.mark.parametrize("light", ["dawn", "noon", "sunset", "midnight"])
def test_every_subject_in_every_light(words: str, light: str) -> None:
    """A picture has many colours, and is byte for byte the same the next time."""
    painting = replace(BASE, motif=words.split(maxsplit=1)[0], title=light)

    assert png_of(painting, 64) == png_of(painting, 64)
    assert len(drawn(painting).getcolors(64 * 64) or []) > 200


@pytest.mark.parametrize("ratio", [(1, 1), (1, 2), (2, 1), (5, 6), (16, 9), (9, 16)])
@pytest.mark.parametrize("scale", [1, 2])
def test_the_shape_is_exact(ratio: tuple[int, int], scale: int) -> None:
    """The longer side has the asked pixels, the shorter one follows the ratio."""
    width, height = size_of(replace(BASE, ratio=ratio, scale=scale), 720)

    assert max(width, height) == 720 * scale
    assert width * ratio[1] == height * ratio[0]


def test_extreme_shapes_can_be_drawn() -> None:
    """A canvas of one pixel's height is still a picture."""
    assert drawn(replace(BASE, ratio=(100_000, 1))).size == (64, 1)
    assert drawn(replace(BASE, ratio=(1, 100_000))).size == (1, 64)
    assert drawn(replace(BASE, sketch=True), long_side=1).size == (1, 1)


def test_candidates_differ_clearly() -> None:
    """Four candidates of one order are four compositions in one palette."""
    pictures = [drawn(candidate(Treatment.FRESH, number)) for number in (1, 2, 3, 4)]

    for place, one in enumerate(pictures):
        assert all(distance(one, other) > 3 for other in pictures[place + 1 :])


def test_a_subtle_variation_is_nearer_than_a_strong_one() -> None:
    """Subtle shifts the parent a little, strong composes anew."""
    parent = drawn(BASE)
    subtle = [distance(parent, drawn(candidate(Treatment.SUBTLE, n))) for n in range(1, 9)]
    strong = [distance(parent, drawn(candidate(Treatment.STRONG, n))) for n in range(1, 9)]

    assert min(subtle) > 0
    assert sum(subtle) < sum(strong) / 1.5


def test_an_upscale_is_the_same_picture() -> None:
    """Same composition, more pixels."""
    big = drawn(replace(candidate(Treatment.SAME), scale=2)).resize((64, 64))

    assert distance(drawn(BASE), big) < 4


def test_an_edit_changes_its_region_only() -> None:
    """The region gets other colours, the rest keeps every pixel."""
    before, after = drawn(BASE), drawn(replace(BASE, patches=(Patch(3, CORNER),)))

    assert distance(before.crop((0, 0, 30, 30)), after.crop((0, 0, 30, 30))) > 5
    assert distance(before.crop((36, 36, 64, 64)), after.crop((36, 36, 64, 64))) == 0


def test_an_edit_without_region_changes_everything() -> None:
    """No mask means the whole picture."""
    assert distance(drawn(BASE), drawn(replace(BASE, patches=(Patch(3),)))) > 2


def test_old_patches_melt() -> None:
    """A chain of edits does not get slower for ever."""
    painting = BASE
    for seed in range(10):
        painting = Commission(painting, Treatment.PATCH, CORNER, seed).candidate(1)

    assert len(painting.patches) == 3


def test_a_draft_has_grain_that_enhance_removes() -> None:
    """A draft looks sketched; without `sketch` it is the plain picture."""
    plain, draft = png_of(BASE, 64), png_of(replace(BASE, sketch=True), 64)

    assert len(draft) > len(plain) * 1.2


@given(
    title=st.text(max_size=60),
    ratio=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seeds=st.tuples(st.integers(0, 2**63), st.integers(0, 2**63)),
    sketch=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_no_prompt_breaks_the_brush(
    title: str,
    ratio: tuple[int, int],
    seeds: tuple[int, int],
    sketch: bool,
) -> None:
    """Any text, shape and seed gives a picture of the right size."""
    painting = Painting(title, title, ratio, title, *seeds, sketch=sketch)

    assert drawn(painting).size == size_of(painting, 64)


@pytest.mark.parametrize("title", ["", "word " * 400, "x" * 2000, "été 中文 🦉", "a\x00b\tc\nd"])
def test_titles_are_lettered_at_full_size(title: str) -> None:
    """Long, empty and foreign titles fit their panel."""
    painting = replace(BASE, title=title, label=title, ratio=(9, 16))

    assert drawn(painting, long_side=512).size == (288, 512)


@given(text=st.text())
def test_printable_is_never_empty(text: str) -> None:
    """What the font cannot write is left out; something always remains."""
    shown = printable(text)

    assert shown.strip()
    assert shown.isascii()


def test_letters_keep_their_base() -> None:
    """Accents go, words stay."""
    assert printable("Crème brûlée – Ångström’s") == "Creme brulee - Angstrom's"
    assert printable("日本") == printable("日本") != printable("中文")


@given(words=st.lists(st.text("abcdefgh", min_size=1, max_size=60), max_size=40))
def test_wrapped_lines_fit(words: list[str]) -> None:
    """At most three lines, none wider than the panel."""
    font = ImageFont.load_default(20)

    lines = wrapped(" ".join(words), font, 200)

    assert 1 <= len(lines) <= 3
    assert all(font.getlength(line) <= 200 for line in lines)


@given(
    numbers=st.lists(st.integers(0, 2**63), max_size=3),
    treatment=st.sampled_from(Treatment),
    sketch=st.booleans(),
)
def test_a_commission_survives_its_json(
    numbers: list[int],
    treatment: Treatment,
    sketch: bool,
) -> None:
    """What is stored draws the same."""
    patches = (Patch(3, CORNER), Patch(4))
    base = replace(BASE, shifts=tuple(numbers), sketch=sketch, patches=patches)
    commission = Commission(base, treatment, CORNER, seed=11)

    assert commission_from_json(commission.to_json()) == commission


def test_words_choose_the_light() -> None:
    """Night words make a dark sky, morning words a pale one."""
    assert light_of("the harbour at midnight", 1) is Light.NIGHT
    assert light_of("soft morning", 1) is Light.DAWN
    assert max(palette_of("night", 5).zenith) < min(palette_of("dawn", 5).horizon)


def test_seeds_are_stable() -> None:
    """A seed is the same on every machine, or examples would change."""
    assert seed_of("a", 1) == 4742018630964328543
