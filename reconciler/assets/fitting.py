"""A picture as a provider wants to get it: small enough, and a mask in its colours.

Source: APIMart's facts, section 3.1 (sizes) and section 19 (the two polarities of masks). What is
made here is sent and forgotten: a picture is known by the bytes that its owner gave.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from reconciler.assets.pictures import NotAPicture, decoding, media_type_of, opened
from reconciler.config import MaskPolarity

if TYPE_CHECKING:  # Pillow takes 20 ms to load
    from PIL.Image import Image

MOST_SIDE = 2048
"""Pixels; what is larger is advised against."""
MOST_BYTES = 5 * 1024 * 1024
_GIF = "image/gif"
_QUALITIES = (92, 85, 75)
_HALF = 128


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is sent; `note` says what was done to it, empty: nothing."""

    content: bytes
    media_type: str
    note: str = ""


def fit(content: bytes) -> Fitted:
    """Return a picture as it is, or made over where it is not wanted so. Raises NotAPicture.

    What is too large becomes a JPEG. Of a GIF the first frame becomes a PNG: APIMart's pages on
    references name PNG, JPEG and WebP only.
    """
    media_type = media_type_of(content)
    with decoding():
        image = opened(BytesIO(content), media_type)
        if max(image.size) <= MOST_SIDE and len(content) <= MOST_BYTES:
            if media_type != _GIF:
                return Fitted(content, media_type)
            still = _still(image)
            if len(still.content) <= MOST_BYTES:
                return still
        before = image.size
        reduced = _within(_flat(image))
        smaller = _jpeg(reduced, image.info.get("icc_profile") if image.mode == "RGB" else None)
    return Fitted(smaller, "image/jpeg", _note(before, reduced.size, len(content), len(smaller)))


def _still(image: "Image") -> Fitted:
    colours = "RGBA" if image.has_transparency_data else "RGB"
    note = "sent as PNG, its first frame: providers name PNG, JPEG and WebP only"
    return Fitted(_png(image.convert(colours)), "image/png", note)


def mask(content: bytes, repaints: MaskPolarity) -> Fitted:
    """Return a mask as PNG in a provider's colours; ours are white, repainted, and black.

    What is nearer to white is repainted, what is transparent stays. Where a reader looks at the
    colour alone the result says the same as with its transparency. Raises NotAPicture, also for a
    mask that repaints nothing.
    """
    with decoding():
        image = opened(BytesIO(content), media_type_of(content))
        before = image.size
        grey = _within(_flat(image, "black").convert("L"))
    white = grey.point(lambda value: 255 if value >= _HALF else 0)
    if white.getbbox() is None:
        raise NotAPicture(
            "the mask repaints nothing",
            details=("white is repainted, black stays; there is no white in it",),
        )
    png = _png(_coloured(white, repaints))
    note = "" if before == white.size else _note(before, white.size, len(content), len(png))
    return Fitted(png, "image/png", note)


def _coloured(white: "Image", repaints: MaskPolarity) -> "Image":
    from PIL import Image, ImageChops

    marked = white if repaints is MaskPolarity.WHITE else ImageChops.invert(white)
    return Image.merge("RGBA", (marked,) * 4)


def _flat(image: "Image", ground: str = "white") -> "Image":
    """Return it upright, in eight bits, without transparency."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # sixteen bits a pixel
        upright = upright.point(lambda value: value * (1 / 256)).convert("L")
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    flat = Image.new("RGBA", upright.size, ground)
    flat.alpha_composite(upright.convert("RGBA"))
    return flat.convert("RGB")


def _within(image: "Image") -> "Image":
    from PIL.Image import Resampling

    longest = max(image.size)
    if longest <= MOST_SIDE:
        return image
    width, height = (max(1, round(side * MOST_SIDE / longest)) for side in image.size)
    return image.resize((width, height), Resampling.LANCZOS)


def _jpeg(image: "Image", profile: bytes | None) -> bytes:
    """Return the best JPEG that is small enough; the last quality always is, at such sizes."""
    content = b""
    for quality in _QUALITIES:
        written = BytesIO()
        image.save(written, "JPEG", quality=quality, subsampling=0, icc_profile=profile)
        content = written.getvalue()
        if len(content) <= MOST_BYTES:
            break
    return content


def _png(image: "Image") -> bytes:
    written = BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


def _note(before: tuple[int, int], after: tuple[int, int], had: int, has: int) -> str:
    return (
        f"sent smaller: {before[0]} × {before[1]} pixels, {_megabytes(had)} became "
        f"{after[0]} × {after[1]}, {_megabytes(has)}"
    )


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"
