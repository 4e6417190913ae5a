"""The shape of a spec file's entries, as pydantic models: fields, types, descriptions.

They validate single entries (tree, matrix and defaults are expand.py's work) and are the source of
the JSON Schema. Values leave them in canonical form. Ranges that a provider decides are not here.
"""

from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from reconciler.spec.fields import (
    AspectRatio,
    Blended,
    CandidateOf,
    Described,
    Node,
    Prompt,
    Queue,
    Silence,
    Version,
    Whole,
    choice_of,
)
from reconciler.spec.parts import Clip, EditArea, InpaintArea
from reconciler.spec.request import Direction, Operation, Strength, Upscaler, ZoomOut
from reconciler.spec.settings import Provider, Settings


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
    silence: Silence = ()


SourceAddress = Annotated[
    str | None,
    Field(
        alias="from",
        strict=True,
        min_length=1,
        description="The address this derives from: `library.night`. For root entries.",
    ),
]


class Derived(Entry):
    """What every entry with a parent may have."""

    source_address: SourceAddress = None
    of: Annotated[
        CandidateOf | None,
        Field(description="The parent's candidate, from 1; the parent's pick when left out."),
    ] = None


class ImagineEntry(Settings, Entry):
    """Pictures from words."""

    prompt: Annotated[Prompt, Field(description="What the picture shows.")]


REGION_HINT: Final = "a part is repainted by `inpaint: {mask: …}`"


class VaryEntry(Derived):
    """New pictures near one candidate."""

    vary: Annotated[
        Strength,
        *choice_of(Strength, region=REGION_HINT),
        Field(description="How far the variation may go."),
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

    source_address: SourceAddress = None
    reroll: Annotated[Literal[True], Field(description="Run the parent's task again.")]


class EnhanceEntry(Derived):
    """A draft's candidate in full quality."""

    enhance: Annotated[Literal[True], Field(description="Make a draft full quality.")]


class EditEntry(Derived):
    """A picture repainted."""

    edit: Annotated[EditArea, Field(description="Repaint a picture, or areas of it.")]
    prompt: Annotated[Prompt, Field(description="What the picture shows.")]
    version: Annotated[Version | None, Field(description='Midjourney version: "7", "8.1".')] = None
    speed: Annotated[Queue | None, Field(description="The queue.")] = None


class BlendEntry(Entry):
    """New pictures out of two to four, without words."""

    blend: Annotated[Blended, Field(description="Two to four pictures to mix.")]
    aspect_ratio: Annotated[AspectRatio | None, Field(description='Width to height: "16:9".')] = (
        None
    )
    speed: Annotated[Queue | None, Field(description="The queue.")] = None


class DescribeEntry(Derived):
    """Words for a picture."""

    describe: Annotated[
        Described, Field(description="A picture to find words for; `true` is the parent's.")
    ]
    speed: Annotated[Queue | None, Field(description="The queue.")] = None


class SingleEntry(Derived):
    """One candidate as a picture of its own; we own it already."""

    single: Annotated[
        Literal[True], Field(description="One candidate as a picture of its own, for free.")
    ]


_TIMES: Final = {"1.5": "write `1.5x`", "2": "write `2x`", "2.0": "write `2x`"}


class ZoomEntry(Derived):
    """A picture from farther away."""

    zoom: Annotated[
        ZoomOut, *choice_of(ZoomOut, **_TIMES), Field(description="How much farther away.")
    ]


class PanEntry(Derived):
    """A picture extended to one side."""

    pan: Annotated[Direction, *choice_of(Direction), Field(description="To which side.")]


class InpaintEntry(Derived):
    """A masked part of one candidate anew."""

    inpaint: Annotated[InpaintArea, Field(description="Paint a masked part anew.")]
    prompt: Annotated[
        Prompt | None, Field(description="What to paint there; the parent's prompt if left out.")
    ] = None


class RemixEntry(Derived):
    """One candidate anew, perhaps with other words."""

    remix: Annotated[Strength, *choice_of(Strength), Field(description="How far it may go.")]
    prompt: Annotated[
        Prompt | None, Field(description="Other words; the parent's prompt if left out.")
    ] = None


class VideoEntry(Derived):
    """Clips that begin with a picture."""

    video: Annotated[Clip, Field(description="Make a picture move.")]
    prompt: Annotated[Prompt | None, Field(description="What happens in it.")] = None


FollowUpEntry = (
    VaryEntry
    | UpscaleEntry
    | RerollEntry
    | EnhanceEntry
    | SingleEntry
    | ZoomEntry
    | PanEntry
    | InpaintEntry
    | RemixEntry
)
"""What needs a parent."""

AnyEntry = ImagineEntry | EditEntry | BlendEntry | DescribeEntry | VideoEntry | FollowUpEntry

MODELS: Final[MappingProxyType[Operation, type[AnyEntry]]] = MappingProxyType(
    {
        Operation.IMAGINE: ImagineEntry,
        Operation.EDIT: EditEntry,
        Operation.VARY: VaryEntry,
        Operation.UPSCALE: UpscaleEntry,
        Operation.REROLL: RerollEntry,
        Operation.ENHANCE: EnhanceEntry,
        Operation.BLEND: BlendEntry,
        Operation.DESCRIBE: DescribeEntry,
        Operation.SINGLE: SingleEntry,
        Operation.ZOOM: ZoomEntry,
        Operation.PAN: PanEntry,
        Operation.INPAINT: InpaintEntry,
        Operation.REMIX: RemixEntry,
        Operation.VIDEO: VideoEntry,
    }
)


def fields_of(model: type[BaseModel]) -> frozenset[str]:
    """Return the keys a model knows, as they are written in YAML."""
    return frozenset(field.alias or name for name, field in model.model_fields.items())
