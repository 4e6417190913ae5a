"""What bytes are: a picture is proven by decoding every pixel, whatever the sender says.

Two other kinds of results exist: a clip (clips.py), and a description in words.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from reconciler.assets import clips
from reconciler.errors import AssetError

if TYPE_CHECKING:  # Pillow takes 20 ms to load; most runs store nothing
    from PIL.ImageFile import ImageFile

MOST_PIXELS = 200_000_000
WORDS = "text/plain"
"""The media type of a description."""
_HEAD_BYTES = 32
_SHOWN_BYTES = 24


class NotAPicture(AssetError):  # noqa: N818 - says what is wrong in the user's words
    """The bytes are nothing whole that is kept; `details` say what they look like."""


class TooLarge(AssetError):  # noqa: N818 - the same
    """More bytes or pixels than allowed."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """What a look at the bytes found; sizes in pixels, None for words."""

    media_type: str
    width: int | None
    height: int | None


def examine(path: Path, max_pixels: int = MOST_PIXELS) -> Appearance:
    """Decode the file. Raises NotAPicture, TooLarge before anything large is decoded, and OSError.

    Safe to call in a thread. Of an animation the first frame is decoded; of a clip the boxes are
    read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if clips.is_clip(head):
            return _clip(file)
        media_type = media_type_of(head)
        width, height = _size(file, media_type)
        if width * height > max_pixels:
            raise TooLarge(
                f"the picture is too large: {width} × {height} pixels",
                details=(f"at most {max_pixels:,} pixels are decoded",),
            )
        _decode(file, media_type)
    return Appearance(media_type, width, height)


def measure(path: Path) -> Appearance:
    """Return what the file's header says, without decoding it. Raises NotAPicture and OSError."""
    with path.open("rb") as file:
        media_type = media_type_of(file.read(_HEAD_BYTES))
        return Appearance(media_type, *_size(file, media_type))


def examine_words(path: Path) -> Appearance:
    """Read a description. Raises NotAPicture for what is no text, or an empty one, and OSError."""
    try:
        words = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise NotAPicture("this is no text", details=(str(error),)) from error
    if not words.strip() or "\0" in words:
        raise NotAPicture("this is no text", details=(f"it begins with {words[:_SHOWN_BYTES]!r}",))
    return Appearance(WORDS, None, None)


def _clip(file: IO[bytes]) -> Appearance:
    try:
        return Appearance(clips.MEDIA_TYPE, *clips.dimensions(file))
    except clips.Incomplete as error:
        raise NotAPicture("the clip is damaged or incomplete", details=(str(error),)) from error


def media_type_of(head: bytes) -> str:
    """Return what kind of picture begins so. Raises NotAPicture."""
    match head:
        case _ if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return "image/png"
        case _ if head.startswith(b"\xff\xd8\xff"):
            return "image/jpeg"
        case _ if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            return "image/webp"
        case _ if head.startswith((b"GIF87a", b"GIF89a")):
            return "image/gif"
    begin = repr(bytes(head[:_SHOWN_BYTES]))[2:-1] if head else "nothing: the file is empty"
    raise NotAPicture("this is no picture", details=(f"it begins with {begin}",))


def _size(file: IO[bytes], media_type: str) -> tuple[int, int]:
    with decoding():
        return opened(file, media_type).size


def _decode(file: IO[bytes], media_type: str) -> None:
    """Check the parts' checksums, then every pixel: each finds damage that the other does not."""
    with decoding():
        opened(file, media_type).verify()
        opened(file, media_type).load()


@contextmanager
def decoding() -> Iterator[None]:
    """Turn what a decoder raises into NotAPicture.

    Broken bytes make Pillow's readers raise nearly anything: SyntaxError, EOFError, OSError."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the decoder's
        raise NotAPicture("the picture is damaged or incomplete", details=(str(error),)) from error


def opened(file: IO[bytes], media_type: str) -> "ImageFile":
    """Return the picture, its header read with the format's own reader; see `decoding`.

    `Image.open` would try them all, and its limit on pixels is one global of the whole process.
    """
    file.seek(0)
    match media_type:
        case "image/png":
            from PIL.PngImagePlugin import PngImageFile

            return PngImageFile(file)
        case "image/jpeg":
            from PIL.JpegImagePlugin import JpegImageFile

            return JpegImageFile(file)
        case "image/webp":
            from PIL.WebPImagePlugin import WebPImageFile

            return WebPImageFile(file)
    from PIL.GifImagePlugin import GifImageFile

    return GifImageFile(file)
