"""What single values and pictures look like in a file, as types for the models."""

from collections.abc import Callable
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
from reconciler.spec.advice_rules import Rule
from reconciler.spec.extra_flags import extra
from reconciler.spec.flags import first_flag
from reconciler.spec.request import Reference, Speed
from reconciler.spec.words import did_you_mean

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


def reader(read: Callable[[object], Any], schema: dict[str, Any]) -> Any:
    """Return what an annotation needs to read a value in our way and to show this schema."""
    return (PlainValidator(checked(read)), WithJsonSchema(schema))


def choice_of(options: Any, **hints: str) -> Any:
    """Return a reader for one of an enum's words; `hints` say what to write for another one."""
    names = [option.value for option in options]
    return reader(lambda value: values.choice(options, value, hints), {"enum": names})


class Node(BaseModel):
    """A mapping in a file: frozen, and closed for keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Whole = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, *reader(values.number, {"type": "number"})]
Pixels = Annotated[int, Field(strict=True, ge=1, le=65_536)]
Url = Annotated[str, *reader(values.url, {"type": "string", "pattern": "^https?://"})]
Path = Annotated[str, *reader(values.path, {"type": "string", "minLength": 1})]
Prompt = Annotated[str, *reader(values.prompt, {"type": "string", "minLength": 1})]


def _negative(value: object) -> str | None:
    """Refuse what a provider would read as a flag, perhaps one that multiplies the price."""
    text = values.negative(value)
    word = first_flag(text or "")
    if word is not None:
        message = f"holds {values.shown(word)}, which would be read as a flag"
        raise values.MalformedError(message, "write the words only; flags have fields")
    return text


Negative = Annotated[
    str | None,
    *reader(
        _negative,
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    ),
]
Version = Annotated[
    str,
    *reader(
        values.version,
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[vV]?[0-9]+(\.[0-9]+)?$"}]},
    ),
]
Quality = Annotated[
    str,
    *reader(
        values.quality,
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[0-9]*\.?[0-9]+$"}]},
    ),
]
AspectRatio = Annotated[
    str,
    *reader(values.aspect_ratio, {"type": "string", "pattern": r"^\s*[1-9][0-9]*:[1-9][0-9]*\s*$"}),
]
Style = Annotated[str, *reader(values.style, {"type": "string", "pattern": r"^[A-Za-z0-9]"})]
Extra = Annotated[str, *reader(extra, {"type": "string", "pattern": r"^\s*--\S"})]
Queue = Annotated[Speed, *reader(values.speed, {"enum": [one.value for one in Speed]})]
CandidateOf = Annotated[int, Field(strict=True, ge=1, le=MAX_CANDIDATES)]


Location = Annotated[str, Field(min_length=1, description="A URL, or a path in this project.")]


def spelt_out(value: object) -> object:
    """Return `{url: …}` or `{path: …}` for a bare string."""
    if not isinstance(value, str | dict | BaseModel):
        raise malformed(f"must be a path or a URL, not {values.shown(value)}")
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


OptionalPicture = Annotated[
    Picture | None,
    BeforeValidator(spelt_out, json_schema_input_type=Picture | Location),
]


def _references(items: list[WeightedPicture]) -> tuple[Reference, ...]:
    return tuple(item.reference() for item in items)


References = Annotated[
    list[
        Annotated[
            WeightedPicture,
            BeforeValidator(spelt_out, json_schema_input_type=WeightedPicture | Location),
        ]
    ],
    AfterValidator(_references),
]


def _blended(items: tuple[Picture, ...]) -> tuple[Picture, ...]:
    if not _FEWEST_BLENDED <= len(items) <= _MOST_BLENDED:
        raise malformed(f"needs {_FEWEST_BLENDED} to {_MOST_BLENDED} pictures, not {len(items)}")
    return items


_FEWEST_BLENDED: Final = 2
_MOST_BLENDED: Final = 4
Blended = Annotated[
    tuple[
        Annotated[Picture, BeforeValidator(spelt_out, json_schema_input_type=Picture | Location)],
        ...,
    ],
    AfterValidator(_blended),
    Field(json_schema_extra={"minItems": _FEWEST_BLENDED, "maxItems": _MOST_BLENDED}),
]


def _described(value: object) -> object:
    """Return nothing for `true`, which stands for the parent's picture."""
    if value is True:
        return None
    if not isinstance(value, str | dict):
        raise malformed(f"must be `true` or a picture, not {values.shown(value)}")
    return spelt_out(value)


Described = Annotated[
    Picture | None,
    BeforeValidator(_described, json_schema_input_type=Literal[True] | Picture | Location),
]


def _rule(value: object) -> Rule:
    """Return a rule of advice by its name."""
    if isinstance(value, str) and value in set(Rule):
        return Rule(value)
    hint = did_you_mean(value, list(Rule)) if isinstance(value, str) else None
    listed = ", ".join(f"`{one}`" for one in Rule)
    message = f"is no rule of advice: {values.shown(value)}"
    raise values.MalformedError(message, hint or f"there are {listed}")


Silence = Annotated[
    tuple[Annotated[Rule, *reader(_rule, {"enum": list(Rule)})], ...],
    Field(description="Rules of advice that nobody wants to hear here."),
]
