"""Jobs and tasks as values, free of any vendor's words, and the refusal of a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from reconciler.ids import TaskId
from reconciler.money import MicroUsd
from reconciler.sandbox.drawing.painting import Commission


class Vendor(StrEnum):
    """Whose protocol a request speaks."""

    APIXO = "apixo"
    APIMART = "apimart"


Content = Mapping[str, object]
"""A request in its vendor's words, with defaults filled in: what is executed."""


class RefusalError(Exception):
    """The request is answered with an HTTP error; nothing was recorded, nothing charged.

    `fail_code` is set where the vendor might as well accept and let the task fail.
    """

    def __init__(self, status: int, message: str, *, fail_code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fail_code = fail_code


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task gives nothing, in the vendor's words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How a vendor runs its tasks; seconds at speed 1.

    `limit`: an unfinished task fails then, as `overdue` says; None: it may take for ever. `queues`:
    what exceeds the concurrent tasks waits instead of being refused. `is_instant`: it takes no
    place among them. `pauses`: the task waits for its second step until the limit, and then fails.
    """

    limit: float | None = None
    overdue: Failure = Failure("", "")
    queues: bool = False
    is_instant: bool = False
    pauses: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """An acceptable request: what it costs, how long it takes, what it draws.

    `duration` is the shortest and longest time in seconds at speed 1. `mode` is the vendor's word
    for what was asked; `content` what is executed (they differ for a repetition). `stall` and
    `idle` are added by faults: seconds that the work, or the wait before it, takes longer.
    """

    mode: str
    prompt: str
    content: Content
    price: MicroUsd
    pictures: int
    duration: tuple[float, float]
    commission: Commission
    callback_url: str | None = None
    failure: Failure | None = None
    stall: float = 0.0
    idle: float = 0.0
    vendor: Vendor = Vendor.APIXO
    pace: Pace = Pace()


class Phase(StrEnum):
    """Where a task stands."""

    UNCONFIRMED = "unconfirmed"
    PENDING = "pending"
    PAUSED = "paused"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Task:
    """An accepted job. Times are epoch seconds; `finished` is infinite where it never will be.

    `account` is the hash of the key that paid. `origin` is scheme and host that the request was
    sent to: the base of its links. `paused`: it waits for a second step, and will have waited in
    vain when it is finished.
    """

    task_id: TaskId
    vendor: Vendor
    account: str
    mode: str
    prompt: str
    content: Content
    price: MicroUsd
    pictures: int
    commission: Commission
    created: float
    confirmed: float
    started: float
    finished: float
    paused: bool
    failure: Failure | None
    callback_url: str | None
    origin: str

    def phase(self, now: float) -> Phase:
        """Return the phase at a time. Pure: nothing has to happen for a task to advance."""
        if now >= self.finished:
            return Phase.SUCCESS if self.failure is None else Phase.FAILED
        if self.paused:
            return Phase.PAUSED
        if now < self.confirmed:
            return Phase.UNCONFIRMED
        return Phase.PENDING if now < self.started else Phase.PROCESSING


@dataclass(frozen=True, slots=True)
class OwnPicture:
    """A picture of this sandbox that a request points at; `is_live` until its link expires."""

    task: Task
    number: int
    is_live: bool


class Archive(Protocol):
    """What a vendor's rules may know of earlier tasks: those of the same account."""

    @property
    def now(self) -> float:
        """Epoch seconds."""

    def find(self, task_id: str) -> Task | None:
        """Return the account's task of this id."""

    def picture(self, url: str) -> OwnPicture | None:
        """Return the delivered picture that a link points at, if it is one of the account's."""
