"""The loop: start what may start, wait for one thing to end, feed that back; until nothing is left.

It knows nothing of money or HTTP. Whatever goes wrong inside one job ends that job and blocks what
depends on it; only a broken disk, or the person at the keyboard, ends the run.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from reconciler.engine.assignment import Assignment
from reconciler.engine.board import Board
from reconciler.engine.clock import never_back
from reconciler.engine.deriving import derive
from reconciler.engine.job import Job
from reconciler.engine.outcome import Ending, Outcome, RunResult
from reconciler.engine.progress import Kind
from reconciler.engine.workshop import Unfinished, Workshop, together
from reconciler.errors import ReconcilerError
from reconciler.ids import Address, ProviderName
from reconciler.plan.actions import Action, Plan, Verb
from reconciler.plan.pricing import lineage
from reconciler.purchase import Purchase
from reconciler.spec.resource import Resource

_FETCHES = 16
_GRACE = 0.7
"""Seconds that a request on its way may take to be answered after Ctrl-C.

When our own disk ends the run nobody is in a hurry: then it may take as long as any answer.
"""


async def run_plan(
    plan: Plan, resources: Mapping[Address, Resource], shop: Workshop, stop: asyncio.Event
) -> RunResult:
    """Carry out the plan's work. Raises StateError and AssetError after everything has stopped."""
    shop = replace(shop, now=never_back(shop.now))
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
        self._errors: list[BaseException] = []
        self._wake = asyncio.Event()

    async def loop(self) -> RunResult:
        """Return when nothing runs and nothing can start, or when a person said stop."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set() and not self._errors:
                self._start()
                if not self._running:
                    break
                await self._wait(stopping)
                self._collect()
        except ReconcilerError as error:  # our own disk, while a name was written
            self._errors.append(error)
        finally:
            await self._wind_down(stopping)
            stopping.cancel()
        if self._errors:
            raise together(self._errors)
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
        if action.verb is Verb.BUY:
            return self._shop.channels[_provider(action)].slots.free > 0
        if action.verb is Verb.FETCH:
            return sum(job.verb is Verb.FETCH for job in self._running.values()) < _FETCHES
        return True

    def _begin(self, action: Action) -> None:
        if not action.verb.is_remote:
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
        above = lineage(action.resource, self._resources) if action.resource else ()
        channel = self._shop.channels[_provider(action)]
        return Assignment(action, above, channel, self._parent(action))

    def _parent(self, action: Action) -> Purchase | None:
        """Return what it starts from, as it stands by now."""
        source = action.source
        return self._owned.get(source.address, source.purchase) if source else None

    def _locally(self, action: Action) -> Outcome:
        """Do what costs nothing and needs nobody: cut pictures out; show, move or hide names."""
        purchase, display = self._purchase_of(action), self._shop.display
        if action.verb is Verb.DERIVE:
            try:
                purchase = derive(action, self._parent(action), self._shop)
            except Unfinished as end:
                return Outcome(action, end.ending, end.detail, end.hint)
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

    def _purchase_of(self, action: Action) -> Purchase | None:
        """Return what a name shows: its own purchase, or the one that another address made."""
        if action.purchase is not None or not action.after:
            return action.purchase
        return self._owned.get(action.after[0])

    async def _wait(self, stopping: "asyncio.Task[bool]") -> None:
        """Sleep until a job ends, a slot at a provider is free, or a person says stop."""
        waking = asyncio.create_task(self._wake.wait())
        await asyncio.wait({*self._running, waking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        self._wake.clear()

    def _collect(self) -> None:
        for task in [task for task in self._running if task.done()]:
            del self._running[task]
            error = task.exception()
            if error is not None:
                self._errors.append(error)
            else:
                self._end(task.result())

    def _end(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._tell(outcome)
        if outcome.action.resource is None:
            return  # nothing waits for what no spec asks for
        if outcome.ending in (Ending.DONE, Ending.NOT_SHOWN):
            if outcome.purchase is not None:
                self._owned[outcome.address] = outcome.purchase
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

    async def _wind_down(self, stopping: "asyncio.Task[bool]") -> None:
        """Stop the jobs; a request that is on its way brings its task id home first.

        Nobody waits long for that who has pressed Ctrl-C.
        """
        if not self._running:
            return
        for task, job in self._running.items():
            job.sender.is_last = True
            if not job.sender.is_sending:
                task.cancel()
        late = set(self._running)
        while late and not stopping.done():
            await asyncio.wait({*late, stopping}, return_when=asyncio.FIRST_COMPLETED)
            late = {task for task in late if not task.done()}
        if late:
            _, late = await asyncio.wait(late, timeout=_GRACE)
        for task in late:
            task.cancel()
        await asyncio.wait(self._running)
        for task, job in self._running.items():
            self._close(task, job)
        self._running.clear()

    def _close(self, task: "asyncio.Task[Outcome]", job: Job) -> None:
        """Note how a job ended that the end of the run has overtaken."""
        if task.cancelled():
            self._outcomes.append(job.interrupted())
        elif (error := task.exception()) is not None:
            self._errors.append(error)
        else:
            outcome = task.result()
            self._outcomes.append(outcome)
            if outcome.ending is not Ending.INTERRUPTED:
                self._tell(outcome)


def _provider(action: Action) -> ProviderName:
    if action.provider is None:
        raise AssertionError(f"{action.verb} {action.address} names no provider")
    return action.provider
