"""A machine that tries to make us pay twice, or forget what we paid for.

A seed gives a tree of pictures, a configuration, faults, and a few runs that are stopped or die
somewhere. After each of them the promises are checked against the sandbox's ledger: money is the
truth. At last all trouble is over, a person settles what is in doubt, and everything must come to
an end. The same seed always plays the same story.
"""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from unittest.mock import patch

import simulation_dice as seeded
from engine_kit import APIMART, Parts, World
from engine_wire import Visit
from simulation_books import Books
from simulation_end import check_end, hopeful
from simulation_promises import check, demand
from simulation_trees import FILES
from virtual_time import Crash

from reconciler.ids import IntentId, RunId
from reconciler.purchase import Abandoned, Attached, Event, Phase, Purchase
from reconciler.sandbox.faults import Place
from reconciler.sandbox.ledger import EntryKind
from reconciler.state.store import UNLIMITED, EventRecord, Store

_PERSON = RunId("a-person")
_ROUNDS = 20
_BETWEEN = 3 * 3600.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened in some stories. `deaths` are processes that died in the middle of a run."""

    stories: int = 0
    runs: int = 0
    deaths: int = 0
    requests: int = 0
    submissions: int = 0
    charges: int = 0
    refunds: int = 0
    doubts: int = 0
    attached: int = 0
    abandoned: int = 0
    second_steps: int = 0
    uploads: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        names = [one.name for one in fields(self)]
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to tell of a story: every request, purchase and line of the history."""

    tally: Tally
    visits: tuple[Visit, ...]
    purchases: tuple[Purchase, ...]
    log: tuple[EventRecord, ...]


class Story:
    """One seed's world and what has happened in it."""

    def __init__(self, seed: int, folder: Path, parts: Parts) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._seed = seed
        self._deaths = 0
        self._given_up: set[IntentId] = set()
        self._terms = seeded.terms(self._dice)
        self.world = World(
            folder,
            *self._terms.resources,
            manner=self._terms.manner,
            policy=self._terms.policy,
            parts=parts,
            requests_per_minute=self._terms.most_a_minute,
            concurrent=self._terms.most_at_once,
            apimart=self._terms.dialect,
        )
        self.world.manners[APIMART] = self._terms.marts
        for name, content in FILES.items():
            self.world.file(name, content)
        self.world.latency = self._terms.latency
        self.world.thread_seconds = self._terms.thread_seconds
        self.world.reads_balances = True
        self.world.sandbox.order(*self._terms.faults, *self._terms.free_faults)

    def play(self) -> None:
        """Play it to the end. Raises BrokenPromiseError."""
        random.seed(self._seed)  # the engine's jitter
        try:
            with patch.object(secrets, "token_hex", lambda size: self._dice.randbytes(size).hex()):
                self._disturbed_runs()
                self._settle()
                self._last_runs()
        except BaseException as error:
            error.add_note(f"seed {self._seed}")
            raise

    def told(self) -> Told:
        """Return what there is to tell so far."""
        with self.world.archive() as store:
            log = store.log()
        words = [one.kind for one in log]
        kinds = [one.kind for one in self.world.sandbox.ledger()]
        tally = Tally(
            stories=1,
            runs=self.world.runs,
            deaths=self._deaths,
            requests=len(self.world.visits),
            submissions=len(self.world.submissions()),
            charges=kinds.count(EntryKind.CHARGE),
            refunds=kinds.count(EntryKind.REFUND),
            doubts=words.count("answer_lost"),
            attached=words.count("attached"),
            abandoned=words.count("abandoned"),
            second_steps=len(self.world.sent(Place.MODAL)),
            uploads=len(self.world.sent(Place.UPLOAD)),
        )
        return Told(tally, tuple(self.world.visits), tuple(self.world.attempts()), log)

    def _disturbed_runs(self) -> None:
        """Let a few runs be stopped, or die, at random points, while the world changes."""
        for _ in range(self._dice.randint(1, 4)):
            self._disturbed_run()
            self._check()
            self.world.sleep(seeded.pause(self._dice, self._terms.shops))
            self._set_the_clock()
        self.world.calm()
        self.world.sandbox.order(*self._terms.free_faults)
        self._terms = replace(self._terms, limits=UNLIMITED)

    def _disturbed_run(self) -> None:
        self.world.refuses = seeded.refusals(self._dice)
        wish, everything = seeded.disturbance(self._dice, self._terms), self.world.resources
        self.world.resources = seeded.kept(self._dice, everything)
        try:
            run = self.world.run(replace(wish, meanwhile=self._surprises()))
        except Crash:
            self._deaths += 1
        else:
            demand(run.left_tasks == 0, "tasks are still running")
        finally:
            self.world.resources = everything

    def _surprises(self) -> tuple[tuple[float, Callable[[], None]], ...]:
        """Return what befalls the machine during a run: it sleeps, or its clock is set."""
        surprises = (self._fall_asleep, self._set_the_clock)
        chosen = (self._dice.choice(surprises) for _ in range(self._dice.choice((0, 0, 0, 1, 2))))
        return tuple((self._dice.uniform(0, 120), one) for one in chosen)

    def _fall_asleep(self) -> None:
        self.world.asleep += self._dice.choice((60.0, seeded.DAY))

    def _set_the_clock(self) -> None:
        self.world.clock_error = seeded.clock_jump(self._dice)

    def _settle(self) -> None:
        """Let a person look at each doubt, find its task at the provider, or give it up."""
        with Store.open(self.world.folder / "state.db") as store:
            store.recover(_PERSON, self.world.now())
            doubts = [one for one in store.latest().values() if one.phase is Phase.IN_DOUBT]
            for doubt in doubts:
                store.record(doubt, self._decision(doubt), self.world.now(), _PERSON)
        self._check()

    def _decision(self, doubt: Purchase) -> Event:
        """Return what the person does; in a hurry, that is not the best."""
        books = Books(self.world)
        found = [
            task
            for task in books.unexplained(books.name(doubt))
            if not books.is_forgotten(replace(doubt, task_id=task))
        ]
        if found and self._dice.random() < 0.85:
            return Attached(found[0])
        self._given_up.add(doubt.id)
        return Abandoned()

    def _last_runs(self) -> None:
        """Let all that costs money be well, and the budget large: now all must come to an end."""
        for _ in range(_ROUNDS):
            if not self._has_work():
                break
            self.world.apply()
            self._check()
            self.world.sleep(_BETWEEN)
        check_end(Books(self.world))
        if self.world.plan().work():
            return  # it waits for what its vendor has forgotten, and asks once more each time
        before = len(self.world.visits)
        self.world.apply()
        demand(len(self.world.visits) == before, "an apply without work sends something")

    def _has_work(self) -> bool:
        """Whether there is work that can come to an end."""
        hopes = hopeful(Books(self.world), self.world.plan())
        return any(one.verb.is_work for one in hopes)

    def _check(self) -> None:
        books, limits = Books(self.world), self._terms.limits
        check(books, limits, deaths=self._deaths, given_up=self._given_up)
