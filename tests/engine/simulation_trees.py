"""What a story wants: pictures, and what is made from them, at one vendor or at both.

Only what the vendor's own offline rules allow is wanted. The ledgers can tell all of it apart.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO

from engine_kit import ADAPTERS, APIMART, APIXO, at_apimart, edit, image, reroll, upscale, vary
from PIL import Image

from reconciler.ids import Address, Digest, ProviderName
from reconciler.plan.pricing import lineage
from reconciler.spec.request import (
    Blend,
    Describe,
    Direction,
    Edit,
    Imagine,
    Inpaint,
    Operation,
    Pan,
    Reference,
    Remix,
    Request,
    Reroll,
    Single,
    Speed,
    Strength,
    Upscale,
    Upscaler,
    Vary,
    Video,
    Zoom,
    ZoomOut,
    references,
)
from reconciler.spec.resource import LocalFile, Resource

BANNED = "SensitiveContentDetected"
"""A word for the sandbox: a prompt with it is refused, or its task fails."""

_NO_CHILDREN = frozenset({Operation.DESCRIBE, Operation.VIDEO})
_ALONE = frozenset({Operation.SINGLE, Operation.UPSCALE})


def _drawing(colour: str, inner: str) -> bytes:
    picture = Image.new("RGB", (16, 16), colour)
    picture.paste(inner, (4, 4, 12, 12))
    written = BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


FILES = {
    "mask.png": _drawing("black", "white"),
    "other-mask.png": _drawing("white", "black"),
    "sketch.png": _drawing("red", "blue"),
    "palette.png": _drawing("green", "gold"),
}
"""The project's own pictures."""

_DIGESTS = {name: Digest(hashlib.sha256(content).hexdigest()) for name, content in FILES.items()}
_NAMES = {digest: name for name, digest in _DIGESTS.items()}


def own(name: str) -> Reference:
    """Return a picture of the project as a request names it."""
    return Reference(f"sha256:{_DIGESTS[name]}")


def _inpaint(name: str, dice: random.Random) -> Request:
    words = (name, name, None, f"{name} [sandbox: {BANNED}]")
    return Inpaint(own(dice.choice(("mask.png", "other-mask.png"))), dice.choice(words))


_MAKERS: dict[str, Callable[[str, random.Random], Request]] = {
    "subtle": lambda _name, _dice: Vary(Strength.SUBTLE),
    "strong": lambda _name, _dice: Vary(Strength.STRONG),
    "reroll": lambda _name, _dice: Reroll(),
    "large": lambda _name, dice: Upscale(dice.choice((Upscaler.SUBTLE, Upscaler.CREATIVE))),
    "zoom": lambda _name, dice: Zoom(dice.choice(tuple(ZoomOut))),
    "pan": lambda _name, dice: Pan(dice.choice(tuple(Direction))),
    "inpaint": _inpaint,
    "single": lambda _name, _dice: Single(),
    "edit": lambda name, _dice: Edit(name, speed=Speed.FAST),
    "describe": lambda _name, _dice: Describe(),
    "remix": lambda name, dice: Remix(dice.choice(tuple(Strength)), name),
    "video": lambda name, dice: Video(name, batch=dice.choice((1, 2))),
}
_KINDS = (*_MAKERS, *("inpaint",) * 4)


@dataclass(slots=True)
class Grove:
    """A tree that grows. `shops` are where its images may be bought."""

    dice: random.Random
    pictures: int
    shops: Sequence[ProviderName]
    all: dict[Address, Resource] = field(default_factory=dict)
    _repeated: set[Address] = field(default_factory=set)

    def grow(self) -> Iterator[Resource]:
        """Yield three to seven resources, parents first."""
        first = self._image("i0", self.dice.choice(self.shops))
        yield self._planted(first)
        for number in range(1, self.dice.randint(3, 7)):
            yield self._planted(self._next(number, first))

    def _planted(self, resource: Resource) -> Resource:
        self.all[resource.address] = resource
        return resource

    def _next(self, number: int, first: Resource) -> Resource:
        kind = self.dice.choice(("image", "image", "copy", *("variant",) * 7))
        if number == 1 and self._maker(first) == APIMART and self.dice.random() < 0.6:
            return self._at_apimart(first, number, ("inpaint",))
        if kind == "variant":
            parent = self.dice.choice([one for one in self.all.values() if self._bears(one)])
            return self._variant(parent, number)
        shop = self.dice.choice(self.shops)
        if kind == "copy":
            return replace(first, address=Address(f"c{number}"), provider=shop)
        if shop == APIMART and self.dice.random() < 0.4:
            return self._from_own_pictures(f"o{number}")
        return self._image(f"i{number}", shop)

    def _image(self, name: str, shop: ProviderName) -> Resource:
        if shop != APIMART:
            return image(name)
        words = f"{name} [sandbox: {BANNED}]" if self.dice.random() < 0.05 else name
        references = (own("sketch.png"),) if self.dice.random() < 0.2 else ()
        return self._ask(
            name, Imagine(words, version="8.1", speed=Speed.FAST, image_refs=references)
        )

    def _from_own_pictures(self, name: str) -> Resource:
        sketch, palette = own("sketch.png"), own("palette.png")
        kinds: tuple[Request, ...] = (
            Blend((sketch, palette), speed=self.dice.choice((None, *Speed))),
            Describe(sketch),
            Edit(name, source=sketch, speed=Speed.FAST),
            Video(name, source=sketch, end=palette, batch=2),
        )
        return self._ask(name, self.dice.choice(kinds))

    def _variant(self, parent: Resource, number: int) -> Resource:
        """Return something that its parent's maker can do, whoever is asked for it."""
        is_ours = self._maker(parent) == APIMART
        found = self._at_apimart(parent, number) if is_ours else self._at_apixo(parent, number)
        return replace(found, provider=self.dice.choice((found.provider, *self.shops)))

    def _maker(self, resource: Resource) -> ProviderName:
        """Return who makes it: whoever makes what it comes from."""
        while resource.parent is not None:
            resource = self.all[resource.parent.address]
        return resource.provider

    def _bears(self, resource: Resource) -> bool:
        """Whether something can be made from it; APIXO's ledger tells few variants apart."""
        if resource.address.startswith("c"):
            return False
        if self._maker(resource) == APIXO:
            return resource.operation in (Operation.IMAGINE, Operation.VARY)
        return resource.operation not in _NO_CHILDREN

    def _at_apixo(self, parent: Resource, number: int) -> Resource:
        """Return what its ledger can tell apart: one upscale or reroll of each picture."""
        of, above = self.dice.randint(1, self.pictures), parent.address
        kind = self.dice.choice(("vary", "vary", "upscale", "edit", "reroll"))
        if kind in ("upscale", "reroll"):
            kind = "vary" if above in self._repeated else kind
            self._repeated.add(above)
        name = f"{above}.{kind[0]}{number}"
        match kind:
            case "upscale":
                return upscale(name, above, of)
            case "reroll":
                return reroll(name, above)
            case "edit":
                return edit(name, above, of)
            case _:
                return vary(name, above, of)

    def _at_apimart(self, parent: Resource, number: int, kinds: Sequence[str] = _KINDS) -> Resource:
        """Return one that the vendor's rules allow; there always is one."""
        is_alone = parent.operation in _ALONE
        of = 1 if is_alone else self.dice.randint(1, self.pictures)
        while True:
            kind = self.dice.choice(kinds)
            name = f"{parent.address}.{kind}{number}"
            request = _wish(kind, name, self.dice)
            if isinstance(request, Single) and is_alone:
                continue
            found = self._ask(name, request, parent.address, None if kind == "reroll" else of)
            if not any(ADAPTERS[APIMART].issues(request, lineage(found, self.all))):
                return found

    def _ask(
        self, name: str, request: Request, parent: str | None = None, of: int | None = None
    ) -> Resource:
        digests = {one.digest for one in references(request) if one.digest}
        files = tuple(LocalFile(_NAMES[one], one) for one in sorted(digests))
        return at_apimart(name, request, parent, of, files=files)


def _wish(kind: str, name: str, dice: random.Random) -> Request:
    return _MAKERS[kind](name, dice)
