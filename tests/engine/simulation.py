"""A machine that tries to make us pay twice, or forget what we paid for.

A seed gives a tree of pictures, limits, faults, and a few runs that are stopped or die somewhere.
After each of them, and at the end when all trouble is over, the promises are checked against the
sandbox's ledger: money is the truth. The same seed always plays the same story.
"""

import random
import secrets
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from engine_kit import START, Parts, Wish, World, edit, image, reroll, upscale, vary
from virtual_time import Crash, Fate

from reconciler.engine.channel import Manner
from reconciler.ids import Address
from reconciler.money import MicroUsd
from reconciler.plan.actions import Verb
from reconciler.purchase import Phase, Purchase
from reconciler.sandbox.faults import (
    Action,
    Corrupt,
    Delay,
    DropAfter,
    DropBefore,
    Fail,
    Fewer,
    Garbage,
    NotAPicture,
    Place,
    Stall,
    Status,
    StatusAfter,
    Truncate,
)
from reconciler.sandbox.ledger import EntryKind
from reconciler.spec.request import Imagine, Operation
from reconciler.spec.resource import Resource
from reconciler.state.store import UNLIMITED, Limits

_UNDECIDED = (Phase.IN_DOUBT, Phase.SUBMITTING)
_OVER = (Phase.REJECTED, Phase.FAILED, Phase.CANCELLED)
_FAR_AWAY = datetime(2000, 1, 1, tzinfo=UTC)


class BrokenPromiseError(Exception):
    """What the engine did is not what it promises."""


def play(seed: int, folder: Path, parts: Parts) -> World:
    """Play one story. Raises BrokenPromiseError."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    random.seed(seed)  # the engine's jitter
    with patch.object(secrets, "token_hex", lambda size: dice.randbytes(size).hex()):
        story = _Story(seed, folder, parts, dice)
        story.disturbed_runs()
        story.last_runs()
        return story.world


class _Story:
    """One seed's world and what has happened in it."""

    def __init__(self, seed: int, folder: Path, parts: Parts, dice: random.Random) -> None:
        self.seed = seed
        self.dice = dice
        self.crashes = 0
        pictures = dice.choice((1, 2, 2, 4))
        resources = _tree(dice, pictures)
        concurrent, per_minute = dice.randint(1, 5), dice.randint(3, 60)
        self.world = World(
            folder,
            *resources,
            manner=Manner(per_minute, concurrent),
            parts=parts,
            requests_per_minute=dice.choice((None, per_minute, max(2, per_minute // 2))),
            concurrent=dice.choice((None, concurrent, max(1, concurrent - 1))),
        )
        self.world.latency = dice.choice((0.0, 0.05, 0.3, 1.0))
        self.world.thread_seconds = dice.choice((0.0, 0.01, 0.5))
        self.limits = _limits(dice)
        for where, misdeed in _misdeeds(dice):
            names = [None, None, *(str(one.address) for one in resources)]
            self.world.order(
                where,
                misdeed,
                prompt_contains=dice.choice(names),
                after=dice.choice((0, 0, 1, 2, 4)),
                times=dice.randint(1, 4),
            )
        self.world.order(Place.SUBMIT, Fewer(pictures), times=None)

    def disturbed_runs(self) -> None:
        """Let a few runs be stopped, or die, at random points."""
        for _ in range(self.dice.randint(1, 3)):
            wish = replace(_disturbance(self.dice), limits=self.limits)
            try:
                run = self.world.run(wish)
            except Crash:
                self.crashes += 1
            else:
                self._demand(run.left_tasks == 0, "tasks are still running")
            self.check()
            self.world.sleep(self.dice.choice((0, 1, 100, 3600)))

    def last_runs(self) -> None:
        """Let everything be well, and the budget large: now all must come to an end."""
        self.world.calm()
        for _ in range(4):
            if not self.world.apply().plan.work():
                break
        self.check()
        left = {one.verb for one in self.world.plan().actions}
        self._demand(left <= {Verb.RESOLVE, Verb.BLOCKED, Verb.PICK}, f"it does not end: {left}")
        for purchase in self.world.attempts():
            self._check_ended(purchase)

    def check(self) -> None:
        """Compare the record with the ledger."""
        attempts = self.world.attempts()
        self._check_charges(attempts)
        self._check_doubts(attempts)
        charged = sum(
            one.amount for one in self.world.sandbox.ledger() if one.kind is EntryKind.CHARGE
        )
        spent = self.world.spent()
        self._demand(charged <= spent, f"charged {charged}, on record {spent}")
        limit = self.limits.per_month
        self._demand(limit is None or spent <= limit or not self._is_limited(), "over budget")

    def _is_limited(self) -> bool:
        return bool(self.world.sandbox._desk.script.listing())

    def _check_charges(self, attempts: list[Purchase]) -> None:
        """At most one charge for each attempt, and one living attempt for each take."""
        known = [one.task_id for one in attempts if one.task_id]
        self._demand(len(known) == len(set(known)), "one task stands for two attempts")
        living = Counter(one.key for one in attempts if one.phase not in _OVER)
        self._demand(set(living.values()) <= {1}, "one take is being bought twice")
        names = {one.address: _ledger_name(one, self.world) for one in self._resources()}
        charges = self.world.charges()
        for name in set(names.values()):
            mine = [one for one in attempts if names[one.address] == name]
            accepted = sum(one.task_id is not None for one in mine)
            doubtful = sum(one.phase in _UNDECIDED for one in mine)
            is_explained = accepted <= charges[name] <= accepted + doubtful
            words = f"{name} was charged {charges[name]} times; {accepted} known, {doubtful} doubts"
            self._demand(is_explained, words)

    def _check_doubts(self, attempts: list[Purchase]) -> None:
        """A doubt for each answer that could not be read, and no more than crashes explain."""
        doubts = sum(one.phase in _UNDECIDED for one in attempts)
        unclear = sum(not one.is_clear for one in self.world.submissions())
        is_explained = unclear <= doubts <= unclear + self.crashes
        words = f"{doubts} doubts, {unclear} answers lost, {self.crashes} crashes"
        self._demand(is_explained, words)

    def _check_ended(self, purchase: Purchase) -> None:
        """What was bought is at home, whole; what was not has an end on record."""
        at_home = purchase.phase is Phase.STORED
        self._demand(
            at_home or purchase.phase in (*_OVER, Phase.IN_DOUBT),
            f"{purchase.address} was forgotten: {purchase.phase}",
        )
        if at_home:
            owned = self.world.owned_pictures_of(purchase)
            self._demand(owned == len(purchase.candidates), f"{purchase.address} lacks pictures")

    def _resources(self) -> list[Resource]:
        return list(self.world.resources.values())

    def _demand(self, holds: bool, words: str) -> None:
        if not holds:
            raise BrokenPromiseError(f"seed {self.seed}: {words}")


def _tree(dice: random.Random, pictures: int) -> list[Resource]:
    """Return three to seven resources, parents first; the ledger can tell them apart."""
    made = [image("i0")]
    fertile = {Address("i0")}
    single: set[Address] = set()
    for number in range(1, dice.randint(3, 7)):
        parent = dice.choice(sorted(fertile))
        of = dice.randint(1, pictures)
        kind = dice.choice(("image", "image", "vary", "vary", "upscale", "edit", "reroll", "copy"))
        if kind in ("upscale", "reroll") and parent in single:
            kind = "vary"
        name = f"{kind[0]}{number}"
        match kind:
            case "vary":
                made.append(vary(name, parent, of))
            case "upscale":
                made.append(upscale(name, parent, of))
                single.add(parent)
            case "reroll":
                made.append(reroll(name, parent))
                single.add(parent)
            case "edit":
                made.append(edit(name, parent, of))
            case "copy":
                made.append(replace(made[0], address=Address(name)))
            case _:
                made.append(image(name))
        if kind in ("vary", "image"):
            fertile.add(Address(name))
    return made


def _ledger_name(resource: Resource, world: World) -> str:
    """Return the `mode:prompt` that the sandbox's ledger knows a resource by."""
    request = resource.request
    if isinstance(request, Imagine):
        return f"text-to-image:{request.prompt}"
    if resource.operation is Operation.EDIT:
        return f"image-edit:{resource.address}"
    if resource.operation is Operation.VARY:
        return f"vary:{resource.address}"
    assert resource.parent is not None
    above = _ledger_name(world.resources[resource.parent.address], world).partition(":")[2]
    return f"{resource.operation.value}:{above}"


def _limits(dice: random.Random) -> Limits:
    if dice.random() < 0.7:
        return UNLIMITED
    return Limits(per_month=MicroUsd(dice.randint(1, 12) * 100_000))


def _disturbance(dice: random.Random) -> Wish:
    """Return how a run ends before its time, or not."""
    match dice.choice(("stop", "time", "commit", "commit", "request", "request", "none")):
        case "stop":
            return Wish(stop_at=dice.uniform(0, 90))
        case "time":
            return Wish(fate=Fate(at=dice.uniform(0, 90)))
        case "commit":
            number = dice.randint(1, 30)
            dies = Fate(before_commit=number), Fate(after_commit=number)
            return Wish(fate=dice.choice(dies))
        case "request":
            number = dice.randint(1, 25)
            dies = Fate(before_request=number), Fate(after_request=number)
            return Wish(fate=dice.choice(dies))
    return Wish()


def _misdeeds(dice: random.Random) -> list[tuple[Place, Action]]:
    """Return up to eight faults that may strike."""
    at_submit: tuple[Action, ...] = (
        DropBefore(),
        DropAfter(),
        DropAfter(),
        Status(429),
        Status(429, retry_after=dice.randint(0, 20)),
        Status(dice.choice((500, 503))),
        Status(dice.choice((502, 504)), html=dice.random() < 0.5),
        Status(dice.choice((400, 404, 422))),
        Status(dice.choice((401, 402, 403))),
        StatusAfter(dice.choice((502, 504))),
        Garbage(json=dice.random() < 0.5),
        Delay(dice.uniform(0.1, 50)),
        Delay(dice.uniform(20, 100)),
        Fail(dice.choice(("NSFW", "Strange"))),
        Fail(dice.choice(("Task TimeOut", "RateLimitExceeded"))),
        Fewer(dice.randint(0, 2)),
        Stall(dice.uniform(1, 3000)),
    )
    at_status: tuple[Action, ...] = (
        Status(dice.choice((429, 500, 502, 404, 401)), html=dice.random() < 0.3),
        Garbage(json=dice.random() < 0.5),
        DropBefore(),
        Delay(dice.uniform(0.1, 100)),
    )
    at_download: tuple[Action, ...] = (
        Status(dice.choice((403, 404, 410, 500, 503))),
        DropBefore(),
        Truncate(dice.random()),
        NotAPicture(),
        Corrupt(),
        Delay(dice.uniform(0.1, 100)),
    )
    choices = [(Place.SUBMIT, at_submit)] * 3 + [
        (Place.STATUS, at_status),
        (Place.DOWNLOAD, at_download),
    ]
    chosen = (dice.choice(choices) for _ in range(dice.randint(0, 8)))
    return [(where, dice.choice(misdeeds)) for where, misdeeds in chosen]
