"""From a painting to the bytes of a PNG. The same painting gives the same bytes, every time."""

import io
from dataclasses import replace
from functools import lru_cache
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from reconciler.sandbox.drawing.canvas import Canvas
from reconciler.sandbox.drawing.dice import Dice
from reconciler.sandbox.drawing.lettering import write
from reconciler.sandbox.drawing.motifs import motif_of
from reconciler.sandbox.drawing.painting import Painting, Polygon
from reconciler.sandbox.drawing.palette import palette_of

_TILE = 256


def size_of(painting: Painting, long_side: int) -> tuple[int, int]:
    """Return width and height in pixels, the longer one being `long_side` times the scale."""
    width, height = painting.ratio
    side = long_side * painting.scale
    longer = max(width, height)
    return max(1, round(side * width / longer)), max(1, round(side * height / longer))


def png_of(painting: Painting, long_side: int) -> bytes:
    """Return the picture as PNG."""
    size = size_of(painting, long_side)
    image = _scene(painting, size)
    for patch in painting.patches:
        other = _scene(replace(painting, colours=patch.colours), size)
        image.paste(other, mask=_region(patch.areas, size))
    if painting.sketch:
        image = _sketched(image)
    canvas = Canvas(size, image)
    palette = palette_of(painting.title, painting.colours)
    write(canvas, palette, painting.title, painting.label, painting.number)
    stream = io.BytesIO()
    canvas.image.save(stream, "PNG", compress_level=2)
    return stream.getvalue()


def _scene(painting: Painting, size: tuple[int, int]) -> Image.Image:
    canvas = Canvas(size)
    dice = Dice(painting.composition, painting.shifts)
    motif_of(painting.motif)(canvas, dice, palette_of(painting.title, painting.colours))
    return canvas.image


def _region(areas: tuple[Polygon, ...], size: tuple[int, int]) -> Image.Image:
    """Return the mask of an edit, its edges feathered; no areas means everything."""
    if not areas:
        return Image.new("L", size, 255)
    width, height = size
    mask = Image.new("L", size)
    pen = ImageDraw.Draw(mask)
    for area in areas:
        pen.polygon([(x * width, y * height) for x, y in area], fill=255)
    return mask.filter(ImageFilter.BoxBlur(max(1, min(size) // 100)))


def _sketched(image: Image.Image) -> Image.Image:
    """Return a draft's look: paper, pencil lines along the edges, and grain."""
    grey = image.convert("L")
    lines = ImageOps.invert(ImageChops.difference(grey, grey.filter(ImageFilter.BoxBlur(2))))
    pencil = lines.point([max(0, 255 - (255 - v) * 7) for v in range(256)])
    pale = Image.blend(image, Image.new("RGB", image.size, (246, 243, 236)), 0.34)
    drawn = ImageChops.multiply(pale, Image.merge("RGB", (pencil,) * 3))
    return ImageChops.overlay(drawn, _grain(image.size))


@lru_cache(maxsize=8)
def _grain(size: tuple[int, int]) -> Image.Image:
    tile = Image.frombytes("L", (_TILE, _TILE), Random(7).randbytes(_TILE * _TILE))  # noqa: S311
    soft = tile.point([128 + (v - 128) // 32 * 7 for v in range(256)])
    grain = Image.new("L", size)
    for x in range(0, size[0], _TILE):
        for y in range(0, size[1], _TILE):
            grain.paste(soft, (x, y))
    return Image.merge("RGB", (grain,) * 3)
