"""Small pictures, and clips, to give away or to be given."""

from io import BytesIO
from typing import Any

from PIL import Image

Box = tuple[tuple[int, int, int, int], Any]


def picture(
    size: tuple[int, int],
    colour: Any = "white",
    *,
    box: Box | None = None,
    kind: str = "PNG",
    mode: str = "RGB",
    **how: Any,
) -> bytes:
    """Return a picture of one colour, with a box of another one in it."""
    image = Image.new(mode, size, colour)
    if box is not None:
        image.paste(box[1], box[0])
    written = BytesIO()
    image.save(written, kind, **how)
    return written.getvalue()
