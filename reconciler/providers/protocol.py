"""What a provider promises. An adapter is values in, values out: it opens no socket, never sleeps,
never retries, and sees neither the database nor the API key; one driver does all that for all.

A conversation with the API is a generator that yields `HttpCall`s, is sent `HttpAnswer`s, and
returns what they meant. What a *missing* answer means is the driver's business, and the same for
everyone.
"""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

from reconciler.ids import CandidateNumber, Digest, IntentId, TaskId
from reconciler.money import MicroUsd
from reconciler.providers.capabilities import Abilities
from reconciler.purchase import (
    NO_REPORT,
    Accepted,
    AnswerLost,
    FollowUp,
    Refused,
    Report,
    TaskFailed,
)
from reconciler.spec.request import Reference, Request

JsonObject = dict[str, Any]
Lineage = Sequence[Request]
"""A variant's ancestors: its parent first, the root image last; empty for an image."""

_QUOTED = 160


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture on its way to the provider."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request below the provider's base URL. `body` is sent as JSON, `file` as a form's field."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject | None = None
    file: tuple[str, Attachment] | None = None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, whole. `retry_after` in seconds when the server named a delay."""

    status: int
    body: bytes
    retry_after: float | None = None

    def json(self) -> Any:
        """Return the decoded body, or None when it is no JSON."""
        return decoded(self.body)

    def excerpt(self) -> str:
        """Return the start of the body as one short line, for an error message."""
        return quoted(self.body[:400].decode("utf-8", "replace"))


def decoded(text: str | bytes) -> Any:
    """Return what a server's JSON holds, or None: malformed, or nested beyond all reason."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def quoted(words: Any) -> str:
    """Return a server's words as one short line: printable, safe for a terminal and a database.

    What is neither text nor a number says nothing.
    """
    said = str(words)[: 4 * _QUOTED] if isinstance(words, str | int | float) else ""
    text = "".join(one if one.isprintable() else " " for one in said)
    line = " ".join(text.split())
    return line if len(line) <= _QUOTED else f"{line[: _QUOTED - 3]}..."


T = TypeVar("T")
Exchange = Generator[HttpCall, HttpAnswer, T]


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The API is unable just now and surely accepted nothing.

    `retry_after` in seconds, if it named a delay. `is_limit`: we were too fast or too many, so it
    will work later; otherwise the API itself is in trouble.
    """

    detail: str
    retry_after: float | None = None
    is_limit: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """The task is not finished; `stage` is the provider's word for where it is.

    `created_at` is when it says that it accepted the task, by its own clock; `progress` how far it
    is, in percent.
    """

    stage: str
    created_at: datetime | None = None
    progress: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The task succeeded. `follow_ups` None: the answer named none.

    `urls` in candidate order; None stands where a candidate was not delivered. `charged` is what
    the answer says that it cost, if it says so; the times are the provider's clock's.
    """

    urls: tuple[str | None, ...]
    completed_at: datetime | None
    follow_ups: tuple[FollowUp, ...] | None
    charged: MicroUsd | None = None
    created_at: datetime | None = None
    report: Report = NO_REPORT


@dataclass(frozen=True, slots=True)
class Awaiting:
    """The task waits for its second step, which `Provider.go_on` sends."""

    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The provider keeps the picture for a while, and can fetch it at `url`."""

    url: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The API says that it does not know this task."""

    detail: str


TaskState = Running | Awaiting | Finished | TaskFailed | Unknown | TryAgain
"""How a task stands, as far as one answer tells."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Why a request cannot be bought as it is written. `field` leads to the offending value."""

    field: tuple[str | int, ...]
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class ParentTask:
    """Where a follow-up starts: the finished task, the candidate, and that candidate's link.

    `handle` is what the adapter itself told about the task (purchase.Report).
    """

    task_id: TaskId
    candidate: CandidateNumber
    url: str
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A request with its inputs resolved: all that is needed to send it.

    `links` say where the provider can fetch each local picture, by its digest; `intent` is our name
    for the purchase, for whoever can keep it beside the task.
    """

    request: Request
    parent: ParentTask | None = None
    lineage: Lineage = ()
    links: Mapping[Digest, str] = field(default_factory=dict)
    intent: IntentId | None = None

    def link(self, reference: Reference) -> str:
        """Return where the provider fetches a picture. Raises KeyError for one without a place."""
        return reference.location if reference.digest is None else self.links[reference.digest]


@dataclass(frozen=True, slots=True)
class Cadence:
    """When to look, in seconds: the first poll after submission, the next ones, the usual end.

    `interval` and `usual` are (least, most).
    """

    first: float
    interval: tuple[float, float]
    usual: tuple[float, float]


@dataclass(frozen=True, slots=True)
class PriceTable:
    """What one task costs, by price key, as a source documented it on a day.

    A key of None has a rule but no documented price. Keys not in `rows` do not exist.
    """

    source: str
    as_of: date
    rows: Mapping[str, MicroUsd | None]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the rest of the program must know about an API.

    `requests_per_minute` and `concurrent` are its smallest plan's: safe for an account of which
    the configuration says nothing. `refunds_failures`: it documents that a failed task costs
    nothing in the end. `operations` is the table of what it does. `task_lifetime` is how long a
    finished task can be followed up, None: for ever, as far as anybody documents. `upload_lifetime`
    is how long it keeps an uploaded picture; None: it takes none. `own_prefix` is what the
    adapter's own paths begin with, so that a `base_url` must not end with it.
    """

    link_lifetime: timedelta
    refunds_failures: bool
    requests_per_minute: int
    concurrent: int
    prices: PriceTable
    operations: Abilities
    task_lifetime: timedelta | None = None
    upload_lifetime: timedelta | None = None
    sandbox_path: str = ""  # where the embedded emulator serves this API, below its origin
    own_prefix: str = ""


class Provider(Protocol):
    """One image API. All methods are pure."""

    @property
    def name(self) -> str:
        """Return the vendor's own name, for people."""

    @property
    def can(self) -> Capabilities:
        """Return what this API offers and how long things live there."""

    def issues(self, request: Request, lineage: Lineage) -> Iterator[Issue]:
        """Yield every reason why this API would refuse, or quietly change, the request."""

    def price_key(self, request: Request, lineage: Lineage) -> str:
        """Return the row of the price table that bills this request."""

    def units(self, request: Request) -> int:
        """Return how many times that row is charged: a batch of videos pays for each clip."""

    def cadence(self, request: Request, lineage: Lineage) -> Cadence:
        """Return the documented polling rhythm for this kind of work."""

    def prerequisite(self, request: Request, lineage: Lineage) -> Request | None:
        """Return what this API must make of the parent's candidate first, and charges for."""

    def starts_from_picture(self, request: Request, lineage: Lineage) -> bool:
        """Whether this follow-up needs a live link of the parent's candidate, not its task."""

    def submit(self, order: Order) -> Exchange[Accepted | Refused | AnswerLost | TryAgain]:
        """Buy. TryAgain only where the answer proves that nothing was accepted."""

    def has_second_step(self, request: Request) -> bool:
        """Whether such a task waits for `go_on` before it is worked on."""

    def go_on(
        self, task_id: TaskId, order: Order
    ) -> Exchange[Accepted | Refused | AnswerLost | TryAgain]:
        """Send the second step of a task that waits for it. Buys nothing more."""

    def poll(self, task_id: TaskId) -> "Exchange[TaskState]":
        """Ask how a task stands. Costs nothing, may be repeated."""

    def upload(self, picture: Attachment) -> Exchange[Uploaded | Refused | TryAgain]:
        """Give the provider a picture to fetch. Free; only where there is an `upload_lifetime`."""

    def balance(self) -> Exchange[MicroUsd | TryAgain]:
        """Ask what is left on the account."""
