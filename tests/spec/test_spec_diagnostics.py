"""Problems find their line, and are shown so that the mark stands under what is meant."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.spec.diagnostics import Diagnostic, Problem, as_json, locate, render
from reconciler.spec.resource import KeyPath

TEXT = """\
images:
  cat: &cat
    prompt: a cat
    refs: [one, {url: two}]
  dog: *cat
  owl:
    prompt: >
      a long
      story
"""


def found(path: KeyPath, *, on_key: bool = False, fragment: str | None = None) -> Diagnostic:
    problem = Problem("a.yaml", path, "wrong", on_key=on_key, fragment=fragment)
    (diagnostic,) = locate([problem], lambda _: TEXT)
    return diagnostic


@pytest.mark.parametrize(
    ("path", "on_key", "place"),
    [
        ((), False, (1, 1, 2)),
        (("images",), True, (1, 1, 7)),
        (("images", "cat", "prompt"), False, (3, 13, 18)),
        (("images", "cat", "prompt"), True, (3, 5, 11)),
        (("images", "cat", "refs", 0), False, (4, 12, 15)),
        (("images", "cat", "refs", 1, "url"), False, (4, 23, 26)),
        (("images", "cat", "refs", 1, "weight"), False, (4, 17, 18)),
        (("images", "cat", "refs", 7), False, (4, 5, 9)),
        (("images", "cat", "missing"), False, (2, 3, 6)),
        (("images", "cat", "missing", 0, "deep"), False, (2, 3, 6)),
        (("images", "dog", "prompt"), False, (5, 3, 6)),
        (("images", "owl", "prompt"), False, (7, 13, 14)),
        (("gone",), False, (1, 1, 2)),
    ],
)
def test_places(path: KeyPath, on_key: bool, place: tuple[int, int, int]) -> None:
    """A node, its key, or the nearest ancestor that exists; an alias hides what is behind it."""
    diagnostic = found(path, on_key=on_key)

    assert (diagnostic.line, diagnostic.column, diagnostic.end_column) == place


def test_fragments_are_found_on_their_line() -> None:
    """A word of a folded text is marked where it stands."""
    diagnostic = found(("images", "owl", "prompt"), fragment="story")

    assert (diagnostic.line, diagnostic.column, diagnostic.end_column) == (9, 7, 12)


def test_a_fragment_that_is_not_there_marks_the_value() -> None:
    """After normalisation a word may look different from what was written."""
    assert found(("images", "cat", "prompt"), fragment="dog").column == 13


def test_places_before_a_syntax_error_are_found() -> None:
    """A broken end does not take the positions away."""
    (diagnostic,) = locate([Problem("a.yaml", ("a",), "wrong")], lambda _: "a: 1\nb: [")

    assert (diagnostic.line, diagnostic.column) == (1, 4)


def test_order_and_repetition() -> None:
    """By file, line and column; the same problem once."""
    problems = [
        Problem("b.yaml", ("images",), "three", on_key=True),
        Problem("a.yaml", ("images", "dog"), "two", on_key=True),
        Problem("a.yaml", ("images", "cat"), "one", on_key=True),
        Problem("a.yaml", ("images", "cat"), "one", on_key=True),
    ]

    assert [one.message for one in locate(problems, lambda _: TEXT)] == ["one", "two", "three"]


def test_json() -> None:
    """What editors and CI read."""
    related = (("first defined here", "a.yaml", ("images", "dog")),)
    problem = Problem("a.yaml", ("images", "cat"), "wrong", "better", True, related)

    assert as_json(locate([problem], lambda _: TEXT)) == [
        {
            "file": "a.yaml",
            "line": 2,
            "column": 3,
            "end_column": 6,
            "message": "wrong",
            "hint": "better",
            "related": [
                {"label": "first defined here", "file": "a.yaml", "line": 5, "column": 3},
            ],
        }
    ]


def test_rendering() -> None:
    """Message, place, line, mark, hint, other places; an empty line between two problems."""
    related = (("first defined here", "a.yaml", ("images", "dog")),)
    problem = Problem("a.yaml", ("images", "cat"), "wrong", "better", True, related)
    other = Problem("a.yaml", ("images", "owl"), "also wrong", on_key=True)

    assert render(locate([problem, other], lambda _: TEXT)) == [
        "error: wrong",
        " --> a.yaml:2:3",
        "  |",
        "2 |   cat: &cat",
        "  |   ^^^",
        "  = hint: better",
        "  = first defined here: a.yaml:5:3",
        "",
        "error: also wrong",
        " --> a.yaml:6:3",
        "  |",
        "6 |   owl:",
        "  |   ^^^",
    ]


def width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.category(char) == "Mn" for char in text)


ALPHABET = "ab é静\u0301\t…\U0001f600"


@given(st.text(ALPHABET, max_size=150), st.text("xyz", min_size=1, max_size=20), st.text(ALPHABET))
def test_the_mark_stands_under_what_is_meant(before: str, meant: str, after: str) -> None:
    """Tabs, wide and combining characters, long lines: the mark is as wide and in its place."""
    column = len(before) + 1
    source = f"{before}{meant}{after}"
    one = Diagnostic("a.yaml", 7, column, column + len(meant), "wrong", source=source)

    *_, shown, mark = render([one])

    start, length = mark[4:].index("^"), mark.count("^")
    assert length == len(meant)
    position = shown[4:].index(meant)
    assert width(shown[4 : 4 + position]) == start
    assert width(shown) <= 110


def test_steering_characters_are_not_shown() -> None:
    """A spec cannot write into the terminal of whoever validates it."""
    evil = "a\x1b[31m\x9bb\u202ec"
    one = Diagnostic(f"{evil}\udcff.yaml", 1, 1, 2, evil, evil, source=evil)

    assert render([one]) == [
        "error: a·[31m·b·c",
        " --> a·[31m·b·c·.yaml:1:1",
        "  |",
        "1 | a·[31m·b·c",
        "  | ^",
        "  = hint: a·[31m·b·c",
    ]
