"""Short films: a slow camera over one picture, as an MP4 whose frames are JPEGs.

Motion JPEG in MP4 needs no encoder but Pillow, and every usual player shows it.
"""

import io
import struct
from collections.abc import Iterator

from PIL import Image

SECONDS = 5
FRAMES_PER_SECOND = 5

_QUALITY = 12
_UNITS = 600
"""Units of time per second."""

_MOVES = ((0.5, 0.5), (0.0, 0.5), (1.0, 0.5), (0.5, 0.0))
"""Where a clip's camera ends: the middle, left, right, the top; as shares of the room it has."""

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def mp4_of(image: Image.Image, short_side: int, number: int) -> bytes:
    """Return clip `number` (from 1) over a picture, the shorter side of so many pixels."""
    width, height = image.size
    scale = short_side / min(width, height)
    size = (round(width * scale / 2) * 2, round(height * scale / 2) * 2)
    frames = [_jpeg(frame) for frame in _frames(image, size, _MOVES[(number - 1) % len(_MOVES)])]
    return _muxed(frames, size)


def _frames(
    image: Image.Image, size: tuple[int, int], end: tuple[float, float]
) -> Iterator[Image.Image]:
    """Yield the frames of a zoom to two thirds of the picture."""
    count = SECONDS * FRAMES_PER_SECOND
    width, height = image.size
    for step in range(count):
        share = 1 - step / (count - 1) / 3
        left, top = (1 - share) * width * end[0], (1 - share) * height * end[1]
        box = (left, top, left + width * share, top + height * share)
        yield image.resize(size, Image.Resampling.BILINEAR, box)


def _jpeg(frame: Image.Image) -> bytes:
    stream = io.BytesIO()
    frame.save(stream, "JPEG", quality=_QUALITY, subsampling="4:2:0", optimize=True)
    return stream.getvalue()


def _muxed(frames: list[bytes], size: tuple[int, int]) -> bytes:
    """Return the file: its kind, the index, then the frames one behind the other."""
    kind = _box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2mp41")
    # The index tells where the frames begin, and its own length does not depend on that.
    start = len(kind) + len(_index(frames, size, 0)) + 8
    return kind + _index(frames, size, start) + _box(b"mdat", *frames)


def _index(frames: list[bytes], size: tuple[int, int], start: int) -> bytes:
    lasts = SECONDS * _UNITS
    movie = struct.pack(">IIIIIH10x", 0, 0, _UNITS, lasts, 0x10000, 0x100)
    header = _full(b"mvhd", movie + _MATRIX + bytes(24) + struct.pack(">I", 2))
    return _box(b"moov", header, _track(frames, size, start, lasts))


def _track(frames: list[bytes], size: tuple[int, int], start: int, lasts: int) -> bytes:
    area = struct.pack(">II", size[0] << 16, size[1] << 16)
    about = struct.pack(">IIIII8x4H", 0, 0, 1, 0, lasts, 0, 0, 0, 0)
    header = _full(b"tkhd", about + _MATRIX + area, flags=3)
    media = _box(
        b"mdia",
        _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, _UNITS, lasts, 0x55C4, 0)),
        _full(b"hdlr", struct.pack(">I4s12x", 0, b"vide") + b"video\0"),
        _box(
            b"minf",
            _full(b"vmhd", bytes(8), flags=1),
            _box(b"dinf", _full(b"dref", struct.pack(">I", 1) + _full(b"url ", b"", flags=1))),
            _samples(frames, size, start),
        ),
    )
    return _box(b"trak", header, media)


def _samples(frames: list[bytes], size: tuple[int, int], start: int) -> bytes:
    count, each = len(frames), SECONDS * _UNITS // len(frames)
    lengths = struct.pack(f">{count}I", *map(len, frames))
    return _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1) + _format(size)),
        _full(b"stts", struct.pack(">III", 1, count, each)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, count, 1)),
        _full(b"stsz", struct.pack(">II", 0, count) + lengths),
        _full(b"stco", struct.pack(">II", 1, start)),
    )


def _format(size: tuple[int, int]) -> bytes:
    """Return the sample entry of JPEG frames, as QuickTime names them."""
    picture = struct.pack(">6xH16xHHIIIH", 1, *size, 0x480000, 0x480000, 0, 1)
    return _box(b"jpeg", picture, bytes(32), struct.pack(">Hh", 24, -1))


def _full(name: bytes, content: bytes, *, flags: int = 0) -> bytes:
    return _box(name, struct.pack(">I", flags), content)


def _box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", len(content) + 8) + name + content
