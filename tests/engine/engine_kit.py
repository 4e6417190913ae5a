"""A project, the engine and the sandbox it buys from, all in virtual time.

Nothing of ours is replaced. Only the surroundings are: time, the network between engine and sandbox
(which takes a while, keeps time-outs and can refuse), and a process that may die at any step.
"""

import asyncio
import hashlib
import itertools
import json
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from engine_wire import Visit, WatchedRegister, Wire
from mortal import MortalObjects, MortalStore
from PIL import Image
from virtual_time import Fate, VirtualLoop

from reconciler.assets.objects import ObjectStore
from reconciler.assets.views import Views
from reconciler.config import ViewMode
from reconciler.display import ViewDisplay
from reconciler.engine.balances import note_balances
from reconciler.engine.channel import Channel, Manner
from reconciler.engine.outcome import Ending, Outcome, RunResult
from reconciler.engine.places import Places, PublicPlace
from reconciler.engine.progress import Happening
from reconciler.engine.scheduler import run_plan
from reconciler.engine.workshop import Workshop
from reconciler.ids import Address, CandidateNumber, Digest, IntentId, ProviderName, RunId
from reconciler.plan.actions import Action, Plan, Verb
from reconciler.plan.decide import make_plan
from reconciler.plan.owned import Owned, Shown
from reconciler.plan.pricing import Seller
from reconciler.plan.select import Selection
from reconciler.policy import CAREFUL, Policy
from reconciler.providers import PROVIDERS
from reconciler.purchase import Phase, Purchase
from reconciler.sandbox import Fault, Sandbox, SandboxSettings
from reconciler.sandbox.desk import Desk
from reconciler.sandbox.drawing import grid_of, mp4_of, png_of
from reconciler.sandbox.faults import Action as Misdeed
from reconciler.sandbox.faults import Place
from reconciler.sandbox.jobs import Task
from reconciler.sandbox.ledger import EntryKind
from reconciler.spec.request import (
    Edit,
    Imagine,
    Request,
    Reroll,
    Speed,
    Strength,
    Upscale,
    Upscaler,
    Vary,
    canonical,
    operation_of,
)
from reconciler.spec.resource import LocalFile, Parent, Resource, TakeKey
from reconciler.state.records import ViewRecord
from reconciler.state.store import UNLIMITED, Limits, Store

_drawn_before = cache(png_of)


@cache
def _clip(number: int) -> bytes:
    return mp4_of(Image.new("RGB", (16, 16)), 16, number)


def _drawing_at_once(office: Desk) -> None:
    """Let a sandbox draw without threads, which would not keep virtual time, and nothing twice.

    Drawing is a pure function and most of a test's time; all tests want the same few pictures.
    """
    long_side = office.settings.long_side

    async def draw(task: Task, number: int) -> bytes:
        painting = task.commission.candidate(number)
        photos = office._photos(painting)
        if photos:
            return png_of(painting, long_side, photos)
        return _drawn_before(painting, long_side)

    async def draw_grid(task: Task) -> bytes:
        paintings = [task.commission.candidate(number + 1) for number in range(task.pictures)]
        return grid_of(paintings, long_side, office._photos(*paintings))

    async def film(task: Task, number: int, short_side: int) -> bytes:  # noqa: ARG001
        return _clip(number)

    office.draw, office.draw_grid, office.film = draw, draw_grid, film  # type: ignore[method-assign]


START = datetime(2026, 5, 1, 12, tzinfo=UTC)
APIXO = ProviderName("apixo")
OTHER = ProviderName("other")
APIMART = ProviderName("apimart")
ADAPTERS = {APIXO: PROVIDERS["apixo"], OTHER: PROVIDERS["apixo"], APIMART: PROVIDERS["apimart"]}
PLENTY = Manner(requests_per_minute=1000, concurrent=50)
SLOTS = 8


def image(address: str, speed: Speed = Speed.FAST, **rest: Any) -> Resource:
    """Return a root image whose prompt is its address."""
    return _resource(address, Imagine(address, speed=speed), None, **rest)


def vary(address: str, parent: str, of: int | None = 1, **rest: Any) -> Resource:
    """Return a variation whose prompt is its address."""
    return _resource(address, Vary(Strength.STRONG, address), _parent(parent, of), **rest)


def upscale(address: str, parent: str, of: int | None = 1, **rest: Any) -> Resource:
    """Return an upscale; the sandbox calls it by its parent's prompt."""
    return _resource(address, Upscale(Upscaler.DOUBLE), _parent(parent, of), **rest)


def reroll(address: str, parent: str, **rest: Any) -> Resource:
    """Return a reroll; the sandbox calls it by its parent's prompt."""
    return _resource(address, Reroll(), _parent(parent, None), **rest)


def edit(address: str, parent: str, of: int | None = 1, **rest: Any) -> Resource:
    """Return an edit of a parent's candidate, whose prompt is its address."""
    return _resource(address, Edit(address, speed=Speed.FAST), _parent(parent, of), **rest)


def at_apimart(
    address: str, request: Request, parent: str | None = None, of: int | None = 1, **rest: Any
) -> Resource:
    """Return what is asked of APIMart, as an image, or of a parent's candidate."""
    above = _parent(parent, of) if parent else None
    return _resource(address, request, above, provider=APIMART, **rest)


def _parent(address: str, of: int | None) -> Parent:
    return Parent(Address(address), CandidateNumber(of) if of else None)


def _resource(address: str, request: Request, parent: Parent | None, **rest: Any) -> Resource:
    given = {"provider": APIXO, "pick": None, "take": 1, "file": "specs/a.yaml", **rest}
    return Resource(
        Address(address),
        operation=operation_of(request),
        canonical=canonical(request),
        parent=parent,
        path=("images", address),
        **given,
    )


class Diary:
    """A reporter that remembers everything, with the virtual time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.entries: list[tuple[float, Happening]] = []

    def report(self, happening: Happening) -> None:
        """Take note, as JSON would have to."""
        json.dumps(dict(happening.data))
        self.entries.append((self._clock(), happening))

    def all(self, kind: str, address: str | None = None) -> list[tuple[float, Happening]]:
        """Return everything of a kind, oldest first."""
        return [
            (at, one)
            for at, one in self.entries
            if one.kind.value == kind and address in (None, one.address)
        ]

    def when(self, kind: str, address: str) -> float:
        """Return when that happened first."""
        return self.all(kind, address)[0][0]


@dataclass(frozen=True, slots=True)
class Run:
    """One `apply`: its plan, how it ended, and how long it took in virtual seconds.

    `left_tasks` counts asyncio tasks that were still there afterwards.
    """

    plan: Plan
    result: RunResult
    diary: Diary
    took: float
    left_tasks: int
    doubtful: tuple[Purchase, ...]

    def outcome(self, address: str) -> Outcome:
        """Return the outcome of an address, which must be the only one."""
        (found,) = [one for one in self.result.outcomes if one.address == address]
        return found

    def ending(self, address: str) -> Ending:
        """Return how an address ended."""
        return self.outcome(address).ending

    def endings(self) -> dict[str, Ending]:
        """Return how every address ended."""
        return {one.address: one.ending for one in self.result.outcomes}


@dataclass(frozen=True, slots=True)
class Wish:
    """How one run is to be made; `stop_at` is when Ctrl-C comes, in seconds after the start.

    `meanwhile` is what happens to the world during the run, each after so many seconds.
    """

    stop_at: float | None = None
    fate: Fate = field(default_factory=Fate)
    retry_failed: bool = False
    limits: Limits = UNLIMITED
    meanwhile: tuple[tuple[float, Callable[[], None]], ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the engine works with; a test may give it parts that break, or that are careless.

    `policy`: what the engine follows instead of the world's.
    """

    store: type[MortalStore] = MortalStore
    objects: type[MortalObjects] = MortalObjects
    channel: type[Channel] = Channel
    policy: Policy | None = None


class World:
    """A project folder, an account at the sandbox, and the time: what a run leaves behind.

    `manners` are those of providers that are treated in another manner than the others.
    `latency` is the network's, in seconds each way; `refuses` says which requests find nobody;
    `clock_error` is how far the engine's clock is ahead of the sandbox's; `asleep` are the seconds
    that passed for everybody while the machine slept, and no timer of it ran. `reads_balances`:
    whether runs that buy ask what the account holds, before and after. `public` is the project's
    own public place; `sites` answer for other hosts than the sandbox. `runs` counts runs.
    """

    def __init__(
        self,
        folder: Path,
        *resources: Resource,
        manner: Manner = PLENTY,
        policy: Policy = CAREFUL,
        parts: Parts = Parts(),
        **settings: Any,
    ) -> None:
        self.folder = folder
        self._move_to_memory()
        self.resources = {one.address: one for one in resources}
        self.manner = manner
        self.manners: dict[ProviderName, Manner] = {}
        self.policy = policy
        self.latency = 0.05
        self.clock_error = 0.0
        self.asleep = 0.0
        self.reads_balances = False
        self.public: PublicPlace | None = None
        self.sites: dict[str, Callable[[httpx.Request], httpx.Response]] = {}
        self.thread_seconds = 0.01
        self.timeout = httpx.Timeout(60.0)
        self.visits: list[Visit] = []
        self.refuses: Callable[[httpx.Request], bool] = lambda _request: False
        self._parts = parts
        self._elapsed = 0.0
        self._loop: VirtualLoop | None = None
        self.runs = 0
        self._intents = itertools.count(1)
        usual = {"requests_per_minute": None, "concurrent": None, "long_side": 16}
        self.sandbox = Sandbox(
            SandboxSettings(
                database=folder / "sandbox.db", clock=self.clock, **{**usual, **settings}
            )
        )
        office = self.sandbox._desk
        office.tasks = WatchedRegister(office.database, office.ledger, office.settings)
        _drawing_at_once(office)

    def _move_to_memory(self) -> None:
        """Let the folder lie in memory as long as this world lives, where the system has room.

        What a run writes is made durable again and again: on a disk that is most of a test's time.
        """
        memory = Path("/dev/shm")  # noqa: S108 - only a place for temporary folders
        if not memory.is_dir():
            self.folder.mkdir(exist_ok=True)
            return
        place = tempfile.mkdtemp(prefix="reconciler-", dir=memory)
        weakref.finalize(self, shutil.rmtree, place, ignore_errors=True)
        if self.folder.is_dir():
            self.folder.rmdir()
        self.folder.symlink_to(place)

    def seconds(self) -> float:
        """Return virtual seconds since the world began."""
        return self._elapsed if self._loop is None else self._loop.time()

    def now(self) -> datetime:
        """Return the moment by the engine's clock."""
        return START + timedelta(seconds=self.seconds() + self.asleep + self.clock_error)

    def clock(self) -> float:
        """Return the moment by the sandbox's clock, as epoch seconds."""
        return START.timestamp() + self.seconds() + self.asleep

    def sleep(self, seconds: float) -> None:
        """Let time pass while nobody works."""
        self._elapsed += seconds

    def manner_with(self, provider: ProviderName | None) -> Manner:
        """Return how a provider is treated."""
        return self.manner if provider is None else self.manners.get(provider, self.manner)

    def order(self, where: Place, misdeed: Misdeed, **rule: Any) -> None:
        """Order a fault of the sandbox."""
        self.sandbox.order(Fault(where, misdeed, **rule))

    def calm(self) -> None:
        """Forget every fault."""
        self.sandbox._desk.script.clear()
        self.refuses = lambda _request: False

    def apply(self, **wishes: Any) -> Run:
        """Recover, plan and run as `reconcile apply` does. Raises what the run raises, or Crash."""
        return self.run(Wish(**wishes))

    def run(self, wish: Wish) -> Run:
        """Do the same, as wished."""
        self.runs += 1
        run = RunId(f"run-{self.runs}")
        with self._parts.store.open(self.folder / "state.db") as store:
            store.fate = wish.fate
            doubtful = tuple(store.recover(run, self.now()))
            plan = self._plan(store, retry_failed=wish.retry_failed)
            store.start_run(run, self.now())
            return self._carry_out(plan, run, store, wish, doubtful)

    def plan(self, *, retry_failed: bool = False) -> Plan:
        """Return what `reconcile plan` shows now."""
        with self.archive() as store:
            return self._plan(store, retry_failed=retry_failed)

    def action(self, address: str) -> Action | None:
        """Return the plan's line for an address; None where it is in sync."""
        return next((one for one in self.plan().actions if one.address == address), None)

    def archive(self) -> Store:
        """Open the state for reading."""
        return Store.open(self.folder / "state.db", read_only=True)

    def attempts(self) -> list[Purchase]:
        """Return every attempt on record."""
        with self.archive() as store:
            return [one for key in store.latest() for one in store.attempts(key)]

    def purchase(self, address: str) -> Purchase:
        """Return the latest purchase under an address."""
        with self.archive() as store:
            return store.by_address(Address(address))[-1]

    def phase(self, address: str) -> Phase:
        """Return the phase of the latest purchase under an address."""
        return self.purchase(address).phase

    def owned_pictures(self, address: str) -> int:
        """Return how many pictures of an address are on record and on disk."""
        return self.owned_pictures_of(self.purchase(address))

    def owned_pictures_of(self, purchase: Purchase) -> int:
        """Return how many pictures of a purchase are on record and on disk."""
        objects = ObjectStore(self.folder / "assets")
        pictures = [one.picture for one in purchase.candidates if one.picture]
        return sum(objects.has(one.digest) for one in pictures)

    def charges(self) -> Counter[str]:
        """Return how often each `mode:prompt` was charged."""
        ledger = self.sandbox.ledger()
        return Counter(f"{one.mode}:{one.prompt}" for one in ledger if one.kind is EntryKind.CHARGE)

    def charged(self, address: str) -> int:
        """Return how often an image, a variation or an edit was charged."""
        return sum(n for name, n in self.charges().items() if name.endswith(f":{address}"))

    def spent(self) -> int:
        """Return what the state says is spent, reserved, or perhaps spent, in micro-dollars."""
        with self.archive() as store:
            return store.spent_since(START)

    def submissions(self) -> list[Visit]:
        """Return every submission that left."""
        return self.sent(Place.SUBMIT)

    def sent(self, place: Place) -> list[Visit]:
        """Return all traffic of a kind that left, such as uploads, or second steps."""
        return [one for one in self.visits if one.place is place]

    def file(self, name: str, content: bytes) -> LocalFile:
        """Put a picture into the project, and return it as a spec that names it would."""
        (self.folder / name).write_bytes(content)
        return LocalFile(name, Digest(hashlib.sha256(content).hexdigest()))

    def polls(self, task_id: str | None) -> list[float]:
        """Return when a task was asked for."""
        return [one.at for one in self.visits if one.method == "GET" and one.about == task_id]

    def _objects(self, fate: Fate) -> MortalObjects:
        objects = self._parts.objects(self.folder / "assets")
        objects.fate = fate
        return objects

    def _plan(self, store: Store, *, retry_failed: bool) -> Plan:
        objects, purchases, views = self._objects(Fate()), store.latest(), store.views()
        held = [one.picture for each in purchases.values() for one in each.candidates]
        files = {path: one for view in views.values() for path, one in view.files.items()}
        differences = self._views(objects).missing_or_foreign(files)
        owned = Owned(
            now=self.now(),
            purchases=purchases,
            shown={address: _shown(view) for address, view in views.items()},
            lost=objects.missing(one.digest for one in held if one),
            stale_files=differences.missing,
            foreign_files=differences.foreign,
        )
        publishes = self.public is not None
        sellers = {name: Seller(one, {}, publishes) for name, one in ADAPTERS.items()}
        return make_plan(
            self.resources,
            owned,
            sellers,
            Selection(),
            policy=self._parts.policy or self.policy,
            retry_failed=retry_failed,
        )

    def _views(self, objects: ObjectStore) -> Views:
        return Views(self.folder / "assets", objects, ViewMode.LINK)

    def _carry_out(
        self,
        plan: Plan,
        run: RunId,
        store: MortalStore,
        wish: Wish,
        doubtful: tuple[Purchase, ...],
    ) -> Run:
        began, diary = self._elapsed, Diary(self.seconds)
        loop = self._loop = VirtualLoop(began, self.thread_seconds, wish.fate)

        async def work() -> Run:
            stop, loop.main = asyncio.Event(), asyncio.current_task()
            _at(wish.stop_at, stop.set)
            _at(wish.fate.at, loop.kill)
            for seconds, happens in wish.meanwhile:
                _at(seconds, happens)
            async with self._shop(run, store, diary, wish) as shop:
                await self._note_balances(plan, shop, stop)
                result = await run_plan(plan, self.resources, shop, stop)
                if result.bought() and not result.interrupted:
                    await self._note_balances(plan, shop, stop)
                took = self.seconds() - began
                await asyncio.sleep(0)
                left = len(asyncio.all_tasks()) - 1
                while loop.threads:  # noqa: ASYNC110 - as `asyncio.run` waits for threads
                    await asyncio.sleep(self.thread_seconds)
            return Run(plan, result, diary, took, left, doubtful)

        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                done = runner.run(work())
        except BaseException:  # of the dead nothing else is heard
            wish.fate.live()
            raise
        finally:
            self._elapsed, self._loop = loop.time(), None
        wish.fate.live()
        return done

    async def _note_balances(self, plan: Plan, shop: Workshop, stop: asyncio.Event) -> None:
        """Do as `apply` does around a run that buys, if the world wants it."""
        buys = [one.provider for one in plan.work() if one.verb is Verb.BUY]
        if self.reads_balances and buys:
            sellers = [shop.channels[name] for name in sorted({name for name in buys if name})]
            await note_balances(sellers, shop.store, shop.run, self.now, stop)

    @asynccontextmanager
    async def _shop(
        self, run: RunId, store: MortalStore, diary: Diary, wish: Wish
    ) -> AsyncIterator[Workshop]:
        objects = self._objects(wish.fate)
        wire = Wire(self, store, wish.fate)
        async with AsyncExitStack() as stack:
            channels = {}
            for name, adapter in ADAPTERS.items():
                client = httpx.AsyncClient(
                    transport=wire,
                    base_url=f"http://sandbox.test{adapter.can.sandbox_path}",
                    headers={"Authorization": f"Bearer {name}"},
                    timeout=self.timeout,
                )
                await stack.enter_async_context(client)
                channels[name] = self._parts.channel(name, adapter, client, self.manner_with(name))
            files = httpx.AsyncClient(transport=wire, timeout=self.timeout)
            await stack.enter_async_context(files)
            yield Workshop(
                run=run,
                store=store,
                objects=objects,
                display=ViewDisplay(self._views(objects), store, run, self.now),
                channels=channels,
                files=files,
                download_slots=asyncio.Semaphore(SLOTS),
                limits=wish.limits,
                reporter=diary,
                now=self.now,
                new_intent=lambda: IntentId(f"intent-{next(self._intents)}"),
                places=Places(self.folder, self.public),
                policy=self._parts.policy or self.policy,
            )


def _shown(view: ViewRecord) -> Shown:
    return Shown(TakeKey(view.fingerprint, view.take), view.intent, view.pick, view.files)


def _at(seconds: float | None, do: Callable[[], None]) -> None:
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, do)
