"""The right word for a wrong one: misspellings, and the words of providers and other tools."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final


def nearest(word: str, known: Iterable[str], closeness: float = 0.6) -> str | None:
    """Return the known word that is closest, if one is close at all (1 is the word itself)."""
    import difflib

    others = [one for one in known if one != word]
    found = difflib.get_close_matches(word, others, n=1, cutoff=closeness)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the hint that names the closest known word."""
    near = nearest(word, known)
    return f"did you mean `{near}`?" if near else None


_SPELLINGS: Final = {
    "stylize": "stylization stylisation stylise",
    "chaos": "variety",
    "weird": "weirdness",
    "image_weight": "iw imageWeight",
    "style_weight": "sw styleWeight",
    "style_version": "sv styleVersion",
    "character_weight": "cw characterWeight",
    "omni_weight": "ow omniWeight",
    "aspect_ratio": "aspect ar size ratio aspectRatio",
    "style_refs": "sref srefs sref_urls style_ref style_reference style_references",
    "character_refs": "cref crefs cref_urls character_ref character_references",
    "omni_refs": "oref orefs oref_urls omni_ref omni_references",
    "image_refs": "image_urls image_url images image imageUrls refs",
    "negative": "negative_prompt negativePrompt no",
    "hd": "is_hd isHd",
    "prompt": "remixPrompt remix_prompt text",
    "of": "imageIndex image_index index imageNo candidate",
    "canvas": "canvasSize",
    "position": "imgPos img_pos",
    "mask": "areas mask_url maskUrl",
    "speed": "mode_speed queue",
    "version": "model model_version v",
    "variants": "variant children",
    "from": "parent source_image taskId task_id",
    "repeat": "r",
    "quality": "q",
    "seed": "seeds",
    "depth_refs": "dref drefs dref_urls depth_ref depth_reference depth_references",
    "depth_weight": "dw depthWeight",
    "extra": "flags parameters params",
    "end": "end_url end_image last_frame end_frame",
    "source": "first_frame start_image start_frame",
    "resolution": "video_type videoType",
    "auto": "animate_mode",
    "batch": "batch_size batchSize bs",
    "silence": "silenced ignore",
    "take": "takes",
}

SYNONYMS: Final = MappingProxyType(
    {word: ours for ours, words in _SPELLINGS.items() for word in words.split()}
)
"""A provider's or another tool's word → ours."""

OPERATION_SYNONYMS: Final = frozenset({"mode", "type", "operation", "action", "request_type"})
"""Words with which other tools name what is to be done; here the operation itself is the key."""

_OTHER_OPERATIONS: Final = {
    "write `inpaint: {mask: …}`": "vary_region region varyRegion modal",
    "write `video: {}`": "animate image_to_video i2v",
    "write `zoom: 1.5x`, or `pan` for one side": "outpaint zoom_out custom_zoom customZoom",
    "`remix: subtle` comes closest": "remaster",
    "write `single: true` and `of: N`: it is ours already": "u1 u2 u3 u4",
    "write `vary: subtle` and `of: N`": "v1 v2 v3 v4",
    "write `vary: subtle`": "variation variations low_variation lowVariation",
    "write `vary: strong`": "high_variation highVariation",
    "write `upscale: subtle`": "upsample hd_upscale",
    "write `remix: strong`": "remix_strong remixStrong",
    "write `remix: subtle`": "remix_subtle remixSubtle",
    "write `edit: {}`": "edits",
}

_OPERATION_HINTS: Final = MappingProxyType(
    {word: hint for hint, words in _OTHER_OPERATIONS.items() for word in words.split()}
)


def operation_hint(word: str) -> str | None:
    """Return what to write instead of a provider's or another tool's word for an operation."""
    hint = _OPERATION_HINTS.get(word) or _OPERATION_HINTS.get(word.lower())
    return hint and hint.replace("N", word[-1])
