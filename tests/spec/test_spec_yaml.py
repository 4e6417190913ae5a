"""Text becomes plain values by YAML 1.2's rules, without any of its surprises."""

import pytest

from reconciler.spec.problems import Diagnostic
from reconciler.spec.yaml import MAX_ALIASED, MAX_DEPTH, decode_text, parse, plain_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16:9", "16:9"),
        ("1:30:45", "1:30:45"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T12:00:00Z", "2024-01-31T12:00:00Z"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("017", "017"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e999", "1e999"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("-", "-"),
        ("12345678901234567890", "12345678901234567890"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("8.1", 8.1),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    """Only null, true, false and decimal numbers are more than text."""
    found = plain_value(text)

    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "---\n...\n", "\ufeff"])
def test_empty_files_are_fine(text: str) -> None:
    """A file without content has no value and no problem."""
    decoded = decode_text("a.yaml", text.encode())
    assert isinstance(decoded, str)

    document = parse("a.yaml", decoded)

    assert (document.value, document.diagnostics) == (None, ())


def test_aliases_stand_for_whole_values() -> None:
    """Anchors and aliases work for scalars, lists and mappings."""
    document = parse("a.yaml", "a: &a {x: [1, &one 2]}\nb: *a\nc: [*one, *a]\n")

    assert document.value == {"a": {"x": [1, 2]}, "b": {"x": [1, 2]}, "c": [2, {"x": [1, 2]}]}
    assert document.diagnostics == ()


def test_an_anchor_means_the_last_one_before() -> None:
    """An anchor may be set again, as YAML allows."""
    assert parse("a.yaml", "[&a 1, *a, &a 2, *a]").value == [1, 1, 2, 2]


def test_aliases_cannot_exhaust_the_memory() -> None:
    """What aliases add is limited, however it is nested."""
    lines = ["- &a [" + "x, " * 999 + "x]"]
    lines += [f"- &{new} [{', '.join([f'*{old}'] * 50)}]" for old, new in ("ab", "bc", "cd")]

    document = parse("a.yaml", "\n".join(lines))

    assert document.value is None
    assert document.diagnostics[0].message == f"aliases repeat more than {MAX_ALIASED} nodes"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_nesting_cannot_exhaust_the_stack(opening: str) -> None:
    """Any depth ends with a diagnostic, not with a crash."""
    document = parse("a.yaml", opening * 30_000)

    assert document.diagnostics[0].message == f"more than {MAX_DEPTH} levels of nesting"


def test_values_of_refused_keys_are_forgotten() -> None:
    """Behind a duplicate or a merge key the rest of the mapping is read on."""
    document = parse("a.yaml", "x: &x {p: 1}\ny: {<<: *x, q: [2, {r: 3}], q: 4, 5: 6, s: 7}\n")

    assert document.value == {"x": {"p": 1}, "y": {"q": [2, {"r": 3}], "s": 7}}
    assert [one.column for one in document.diagnostics] == [5, 29, 35]
    assert document.incomplete == (("y",), ("y",))


def test_line_and_column_of_bad_bytes() -> None:
    """Bytes that are not UTF-8 are named with their line."""
    found = decode_text("a.yaml", b"a: b\nc: \xff\n")

    assert isinstance(found, Diagnostic)
    assert (found.line, found.message) == (2, "byte 9 is not UTF-8")


def test_utf16_is_refused() -> None:
    """YAML would allow it; one encoding is enough for everybody."""
    assert isinstance(decode_text("a.yaml", "a: b".encode("utf-16")), Diagnostic)
