"""`manifest.json`: what stands under each address, for programs that use the pictures."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.assets.disk import disk_errors, write_whole
from reconciler.assets.naming import EXTENSIONS, file_of, standing, stem
from reconciler.ids import Address, CandidateNumber, ProviderName, TaskId
from reconciler.purchase import Candidate, StoredPicture
from reconciler.spec.resource import Parent

VERSION = 1
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the manifest tells of one resource. `parent` None for an image, `pick` None for none.

    `operation` is an Operation's value; of `candidates` only the stored ones are told. `text` is
    what a description says.
    """

    address: Address
    operation: str
    prompt: str | None
    parent: Parent | None
    provider: ProviderName
    task_id: TaskId | None
    take: int
    pick: CandidateNumber | None
    candidates: tuple[Candidate, ...]
    text: str | None = None


def render(entries: Iterable[Entry]) -> str:
    """Return the manifest: one line for each address, in order, so that a diff is readable.

    A resource for which nothing stands yet has null for digest, path and size; clips and texts have
    null for width and height, and a description has its words as `text`.
    """
    ordered = sorted(entries, key=lambda entry: entry.address)
    lines = (f"{json.dumps(entry.address)}: {_compact(_entry(entry))}" for entry in ordered)
    return f'{{"version": {VERSION}, "resources": {{\n' + ",\n".join(lines) + "\n}}\n"


def write(folder: Path, text: str) -> bool:
    """Put the manifest into the asset folder, whole or not at all; return whether it changed."""
    place = folder / NAME
    content = text.encode()
    with disk_errors("write the manifest", place):
        if place.is_file() and place.read_bytes() == content:
            return False
        write_whole(place, content)
    return True


def _entry(entry: Entry) -> dict[str, Any]:
    name = stem(entry.address)
    chosen = standing(entry.candidates, entry.pick)
    is_alone = len(entry.candidates) == 1
    return {
        **_picture(name, chosen.picture if chosen else None, None),
        "prompt": entry.prompt,
        "operation": entry.operation,
        "parent": entry.parent and entry.parent._asdict(),
        "provider": entry.provider,
        "task_id": entry.task_id,
        "take": entry.take,
        "pick": entry.pick,
        **({} if entry.text is None else {"text": entry.text}),
        "candidates": [
            {"number": one.number, **_picture(name, one.picture, None if is_alone else one.number)}
            for one in entry.candidates
            if one.picture is not None
        ],
    }


def _picture(
    name: str, picture: StoredPicture | None, number: CandidateNumber | None
) -> dict[str, Any]:
    if picture is None:
        return dict.fromkeys(("digest", "media_type", "width", "height", "bytes", "path"))
    return {
        "digest": picture.digest,
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
        "bytes": picture.byte_count,
        "path": file_of(name, EXTENSIONS[picture.media_type], number),
    }


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
