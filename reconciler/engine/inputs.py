"""A link for every local picture of a request: kept from before, or made right before it is sent.

Giving a picture away costs nothing, but no provider documents that it may be repeated: each is
tried once in a run, and again only after a proof that nothing arrived.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import timedelta

from reconciler.assets.fitting import Fitted, fit, mask
from reconciler.assets.naming import EXTENSIONS
from reconciler.assets.objects import MOST_BYTES
from reconciler.config import SANDBOX_ORIGIN, MaskPolarity
from reconciler.engine.backoff import LONGEST_PAUSE, backoff
from reconciler.engine.channel import Channel
from reconciler.engine.outcome import Ending
from reconciler.engine.places import Form, PublicPlace, Shipment
from reconciler.engine.progress import Kind
from reconciler.engine.serving import missing
from reconciler.engine.workshop import Unfinished, Workshop
from reconciler.errors import AssetError, ReconcilerError
from reconciler.ids import Address, Digest
from reconciler.providers.protocol import Attachment, TryAgain, Uploaded
from reconciler.purchase import AnswerLost, NotSent, Refused
from reconciler.spec.request import Inpaint, Request, references
from reconciler.spec.resource import LocalFile
from reconciler.state.records import UploadRecord

MARGIN = timedelta(hours=1)
"""How long a link must live on: the provider fetches the picture some time after the request."""
_TRIES = 4
_SHOWN_DIGITS = 12
_NOTHING_SENT = "nothing was sent for this one, and nothing is charged"
_MASKS = {
    MaskPolarity.WHITE: Form.WHITE_MASK,
    MaskPolarity.TRANSPARENT: Form.TRANSPARENT_MASK,
}
_POLARITIES = {form: polarity for polarity, form in _MASKS.items()}


class Courier:
    """Brings one job's pictures to where its provider can fetch them.

    `files` are the local pictures that its spec names.
    """

    def __init__(
        self, channel: Channel, shop: Workshop, address: Address, files: Sequence[LocalFile]
    ) -> None:
        self._channel = channel
        self._shop = shop
        self._address = address
        self._files = files

    @property
    def delivers(self) -> bool:
        """Whether there is any place for a picture that this provider is to fetch."""
        return self._uploads or self._shop.places.public is not None

    async def links(self, request: Request) -> dict[Digest, str]:
        """Return a link for each local picture of the request. Raises Unfinished."""
        wanted = {one.digest for one in references(request) if one.digest is not None}
        is_masked = isinstance(request, Inpaint)
        form = _MASKS[self._channel.mask_repaints] if is_masked else Form.PICTURE
        return {digest: await self.link(digest, form) for digest in sorted(wanted)}

    async def link(self, digest: Digest, form: Form = Form.PICTURE) -> str:
        """Return where the provider can fetch a picture for some time yet. Raises Unfinished."""
        shipment = Shipment(self._channel.name, self._channel.origin, digest, form)
        places = self._shop.places
        async with places.locks[shipment]:
            known = self._kept(shipment) or places.links.get(shipment)
            if known is not None:
                return known
            if shipment in places.failed:
                raise places.failed[shipment]
            places.failed[shipment] = Unfinished(Ending.INTERRUPTED, "stopped", _NOTHING_SENT)
            try:
                return await self._deliver(shipment)
            except Unfinished as end:
                places.failed[shipment] = end
                raise

    @property
    def _uploads(self) -> bool:
        return self._channel.adapter.can.upload_lifetime is not None

    def _kept(self, shipment: Shipment) -> str | None:
        if not self._uploads:
            return None
        record = self._shop.store.upload(*shipment, self._shop.now() + MARGIN)
        return record.url if record else None

    async def _deliver(self, shipment: Shipment) -> str:
        channel = self._channel
        if channel.halted is not None:
            raise Unfinished(Ending.NOT_SENT, channel.halted, _NOTHING_SENT)
        if self._uploads:
            return await self._upload(shipment, await self._fitted(shipment))
        place = self._shop.places.public
        if place is None:
            raise Unfinished(
                Ending.IMPOSSIBLE,
                f"{channel.name} takes links only, and there is no public place for "
                f"{self._named(shipment.digest)}",
                f"{_NOTHING_SENT}; name a folder or a bucket under `publish:` in reconciler.yaml",
            )
        return await self._publish(shipment, await self._fitted(shipment), place)

    async def _fitted(self, shipment: Shipment) -> Fitted:
        """Return what to send, with the bytes that it was made from among our objects."""
        try:
            content = await asyncio.to_thread(self._content, shipment.digest)
            fitted = await asyncio.to_thread(_formed, content, shipment.form)
        except AssetError as error:
            words = "; ".join((error.summary, *error.details))
            detail = f"{self._named(shipment.digest)}: {words}"
            hint = f"{_NOTHING_SENT}; {error.hint or 'give it another picture'}"
            raise Unfinished(Ending.IMPOSSIBLE, detail, hint) from error
        if fitted.note:
            words = f"{self._named(shipment.digest)} is {fitted.note}"
            self._shop.report(Kind.STAGE, self._address, stage=words)
        return fitted

    def _content(self, digest: Digest) -> bytes:
        """Return the bytes that were planned with, and keep them: a file may go. Raises AssetError.

        A task's second step may need them after the spec and its files have changed.
        """
        content = self._shop.objects.read(digest)
        if content is not None:
            return content
        content = self._file(digest)
        with self._shop.objects.incoming() as part:
            part.write(content)
            part.commit()
        return content

    def _file(self, digest: Digest) -> bytes:
        names = [one.path for one in self._files if one.digest == digest]
        for name in names:
            try:
                with (self._shop.places.root / name).open("rb") as file:
                    content = file.read(MOST_BYTES + 1)
            except OSError as error:
                raise AssetError("it cannot be read", details=(str(error.strerror),)) from error
            if hashlib.sha256(content).hexdigest() == digest:
                return content
        if names:
            raise AssetError("it has changed since the plan was made", hint="run apply again")
        raise AssetError("its bytes are not here any more", hint="put the file back")

    def _named(self, digest: Digest) -> str:
        """Return what people call a picture."""
        names = (one.path for one in self._files if one.digest == digest)
        return next(names, f"the picture {digest[:_SHOWN_DIGITS]}")

    async def _publish(self, shipment: Shipment, fitted: Fitted, place: PublicPlace) -> str:
        try:
            url = await place.put(fitted.content, fitted.media_type)
        except ReconcilerError as error:
            detail = "; ".join((error.summary, *error.details))
            hint = f"{_NOTHING_SENT}; {error.hint}" if error.hint else _NOTHING_SENT
            raise Unfinished(Ending.NOT_SENT, detail, hint) from error
        await self._see_served(shipment, fitted, place, url)
        self._shop.places.links[shipment] = url
        return url

    async def _see_served(
        self, shipment: Shipment, fitted: Fitted, place: PublicPlace, url: str
    ) -> None:
        """Wait a little until everybody can fetch it. Raises Unfinished, before anything is paid.

        At the embedded sandbox nobody fetches anything.
        """
        served = self._shop.places.served
        if url in served or self._channel.origin.rstrip("/") == SANDBOX_ORIGIN:
            return
        waits = backoff(_TRIES)
        while (why := await missing(self._shop.files, url, fitted.content)) is not None:
            put = f"{self._named(shipment.digest)} was put into {place.target}"
            detail = f"{put}, but {url} does not serve it yet: {why}"
            wait = next(waits, None)
            if wait is None:
                hint = f"{place.remedy}, then apply again; {_NOTHING_SENT}"
                raise Unfinished(Ending.NOT_SENT, detail, hint)
            await self._pause(detail, wait)
        served.add(url)

    async def _upload(self, shipment: Shipment, fitted: Fitted) -> str:
        name = f"{shipment.digest[:_SHOWN_DIGITS]}.{EXTENSIONS[fitted.media_type]}"
        picture = Attachment(name, fitted.media_type, fitted.content)
        waits = backoff(_TRIES)
        while True:
            began = self._shop.now()
            match await self._channel.upload(picture):
                case Uploaded(url):
                    lifetime = self._channel.adapter.can.upload_lifetime or timedelta(0)
                    record = UploadRecord(*shipment, url, began, began + lifetime)
                    self._shop.store.note_upload(record, self._shop.run, self._address)
                    return url
                case Refused(failure):
                    self._channel.heed(failure)
                    detail = f"{failure.code}: {failure.message}"
                    raise self._failed(Ending.IMPOSSIBLE, shipment, detail, failure.advice)
                case NotSent() | TryAgain(is_limit=True) as held_up:
                    await self._rest(shipment, held_up, next(waits, None))
                case AnswerLost(detail) | TryAgain(detail):
                    raise self._failed(Ending.NOT_SENT, shipment, detail)

    async def _rest(
        self, shipment: Shipment, held_up: NotSent | TryAgain, wait: float | None
    ) -> None:
        """Wait before the next try. Raises Unfinished when there is none, or when it is far off."""
        if wait is None:
            raise self._failed(Ending.NOT_SENT, shipment, held_up.detail)
        named = held_up.retry_after if isinstance(held_up, TryAgain) else None
        seconds = wait / self._channel.haste if named is None else named
        if seconds > LONGEST_PAUSE:
            raise self._failed(Ending.NOT_SENT, shipment, held_up.detail)
        await self._pause(held_up.detail, seconds)

    async def _pause(self, detail: str, seconds: float) -> None:
        self._shop.report(Kind.HELD_UP, self._address, detail=detail, seconds=round(seconds, 1))
        await asyncio.sleep(seconds)

    def _failed(
        self, ending: Ending, shipment: Shipment, detail: str, advice: str = "run apply again later"
    ) -> Unfinished:
        what = f"{self._named(shipment.digest)} could not be given to {self._channel.name}"
        return Unfinished(ending, f"{what}: {detail}", f"{_NOTHING_SENT}; {advice}")


def _formed(content: bytes, form: Form) -> Fitted:
    polarity = _POLARITIES.get(form)
    return fit(content) if polarity is None else mask(content, polarity)
