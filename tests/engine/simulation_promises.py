"""The promises, checked against the sandbox's ledger and everything that went over the network."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise

from engine_kit import APIXO, World
from simulation_books import Books, Entry

from reconciler.assets.objects import Integrity, ObjectStore
from reconciler.evidence import Verdict
from reconciler.ids import IntentId
from reconciler.inquiry import _Account, sending_time
from reconciler.plan.actions import Verb
from reconciler.policy import FailureKind, OnDoubt
from reconciler.purchase import Phase, Purchase
from reconciler.sandbox.desk import account_of
from reconciler.state.store import Limits

_OVER = (Phase.REJECTED, Phase.FAILED, Phase.CANCELLED)
_DELIVERED = (Phase.SUCCEEDED, Phase.STORED)
_DOUBTFUL = (Phase.SUBMITTING, Phase.IN_DOUBT, Phase.ABANDONED)
_NOTHING_BOUGHT = (Phase.INTENDED, Phase.REJECTED, Phase.CANCELLED)
_FOR_GOOD = (
    FailureKind.MODERATED,
    FailureKind.BAD_REQUEST,
    FailureKind.BAD_INPUT_PICTURE,
    FailureKind.EXPIRED,
    FailureKind.UNKNOWN,
)
"""What the stories meet of that which nobody may send again by itself."""

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
    _check_doubts(books, deaths)
    _check_costs(books)
    _check_limits(books.entries, limits)
    _check_pictures(books)
    _check_pace(books.world)
    _check_evidence(books)


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
            is_over = before.phase in _OVER or (before.phase is Phase.ABANDONED and is_decided)
            demand(is_over, f"{before.address} is {before.phase}, and was bought again")
            is_for_good = before.failure is not None and before.failure.kind in _FOR_GOOD
            demand(not is_for_good, f"{before.address} failed for good, and was bought again")
        vain = sum(one.is_fruitless and one.id not in given_up for one in attempts)
        demand(vain <= _MOST_IN_VAIN, f"{attempts[0].address} was bought in vain {vain} times")


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
    refunds = books.world.manner.refunds_failures
    for one in books.attempts:
        cost, real = one.cost or 0, books.cost(one)
        words = (
            f"{one.address} ({one.phase}): {cost} on record, {real} paid, {booked[one.id]} booked"
        )
        demand(cost == booked[one.id] and cost >= real, words)
        if one.phase in _DELIVERED:
            demand(cost == real, words)
        if one.phase is Phase.FAILED:
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
    """No minute of a run sees more requests than the configuration allows."""
    most = int(world.manner.requests_per_minute)
    times = defaultdict(list)
    for one in world.visits:
        is_poll = one.method == "GET" and not one.about.startswith("/")
        if one.method == "POST" or (is_poll and world.manner.polls_count):
            times[one.run].append(one.at)
    for run, moments in times.items():
        for first, later in zip(moments, moments[most:], strict=False):
            is_kept = later - first >= 60 - _BLINK
            demand(is_kept, f"run {run}: {most + 1} requests within {later - first:.3f} s")


def _check_evidence(books: Books) -> None:
    """What the balance is said to prove about a doubt is true."""
    world = books.world
    desk, account = world.sandbox._desk, account_of(str(APIXO))
    balance = desk.ledger.balance(account, desk.now)
    with world.archive() as store:
        for doubt in books.attempts:
            if doubt.phase is not Phase.IN_DOUBT:
                continue
            sent_at = sending_time(doubt, store.log(doubt.address))
            found = _Account(store, doubt, sent_at).finding(world.now(), balance)
            paid, words = books.cost(doubt), f"{doubt.address}: {found.verdict}, {found.reason}"
            if found.verdict is Verdict.PAID:
                demand(doubt.id in books.bought, words)
            if found.verdict is Verdict.NOT_PAID:
                demand(paid == 0, words)


def check_end(books: Books) -> None:
    """Nothing paid is forgotten, and nothing is left to do. Raises BrokenPromiseError."""
    plan = books.world.plan()
    left = {one.verb for one in plan.actions}
    demand(left <= {Verb.BLOCKED, Verb.PICK}, f"it does not end: {left}")
    listed = {one.address for one in plan.actions}
    shown = len(books.world.resources) - len(listed)
    demand(plan.in_sync == shown, f"{plan.in_sync} in sync, {shown} expected")
    told = {str(one["task_id"]): one for one in books.world.sandbox.tasks()}
    for purchase in books.attempts:
        over = (*_OVER, Phase.ABANDONED)
        if purchase.task_id is None:
            is_ended = purchase.phase in over
        else:
            is_ended = _is_at_home(purchase, told[purchase.task_id], books.world)
        demand(is_ended, f"{purchase.address} was forgotten: {purchase.phase}")
    for purchase in _latest(books):
        is_reported = purchase.phase is Phase.STORED or purchase.address in listed
        demand(is_reported, f"{purchase.address} is {purchase.phase}, and nobody says so")


def _is_at_home(purchase: Purchase, task: Mapping[str, object], world: World) -> bool:
    """Whether all of a task's pictures are there, or there is a true reason why not."""
    match purchase.phase:
        case Phase.STORED:
            return len(purchase.candidates) == task["pictures"]
        case Phase.FAILED:
            return task["state"] == "failed" or task["pictures"] == 0
        case Phase.SUCCEEDED:
            finished, life = task["finished"], world.sandbox._desk.settings.link_lifetime
            assert isinstance(finished, float)
            is_dead = world.clock() >= finished + life.total_seconds()
            return purchase.links_expire_at is None and is_dead
        case _:
            return False


def _latest(books: Books) -> Iterator[Purchase]:
    """Yield the last attempt at each take."""
    yield from {one.key: one for one in books.attempts}.values()
