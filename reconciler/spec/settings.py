"""What can be said about a generation, once or for many, as pydantic models."""

from typing import Annotated, Final

from pydantic import Field

from reconciler.spec.fields import (
    AspectRatio,
    Extra,
    Flag,
    Negative,
    Node,
    Number,
    Quality,
    Queue,
    References,
    Silence,
    Style,
    Version,
    Whole,
)


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
    style: Annotated[Style | None, Field(description="Midjourney's --style, but for `raw`.")] = None
    depth_refs: Annotated[References, Field(description="Pictures whose depth is taken.")] = ()  # type: ignore[assignment] # the same
    depth_weight: Annotated[Number | None, Field(description="How much `depth_refs` count.")] = None
    extra: Annotated[
        Extra | None, Field(description="Flags without a field here, sent as they are.")
    ] = None


_PROVIDER: Final = "Which provider of reconciler.yaml buys this; a variant follows its parent."
Provider = Annotated[str | None, Field(strict=True, min_length=1, description=_PROVIDER)]


class Defaults(Settings):
    """Settings for all images of a file, or of the project; what an entry says comes first."""

    provider: Provider = None


class FileDefaults(Defaults):
    """What one file says for all its images."""

    silence: Silence = ()
