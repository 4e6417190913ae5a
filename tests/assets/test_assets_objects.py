"""Only whole, real pictures become objects, once each, whatever happens on the way."""

import hashlib
import os
import signal
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from assets_examples import files_below, picture_bytes, stored
from hypothesis import given
from hypothesis import strategies as st

from reconciler.assets.disk import disk_errors
from reconciler.assets.objects import (
    Incoming,
    Integrity,
    NotAPicture,
    ObjectStore,
    TooLarge,
    object_path,
)
from reconciler.errors import AssetError
from reconciler.ids import Digest
from reconciler.purchase import StoredPicture

UNKNOWN = Digest("ab" * 32)
GOOD = picture_bytes(3, size=(40, 30))


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "assets")


def offer(objects: ObjectStore, content: bytes) -> StoredPicture:
    """Bring bytes as a download would."""
    with objects.incoming() as part:
        part.write(content)
        return part.commit()


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_a_picture_is_kept_under_its_digest_and_described(
    objects: ObjectStore, kind: str, media_type: str
) -> None:
    """What it is comes from its bytes; nobody may write into it afterwards."""
    content = picture_bytes(kind=kind, size=(40, 30))
    with objects.incoming() as part:
        for start in range(0, len(content), 100):
            part.write(content[start : start + 100])
        picture = part.commit()
    digest = hashlib.sha256(content).hexdigest()
    assert (picture.digest, picture.media_type) == (digest, media_type)
    assert (picture.width, picture.height, picture.byte_count) == (40, 30, len(content))
    path = objects.path(picture.digest)
    assert path.relative_to(path.parents[3]).as_posix() == (
        f".objects/{digest[:2]}/{digest[2:4]}/{digest}"
    )
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o444
    assert objects.has(picture.digest)
    assert objects.missing([picture.digest, UNKNOWN]) == {UNKNOWN}


def test_asking_makes_no_folder(objects: ObjectStore, tmp_path: Path) -> None:
    """A plan only looks."""
    assert not objects.has(UNKNOWN)
    assert objects.verify(UNKNOWN) is Integrity.MISSING
    assert objects.discard_corrupt(UNKNOWN) is None
    assert objects.clean_temporary() == 0
    assert list(tmp_path.iterdir()) == []


def test_the_same_bytes_are_kept_once(objects: ObjectStore, tmp_path: Path) -> None:
    """The object that was there first stays, as others may already point at it."""
    first = stored(objects)
    inode = objects.path(first.digest).stat().st_ino
    assert stored(objects) == first
    assert objects.path(first.digest).stat().st_ino == inode
    assert files_below(tmp_path / "assets") == {object_path(first.digest)}


def test_a_damaged_object_is_replaced_by_good_bytes(objects: ObjectStore, tmp_path: Path) -> None:
    """And the damaged ones are moved away, not deleted."""
    first = stored(objects)
    path = objects.path(first.digest)
    path.chmod(0o644)
    path.write_bytes(b"short")
    assert stored(objects) == first
    assert objects.verify(first.digest) is Integrity.OK
    (bad,) = (tmp_path / "assets/.objects/quarantine").iterdir()
    assert bad.read_bytes() == b"short"


def test_verifying_reads_the_bytes_and_discarding_keeps_them(objects: ObjectStore) -> None:
    """A flipped bit has the right size; only reading finds it."""
    first = stored(objects)
    path = objects.path(first.digest)
    assert objects.verify(first.digest) is Integrity.OK
    assert objects.discard_corrupt(first.digest) is None
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    assert objects.has(first.digest)
    assert objects.verify(first.digest) is Integrity.CORRUPT
    place = objects.discard_corrupt(first.digest)
    assert place is not None
    assert place.read_bytes() == content
    assert objects.verify(first.digest) is Integrity.MISSING


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it begins with nothing: the file is empty"),
        (b"<!DOCTYPE html><title>502</title>", "it begins with <!DOCTYPE html><title>50"),
        (b'{"error": "expired"}', 'it begins with {"error": "expired"}'),
        (b"\x00\x1b[31m", r"it begins with \x00\x1b[31m"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_beginning(
    objects: ObjectStore, tmp_path: Path, content: bytes, words: str
) -> None:
    """An error page with status 200 must not become art; control characters are not shown raw."""
    with pytest.raises(NotAPicture) as caught:
        offer(objects, content)
    assert caught.value.details == (words,)
    assert files_below(tmp_path / "assets") == set()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@given(share=st.floats(0.01, 0.97))
def test_a_truncated_picture_is_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, share: float
) -> None:
    """Wherever the connection broke."""
    content = picture_bytes(kind=kind, size=(60, 60))
    objects = ObjectStore(tmp_path_factory.getbasetemp() / "truncated")
    with pytest.raises(NotAPicture):
        offer(objects, content[: int(len(content) * share)])


@given(position=st.integers(0, len(GOOD) - 13), bit=st.integers(0, 7))
def test_a_png_with_one_wrong_bit_is_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    """Its parts have checksums; no bit of them is free, but for the mark at the end."""
    content = bytearray(GOOD)
    content[position] ^= 1 << bit
    objects = ObjectStore(tmp_path_factory.getbasetemp() / "flipped")
    with pytest.raises((NotAPicture, TooLarge)):
        offer(objects, bytes(content))


@given(
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF1234WEBP", b"GIF89a"]),
    st.binary(),
)
def test_noise_after_a_good_beginning_is_refused_as_a_value(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, noise: bytes
) -> None:
    """No decoder's own exception comes out."""
    objects = ObjectStore(tmp_path_factory.getbasetemp() / "noise")
    with pytest.raises((NotAPicture, TooLarge)):
        offer(objects, head + noise)


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that promises so many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00" * 1000)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("width", "height"), [(20_000, 10_001), (2**31 - 1, 2**31 - 1)])
def test_a_picture_of_too_many_pixels_is_not_even_decoded(
    objects: ObjectStore, tmp_path: Path, width: int, height: int
) -> None:
    """A small file may promise terabytes of pixels."""
    with pytest.raises(TooLarge, match=f"{width} × {height} pixels"):
        offer(objects, bomb(width, height))
    assert files_below(tmp_path / "assets") == set()


def test_large_pictures_below_the_limit_raise_no_alarm(objects: ObjectStore) -> None:
    """Pillow's own limit, far below ours, is not asked; what is missing in the file still shows."""
    with pytest.raises(NotAPicture):
        offer(objects, bomb(20_000, 9_000))


def test_bytes_beyond_the_limit_are_not_written(objects: ObjectStore, tmp_path: Path) -> None:
    """A server that sends without end does not fill the disk."""
    with objects.incoming(limit=10) as part:
        part.write(b"12345")
        part.write(b"67890")
        with pytest.raises(TooLarge, match="more than 10 bytes"):
            part.write(b"1")
    assert files_below(tmp_path / "assets") == set()


def test_what_is_not_committed_is_gone(objects: ObjectStore, tmp_path: Path) -> None:
    """However the block is left, even by Ctrl-C."""
    with objects.incoming() as part:
        part.write(picture_bytes())
    with pytest.raises(KeyboardInterrupt), objects.incoming() as part:
        raise KeyboardInterrupt
    assert files_below(tmp_path / "assets") == set()
    with pytest.raises(AssetError, match="abandoned"):
        part.commit()


def test_a_commit_that_runs_while_its_block_is_left_ends_well(objects: ObjectStore) -> None:
    """A cancelled task cannot stop its thread; the bytes are paid for, so they are kept."""
    content = picture_bytes(size=(500, 500))
    with ThreadPoolExecutor(1) as pool:
        with objects.incoming() as part:
            part.write(content)
            future = pool.submit(part.commit)
            while not part._end.locked():
                pass
        assert objects.has(future.result().digest)


def test_many_threads_bring_the_same_picture(objects: ObjectStore, tmp_path: Path) -> None:
    """One object, and no temporary file is left."""
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda shade: stored(objects, shade).digest, [1, 2] * 20))
    assert files_below(tmp_path / "assets") == {object_path(digest) for digest in found}
    assert len(found) == 2


_DYING = """
import sys
from pathlib import Path
from reconciler.assets.objects import ObjectStore
with ObjectStore(Path(sys.argv[1])).incoming() as part:
    content = sys.stdin.buffer.read()
    part.write(content[:len(content) // 2])
    part._file.flush()
    print("half", flush=True)
    sys.stdin = open("/dev/stdin")
    import signal
    signal.pause()
"""


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="needs POSIX signals")
def test_a_killed_download_leaves_nothing_visible(objects: ObjectStore, tmp_path: Path) -> None:
    """Only a temporary file, which the next run removes."""
    with subprocess.Popen(
        [sys.executable, "-c", _DYING, str(tmp_path / "assets")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(picture_bytes())
        child.stdin.close()
        assert child.stdout.readline() == b"half\n"
        child.kill()
    (left,) = files_below(tmp_path / "assets")
    assert left.startswith(".objects/tmp/")
    assert objects.clean_temporary() == 1
    assert files_below(tmp_path / "assets") == set()


@pytest.mark.parametrize("text", ["", "../../etc/passwd", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"])
def test_only_a_digest_names_an_object(objects: ObjectStore, text: str) -> None:
    """An edited lock file must not lead out of the folder."""
    with pytest.raises(AssetError, match="no digest"):
        objects.path(Digest(text))


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    """No OSError comes out."""
    (tmp_path / "assets").touch()
    objects = ObjectStore(tmp_path / "assets")
    with pytest.raises(AssetError, match="cannot create a file") as caught, objects.incoming():
        pass
    assert caught.value.hint is not None
    assert "in the way" in caught.value.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_with_a_hint(objects: ObjectStore) -> None:
    """The words say that paid pictures are not lost."""
    with objects.incoming() as part:
        _fill(part)
        with pytest.raises(AssetError) as caught:
            part.write(b"x" * 100_000)
    assert caught.value.details == (os.strerror(28),)
    assert caught.value.hint is not None
    assert "free some space" in caught.value.hint


def _fill(part: Incoming) -> None:
    """Let the file of a download lie on a full disk."""
    part._file.close()
    part._path.unlink()
    part._path.symlink_to("/dev/full")
    part._file = part._path.open("wb")


@pytest.mark.parametrize("code", [13, 1, 30, 28, 5, 9999])
def test_every_failure_of_the_disk_has_a_hint(code: int) -> None:
    """Known causes have their own words, unknown ones the general ones."""
    with pytest.raises(AssetError) as caught, disk_errors("do it", Path("x")):
        raise OSError(code, "words of the system")
    assert caught.value.summary == "cannot do it: x"
    assert caught.value.details == ("words of the system",)
    assert caught.value.hint
