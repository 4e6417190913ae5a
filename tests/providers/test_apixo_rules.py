"""What APIXO refuses, strips or rewrites is said before anything is sent; and what work costs."""

from dataclasses import replace
from typing import Any

import pytest
from provider_talk import APIXO, has_field, issues_of, messages

from reconciler.money import usd
from reconciler.providers.apixo import prices
from reconciler.providers.protocol import Cadence, Issue
from reconciler.spec.request import (
    Area,
    Blend,
    Describe,
    Direction,
    Edit,
    Enhance,
    Imagine,
    Inpaint,
    Operation,
    Pan,
    Placement,
    Reference,
    Remix,
    Request,
    Reroll,
    Single,
    Size,
    Speed,
    Strength,
    Upscale,
    Upscaler,
    Vary,
    Video,
    Zoom,
    ZoomOut,
    operation_of,
)

OWL = Imagine("brass owl")
GUIDED = Imagine("brass owl", image_refs=(Reference("https://pictures.example/a.jpg"),))
DRAFT = Imagine("brass owl", version="7", draft=True)
HD = Imagine("brass owl", version="8.1", hd=True)
EDIT = Edit("add a lantern", Reference("https://pictures.example/a.jpg"))
VARY = Vary(Strength.SUBTLE)
UPSCALE = Upscale(Upscaler.SUBTLE)
PICTURE = Reference("https://pictures.example/a.jpg")
INPAINT = Inpaint(Reference("https://pictures.example/mask.png"))
TRIANGLE = ((0, 0), (100, 0), (100, 50))
AREA = Area(100, 50, TRIANGLE)


def guided(**fields: Any) -> Imagine:
    return replace(OWL, **fields)


FINE: dict[str, Request] = {
    "the least": OWL,
    "the most": Imagine(
        "x" * 2000,
        negative="text",
        version="7",
        speed=Speed.TURBO,
        aspect_ratio="16:9",
        stylize=1000,
        chaos=100,
        weird=3000,
        image_refs=(PICTURE,) * 20,
        image_weight=3,
        style_refs=(Reference("https://pictures.example/a.jpg", 2.5),) * 30,
        style_weight=1000,
        style_version=6,
        character_refs=(PICTURE, PICTURE),
        omni_refs=(PICTURE,),
    ),
    "the smallest numbers": Imagine(
        "x",
        stylize=0,
        chaos=0,
        weird=0,
        image_refs=(PICTURE,),
        image_weight=0,
        style_refs=(PICTURE,),
        style_weight=0,
        style_version=1,
    ),
    "2000 characters in 6000 bytes": Imagine("猫" * 2000),
    "draft": DRAFT,
    "draft, fast": replace(DRAFT, speed=Speed.FAST),
    "hd": HD,
    "edit": EDIT,
    "edit with geometry": replace(
        EDIT, mask=(AREA,), canvas=Size(200, 100), position=Placement(100, 50, -5, 0)
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_fine(name: str) -> None:
    """What APIXO documents, up to its limits, is no issue."""
    assert issues_of(FINE[name]) == []


IGNORED = "remove `{0}`: what you wrote is not what would be bought"
DIRECT = "use a public direct URL"
BROKEN: dict[str, tuple[Request, Issue]] = {
    "prompt too long": (
        Imagine("x" * 2001),
        Issue(("prompt",), "the prompt has 2001 characters; APIXO takes 2000", "shorten it by 1"),
    ),
    "prompt too many bytes": (
        Imagine("🦉" * 1876),
        Issue(
            ("prompt",),
            "the prompt has 7504 bytes in UTF-8; APIXO takes 7500",
            "shorten it by 4 bytes",
        ),
    ),
    "edit's prompt too long": (
        replace(EDIT, prompt="x" * 2010),
        Issue(("prompt",), "the prompt has 2010 characters; APIXO takes 2000", "shorten it by 10"),
    ),
    "ratio": (
        guided(aspect_ratio="21:9"),
        Issue(
            ("aspect_ratio",),
            "APIXO has no `aspect_ratio: 21:9`",
            "it has: 1:1, 1:2, 2:1, 2:3, 3:2, 3:4, 4:3, 5:6, 6:5, 9:16, 16:9",
        ),
    ),
    "stylize": (
        guided(stylize=1001),
        Issue(
            ("stylize",),
            "`stylize` is 1001; Midjourney takes 0 to 1000",
            "write a number from 0 to 1000",
        ),
    ),
    "chaos": (
        guided(chaos=-1),
        Issue(
            ("chaos",),
            "`chaos` is -1; Midjourney takes 0 to 100",
            "write a number from 0 to 100",
        ),
    ),
    "weird": (
        guided(weird=3001),
        Issue(
            ("weird",),
            "`weird` is 3001; Midjourney takes 0 to 3000",
            "write a number from 0 to 3000",
        ),
    ),
    "image_weight": (
        replace(GUIDED, image_weight=3.1),
        Issue(
            ("image_weight",),
            "`image_weight` is 3.1; Midjourney takes 0 to 3",
            "write a number from 0 to 3",
        ),
    ),
    "style_weight": (
        guided(style_refs=(PICTURE,), style_weight=1001),
        Issue(
            ("style_weight",),
            "`style_weight` is 1001; Midjourney takes 0 to 1000",
            "write a number from 0 to 1000",
        ),
    ),
    "style_version": (
        guided(style_refs=(PICTURE,), style_version=7),
        Issue(
            ("style_version",),
            "`style_version` is 7; Midjourney takes 1 to 6",
            "write a number from 1 to 6",
        ),
    ),
    "relax": (
        guided(speed=Speed.RELAX),
        Issue(
            ("speed",),
            "APIXO has no `speed: relax`: `relax` would be run and billed as fast",
            "it has: fast, turbo",
        ),
    ),
    "relaxed edit": (
        replace(EDIT, speed=Speed.RELAX),
        Issue(
            ("speed",),
            "APIXO has no `speed: relax`: `relax` would be run and billed as fast",
            "it has: fast, turbo",
        ),
    ),
    "draft without version": (
        replace(DRAFT, version=None),
        Issue(
            ("draft",),
            "`draft` needs version 7, and here is no version",
            'write `version: "7"`, or remove `draft`',
        ),
    ),
    "draft of another version": (
        replace(DRAFT, version="8.1"),
        Issue(
            ("draft",),
            "`draft` needs version 7, and here is version 8.1",
            'write `version: "7"`, or remove `draft`',
        ),
    ),
    "turbo draft": (
        replace(DRAFT, speed=Speed.TURBO),
        Issue(
            ("speed",),
            "a draft has its own speed at APIXO; it cannot be turbo as well",
            "remove `speed: turbo`, or remove `draft`",
        ),
    ),
    "hd draft": (
        replace(DRAFT, hd=True),
        Issue(("hd",), "a draft cannot be `hd`", "remove one of the two"),
    ),
    "hd of another version": (
        replace(HD, version="7"),
        Issue(
            ("hd",),
            "APIXO documents `hd` with version 8.1 only",
            'write `version: "8.1"`, or remove `hd`',
        ),
    ),
    "hd without version": (
        replace(HD, version=None),
        Issue(
            ("hd",),
            "APIXO documents `hd` with version 8.1 only",
            'write `version: "8.1"`, or remove `hd`',
        ),
    ),
    "image_weight without images": (
        guided(image_weight=1),
        Issue(("image_weight",), "`image_weight` has nothing to act on", "add `image_refs`"),
    ),
    "style_weight without styles": (
        guided(style_weight=100),
        Issue(("style_weight",), "`style_weight` has nothing to act on", "add `style_refs`"),
    ),
    "style_version without styles": (
        replace(GUIDED, style_version=6),
        Issue(("style_version",), "`style_version` has nothing to act on", "add `style_refs`"),
    ),
    "weighted image": (
        guided(image_refs=(replace(PICTURE, weight=2),)),
        Issue(
            ("image_refs", 0),
            "APIXO documents no weight for a single picture in `image_refs`",
            "remove `weight`; only `style_refs` have one each",
        ),
    ),
    "weighted figure": (
        guided(character_refs=(PICTURE, replace(PICTURE, weight=0))),
        Issue(
            ("character_refs", 1),
            "APIXO documents no weight for a single picture in `character_refs`",
            "remove `weight`; only `style_refs` have one each",
        ),
    ),
    "weighted thing": (
        guided(omni_refs=(replace(PICTURE, weight=2),)),
        Issue(
            ("omni_refs", 0),
            "APIXO documents no weight for a single picture in `omni_refs`",
            "remove `weight`; only `style_refs` have one each",
        ),
    ),
    "too many images": (
        guided(image_refs=(PICTURE,) * 23),
        Issue(("image_refs", 20), "`image_refs` has 23 pictures; the limit is 20", "remove 3"),
    ),
    "too many things": (
        guided(omni_refs=(PICTURE,) * 2),
        Issue(("omni_refs", 1), "`omni_refs` has 2 pictures; the limit is 1", "remove 1"),
    ),
    "mask alone": (
        replace(EDIT, mask=(AREA,)),
        Issue(
            ("edit", "mask"),
            "APIXO documents mask, canvas and position together; missing: `canvas`, `position`",
            "give all three, or none to repaint the whole picture",
        ),
    ),
    "canvas and position": (
        replace(EDIT, canvas=Size(10, 10), position=Placement(5, 5, 0, 0)),
        Issue(
            ("edit", "canvas"),
            "APIXO documents mask, canvas and position together; missing: `mask`",
            "give all three, or none to repaint the whole picture",
        ),
    ),
    "two points": (
        replace(
            EDIT,
            mask=(AREA, Area(100, 50, ((0, 0), (1, 1)))),
            canvas=Size(100, 50),
            position=Placement(100, 50, 0, 0),
        ),
        Issue(("edit", "mask", 1), "an area needs at least three points"),
    ),
    "a point outside": (
        replace(
            EDIT,
            mask=(Area(100, 50, (*TRIANGLE, (50, 51), (-1, 0))),),
            canvas=Size(100, 50),
            position=Placement(100, 50, 0, 0),
        ),
        Issue(
            ("edit", "mask", 0),
            "the point [50, 51] lies outside its 100×50 picture",
            "points are in pixels of the area's own width and height",
        ),
    ),
    **{
        f"undocumented {field}": (
            guided(**{field: value}),
            Issue(
                (field,),
                f"APIXO documents nothing like `{field}` and would ignore it",
                IGNORED.format(field),
            ),
        )
        for field, value in {
            "niji": True,
            "quality": "2",
            "raw": True,
            "tile": True,
            "seed": 0,
            "stop": 50,
            "repeat": 2,
            "character_weight": 0,
            "omni_weight": 100,
            "style": "raw",
            "depth_refs": (PICTURE,),
            "depth_weight": 1,
            "extra": "bright",
        }.items()
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_rule(name: str) -> None:
    """Each rule has its place, its message and its hint, and says nothing twice."""
    request, issue = BROKEN[name]

    assert issues_of(request) == [issue]
    assert has_field(request, issue.field)


def test_all_issues_are_told_at_once() -> None:
    """Nobody has to correct a spec one error at a time."""
    broken = Imagine("x", stylize=2000, chaos=200, seed=1, aspect_ratio="7:1", speed=Speed.RELAX)

    assert [issue.field[0] for issue in issues_of(broken)] == [
        "speed",
        "aspect_ratio",
        "stylize",
        "chaos",
        "seed",
    ]


URLS = {
    "http://127.0.0.1/a.jpg": "127.0.0.1 is a private address",
    "http://10.1.2.3:8080/a.jpg": "10.1.2.3 is a private address",
    "http://192.168.0.9/a.jpg": "192.168.0.9 is a private address",
    "http://172.16.0.1/a.jpg": "172.16.0.1 is a private address",
    "http://169.254.169.254/latest": "169.254.169.254 is a private address",
    "http://0.0.0.0/a.jpg": "0.0.0.0 is a private address",
    "http://[::1]/a.jpg": "::1 is a private address",
    "http://[fe80::1]/a.jpg": "fe80::1 is a private address",
    "http://[fd00::1]:80/a.jpg": "fd00::1 is a private address",
    "http://[::ffff:10.0.0.1]/a.jpg": "::ffff:10.0.0.1 is a private address",
    "http://localhost/a.jpg": "`localhost` is a private name",
    "http://LOCALHOST:80/a.jpg": "`localhost` is a private name",
    "http://pictures.localhost/a.jpg": "`pictures.localhost` is a private name",
    "http://nas.local/a.jpg": "`nas.local` is a private name",
    "http://build.internal/a.jpg": "`build.internal` is a private name",
    "http://localhost./a.jpg": "`localhost` is a private name",
    "http://intranet/a.jpg": "`intranet` is a private name",
    "https://me@pictures.example/a.jpg": "it carries a user name",
    "https://me:secret@pictures.example/a.jpg": "it carries a user name",
    "https://:secret@pictures.example/a.jpg": "it carries a user name",
    "https:///a.jpg": "it has no host",
    "http://[::1/a.jpg": "it is malformed",
    "http://pictures.example:port/a.jpg": "it is malformed",
}


@pytest.mark.parametrize("url", URLS)
def test_unreachable_url(url: str) -> None:
    """APIXO fetches from the public internet; the message never repeats a password."""
    (issue,) = issues_of(guided(image_refs=(Reference(url),)))

    assert issue == Issue(("image_refs", 0), f"APIXO cannot fetch this URL: {URLS[url]}", DIRECT)
    assert "secret" not in issue.message


@pytest.mark.parametrize(
    "url",
    [
        "https://pictures.example/a.jpg?width=1#top",
        "http://pictures.example:8080/a.jpg",
        "http://8.8.8.8/a.jpg",
        "http://[2606:4700::1111]/a.jpg",
        "https://bücher.example/ä.jpg",
        "https://localhost.example/a.jpg",
    ],
)
def test_reachable_url(url: str) -> None:
    """A public name or address is fine; it is not resolved."""
    assert issues_of(guided(image_refs=(Reference(url),))) == []


SOURCES: dict[str, tuple[Request, ...]] = {
    "text-to-image": (OWL,),
    "image-to-image": (GUIDED,),
    "draft": (DRAFT,),
    "reroll": (Reroll(), OWL),
    "reroll of a draft": (Reroll(), Reroll(), DRAFT),
    "image-edit": (EDIT,),
    "vary": (VARY, OWL),
    "vary of a draft": (VARY, DRAFT),
    "upscale": (UPSCALE, OWL),
    "enhance": (Enhance(), DRAFT),
}
FOLLOW_UPS: tuple[Request, ...] = (
    Reroll(),
    VARY,
    UPSCALE,
    replace(EDIT, source=None),
    Enhance(),
)
OFFERED = {
    "text-to-image": "reroll vary upscale edit",
    "image-to-image": "reroll vary upscale edit",
    "draft": "reroll vary upscale edit enhance",
    "reroll": "reroll vary upscale edit",
    "reroll of a draft": "reroll vary upscale edit enhance",
    "image-edit": "edit upscale",
    "vary": "reroll vary upscale edit",
    "vary of a draft": "reroll vary upscale edit",
    "upscale": "vary edit",
    "enhance": "vary upscale edit",
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("follow_up", FOLLOW_UPS, ids=operation_of)
def test_follow_up_matrix(source: str, follow_up: Request) -> None:
    """Section 3.1, cell by cell; `enhance` appears for drafts only."""
    is_offered = operation_of(follow_up) in OFFERED[source].split()

    assert (issues_of(follow_up, *SOURCES[source]) == []) is is_offered


def test_follow_up_that_is_never_offered() -> None:
    """The message names the source's mode and what it offers instead."""
    assert issues_of(Reroll(), UPSCALE, OWL) == [
        Issue(
            ("reroll",),
            "APIXO offers no `reroll` on the result of `upscale`",
            "after `upscale` it offers: edit, vary",
        )
    ]


def test_enhance_needs_a_draft() -> None:
    """The message says how to get one."""
    assert issues_of(Enhance(), OWL) == [
        Issue(
            ("enhance",),
            "`enhance` works only on a draft",
            'write `draft: true` and `version: "7"` on the parent, or use `upscale`',
        )
    ]


@pytest.mark.parametrize(
    ("request_", "hint"),
    [
        (INPAINT, "use `edit` with a `mask` on the parent"),
        (Remix(Strength.STRONG), "use `vary` with a `prompt`"),
        (Zoom(ZoomOut.DOUBLE), "use `edit` with a `canvas` that is larger than the picture"),
        (Pan(Direction.UP), "use `edit` with a `canvas` that is larger than the picture"),
        (Describe(), "`reconcile providers` shows who has it"),
        (Video(), "`reconcile providers` shows who has it"),
        (Blend((PICTURE, PICTURE)), "`reconcile providers` shows who has it"),
        (Single(at_provider=True), "`reconcile providers` shows who has it"),
    ],
    ids=lambda one: "" if isinstance(one, str) else operation_of(one),
)
def test_operation_of_another_provider(request_: Request, hint: str) -> None:
    """What APIXO does not have is said with the nearest thing that it has."""
    operation = operation_of(request_)

    assert issues_of(request_, OWL) == [
        Issue((operation.value,), f"APIXO has no `{operation}`", hint)
    ]


@pytest.mark.parametrize("location", ["refs/scene.jpg", f"sha256:{'0' * 64}"])
@pytest.mark.parametrize("field", ["image_refs", "style_refs", "character_refs", "omni_refs"])
def test_local_picture(field: str, location: str) -> None:
    """It gets a public place when it is sent; whether there is one is the plan's question."""
    assert issues_of(guided(**{field: (Reference(location),)})) == []


def test_a_candidate_cut_out_here_is_still_its_task() -> None:
    """A follow-up of a local single starts from the task behind it."""
    assert issues_of(UPSCALE, Single(), OWL) == []
    assert issues_of(Single(), OWL) == []
    assert issues_of(Enhance(), Single(), DRAFT) == []
    assert len(issues_of(UPSCALE, Single(), UPSCALE, OWL)) == 1
    assert APIXO.price_key(Reroll(), (Single(), guided(speed=FAST))) == "imagine.fast"


def test_remix_prompt_has_the_prompts_limits() -> None:
    """A follow-up's prompt is a prompt."""
    assert messages(issues_of(Vary(Strength.SUBTLE, "x" * 2001), OWL)) == [
        "the prompt has 2001 characters; APIXO takes 2000"
    ]


FAST, TURBO = Speed.FAST, Speed.TURBO
PRICES: dict[str, tuple[tuple[Request, ...], str | None]] = {
    "imagine.fast": ((guided(speed=FAST),), "0.20"),
    "imagine.turbo": ((guided(speed=TURBO),), "0.40"),
    "imagine.unspecified": ((OWL,), None),
    "imagine.draft": ((DRAFT,), "0.10"),
    "imagine.hd.fast": ((replace(HD, speed=FAST),), "0.30"),
    "imagine.hd.turbo": ((replace(HD, speed=TURBO),), None),
    "imagine.hd.unspecified": ((HD,), None),
    "edit.fast": ((replace(EDIT, speed=FAST),), "0.30"),
    "edit.turbo": ((replace(EDIT, speed=TURBO),), "0.60"),
    "edit.unspecified": ((EDIT,), None),
    "vary": ((VARY, OWL), "0.30"),
    "upscale": ((UPSCALE, OWL), "0.30"),
    "enhance": ((Enhance(), DRAFT), None),
}


@pytest.mark.parametrize("key", PRICES)
def test_price(key: str) -> None:
    """Section 13, row by row; what it does not name stays unknown and is never zero."""
    (request, *lineage), price = PRICES[key]

    assert APIXO.price_key(request, lineage) == key
    assert APIXO.can.prices.rows[key] == (None if price is None else usd(price))


def test_every_price_has_a_test() -> None:
    """The table above is the whole table."""
    assert set(PRICES) == set(prices.TABLE.rows)


@pytest.mark.parametrize(
    ("lineage", "key"),
    [
        ((guided(speed=FAST),), "imagine.fast"),
        ((replace(GUIDED, speed=TURBO),), "imagine.turbo"),
        ((DRAFT,), "imagine.draft"),
        ((VARY, guided(speed=TURBO)), "vary"),
        ((Reroll(), Reroll(), replace(HD, speed=FAST)), "imagine.hd.fast"),
        ((Reroll(), VARY, OWL), "vary"),
        ((OWL,), "imagine.unspecified"),
    ],
)
def test_reroll_is_billed_as_its_source(lineage: tuple[Request, ...], key: str) -> None:
    """However long the chain of rerolls is (section 13)."""
    assert APIXO.price_key(Reroll(), lineage) == key


@pytest.mark.parametrize("prompt", ["a", "b" * 2000])
@pytest.mark.parametrize("request_", [OWL, GUIDED], ids=["words", "guided"])
def test_price_does_not_depend_on_content(prompt: str, request_: Imagine) -> None:
    """Speed, draft and hd alone decide what a generation costs."""
    assert APIXO.price_key(replace(request_, prompt=prompt, speed=FAST), ()) == "imagine.fast"


TURBO_RHYTHM = Cadence(20, (3, 5), (15, 25))
FAST_RHYTHM = Cadence(20, (3, 5), (30, 45))
SECONDARY_RHYTHM = Cadence(15, (3, 5), (15, 60))


@pytest.mark.parametrize(
    ("family", "cadence"),
    [
        ((guided(speed=TURBO),), TURBO_RHYTHM),
        ((guided(speed=FAST),), FAST_RHYTHM),
        ((OWL,), FAST_RHYTHM),
        ((DRAFT,), FAST_RHYTHM),
        ((EDIT,), FAST_RHYTHM),
        ((VARY, OWL), SECONDARY_RHYTHM),
        ((UPSCALE, OWL), SECONDARY_RHYTHM),
        ((Enhance(), DRAFT), SECONDARY_RHYTHM),
        ((Reroll(), guided(speed=TURBO)), TURBO_RHYTHM),
        ((Reroll(), Reroll(), OWL), FAST_RHYTHM),
        ((Reroll(), VARY, OWL), SECONDARY_RHYTHM),
    ],
)
def test_cadence(family: tuple[Request, ...], cadence: Cadence) -> None:
    """Section 8's rhythm; a reroll is polled like its source."""
    assert APIXO.cadence(family[0], family[1:]) == cadence


def test_every_operation_is_in_the_matrix() -> None:
    """What the table offers is what these tests try."""
    tested = {operation_of(one) for one in FOLLOW_UPS} | {Operation.IMAGINE}

    assert tested == set(APIXO.can.operations)
