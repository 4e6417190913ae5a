"""From a painting to the bytes of a PNG. The same painting gives the same bytes, every time."""

import io
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from reconciler.sandbox.drawing.canvas import Canvas
from reconciler.sandbox.drawing.dice import Dice
from reconciler.sandbox.drawing.effects import blended, region, sketched, surrounded, tinted
from reconciler.sandbox.drawing.lettering import write
from reconciler.sandbox.drawing.motifs import motif_of
from reconciler.sandbox.drawing.painting import Painting, seed_of
from reconciler.sandbox.drawing.palette import palette_of
from reconciler.sandbox.drawing.photos import Photos, photo_of

_NO_PHOTOS: Photos = {}


def size_of(painting: Painting, long_side: int) -> tuple[int, int]:
    """Return width and height in pixels, the longer one being `long_side` times the scale."""
    width, height = painting.ratio
    side = long_side * painting.scale
    longer = max(width, height)
    return max(1, round(side * width / longer)), max(1, round(side * height / longer))


def png_of(painting: Painting, long_side: int, photos: Photos = _NO_PHOTOS) -> bytes:
    """Return the picture as PNG. `photos` are the files that it names."""
    return _png(image_of(painting, long_side, photos))


def image_of(painting: Painting, long_side: int, photos: Photos = _NO_PHOTOS) -> Image.Image:
    """Return the picture with what is written on it."""
    size = size_of(painting, long_side)
    canvas = Canvas(size, _framed(painting, size, photos))
    palette = palette_of(painting.title, painting.colours)
    write(canvas, palette, painting.title, painting.label, painting.number)
    return canvas.image


def grid_of(candidates: Sequence[Painting], long_side: int, photos: Photos = _NO_PHOTOS) -> bytes:
    """Return up to four pictures side by side, two in a row, as PNG."""
    images = [image_of(one, long_side, photos) for one in candidates]
    width, height = images[0].size
    rows = (len(images) + 1) // 2
    grid = Image.new("RGB", (width * min(2, len(images)), height * rows))
    for place, image in enumerate(images):
        grid.paste(image, (place % 2 * width, place // 2 * height))
    return _png(grid)


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=2)
    return stream.getvalue()


def _framed(painting: Painting, size: tuple[int, int], photos: Photos) -> Image.Image:
    """Return the picture inside its frames: the last one is the outermost."""
    if not painting.frames:
        return _painted(painting, size, photos)
    *inner, frame = painting.frames
    left, top, right, bottom = frame.box
    room = (round(size[0] * (right - left)), round(size[1] * (bottom - top)))
    image = _framed(replace(painting, frames=tuple(inner)), _at_least(room), photos)
    around = replace(painting, composition=frame.seed, shifts=())
    at = (round(size[0] * left), round(size[1] * top))
    return surrounded(image, _motif(around, size), at)


def _painted(painting: Painting, size: tuple[int, int], photos: Photos) -> Image.Image:
    image = _scene(painting, size, photos)
    for patch in painting.patches:
        own = replace(painting, title=patch.title or painting.title, colours=patch.colours)
        other = _scene(own, size, photos, is_patch=True)
        image.paste(other, mask=region(patch, size))
    if painting.others:
        others = [_painted(replace(one, others=()), size, photos) for one in painting.others]
        image = blended([image, *others])
    return sketched(image) if painting.sketch else image


def _scene(
    painting: Painting, size: tuple[int, int], photos: Photos, *, is_patch: bool = False
) -> Image.Image:
    content = photos.get(painting.photo)
    if content is None:
        return _motif(painting, size)
    moved = (*painting.shifts, *_recomposed(painting))
    image = photo_of(content, size, moved)
    palette = palette_of(painting.title, painting.colours)
    return tinted(image, palette.near, palette.glow) if is_patch or moved else image


def _recomposed(painting: Painting) -> tuple[int, ...]:
    """Return what moves a photograph as another composition would move a motif."""
    return (painting.composition,) if painting.composition else ()


def _motif(painting: Painting, size: tuple[int, int]) -> Image.Image:
    canvas = Canvas(size)
    dice = Dice(painting.composition, painting.shifts)
    subject = painting.motif or f"photo {seed_of(painting.photo)}"
    motif_of(subject)(canvas, dice, palette_of(painting.title, painting.colours))
    return canvas.image


def _at_least(size: tuple[int, int]) -> tuple[int, int]:
    return max(1, size[0]), max(1, size[1])
