"""What a seed decides: the pictures, the account, the configuration, and all that goes wrong.

The faults are those that docs/decisions/0002 promises to survive. Where a project believes an API's
own 500, that answer is an honest one here; where it does not, the task behind it may exist.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from engine_kit import APIMART, APIXO, Wish
from simulation_trees import Grove
from virtual_time import Fate

from reconciler.config import ServerErrors
from reconciler.engine.channel import Manner
from reconciler.ids import Address, ProviderName
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
    Idle,
    NotAPicture,
    Place,
    Slow,
    Stall,
    Status,
    StatusAfter,
    Truncate,
)
from reconciler.sandbox.settings import ApimartSettings
from reconciler.spec.resource import Resource
from reconciler.state.store import UNLIMITED, Limits

DAY = 24 * 3600.0
_HOUR = 3600.0
_QUOTA_PER_USD = 500_000

_SHOPS = ((APIXO,), (APIXO,), (APIMART,), (APIXO, APIMART))
"""Who sells: half of all stories know one vendor only, as the first ones did."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a whole story. `most_a_minute` and `most_at_once` are the sandbox's limits.

    `marts` is how APIMart is treated, `dialect` how it speaks where its documents disagree.
    `free_faults` only ever strike what buys nothing.
    """

    resources: tuple[Resource, ...]
    shops: tuple[ProviderName, ...]
    manner: Manner
    marts: Manner
    dialect: ApimartSettings
    policy: Policy
    limits: Limits
    most_a_minute: int | None
    most_at_once: int | None
    latency: float
    thread_seconds: float
    faults: tuple[Fault, ...]
    free_faults: tuple[Fault, ...]


def terms(dice: random.Random) -> Terms:
    """Return the terms of a story."""
    pictures, shops = dice.choice((1, 2, 2, 4)), dice.choice(_SHOPS)
    resources = tuple(Grove(dice, pictures, shops).grow())
    concurrent, per_minute = dice.randint(1, 5), dice.randint(3, 60)
    manner = Manner(
        per_minute,
        concurrent,
        polls_count=dice.random() < 0.3,
        refunds_failures=dice.random() < 0.4,
        server_errors=dice.choice(tuple(ServerErrors)),
    )
    quota, interval = dice.choice((None, _QUOTA_PER_USD)), dice.choice((None, 20.0, 20.0, 60.0))
    return Terms(
        resources,
        shops,
        manner,
        replace(manner, refunds_failures=True, quota_per_usd=quota, interval=interval),
        _dialect(dice),
        Policy(dice.choice((OnDoubt.HOLD, OnDoubt.HOLD, OnDoubt.REBUY))),
        _limits(dice),
        dice.choice((None, per_minute, max(2, per_minute // 2), max(1, per_minute // 5))),
        dice.choice((None, concurrent, max(1, concurrent - 1))),
        dice.choice((0.0, 0.05, 0.3, 1.0)),
        dice.choice((0.0, 0.01, 0.5)),
        (
            *_faults(dice, resources, manner, shops),
            Fault(Place.SUBMIT, Fewer(pictures), times=None),
        ),
        tuple(_free_faults(dice)),
    )


def _dialect(dice: random.Random) -> ApimartSettings:
    return ApimartSettings(
        envelope=dice.choice(("error", "proxy")),
        accepted_code=dice.choice((200, 1)),
        inpaint_answer=dice.choice(("array", "flat")),
        poll_answer=dice.choice(("bare", "wrapped")),
        prompt_name=dice.choice(("prompt", "prompt_en")),
        moderation=dice.choice(("fail", "422", "24")),
        quota_per_usd=dice.choice((None, _QUOTA_PER_USD)),
        has_cost=dice.random() < 0.3,
    )


def _limits(dice: random.Random) -> Limits:
    """Return no limit, or some of the four: a cent too little, just enough, a cent too much."""
    if dice.random() < 0.4:
        return UNLIMITED

    def some() -> MicroUsd | None:
        amount = dice.randint(2, 14) * 100_000 + dice.choice((-1, 0, 1))
        return MicroUsd(amount) if dice.random() < 0.5 else None

    return Limits(per_run=some(), per_day=some(), per_month=some(), per_image=some())


def disturbance(dice: random.Random, terms: Terms) -> Wish:
    """Return how a run ends before its time, or not; tasks of two steps take longer."""
    limits, longest = terms.limits, 240.0 if APIMART in terms.shops else 90.0
    still_arrives = dice.random() < 0.5
    wish = Wish(limits=limits, fate=Fate(still_arrives=still_arrives))
    match dice.choice(("stop", "time", "commit", "write", "request", "step", "step", "none")):
        case "stop":
            return replace(wish, stop_at=dice.uniform(0, longest))
        case "time":
            at = dice.uniform(0, longest)
            return replace(wish, fate=Fate(at=at, still_arrives=still_arrives))
        case "none":
            return wish
        case "step":
            place, most = "at_step", int(longest / 90 * 10 ** dice.uniform(0.5, 3))
        case word:
            place, most = f"{dice.choice(('before', 'after'))}_{word}", dice.choice((4, 12, 30))
    fate = Fate(still_arrives=still_arrives)
    setattr(fate, place, dice.randint(1, most))
    return replace(wish, fate=fate)


def kept(dice: random.Random, resources: Mapping[Address, Resource]) -> dict[Address, Resource]:
    """Return what the specs ask for in a run: mostly all, now and then without one branch."""
    gone: set[Address] = set()
    if dice.random() < 0.15:
        gone.add(dice.choice(list(resources)))
    for address, one in resources.items():
        if one.parent is not None and one.parent.address in gone:
            gone.add(address)
    return {address: one for address, one in resources.items() if address not in gone}


def clock_jump(dice: random.Random) -> float:
    """Return by how much the clock goes wrong, in seconds; mostly it is right."""
    return dice.choice((0.0, 0.0, 0.0, 1.0, -1.0)) * dice.choice((90.0, _HOUR, 5 * _HOUR, DAY))


def pause(dice: random.Random, shops: tuple[ProviderName, ...]) -> float:
    """Return how long nobody works, in seconds; APIMart forgets tasks after three days."""
    pauses = (0.0, 1.0, 100.0, _HOUR, 8 * _HOUR, DAY)
    return dice.choice((*pauses, 4 * DAY) if APIMART in shops else pauses)


def refusals(dice: random.Random) -> Callable[[object], bool]:
    """Return which requests find nobody: none, some, or all."""
    share = dice.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 1.0))
    return lambda _request: dice.random() < share


def _faults(
    dice: random.Random,
    resources: tuple[Resource, ...],
    manner: Manner,
    shops: tuple[ProviderName, ...],
) -> Iterator[Fault]:
    """Yield up to ten faults that may strike."""
    choices = [
        (Place.SUBMIT, _losing(dice, manner)),
        (Place.SUBMIT, _refusing(dice)),
        (Place.SUBMIT, _failing(dice)),
        (Place.STATUS, _at_status(dice)),
        (Place.DOWNLOAD, _at_download(dice)),
    ]
    if APIMART in shops:
        choices += [
            (Place.SUBMIT, (*_failing_at_apimart(dice), Idle(dice.choice((30.0, 600.0, _HOUR))))),
            (Place.MODAL, _failing_at_apimart(dice)),
        ]
    names = [None, None, None, *(str(one.address) for one in resources)]
    for _ in range(dice.randint(0, 10)):
        where, misdeeds = dice.choice(choices)
        yield Fault(
            where,
            dice.choice(misdeeds),
            prompt_contains=dice.choice(names) if where is not Place.MODAL else None,
            after=dice.choice((0, 0, 1, 2, 4)),
            times=dice.choice((1, 1, 2, 4, 9)),
        )


def _free_faults(dice: random.Random) -> Iterator[Fault]:
    """Yield what befalls the requests that buy nothing: second steps and uploads."""
    for place, share in ((Place.MODAL, 0.6), (Place.UPLOAD, 0.4)):
        while dice.random() < share:
            misdeeds = (_hiding(dice), _hiding(dice), _refusing(dice), (Delay(70.0), DropBefore()))
            misdeed = dice.choice(dice.choice(misdeeds))
            yield Fault(place, misdeed, after=dice.choice((0, 0, 1)), times=dice.choice((1, 1, 3)))


def _hiding(dice: random.Random) -> tuple[Action, ...]:
    """Return what does the work and does not say so."""
    return DropAfter(), StatusAfter(dice.choice((500, 502))), Garbage(json=dice.random() < 0.5)


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


def _failing_at_apimart(dice: random.Random) -> tuple[Action, ...]:
    """Return how its tasks end badly: it tells why in words only."""
    words = (
        *("Banned prompt detected", "Task timeout", "No available upstream"),
        *("upstream code=4: --v 9", "strange"),
    )
    return (Fail("FAILED", dice.choice(words)), Stall(dice.choice((60.0, _HOUR))))


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
