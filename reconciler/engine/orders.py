"""From a wish or a record to an order: the parent's task, the links, and everything else in it."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.engine.channel import Channel
from reconciler.engine.inputs import MARGIN, Courier
from reconciler.engine.outcome import Ending
from reconciler.engine.workshop import Unfinished, Workshop
from reconciler.ids import CandidateNumber, Digest, IntentId
from reconciler.plan.offers import links_live
from reconciler.providers.protocol import Lineage, Order, ParentTask
from reconciler.purchase import Purchase
from reconciler.spec.request import Request, decode, is_local
from reconciler.state.archive import Archive

FIRST = CandidateNumber(1)
"""Where a follow-up starts that names no candidate."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a follow-up starts: the purchase whose task the provider knows, and a candidate."""

    parent: Purchase
    candidate: CandidateNumber


@dataclass(frozen=True, slots=True)
class Draft:
    """A request on its way to becoming an order; `lineage` is what the provider knows of."""

    request: Request
    lineage: Lineage
    start: Start | None
    intent: IntentId


def at_provider(lineage: Lineage) -> Lineage:
    """Return a lineage without what was made here: no provider knows of that."""
    return tuple(one for one in lineage if not is_local(one))


def start_at(
    parent: Purchase | None, candidate: CandidateNumber | None, archive: Archive
) -> Start | None:
    """Return where a follow-up of this parent starts at the provider; None: at no task.

    A candidate that was made into a picture of its own here is, there, still the candidate.
    """
    number = candidate or FIRST
    while parent is not None and parent.task_id is None:
        used = parent.parent
        if used is None or not is_local(decode(parent.canonical)):
            return None
        parent, number = archive.purchase(used.intent), used.candidate or FIRST
    return None if parent is None else Start(parent, number)


async def complete(draft: Draft, channel: Channel, shop: Workshop, courier: Courier) -> Order:
    """Return what to send; pictures are given to the provider for it. Raises Unfinished."""
    start, task = draft.start, None
    if start is not None and start.parent.task_id is not None:
        url = await _link_of(start, draft, channel, shop, courier)
        handle = start.parent.report.handle
        task = ParentTask(start.parent.task_id, start.candidate, url, handle)
    links = await courier.links(draft.request)
    return Order(draft.request, task, draft.lineage, links, draft.intent)


async def second_step(
    purchase: Purchase, channel: Channel, shop: Workshop, courier: Courier
) -> Order:
    """Return the order behind a purchase, from the record alone. Raises Unfinished."""
    used, store = purchase.parent, shop.store
    parent = store.purchase(used.intent) if used else None
    start = start_at(parent, used.candidate if used else None, store)
    lineage = tuple(decode(one.canonical) for one in _ancestors(purchase, store))
    draft = Draft(decode(purchase.canonical), at_provider(lineage), start, purchase.id)
    return await complete(draft, channel, shop, courier)


def _ancestors(purchase: Purchase, archive: Archive) -> Iterator[Purchase]:
    """Yield the purchase's parent, its parent, and so on, as far as they are on record."""
    while purchase.parent is not None:
        parent = archive.purchase(purchase.parent.intent)
        if parent is None:
            return
        yield parent
        purchase = parent


def own_picture(start: Start, shop: Workshop) -> Digest | None:
    """Return the candidate's object, if its bytes are here."""
    candidate = start.parent.candidate(start.candidate)
    picture = candidate.picture if candidate else None
    return picture.digest if picture and shop.objects.has(picture.digest) else None


async def _link_of(
    start: Start, draft: Draft, channel: Channel, shop: Workshop, courier: Courier
) -> str:
    """Return the candidate's own link, or one to our copy where the provider's is about to die."""
    candidate = start.parent.candidate(start.candidate)
    url, now = candidate.url if candidate else "", shop.now()
    by_picture = channel.adapter.starts_from_picture(draft.request, draft.lineage)
    if not by_picture or links_live(start.parent, now + MARGIN):
        return url
    ours = own_picture(start, shop) if courier.delivers else None
    if ours is not None:
        return await courier.link(ours)
    if links_live(start.parent, now):
        return url
    raise Unfinished(
        Ending.IMPOSSIBLE,
        f"the link of {start.parent.address} has expired, and its picture cannot be sent",
        "nothing was sent for this one; a new take of the parent gives a fresh link",
    )
