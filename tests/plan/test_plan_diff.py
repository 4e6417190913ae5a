"""What changed between two requests."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.diff import FieldChange, Mark, changes, word_changes
from reconciler.spec.request import (
    Imagine,
    Reference,
    Strength,
    Upscale,
    Upscaler,
    Vary,
    canonical,
)

SAME, REMOVED, ADDED = Mark.SAME, Mark.REMOVED, Mark.ADDED
OWL = Imagine("a brass owl", stylize=50, raw=True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("a b c", "a b c", [(SAME, "a b c")]),
        ("a b c", "a x c", [(SAME, "a"), (REMOVED, "b"), (ADDED, "x"), (SAME, "c")]),
        ("a b", "a b c d", [(SAME, "a b"), (ADDED, "c d")]),
        ("a b c", "c", [(REMOVED, "a b"), (SAME, "c")]),
        ("a", "b", [(REMOVED, "a"), (ADDED, "b")]),
        ("", "a", [(ADDED, "a")]),
        ("a", "", [(REMOVED, "a")]),
        ("", "", []),
    ],
)
def test_words(old: str, new: str, words: list[tuple[Mark, str]]) -> None:
    """Runs of words; what went stands before what came."""
    assert list(word_changes(old, new)) == words


@given(st.text("ab ", max_size=30), st.text("ab ", max_size=30))
def test_words_tell_both_sides(old: str, new: str) -> None:
    """Without the added words it is the old text, without the removed ones the new."""
    runs = list(word_changes(old, new))

    assert " ".join(text for mark, text in runs if mark is not ADDED).split() == old.split()
    assert " ".join(text for mark, text in runs if mark is not REMOVED).split() == new.split()


def test_no_change() -> None:
    """Equal requests differ in nothing."""
    assert changes(canonical(OWL), canonical(OWL)) == ()


def test_changed_added_and_removed_fields() -> None:
    """Fields come sorted; None on a side says that the field was not there."""
    new = replace(OWL, prompt="a tin owl", stylize=None, raw=False, chaos=5)

    assert changes(canonical(OWL), canonical(new)) == (
        FieldChange("chaos", None, 5),
        FieldChange(
            "prompt",
            "a brass owl",
            "a tin owl",
            ((SAME, "a"), (REMOVED, "brass"), (ADDED, "tin"), (SAME, "owl")),
        ),
        FieldChange("raw", True, None),
        FieldChange("stylize", 50, None),
    )


def test_first_purchase() -> None:
    """Without an old request every field is new; the operation is no field."""
    assert changes(None, canonical(OWL)) == (
        FieldChange("prompt", None, "a brass owl"),
        FieldChange("raw", None, True),
        FieldChange("stylize", None, 50),
    )


def test_another_operation() -> None:
    """Another operation is a change like any other."""
    assert changes(canonical(Upscale(Upscaler.DOUBLE)), canonical(Vary(Strength.STRONG))) == (
        FieldChange("operation", "upscale", "vary"),
        FieldChange("upscale", "2x", None),
        FieldChange("vary", None, "strong"),
    )


def test_structured_field() -> None:
    """A list of references is compared as a whole, as JSON."""
    old = replace(OWL, image_refs=(Reference("https://a/1"),))
    new = replace(OWL, image_refs=(Reference("https://a/1"), Reference("https://a/2", 2)))

    assert changes(canonical(old), canonical(new)) == (
        FieldChange(
            "image_refs",
            [{"location": "https://a/1"}],
            [{"location": "https://a/1"}, {"location": "https://a/2", "weight": 2}],
        ),
    )
