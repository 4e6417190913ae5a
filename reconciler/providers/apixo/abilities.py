"""APIXO's operations as a table; sections are those of docs/providers/apixo.md."""

from collections.abc import Mapping
from types import MappingProxyType

from reconciler.providers.capabilities import Abilities, Ability, Input
from reconciler.spec.request import Operation, Speed, Strength, Upscaler

ASPECT_RATIOS = ("1:1", "1:2", "2:1", "2:3", "3:2", "3:4", "4:3", "5:6", "6:5", "9:16", "16:9")
_MIDJOURNEY = "Midjourney"
_GENERATIONS = frozenset({Operation.IMAGINE, Operation.REROLL})
_PROMPT = Input("prompt", "prompt")
_SPEED = Input(
    "speed",
    "speed",
    choices=(Speed.FAST.value, Speed.TURBO.value),
    otherwise="`relax` would be run and billed as fast",
)

_IMAGINE = Ability(
    "text-to-image, image-to-image",
    "sections 3.1, 4 and 5",
    bills=("imagine",),
    is_root=True,
    inputs=(
        _PROMPT,
        Input("negative", "negative_prompt"),
        Input("version", "version"),
        _SPEED,
        Input("draft", "speed: draft", remark="version 7 only"),
        Input("hd", "is_hd", remark="version 8.1 only"),
        Input("aspect_ratio", "aspect_ratio", choices=ASPECT_RATIOS),
        Input("stylize", "stylization", 0, 1000, limit_of=_MIDJOURNEY),
        Input("chaos", "variety", 0, 100, limit_of=_MIDJOURNEY),
        Input("weird", "weirdness", 0, 3000, limit_of=_MIDJOURNEY),
        Input("image_refs", "image_urls", pictures=20),
        Input("image_weight", "iw", 0, 3, limit_of=_MIDJOURNEY, acts_on="image_refs"),
        Input("style_refs", "sref_urls", weighted=True),
        Input("style_weight", "sw", 0, 1000, limit_of=_MIDJOURNEY, acts_on="style_refs"),
        Input("style_version", "sv", 1, 6, limit_of=_MIDJOURNEY, acts_on="style_refs"),
        Input("character_refs", "cref_urls"),
        Input("omni_refs", "oref_urls", pictures=1),
    ),
    remark="pictures beside the words make it image-to-image",
)
_EDIT = Ability(
    "image-edit",
    "sections 4 and 6",
    bills=("edit",),
    is_root=True,
    follows=frozenset(
        {*_GENERATIONS, Operation.EDIT, Operation.VARY, Operation.UPSCALE, Operation.ENHANCE}
    ),
    inputs=(
        _PROMPT,
        Input("source", "image_urls"),
        Input("mask", "mask.areas"),
        Input("canvas", "canvas"),
        Input("position", "imgPos"),
        Input("version", "version"),
        _SPEED,
    ),
    remark="of the whole picture, or of areas: mask, canvas and position together",
)
_VARY = Ability(
    "vary",
    "section 7",
    bills=("vary",),
    follows=frozenset({*_GENERATIONS, Operation.VARY, Operation.UPSCALE, Operation.ENHANCE}),
    inputs=(
        Input("vary", "type", choices=tuple(Strength), remark="0 and 1 on the wire"),
        Input("prompt", "remixPrompt"),
    ),
)
_UPSCALE = Ability(
    "upscale",
    "section 7",
    bills=("upscale",),
    follows=frozenset({*_GENERATIONS, Operation.EDIT, Operation.VARY, Operation.ENHANCE}),
    inputs=(Input("upscale", "type", choices=tuple(Upscaler), remark="0 to 3 on the wire"),),
    remark="a real upscaler, of any version",
)

ABILITIES: Abilities = MappingProxyType(
    {
        Operation.IMAGINE: _IMAGINE,
        Operation.EDIT: _EDIT,
        Operation.VARY: _VARY,
        Operation.UPSCALE: _UPSCALE,
        Operation.REROLL: Ability(
            "reroll",
            "section 7",
            follows=_GENERATIONS | {Operation.VARY},
            remark="billed as its source",
        ),
        Operation.ENHANCE: Ability(
            "enhance",
            "section 7",
            bills=("enhance",),
            follows=_GENERATIONS,
            remark="of drafts only",
        ),
    }
)

INSTEAD: Mapping[Operation, str] = MappingProxyType(
    {
        Operation.INPAINT: "use `edit` with a `mask` on the parent",
        Operation.REMIX: "use `vary` with a `prompt`",
        Operation.ZOOM: "use `edit` with a `canvas` that is larger than the picture",
        Operation.PAN: "use `edit` with a `canvas` that is larger than the picture",
    }
)
