"""APIXO's modes and what may follow each (sections 3.1, 4 and 7): wire words to ours and back."""

from types import MappingProxyType

from reconciler.providers.protocol import Lineage
from reconciler.spec.request import (
    Edit,
    Enhance,
    Imagine,
    Operation,
    Request,
    Reroll,
    Single,
    Strength,
    Upscale,
    Upscaler,
    Vary,
)

OPERATIONS: MappingProxyType[str, Operation] = MappingProxyType(
    {
        "image-edit": Operation.EDIT,
        "vary": Operation.VARY,
        "upscale": Operation.UPSCALE,
        "reroll": Operation.REROLL,
        "enhance": Operation.ENHANCE,
    }
)
"""The follow-ups that `supported_actions` can name."""

# Section 7: APIXO numbers them; the names come from sister pages with the same upstream.
VARY_TYPES: MappingProxyType[Strength, int] = MappingProxyType(
    {Strength.SUBTLE: 0, Strength.STRONG: 1}
)
UPSCALE_TYPES: MappingProxyType[Upscaler, int] = MappingProxyType(
    {Upscaler.SUBTLE: 0, Upscaler.CREATIVE: 1, Upscaler.DOUBLE: 2, Upscaler.QUADRUPLE: 3}
)


def mode_of(request: Request) -> str:
    """Return APIXO's mode. Pictures of any kind beside the words make it image-to-image."""
    match request:
        case Imagine():
            guided = (
                request.image_refs
                or request.style_refs
                or request.character_refs
                or request.omni_refs
            )
            return "image-to-image" if guided else "text-to-image"
        case Edit():
            return "image-edit"
        case Vary():
            return "vary"
        case Upscale():
            return "upscale"
        case Reroll():
            return "reroll"
        case Enhance():
            return "enhance"
        case _:
            return "none"


def is_draft(lineage: Lineage) -> bool:
    """Whether the first of these tasks made a draft: an image that asks for one, or its reroll.

    A candidate that was cut out here is still a draft's candidate.
    """
    match lineage[0]:
        case Imagine(draft=draft):
            return draft
        case Reroll() | Single():
            return is_draft(lineage[1:])
        case _:
            return False
