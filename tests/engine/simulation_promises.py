"""The promises, checked against the sandbox's ledger and everything that went over the network."""

from collections import Counter, defaultdict
from collections.abc import Collection
from itertools import pairwise

from engine_kit import APIMART, World
from simulation_books import Books, Entry

from reconciler.assets.objects import Integrity, ObjectStore
from reconciler.evidence import Verdict
from reconciler.ids import IntentId, ProviderName, TaskId
from reconciler.inquiry import _Account, sending_time
from reconciler.money import MicroUsd
from reconciler.policy import FailureKind, OnDoubt
from reconciler.purchase import Phase, Purchase
from reconciler.sandbox.desk import account_of
from reconciler.sandbox.faults import Place
from reconciler.sandbox.jobs import Task, Vendor
from reconciler.spec.request import Single, decode, is_local
from reconciler.state.store import Limits

OVER = (Phase.REJECTED, Phase.FAILED, Phase.CANCELLED)
_DELIVERED = (Phase.SUCCEEDED, Phase.STORED)
_DOUBTFUL = (Phase.SUBMITTING, Phase.IN_DOUBT, Phase.ABANDONED)
_PAID = (Phase.SUBMITTED, Phase.MODAL, *_DELIVERED)
_NOTHING_BOUGHT = (Phase.INTENDED, Phase.REJECTED, Phase.CANCELLED)
_FOR_GOOD = (
    FailureKind.MODERATED,
    FailureKind.BAD_REQUEST,
    FailureKind.BAD_INPUT_PICTURE,
    FailureKind.EXPIRED,
    FailureKind.UNKNOWN,
)
"""What the stories meet of that which nobody may send again by itself."""

_SECOND_QUESTION = "/v1/tasks/"
_MOST_IN_VAIN = 3
_BLINK = 1e-3
"""Seconds by which the virtual clock may round."""


class BrokenPromiseError(Exception):
    """What the engine did is not what it promises."""


def demand(holds: bool, words: str) -> None:
    """Raise BrokenPromiseError unless it holds."""
    if not holds:
        raise BrokenPromiseError(words)


def check(books: Books, limits: Limits, *, deaths: int, given_up: Collection[IntentId]) -> None:
    """Compare the record with the truth. Raises BrokenPromiseError."""
    _check_submissions(books)
    _check_tasks(books)
    _check_attempts(books, given_up)
    _check_resignation(books)
    _check_doubts(books, deaths)
    _check_costs(books)
    _check_limits(books.entries, limits)
    _check_pictures(books)
    _check_pace(books.world)
    _check_evidence(books)
    _check_starts(books)
    _check_singles(books)
    _check_uploads(books.world)


def _check_submissions(books: Books) -> None:
    """At most one charge for each intent, and none for what was never intended or sent."""
    demand(None not in books.bought, "a request was charged without an intent on record")
    for intent, tasks in books.bought.items():
        demand(len(tasks) <= 1, f"{intent} was charged {len(tasks)} times")
    for one in books.attempts:
        if one.phase in _NOTHING_BOUGHT:
            demand(one.id not in books.bought, f"{one.address} is {one.phase}, and was charged")


def _check_tasks(books: Books) -> None:
    """Every charged task is on record once, or one doubt stands for it."""
    ids = [one.task_id for one in books.attempts if one.task_id]
    demand(len(ids) == len(set(ids)), "one task stands for two attempts")
    for one in books.attempts:
        if one.task_id:
            is_its_own = books.names.get(one.task_id) == books.name(one)
            demand(is_its_own, f"{one.address} has a task that is not its own")
    doubts = Counter(books.name(one) for one in books.attempts if one.phase in _DOUBTFUL)
    for name in set(books.names.values()):
        unknown = len(books.unexplained(name))
        demand(unknown <= doubts[name], f"{name}: {unknown} tasks unknown, {doubts[name]} doubts")


def _check_attempts(books: Books, given_up: Collection[IntentId]) -> None:
    """One living attempt for each take; another one follows only where the policy allows it."""
    rebuys = books.world.policy.on_doubt is OnDoubt.REBUY
    takes = defaultdict(list)
    for one in books.attempts:
        takes[one.key].append(one)
    for attempts in takes.values():
        for before, _ in pairwise(attempts):
            is_decided = rebuys or before.id in given_up
            is_over = before.phase in OVER or (before.phase is Phase.ABANDONED and is_decided)
            demand(is_over, f"{before.address} is {before.phase}, and was bought again")
            is_for_good = before.failure is not None and before.failure.kind in _FOR_GOOD
            demand(not is_for_good, f"{before.address} failed for good, and was bought again")
        vain = sum(one.is_fruitless and one.id not in given_up for one in attempts)
        demand(vain <= _MOST_IN_VAIN, f"{attempts[0].address} was bought in vain {vain} times")


def _check_resignation(books: Books) -> None:
    """No task is given up as forgotten while its vendor still tells what came of it."""
    for one in books.attempts:
        if books.is_resigned(one):
            demand(books.is_forgotten(one), f"{one.address} was given up, and can still be had")


def _check_doubts(books: Books, deaths: int) -> None:
    """A doubt for each answer that could not be read, and no more than deaths explain."""
    submitting = {one.id for one in books.attempts if one.phase is Phase.SUBMITTING}
    doubted = books.doubted | submitting
    unclear = {one.intent for one in books.world.submissions() if not one.is_clear}
    demand(unclear <= doubted, f"an answer was lost, and nobody doubts: {unclear - doubted}")
    needless = len(doubted - unclear)
    demand(needless <= deaths, f"{needless} doubts without a lost answer, {deaths} deaths")


def _check_costs(books: Books) -> None:
    """To the cent: nothing is worth less on record than it cost, and what is known costs that."""
    booked: Counter[IntentId] = Counter()
    for entry in books.entries:
        booked[entry.intent] += entry.amount
    for one in books.attempts:
        refunds = books.world.manner_with(one.provider).refunds_failures
        cost, real = one.cost or 0, books.cost(one)
        words = (
            f"{one.address} ({one.phase}): {cost} on record, {real} paid, {booked[one.id]} booked"
        )
        demand(cost == booked[one.id] and cost >= real, words)
        if one.phase in _DELIVERED:
            demand(cost == real, words)
        if books.is_resigned(one):  # nobody can tell what became of it
            demand(cost == one.price, words)
        elif one.phase is Phase.FAILED:
            demand(cost == (real if refunds else one.price), words)
    total = sum(booked.values())
    demand(total >= sum(books.net.values()), "the record is below the sandbox's sum")


def _check_limits(entries: list[Entry], limits: Limits) -> None:
    """No limit was exceeded at any moment, not by a cent: the ledger only ever grows."""
    sums: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        for what, key, limit in (
            ("run", entry.run, limits.per_run),
            ("day", entry.day, limits.per_day),
            ("month", entry.day[:7], limits.per_month),
            ("image", entry.image, limits.per_image),
        ):
            sums[what, key] += entry.amount
            spent = sums[what, key]
            is_kept = limit is None or spent <= limit
            demand(is_kept, f"{spent} of {limit} are spent in {what} {key}")


def _check_pictures(books: Books) -> None:
    """What is called stored is there, whole."""
    objects = ObjectStore(books.world.folder / "assets")
    for one in books.attempts:
        pictures = [candidate.picture for candidate in one.candidates]
        is_whole = all(it is None or objects.verify(it.digest) is Integrity.OK for it in pictures)
        demand(is_whole, f"{one.address} has pictures on record that are not there")
        is_stored = one.phase is Phase.STORED
        demand(not is_stored or None not in pictures, f"{one.address} is not complete")


def _check_pace(world: World) -> None:
    """No minute of a run sees more requests to a provider than the configuration allows.

    A poll may take two: the second one, to another API of the same vendor, is not counted.
    """
    times = defaultdict(list)
    for one in world.visits:
        is_poll = one.place is Place.STATUS and not one.path.startswith(_SECOND_QUESTION)
        is_poll = is_poll and world.manner_with(one.provider).polls_count
        if one.method == "POST" or is_poll:
            times[one.run, one.provider].append(one.at)
    for (run, provider), moments in times.items():
        most = int(world.manner_with(provider).requests_per_minute)
        for first, later in zip(moments, moments[most:], strict=False):
            is_kept = later - first >= 60 - _BLINK
            demand(is_kept, f"run {run}: {most + 1} requests within {later - first:.3f} s")


def _check_evidence(books: Books) -> None:
    """What the balance is said to prove about a doubt is true."""
    world = books.world
    with world.archive() as store:
        for doubt in books.attempts:
            if doubt.phase is not Phase.IN_DOUBT:
                continue
            sent_at = sending_time(doubt, store.log(doubt.address))
            balance = _balance(world, doubt.provider)
            found = _Account(store, doubt, sent_at).finding(world.now(), balance)
            paid, words = books.cost(doubt), f"{doubt.address}: {found.verdict}, {found.reason}"
            if found.verdict is Verdict.PAID:
                demand(doubt.id in books.bought, words)
            if found.verdict is Verdict.NOT_PAID:
                demand(paid == 0, words)


def _balance(world: World, provider: ProviderName) -> MicroUsd:
    vendor = Vendor.APIMART if provider == APIMART else Vendor.APIXO
    desk = world.sandbox._desk
    return desk.ledger.balance(account_of(str(provider), vendor), desk.now)


def _check_starts(books: Books) -> None:
    """A follow-up was bought from the very task and candidate that the record says."""
    for one in books.attempts:
        task = books.tasks.get(one.task_id) if one.task_id else None
        if task is None or "task_id" not in task.content:
            continue
        wanted, words = books.start(one), f"{one.address} started from another task"
        demand(wanted is not None and wanted[0] == task.content["task_id"], words)
        index = _index(task)
        if wanted is not None and index is not None:
            demand(wanted[1] == index, f"{one.address} started from candidate {index}")


def _index(task: Task) -> int | None:
    """Return the candidate that a task started from, where its vendor says so."""
    index = task.content.get("index")
    if not isinstance(index, int):
        return None
    return index + 1 if task.mode == "VIDEO" else index


def _check_singles(books: Books) -> None:
    """What was cut out here cost nothing, and is its parent's picture; a vendor's is paid once."""
    by_id = {one.id: one for one in books.attempts}
    cuts: defaultdict[tuple[TaskId, object], list[Purchase]] = defaultdict(list)
    for one in books.attempts:
        request = decode(one.canonical)
        if not isinstance(request, Single):
            continue
        if is_local(request):
            free = (one.cost, one.price, one.task_id) == (0, 0, None)
            demand(free, f"{one.address} was cut out here, and cost {one.cost}")
            (cut,), used = one.candidates, one.parent
            above = by_id[used.intent] if used else one
            source = above.candidate(used.candidate) if used and used.candidate else None
            same = source is not None and source.picture == cut.picture
            demand(same, f"{one.address} is not the picture it was cut out of")
        elif start := books.start(one):
            cuts[start].append(one)
    for singles in cuts.values():
        paid = [one for one in singles if one.phase in _PAID]
        demand(len(paid) <= 1, f"{singles[0].address} was needed once and paid {len(paid)} times")


def _check_uploads(world: World) -> None:
    """A picture is given to a provider once in a run, and again only if it surely did not come."""
    given = defaultdict(list)
    for one in world.visits:
        if one.place is Place.UPLOAD:
            given[one.run, one.provider, one.about].append(one)
    for tries in given.values():
        for one in tries[:-1]:
            is_proven = not one.arrived or one.status == 429
            demand(is_proven, f"run {one.run}: a picture was given away again after {one.status}")
