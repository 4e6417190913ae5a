"""What a sandbox may be told about itself."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from reconciler.money import MicroUsd

_OPENING_BALANCE = MicroUsd(1_000_000_000)


@dataclass(frozen=True, slots=True)
class ApimartSettings:
    """Where APIMart's documents are silent or disagree, and how long things live there.

    `envelope`: the form of its errors. `accepted_code`: 200 or 1. `inpaint_answer`, `poll_answer`:
    the forms of these answers. `prompt_name`: which field of an answer tells the prompt.
    `moderation`: how a banned prompt comes back. `mask_repaints`: what of a mask is painted over.
    `quota_per_usd`: units of `quota` in a dollar; None: answers have no `quota`. `has_cost`:
    finished tasks tell their `cost` in USD.
    `patience`: an unfinished task, or one that waits for its second step, ends after so long;
        divided by `speed`.
    `task_lifetime`, `upload_lifetime`: how long a task is known after it was sent, and an upload
        can be fetched; like `link_lifetime` not divided by `speed`, for a person's days do not
        become shorter.
    `prices`: rows of its price table (`midjourney@imagine-niji7`), over the documented ones.
    Source: APIMart facts, sections 4 to 8, 10, 11, 12, 16, 19.
    """

    envelope: Literal["error", "proxy"] = "error"
    accepted_code: Literal[200, 1] = 200
    inpaint_answer: Literal["array", "flat"] = "array"
    poll_answer: Literal["bare", "wrapped"] = "bare"
    prompt_name: Literal["prompt", "prompt_en"] = "prompt"
    moderation: Literal["fail", "422", "24"] = "fail"
    mask_repaints: Literal["white", "transparent"] = "white"
    quota_per_usd: int | None = 500_000
    has_cost: bool = False
    patience: timedelta = timedelta(minutes=30)
    task_lifetime: timedelta = timedelta(days=3)
    upload_lifetime: timedelta = timedelta(hours=72)
    prices: Mapping[str, MicroUsd] = field(default_factory=dict)


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
    `apimart`: what only APIMart's protocol knows.
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
    apimart: ApimartSettings = ApimartSettings()
