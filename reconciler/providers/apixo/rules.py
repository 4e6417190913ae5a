"""What APIXO refuses, strips or rewrites, said before anything is sent.

A limit that is only Midjourney's usual one says so: upstream would refuse it all the same. A field
that no page of APIXO's documents is an issue too, because its page says that unknown names are
ignored, and then what is bought is not what was written.
"""

from collections.abc import Iterator

from reconciler.providers.apixo.abilities import ABILITIES, INSTEAD
from reconciler.providers.apixo.modes import is_draft
from reconciler.providers.judging import Judge
from reconciler.providers.protocol import Issue, Lineage
from reconciler.spec.request import Edit, Enhance, Imagine, Request, Speed, Vary

NAME = "APIXO"
PROMPT_CHARACTERS = 2000
PROMPT_BYTES = 7500
_JUDGE = Judge(NAME, ABILITIES, INSTEAD)


def issues(request: Request, lineage: Lineage) -> Iterator[Issue]:
    """Yield every issue of one request, given its ancestors (parent first)."""
    found = list(_JUDGE.issues(request, lineage))
    yield from found
    match request:
        case Imagine():
            yield from _imagine(request)
        case Edit():
            yield from _edit(request)
        case Vary():
            yield from _prompt(request.prompt or "")
        case Enhance() if not found and not is_draft(lineage):
            yield Issue(
                ("enhance",),
                "`enhance` works only on a draft",
                'write `draft: true` and `version: "7"` on the parent, or use `upscale`',
            )


def _imagine(request: Imagine) -> Iterator[Issue]:
    yield from _prompt(request.prompt)
    yield from _draft(request)
    yield from _hd(request)


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


def _edit(request: Edit) -> Iterator[Issue]:
    """Section 6. Partial geometry is undocumented, so it is all three parts or none."""
    yield from _prompt(request.prompt)
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
