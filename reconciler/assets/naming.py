"""From addresses to file names that are safe on every system. Pure.

`library.night` becomes `library/night.png`, its second candidate `library/night.2.png`. Characters
that some system forbids are percent-encoded, but `1:1` becomes `1x1`; what is too long ends in a
hash. So two addresses may want one name: `find_collisions` tells before anything is bought.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from reconciler.ids import Address, CandidateNumber, Digest, parts_of
from reconciler.purchase import Candidate

EXTENSIONS = MappingProxyType(
    {
        "image/png": "png",
        "image/jpeg": "jpg",
        "image/webp": "webp",
        "image/gif": "gif",
        "video/mp4": "mp4",
        "text/plain": "txt",
    }
)
"""The media types that are kept, and how their files end."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_RATIO = re.compile(r"(?<=\d):(?=\d)")
_END_SPACES = re.compile(r"\A +| +\Z")
_READABLE = frozenset("_-=,[]+@.() ")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_LONGEST = 180
_HASH_DIGITS = 16


def stem(address: Address) -> str:
    """Return the address as a path without extension: its parts are folders, the last a name."""
    return "/".join(map(_safe, parts_of(address)))


def file_of(name: str, extension: str, candidate: CandidateNumber | None) -> str:
    """Return the file for a `stem`: the resource's own, or that of one of its candidates."""
    return f"{name}.{extension}" if candidate is None else f"{name}.{candidate}.{extension}"


def standing(candidates: Sequence[Candidate], pick: CandidateNumber | None) -> Candidate | None:
    """Return the candidate that stands for a resource: the pick, or the only one there is."""
    if pick is not None:
        return next((one for one in candidates if one.number == pick), None)
    return candidates[0] if len(candidates) == 1 else None


def wanted_files(
    address: Address, candidates: Sequence[Candidate], pick: CandidateNumber | None
) -> dict[str, Digest]:
    """Return the view of a resource: which file shows which object.

    Only what is stored is shown. A lone candidate needs no number; among several each has its own
    numbered file, and the name without a number is the pick's.
    """
    name = stem(address)
    chosen = standing(candidates, pick)
    files: dict[str, Digest] = {}
    if chosen is not None and chosen.picture is not None:
        extension = EXTENSIONS[chosen.picture.media_type]
        files[file_of(name, extension, None)] = chosen.picture.digest
    if len(candidates) > 1:
        for one in candidates:
            if one.picture is not None:
                extension = EXTENSIONS[one.picture.media_type]
                files[file_of(name, extension, one.number)] = one.picture.digest
    return files


def find_collisions(addresses: Iterable[Address]) -> Mapping[str, tuple[Address, ...]]:
    """Return the names that several addresses want, and those addresses, both in order.

    `Library` and `library` are one name: on many systems they are one file.
    """
    wanting: dict[str, list[Address]] = {}
    for address in addresses:
        wanting.setdefault(_as_a_system_compares(stem(address)), []).append(address)
    return {
        stem(group[0]): tuple(sorted(group)) for group in wanting.values() if len(set(group)) > 1
    }


def _safe(segment: str) -> str:
    if not _PLAIN.fullmatch(segment):
        segment = _encoded(segment)
    if _DEVICE.fullmatch(segment):
        segment = _percent(segment[0]) + segment[1:]
    return _shortened(segment)


def _encoded(segment: str) -> str:
    """Encode what is not readable, and spaces at the ends, which Windows drops.

    Dots need no care: an address has them inside brackets only, so never at an end, and none can
    pass for the one before a candidate's number.
    """
    with_ratios = _RATIO.sub("x", unicodedata.normalize("NFC", segment))
    text = "".join(map(_readable, with_ratios))
    return _END_SPACES.sub(lambda match: _percent(match[0]), text) or "%"


def _readable(character: str) -> str:
    if character in _READABLE or character.isalnum():
        return character
    return _percent(character)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _shortened(segment: str) -> str:
    """Keep room below the 255 bytes that most file systems allow for a name."""
    encoded = segment.encode()
    if len(encoded) <= _LONGEST:
        return segment
    digest = hashlib.sha256(encoded).hexdigest()[:_HASH_DIGITS]
    return f"{encoded[:_LONGEST].decode(errors='ignore')}~{digest}"


def _as_a_system_compares(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
