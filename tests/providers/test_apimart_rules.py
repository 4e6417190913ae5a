"""What APIMart would refuse, ignore or rewrite is said before anything is sent; what work costs."""

from dataclasses import replace
from typing import Any

import pytest
from provider_talk import APIMART, has_field, issues_of, messages

from reconciler.money import usd
from reconciler.providers.protocol import Issue
from reconciler.spec.request import (
    Area,
    Blend,
    Describe,
    Direction,
    Edit,
    Enhance,
    Imagine,
    Inpaint,
    Motion,
    Operation,
    Pan,
    Reference,
    Remix,
    Request,
    Reroll,
    Resolution,
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

PICTURE = Reference("https://pictures.example/a.jpg")
LOCAL = Reference("refs/a.jpg")
OWL = Imagine("brass owl")
SEVEN = Imagine("brass owl", version="7")
EIGHT = Imagine("brass owl", version="8.1")
NIJI = Imagine("brass owl", version="7", niji=True)
EDIT = Edit("make it winter", PICTURE)
BLEND = Blend((PICTURE, LOCAL))
DESCRIBE = Describe(PICTURE)
VIDEO = Video("slow waves", source=PICTURE)
VARY, STRONG = Vary(Strength.SUBTLE), Vary(Strength.STRONG)
UPSCALE = Upscale(Upscaler.SUBTLE)
ZOOM, PAN = Zoom(ZoomOut.DOUBLE), Pan(Direction.UP)
INPAINT = Inpaint(LOCAL, "a blue door")
REMIX = Remix(Strength.STRONG, "as an etching")
SINGLE = Single(at_provider=True)


def at_apimart(request: Request, *lineage: Request) -> list[Issue]:
    return issues_of(request, *lineage, at=APIMART)


def owl(**fields: Any) -> Imagine:
    return replace(OWL, **fields)


FINE: dict[str, Request] = {
    "the least": OWL,
    "the most": Imagine(
        "x" * 9000,
        negative="text",
        version="6.1",
        speed=Speed.RELAX,
        aspect_ratio="21:9",
        quality="0.25",
        stylize=1000,
        chaos=100,
        weird=3000,
        raw=True,
        tile=True,
        seed=4_294_967_295,
        stop=100,
        repeat=40,
        image_refs=(PICTURE,) * 9,
        image_weight=3,
        style_refs=(LOCAL,),
        style_weight=1000,
        character_refs=(PICTURE,),
        character_weight=100,
        style="raw",
        depth_refs=(PICTURE,),
        depth_weight=100,
        extra="soft light",
    ),
    "niji": NIJI,
    "niji 6 stops": owl(version="6", niji=True, stop=10),
    "draft": owl(version="7", draft=True),
    "hd": owl(version="8.2", hd=True),
    "edit": EDIT,
    "edit of a local picture": replace(EDIT, source=LOCAL, version="8.2", speed=Speed.RELAX),
    "blend": replace(BLEND, aspect_ratio="21:9", speed=Speed.TURBO),
    "describe": replace(DESCRIBE, source=LOCAL, speed=Speed.FAST),
    "video": VIDEO,
    "video, full": Video(
        "waves", source=LOCAL, end=PICTURE, resolution=Resolution.HIGH, motion=Motion.LOW, batch=4
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_fine(name: str) -> None:
    """What APIMart documents, up to its limits, is no issue; nor is a local picture."""
    assert at_apimart(FINE[name]) == []


ALL = "5, 5.1, 5.2, 6, 6.1, 7, 8, 8.1, 8.2"
IGNORED = "remove `{0}`: what you wrote is not what would be bought"
WORDLESS = (
    "APIMart needs words for a video that begins with a picture and not with an image's own task"
)
BROKEN: dict[str, tuple[Request, tuple[str | int, ...], str]] = {
    "version": (owl(version="9"), ("version",), "APIMart has no `version: 9`"),
    "an edit's version": (replace(EDIT, version="4"), ("version",), "APIMart has no `version: 4`"),
    "quality": (owl(quality="4"), ("quality",), "APIMart has no `quality: 4`"),
    "stylize": (owl(stylize=1001), ("stylize",), "`stylize` is 1001; APIMart takes 0 to 1000"),
    "chaos": (owl(chaos=-1), ("chaos",), "`chaos` is -1; APIMart takes 0 to 100"),
    "weird": (owl(weird=3001), ("weird",), "`weird` is 3001; APIMart takes 0 to 3000"),
    "stop": (owl(version="5.2", stop=9), ("stop",), "`stop` is 9; APIMart takes 10 to 100"),
    "repeat": (owl(repeat=1), ("repeat",), "`repeat` is 1; APIMart takes 2 to 40"),
    "image_weight": (
        owl(image_refs=(PICTURE,), image_weight=3.5),
        ("image_weight",),
        "`image_weight` is 3.5; APIMart takes 0 to 3",
    ),
    "nothing to weigh": (
        owl(depth_weight=5),
        ("depth_weight",),
        "`depth_weight` has nothing to act on",
    ),
    "two styles": (
        owl(style_refs=(PICTURE, LOCAL)),
        ("style_refs", 1),
        "`style_refs` has 2 pictures; the limit is 1",
    ),
    "a weighted style": (
        owl(style_refs=(replace(PICTURE, weight=2),)),
        ("style_refs", 0),
        "APIMart documents no weight for a single picture in `style_refs`",
    ),
    "a thing": (
        owl(omni_refs=(PICTURE,)),
        ("omni_refs",),
        "APIMart documents nothing like `omni_refs` and would ignore it",
    ),
    "a style's version": (
        owl(style_refs=(PICTURE,), style_version=6),
        ("style_version",),
        "APIMart documents nothing like `style_version` and would ignore it",
    ),
    "a private picture": (
        owl(image_refs=(PICTURE, Reference("http://10.0.0.1/a.jpg"))),
        ("image_refs", 1),
        "APIMart cannot fetch this URL: 10.0.0.1 is a private address",
    ),
    "a private source": (
        replace(DESCRIBE, source=Reference("http://nas/a.jpg")),
        ("describe",),
        "APIMart cannot fetch this URL: `nas` is a private name",
    ),
    "niji without version": (
        owl(niji=True),
        ("niji",),
        "APIMart documents `niji` for version 6 or 7; here is no version",
    ),
    "niji of another version": (
        owl(niji=True, version="8.1"),
        ("niji",),
        "APIMart documents `niji` for version 6 or 7; here is niji 8.1",
    ),
    "draft of an old version": (
        owl(draft=True, version="6.1"),
        ("draft",),
        "APIMart documents `draft` for version 7, 8, 8.1 or 8.2; here is version 6.1",
    ),
    "draft of niji": (
        replace(NIJI, draft=True),
        ("draft",),
        "APIMart documents `draft` for version 7, 8, 8.1 or 8.2; here is niji 7",
    ),
    "hd without version": (
        owl(hd=True),
        ("hd",),
        "APIMart documents `hd` for version 8.1 or 8.2; here is no version",
    ),
    "raw of version 5": (
        owl(raw=True, version="5"),
        ("raw",),
        "APIMart documents `raw` for version 5.1, 5.2, 6, 6.1, 7, 8, 8.1 or 8.2; here is version 5",
    ),
    "stop of version 7": (
        owl(stop=50, version="7"),
        ("stop",),
        "APIMart documents `stop` for version 5, 5.1, 5.2, 6 or 6.1; here is version 7",
    ),
    "stop of niji 7": (
        replace(NIJI, stop=50),
        ("stop",),
        "APIMart documents `stop` for version 5, 5.1, 5.2, 6 or 6.1; here is niji 7",
    ),
    "an area": (
        replace(EDIT, mask=(Area(9, 9, ((0, 0), (1, 0), (1, 1))),)),
        ("edit", "mask"),
        "APIMart documents nothing like `mask` and would ignore it",
    ),
    "a canvas": (
        replace(EDIT, canvas=Size(9, 9)),
        ("edit", "canvas"),
        "APIMart documents nothing like `canvas` and would ignore it",
    ),
    "one picture to blend": (
        Blend((PICTURE,)),
        ("blend",),
        "`pictures` has 1 pictures; it takes 2 to 4",
    ),
    "five pictures to blend": (
        Blend((PICTURE,) * 5),
        ("blend", 4),
        "`pictures` has 5 pictures; the limit is 4",
    ),
    "three clips": (replace(VIDEO, batch=3), ("video", "batch"), "APIMart has no `batch: 3`"),
    "a video without words": (
        replace(VIDEO, prompt=None),
        ("video",),
        WORDLESS,
    ),
    "a video that moves by itself": (
        replace(VIDEO, auto=True),
        ("video", "auto"),
        "APIMart has `auto` only for videos of an image's own task",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_rule(name: str) -> None:
    """Each rule has its place and its message, has a way out, and says nothing twice."""
    request, field, message = BROKEN[name]

    (issue,) = at_apimart(request)

    assert (issue.field, issue.message) == (field, message)
    assert issue.hint
    assert has_field(request, issue.field)


def test_an_unknown_version_names_all() -> None:
    """APIMart itself accepts it, and fails later (section 3)."""
    assert [issue.hint for issue in at_apimart(owl(version="9"))] == [f"it has: {ALL}"]


def test_hints_name_what_to_use_instead() -> None:
    """Where another of our words does it."""
    broken: dict[str, Request] = {
        "use `inpaint` with a `mask` that is a picture": replace(EDIT, canvas=Size(9, 9)),
        "use `character_refs` or `image_refs`, or another provider": owl(omni_weight=10),
        "use `remix` with the `prompt`": replace(VARY, prompt="other words"),
    }
    for hint, request in broken.items():
        lineage = (OWL,) if isinstance(request, Vary) else ()
        assert [issue.hint for issue in at_apimart(request, *lineage)] == [hint]


GRIDS: dict[str, tuple[Request, ...]] = {
    "imagine": (SEVEN,),
    "edit": (replace(EDIT, version="7"),),
    "vary": (VARY, SEVEN),
    "reroll": (Reroll(), SEVEN),
    "zoom": (ZOOM, SINGLE, SEVEN),
    "pan": (PAN, SINGLE, SEVEN),
    "inpaint": (INPAINT, SINGLE, SEVEN),
    "remix": (REMIX, EIGHT),
    "blend": (BLEND,),
}
SINGLES: dict[str, tuple[Request, ...]] = {
    "upscale": (UPSCALE, SEVEN),
    "single": (SINGLE, SEVEN),
}
NO_PICTURES: dict[str, tuple[Request, ...]] = {
    "describe": (Describe(), SEVEN),
    "video": (Video(), SEVEN),
}
SOURCES = GRIDS | SINGLES | NO_PICTURES
AFTER: dict[str, tuple[Request, set[str]]] = {
    "edit": (replace(EDIT, source=None), set(GRIDS | SINGLES)),
    "describe": (Describe(), set(GRIDS | SINGLES)),
    "vary": (VARY, set(GRIDS | SINGLES)),
    "vary strong": (STRONG, set(GRIDS | SINGLES)),
    "zoom": (ZOOM, set(GRIDS | SINGLES)),
    "pan": (PAN, set(GRIDS | SINGLES)),
    "inpaint": (INPAINT, set(GRIDS | SINGLES)),
    "video": (Video("waves"), set(GRIDS | SINGLES)),
    "single": (SINGLE, set(GRIDS)),
    "upscale": (UPSCALE, set(GRIDS) - {"blend"}),
    "reroll": (Reroll(), {"imagine", "reroll"}),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", AFTER)
def test_follow_up(name: str, source: str) -> None:
    """Section 2's parents, one by one; a blend has no version, so that nothing HD follows it."""
    request, offered = AFTER[name]

    assert (at_apimart(request, *SOURCES[source]) == []) is (source in offered)


def test_follow_up_that_is_never_offered() -> None:
    """The message names the source and what it offers instead."""
    assert at_apimart(Reroll(), VARY, OWL) == [
        Issue(
            ("reroll",),
            "APIMart offers no `reroll` on the result of `vary`",
            "after `vary` it offers: edit, vary, upscale, describe, single, zoom, pan, inpaint,"
            " video",
        )
    ]


def test_enhance_does_not_exist() -> None:
    """Section 2 has no such route."""
    assert at_apimart(Enhance(), owl(draft=True, version="7")) == [
        Issue(
            ("enhance",),
            "APIMart has no `enhance`",
            "write the image without `draft`, or use `vary: subtle`",
        )
    ]


UPSCALERS = {
    Upscaler.SUBTLE: "6 6.1 7 8.1",
    Upscaler.CREATIVE: "6 6.1 7 8.1",
    Upscaler.DOUBLE: "5 5.1 5.2",
    Upscaler.QUADRUPLE: "5 5.1 5.2",
}


@pytest.mark.parametrize("version", [None, *ALL.split(", ")])
@pytest.mark.parametrize("upscaler", Upscaler)
def test_upscalers_depend_on_the_version(upscaler: Upscaler, version: str | None) -> None:
    """The button's command is documented for some versions, and never for niji (section 4)."""
    parent = owl(version=version)
    documented = version is not None and version in UPSCALERS[upscaler].split()

    assert (at_apimart(Upscale(upscaler), parent) == []) is documented
    assert (at_apimart(Upscale(upscaler), Reroll(), parent) == []) is documented
    assert at_apimart(Upscale(upscaler), replace(parent, niji=True))


def test_an_upscaler_without_version() -> None:
    """The message names the versions, and what is free."""
    assert at_apimart(UPSCALE, OWL) == [
        Issue(
            ("upscale",),
            "APIMart documents `upscale: subtle` for version 6, 6.1, 7 or 8.1; the image has"
            " no version",
            "say the image's `version` (6, 6.1, 7 or 8.1: subtle and creative; 5, 5.1 or 5.2: 2x"
            " and 4x); `single: true` makes the candidate a picture of its own, free",
        )
    ]


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        (replace(OWL, version="5.2"), "version 5.2 has 2x or 4x; "),
        (replace(OWL, version="8.2"), "version 8.2 has no upscaler (6, 6.1, 7 or 8.1: subtle"),
        (replace(OWL, version="7", niji=True), "no niji has an upscaler; "),
    ],
    ids=["5.2", "8.2", "niji"],
)
def test_an_upscaler_that_the_version_lacks(image: Imagine, hint: str) -> None:
    """What to do instead can be done: another upscaler of that version, another image, or none."""
    (issue,) = at_apimart(UPSCALE, image)
    assert issue.hint is not None
    assert issue.hint.startswith(hint)
    assert issue.hint.endswith("`single: true` makes the candidate a picture of its own, free")


def test_the_version_is_the_nearest_edits() -> None:
    """An edit runs on a model of its own, and its follow-ups inherit that."""
    edit = Edit("winter", version="5.2")
    assert at_apimart(Upscale(Upscaler.DOUBLE), edit, SEVEN) == []
    assert len(at_apimart(UPSCALE, edit, SEVEN)) == 1
    assert len(at_apimart(UPSCALE, Edit("winter"), SEVEN)) == 1


@pytest.mark.parametrize("version", [None, "7", "8", "8.1", "8.2"])
def test_remix_depends_on_the_version(version: str | None) -> None:
    """Of images of 8.1 and 8.2 only (section 4)."""
    is_documented = version in ("8.1", "8.2")
    assert (at_apimart(REMIX, owl(version=version)) == []) is is_documented
    assert len(at_apimart(REMIX, Reroll(), owl(version=version))) == 1 + (not is_documented)


def test_videos_of_an_image_bring_its_words() -> None:
    """By its task nothing more is needed; from a variation it is only a picture (section 4)."""
    assert at_apimart(Video(auto=True), OWL) == []
    assert at_apimart(Video(auto=True), Single(), OWL) == []
    assert [issue.field for issue in at_apimart(Video(auto=True), VARY, OWL)] == [
        ("video",),
        ("video", "auto"),
    ]


@pytest.mark.parametrize(
    ("request_", "lineage", "is_picture"),
    [
        (Video(), (OWL,), False),
        (Video(), (Single(), OWL), False),
        (Video("x"), (VARY, OWL), True),
        (Video("x"), (Reroll(), OWL), True),
        (Video("x"), (SINGLE, OWL), True),
        (VIDEO, (), False),
        (Edit("x"), (OWL,), True),
        (EDIT, (), False),
        (Describe(), (OWL,), True),
        (DESCRIBE, (), False),
        (VARY, (OWL,), False),
        (INPAINT, (SINGLE, OWL), False),
    ],
)
def test_what_starts_from_a_picture(
    request_: Request, lineage: tuple[Request, ...], is_picture: bool
) -> None:
    """Where no task is taken, the parent's link has to live (section 2)."""
    assert APIMART.starts_from_picture(request_, lineage) is is_picture


@pytest.mark.parametrize("request_", [ZOOM, PAN, INPAINT, STRONG], ids=operation_of)
def test_prerequisite(request_: Request) -> None:
    """These start from a single picture, which a task of several is not (section 2)."""
    for lineage in GRIDS.values():
        assert APIMART.prerequisite(request_, lineage) == SINGLE
        assert APIMART.prerequisite(request_, (Single(), *lineage)) == SINGLE
    for lineage in SINGLES.values():
        assert APIMART.prerequisite(request_, lineage) is None


@pytest.mark.parametrize(
    "request_", [VARY, UPSCALE, Reroll(), REMIX, Video(), Describe(), Edit("x")], ids=operation_of
)
def test_no_prerequisite(request_: Request) -> None:
    """All others start from any task, or from a picture."""
    assert APIMART.prerequisite(request_, (EIGHT,)) is None


def test_what_is_made_here_is_no_issue() -> None:
    """Nobody is asked for a local single."""
    for lineage in SOURCES.values():
        assert at_apimart(Single(), *lineage) == []


FAST, TURBO, RELAX = Speed.FAST, Speed.TURBO, Speed.RELAX
PRICES: dict[str, tuple[tuple[Request, ...], str]] = {
    "imagine": ((OWL,), "0.04504"),
    "imagine-fast": ((replace(SEVEN, speed=FAST),), "0.05504"),
    "imagine-turbo": ((replace(EIGHT, speed=TURBO),), "0.10"),
    "imagine-niji7": ((NIJI,), "0.04504"),
    "imagine-niji7-fast": ((replace(NIJI, speed=FAST),), "0.05504"),
    "imagine-niji7-turbo": ((replace(NIJI, speed=TURBO),), "0.10"),
    "imagine-niji6": ((replace(NIJI, version="6", speed=RELAX),), "0.04504"),
    "imagine-niji6-fast": ((replace(NIJI, version="6", speed=FAST),), "0.05504"),
    "imagine-niji6-turbo": ((replace(NIJI, version="6", speed=TURBO),), "0.10"),
    "blend": ((BLEND,), "0.05504"),
    "blend-fast": ((replace(BLEND, speed=FAST),), "0.05504"),
    "blend-turbo": ((replace(BLEND, speed=TURBO),), "0.10"),
    "describe": ((replace(DESCRIBE, speed=RELAX),), "0.05504"),
    "describe-fast": ((replace(DESCRIBE, speed=FAST),), "0.05504"),
    "describe-turbo": ((replace(DESCRIBE, speed=TURBO),), "0.10"),
    "edits": ((EDIT,), "0.05504"),
    "edits-fast": ((replace(EDIT, speed=FAST),), "0.05504"),
    "edits-turbo": ((replace(EDIT, speed=TURBO),), "0.10"),
    "upscale": ((UPSCALE, SEVEN), "0.05504"),
    "variation": ((VARY, NIJI), "0.05504"),
    "high_variation": ((STRONG, SINGLE, SEVEN), "0.05504"),
    "reroll": ((Reroll(), NIJI), "0.05504"),
    "zoom": ((ZOOM, SINGLE, OWL), "0.05504"),
    "pan": ((PAN, SINGLE, OWL), "0.05504"),
    "inpaint": ((INPAINT, SINGLE, OWL), "0.05504"),
    "remix_strong": ((REMIX, EIGHT), "0.05504"),
    "remix_subtle": ((Remix(Strength.SUBTLE), EIGHT), "0.05504"),
    "video": ((VIDEO,), "0.20"),
    "video-720p": ((replace(VIDEO, resolution=Resolution.HIGH),), "0.40"),
}


@pytest.mark.parametrize("key", PRICES)
def test_price(key: str) -> None:
    """Section 12, row by row: the most special row that there is; relaxed adds nothing."""
    (request, *lineage), price = PRICES[key]

    assert APIMART.price_key(request, lineage) == key
    assert APIMART.can.prices.rows[key] == usd(price)


def test_every_price_has_a_test() -> None:
    """The table above is the whole table; a cut is billed as the upscale that it is there."""
    assert set(PRICES) == set(APIMART.can.prices.rows)
    assert APIMART.price_key(SINGLE, (OWL,)) == "upscale"


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_every_clip_is_charged(batch: int) -> None:
    """And so is each repetition; a task of two steps is one price (section 12)."""
    assert APIMART.units(replace(VIDEO, batch=batch)) == batch
    assert APIMART.units(owl(repeat=batch * 5)) == batch * 5
    assert APIMART.units(INPAINT) == APIMART.units(OWL) == 1


def test_every_operation_is_tried() -> None:
    """What the table offers is what these tests try."""
    tested = {operation_of(one) for one in (*FINE.values(), *(pair[0] for pair in AFTER.values()))}

    assert tested | {Operation.REMIX} == set(APIMART.can.operations)


def test_all_issues_are_told_at_once() -> None:
    """Nobody has to correct a spec one error at a time."""
    broken = Imagine("x", stylize=2000, version="7", hd=True, stop=50, style_version=1)

    assert messages(at_apimart(broken)) == [
        "`stylize` is 2000; APIMart takes 0 to 1000",
        "APIMart documents nothing like `style_version` and would ignore it",
        "APIMart documents `hd` for version 8.1 or 8.2; here is version 7",
        "APIMart documents `stop` for version 5, 5.1, 5.2, 6 or 6.1; here is version 7",
    ]
