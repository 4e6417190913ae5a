"""The two sets of books of a story: what the project wrote down, and what the sandbox knows."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from engine_kit import World

from reconciler.ids import Address, IntentId, TaskId
from reconciler.purchase import Purchase
from reconciler.sandbox.ledger import EntryKind
from reconciler.spec.request import Imagine, Operation
from reconciler.spec.resource import Resource


class Entry(NamedTuple):
    """One entry of the state's own ledger."""

    seq: int
    run: str
    day: str
    image: str
    intent: IntentId
    amount: int


class Books:
    """What the record says, what the sandbox knows, and what was sent, at one moment."""

    def __init__(self, world: World) -> None:
        self.world = world
        with world.archive() as store:
            self.attempts = [one for key in store.latest() for one in store.attempts(key)]
            self.entries = store._source.ask(
                lambda connection: [Entry(*row) for row in connection.execute(_ENTRIES)]
            )
            told = store.log()
        self.known = {one.task_id: one for one in self.attempts if one.task_id}
        self.doubted = {one.intent for one in told if one.kind == "answer_lost"}
        self._movements = world.sandbox.ledger()

    @cached_property
    def names(self) -> Mapping[TaskId, str]:
        """What the sandbox calls each task that it has charged."""
        return {one.task_id: f"{one.mode}:{one.prompt}" for one in self._movements}

    @cached_property
    def net(self) -> Mapping[TaskId, int]:
        """What each task has cost in the end, in micro-dollars."""
        sums: Counter[TaskId] = Counter()
        for one in self._movements:
            sums[one.task_id] += one.amount if one.kind is EntryKind.CHARGE else -one.amount
        return sums

    @cached_property
    def bought(self) -> Mapping[IntentId | None, list[TaskId]]:
        """The tasks that each intent's requests have become, whoever has heard of it."""
        tasks: dict[IntentId | None, list[TaskId]] = defaultdict(list)
        for visit in self.world.submissions():
            if visit.bought:
                tasks[visit.intent].append(visit.bought)
        return tasks

    def unexplained(self, name: str) -> list[TaskId]:
        """Return the charged tasks of this name that no record knows: what a person can look up."""
        return [
            task for task, called in self.names.items() if called == name and task not in self.known
        ]

    def name(self, purchase: Purchase) -> str:
        """Return the `mode:prompt` that the sandbox's ledger knows a purchase by."""
        return _ledger_name(self.world.resources[purchase.address], self.world)

    def cost(self, purchase: Purchase) -> int:
        """Return what a purchase has really cost: its task, as far as anybody knows which."""
        tasks = [purchase.task_id] if purchase.task_id else self.bought.get(purchase.id, [])
        return sum(self.net[task] for task in tasks)


_ENTRIES = (
    "SELECT seq, run, substr(booked_at, 1, 10), image, intent, coalesce(amount_micro_usd, 0)"
    " FROM ledger ORDER BY seq"
)


def _ledger_name(resource: Resource, world: World) -> str:
    request = resource.request
    if isinstance(request, Imagine):
        return f"text-to-image:{request.prompt}"
    if resource.operation is Operation.EDIT:
        return f"image-edit:{resource.address}"
    if resource.operation is Operation.VARY:
        return f"vary:{resource.address}"
    assert resource.parent is not None
    above = _ledger_name(world.resources[Address(resource.parent.address)], world)
    return f"{resource.operation.value}:{above.partition(':')[2]}"
