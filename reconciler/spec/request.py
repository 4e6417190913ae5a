"""The canonical, provider-neutral content of what is bought, and its JSON form.

Two spellings of the same wish give equal requests: the prompt has its white space folded, flags are
lifted into fields, numbers have one form, and what was left out is absent from the JSON form. That
form is what fingerprints, the database and diffs use, so its field names never change meaning.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any, get_type_hints

from reconciler.ids import Digest

JsonObject = dict[str, Any]

BYTES = "sha256"
"""How the location of a reference begins that is known by its bytes."""


class Operation(StrEnum):
    """What a resource asks for."""

    IMAGINE = "imagine"
    EDIT = "edit"
    VARY = "vary"
    UPSCALE = "upscale"
    REROLL = "reroll"
    ENHANCE = "enhance"
    BLEND = "blend"
    DESCRIBE = "describe"
    SINGLE = "single"
    ZOOM = "zoom"
    PAN = "pan"
    INPAINT = "inpaint"
    REMIX = "remix"
    VIDEO = "video"


class Speed(StrEnum):
    """Midjourney's queue; `draft` is a separate field, as in Midjourney's own words."""

    RELAX = "relax"
    FAST = "fast"
    TURBO = "turbo"


class Strength(StrEnum):
    """How far a variation may go."""

    SUBTLE = "subtle"
    STRONG = "strong"


class Upscaler(StrEnum):
    """Midjourney's upscalers."""

    SUBTLE = "subtle"
    CREATIVE = "creative"
    DOUBLE = "2x"
    QUADRUPLE = "4x"


class ZoomOut(StrEnum):
    """How much farther away a picture is seen from."""

    HALF = "1.5x"
    DOUBLE = "2x"


class Direction(StrEnum):
    """Where a picture is extended to."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


class Resolution(StrEnum):
    """A video's height in pixels."""

    STANDARD = "480"
    HIGH = "720"


class Motion(StrEnum):
    """How much moves in a video."""

    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture that a request starts from: an http(s) URL, or `sha256:` and its bytes' digest.

    A local file is known by its bytes, so that moving it never buys; in a spec that is not bound to
    its files yet (files.py) the location is the path below the project's root. A weight of 1 is
    Midjourney's own default: written or not, it is the same request.
    """

    location: str
    weight: int | float = 1

    @property
    def is_url(self) -> bool:
        """Whether the location is fetched from the network."""
        return self.location[:8].lower().startswith(("http://", "https://"))

    @property
    def digest(self) -> Digest | None:
        """The digest of a local file's bytes; None for a URL, or a path that is not bound yet."""
        kind, _, digest = self.location.partition(":")
        return Digest(digest) if kind == BYTES else None


@dataclass(frozen=True, slots=True)
class Imagine:
    """Pictures from words, perhaps guided by other pictures. Ranges are the provider's rules."""

    prompt: str
    negative: str | None = None
    version: str | None = None
    niji: bool = False
    speed: Speed | None = None
    draft: bool = False
    hd: bool = False
    aspect_ratio: str | None = None
    quality: str | None = None
    stylize: int | None = None
    chaos: int | None = None
    weird: int | None = None
    raw: bool = False
    tile: bool = False
    seed: int | None = None
    stop: int | None = None
    repeat: int | None = None
    image_refs: tuple[Reference, ...] = ()
    image_weight: int | float | None = None
    style_refs: tuple[Reference, ...] = ()
    style_weight: int | None = None
    style_version: int | None = None
    character_refs: tuple[Reference, ...] = ()
    character_weight: int | None = None
    omni_refs: tuple[Reference, ...] = ()
    omni_weight: int | None = None
    style: str | None = None
    depth_refs: tuple[Reference, ...] = ()
    depth_weight: int | float | None = None
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Area:
    """One polygon to repaint, in pixels of a `width` × `height` picture; points are (x, y)."""

    width: int
    height: int
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the source picture lies on the canvas, in pixels; x and y may be negative."""

    width: int
    height: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Repaint a picture: the whole of it, or areas of it on a canvas.

    `source` is a picture's location for a root image; None when a parent's candidate is edited.
    """

    prompt: str
    source: Reference | None = None
    mask: tuple[Area, ...] = ()
    canvas: Size | None = None
    position: Placement | None = None
    version: str | None = None
    speed: Speed | None = None


@dataclass(frozen=True, slots=True)
class Vary:
    """New pictures near one candidate; `prompt` remixes it."""

    vary: Strength
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Upscale:
    """One candidate, larger."""

    upscale: Upscaler


@dataclass(frozen=True, slots=True)
class Reroll:
    """The parent's whole task again, with the same configuration."""


@dataclass(frozen=True, slots=True)
class Enhance:
    """A draft's candidate in full quality."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Two to four pictures become new ones, without words."""

    pictures: tuple[Reference, ...]
    aspect_ratio: str | None = None
    speed: Speed | None = None


@dataclass(frozen=True, slots=True)
class Describe:
    """Words for a picture: a text is what comes. `source` None: a parent's candidate."""

    source: Reference | None = None
    speed: Speed | None = None


@dataclass(frozen=True, slots=True)
class Single:
    """One candidate as a picture of its own. We own it already, so that this is free and local.

    `at_provider`: the provider's own task for it, which some of its follow-ups start from; only
    plans ask for that, never a spec.
    """

    at_provider: bool = False


@dataclass(frozen=True, slots=True)
class Zoom:
    """The same picture seen from farther away."""

    zoom: ZoomOut


@dataclass(frozen=True, slots=True)
class Pan:
    """The picture extended to one side."""

    pan: Direction


@dataclass(frozen=True, slots=True)
class Inpaint:
    """The masked part of one candidate anew. White in `mask` is repainted, black stays.

    Without a prompt the parent's counts.
    """

    mask: Reference
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Remix:
    """One candidate anew with other words; without a prompt the parent's count."""

    remix: Strength
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """Clips that begin with a picture: `source`, or a parent's candidate where it is None.

    `end` is the last picture, if one is wanted. `auto`: the provider chooses what moves. `batch`
    clips are made, and each is paid.
    """

    prompt: str | None = None
    source: Reference | None = None
    end: Reference | None = None
    resolution: Resolution = Resolution.STANDARD
    motion: Motion | None = None
    auto: bool = False
    batch: int = 1


Request = (
    Imagine
    | Edit
    | Vary
    | Upscale
    | Reroll
    | Enhance
    | Blend
    | Describe
    | Single
    | Zoom
    | Pan
    | Inpaint
    | Remix
    | Video
)

REQUESTS: MappingProxyType[Operation, type[Request]] = MappingProxyType(
    {
        Operation.IMAGINE: Imagine,
        Operation.EDIT: Edit,
        Operation.VARY: Vary,
        Operation.UPSCALE: Upscale,
        Operation.REROLL: Reroll,
        Operation.ENHANCE: Enhance,
        Operation.BLEND: Blend,
        Operation.DESCRIBE: Describe,
        Operation.SINGLE: Single,
        Operation.ZOOM: Zoom,
        Operation.PAN: Pan,
        Operation.INPAINT: Inpaint,
        Operation.REMIX: Remix,
        Operation.VIDEO: Video,
    }
)
_OPERATIONS = {kind: operation for operation, kind in REQUESTS.items()}


def operation_of(request: Request) -> Operation:
    """Return the operation that a request asks for."""
    return _OPERATIONS[type(request)]


def is_local(request: Request) -> bool:
    """Whether it is made here from what we own: no provider is asked, nothing is paid."""
    return isinstance(request, Single) and not request.at_provider


def references(request: Request) -> Iterator[Reference]:
    """Yield every picture that a request names, in the order of its fields."""
    return (one for _, one in placed_references(request))


def placed_references(request: Request) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    """Yield where in the request each picture stands, and the picture."""
    for field in fields(request):
        value = getattr(request, field.name)
        if isinstance(value, Reference):
            yield (field.name,), value
        elif isinstance(value, tuple):
            for position, item in enumerate(value):
                if isinstance(item, Reference):
                    yield (field.name, position), item


def uses_candidate(operation: Operation) -> bool:
    """Whether such a variant starts from one candidate, not from the parent's whole task."""
    return operation is not Operation.REROLL


def canonical(request: Request) -> str:
    """Return the request as JSON: keys sorted, no spaces, defaults left out, `operation` added."""
    content = {"operation": operation_of(request).value} | _plain(request)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def decode(text: str) -> Request:
    """Return the request whose canonical form `text` is; the inverse of `canonical`."""
    content = json.loads(text)
    decoded: Request = _build(REQUESTS[Operation(content.pop("operation"))], content)
    return decoded


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        pairs = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _plain(item) for field, item in pairs if item != field.default}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


# Pydantic could revive these too, but costs 60 ms to import; often there is nothing to revive.
@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _build(kind: type, content: JsonObject) -> Any:
    return kind(**{name: _revive(_hints(kind)[name], item) for name, item in content.items()})


def _revive(hint: Any, item: Any) -> Any:
    """Turn lists back into tuples, and objects into the one dataclass or enum the hint names."""
    if isinstance(item, list):
        inner = hint.__args__[0]
        return tuple(_revive(inner, one) for one in item)
    if isinstance(item, dict):
        return _build(_named(hint, "__dataclass_fields__"), item)
    if isinstance(item, str) and (enum := _named(hint, "__members__")) is not None:
        return enum(item)
    return item


def _named(hint: Any, mark: str) -> Any:
    options = getattr(hint, "__args__", (hint,))
    return next((option for option in options if hasattr(option, mark)), None)
