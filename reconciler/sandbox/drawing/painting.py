"""A picture as a value: everything its drawing depends on, and how candidates come from an order.

Follow-ups are flat, not nested: a variation is its parent's painting with a few seeds changed. So
the depth of a chain costs nothing, and what is related looks related.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

Point = tuple[float, float]
Polygon = tuple[Point, ...]
"""Corners as fractions (0 to 1) of the picture's width and height."""

_KEPT_PATCHES = 3
"""Every patch costs one more drawing; older ones melt into the picture."""

_KEPT_FRAMES = 4


class Treatment(StrEnum):
    """How the candidates of a task come from its base painting."""

    FRESH = "fresh"
    SUBTLE = "subtle"
    STRONG = "strong"
    SAME = "same"
    PATCH = "patch"
    FRAME = "frame"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Patch:
    """A region in other colours; neither areas nor a mask means the whole picture.

    `mask` is a PNG in base64, white where it is repainted; it is stretched to the picture. `title`
    are the words that colour the region; empty: the picture's own.
    """

    colours: int
    areas: tuple[Polygon, ...] = ()
    mask: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a picture lies inside a larger one, in fractions of that; the seed draws the rest."""

    box: tuple[float, float, float, float]
    seed: int


@dataclass(frozen=True, slots=True)
class Painting:
    """One picture. Seeds are any integers; `ratio` is width to height; `scale` multiplies pixels.

    `motif` is the text that chose the subject, `title` what is written on the picture. `number` is
    the candidate's, from 1. `shifts` are seeds of small changes, applied one after the other.
    `photo` names a file that is drawn instead of a motif. `frames` surround the picture, the
    innermost first. `others` are blended into it; theirs are not.
    """

    title: str
    motif: str
    ratio: tuple[int, int]
    label: str
    colours: int
    composition: int = 0
    shifts: tuple[int, ...] = ()
    patches: tuple[Patch, ...] = ()
    sketch: bool = False
    scale: int = 1
    number: int = 1
    photo: str = ""
    frames: tuple[Frame, ...] = ()
    others: "tuple[Painting, ...]" = ()

    def photos(self) -> set[str]:
        """Return the names of the files that its drawing needs."""
        return {one.photo for one in (self, *self.others) if one.photo}


@dataclass(frozen=True, slots=True)
class Commission:
    """What one task is to draw: a base, a treatment, and the task's own seed.

    `areas`, `mask` and `words` are of a patch. `box` is where the base lies in an outpainted
    picture.
    """

    base: Painting
    treatment: Treatment
    areas: tuple[Polygon, ...] = ()
    seed: int = 0
    mask: str = ""
    words: str = ""
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    def candidate(self, number: int) -> Painting:
        """Return the painting of candidate `number` (from 1). Same commission, same painting."""
        own = replace(self.base, number=number)
        roll = seed_of(self.seed, number)
        match self.treatment:
            case Treatment.FRESH | Treatment.STRONG:
                return replace(own, composition=roll, shifts=(), patches=(), frames=())
            case Treatment.SUBTLE:
                return replace(own, shifts=(*own.shifts, roll))
            case Treatment.SAME:
                return own
            case Treatment.CUT:
                return self.base
            case Treatment.PATCH:
                patch = Patch(roll, self.areas, self.mask, self.words)
                return replace(own, patches=(*own.patches, patch)[-_KEPT_PATCHES:])
            case Treatment.FRAME:
                frames = (*own.frames, Frame(self.box, roll))[-_KEPT_FRAMES:]
                return replace(own, frames=frames)

    def to_json(self) -> str:
        """Return the commission as canonical JSON text; `commission_from_json` reads it back."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


def commission_from_json(text: str) -> Commission:
    """Return the commission that `to_json` wrote."""
    content = json.loads(text)
    return Commission(
        base=_painting(content["base"]),
        treatment=Treatment(content["treatment"]),
        areas=_areas(content["areas"]),
        seed=content["seed"],
        mask=content["mask"],
        words=content["words"],
        box=_box(content["box"]),
    )


def seed_of(*parts: object) -> int:
    """Return a 63-bit seed that depends on every part; equal parts give equal seeds, anywhere."""
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def _painting(content: Mapping[str, Any]) -> Painting:
    patches = tuple(
        Patch(one["colours"], _areas(one["areas"]), one["mask"], one["title"])
        for one in content["patches"]
    )
    lists = {
        "frames": tuple(Frame(_box(one["box"]), one["seed"]) for one in content["frames"]),
        "others": tuple(_painting(one) for one in content["others"]),
        "ratio": tuple(content["ratio"]),
        "shifts": tuple(content["shifts"]),
        "patches": patches,
    }
    return Painting(**{**content, **lists})


def _box(content: Any) -> tuple[float, float, float, float]:
    left, top, right, bottom = content
    return left, top, right, bottom


def _areas(content: Any) -> tuple[Polygon, ...]:
    return tuple(tuple((x, y) for x, y in area) for area in content)
