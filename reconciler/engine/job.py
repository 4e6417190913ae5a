"""One action's walk through the life of its purchase: read the phase, take the next step, repeat.

The walk for `wait` and `fetch` is the one for `buy`; it only starts later. Nothing about it is kept
in memory that a crash would lose.
"""

import asyncio
from collections.abc import Callable

from reconciler.engine import buying, fetching, orders, waiting
from reconciler.engine.assignment import Assignment
from reconciler.engine.backoff import wait_after
from reconciler.engine.buying import Intention, Sender
from reconciler.engine.inputs import Courier
from reconciler.engine.outcome import Ending, Outcome
from reconciler.engine.progress import Kind
from reconciler.engine.stepping import SecondStep
from reconciler.engine.workshop import Tracked, Unfinished, Workshop
from reconciler.ids import IntentId
from reconciler.money import NOTHING
from reconciler.plan.actions import Reason, Verb
from reconciler.plan.offers import Offer, unoffered
from reconciler.policy import Policy
from reconciler.providers.protocol import Cadence, Finished, Order
from reconciler.purchase import ParentUse, Phase, Purchase
from reconciler.spec.request import uses_candidate

_STOPPED = "stopped; what is in flight is on record"


class Job:
    """The walk of one action; `task_ended` is called once, when its slot is free again."""

    def __init__(
        self, assignment: Assignment, shop: Workshop, task_ended: Callable[[], None]
    ) -> None:
        self.sender = Sender()
        self._has = assignment
        self._shop = shop
        self._release: Callable[[], None] | None = task_ended
        known = assignment.action.purchase
        going_on = assignment.action.verb is not Verb.BUY and known is not None
        self._tracked = Tracked(known, shop) if going_on and known else None
        if going_on and known is not None and known.phase.is_in_flight:
            assignment.channel.turnstile.flight.resumed()

    @property
    def verb(self) -> Verb:
        """What the plan called this work."""
        return self._has.action.verb

    async def run(self) -> Outcome:
        """Return how it ended. Raises StateError and AssetError: our own disk stops the run."""
        cadence = self._cadence()
        self._shop.report(Kind.STARTED, self._has.action.address, usual=self._usual(cadence))
        try:
            await self._walk(cadence)
        except Unfinished as end:
            return self._outcome(end.ending, end.detail, end.hint)
        finally:
            self._task_ended()
        return self._outcome(Ending.DONE)

    def _usual(self, cadence: Cadence) -> tuple[float, float]:
        """Return how long it takes in seconds (least, most): as seen here, or as documented."""
        seen = self._shop.usual_seconds(self._has.channel.name, self._has.request)
        return cadence.usual if seen is None else (seen, seen)

    async def _walk(self, cadence: Cadence) -> None:
        tracked = self._tracked or await self._buy(self._doubt())
        await self._wait(tracked, cadence)
        tries = 1
        while self._is_bought_again(tracked.purchase):
            await self._rest(tracked.purchase, wait_after(tries))
            tracked = await self._buy(None)
            await self._wait(tracked, cadence)
            tries += 1
        self._task_ended()
        _check_success(tracked.purchase, self._shop.policy)
        self._shop.report(
            Kind.SUCCEEDED, tracked.purchase.address, pictures=len(tracked.purchase.candidates)
        )
        if self._must_fetch(tracked.purchase):
            await fetching.fetch(tracked, self._shop, self._source())
        self._show(tracked.purchase)

    async def _wait(self, tracked: Tracked, cadence: Cadence) -> None:
        """Wait for the task to end, if there is one; it holds a place in flight for so long."""
        if not tracked.purchase.phase.is_in_flight:
            return
        channel = self._has.channel
        try:
            self._report_submitted(tracked.purchase)
            if self.sender.is_last:
                raise Unfinished(Ending.INTERRUPTED, _STOPPED)
            second = SecondStep(tracked, channel, self._shop, self._second_order)
            await waiting.wait(tracked, channel, cadence, self._shop, second)
        finally:
            channel.turnstile.task_ended()
        if tracked.purchase.failure is not None:
            channel.heed(tracked.purchase.failure)

    def _is_bought_again(self, purchase: Purchase) -> bool:
        """Whether a failed task cost nothing, and may be tried once more within what was planned.

        Only what the plan said to buy is bought: a task that it merely waited for may have been
        paid from another budget.
        """
        failure = purchase.failure
        if purchase.phase is not Phase.FAILED or failure is None or self.verb is not Verb.BUY:
            return False
        is_refunded = purchase.cost == NOTHING and self._has.channel.halted is None
        most = self._shop.policy.attempts_at(failure.kind)
        return is_refunded and purchase.fruitless_before + 1 < most

    async def _rest(self, failed: Purchase, wait: float) -> None:
        seconds = wait / self._has.channel.haste
        words = f"{failed.failure.code}: {failed.failure.message}" if failed.failure else ""
        self._shop.report(
            Kind.HELD_UP,
            failed.address,
            detail=f"{words} (it cost nothing, and is bought again)",
            seconds=round(seconds, 1),
        )
        await asyncio.sleep(seconds)

    def _report_submitted(self, purchase: Purchase) -> None:
        self._shop.report(
            Kind.SUBMITTED,
            self._has.action.address,
            task_id=purchase.task_id,
            provider=purchase.provider,
            price_micro_usd=purchase.price,
            since=(purchase.submitted_at or purchase.created_at).isoformat(),
            resumed=self._has.action.verb is not Verb.BUY,
        )

    def _task_ended(self) -> None:
        if self._release is not None:
            self._release()
            self._release = None

    def _must_fetch(self, purchase: Purchase) -> bool:
        return purchase.phase is not Phase.STORED or self._has.action.reason is Reason.BYTES_MISSING

    def _cadence(self) -> Cadence:
        return self._has.channel.cadence(self._has.request, self._has.lineage)

    async def _buy(self, instead_of: Purchase | None) -> Tracked:
        intent, channel = self._shop.new_intent(), self._has.channel
        start, used = self._start()
        lineage = orders.at_provider(self._has.lineage)
        draft = orders.Draft(self._has.request, lineage, start, intent)
        order = await orders.complete(draft, channel, self._shop, self._courier())
        wanted = Intention(self._intent(intent, used), instead_of)
        self._tracked = await buying.buy(wanted, order, channel, self._shop, self.sender)
        return self._tracked

    def _doubt(self) -> Purchase | None:
        """Return the attempt in doubt that the plan says to buy once more."""
        before = self._has.action.purchase
        return before if before is not None and before.phase is Phase.IN_DOUBT else None

    def _start(self) -> tuple[orders.Start | None, ParentUse | None]:
        """Return where a follow-up starts, and what is recorded of that. Raises Unfinished."""
        source, parent = self._has.action.source, self._has.parent
        resource, _ = self._has.wanted()
        if source is None:
            return None, None
        start = orders.start_at(parent, source.candidate, self._shop.store)
        if start is None or parent is None:
            detail, hint = f"no task of {source.address} is on record", "a new take of it helps"
            raise Unfinished(Ending.IMPOSSIBLE, detail, f"nothing was sent for this one; {hint}")
        adapter, ours = self._has.channel.adapter, orders.own_picture(start, self._shop)
        above = orders.at_provider(self._has.lineage)
        offer = Offer(
            start.parent,
            start.candidate,
            by_picture=adapter.starts_from_picture(self._has.request, above),
            task_lifetime=adapter.can.task_lifetime,
            publishes=ours is not None and self._courier().delivers,
        )
        hindered = unoffered(resource, offer, self._shop.now())
        if hindered is not None:
            is_choice = hindered.verb is Verb.PICK
            ending = Ending.NEEDS_PICK if is_choice else Ending.IMPOSSIBLE
            raise Unfinished(ending, hindered.reason, hindered.note)
        number = source.candidate or orders.FIRST
        used = number if uses_candidate(resource.operation) else None
        return start, ParentUse(parent.id, used)

    def _courier(self) -> Courier:
        action = self._has.action
        files = action.resource.files if action.resource else ()
        return Courier(self._has.channel, self._shop, action.address, files)

    async def _second_order(self) -> Order:
        """Return what the task is told that waits for it; it is not lost while nobody can."""
        if self._tracked is None:
            raise AssertionError("nothing waits that was never bought")
        try:
            return await orders.second_step(
                self._tracked.purchase, self._has.channel, self._shop, self._courier()
            )
        except Unfinished as end:
            task = f"task {self._tracked.purchase.task_id} waits for its second step"
            soon = "apply again soon: it is refunded when it waits too long"
            raise Unfinished(Ending.STILL_RUNNING, f"{task}: {end.detail}", soon) from end

    def _intent(self, intent: IntentId, used: ParentUse | None) -> Purchase:
        (resource, key), now = self._has.wanted(), self._shop.now()
        before = self._shop.store.attempts(key)
        return Purchase(
            id=intent,
            fingerprint=key.fingerprint,
            take=key.take,
            attempt=before[-1].attempt + 1 if before else 1,
            address=resource.address,
            provider=self._has.channel.name,
            canonical=resource.canonical,
            parent=used,
            price=self._has.action.price,
            phase=Phase.INTENDED,
            created_at=now,
            changed_at=now,
            fruitless_before=sum(one.is_fruitless for one in before),
        )

    def _source(self) -> fetching.Source:
        known = self._has.action.purchase
        came_earlier = known is not None and known.finished_at is not None
        is_new = self.verb is Verb.BUY or not came_earlier
        return fetching.Source(self._renew_links, self._has.channel.haste, is_new=is_new)

    async def _renew_links(self) -> None:
        """Ask for the links once more: they may have moved, or only seemed to be gone."""
        tracked = self._tracked
        if tracked is None or tracked.purchase.task_id is None:
            return
        answer = await self._has.channel.look(tracked.purchase.task_id)
        if isinstance(answer, Finished) and _covers(answer, tracked.purchase):
            purchase, now = tracked.purchase, self._shop.now()
            tracked.record(waiting.delivered(answer, purchase, self._has.channel, now))

    def _show(self, purchase: Purchase) -> None:
        resource = self._has.action.resource
        if resource is None:
            return
        in_the_way = self._shop.display.show(resource, purchase)
        if in_the_way is not None:
            raise Unfinished(
                Ending.NOT_SHOWN, in_the_way, "move that file away, then run apply again"
            )
        self._shop.report(Kind.SHOWN, self._has.action.address)

    def interrupted(self) -> Outcome:
        """Return the outcome of a job that was stopped from outside."""
        self._tracked = self.sender.tracked or self._tracked
        if self._tracked is not None and self._tracked.purchase.phase is Phase.IN_DOUBT:
            return self._outcome(
                Ending.IN_DOUBT, _STOPPED, _resolve(self._tracked.purchase, self._shop.policy)
            )
        return self._outcome(Ending.INTERRUPTED, _STOPPED)

    def _outcome(self, ending: Ending, detail: str = "", hint: str = "") -> Outcome:
        purchase = self._tracked.purchase if self._tracked else None
        return Outcome(self._has.action, ending, detail, hint, purchase)


def _covers(answer: Finished, purchase: Purchase) -> bool:
    """Whether it links every candidate that is owed to us: none of them may be forgotten."""
    linked = {number for number, url in enumerate(answer.urls, 1) if url}
    return linked.issuperset(one.number for one in purchase.candidates if one.picture is None)


def _resolve(purchase: Purchase, policy: Policy) -> str:
    """Return what to do about a doubt."""
    command = f"`reconcile resolve {purchase.address}`"
    if policy.rebuys(purchase.fruitless_before):
        return f"the next apply buys it once more, as `on_doubt: rebuy` says; or {command} first"
    return f"it is never sent again by itself; {command} shows what is known, and settles it"


def _check_success(purchase: Purchase, policy: Policy) -> None:
    """Raises Unfinished for a purchase that gives no picture in this run."""
    match purchase.phase:
        case Phase.IN_DOUBT:
            raise Unfinished(
                Ending.IN_DOUBT,
                "the request left and no usable answer came back: it may have been paid",
                _resolve(purchase, policy),
            )
        case Phase.REJECTED | Phase.FAILED:
            failure = purchase.failure
            detail = f"{failure.code}: {failure.message}" if failure else "no reason was given"
            raise Unfinished(Ending.FAILED, detail, failure.advice if failure else "")
        case _:
            return
