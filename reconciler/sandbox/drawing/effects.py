"""What is done to a drawn picture: patched, sketched, tinted, surrounded, blended."""

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from reconciler.sandbox.drawing.painting import Patch
from reconciler.sandbox.drawing.palette import Rgb

_TILE = 256


def region(patch: Patch, size: tuple[int, int]) -> Image.Image:
    """Return where a patch is painted: neither areas nor a mask means everywhere.

    The edges of areas are feathered, a mask is followed exactly.
    """
    if patch.mask:
        with Image.open(io.BytesIO(base64.b64decode(patch.mask))) as mask:
            return mask.convert("L").resize(size, Image.Resampling.NEAREST)
    if not patch.areas:
        return Image.new("L", size, 255)
    width, height = size
    drawn = Image.new("L", size)
    pen = ImageDraw.Draw(drawn)
    for area in patch.areas:
        pen.polygon([(x * width, y * height) for x, y in area], fill=255)
    return drawn.filter(ImageFilter.BoxBlur(max(1, min(size) // 100)))


def surrounded(image: Image.Image, around: Image.Image, at: tuple[int, int]) -> Image.Image:
    """Return a picture inside a larger one, which is lighter and softer, so the seam shows."""
    pale = Image.blend(around, Image.new("RGB", around.size, (246, 243, 236)), 0.18)
    result = pale.filter(ImageFilter.BoxBlur(max(1, min(around.size) // 90)))
    result.paste(image, at)
    return result


def blended(images: Sequence[Image.Image]) -> Image.Image:
    """Return pictures that fade into each other from left to right."""
    result = images[0]
    width, height = result.size
    for place, image in enumerate(images[1:], start=1):
        middle, soft = place / len(images), 0.5 / len(images)
        ramp = [_step((x + 0.5) / width, middle - soft, middle + soft) for x in range(width)]
        column = Image.frombytes("L", (width, 1), bytes(ramp))
        result = Image.composite(image, result, column.resize((width, height)))
    return result


def tinted(image: Image.Image, dark: Rgb, light: Rgb) -> Image.Image:
    """Return a picture in other colours, its shapes kept."""
    duotone = ImageOps.colorize(image.convert("L"), dark, light)
    return Image.blend(image, duotone, 0.7)


def sketched(image: Image.Image) -> Image.Image:
    """Return a draft's look: paper, pencil lines along the edges, and grain."""
    grey = image.convert("L")
    lines = ImageOps.invert(ImageChops.difference(grey, grey.filter(ImageFilter.BoxBlur(2))))
    pencil = lines.point([max(0, 255 - (255 - v) * 7) for v in range(256)])
    pale = Image.blend(image, Image.new("RGB", image.size, (246, 243, 236)), 0.34)
    drawn = ImageChops.multiply(pale, Image.merge("RGB", (pencil,) * 3))
    return ImageChops.overlay(drawn, _grain(image.size))


def _step(x: float, start: float, end: float) -> int:
    return round(255 * min(1.0, max(0.0, (x - start) / (end - start))))


@lru_cache(maxsize=8)
def _grain(size: tuple[int, int]) -> Image.Image:
    tile = Image.frombytes("L", (_TILE, _TILE), Random(7).randbytes(_TILE * _TILE))  # noqa: S311
    soft = tile.point([128 + (v - 128) // 32 * 7 for v in range(256)])
    grain = Image.new("L", size)
    for x in range(0, size[0], _TILE):
        for y in range(0, size[1], _TILE):
            grain.paste(soft, (x, y))
    return Image.merge("RGB", (grain,) * 3)
