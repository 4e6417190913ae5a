"""What APIXO refuses, strips or rewrites, said before anything is sent.

A limit that is only Midjourney's usual one says so: upstream would refuse it all the same. A field
that no page of APIXO's documents is an issue too, because its page says that unknown names are
ignored, and then what is bought is not what was written.
"""

from collections.abc import Iterator

from reconciler.providers.apixo.modes import FOLLOW_UPS, is_draft, mode_of
from reconciler.providers.apixo.urls import url_issues
from reconciler.providers.protocol import Issue, Lineage
from reconciler.spec.request import (
    Edit,
    Imagine,
    Operation,
    Reference,
    Request,
    Speed,
    Vary,
    operation_of,
)

ASPECT_RATIOS = ("1:1", "1:2", "2:1", "2:3", "3:2", "3:4", "4:3", "5:6", "6:5", "9:16", "16:9")
PROMPT_CHARACTERS = 2000
PROMPT_BYTES = 7500
IMAGE_REFS = 20
OMNI_REFS = 1
_RANGES = {
    "stylize": (0, 1000),
    "chaos": (0, 100),
    "weird": (0, 3000),
    "image_weight": (0, 3),
    "style_weight": (0, 1000),
    "style_version": (1, 6),
}
_UNDOCUMENTED = (
    "niji",
    "quality",
    "raw",
    "tile",
    "seed",
    "stop",
    "repeat",
    "character_weight",
    "omni_weight",
)
_WEIGHS = {
    "image_weight": "image_refs",
    "style_weight": "style_refs",
    "style_version": "style_refs",
}
_REFERENCES = ("image_refs", "style_refs", "character_refs", "omni_refs")


def issues(request: Request, lineage: Lineage) -> Iterator[Issue]:
    """Yield every issue of one request, given its ancestors (parent first)."""
    if lineage:
        yield from _follow_up(request, lineage)
    match request:
        case Imagine():
            yield from _imagine(request)
        case Edit():
            yield from _edit(request)
        case Vary():
            yield from _vary(request)


def _follow_up(request: Request, lineage: Lineage) -> Iterator[Issue]:
    """Section 3.1: which follow-ups each kind of task offers."""
    operation, source = operation_of(request), mode_of(lineage[0])
    offered = FOLLOW_UPS[source]
    if operation not in offered:
        names = ", ".join(sorted(offered))
        yield Issue(
            (operation.value,),
            f"APIXO offers no `{operation}` on the result of {source}",
            f"after {source} it offers: {names}",
        )
    elif operation is Operation.ENHANCE and not is_draft(lineage):
        yield Issue(
            ("enhance",),
            "`enhance` works only on a draft",
            'write `draft: true` and `version: "7"` on the parent, or use `upscale`',
        )


def _imagine(request: Imagine) -> Iterator[Issue]:
    yield from _prompt(request.prompt)
    yield from _aspect_ratio(request.aspect_ratio)
    yield from _undocumented(request)
    yield from _ranges(request)
    yield from _speed(request.speed)
    yield from _draft(request)
    yield from _hd(request)
    yield from _references(request)
    for field, weighed in _WEIGHS.items():
        if getattr(request, field) is not None and not getattr(request, weighed):
            yield Issue((field,), f"`{field}` has nothing to act on", f"add `{weighed}`")


def _prompt(prompt: str) -> Iterator[Issue]:
    """Section 5: the route's limits."""
    size = len(prompt.encode())
    if len(prompt) > PROMPT_CHARACTERS:
        yield Issue(
            ("prompt",),
            f"the prompt has {len(prompt)} characters; APIXO takes {PROMPT_CHARACTERS}",
            f"shorten it by {len(prompt) - PROMPT_CHARACTERS}",
        )
    elif size > PROMPT_BYTES:
        yield Issue(
            ("prompt",),
            f"the prompt has {size} bytes in UTF-8; APIXO takes {PROMPT_BYTES}",
            f"shorten it by {size - PROMPT_BYTES} bytes",
        )


def _aspect_ratio(ratio: str | None) -> Iterator[Issue]:
    if ratio is not None and ratio not in ASPECT_RATIOS:
        yield Issue(
            ("aspect_ratio",),
            f"APIXO has no aspect ratio `{ratio}`",
            f"it has: {', '.join(ASPECT_RATIOS)}",
        )


def _undocumented(request: Imagine) -> Iterator[Issue]:
    for field in _UNDOCUMENTED:
        value = getattr(request, field)
        if value is not None and value is not False:
            yield Issue(
                (field,),
                f"APIXO documents nothing like `{field}` and would ignore it",
                f"remove `{field}`: what you wrote is not what would be bought",
            )


def _ranges(request: Imagine) -> Iterator[Issue]:
    for field, (least, most) in _RANGES.items():
        value = getattr(request, field)
        if value is not None and not least <= value <= most:
            yield Issue(
                (field,),
                f"`{field}` is {value}; Midjourney takes {least} to {most}",
                f"write a number from {least} to {most}",
            )


def _speed(speed: Speed | None) -> Iterator[Issue]:
    if speed is Speed.RELAX:
        yield Issue(
            ("speed",),
            "APIXO would run and bill `relax` as fast",
            "write `speed: fast` (or `turbo`)",
        )


def _draft(request: Imagine) -> Iterator[Issue]:
    if not request.draft:
        return
    if request.version != "7":
        written = f"version {request.version}" if request.version else "no version"
        yield Issue(
            ("draft",),
            f"`draft` needs version 7, and here is {written}",
            'write `version: "7"`, or remove `draft`',
        )
    if request.speed is Speed.TURBO:
        yield Issue(
            ("speed",),
            "a draft has its own speed at APIXO; it cannot be turbo as well",
            "remove `speed: turbo`, or remove `draft`",
        )


def _hd(request: Imagine) -> Iterator[Issue]:
    if not request.hd:
        return
    if request.draft:
        yield Issue(("hd",), "a draft cannot be `hd`", "remove one of the two")
    elif request.version != "8.1":
        yield Issue(
            ("hd",),
            "APIXO documents `hd` with version 8.1 only",
            'write `version: "8.1"`, or remove `hd`',
        )


def _references(request: Imagine) -> Iterator[Issue]:
    for field in _REFERENCES:
        references: tuple[Reference, ...] = getattr(request, field)
        for position, reference in enumerate(references):
            yield from url_issues((field, position), reference)
            if reference.weight != 1 and field != "style_refs":
                yield Issue(
                    (field, position),
                    f"APIXO documents no weight for a single picture in `{field}`",
                    "remove `weight`; only `style_refs` have one each",
                )
    yield from _at_most(request.image_refs, "image_refs", IMAGE_REFS)
    yield from _at_most(request.omni_refs, "omni_refs", OMNI_REFS)


def _at_most(references: tuple[Reference, ...], field: str, most: int) -> Iterator[Issue]:
    if len(references) > most:
        yield Issue(
            (field, most),
            f"`{field}` has {len(references)} pictures; the limit is {most}",
            f"remove {len(references) - most}",
        )


def _edit(request: Edit) -> Iterator[Issue]:
    """Section 6. Partial geometry is undocumented, so it is all three parts or none."""
    yield from _prompt(request.prompt)
    yield from _speed(request.speed)
    if request.source is not None:
        yield from url_issues(("edit", "source"), request.source)
    parts = {"mask": request.mask, "canvas": request.canvas, "position": request.position}
    given = [name for name, part in parts.items() if part]
    if given and len(given) < len(parts):
        missing = ", ".join(f"`{name}`" for name in parts if name not in given)
        yield Issue(
            ("edit", given[0]),
            f"APIXO documents mask, canvas and position together; missing: {missing}",
            "give all three, or none to repaint the whole picture",
        )
    for position, area in enumerate(request.mask):
        outside = [
            p for p in area.points if not (0 <= p[0] <= area.width and 0 <= p[1] <= area.height)
        ]
        if len(area.points) < 3:
            yield Issue(("edit", "mask", position), "an area needs at least three points")
        if outside:
            yield Issue(
                ("edit", "mask", position),
                f"the point {list(outside[0])} lies outside its {area.width}×{area.height} picture",
                "points are in pixels of the area's own width and height",
            )


def _vary(request: Vary) -> Iterator[Issue]:
    if request.prompt is not None:
        yield from _prompt(request.prompt)
