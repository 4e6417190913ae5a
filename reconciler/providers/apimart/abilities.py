"""APIMart's operations as a table; sections are those of docs/providers/apimart.md."""

from collections.abc import Mapping
from types import MappingProxyType

from reconciler.providers.apimart.versions import VERSIONS
from reconciler.providers.capabilities import Abilities, Ability, Input
from reconciler.spec.request import (
    Direction,
    Motion,
    Operation,
    Resolution,
    Speed,
    Strength,
    Upscaler,
    ZoomOut,
)

_SINGLES = frozenset({Operation.UPSCALE, Operation.SINGLE})
_GRIDS = frozenset(
    {
        *(Operation.IMAGINE, Operation.EDIT, Operation.VARY, Operation.REROLL, Operation.BLEND),
        *(Operation.ZOOM, Operation.PAN, Operation.INPAINT, Operation.REMIX),
    }
)
_PICTURES = _GRIDS | _SINGLES
_PROMPT = Input("prompt", "prompt")
_VERSION = Input("version", "version", choices=VERSIONS)
_SPEED = Input("speed", "speed", choices=tuple(Speed))
_VIA_SINGLE = "starts from a picture of its own: where the parent has several, that is bought first"
_INPAINT = "use `inpaint` with a `mask` that is a picture"
_OMNI = "use `character_refs` or `image_refs`, or another provider"

_IMAGINE = Ability(
    "imagine",
    "sections 2 and 3",
    bills=("imagine",),
    is_root=True,
    inputs=(
        _PROMPT,
        Input("negative", "negative_prompt"),
        _VERSION,
        Input("niji", "niji", remark="with version 6 or 7, and a price key of its own"),
        _SPEED,
        Input("draft", "draft", remark="version 7 and later"),
        Input("hd", "hd", remark="versions 8.1 and 8.2"),
        Input("aspect_ratio", "size"),
        Input("quality", "quality", choices=("0.25", "0.5", "1", "2")),
        Input("stylize", "stylize", 0, 1000),
        Input("chaos", "chaos", 0, 100),
        Input("weird", "weird", 0, 3000),
        Input("raw", "raw", remark="version 5.1 and later"),
        Input("tile", "tile"),
        Input("seed", "seed"),
        Input("stop", "stop", 10, 100, remark="versions 5 to 6.1, niji 6"),
        Input("repeat", "repeat", 2, 40, remark="each repetition is charged"),
        Input("image_refs", "image_urls"),
        Input("image_weight", "iw", 0, 3, acts_on="image_refs"),
        Input("style_refs", "sref", pictures=1),
        Input("style_weight", "sw", 0, 1000, acts_on="style_refs"),
        Input("character_refs", "cref", pictures=1),
        Input("character_weight", "cw", 0, 100, acts_on="character_refs"),
        Input("style", "style"),
        Input("depth_refs", "dref", pictures=1),
        Input("depth_weight", "dw", 0, 100, acts_on="depth_refs"),
        Input("extra", "extra", remark="goes to the end of the prompt as it is"),
    ),
    instead=MappingProxyType({"omni_refs": _OMNI, "omni_weight": _OMNI}),
)
_EDIT = Ability(
    "edits",
    "sections 2 and 4",
    bills=("edits",),
    is_root=True,
    follows=_PICTURES,
    inputs=(_PROMPT, Input("source", "image_urls"), _VERSION, _SPEED),
    instead=MappingProxyType(dict.fromkeys(("mask", "canvas", "position"), _INPAINT)),
    remark="of the whole picture; from a picture, not from a task",
)
_BLEND = Ability(
    "blend",
    "section 4",
    bills=("blend",),
    is_root=True,
    inputs=(
        Input("pictures", "image_urls", fewest=2, pictures=4),
        Input("aspect_ratio", "dimensions or size"),
        _SPEED,
    ),
    remark="no words, no version",
)
_VIDEO = Ability(
    "video",
    "sections 2 and 4",
    bills=("video",),
    is_root=True,
    follows=_PICTURES,
    inputs=(
        _PROMPT,
        Input("source", "image_urls"),
        Input("end", "end_url"),
        Input("resolution", "video_type", choices=tuple(Resolution)),
        Input("motion", "motion", choices=tuple(Motion)),
        Input("auto", "animate_mode: auto", remark="after an image only"),
        Input("batch", "batch_size", choices=("1", "2", "4"), remark="each clip is charged"),
    ),
    remark="from an image's task, or from a picture and words; about 5 seconds",
)
_UPSCALE = Ability(
    "upscale with a button's id",
    "sections 4 and 9",
    bills=("upscale",),
    follows=_GRIDS,
    inputs=(Input("upscale", "custom_id", choices=tuple(Upscaler)),),
    remark="a real upscaler: subtle and creative of versions 6, 6.1, 7 and 8.1, 2x and 4x of 5, 5.1"
    " and 5.2. What the API itself calls upscale only cuts out one candidate: that is `single`",
)

ABILITIES: Abilities = MappingProxyType(
    {
        Operation.IMAGINE: _IMAGINE,
        Operation.EDIT: _EDIT,
        Operation.VARY: Ability(
            "variation, high-variation",
            "sections 2 and 4",
            bills=("variation", "high_variation"),
            follows=_PICTURES,
            inputs=(Input("vary", "the route", choices=tuple(Strength)),),
            instead=MappingProxyType({"prompt": "use `remix` with the `prompt`"}),
            remark=f"takes no words; strong {_VIA_SINGLE}",
        ),
        Operation.UPSCALE: _UPSCALE,
        Operation.REROLL: Ability(
            "reroll",
            "section 2",
            bills=("reroll",),
            follows=frozenset({Operation.IMAGINE, Operation.REROLL}),
            remark="has a price of its own",
        ),
        Operation.BLEND: _BLEND,
        Operation.DESCRIBE: Ability(
            "describe",
            "section 4",
            bills=("describe",),
            is_root=True,
            follows=_PICTURES,
            inputs=(Input("source", "image_urls"), _SPEED),
            remark="gives words; from a picture, not from a task",
        ),
        Operation.SINGLE: Ability(
            "upscale with an index",
            "section 2",
            bills=("upscale",),
            follows=_GRIDS,
            inputs=(Input("at_provider", "index"),),
            remark="cuts out what is owned already: free here, and bought only for what needs it",
        ),
        Operation.ZOOM: Ability(
            "zoom",
            "section 4",
            bills=("zoom",),
            follows=_PICTURES,
            inputs=(Input("zoom", "zoom_ratio", choices=tuple(ZoomOut)),),
            remark=_VIA_SINGLE,
        ),
        Operation.PAN: Ability(
            "pan",
            "sections 4 and 19",
            bills=("pan",),
            follows=_PICTURES,
            inputs=(Input("pan", "direction", choices=tuple(Direction)),),
            remark=f"{_VIA_SINGLE}; the pages disagree about versions, so it may be refused",
        ),
        Operation.INPAINT: Ability(
            "inpaint, then modal",
            "sections 4 and 8",
            bills=("inpaint",),
            follows=_PICTURES,
            inputs=(Input("mask", "mask_url"), _PROMPT),
            remark=f"two steps, one price; {_VIA_SINGLE}",
        ),
        Operation.REMIX: Ability(
            "remix-strong, remix-subtle",
            "section 4",
            bills=("remix_strong", "remix_subtle"),
            follows=frozenset({Operation.IMAGINE}),
            inputs=(Input("remix", "the route", choices=tuple(Strength)), _PROMPT),
            remark="of images of version 8.1 or 8.2",
        ),
        Operation.VIDEO: _VIDEO,
    }
)

INSTEAD: Mapping[Operation, str] = MappingProxyType(
    {Operation.ENHANCE: "write the image without `draft`, or use `vary: subtle`"}
)
