"""The words on a picture: a title on frosted glass, and a badge that tells candidates apart."""

import unicodedata
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from reconciler.sandbox.drawing.canvas import Canvas
from reconciler.sandbox.drawing.painting import seed_of
from reconciler.sandbox.drawing.palette import Palette

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_READABLE = 200
"""Shorter side, in pixels, below which a title would be a smudge."""

_TITLE_WORDS = 16
_TITLE_LINES = 3


def write(canvas: Canvas, palette: Palette, title: str, label: str, number: int) -> None:
    """Write the title at the lower left and the candidate's number and label at the upper right."""
    if canvas.unit >= _READABLE:
        _title(canvas, palette, printable(title))
        _label(canvas, palette, printable(label))
    _number(canvas, palette, number)


def printable(text: str) -> str:
    """Return the text in the letters that the built-in font has; never empty."""
    folded = unicodedata.normalize("NFKD", text).replace("–", "-").replace("’", "'")
    plain = " ".join("".join(c if " " <= c <= "~" else _gap(c) for c in folded).split())
    return plain or f"untitled {seed_of(text) % 10_000:04d}"


def wrapped(text: str, font: Font, width: float) -> list[str]:
    """Return the first words of a text in at most three lines, `…` where something is left out."""
    words = text.split()
    lines, left = [""], words[:_TITLE_WORDS]
    while left:
        longer = f"{lines[-1]} {left[0]}".strip()
        if lines[-1] and font.getlength(longer) > width:
            if len(lines) == _TITLE_LINES:
                break
            longer = left[0]
            lines.append("")
        lines[-1] = longer
        left.pop(0)
    if left or len(words) > _TITLE_WORDS:
        lines[-1] += "…"
    return [_clipped(line, font, width) for line in lines]


def _gap(char: str) -> str:
    return "" if unicodedata.combining(char) else " "


def _clipped(line: str, font: Font, width: float) -> str:
    if font.getlength(line) <= width:
        return line
    kept = line.rstrip("…")[:200]
    while kept and font.getlength(kept + "…") > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"


@lru_cache(maxsize=32)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _title(canvas: Canvas, palette: Palette, title: str) -> None:
    size = max(11, round(canvas.unit * 0.036))
    font, margin, pad = _font(size), round(canvas.unit * 0.04), round(size * 0.75)
    lines = wrapped(title, font, canvas.width - 2 * (margin + pad))
    wide = round(max(font.getlength(line) for line in lines)) + 2 * pad
    step = round(size * 1.28)
    tall = step * len(lines) + round(pad * 1.3)
    left, top = margin, canvas.height - margin - tall
    _frost(canvas, palette, (left, top, left + wide, top + tall))
    pen = ImageDraw.Draw(canvas.image)
    for row, line in enumerate(lines):
        middle = top + pad * 0.65 + step * (row + 0.5)
        pen.text((left + pad, middle), line, fill=palette.ink, font=font, anchor="lm")


def _label(canvas: Canvas, palette: Palette, label: str) -> None:
    size = max(9, round(canvas.unit * 0.022))
    font, disc = _font(size), _disc(canvas)
    wide = font.getlength(label)
    middle = (disc[0] - disc[2] * 1.5, disc[1])
    pad = size * 0.8
    box = (middle[0] - wide - pad, middle[1] - size, middle[0] + pad, middle[1] + size)
    if box[0] < 0:
        return
    _frost(canvas, palette, tuple(round(edge) for edge in box))
    pen = ImageDraw.Draw(canvas.image)
    pen.text(middle, label, fill=palette.ink, font=font, anchor="rm")


def _number(canvas: Canvas, palette: Palette, number: int) -> None:
    x, y, radius = _disc(canvas)
    disc = canvas.stencil()
    disc.ellipse((x, y), radius, radius)
    canvas.paint(disc, (palette.paper,), 0.92)
    pen = ImageDraw.Draw(canvas.image)
    font = _font(max(7, round(radius * 1.15)))
    pen.text((x, y), str(number), fill=palette.ink, font=font, anchor="mm")


def _disc(canvas: Canvas) -> tuple[float, float, float]:
    """Return where the number's disc stands, and its radius."""
    radius = max(5.0, canvas.unit * 0.034)
    edge = canvas.unit * 0.04 + radius
    return canvas.width - edge, edge, radius


def _frost(canvas: Canvas, palette: Palette, box: tuple[int, ...]) -> None:
    """Turn a box of the picture into frosted glass."""
    left, top, right, bottom = box
    region = canvas.image.crop((left, top, right, bottom))
    blurred = region.filter(ImageFilter.BoxBlur(max(2, canvas.unit // 60)))
    tint = Image.new("RGB", region.size, palette.paper)
    mask = Image.new("L", (region.width * 2, region.height * 2))
    corner = min(region.height * 0.5, canvas.unit * 0.02) * 2
    ends = (0, 0, mask.width - 1, mask.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(ends, corner, fill=255)
    canvas.image.paste(Image.blend(blurred, tint, 0.66), (left, top), mask.reduce(2))
