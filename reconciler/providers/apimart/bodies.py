"""What leaves for APIMart: one route and one body for each operation (sections 2 to 4).

What the spec leaves out is left out here too, but for a video's resolution and batch, which decide
its price.
"""

from urllib.parse import quote

from reconciler.ids import TaskId
from reconciler.providers.apimart.versions import model_of, upscale_command
from reconciler.providers.judging import made_by
from reconciler.providers.protocol import JsonObject, Lineage, Order, ParentTask
from reconciler.spec.request import (
    Blend,
    Describe,
    Edit,
    Imagine,
    Inpaint,
    Pan,
    Reference,
    Remix,
    Request,
    Reroll,
    Single,
    Strength,
    Upscale,
    Vary,
    Video,
    Zoom,
    ZoomOut,
)

GENERATIONS = "v1/midjourney/generations"
_DIMENSIONS = {"1:1": "SQUARE", "2:3": "PORTRAIT", "3:2": "LANDSCAPE"}
_VARIATIONS = {Strength.SUBTLE: "variation", Strength.STRONG: "high-variation"}
_RATIOS = {ZoomOut.HALF: 1.5, ZoomOut.DOUBLE: 2}


class NoButtonError(Exception):
    """The parent's answer named no button, and an HD upscale needs one's id."""


def route(request: Request) -> str:
    """Return the path of a submission below the base URL (section 2)."""
    return f"{GENERATIONS}/{_word(request)}"


def _word(request: Request) -> str:
    match request:
        case Imagine():
            return "imagine"
        case Edit():
            return "edits"
        case Vary(vary=strength):
            return _VARIATIONS[strength]
        case Upscale() | Single():
            return "upscale"
        case Remix(remix=strength):
            return f"remix-{strength.value}"
        case Blend() | Describe() | Reroll() | Zoom() | Pan() | Inpaint() | Video():
            return type(request).__name__.lower()
        case _:
            raise ValueError(f"APIMart sells no {type(request).__name__}")


def task_path(task_id: TaskId) -> str:
    """Return where the Midjourney API tells how a task stands (section 6)."""
    return f"v1/midjourney/{quote(task_id, safe='')}"


def unified_task_path(task_id: TaskId) -> str:
    """Return where the API for all models tells the same (section 7)."""
    return f"v1/tasks/{quote(task_id, safe='')}"


def body(order: Order) -> JsonObject:
    """Return the body of a submission. Raises NoButtonError."""
    content = _content(order) | _metadata(order)
    return {name: value for name, value in content.items() if value is not None}


def modal_body(task_id: TaskId, order: Order, request: Inpaint) -> JsonObject:
    """Return the body of an inpainting's second step: the mask, and words if there are any."""
    content = {
        "task_id": task_id,
        "prompt": request.prompt,
        "mask_url": order.link(request.mask),
    }
    return {name: value for name, value in content.items() if value is not None} | _metadata(order)


def _metadata(order: Order) -> JsonObject:
    """Our name for the purchase; video and remix document no such field (section 2)."""
    if order.intent is None or isinstance(order.request, Video | Remix):
        return {}
    return {"metadata": {"intent": order.intent}}


def _content(order: Order) -> JsonObject:  # noqa: C901, PLR0912 - a table
    match order.request:
        case Imagine() as request:
            return _imagine(request, order)
        case Edit() as request:
            return _edit(request, order)
        case Blend() as request:
            return _blend(request, order)
        case Describe(source=source, speed=speed):
            return {"image_urls": [_picture(source, order)], "speed": speed}
        case Upscale() as request:
            return _upscale(request, order)
        case Vary() | Single():
            return _start(order)
        case Remix(prompt=prompt):
            return _start(order) | {"prompt": prompt}
        case Reroll():
            return {"task_id": _known(order).task_id}
        case Zoom(zoom=zoom):
            return _single(order) | {"zoom_ratio": _RATIOS[zoom]}
        case Pan(pan=direction):
            return _single(order) | {"direction": direction}
        case Inpaint():
            return _single(order)
        case Video() as request:
            return _video(request, order)
        case _:
            return {}


def _known(order: Order) -> ParentTask:
    if order.parent is None:
        raise ValueError("a follow-up needs its parent's task")
    return order.parent


def _start(order: Order) -> JsonObject:
    """Indices count from 1 on this wire, but for videos (section 2)."""
    parent = _known(order)
    return {"task_id": parent.task_id, "index": parent.candidate}


def _single(order: Order) -> JsonObject:
    """The first picture is what an absent index means (section 2)."""
    parent = _known(order)
    index = parent.candidate if parent.candidate > 1 else None
    return {"task_id": parent.task_id, "index": index}


def _picture(source: Reference | None, order: Order) -> str:
    return order.link(source) if source else _known(order).url


def _links(references: tuple[Reference, ...], order: Order) -> list[str] | None:
    return [order.link(one) for one in references] or None


def _only_link(references: tuple[Reference, ...], order: Order) -> str | None:
    """`cref`, `sref` and `dref` take one URL each (section 3)."""
    return order.link(references[0]) if references else None


def _imagine(request: Imagine, order: Order) -> JsonObject:
    return {
        "prompt": request.prompt,
        "image_urls": _links(request.image_refs, order),
        "size": request.aspect_ratio,
        "quality": request.quality,
        "style": request.style,
        "version": request.version,
        "niji": request.niji or None,
        "seed": request.seed,
        "negative_prompt": request.negative,
        "stylize": request.stylize,
        "chaos": request.chaos,
        "weird": request.weird,
        "tile": request.tile or None,
        "iw": request.image_weight,
        "cw": request.character_weight,
        "sw": request.style_weight,
        "cref": _only_link(request.character_refs, order),
        "sref": _only_link(request.style_refs, order),
        "dref": _only_link(request.depth_refs, order),
        "dw": request.depth_weight,
        "repeat": request.repeat,
        "raw": request.raw or None,
        "draft": request.draft or None,
        "hd": request.hd or None,
        "stop": request.stop,
        "extra": request.extra,
        "speed": request.speed,
    }


def _edit(request: Edit, order: Order) -> JsonObject:
    return {
        "prompt": request.prompt,
        "image_urls": [_picture(request.source, order)],
        "version": request.version,
        "speed": request.speed,
    }


def _blend(request: Blend, order: Order) -> JsonObject:
    """The three ratios that have a name are `dimensions`, all others `size` (section 4)."""
    dimensions = _DIMENSIONS.get(request.aspect_ratio or "")
    return {
        "image_urls": _links(request.pictures, order),
        "dimensions": dimensions,
        "size": None if dimensions else request.aspect_ratio,
        "speed": request.speed,
    }


def _upscale(request: Upscale, order: Order) -> JsonObject:
    """The HD button is not listed, so its id is built on a listed one's hash (sections 4, 9)."""
    parent = _known(order)
    command = upscale_command(request.upscale, model_of(request, order.lineage))
    if parent.handle is None or command is None:
        raise NoButtonError
    button = f"MJ::JOB::{command}::{parent.candidate}::{parent.handle}"
    return {"task_id": parent.task_id, "custom_id": button}


def starts_from_picture(request: Request, lineage: Lineage) -> bool:
    """Whether this follow-up is given a picture, because the API takes no task for it.

    A video takes the task of an image only (section 2).
    """
    match request:
        case Edit() | Describe():
            return bool(lineage)
        case Video(source=None):
            return not isinstance(made_by(lineage), Imagine)
        case _:
            return False


def _video(request: Video, order: Order) -> JsonObject:
    """This is the only route that counts from 0 (section 2)."""
    stretch = "start_end_" if request.end else ""
    content: JsonObject = {
        "prompt": request.prompt,
        "video_type": f"vid_1.1_i2v_{stretch}{request.resolution.value}",
        "end_url": order.link(request.end) if request.end else None,
        "animate_mode": "auto" if request.auto else None,
        "motion": request.motion,
        "batch_size": request.batch,
    }
    if request.source or starts_from_picture(request, order.lineage):
        return content | {"image_urls": [_picture(request.source, order)]}
    parent = _known(order)
    return content | {"task_id": parent.task_id, "index": parent.candidate - 1}
