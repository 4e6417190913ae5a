"""A clip is kept when its boxes are whole, and only then."""

from pathlib import Path

import pytest

from reconciler.assets.objects import NotAPicture, ObjectStore
from reconciler.purchase import StoredPicture


def box(kind: str, content: bytes = b"", *, length: int | None = None) -> bytes:
    """Return one box of ISO/IEC 14496-12; `length` says something else than the truth."""
    return (len(content) + 8 if length is None else length).to_bytes(4) + kind.encode() + content


def long_box(kind: str, content: bytes) -> bytes:
    """Return a box whose length has eight bytes."""
    return (1).to_bytes(4) + kind.encode() + (len(content) + 16).to_bytes(8) + content


def track(width: int, height: int) -> bytes:
    """Return a track; its size stands at the end of its header, with sixteen bits of fraction."""
    size = (width << 16).to_bytes(4) + (height << 16).to_bytes(4)
    return box("trak", box("tkhd", bytes(76) + size) + box("mdia"))


FTYP = box("ftyp", b"isom\0\0\2\0isomiso2mp41")
SOUND, VIDEO = track(0, 0), track(848, 480)
MOOV = box("moov", box("mvhd", bytes(100)) + SOUND + VIDEO)
MDAT = box("mdat", bytes(range(256)))
WHOLE = {
    "index first": FTYP + MOOV + MDAT,
    "index last": FTYP + box("free", bytes(9)) + MDAT + MOOV,
    "long lengths": FTYP + MOOV + long_box("mdat", bytes(40)),
    "the last box to the end": FTYP + MOOV + box("mdat", bytes(40), length=0),
    "fragments": FTYP + MOOV + box("moof", bytes(16)) + MDAT + box("moof", bytes(16)) + MDAT,
}


def kept(folder: Path, content: bytes) -> StoredPicture:
    """Store bytes as a download does."""
    with ObjectStore(folder).incoming() as part:
        part.write(content)
        return part.commit()


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE)
def test_a_whole_clip(tmp_path: Path, content: bytes) -> None:
    """It is kept under its media type, with the size at which it is shown."""
    clip = kept(tmp_path, content)

    assert (clip.media_type, clip.width, clip.height) == ("video/mp4", 848, 480)
    assert clip.byte_count == len(content)
    assert ObjectStore(tmp_path).read(clip.digest) == content


@pytest.mark.parametrize("cut", range(1, len(FTYP + MOOV + MDAT) - 8, 7))
def test_a_clip_that_was_cut_off(tmp_path: Path, cut: int) -> None:
    """However much of its end is missing, it is no clip, and nothing is kept."""
    whole = FTYP + MOOV + MDAT
    with pytest.raises(NotAPicture, match=r"damaged or incomplete|no picture"):
        kept(tmp_path, whole[:-cut])
    assert not list((tmp_path / ".objects").glob("??"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (FTYP + MOOV, "no `mdat` box"),
        (FTYP + MDAT, "no `moov` box"),
        (FTYP + MOOV + box("mdat"), "`mdat` box is empty"),
        (FTYP + box("moov", SOUND) + MDAT, "no track of it has a size"),
        (FTYP + box("moov", box("trak", box("tkhd", b"four"))) + MDAT, "header is too short"),
        (FTYP + MOOV + MDAT + b"\0\0", "cut off inside the header"),
        (FTYP + MOOV + box("mdat", b"x", length=4), "promises 4 bytes"),
    ],
)
def test_what_is_no_clip(tmp_path: Path, content: bytes, why: str) -> None:
    """The reason is told in words."""
    with pytest.raises(NotAPicture) as caught:
        kept(tmp_path, content)
    assert why in " ".join(caught.value.details)


def test_a_still_picture_in_such_boxes(tmp_path: Path) -> None:
    """AVIF and HEIC begin like a clip, and are not kept."""
    with pytest.raises(NotAPicture, match="no picture"):
        kept(tmp_path, box("ftyp", b"avif\0\0\0\0avifmif1") + MOOV + MDAT)
