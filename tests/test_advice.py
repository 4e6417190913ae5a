"""Advice: each rule where it speaks, keeps quiet and is silenced; and what `validate` shows."""

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from reconciler.advice.advise import REFUSED_BYTES, advise
from reconciler.advice.given import Advice, FileSize, Surroundings
from reconciler.advice.links import expiring_url
from reconciler.advice.wording import flags_in_prompt, quoted_words, subject_first, vague_words
from reconciler.advising import advice
from reconciler.assets.fitting import MOST_BYTES
from reconciler.cli.app import main
from reconciler.ids import Address, Digest, ProviderName
from reconciler.money import MicroUsd
from reconciler.planning import open_project
from reconciler.spec.advice_rules import Rule
from reconciler.spec.request import (
    BYTES,
    Edit,
    Imagine,
    Inpaint,
    Reference,
    Request,
    Strength,
    Vary,
    Video,
    canonical,
    operation_of,
)
from reconciler.spec.resource import LocalFile, Resource

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]
KNOWS_NOTHING = Surroundings({}, lambda _: None, lambda _: None)
DIGEST = Digest("ab" * 32)
LOCAL = Reference(f"{BYTES}:{DIGEST}")


def a_resource(request: Request, *silenced: str, file: str | None = None) -> Resource:
    """Return a resource that asks for this."""
    return Resource(
        address=Address("fox"),
        provider=ProviderName("apimart"),
        operation=operation_of(request),
        canonical=canonical(request),
        parent=None,
        pick=None,
        take=1,
        file="specs/a.yaml",
        path=("images", "fox"),
        files=() if file is None else (LocalFile(file, DIGEST),),
        silenced=silenced,
    )


def given_to(
    request: Request,
    *silenced: str,
    file: str | None = None,
    surroundings: Surroundings = KNOWS_NOTHING,
) -> list[Advice]:
    """Return the advice on one request."""
    resource = a_resource(request, *silenced, file=file)
    return [one for _, one in advise([resource], surroundings)]


def rules(*arguments: Any, **named: Any) -> list[Rule]:
    """Return which rules speak."""
    return [one.rule for one in given_to(*arguments, **named)]


@pytest.mark.parametrize(
    ("prompt", "opener"),
    [
        ("in the style of an old poster, a fox", "in the style of"),
        ("In The Style Of an old poster, a fox", "In The Style Of"),
        ("inspired by old posters, a fox", "inspired by"),
        ("a highly detailed fox", "a highly detailed"),
        ("highly detailed, a fox", "highly detailed"),
        ("award-winning photo of a fox", "award-winning"),
        ("the stunning coast", "the stunning"),
        ("golden hour, a fox on a hill", "golden hour"),
        ("soft light: a fox", "soft light"),
        ("oil painting, a fox", "oil painting"),
        ("a watercolor, foxes", "a watercolor"),
        ("8k, a fox", "8k"),
    ],
)
def test_subject_first_where_a_modifier_comes_first(prompt: str, opener: str) -> None:
    (one,) = subject_first(prompt)
    assert (one.rule, one.field, one.fragment) == (Rule.SUBJECT_FIRST, ("prompt",), opener)


@pytest.mark.parametrize(
    "prompt",
    [
        "a fox in the style of an old poster",
        "a fox, golden hour, highly detailed",
        "oil painting of a fox",
        "a photo of a fox",
        "golden hours of a clockmaker",
        "beautifully carved owl",
        "realistically painted owl",
        "8km race through a town",
        "soft light falls on a fox",
        "line art of a fox",
        "an amazingly small fox",
        "",
    ],
)
def test_subject_first_keeps_quiet_where_a_subject_leads(prompt: str) -> None:
    assert list(subject_first(prompt)) == []


def test_subject_first_judges_only_prompts_of_whole_pictures() -> None:
    """An edit's prompt says what happens to a picture, and has no subject to begin with."""
    text = "golden hour, warmer"
    assert rules(Imagine(text)) == rules(Vary(Strength.SUBTLE, text)) == [Rule.SUBJECT_FIRST]
    assert rules(Edit(text)) == rules(Video(text)) == []


@pytest.mark.parametrize(
    ("prompt", "word", "better"),
    [
        ("a fox, realistic", "realistic", "`photorealistic`"),
        ("a fox, Realistic, REALISTIC fur", "REALISTIC", "`photorealistic`"),
        ("a nice fox", "nice", "`cosy`"),
        ("a fox in a beautiful garden", "beautiful", "`ornate`"),
        ("an old town, best quality", "best quality", "`quality`"),
    ],
)
def test_vague_words_name_a_better_one(prompt: str, word: str, better: str) -> None:
    (one,) = vague_words(prompt)
    assert (one.rule, one.fragment) == (Rule.VAGUE_WORDS, word)
    assert better in one.hint


@pytest.mark.parametrize(
    "prompt",
    [
        "a photorealistic fox",
        "a photo-realistic fox",
        "hyper-realistic fur",
        "unrealistic colours",
        "a beautician",
        "Nicene creed",
        'a sign that says "nice"',
        "a sign that says “amazing”",
    ],
)
def test_vague_words_keep_quiet_on_other_words_and_on_lettering(prompt: str) -> None:
    assert list(vague_words(prompt)) == []


@pytest.mark.parametrize(
    ("prompt", "quotation"),
    [
        ('a sign "OPEN" at night', '"OPEN"'),
        ("ein Schild „OFFEN“ bei Nacht", "„OFFEN“"),
        ("a sign “OPEN” at night", "“OPEN”"),
        ("une enseigne «OUVERT»", "«OUVERT»"),
    ],
)
def test_quoted_words_are_lettering(prompt: str, quotation: str) -> None:
    (one,) = quoted_words(prompt)
    assert (one.rule, one.fragment) == (Rule.QUOTED_WORDS, quotation)


@pytest.mark.parametrize(
    "prompt", ["the dogs' bed and the cats' bowl", 'a 12" ruler', "rock'n'roll", "a plain sign"]
)
def test_quoted_words_keep_quiet_on_apostrophes_and_inches(prompt: str) -> None:
    assert list(quoted_words(prompt)) == []


@pytest.mark.parametrize(
    ("prompt", "hints"),
    [
        ("a fox --ar 16:9", ['write `aspect_ratio: "16:9"`']),
        ("a fox --s 250 --tile", ["write `stylize: 250`", "write `tile: true`"]),
        ("a fox --niji 6", ['write `niji: true` and `version: "6"`']),
        ("a fox --no text, ink", ['write `negative: "text, ink"`']),
        ("a fox --fast", ["write `speed: fast`"]),
        ("a fox --sref https://e.com/a.jpg", ["write the field `style_refs`"]),
        ("a fox --ar ${ratio}", ["write the field `aspect_ratio`"]),
        ("a fox\n  --AR 16:9", ['write `aspect_ratio: "16:9"`']),
        ("a fox, -- or not", []),
        ("a ar-shaped fox", []),
    ],
)
def test_flags_in_prompt_name_the_field(prompt: str, hints: list[str]) -> None:
    found = list(flags_in_prompt(prompt))
    assert [one.hint for one in found] == hints
    assert {one.rule for one in found} <= {Rule.FLAGS_IN_PROMPT}


@given(st.text("abc -–—:0169\n$"))
def test_flags_in_prompt_never_stumbles(text: str) -> None:
    """Whatever a prompt holds, a rule of advice must not be what breaks."""
    list(flags_in_prompt(text))


@pytest.mark.parametrize(
    "size",
    [FileSize(2049, 10, 10), FileSize(10, 2049, 10), FileSize(10, 10, MOST_BYTES + 1)],
)
def test_oversized_reference_beyond_2048_pixels_or_5_mib(size: FileSize) -> None:
    known = KNOWS_NOTHING._replace(pictures={"refs/a.png": size})
    (one,) = given_to(Imagine("a fox", style_refs=(LOCAL,)), file="refs/a.png", surroundings=known)
    assert (one.rule, one.field) == (Rule.OVERSIZED_REFERENCE, ("style_refs", 0))
    assert "`refs/a.png`" in one.message
    assert "refused" not in one.hint


def test_oversized_reference_says_when_nobody_would_take_it() -> None:
    """Beyond 12 MiB it is no matter of taste."""
    known = KNOWS_NOTHING._replace(pictures={"a.png": FileSize(9, 9, REFUSED_BYTES + 1)})
    (one,) = given_to(Video(source=LOCAL), file="a.png", surroundings=known)
    assert "refused (over 12 MiB)" in one.hint


def test_oversized_reference_keeps_quiet_within_limits_and_on_masks() -> None:
    """A mask is as large as its picture; an unmeasured file is somebody else's complaint."""
    fits = KNOWS_NOTHING._replace(pictures={"a.png": FileSize(2048, 2048, MOST_BYTES)})
    big = KNOWS_NOTHING._replace(pictures={"a.png": FileSize(4096, 4096, MOST_BYTES)})
    image = Imagine("a fox", image_refs=(LOCAL,))
    assert rules(image, file="a.png", surroundings=fits) == []
    assert rules(image, file="a.png") == []
    assert rules(Inpaint(LOCAL), file="a.png", surroundings=big) == []
    assert rules(image, file="a.png", surroundings=big) == [Rule.OVERSIZED_REFERENCE]


def test_video_batch_of_four_says_its_price() -> None:
    """Only the largest batch; the price where somebody knows it."""
    priced = KNOWS_NOTHING._replace(price=lambda _: MicroUsd(800_000))
    (one,) = given_to(Video("a fox", source=LOCAL, batch=4), surroundings=priced)
    assert (one.rule, one.field) == (Rule.VIDEO_BATCH, ("batch",))
    assert one.message == "a batch of 4 clips costs four times the price of one: $0.80 in all"
    (one,) = given_to(Video(batch=4))
    assert one.message == "a batch of 4 clips costs four times the price of one"
    assert rules(Video()) == rules(Video(batch=2)) == []


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("https://b.s3.amazonaws.com/a.png?X-Amz-Expires=3600&X-Amz-Signature=SECRET", "X-Amz-"),
        ("https://x.blob.core.windows.net/a.png?sv=2&se=2026-01-01&sig=SECRET", "`se`"),
        ("https://storage.example/a.png?Expires=1&Signature=SECRET", "`Expires`"),
        ("https://e.com/a.png?token=SECRET", "`token`"),
        ("https://cdn.discordapp.com/attachments/1/2/a.png", "`cdn.discordapp.com`"),
        ("https://CDN.midjourney.com/1/0_0.png", "`cdn.midjourney.com`"),
        ("https://cdn.apimart.ai/a.png", "`cdn.apimart.ai`"),
        ("https://x.getapib.org/a.png", "`x.getapib.org`"),
        ("https://file.apixo.ai/a.png", "`file.apixo.ai`"),
    ],
)
def test_expiring_url_by_signature_or_host(url: str, word: str) -> None:
    """The answer names what gave it away, and never the secret itself."""
    (one,) = given_to(Imagine("a fox", image_refs=(Reference("https://e.com/a"), Reference(url))))
    assert (one.rule, one.field) == (Rule.EXPIRING_URL, ("image_refs", 1))
    assert word in one.message
    assert "SECRET" not in one.message + one.hint


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "https://example.com/a.png?v=3&size=large&session=1",
        "https://mycdn.discordapp.com.example.com/a.png",
        "https://example.com/expires/token.png",
        "https://notgetapib.org/a.png",
    ],
)
def test_expiring_url_keeps_quiet_on_plain_links(url: str) -> None:
    assert list(expiring_url(("source",), url)) == []


SPOKEN = Surroundings(
    {"a.png": FileSize(4096, 10, 10)},
    lambda _: "x --ar 1:1",
    lambda _: None,
)
LOUD: Mapping[Rule, Request] = {
    Rule.SUBJECT_FIRST: Imagine("golden hour, a fox"),
    Rule.VAGUE_WORDS: Imagine("a nice fox"),
    Rule.QUOTED_WORDS: Imagine('a sign "OPEN"'),
    Rule.FLAGS_IN_PROMPT: Imagine("a fox"),
    Rule.OVERSIZED_REFERENCE: Video(source=LOCAL),
    Rule.VIDEO_BATCH: Video(source=Reference("https://e.com/a"), batch=4),
    Rule.EXPIRING_URL: Video(source=Reference("https://cdn.midjourney.com/a")),
}


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_can_be_silenced_alone(rule: Rule) -> None:
    """Its name on the resource hushes it, and no other."""
    loud = given_to(LOUD[rule], file="a.png", surroundings=SPOKEN)
    assert rule in [one.rule for one in loud]
    left = given_to(LOUD[rule], rule.value, file="a.png", surroundings=SPOKEN)
    assert left == [one for one in loud if one.rule is not rule]


CONFIG = """\
providers:
  apixo: {type: apixo, base_url: "sandbox:"}
defaults: {version: "7", speed: fast}
"""
SPEC = """\
images:
  fox:
    prompt: >-
      a nice fox,
      realistic fur --ar 16:9
    image_refs: [https://e.com/a.png, https://cdn.midjourney.com/1/0_0.png]
"""
PAGE = """\
advice[vague-words]: `nice` can mean anything
 --> specs/a.yaml:4:9
  |
4 |       a nice fox,
  |         ^^^^
  = hint: say what is nice about it: `tidy`, `cosy`, `polished`

advice[vague-words]: `realistic` can mean anything
 --> specs/a.yaml:5:7
  |
5 |       realistic fur --ar 16:9
  |       ^^^^^^^^^
  = hint: write `photorealistic`

advice[flags-in-prompt]: `--ar` works in a prompt, but a field can be read and compared by itself
 --> specs/a.yaml:5:21
  |
5 |       realistic fur --ar 16:9
  |                     ^^^^
  = hint: write `aspect_ratio: "16:9"`

advice[expiring-url]: `cdn.midjourney.com` keeps no picture for ever
 --> specs/a.yaml:6:39
  |
6 |     image_refs: [https://e.com/a.png, https://cdn.midjourney.com/1/0_0.png]
  |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: save the picture in the project and write its path: then its bytes count, not its place

Valid: 1 resource in 1 file; 4 pieces of advice (`silence: [vague-words]` in a spec hushes a rule).
"""


HUSH = "silence: [vague-words]"


def validate(root: Path, *options: str) -> Result:
    """Run the program on a project."""
    return CliRunner().invoke(main, ["-C", str(root), "validate", *options])


def test_validate_gives_advice_in_the_form_of_errors(project_of: ProjectOf) -> None:
    """With the rule's name and the very word; the exit code stays 0, but with --strict."""
    root = project_of({"reconciler.yaml": CONFIG, "specs/a.yaml": SPEC})
    plain = validate(root)
    assert (plain.exit_code, plain.stdout) == (0, PAGE)
    strict = validate(root, "--strict")
    assert (strict.exit_code, strict.stdout) == (1, PAGE)


def test_validate_gives_advice_to_programs(project_of: ProjectOf) -> None:
    """Each piece has its rule and its place; nothing is invalid for it."""
    root = project_of({"reconciler.yaml": CONFIG, "specs/a.yaml": SPEC})
    result = validate(root, "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["valid"], document["problems"]) == (0, True, [])
    first = document["advice"][0]
    assert (first["rule"], first["line"], first["column"]) == ("vague-words", 4, 9)
    assert len(document["advice"]) == 4
    assert validate(root, "--json", "--strict").exit_code == 1


def test_validate_without_advice_is_strictly_valid(project_of: ProjectOf) -> None:
    """Nothing to say, nothing said."""
    root = project_of({"reconciler.yaml": CONFIG, "specs/a.yaml": "images: {fox: {prompt: a fox}}"})
    result = validate(root, "--strict")
    assert (result.exit_code, result.stdout) == (0, "Valid: 1 resource in 1 file.\n")


def test_validate_gives_advice_beside_errors(project_of: ProjectOf) -> None:
    """What could be understood is advised on, and the errors come out as ever."""
    broken = "images:\n  fox: {prompt: a nice fox}\n  owl: {prompt: an owl, stylise: 3}\n"
    root = project_of({"reconciler.yaml": CONFIG, "specs/a.yaml": broken})
    result = validate(root)
    assert result.exit_code == 1
    assert "advice[vague-words]" in result.stdout
    assert "hint: write `stylize`" in result.stderr
    document = json.loads(validate(root, "--json").stdout)
    assert [one["rule"] for one in document["advice"]] == ["vague-words"]
    assert [one["line"] for one in document["problems"]] == [3]
    assert document["valid"] is False


@pytest.mark.parametrize(
    ("config", "file", "entry"),
    [("", "", HUSH), ("", f"defaults: {{{HUSH}}}", ""), (HUSH, "", "")],
    ids=["entry", "file", "project"],
)
def test_a_rule_can_be_silenced_in_three_places(
    project_of: ProjectOf, config: str, file: str, entry: str
) -> None:
    """For one entry, for its file, for the whole project; the other rules still speak."""
    spec = f'{file}\nimages:\n  fox:\n    prompt: a nice fox, "quoted"\n    {entry}\n'
    root = project_of({"reconciler.yaml": CONFIG + config, "specs/a.yaml": spec})
    document = json.loads(validate(root, "--json").stdout)
    assert document["problems"] == []
    assert [one["rule"] for one in document["advice"]] == ["quoted-words"]


def test_a_rule_that_does_not_exist_cannot_be_silenced(project_of: ProjectOf) -> None:
    """A misspelt silence would hide that the rule still speaks."""
    spec = "images:\n  fox: {prompt: a fox, silence: [vague-word]}\n"
    root = project_of({"reconciler.yaml": CONFIG, "specs/a.yaml": spec})
    result = validate(root)
    assert result.exit_code == 1
    assert "vague-words" in result.stderr


def test_a_large_local_picture_is_measured(project_of: ProjectOf) -> None:
    """By its header, at the line that names it; whether or not everything else is right."""
    spec = "images:\n  fox:\n    prompt: a fox\n    image_refs: [refs/small.png, refs/wide.png]\n"
    files = {"refs/wide.png": a_picture(2500), "refs/small.png": a_picture(25)}
    root = project_of({"reconciler.yaml": CONFIG, "specs/a.yaml": spec, **files})
    for text in (spec, spec + "  owl: {prompt: an owl, chaos: a lot}\n"):
        (root / "specs/a.yaml").write_text(text)
        (one,) = json.loads(validate(root, "--json").stdout)["advice"]
        assert (one["rule"], one["line"], one["column"]) == ("oversized-reference", 4, 34)
        assert "2500 × 20 pixels" in one["message"]


def a_picture(width: int) -> bytes:
    """Return a PNG of this width."""
    from PIL import Image

    written = BytesIO()
    Image.new("1", (width, 20)).save(written, "PNG")
    return written.getvalue()


def test_a_batch_is_priced(project_of: ProjectOf) -> None:
    """By the provider that would make it, with the configuration's own prices."""
    spec = (
        "images:\n  fox:\n    video: {source: https://e.com/a.png, batch: 4}\n"
        "    prompt: a fox runs\n    provider: mart\n"
    )
    config = "providers:\n  mart: {type: apimart, base_url: 'sandbox:'}\n"
    root = project_of({"reconciler.yaml": config, "specs/a.yaml": spec})
    result = validate(root, "--json")
    (one,) = json.loads(result.stdout)["advice"]
    assert (one["rule"], one["line"]) == ("video-batch", 3)
    assert "$0.80 in all" in one["message"]


def test_advice_on_a_matrix_is_given_once(project_of: ProjectOf) -> None:
    """A hundred cells of one entry have one prompt to improve."""
    text = "images:\n  fox:\n    matrix: {w: [a, b, c]}\n    prompt: a nice fox ${w}\n"
    root = project_of({"reconciler.yaml": CONFIG, "specs/a.yaml": text})
    project = open_project(root)
    assert len(advice(project, project.load().resources.values())) == 1


@pytest.mark.slow
def test_advice_on_thirty_thousand_images_takes_about_a_second(project_of: ProjectOf) -> None:
    """No file is parsed where there is nothing to say; one in a thousand has a flag."""
    from time import perf_counter

    files = {
        f"specs/s{number:02}.yaml": "images:\n"
        + "".join(
            f"  i{number}_{one}: {{prompt: a small fox number {one} on a hill, stylize: 7}}\n"
            for one in range(1000)
        )
        for number in range(30)
    }
    files["specs/s00.yaml"] += "  loud: {prompt: a nice fox --ar 16:9}\n"
    project = open_project(project_of({"reconciler.yaml": CONFIG, **files}))
    resources = project.load().resources.values()
    began = perf_counter()
    found = advice(project, resources)
    assert len(found) == 2
    assert perf_counter() - began < 3.0
