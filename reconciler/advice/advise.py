"""All rules over all resources. Pure: what they must know beside the requests is handed in."""

import json
from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.advice.given import Advice, FileSize, Surroundings
from reconciler.advice.links import expiring_url
from reconciler.advice.wording import flags_in_prompt, quoted_words, subject_first, vague_words
from reconciler.assets.fitting import MOST_BYTES, MOST_SIDE
from reconciler.money import MicroUsd, format_price
from reconciler.spec.advice_rules import Rule
from reconciler.spec.request import Inpaint, Operation, Reference, Request, placed_references
from reconciler.spec.resource import KeyPath, Resource

_MIB = 1024 * 1024
REFUSED_BYTES: Final = 12 * _MIB
"""No API takes more than this for one picture (APIMart facts, section 3.1)."""

_WHOLE_PICTURE = frozenset({Operation.IMAGINE, Operation.VARY, Operation.REMIX})
"""Their prompts say what the whole picture shows; those of others what happens to it."""

_FULL_BATCH = 4


def advise(
    resources: Iterable[Resource], surroundings: Surroundings
) -> Iterator[tuple[Resource, Advice]]:
    """Yield what each resource could say better, but for the rules that it silenced."""
    for resource in resources:
        for one in _all(resource, surroundings):
            if one.rule not in resource.silenced:
                yield resource, one


def _all(resource: Resource, surroundings: Surroundings) -> Iterator[Advice]:
    content = json.loads(resource.canonical)  # decoding 30,000 requests would take a second
    if prompt := content.get("prompt"):
        yield from _about_words(resource, prompt, surroundings)
    if resource.files or '"location":"http' in resource.canonical:
        yield from _about_pictures(resource, surroundings)
    if resource.operation is Operation.VIDEO and content.get("batch") == _FULL_BATCH:
        yield _about_batch(surroundings.price(resource))


def _about_words(resource: Resource, prompt: str, surroundings: Surroundings) -> Iterator[Advice]:
    if resource.operation in _WHOLE_PICTURE:
        yield from subject_first(prompt)
    yield from vague_words(prompt)
    yield from quoted_words(prompt)
    written = surroundings.written(resource)
    if written is not None:
        yield from flags_in_prompt(written)


def _about_pictures(resource: Resource, surroundings: Surroundings) -> Iterator[Advice]:
    paths = {one.digest: one.path for one in resource.files}
    for field, reference in _references(resource.request):
        if reference.is_url:
            yield from expiring_url(field, reference.location)
            continue
        path = paths.get(reference.digest) or reference.location
        size = surroundings.pictures.get(path)
        if size is not None:
            yield from oversized(field, path, size)


def _references(request: Request) -> Iterator[tuple[KeyPath, Reference]]:
    """Yield every picture and where it stands; a mask keeps its size, whatever that is."""
    for field, one in placed_references(request):
        if one.is_url or not (isinstance(request, Inpaint) and field == ("mask",)):
            yield field, one


def oversized(field: KeyPath, path: str, size: FileSize) -> Iterator[Advice]:
    """Judge one local picture."""
    too_wide = max(size.width, size.height) > MOST_SIDE
    if not too_wide and size.byte_count <= MOST_BYTES:
        return
    measures = f"{size.width} × {size.height} pixels, {size.byte_count / _MIB:.1f} MiB"
    hint = f"a copy of at most {MOST_SIDE} pixels is sent; to choose how, save a smaller one"
    if size.byte_count > REFUSED_BYTES:
        hint += f"; as it is, it would be refused (over {REFUSED_BYTES // _MIB} MiB)"
    message = f"`{path}` is larger than a reference needs to be: {measures}"
    yield Advice(Rule.OVERSIZED_REFERENCE, field, message, hint)


def _about_batch(price: MicroUsd | None) -> Advice:
    money = "" if price is None else f": {format_price(price)} in all"
    return Advice(
        Rule.VIDEO_BATCH,
        ("batch",),
        f"a batch of {_FULL_BATCH} clips costs four times the price of one{money}",
        "write `batch: 1`, or leave it out, and ask for more when one clip is not enough",
    )
