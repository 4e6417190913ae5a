"""A past to take the pulse of: purchases written through the store, at moments of one's choice."""

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from reconciler.health import WINDOW, Health, examined
from reconciler.ids import Address, Digest, Fingerprint, IntentId, ProviderName, RunId, TaskId
from reconciler.money import MicroUsd
from reconciler.policy import FailureKind
from reconciler.purchase import (
    NO_REPORT,
    Accepted,
    Delivered,
    Event,
    Failure,
    Phase,
    Purchase,
    Refused,
    Report,
    Sending,
    StoredPicture,
    TaskFailed,
)
from reconciler.spec.request import Imagine, Request, canonical
from reconciler.state.store import UNLIMITED, Store
from reconciler.vitals import Measurement, Metric

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
RUN = RunId("run-1")
LATER_RUN = RunId("run-2")
APIMART, APIXO = ProviderName("apimart"), ProviderName("apixo")
PRICE = MicroUsd(55_040)
PICTURE = StoredPicture(Digest("ab" * 32), "image/png", 1024, 1024, 1000)
FOUR = ("https://h/1", "https://h/2", "https://h/3", "https://h/4")


def failure(kind: FailureKind) -> Failure:
    """Return a provider's no."""
    return Failure(kind, "code", "no", "change it")


def delivered(
    *urls: str | None, charged: MicroUsd | None = None, report: Report = NO_REPORT
) -> Delivered:
    """Return a success; of four pictures, unless other ones are named."""
    return Delivered(urls or FOUR, NOW + timedelta(hours=24), None, charged, report)


class Past:
    """What happened before NOW, in a store of its own."""

    def __init__(self, path: Path) -> None:
        self.store = Store.open(path)
        self._numbers = count(1)

    def health(self, window: timedelta = WINDOW) -> Health:
        """Examine it as of NOW."""
        return examined(self.store, NOW, window)

    def measured(self, metric: Metric) -> Measurement:
        """Return one number over all providers."""
        return self.health().overall.of(metric)

    def happened(self, one: Purchase, event: Event, at: datetime, run: RunId = RUN) -> Purchase:
        """Record an event."""
        return self.store.record(one, event, at, run)

    def sent(
        self,
        at: datetime,
        *,
        provider: ProviderName = APIMART,
        request: Request | None = None,
        waited: timedelta = timedelta(0),
    ) -> Purchase:
        """Record a purchase that is on its way, `waited` after its intent."""
        number = next(self._numbers)
        one = Purchase(
            id=IntentId(f"i{number}"),
            fingerprint=Fingerprint(f"{number:064x}"),
            take=1,
            attempt=1,
            address=Address(f"image{number}"),
            provider=provider,
            canonical=canonical(request or Imagine("a fox")),
            parent=None,
            price=PRICE,
            phase=Phase.INTENDED,
            created_at=at - waited,
            changed_at=at - waited,
        )
        self.store.intend(one, UNLIMITED, RUN)
        return self.happened(one, Sending(), at)

    def accepted(
        self,
        at: datetime,
        *,
        provider: ProviderName = APIMART,
        request: Request | None = None,
        waited: timedelta = timedelta(0),
    ) -> Purchase:
        """Record a task."""
        one = self.sent(at, provider=provider, request=request, waited=waited)
        return self.happened(one, Accepted(TaskId(f"task_{one.id}")), at)

    def seen(self, one: Purchase, stage: str, at: datetime) -> None:
        """Record in which stage a task was seen."""
        data = {"task_id": one.task_id, "stage": stage}
        self.store.note(RUN, "stage", one.address, data, now=at)

    def succeeded(
        self,
        *,
        ended: datetime = NOW - timedelta(minutes=10),
        took: float = 40.0,
        provider: ProviderName = APIMART,
        request: Request | None = None,
        result: Delivered | None = None,
        ending_run: RunId = RUN,
    ) -> Purchase:
        """Record a task that gave pictures `took` seconds after its acceptance."""
        one = self.accepted(ended - timedelta(seconds=took), provider=provider, request=request)
        return self.happened(one, result or delivered(), ended, ending_run)

    def failed(
        self,
        kind: FailureKind = FailureKind.PROVIDER,
        *,
        ended: datetime = NOW - timedelta(minutes=10),
        provider: ProviderName = APIMART,
    ) -> Purchase:
        """Record a task that gave nothing, and was refunded."""
        one = self.accepted(ended - timedelta(seconds=40), provider=provider)
        return self.happened(one, TaskFailed(failure(kind), MicroUsd(0)), ended)

    def refused(self, kind: FailureKind, *, at: datetime = NOW - timedelta(minutes=10)) -> Purchase:
        """Record a refusal before any task."""
        return self.happened(self.sent(at), Refused(failure(kind)), at)
