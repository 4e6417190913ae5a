"""The loop: start what may start, wait for one thing to end, feed that back; until nothing is left.

It knows nothing of money or HTTP. Whatever goes wrong inside one job ends that job and blocks what
depends on it; only a broken disk, or the person at the keyboard, ends the run.
"""

import asyncio
from collections.abc import Callable, Mapping

from reconciler.engine.board import Board
from reconciler.engine.job import Assignment, Job
from reconciler.engine.outcome import Ending, Outcome, RunResult
from reconciler.engine.progress import Kind
from reconciler.engine.workshop import Workshop
from reconciler.ids import Address, ProviderName
from reconciler.plan.actions import Action, Plan, Verb
from reconciler.plan.pricing import lineage
from reconciler.purchase import Purchase
from reconciler.spec.resource import Resource

_JOBS_WITHOUT_TASK = 16
_GRACE = 0.7
"""Seconds that a request on its way may take to be answered after Ctrl-C."""


async def run_plan(
    plan: Plan, resources: Mapping[Address, Resource], shop: Workshop, stop: asyncio.Event
) -> RunResult:
    """Carry out the plan's work. Raises StateError and AssetError after everything has stopped."""
    return await _Run(plan, resources, shop, stop).loop()


class _Run:
    """One execution's memory: who runs, what ended how."""

    def __init__(
        self,
        plan: Plan,
        resources: Mapping[Address, Resource],
        shop: Workshop,
        stop: asyncio.Event,
    ) -> None:
        self._plan = plan
        self._resources = resources
        self._shop = shop
        self._stop = stop
        self._board = Board(plan.work())
        self._running: dict[asyncio.Task[Outcome], Job] = {}
        self._outcomes: list[Outcome] = []
        self._owned: dict[Address, Purchase] = {}
        self._wake = asyncio.Event()

    async def loop(self) -> RunResult:
        """Return when nothing runs and nothing can start, or when a person said stop."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set():
                self._start()
                if not self._running:
                    break
                await self._wait(stopping)
                self._collect()
        finally:
            stopping.cancel()
            await self._wind_down()
        return RunResult(self._plan, tuple(self._outcomes), self._stop.is_set())

    def _start(self) -> None:
        """Start whatever is ready and has room; local work is done on the spot."""
        started = True
        while started:
            started = False
            for action in self._board.take(self._has_room):
                started = True
                self._begin(action)

    def _has_room(self, action: Action) -> bool:
        if action.verb in (Verb.BUY, Verb.WAIT):
            return self._shop.channels[_provider(action)].slots.free > 0
        if action.verb is Verb.FETCH:
            return len(self._running) < _JOBS_WITHOUT_TASK
        return True

    def _begin(self, action: Action) -> None:
        if action.verb not in (Verb.BUY, Verb.WAIT, Verb.FETCH):
            self._end(self._locally(action))
            return
        job = Job(self._assignment(action), self._shop, self._slot(action))
        task = asyncio.create_task(job.run(), name=action.address)
        self._running[task] = job

    def _slot(self, action: Action) -> Callable[[], None]:
        if action.verb is Verb.FETCH:
            return lambda: None
        slots = self._shop.channels[_provider(action)].slots
        slots.take()

        def release() -> None:
            slots.give_back()
            self._wake.set()

        return release

    def _assignment(self, action: Action) -> Assignment:
        resource, key = action.resource, action.key
        if resource is None or key is None:
            raise AssertionError(f"{action.verb} {action.address} has nothing to work on")
        source = action.source
        parent = self._owned.get(source.address, source.purchase) if source else None
        channel = self._shop.channels[_provider(action)]
        return Assignment(
            action, resource, key, lineage(resource, self._resources), channel, parent
        )

    def _locally(self, action: Action) -> Outcome:
        """Do what costs nothing and needs nobody: names appear, move, or go."""
        purchase = self._owned[action.after[0]] if action.after else action.purchase
        display = self._shop.display
        if action.verb is Verb.PRUNE:
            display.hide(action.address)
        elif action.resource is not None and purchase is not None:
            in_the_way = display.show(action.resource, purchase)
            if in_the_way is not None:
                return Outcome(action, Ending.NOT_SHOWN, in_the_way, "move that file away")
            if action.moved_from is not None:
                display.hide(action.moved_from)
        self._shop.report(Kind.SHOWN, action.address, verb=action.verb.value)
        return Outcome(action, Ending.DONE, purchase=purchase)

    async def _wait(self, stopping: "asyncio.Task[bool]") -> None:
        """Sleep until a job ends, a slot at a provider is free, or a person says stop."""
        waking = asyncio.create_task(self._wake.wait())
        await asyncio.wait({*self._running, waking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        self._wake.clear()

    def _collect(self) -> None:
        for task in [task for task in self._running if task.done()]:
            del self._running[task]
            self._end(task.result())

    def _end(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._tell(outcome)
        if outcome.ending in (Ending.DONE, Ending.NOT_SHOWN) and outcome.purchase is not None:
            self._owned[outcome.address] = outcome.purchase
        if outcome.ending in (Ending.DONE, Ending.NOT_SHOWN):
            self._board.finished(outcome.address)
            return
        for action, waited_for in self._board.failed(outcome.address):
            blocked = Outcome(action, Ending.BLOCKED, f"{waited_for} is not there", "")
            self._outcomes.append(blocked)
            self._tell(blocked)

    def _tell(self, outcome: Outcome) -> None:
        kind = Kind.DONE if outcome.ending is Ending.DONE else Kind.PROBLEM
        self._shop.report(
            kind,
            outcome.address,
            ending=outcome.ending.value,
            detail=outcome.detail,
            hint=outcome.hint,
        )

    async def _wind_down(self) -> None:
        """Stop the jobs. A request that is on its way gets a moment to bring its task id home."""
        if not self._running:
            return
        for task, job in self._running.items():
            if not job.sender.is_sending:
                task.cancel()
        _, late = await asyncio.wait(self._running, timeout=_GRACE)
        for task in late:
            task.cancel()
        await asyncio.wait(self._running)
        for task, job in self._running.items():
            cancelled = task.cancelled() or task.exception() is not None
            self._outcomes.append(job.interrupted() if cancelled else task.result())
        self._running.clear()


def _provider(action: Action) -> ProviderName:
    if action.provider is None:
        raise AssertionError(f"{action.verb} {action.address} names no provider")
    return action.provider
