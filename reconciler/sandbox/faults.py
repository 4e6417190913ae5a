"""Misbehaviour on order: a closed set of faults, and their JSON form.

    {"where": "submit", "action": "drop_after", "prompt_contains": "owl", "after": 1, "times": 2}

`where` and `action` are needed; `prompt_contains`, `mode` and `vendor` narrow the match; the first
`after` matching requests are spared, the next `times` (default 1; null: all) are struck. Fields of
the action stand beside them: {"where": "status", "action": "status", "status": 429, "html": true}.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, get_type_hints


class Place(StrEnum):
    """The kinds of traffic, each of which can go wrong; `callback` is what the sandbox sends.

    `modal` is the second step of a task, `upload` a picture given to the vendor: APIMart's only.
    """

    SUBMIT = "submit"
    STATUS = "status"
    DOWNLOAD = "download"
    BALANCE = "balance"
    CALLBACK = "callback"
    MODAL = "modal"
    UPLOAD = "upload"


_READS = frozenset({Place.STATUS, Place.BALANCE})
_ORDERS = frozenset({Place.SUBMIT, Place.MODAL})
_WRITES = _ORDERS | {Place.UPLOAD}
_ANSWERS = _READS | _WRITES | {Place.DOWNLOAD}


@dataclass(frozen=True, slots=True)
class Action:
    """What goes wrong. `name` is its word in JSON; `places` are where it can strike."""

    name: ClassVar[str]
    places: ClassVar[frozenset[Place]]


@dataclass(frozen=True, slots=True)
class Status(Action):
    """An HTTP error instead of any work: nothing is recorded, nothing charged.

    `retry_after`: seconds for the header. `html`: a proxy's page instead of the API's envelope.
    `message`: the envelope's text; None: the status' own phrase.
    """

    name = "status"
    places = _ANSWERS

    status: int
    retry_after: float | None = None
    html: bool = False
    message: str | None = None

    def __post_init__(self) -> None:
        _check_error_status(self.status)


@dataclass(frozen=True, slots=True)
class DropBefore(Action):
    """The connection breaks before anything is read; a callback is never sent."""

    name = "drop_before"
    places = frozenset(Place)


@dataclass(frozen=True, slots=True)
class DropAfter(Action):
    """What was sent is accepted, and charged; then the connection breaks without an answer."""

    name = "drop_after"
    places = _WRITES


@dataclass(frozen=True, slots=True)
class StatusAfter(Action):
    """What was sent is accepted, and charged, but the answer is this HTTP error."""

    name = "status_after"
    places = _WRITES

    status: int = 502
    retry_after: float | None = None
    html: bool = False

    def __post_init__(self) -> None:
        _check_error_status(self.status)


@dataclass(frozen=True, slots=True)
class Delay(Action):
    """The work is done at once, its answer held back for `seconds` (whatever the speed)."""

    name = "delay"
    places = frozenset(Place)

    seconds: float


@dataclass(frozen=True, slots=True)
class Garbage(Action):
    """HTTP 200 with something unreadable; a submission is accepted and charged all the same.

    `json`: well-formed JSON of a wrong shape, instead of no JSON at all.
    """

    name = "garbage"
    places = _READS | _WRITES

    json: bool = False


@dataclass(frozen=True, slots=True)
class Fail(Action):
    """The task fails after its usual duration, and is refunded."""

    name = "fail"
    places = _ORDERS

    code: str
    message: str = "Failed on order of the sandbox"


@dataclass(frozen=True, slots=True)
class Fewer(Action):
    """The task succeeds with at most this many pictures."""

    name = "fewer"
    places = _ORDERS

    pictures: int


@dataclass(frozen=True, slots=True)
class Stall(Action):
    """The task takes `seconds` longer (whatever the speed); None: it never finishes."""

    name = "stall"
    places = _ORDERS

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Idle(Action):
    """The task is not begun for `seconds` (whatever the speed); None: never."""

    name = "idle"
    places = _ORDERS

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Deny(Action):
    """HTTP 200 and `success: false`: the balance could not be told. Source: APIMart facts, 17."""

    name = "deny"
    places = frozenset({Place.BALANCE})

    message: str = "query user quota failed"


@dataclass(frozen=True, slots=True)
class Truncate(Action):
    """The download ends after this share of the bytes that its Content-Length promised."""

    name = "truncate"
    places = frozenset({Place.DOWNLOAD})

    share: float = 0.5


@dataclass(frozen=True, slots=True)
class NotAPicture(Action):
    """The download is a web page that says it is a PNG."""

    name = "not_a_picture"
    places = frozenset({Place.DOWNLOAD})


@dataclass(frozen=True, slots=True)
class Huge(Action):
    """The download does not want to end: `megabytes` of it, or None for no end at all.

    `content_length`: whether its size is announced (a terabyte where there is no end).
    """

    name = "huge"
    places = frozenset({Place.DOWNLOAD})

    megabytes: int | None = 256
    content_length: bool = True


@dataclass(frozen=True, slots=True)
class Slow(Action):
    """The download trickles at this many bytes per second."""

    name = "slow"
    places = frozenset({Place.DOWNLOAD})

    bytes_per_second: int = 1000


@dataclass(frozen=True, slots=True)
class Corrupt(Action):
    """The download begins like a PNG of the right size and goes on with noise."""

    name = "corrupt"
    places = frozenset({Place.DOWNLOAD})


@dataclass(frozen=True, slots=True)
class Repeat(Action):
    """The callback is sent twice."""

    name = "repeat"
    places = frozenset({Place.CALLBACK})


_ACTIONS: Mapping[str, type[Action]] = {
    kind.name: kind
    for kind in (
        *(Status, DropBefore, DropAfter, StatusAfter, Delay, Garbage, Fail, Fewer, Stall),
        *(Truncate, NotAPicture, Huge, Slow, Corrupt, Repeat, Idle, Deny),
    )
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule: where it strikes, what goes wrong, which requests match, how often.

    `prompt_contains` is looked for in the task's prompt (a follow-up has its parent's, unless it
    brings its own); `mode` is the vendor's word, `vendor` its name. Raises ValueError where the
    action cannot strike.
    """

    where: Place
    action: Action
    prompt_contains: str | None = None
    mode: str | None = None
    vendor: str | None = None
    after: int = 0
    times: int | None = 1

    def __post_init__(self) -> None:
        if self.where not in self.action.places:
            raise ValueError(f"{self.action.name!r} cannot strike at {self.where.value!r}")

    def matches(self, vendor: str, mode: str | None, prompt: str | None) -> bool:
        """Return whether a request of this mode and prompt is meant; None is what is unknown."""
        if self.vendor not in (None, vendor) or self.mode not in (None, mode):
            return False
        return self.prompt_contains is None or self.prompt_contains in (prompt or "")

    def to_json(self) -> dict[str, object]:
        """Return the rule as a JSON object, which `fault_from_json` reads."""
        own = {one.name: getattr(self.action, one.name) for one in fields(self.action)}
        return {
            "where": self.where.value,
            "action": self.action.name,
            "prompt_contains": self.prompt_contains,
            "mode": self.mode,
            "vendor": self.vendor,
            "after": self.after,
            "times": self.times,
            **own,
        }


def fault_from_json(content: object) -> Fault:
    """Read a rule. Raises ValueError that names what is wrong."""
    if not isinstance(content, dict):
        raise ValueError("a fault is a JSON object")  # noqa: TRY004 - one error for bad rules
    kind = _ACTIONS.get(str(content.get("action")))
    if kind is None:
        raise ValueError(f"action must be one of: {', '.join(_ACTIONS)}")
    own = {one.name for one in fields(kind)}
    rule = {key: value for key, value in content.items() if key not in own and key != "action"}
    action = _checked(kind, {key: value for key, value in content.items() if key in own})
    if rule.get("where") not in list(Place):
        raise ValueError(f"where must be one of: {', '.join(Place)}")
    fault: Fault = _checked(Fault, {**rule, "where": Place(rule["where"]), "action": action})
    return fault


def _check_error_status(status: int) -> None:
    if not 400 <= status <= 599:
        raise ValueError(f"not an HTTP error: {status}")


def _checked(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Build a dataclass from JSON values. Raises ValueError for unknown, missing or wrong ones."""
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"unknown field {name!r}")
        if not _fits(value, hints[name]):
            raise ValueError(f"{name!r} has the wrong type")
    missing = [n for n, one in known.items() if one.default is MISSING and n not in values]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    return kind(**values)


def _fits(value: object, hint: Any) -> bool:
    if isinstance(value, bool):
        return hint is bool
    wider = hint | int if hint in (float, float | None) else hint
    return isinstance(value, wider)
