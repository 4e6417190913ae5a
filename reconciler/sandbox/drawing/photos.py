"""Pictures that somebody gave: fitted to a size, and moved a little where they are varied."""

import io
from collections.abc import Mapping, Sequence
from random import Random

from PIL import Image, ImageOps

Photos = Mapping[str, bytes]
"""The files that a painting may need, by name."""


def photo_of(content: bytes, size: tuple[int, int], moves: Sequence[int]) -> Image.Image:
    """Return a file's picture, filling the size; each seed of a move turns it a little."""
    with Image.open(io.BytesIO(content)) as image:
        fitted = ImageOps.fit(_opaque(image), size, Image.Resampling.BILINEAR)
    for seed in moves:
        dice = Random(seed)  # noqa: S311 - a drawing, no secret
        angle, closer = dice.uniform(-12, 12), dice.uniform(1.12, 1.3)
        turned = fitted.rotate(angle, Image.Resampling.BILINEAR)
        if dice.random() < 0.5:
            turned = ImageOps.mirror(turned)
        width, height = size
        inner = (max(1, round(width / closer)), max(1, round(height / closer)))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        fitted = turned.resize(
            size, Image.Resampling.BILINEAR, (left, top, left + inner[0], top + inner[1])
        )
    return fitted


def _opaque(image: Image.Image) -> Image.Image:
    """Return the picture on white, where it was transparent."""
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")
