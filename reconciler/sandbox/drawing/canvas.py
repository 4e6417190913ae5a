"""A canvas with smooth edges: shapes are cut as enlarged stencils, then painted through them."""

from collections.abc import Iterable, Sequence
from itertools import chain

from PIL import Image, ImageDraw

from reconciler.sandbox.drawing.painting import Point
from reconciler.sandbox.drawing.palette import Rgb

_NEAREST = Image.Resampling.NEAREST
_BILINEAR = Image.Resampling.BILINEAR

_RIM = 180
"""Pillow's radial gradient at the middle of its edges; 255 is only reached in the corners."""


class Stencil:
    """Shapes that are painted together, in pixels of the canvas, from row `top` downwards."""

    def __init__(self, size: tuple[int, int], top: float = 0.0) -> None:
        width, height = size
        self.top = max(0, min(height - 1, int(top)))
        self._fine = 2 if width * height >= 300_000 else 4
        rows = height - self.top
        self._mask = Image.new("L", (width * self._fine, rows * self._fine))
        self._pen = ImageDraw.Draw(self._mask)

    def polygon(self, corners: Iterable[Point]) -> None:
        """Cut out a polygon."""
        self._pen.polygon([self._at(x, y) for x, y in corners], fill=255)

    def ellipse(self, centre: Point, across: float, down: float) -> None:
        """Cut out an ellipse with these two radii."""
        (x, y), fine = centre, self._fine
        left, upper = self._at(x - across, y - down)
        self._pen.ellipse(
            (left, upper, left + 2 * across * fine, upper + 2 * down * fine), fill=255
        )

    def ring(self, centre: Point, radius: float, width: float) -> None:
        """Cut out a circle's line, `width` thick."""
        fine = self._fine
        left, upper = self._at(centre[0] - radius, centre[1] - radius)
        box = (left, upper, left + 2 * radius * fine, upper + 2 * radius * fine)
        self._pen.ellipse(box, outline=255, width=max(1, round(width * fine)))

    def box(self, corner: Point, other: Point, radius: float = 0.0) -> None:
        """Cut out a rectangle, its corners rounded by `radius`."""
        ends = (*self._at(*corner), *self._at(*other))
        self._pen.rounded_rectangle(ends, radius * self._fine, fill=255)

    def cut(self, opacity: float = 1.0) -> Image.Image:
        """Return the mask at the canvas' size; `opacity` 0 to 1 thins it."""
        mask = self._mask.reduce(self._fine)
        return mask if opacity >= 1 else mask.point([int(v * opacity) for v in range(256)])

    def _at(self, x: float, y: float) -> Point:
        return x * self._fine, (y - self.top) * self._fine


class Canvas:
    """A picture in the making. `unit` is its shorter side: the measure of everything round."""

    def __init__(self, size: tuple[int, int], image: Image.Image | None = None) -> None:
        self.image = Image.new("RGB", size) if image is None else image
        self.width, self.height = size
        self.unit = min(size)

    def stencil(self, top: float = 0.0) -> Stencil:
        """Return an empty stencil that begins at row `top`; what lies above is cut off."""
        return Stencil((self.width, self.height), top)

    def backdrop(self, colours: Sequence[Rgb]) -> None:
        """Fill everything with a gradient through the colours, from top to bottom."""
        self.image.paste(_gradient(colours, (self.width, self.height)))

    def paint(self, stencil: Stencil, colours: Sequence[Rgb], opacity: float = 1.0) -> None:
        """Paint through a stencil with a gradient from its highest to the lowest shape."""
        mask = stencil.cut(opacity)
        box = mask.getbbox()
        if box is None:
            return
        mask = mask.crop(box)
        at = (box[0], box[1] + stencil.top)
        self.image.paste(_gradient(colours, mask.size), at, mask)

    def glow(self, centre: Point, radius: float, colour: Rgb, strength: float) -> None:
        """Lighten the surroundings of a point, fading out towards `radius`."""
        side = max(2, round(radius * 2))
        falloff = [int(max(0.0, 1 - v / _RIM) ** 2.2 * 255 * strength) for v in range(256)]
        mask = Image.radial_gradient("L").point(falloff).resize((side, side), _BILINEAR)
        at = (round(centre[0] - radius), round(centre[1] - radius))
        self.image.paste(Image.new("RGB", mask.size, colour), at, mask)


def _gradient(colours: Sequence[Rgb], size: tuple[int, int]) -> Image.Image:
    """Return a vertical gradient: one column made smooth, then stretched sideways for free."""
    column = Image.frombytes("RGB", (1, len(colours)), bytes(chain.from_iterable(colours)))
    if len(colours) > 1:
        column = column.resize((1, size[1]), _BILINEAR)
    return column.resize(size, _NEAREST)
