"""How a story has to end: nothing paid is forgotten, and nothing is left to do."""

from collections.abc import Iterator

from simulation_books import Books
from simulation_promises import OVER, demand

from reconciler.ids import Address
from reconciler.plan.actions import Action, Plan, Verb
from reconciler.purchase import Phase, Purchase
from reconciler.sandbox.jobs import Task
from reconciler.spec.request import decode, is_local


def hopeful(books: Books, plan: Plan) -> list[Action]:
    """Return what can come to an end, and does not wait for a task that its vendor has forgotten.

    Nobody can bring home what was not fetched within the three days that APIMart keeps a task; our
    own clock, which may be wrong, has to be a day further before that wait is given up.
    """
    hopeless: set[Address] = set()
    for one in plan.actions:
        purchase = one.purchase
        is_lost = one.verb is Verb.WAIT and purchase is not None and books.is_forgotten(purchase)
        if is_lost or not hopeless.isdisjoint(one.after):
            hopeless.add(one.address)
    return [one for one in plan.actions if one.address not in hopeless]


def check_end(books: Books) -> None:
    """Nothing paid is forgotten, and nothing is left to do. Raises BrokenPromiseError."""
    plan = books.world.plan()
    left = {one.verb for one in hopeful(books, plan)}
    demand(left <= {Verb.BLOCKED, Verb.PICK}, f"it does not end: {left}")
    listed = {one.address for one in plan.actions}
    shown = len(books.world.resources.keys() - listed)
    demand(plan.in_sync == shown, f"{plan.in_sync} in sync, {shown} expected")
    for purchase in books.attempts:
        task = books.tasks[purchase.task_id] if purchase.task_id else None
        is_ended = _is_over(purchase) if task is None else _is_at_home(purchase, task, books)
        demand(is_ended, f"{purchase.address} was forgotten: {purchase.phase}")
    for purchase in _latest(books):
        if purchase.address in books.world.resources:
            is_reported = purchase.phase is Phase.STORED or purchase.address in listed
            demand(is_reported, f"{purchase.address} is {purchase.phase}, and nobody says so")


def _is_over(purchase: Purchase) -> bool:
    """Whether a purchase without a task has ended; what was made here never had one."""
    is_made_here = purchase.phase is Phase.STORED and is_local(decode(purchase.canonical))
    return is_made_here or purchase.phase in (*OVER, Phase.ABANDONED)


def _is_at_home(purchase: Purchase, task: Task, books: Books) -> bool:
    """Whether all that a task gave is there, or there is a true reason why not."""
    gave = 1 if task.mode == "DESCRIBE" else task.pictures
    match purchase.phase:
        case Phase.STORED:
            return len(purchase.candidates) == gave
        case Phase.FAILED:
            is_true = task.failure is not None or gave == 0
            return is_true or (books.is_resigned(purchase) and books.is_forgotten(purchase))
        case Phase.SUCCEEDED:
            return purchase.links_expire_at is None and _is_dead(purchase, task, books)
        case _:
            return books.is_forgotten(purchase)


def _is_dead(purchase: Purchase, task: Task, books: Books) -> bool:
    """Whether the links' time was over, at least by the clock that said so when they were dead."""
    life = books.world.sandbox._desk.settings.link_lifetime.total_seconds()
    told = books.given_up[purchase.id].timestamp()
    return max(books.world.clock(), told) >= task.finished + life


def _latest(books: Books) -> Iterator[Purchase]:
    """Yield the last attempt at each take."""
    yield from {one.key: one for one in books.attempts}.values()
