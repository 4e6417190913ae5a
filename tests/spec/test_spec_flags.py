"""Prompt flags become fields; whatever cannot be lifted is an error. Pure values, no files."""

import pytest

from reconciler.spec.extra_flags import extra
from reconciler.spec.flags import FLAGS, first_flag, lift, mentioned
from reconciler.spec.request import Imagine, Reference, Speed
from reconciler.spec.values import MalformedError

LIFTED: list[tuple[str, dict[str, object]]] = [
    ("a cat --ar 16:9", {"aspect_ratio": "16:9"}),
    ("a cat --aspect 2:2", {"aspect_ratio": "2:2"}),
    ("a cat --s 250", {"stylize": 250}),
    ("a cat --stylize 250", {"stylize": 250}),
    ("a cat --c 5 --chaos 5", {"chaos": 5}),
    ("a cat --w 7", {"weird": 7}),
    ("a cat --v 7", {"version": "7"}),
    ("a cat --version 8.1", {"version": "8.1"}),
    ("a cat --niji", {"niji": True}),
    ("a cat --niji 6", {"niji": True, "version": "6"}),
    ("a cat --no text, watermark", {"negative": "text, watermark"}),
    ("a cat --q .5", {"quality": "0.5"}),
    ("a cat --seed 12 --stop 80 --r 2", {"seed": 12, "stop": 80, "repeat": 2}),
    ("a cat --iw 1.5", {"image_weight": 1.5}),
    ("a cat --iw 2.0", {"image_weight": 2}),
    ("a cat --sw 5 --sv 6 --cw 7 --ow 8",
     {"style_weight": 5, "style_version": 6, "character_weight": 7, "omni_weight": 8}),
    ("a cat --raw", {"raw": True}),
    ("a cat --style raw", {"raw": True}),
    ("a cat --style Raw --raw", {"raw": True}),
    ("a cat --style cute", {"style": "cute"}),
    ("a cat --dref https://e.com/a.jpg --dw 50",
     {"depth_refs": (Reference("https://e.com/a.jpg"),), "depth_weight": 50}),
    ("a cat --tile --draft --hd", {"tile": True, "draft": True, "hd": True}),
    ("a cat --fast", {"speed": Speed.FAST}),
    ("a cat --turbo", {"speed": Speed.TURBO}),
    ("a cat --relax", {"speed": Speed.RELAX}),
    ("a cat --AR 16:9", {"aspect_ratio": "16:9"}),
    ("a cat --sref https://e.com/a.jpg::2 https://e.com/b.jpg::0.5 https://e.com/c.jpg",
     {"style_refs": (Reference("https://e.com/a.jpg", 2), Reference("https://e.com/b.jpg", 0.5),
                     Reference("https://e.com/c.jpg"))}),
    ("a cat --cref http://[::1]/a.jpg", {"character_refs": (Reference("http://[::1]/a.jpg"),)}),
    ("a cat --oref https://e.com/a--b.jpg", {"omni_refs": (Reference("https://e.com/a--b.jpg"),)}),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "fields"), LIFTED)
def test_flags_become_fields(prompt: str, fields: dict[str, object]) -> None:
    """Every flag of Midjourney's that we know has a field, and leaves the prompt."""
    lifted = lift(prompt)

    assert (lifted.text, lifted.fields, lifted.problems) == ("a cat", fields, [])


def test_every_flag_stands_for_a_field_of_the_request() -> None:
    """The table cannot name a field that does not exist."""
    assert {flag.field for flag in FLAGS.values()} <= Imagine.__dataclass_fields__.keys()


def test_every_flag_is_tried_above() -> None:
    """The list of examples grows with the table of flags."""
    used = {field for _, fields in LIFTED for field in fields}
    assert used == {flag.field for flag in FLAGS.values()}


def test_flags_may_stand_anywhere() -> None:
    """Words behind a flag's value belong to the prompt again."""
    lifted = lift("a --ar 1:1 cat --tile on a --s 5 roof")

    assert lifted.text == "a cat on a roof"
    assert lifted.fields == {"aspect_ratio": "1:1", "tile": True, "stylize": 5}


@pytest.mark.parametrize(
    "prompt",
    [
        "a well-lit room",
        "a cat — asleep",
        "a -5 degree morning",
        "cat::2 dog::1",
        "a - b",
        "–5°",
        "No rain — Raw light",
    ],
)
def test_words_with_dashes_stay(prompt: str) -> None:
    """Ordinary dashes and Midjourney's weights are no flags."""
    lifted = lift(prompt)

    assert (lifted.text, lifted.fields, lifted.problems) == (prompt, {}, [])


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a cat --", "`--` would cut"),
        ("a cat --- b", "`---` would cut"),
        ("well--known", "`well--known` would cut"),
        ("a cat --stylise 5", "`--stylise` is not known"),
        ("a cat —ar 16:9", "`—ar` begins with a dash"),
        ("a cat --ar", "`--ar` has no value"),
        ("a cat --ar --tile", "`--ar` has no value"),
        ("a cat --s many", "`--s` must be a whole number, not `many`"),
        ("a cat --sref 12345", "`--sref` needs the URL of a picture"),
        ("a cat --sref https://u:p@e.com/a.jpg", "`--sref` holds a user name or password"),
        ("a cat --no a--b", "`--no` holds `--`"),
        ("a cat --no , ,", "`--no` has no value"),
        ("https://e.com/a.jpg a cat", "begins with a picture's URL"),
        ("a cat --ar 1:1 --ar 2:1", "contradict each other"),
        ("a cat --seed " + "9" * 40, "must be a whole number"),
        ("a cat --style", "`--style` has no value"),
        ("a cat --style very/cute", "`--style` must be one word"),
        ("a cat --style raw --style", "`--style` has no value"),
    ],
)
def test_what_cannot_be_lifted_is_a_problem(prompt: str, words: str) -> None:
    """Nothing with `--` is passed over: the provider would cut the prompt there."""
    (problem,) = lift(prompt).problems

    assert words in problem.message


def test_mentioned_names_fields_whatever_their_values() -> None:
    """Also flags whose value is a placeholder or malformed are found again by `whence`."""
    assert mentioned("a cat --ar ${ratio} --niji --s --style ${style}") == {
        *("aspect_ratio", "niji", "version", "stylize", "style", "raw"),
    }


@pytest.mark.parametrize(
    ("prompt", "word"),
    [("a cat", None), ("a well-lit cat", None), ("a cat --ar 1:1", "--ar"), ("a —no b", "—no")],
)
def test_first_flag(prompt: str, word: str | None) -> None:
    """Prompts that take no flags are searched for anything that is meant as one."""
    assert first_flag(prompt) == word


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("--p", "--p"),
        ("  --p   m123 \n --exp 20", "--p m123 --exp 20"),
        ("--profile -5 a-b c", "--profile -5 a-b c"),
    ],
)
def test_extra_is_sent_as_it_is(written: str, sent: str) -> None:
    """Flags that nobody here knows go through; only white space is folded."""
    assert extra(written) == sent


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("p", "must begin with `--`"),
        ("", "must begin with `--`"),
        (7, "must be text"),
        ("--p --AR 16:9", "holds `--ar`, which has a field"),
        ("--s250", "holds `--s`, which has a field"),
        ("--p —ar 1:1", "holds `--ar`, which has a field"),
        ("--p --", "which is no flag"),
        ("--p a--b", "which is no flag"),
    ],
)
def test_extra_hides_nothing_that_has_a_field(written: object, words: str) -> None:
    """What has a field must be compared and judged as that field."""
    with pytest.raises(MalformedError, match=words):
        extra(written)
