"""Pictures and stores to try the asset folder with."""

import io
from pathlib import Path

from PIL import Image

from reconciler.assets.objects import ObjectStore
from reconciler.ids import CandidateNumber, Digest
from reconciler.purchase import Candidate, StoredPicture


def picture_bytes(shade: int = 1, kind: str = "PNG", size: tuple[int, int] = (8, 6)) -> bytes:
    """Return a small real picture; another `shade` gives other bytes."""
    buffer = io.BytesIO()
    mode = "L" if kind == "GIF" else "RGB"
    picture = Image.effect_noise(size, 50).convert(mode)
    picture.paste(shade % 256, (0, 0, size[0], size[1])) if mode == "L" else picture.paste(
        (shade % 256, shade // 256 % 256, 7), (0, 0, size[0], size[1])
    )
    picture.save(buffer, kind)
    return buffer.getvalue()


def stored(objects: ObjectStore, shade: int = 1) -> StoredPicture:
    """Bring a picture into the store."""
    with objects.incoming() as part:
        part.write(picture_bytes(shade))
        return part.commit()


def candidate(number: int, shade: int | None = None, media_type: str = "image/png") -> Candidate:
    """Return a candidate, stored if it has a shade; its digest is made up."""
    url = f"https://example.com/{number}"
    if shade is None:
        return Candidate(CandidateNumber(number), url)
    picture = StoredPicture(Digest(f"{shade:064x}"), media_type, 8, 6, 100)
    return Candidate(CandidateNumber(number), url, picture)


def files_below(folder: Path) -> set[str]:
    """Return all files and links below a folder, as relative paths."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(folder).as_posix() for path in paths}
