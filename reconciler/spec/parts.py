"""What stands below the key of an operation, as pydantic models: areas, masks, clips."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, model_validator

from reconciler.spec import values
from reconciler.spec.fields import (
    PLACEHOLDER,
    Flag,
    Location,
    Node,
    OptionalPicture,
    Picture,
    Pixels,
    choice_of,
    malformed,
    reader,
    spelt_out,
)
from reconciler.spec.request import (
    Area,
    Edit,
    Motion,
    Placement,
    Resolution,
    Size,
    Speed,
    Video,
)


def _points(value: object) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, list) or len(value) < 3:
        raise values.MalformedError("must be a list of at least three points `[x, y]`")
    for position, point in enumerate(value):
        is_point = isinstance(point, list) and len(point) == 2
        if not is_point or not all(type(one) is int and one >= 0 for one in point):
            message = f"must hold points `[x, y]` in pixels; number {position + 1} is none"
            raise values.MalformedError(message)
    return tuple((x, y) for x, y in value)


_POINTS: Final = {
    "type": "array",
    "minItems": 3,
    "items": {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "items": {"anyOf": [{"type": "integer", "minimum": 0}, PLACEHOLDER]},
    },
}


class MaskArea(Node):
    """One polygon to repaint."""

    width: Annotated[Pixels, Field(description="Width of the picture the points refer to.")]
    height: Annotated[Pixels, Field(description="Height of the picture the points refer to.")]
    points: Annotated[
        tuple[tuple[int, int], ...],
        *reader(_points, _POINTS),
        Field(description="The polygon's corners as [x, y], in pixels."),
    ]

    @model_validator(mode="after")
    def _lies_inside(self) -> "MaskArea":
        if any(x > self.width or y > self.height for x, y in self.points):
            raise malformed(f"has points outside of its {self.width} × {self.height} pixels")
        return self

    def area(self) -> Area:
        """Return the request's form."""
        return Area(self.width, self.height, self.points)


class Canvas(Node):
    """The size of the picture that comes out."""

    width: Annotated[Pixels, Field(description="In pixels.")]
    height: Annotated[Pixels, Field(description="In pixels.")]

    def size(self) -> Size:
        """Return the request's form."""
        return Size(self.width, self.height)


Offset = Annotated[int, Field(strict=True, ge=-65_536, le=65_536)]


class Position(Node):
    """Where the source picture lies on the canvas."""

    width: Annotated[Pixels, Field(description="In pixels.")]
    height: Annotated[Pixels, Field(description="In pixels.")]
    x: Annotated[Offset, Field(description="In pixels from the left; may be negative.")]
    y: Annotated[Offset, Field(description="In pixels from the top; may be negative.")]

    def placement(self) -> Placement:
        """Return the request's form."""
        return Placement(self.width, self.height, self.x, self.y)


class EditArea(Node):
    """What is repainted; an empty mapping means the whole picture."""

    source: Annotated[
        OptionalPicture, Field(description="The picture to edit; only where there is no parent.")
    ] = None
    mask: Annotated[
        tuple[MaskArea, ...],
        Field(description="The areas to repaint; the whole picture if left out."),
    ] = ()
    canvas: Annotated[Canvas | None, Field(description="The size of the result.")] = None
    position: Annotated[
        Position | None, Field(description="Where the source lies on the canvas.")
    ] = None

    def request(self, prompt: str, version: str | None, speed: Speed | None) -> Edit:
        """Return the whole request."""
        return Edit(
            prompt=prompt,
            source=self.source.reference() if self.source else None,
            mask=tuple(one.area() for one in self.mask),
            canvas=self.canvas.size() if self.canvas else None,
            position=self.position.placement() if self.position else None,
            version=version,
            speed=speed,
        )


class InpaintArea(Node):
    """What is painted anew."""

    mask: Annotated[
        Picture,
        BeforeValidator(spelt_out, json_schema_input_type=Picture | Location),
        Field(description="A picture as large as the parent's: white is repainted, black stays."),
    ]


def _resolution(value: object) -> Resolution:
    text = str(value) if type(value) is int else value
    if text in ("480p", "720p"):
        raise values.MalformedError(f"must be `480` or `720`, not {values.shown(value)}", "no `p`")
    return values.choice(Resolution, text)


def _batch(value: object) -> int:
    if type(value) is int and value in _BATCHES:
        return value
    message = f"must be 1, 2 or 4, not {values.shown(value)}"
    raise values.MalformedError(message, values.unquoted(value))


_BATCHES: Final = (1, 2, 4)
_RESOLUTIONS: Final = {"enum": [480, 720, "480", "720"]}


class Clip(Node):
    """How a video is made; an empty mapping means that nothing is out of the ordinary."""

    source: Annotated[
        OptionalPicture,
        Field(description="The picture it begins with; only where there is no parent."),
    ] = None
    end: Annotated[OptionalPicture, Field(description="The picture it ends with.")] = None
    resolution: Annotated[
        Resolution, *reader(_resolution, _RESOLUTIONS), Field(description="Its height in pixels.")
    ] = Resolution.STANDARD
    motion: Annotated[Motion | None, *choice_of(Motion), Field(description="How much moves.")] = (
        None
    )
    auto: Annotated[Flag, Field(description="The provider chooses what moves.")] = False
    batch: Annotated[
        int,
        *reader(_batch, {"enum": list(_BATCHES)}),
        Field(description="How many are made; each is paid."),
    ] = 1

    def request(self, prompt: str | None) -> Video:
        """Return the whole request."""
        return Video(
            prompt=prompt,
            source=self.source.reference() if self.source else None,
            end=self.end.reference() if self.end else None,
            resolution=self.resolution,
            motion=self.motion,
            auto=self.auto,
            batch=self.batch,
        )
