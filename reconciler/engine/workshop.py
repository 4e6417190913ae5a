"""What all jobs of a run share, and the purchase that is written down before anybody acts on it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from reconciler.assets.objects import ObjectStore
from reconciler.engine.channel import Channel
from reconciler.engine.outcome import Ending
from reconciler.engine.places import Places
from reconciler.engine.progress import Happening, Kind, Reporter
from reconciler.errors import ReconcilerError, StateError
from reconciler.ids import Address, IntentId, ProviderName, RunId
from reconciler.policy import CAREFUL, Policy
from reconciler.purchase import Accepted, Event, Purchase
from reconciler.spec.request import Request
from reconciler.spec.resource import Resource
from reconciler.state.store import Limits, Store


class Display(Protocol):
    """Whoever writes the readable names."""

    def show(self, resource: Resource, purchase: Purchase) -> str | None:
        """Write the views; return what stands in their way, or None."""

    def hide(self, address: Address) -> None:
        """Remove an address's views; the bytes stay."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """The tools of one run.

    `files` downloads results and knows no key; `usual_seconds` tells how long such tasks took here;
    `policy` says which refunded failures are bought again; `places` where local pictures come from
    and go to.
    """

    run: RunId
    store: Store
    objects: ObjectStore
    display: Display
    channels: Mapping[ProviderName, Channel]
    files: httpx.AsyncClient
    download_slots: asyncio.Semaphore
    limits: Limits
    reporter: Reporter
    now: Callable[[], datetime]
    new_intent: Callable[[], IntentId]
    places: Places
    usual_seconds: Callable[[ProviderName, Request], float | None] = lambda _name, _request: None
    policy: Policy = CAREFUL

    def report(self, kind: Kind, address: Address, **data: Any) -> None:
        """Tell the observer."""
        self.reporter.report(Happening(kind, self.now(), address, data))


class Unfinished(Exception):  # noqa: N818 - not an error: a job ends before its goal
    """A job cannot go on in this run."""

    def __init__(self, ending: Ending, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.ending = ending
        self.detail = detail
        self.hint = hint


class Tracked:
    """A purchase as it stands; each change is durable before it can be seen here."""

    def __init__(self, purchase: Purchase, shop: Workshop) -> None:
        self.purchase = purchase
        self._shop = shop

    def record(self, event: Event) -> Purchase:
        """Write the event down and move on. Raises StateError; a task id is never lost silently."""
        try:
            self.purchase = self._shop.store.record(
                self.purchase, event, self._shop.now(), self._shop.run
            )
        except StateError as error:
            if isinstance(event, Accepted):
                raise _unrecorded(self.purchase, event, error) from error
            raise
        return self.purchase


class UnrecordedError(StateError):
    """Something was bought and cannot be written down: the message is all that knows it."""


def together(errors: Sequence[BaseException]) -> BaseException:
    """Return one error that tells everything: no task id may get lost because two disks failed.

    A bug of ours comes before an error of the disk, and an unrecorded purchase before all other
    errors of the disk.
    """
    known = sorted(
        (one for one in errors if isinstance(one, ReconcilerError)),
        key=lambda one: not isinstance(one, UnrecordedError),
    )
    bugs = [one for one in errors if not isinstance(one, ReconcilerError)]
    if bugs:
        for one in known:
            bugs[0].add_note(_told(one))
        return bugs[0]
    first, *others = known
    if not others:
        return first
    details = (*first.details, *map(_told, others))
    return type(first)(first.summary, details=details, hint=first.hint)


def _told(error: ReconcilerError) -> str:
    return "; ".join((error.summary, *error.details))


def _unrecorded(purchase: Purchase, event: Accepted, error: StateError) -> UnrecordedError:
    return UnrecordedError(
        f"{purchase.address} was bought, but its task id could not be written down",
        details=(f"task id: {event.task_id}", error.summary, *error.details),
        hint=f"keep that task id; {error.hint or 'repair the state'}; then run "
        f"`reconcile resolve {purchase.address} --attach {event.task_id}`",
    )
