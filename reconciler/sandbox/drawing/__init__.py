"""Pictures for the sandbox: real PNGs, the same for the same painting, pleasant to look at."""

from reconciler.sandbox.drawing.painting import (
    Commission,
    Painting,
    Patch,
    Treatment,
    commission_from_json,
    seed_of,
)
from reconciler.sandbox.drawing.picture import png_of, size_of

__all__ = [
    "Commission",
    "Painting",
    "Patch",
    "Treatment",
    "commission_from_json",
    "png_of",
    "seed_of",
    "size_of",
]
