"""Pictures and films for the sandbox: real files, the same for the same painting."""

from reconciler.sandbox.drawing.painting import (
    Commission,
    Frame,
    Painting,
    Patch,
    Treatment,
    commission_from_json,
    seed_of,
)
from reconciler.sandbox.drawing.picture import grid_of, image_of, png_of, size_of
from reconciler.sandbox.drawing.video import mp4_of

__all__ = [
    "Commission",
    "Frame",
    "Painting",
    "Patch",
    "Treatment",
    "commission_from_json",
    "grid_of",
    "image_of",
    "mp4_of",
    "png_of",
    "seed_of",
    "size_of",
]
