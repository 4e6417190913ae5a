"""The shape of a spec file, as pydantic models: fields, types, descriptions.

They validate single entries (tree, matrix and defaults are expand.py's work) and are the source of
the JSON Schema. Values leave them in canonical form. Ranges that a provider decides are not here.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from reconciler.spec import values
from reconciler.spec.request import (
    Area,
    Operation,
    Placement,
    Reference,
    Size,
    Speed,
    Strength,
    Upscaler,
)

MAX_CANDIDATES: Final = 4
"""Midjourney's tasks give up to four pictures."""

PLACEHOLDER: Final = {"type": "string", "pattern": r"\$\{[^{}]*\}"}
"""What JSON Schema allows in the place of a value that comes from a matrix."""

_T = TypeVar("_T")


def malformed(message: str, hint: str | None = None) -> PydanticCustomError:
    """Return our own words as an error that pydantic carries to its place."""
    return PydanticCustomError("ours", "{message}", {"message": message, "hint": hint})


def checked(read: Callable[[object], _T]) -> Callable[[object], _T]:
    """Return the reader with its MalformedError turned into an error that pydantic carries."""

    def validate(value: object) -> _T:
        try:
            return read(value)
        except values.MalformedError as error:
            raise malformed(error.message, error.hint) from None

    return validate


def _reader(read: Callable[[object], Any], schema: dict[str, Any]) -> Any:
    return (PlainValidator(checked(read)), WithJsonSchema(schema))


def choice_of(options: Any) -> Any:
    """Return a reader for one of an enum's words."""
    names = [option.value for option in options]
    return _reader(lambda value: values.choice(options, value), {"enum": names})


class Node(BaseModel):
    """A mapping in a file: frozen, and closed for keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Whole = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, *_reader(values.number, {"type": "number"})]
Pixels = Annotated[int, Field(strict=True, ge=1, le=65_536)]
Url = Annotated[str, *_reader(values.url, {"type": "string", "pattern": "^https?://"})]
Path = Annotated[str, *_reader(values.path, {"type": "string", "minLength": 1})]
Prompt = Annotated[str, *_reader(values.prompt, {"type": "string", "minLength": 1})]
Negative = Annotated[
    str | None,
    *_reader(
        values.negative,
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    ),
]
Version = Annotated[
    str,
    *_reader(
        values.version,
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[vV]?[0-9]+(\.[0-9]+)?$"}]},
    ),
]
Quality = Annotated[
    str,
    *_reader(
        values.quality,
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[0-9]*\.?[0-9]+$"}]},
    ),
]
AspectRatio = Annotated[
    str,
    *_reader(
        values.aspect_ratio, {"type": "string", "pattern": r"^\s*[1-9][0-9]*:[1-9][0-9]*\s*$"}
    ),
]
Queue = Annotated[Speed, *_reader(values.speed, {"enum": [one.value for one in Speed]})]
CandidateOf = Annotated[int, Field(strict=True, ge=1, le=MAX_CANDIDATES)]


Location = Annotated[str, Field(min_length=1, description="A URL, or a path in this project.")]


def _spelt_out(value: object) -> object:
    """Return `{url: …}` or `{path: …}` for a bare string."""
    if not isinstance(value, str):
        return value
    return {"url": value} if values.is_url(value) else {"path": value}


class Picture(Node):
    """A picture to read: by URL, or as a file of this project."""

    url: Annotated[Url | None, Field(description="An http(s) URL.")] = None
    path: Annotated[
        Path | None, Field(description="A file, relative to the folder of reconciler.yaml.")
    ] = None

    @model_validator(mode="after")
    def _has_one_place(self) -> "Picture":
        if (self.url is None) == (self.path is None):
            raise malformed("needs either `url` or `path`")
        return self

    def reference(self) -> Reference:
        """Return the request's form."""
        return Reference(self.url or self.path or "")


class WeightedPicture(Picture):
    """A reference picture and how much it counts."""

    weight: Annotated[
        Number | None, Field(description="How much this picture counts beside the others.")
    ] = None

    def reference(self) -> Reference:
        """Return the request's form."""
        return Reference(self.url or self.path or "", 1 if self.weight is None else self.weight)


def _references(items: list[WeightedPicture]) -> tuple[Reference, ...]:
    return tuple(item.reference() for item in items)


References = Annotated[
    list[
        Annotated[
            WeightedPicture,
            BeforeValidator(_spelt_out, json_schema_input_type=WeightedPicture | Location),
        ]
    ],
    AfterValidator(_references),
]


class Settings(Node):
    """What can be said about a generation besides its prompt; also the keys of `defaults`."""

    negative: Annotated[
        Negative, Field(description="What must not appear: words with commas, or a list.")
    ] = None
    version: Annotated[Version | None, Field(description='Midjourney version: "7", "8.1".')] = None
    niji: Annotated[Flag, Field(description="Use the Niji model of that version.")] = False
    speed: Annotated[
        Queue | None, Field(description="The queue: slower is cheaper, faster costs more.")
    ] = None
    draft: Annotated[
        Flag, Field(description="A cheap first try; `enhance` makes it full quality.")
    ] = False
    hd: Annotated[Flag, Field(description="Higher resolution, at a higher price.")] = False
    aspect_ratio: Annotated[AspectRatio | None, Field(description='Width to height: "16:9".')] = (
        None
    )
    quality: Annotated[Quality | None, Field(description="Midjourney's --quality.")] = None
    stylize: Annotated[
        Whole | None, Field(description="How strongly Midjourney's own taste shows.")
    ] = None
    chaos: Annotated[
        Whole | None, Field(description="How different the candidates are from each other.")
    ] = None
    weird: Annotated[Whole | None, Field(description="How unusual the pictures may be.")] = None
    raw: Annotated[Flag, Field(description="Less of Midjourney's own taste.")] = False
    tile: Annotated[Flag, Field(description="A pattern that repeats without seams.")] = False
    seed: Annotated[Whole | None, Field(description="The number that noise starts from.")] = None
    stop: Annotated[Whole | None, Field(description="Stop at this percentage.")] = None
    repeat: Annotated[Whole | None, Field(description="Run the same prompt so often.")] = None
    image_refs: Annotated[
        References, Field(description="Pictures that guide content and composition.")
    ] = ()  # type: ignore[assignment] # the validator turns the list into a tuple
    image_weight: Annotated[
        Number | None, Field(description="How much `image_refs` count beside the prompt.")
    ] = None
    style_refs: Annotated[References, Field(description="Pictures whose style is taken.")] = ()  # type: ignore[assignment] # the same
    style_weight: Annotated[Whole | None, Field(description="How much `style_refs` count.")] = None
    style_version: Annotated[
        Whole | None, Field(description="Which style reference model is used.")
    ] = None
    character_refs: Annotated[
        References, Field(description="Pictures of a person or figure to keep.")
    ] = ()  # type: ignore[assignment] # the same
    character_weight: Annotated[
        Whole | None, Field(description="How much of the figure is kept.")
    ] = None
    omni_refs: Annotated[References, Field(description="Pictures of a thing to put in.")] = ()  # type: ignore[assignment] # the same
    omni_weight: Annotated[Whole | None, Field(description="How much `omni_refs` count.")] = None


_PROVIDER: Final = "Which provider of reconciler.yaml buys this; a variant follows its parent."
Provider = Annotated[str | None, Field(strict=True, min_length=1, description=_PROVIDER)]


class Defaults(Settings):
    """Settings for all images of a file, or of the project; what an entry says comes first."""

    provider: Provider = None


class Entry(Node):
    """What every entry may have."""

    provider: Provider = None
    pick: Annotated[
        CandidateOf | None,
        Field(description="The candidate that stands for this picture, from 1."),
    ] = None
    take: Annotated[
        Whole,
        Field(ge=1, le=1_000_000, description="Raise it to buy the same request once more."),
    ] = 1


class Derived(Entry):
    """What every entry with a parent may have."""

    source_address: Annotated[
        str | None,
        Field(
            alias="from",
            strict=True,
            min_length=1,
            description="The address this derives from: `library.night`. For root entries.",
        ),
    ] = None
    of: Annotated[
        CandidateOf | None,
        Field(description="The parent's candidate, from 1; the parent's pick when left out."),
    ] = None


class ImagineEntry(Settings, Entry):
    """Pictures from words."""

    prompt: Annotated[Prompt, Field(description="What the picture shows.")]


class VaryEntry(Derived):
    """New pictures near one candidate."""

    vary: Annotated[
        Strength, *choice_of(Strength), Field(description="How far the variation may go.")
    ]
    prompt: Annotated[
        Prompt | None, Field(description="Other words for the variation (remix).")
    ] = None


class UpscaleEntry(Derived):
    """One candidate, larger."""

    upscale: Annotated[
        Upscaler, *choice_of(Upscaler), Field(description="Which of Midjourney's upscalers.")
    ]


class RerollEntry(Entry):
    """The parent's whole task once more."""

    source_address: Annotated[
        str | None,
        Field(
            alias="from",
            strict=True,
            min_length=1,
            description="The address this derives from: `library.night`. For root entries.",
        ),
    ] = None
    reroll: Annotated[Literal[True], Field(description="Run the parent's task again.")]


class EnhanceEntry(Derived):
    """A draft's candidate in full quality."""

    enhance: Annotated[Literal[True], Field(description="Make a draft full quality.")]


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
        *_reader(_points, _POINTS),
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
        Picture | None,
        BeforeValidator(_spelt_out, json_schema_input_type=Picture | Location),
        Field(description="The picture to edit; only where there is no parent."),
    ] = None
    mask: Annotated[
        list[MaskArea], Field(description="The areas to repaint; the whole picture if left out.")
    ] = []
    canvas: Annotated[Canvas | None, Field(description="The size of the result.")] = None
    position: Annotated[
        Position | None, Field(description="Where the source lies on the canvas.")
    ] = None


class EditEntry(Derived):
    """A picture repainted."""

    edit: Annotated[EditArea, Field(description="Repaint a picture, or areas of it.")]
    prompt: Annotated[Prompt, Field(description="What the picture shows.")]
    version: Annotated[Version | None, Field(description='Midjourney version: "7", "8.1".')] = None
    speed: Annotated[Queue | None, Field(description="The queue.")] = None


AnyEntry = ImagineEntry | EditEntry | VaryEntry | UpscaleEntry | RerollEntry | EnhanceEntry

MODELS: Final[MappingProxyType[Operation, type[AnyEntry]]] = MappingProxyType(
    {
        Operation.IMAGINE: ImagineEntry,
        Operation.EDIT: EditEntry,
        Operation.VARY: VaryEntry,
        Operation.UPSCALE: UpscaleEntry,
        Operation.REROLL: RerollEntry,
        Operation.ENHANCE: EnhanceEntry,
    }
)


def fields_of(model: type[BaseModel]) -> frozenset[str]:
    """Return the keys a model knows, as they are written in YAML."""
    return frozenset(field.alias or name for name, field in model.model_fields.items())
