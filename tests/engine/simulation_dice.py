"""What a seed decides: the pictures, the account, the configuration, and all that goes wrong.

The faults are those that docs/decisions/0002 promises to survive. Where a project believes an API's
own 500, that answer is an honest one here; where it does not, the task behind it may exist.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from engine_kit import Wish, edit, image, reroll, upscale, vary
from virtual_time import Fate

from reconciler.config import ServerErrors
from reconciler.engine.channel import Manner
from reconciler.ids import Address
from reconciler.money import MicroUsd
from reconciler.policy import OnDoubt, Policy
from reconciler.sandbox.faults import (
    Action,
    Corrupt,
    Delay,
    DropAfter,
    DropBefore,
    Fail,
    Fault,
    Fewer,
    Garbage,
    NotAPicture,
    Place,
    Slow,
    Stall,
    Status,
    StatusAfter,
    Truncate,
)
from reconciler.spec.resource import Resource
from reconciler.state.store import UNLIMITED, Limits

DAY = 24 * 3600.0
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a whole story. `most_a_minute` and `most_at_once` are the sandbox's limits."""

    resources: tuple[Resource, ...]
    manner: Manner
    policy: Policy
    limits: Limits
    most_a_minute: int | None
    most_at_once: int | None
    latency: float
    thread_seconds: float
    faults: tuple[Fault, ...]


def terms(dice: random.Random) -> Terms:
    """Return the terms of a story."""
    pictures = dice.choice((1, 2, 2, 4))
    resources = tuple(_tree(dice, pictures))
    concurrent, per_minute = dice.randint(1, 5), dice.randint(3, 60)
    manner = Manner(
        per_minute,
        concurrent,
        polls_count=dice.random() < 0.3,
        refunds_failures=dice.random() < 0.4,
        server_errors=dice.choice(tuple(ServerErrors)),
    )
    return Terms(
        resources,
        manner,
        Policy(dice.choice((OnDoubt.HOLD, OnDoubt.HOLD, OnDoubt.REBUY))),
        _limits(dice),
        dice.choice((None, per_minute, max(2, per_minute // 2), max(1, per_minute // 5))),
        dice.choice((None, concurrent, max(1, concurrent - 1))),
        dice.choice((0.0, 0.05, 0.3, 1.0)),
        dice.choice((0.0, 0.01, 0.5)),
        (*_faults(dice, resources, manner), Fault(Place.SUBMIT, Fewer(pictures), times=None)),
    )


def _tree(dice: random.Random, pictures: int) -> Iterator[Resource]:
    """Yield three to seven resources, parents first; the ledger can tell them apart."""
    first = image("i0")
    fertile, single = [Address("i0")], set[Address]()
    yield first
    for number in range(1, dice.randint(3, 7)):
        parent, of = dice.choice(fertile), dice.randint(1, pictures)
        kind = dice.choice(("image", "image", "vary", "vary", "upscale", "edit", "reroll", "copy"))
        if kind in ("upscale", "reroll"):
            kind = "vary" if parent in single else kind
            single.add(parent)
        name = f"{kind[0]}{number}" if kind in ("image", "copy") else f"{parent}.{kind[0]}{number}"
        match kind:
            case "vary":
                yield vary(name, parent, of)
            case "upscale":
                yield upscale(name, parent, of)
            case "reroll":
                yield reroll(name, parent)
            case "edit":
                yield edit(name, parent, of)
            case "copy":
                yield replace(first, address=Address(name))
            case _:
                yield image(name)
        if kind in ("vary", "image"):
            fertile.append(Address(name))


def _limits(dice: random.Random) -> Limits:
    """Return no limit, or some of the four: a cent too little, just enough, a cent too much."""
    if dice.random() < 0.4:
        return UNLIMITED

    def some() -> MicroUsd | None:
        amount = dice.randint(2, 14) * 100_000 + dice.choice((-1, 0, 1))
        return MicroUsd(amount) if dice.random() < 0.5 else None

    return Limits(per_run=some(), per_day=some(), per_month=some(), per_image=some())


def disturbance(dice: random.Random, limits: Limits) -> Wish:
    """Return how a run ends before its time, or not."""
    still_arrives = dice.random() < 0.5
    wish = Wish(limits=limits, fate=Fate(still_arrives=still_arrives))
    match dice.choice(("stop", "time", "commit", "write", "request", "step", "step", "none")):
        case "stop":
            return replace(wish, stop_at=dice.uniform(0, 90))
        case "time":
            return replace(wish, fate=Fate(at=dice.uniform(0, 90), still_arrives=still_arrives))
        case "none":
            return wish
        case "step":
            place, most = "at_step", int(10 ** dice.uniform(0.5, 3))
        case word:
            place, most = f"{dice.choice(('before', 'after'))}_{word}", dice.choice((4, 12, 30))
    fate = Fate(still_arrives=still_arrives)
    setattr(fate, place, dice.randint(1, most))
    return replace(wish, fate=fate)


def clock_jump(dice: random.Random) -> float:
    """Return by how much the clock goes wrong, in seconds; mostly it is right."""
    return dice.choice((0.0, 0.0, 0.0, 1.0, -1.0)) * dice.choice((90.0, _HOUR, 5 * _HOUR, DAY))


def pause(dice: random.Random) -> float:
    """Return how long nobody works, in seconds."""
    return dice.choice((0.0, 1.0, 100.0, _HOUR, 8 * _HOUR, DAY))


def refusals(dice: random.Random) -> Callable[[object], bool]:
    """Return which requests find nobody: none, some, or all."""
    share = dice.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 1.0))
    return lambda _request: dice.random() < share


def _faults(
    dice: random.Random, resources: tuple[Resource, ...], manner: Manner
) -> Iterator[Fault]:
    """Yield up to ten faults that may strike."""
    choices = [
        (Place.SUBMIT, _losing(dice, manner)),
        (Place.SUBMIT, _refusing(dice)),
        (Place.SUBMIT, _failing(dice)),
        (Place.STATUS, _at_status(dice)),
        (Place.DOWNLOAD, _at_download(dice)),
    ]
    names = [None, None, None, *(str(one.address) for one in resources)]
    for _ in range(dice.randint(0, 10)):
        where, misdeeds = dice.choice(choices)
        yield Fault(
            where,
            dice.choice(misdeeds),
            prompt_contains=dice.choice(names),
            after=dice.choice((0, 0, 1, 2, 4)),
            times=dice.choice((1, 1, 2, 4, 9)),
        )


def _losing(dice: random.Random, manner: Manner) -> tuple[Action, ...]:
    """Return what loses an answer, or holds it back for long."""
    hidden = (502, 504) if manner.server_errors is ServerErrors.RETRY else (500, 502, 503, 504)
    return (
        DropBefore(),
        DropAfter(),
        Status(dice.choice((502, 504)), html=dice.random() < 0.5),
        StatusAfter(dice.choice(hidden)),
        Garbage(json=dice.random() < 0.5),
        Delay(dice.uniform(0.1, 55)),
        Delay(dice.uniform(20, 55)),
        Delay(dice.uniform(20, 100)),
    )


def _refusing(dice: random.Random) -> tuple[Action, ...]:
    """Return what says no before anything is accepted."""
    return (
        Status(429),
        Status(429, retry_after=dice.randint(0, 20)),
        Status(dice.choice((500, 503))),
        Status(dice.choice((400, 404, 422))),
        Status(dice.choice((401, 402, 403))),
    )


def _failing(dice: random.Random) -> tuple[Action, ...]:
    """Return what becomes of an accepted task but the usual."""
    return (
        Fail(dice.choice(("NSFW", "Strange"))),
        Fail(dice.choice(("Task TimeOut", "RateLimitExceeded"))),
        Fail(dice.choice(("GENERATION_FAILED", "INSUFFICIENT_CREDITS"))),
        Fewer(dice.randint(0, 2)),
        Stall(dice.uniform(1, 1200)),
        Stall(dice.choice((1200.0, _HOUR, 20 * _HOUR))),
    )


def _at_status(dice: random.Random) -> tuple[Action, ...]:
    return (
        Status(dice.choice((429, 500, 502, 404, 401)), html=dice.random() < 0.3),
        Garbage(json=dice.random() < 0.5),
        DropBefore(),
        Delay(dice.uniform(0.1, 100)),
    )


def _at_download(dice: random.Random) -> tuple[Action, ...]:
    return (
        Status(dice.choice((403, 404, 410, 500, 503))),
        DropBefore(),
        Truncate(dice.random()),
        NotAPicture(),
        Corrupt(),
        Slow(dice.choice((5, 50, 1000))),
        Delay(dice.uniform(0.1, 100)),
    )
