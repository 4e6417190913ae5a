"""Whether bytes are a whole MP4 clip: proven by its boxes, as nothing here can decode video.

Source: ISO/IEC 14496-12, the file format: a box is its length, four letters, and its content.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

MEDIA_TYPE = "video/mp4"
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")
_LONG_LENGTH = 1
_TO_THE_END = 0
_SMALLEST_HEADER = 8
_LARGEST_HEADER = 16
_LARGEST_INDEX = 64 * 1024 * 1024
_FIXED_POINT = 16


class Incomplete(Exception):  # noqa: N818 - says what is wrong with the bytes
    """The boxes do not make a whole clip; the words say why."""


class Dimensions(NamedTuple):
    """How large a clip is shown, in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Box:
    """One box: its four letters, and where its content begins and ends."""

    kind: bytes
    begin: int
    end: int


def is_clip(head: bytes) -> bool:
    """Whether a file that begins so says that it is a clip; still pictures use such boxes, too."""
    return head[4:8] == b"ftyp" and head[8:12] not in _STILL_BRANDS


def dimensions(file: IO[bytes]) -> Dimensions:
    """Return a whole clip's size. Raises Incomplete, and OSError."""
    boxes = list(_boxes(file, 0, file.seek(0, 2)))
    kinds = [one.kind for one in boxes]
    for needed in (b"ftyp", b"moov", b"mdat"):
        if needed not in kinds:
            raise Incomplete(f"it has no `{needed.decode()}` box")
    if all(one.begin == one.end for one in boxes if one.kind == b"mdat"):
        raise Incomplete("its `mdat` box is empty")
    return _shown(file, boxes[kinds.index(b"moov")])


def _shown(file: IO[bytes], index: _Box) -> Dimensions:
    """Return the size of the first track that has one: sound has none."""
    if index.end - index.begin > _LARGEST_INDEX:
        raise Incomplete("its `moov` box is absurdly large")
    for track in _inner(file, index, b"trak"):
        for header in _inner(file, track, b"tkhd"):
            found = _size(file, header)
            if found.width and found.height:
                return found
    raise Incomplete("no track of it has a size")


def _inner(file: IO[bytes], outer: _Box, kind: bytes) -> Iterator[_Box]:
    return (one for one in _boxes(file, outer.begin, outer.end) if one.kind == kind)


def _size(file: IO[bytes], header: _Box) -> Dimensions:
    """Width and height are the header's last eight bytes, with 16 bits behind the point."""
    if header.end - header.begin < 8:
        raise Incomplete("a track's header is too short")
    file.seek(header.end - 8)
    last = file.read(8)
    width, height = (int.from_bytes(part) >> _FIXED_POINT for part in (last[:4], last[4:]))
    return Dimensions(width, height)


def _boxes(file: IO[bytes], begin: int, end: int) -> Iterator[_Box]:
    """Yield the boxes between two places, which they must fill exactly."""
    while begin < end:
        box = _box(file, begin, end)
        yield box
        begin = box.end


def _box(file: IO[bytes], begin: int, end: int) -> _Box:
    file.seek(begin)
    head = file.read(min(_LARGEST_HEADER, end - begin))
    if len(head) < _SMALLEST_HEADER:
        raise Incomplete("it is cut off inside the header of a box")
    length, kind, size = int.from_bytes(head[:4]), head[4:8], _SMALLEST_HEADER
    if length == _LONG_LENGTH:
        length, size = int.from_bytes(head[8:16]), 16
    elif length == _TO_THE_END:
        length = end - begin
    if len(head) < size or length < size or begin + length > end:
        name = kind.decode("ascii", "replace")
        raise Incomplete(f"its `{name}` box promises {length:,} bytes, {end - begin:,} came")
    return _Box(kind, begin + size, begin + length)
