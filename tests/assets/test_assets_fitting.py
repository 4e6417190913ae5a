"""What is sent of a picture: the same bytes, a smaller JPEG, or a mask in a provider's colours."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reconciler.assets.fitting import MOST_BYTES, MOST_SIDE, fit, mask
from reconciler.assets.objects import NotAPicture
from reconciler.config import MaskPolarity

OPAQUE_WHITE, NOTHING = (255, 255, 255, 255), (0, 0, 0, 0)


def saved(image: Image.Image, kind: str = "PNG", **how: object) -> bytes:
    """Return an image's file."""
    written = BytesIO()
    image.save(written, kind, **how)
    return written.getvalue()


def opened(content: bytes) -> Image.Image:
    """Return a file's image."""
    return Image.open(BytesIO(content))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_fits_is_sent_as_it_is(kind: str) -> None:
    """Not a byte is changed, up to the very edge."""
    content = saved(Image.new("RGB", (MOST_SIDE, 3)), kind)
    fitted = fit(content)

    assert fitted.content == content
    assert fitted.note == ""


@pytest.mark.parametrize("transparent", [False, True])
def test_a_gif_becomes_a_png(transparent: bool) -> None:
    """APIMart's pages on references do not name GIF: its first frame is sent, see-through parts
    too."""
    red, blue = Image.new("RGBA", (9, 4), "red"), Image.new("RGBA", (9, 4), "blue")
    if transparent:
        red.paste(NOTHING, (0, 0, 3, 4))
    fitted = fit(saved(red, "GIF", save_all=True, append_images=[blue]))
    sent = opened(fitted.content)

    assert (sent.format, sent.size, fitted.media_type) == ("PNG", (9, 4), "image/png")
    assert getattr(sent, "n_frames", 1) == 1
    assert sent.convert("RGBA").getpixel((8, 0)) == (255, 0, 0, 255)
    corner = sent.convert("RGBA").getpixel((0, 0))
    assert isinstance(corner, tuple)
    assert corner[3] == (0 if transparent else 255)
    assert fitted.note.startswith("sent as PNG, its first frame")


def test_a_large_gif_is_reduced_like_others() -> None:
    """It becomes a JPEG of at most 2048 pixels."""
    fitted = fit(saved(Image.new("P", (3000, 30)), "GIF"))
    assert (fitted.media_type, opened(fitted.content).size) == ("image/jpeg", (2048, 20))


def test_too_many_pixels() -> None:
    """The longer side becomes 2048, the shape stays, and the note has both sizes."""
    fitted = fit(saved(Image.new("RGB", (1000, 4096), "teal")))

    assert fitted.media_type == "image/jpeg"
    assert opened(fitted.content).size == (500, 2048)
    assert fitted.note.startswith("sent smaller: 1000 × 4096 pixels, ")
    assert " became 500 × 2048, " in fitted.note


def test_too_many_bytes() -> None:
    """A picture of few pixels and many bytes keeps its pixels."""
    noise = Image.effect_noise((1500, 1500), 90).convert("RGB")
    content = saved(noise, "PNG", compress_level=0)
    assert len(content) > MOST_BYTES
    fitted = fit(content)

    assert len(fitted.content) <= MOST_BYTES
    assert opened(fitted.content).size == (1500, 1500)


def test_transparency_becomes_white_and_a_turned_picture_upright() -> None:
    """What a viewer shows is what is sent."""
    clear = Image.new("RGBA", (3000, 30), NOTHING)
    assert min(_rgb(opened(fit(saved(clear)).content), 0, 0)) >= 250

    turned = Image.new("RGB", (3000, 30), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn
    assert opened(fit(saved(turned, "JPEG", exif=exif)).content).size == (20, 2048)


def _rgb(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    pixel = image.convert("RGB").getpixel((x, y))
    assert isinstance(pixel, tuple)
    return tuple(int(one) for one in pixel)


@pytest.mark.parametrize(
    ("mode", "white", "black"),
    [
        ("1", 1, 0),
        ("L", 255, 0),
        ("L", 140, 120),
        ("I;16", 65535, 0),
        ("RGB", (250, 255, 240), (0, 0, 30)),
        ("RGBA", OPAQUE_WHITE, (0, 0, 0, 255)),
        ("RGBA", OPAQUE_WHITE, NOTHING),
        ("RGBA", OPAQUE_WHITE, (255, 255, 255, 0)),
        ("LA", (255, 255), (255, 0)),
    ],
)
def test_masks_of_every_kind(mode: str, white: object, black: object) -> None:
    """White is repainted, black or transparent stays, what is between goes to the nearer one."""
    image = Image.new(mode, (6, 2), black)  # type: ignore[arg-type]
    image.paste(white, (0, 0, 3, 2))  # type: ignore[arg-type]
    content = saved(image)

    for polarity in MaskPolarity:
        fitted = mask(content, polarity)
        repaints = polarity is MaskPolarity.WHITE
        sent = opened(fitted.content)
        assert (sent.mode, sent.size, fitted.media_type) == ("RGBA", (6, 2), "image/png")
        assert sent.getpixel((0, 0)) == (OPAQUE_WHITE if repaints else NOTHING)
        assert sent.getpixel((5, 1)) == (NOTHING if repaints else OPAQUE_WHITE)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12).filter(any), st.sampled_from(MaskPolarity))
def test_what_is_repainted_is_what_was_white(pixels: list[bool], polarity: MaskPolarity) -> None:
    """Pixel by pixel; and whoever looks at colours only reads the same as by transparency."""
    image = Image.frombytes("L", (len(pixels), 1), bytes(255 * one for one in pixels))
    sent = opened(mask(saved(image), polarity).content)

    marks = polarity is MaskPolarity.WHITE
    expected = [OPAQUE_WHITE if one is marks else NOTHING for one in pixels]
    assert [sent.getpixel((x, 0)) for x in range(len(pixels))] == expected


def test_a_large_mask_is_reduced_too() -> None:
    """It stays black and white."""
    image = Image.new("L", (4096, 64))
    image.paste(255, (0, 0, 2048, 64))
    fitted = mask(saved(image), MaskPolarity.WHITE)
    sent = opened(fitted.content)

    assert sent.size == (2048, 32)
    assert {colour for _, colour in sent.getcolors() or ()} == {OPAQUE_WHITE, NOTHING}
    assert fitted.note


def test_a_mask_without_white() -> None:
    """To repaint nothing would be paid for nothing."""
    with pytest.raises(NotAPicture, match="the mask repaints nothing"):
        mask(saved(Image.new("L", (4, 4), 90)), MaskPolarity.WHITE)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_picture(content: bytes) -> None:
    """It is said, whatever it is."""
    with pytest.raises(NotAPicture):
        fit(content)
    with pytest.raises(NotAPicture):
        mask(content, MaskPolarity.WHITE)
