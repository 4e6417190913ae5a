"""The two sets of books of a story: what the project wrote down, and what the sandbox knows."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from engine_kit import APIMART, World

from reconciler.ids import Address, CandidateNumber, IntentId, TaskId
from reconciler.policy import FailureKind
from reconciler.purchase import Phase, Purchase
from reconciler.sandbox.jobs import Task, Vendor
from reconciler.sandbox.ledger import EntryKind
from reconciler.spec.request import Imagine, Operation, Remix, Vary, Video, decode
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
        self.given_up = {one.intent: one.at for one in told if one.kind == "links_gone"}
        self._movements = world.sandbox.ledger()

    @cached_property
    def tasks(self) -> Mapping[TaskId, Task]:
        """What the sandbox knows of each task that it has ever accepted."""
        return {one.task_id: one for one in self.world.sandbox._desk.tasks.all()}

    @cached_property
    def names(self) -> Mapping[TaskId, str]:
        """What each task that was charged is called; see `name`."""
        charged = {one.task_id for one in self._movements}
        return {id_: _task_name(task) for id_, task in self.tasks.items() if id_ in charged}

    @cached_property
    def net(self) -> Mapping[TaskId, int]:
        """What each task has cost in the end, in micro-dollars."""
        sums: Counter[TaskId] = Counter()
        for one in self._movements:
            sums[one.task_id] += one.amount if one.kind is EntryKind.CHARGE else -one.amount
        return sums

    def is_resigned(self, purchase: Purchase) -> bool:
        """Whether the engine gave its task up because its vendor tells nothing of it any more."""
        failure = purchase.failure
        if failure is None or purchase.phase is not Phase.FAILED:
            return False
        return (failure.kind, failure.code) == (FailureKind.EXPIRED, "forgotten")

    def is_forgotten(self, purchase: Purchase) -> bool:
        """Whether its vendor does not tell of its task any more, however it ended."""
        task = self.tasks.get(purchase.task_id) if purchase.task_id else None
        if task is None or task.vendor is not Vendor.APIMART:
            return False
        life = self.world.sandbox._desk.settings.apimart.task_lifetime.total_seconds()
        return self.world.clock() >= task.created + life

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
        """Return what tells a purchase's task from all others: our name for it, or its prompt."""
        if purchase.provider != APIMART:
            return _ledger_name(self.world.resources[purchase.address], self.world)
        match decode(purchase.canonical):
            case Video():
                return f"VIDEO:{purchase.address}"
            case Remix(remix=strength):
                return f"REMIX_{strength.upper()}:{purchase.address}"
            case _:
                return purchase.id

    def start(self, purchase: Purchase) -> tuple[TaskId, CandidateNumber | None] | None:
        """Return the task and the candidate that a follow-up has to start from, by the record."""
        by_id, used = {one.id: one for one in self.attempts}, purchase.parent
        while used is not None:
            parent = by_id[used.intent]
            if parent.task_id is not None:
                return parent.task_id, used.candidate
            used = parent.parent
        return None

    def cost(self, purchase: Purchase) -> int:
        """Return what a purchase has really cost: its task, as far as anybody knows which."""
        tasks = [purchase.task_id] if purchase.task_id else self.bought.get(purchase.id, [])
        return sum(self.net[task] for task in tasks)


_ENTRIES = (
    "SELECT seq, run, substr(booked_at, 1, 10), image, intent, coalesce(amount_micro_usd, 0)"
    " FROM ledger ORDER BY seq"
)


def _task_name(task: Task) -> str:
    metadata = task.content.get("metadata")
    if isinstance(metadata, Mapping) and "intent" in metadata:
        return str(metadata["intent"])
    return f"{task.mode}:{task.prompt}"


def _ledger_name(resource: Resource, world: World) -> str:
    request = resource.request
    if isinstance(request, Imagine):
        return f"text-to-image:{request.prompt}"
    if resource.operation is Operation.EDIT:
        return f"image-edit:{resource.address}"
    if isinstance(request, Vary) and request.prompt:
        return f"vary:{request.prompt}"
    assert resource.parent is not None
    above = _ledger_name(world.resources[Address(resource.parent.address)], world)
    return f"{resource.operation.value}:{above.partition(':')[2]}"
