"""What a sandbox may be told about itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from reconciler.money import MicroUsd

_OPENING_BALANCE = MicroUsd(1_000_000_000)


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """The sandbox's world. Only `database` has no default.

    `database`: SQLite file, created with its parents; tasks, ledger and faults survive restarts.
    `speed`: task durations, the per-minute window and callback delays are divided by this.
    `long_side`: pixels of a generated picture's longer side; upscales multiply it.
    `requests_per_minute`, `concurrent`: submissions and unfinished tasks per key; None: no limit.
    `polls_count`: status and balance questions count among the requests, too.
        Source: APIXO facts, section 12 (whether they do is undocumented).
    `api_key`: the only key that is accepted; None: every non-empty one is.
    `balance`: opening balance of each key's account.
    `link_lifetime`: how long a finished picture can be downloaded; not divided by `speed`.
    `clock`: epoch seconds. `seed`: varies durations and drawings.
    `callback_delays`: seconds before each repetition of a callback that was not answered with 200.
        Source: APIXO facts, section 9 (only the first, 30, is attested).
    `reject_late`: accept a request that breaks a rule and let its task fail, instead of HTTP 400.
        Source: APIXO facts, section 10.4 (which of both happens is undocumented).
    """

    database: Path
    speed: float = 1.0
    long_side: int = 1024
    requests_per_minute: int | None = 60
    concurrent: int | None = 10
    polls_count: bool = False
    api_key: str | None = None
    balance: MicroUsd = _OPENING_BALANCE
    link_lifetime: timedelta = timedelta(hours=24)
    clock: Callable[[], float] = time.time
    seed: int = 0
    callback_delays: tuple[float, ...] = (30.0, 60.0, 120.0)
    reject_late: bool = False
