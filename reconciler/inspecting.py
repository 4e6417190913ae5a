"""Whether the pictures that specs name can be sent: decoded here, before anything is paid.

A mask that repaints nothing, or half a file, would else be found when its parent is bought already.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.assets.fitting import mask
from reconciler.assets.pictures import examine
from reconciler.config import Config, MaskPolarity
from reconciler.errors import AssetError
from reconciler.ids import Address, Digest
from reconciler.providers.protocol import Issue
from reconciler.spec.request import Operation, Reference, placed_references
from reconciler.spec.resource import KeyPath, Resource

_Seen = dict[tuple[Digest, bool], AssetError | None]


def unusable(
    resources: Mapping[Address, Resource], root: Path, config: Config
) -> Iterator[tuple[Resource, Issue]]:
    """Yield each picture that cannot be used, with the resource that names it.

    Every file is decoded once; one that cannot be read at all is the loader's finding.
    """
    seen: _Seen = {}
    for resource in resources.values():
        if not resource.files and resource.operation is not Operation.INPAINT:
            continue
        paths = {one.digest: root / one.path for one in resource.files}
        for field, one in placed_references(resource.request):
            is_mask = resource.operation is Operation.INPAINT and field == ("mask",)
            if is_mask and one.is_url:
                yield from ((resource, issue) for issue in _foreign_mask(resource, field, config))
            elif (path := paths.get(one.digest)) is not None:
                found = _damage(path, one, seen, is_mask=is_mask)
                yield from ((resource, issue) for issue in _told(found, field))


def _damage(path: Path, one: Reference, seen: _Seen, *, is_mask: bool) -> AssetError | None:
    if one.digest is None:
        return None
    key = (one.digest, is_mask)
    if key not in seen:
        seen[key] = _examined(path, is_mask=is_mask)
    return seen[key]


def _examined(path: Path, *, is_mask: bool) -> AssetError | None:
    try:
        examine(path)
        if is_mask:
            mask(path.read_bytes(), MaskPolarity.WHITE)
    except AssetError as error:
        return error
    except OSError:
        return None
    return None


def _told(found: AssetError | None, field: KeyPath) -> Iterator[Issue]:
    if found is not None:
        words = "; ".join((found.summary, *found.details))
        yield Issue(field, words, found.hint or "give it another picture")


def _foreign_mask(resource: Resource, field: KeyPath, config: Config) -> Iterator[Issue]:
    """A mask at a URL is sent as it is: then it would mean its opposite."""
    provider = config.providers.get(resource.provider)
    if provider is not None and provider.mask_repaints is MaskPolarity.TRANSPARENT:
        yield Issue(
            field,
            "a mask at a URL cannot be turned into what `mask_repaints: transparent` asks for",
            "save it as a file of the project: white is repainted, black stays",
        )
