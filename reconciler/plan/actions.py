"""The value that a plan is: actions with a verb, a reason and a price, and their tally.

The screen, the JSON, the exit code and `apply` all read this one value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.errors import ExitCode
from reconciler.ids import Address, CandidateNumber, Digest, ProviderName
from reconciler.money import NOTHING, MicroUsd
from reconciler.plan.results import NO_RESULTS, Results
from reconciler.purchase import Purchase
from reconciler.spec.resource import Resource, TakeKey


class Verb(StrEnum):
    """What apply does, or a person must do, about one address."""

    BUY = "buy"
    WAIT = "wait"
    FETCH = "fetch"
    DERIVE = "derive"
    VIEW = "view"
    ADOPT = "adopt"
    MOVE = "move"
    PRUNE = "prune"
    PICK = "pick"
    RESOLVE = "resolve"
    BLOCKED = "blocked"
    KEEP = "keep"

    @property
    def is_free_work(self) -> bool:
        """Whether apply does it without spending."""
        return self in (
            Verb.WAIT,
            Verb.FETCH,
            Verb.DERIVE,
            Verb.VIEW,
            Verb.ADOPT,
            Verb.MOVE,
            Verb.PRUNE,
        )

    @property
    def is_remote(self) -> bool:
        """Whether a provider must be asked for it."""
        return self in (Verb.BUY, Verb.WAIT, Verb.FETCH)

    @property
    def is_work(self) -> bool:
        """Whether apply does it at all; the others are for a person, or nothing."""
        return self is Verb.BUY or self.is_free_work


class Reason(StrEnum):
    """Why; the text is what people read."""

    NEVER_BOUGHT = "never bought"
    REQUEST_CHANGED = "request changed"
    TAKE_CHANGED = "another take"
    PARENT_CHANGED = "its parent's picture changed"
    FAILED_BEFORE_RETRY = "failed before, may work now"
    RETRY_ASKED = "failed before, retry asked for"
    PREREQUISITE = "needed first"
    IN_FLIGHT = "already submitted"
    NOT_DOWNLOADED = "paid, not downloaded yet"
    NO_LONGER_ASKED = "paid, though no spec asks for it now"
    BYTES_MISSING = "its bytes are missing, the link still works"
    CUT_OUT = "we own it already: cut out for free"
    CUT_AGAIN = "its bytes are missing: cut out again, for free"
    VIEW_MISSING = "its view is missing"
    PICK_CHANGED = "another pick"
    SAME_REQUEST = "same request, bought once"
    OWNED_ALREADY = "already owned"
    RENAMED = "renamed"
    REMOVED = "no longer in the specs, bytes stay"
    NEEDS_PICK = "choose a candidate first"
    CANDIDATE_MISSING = "that candidate was not delivered"
    ANSWER_LOST = "in doubt: perhaps paid"
    DOUBT_UNWANTED = "in doubt: perhaps paid, though no spec asks for it now"
    DOUBTED_OFTEN = "in doubt again and again: perhaps paid each time"
    REBUY_DOUBT = "in doubt: perhaps paid; bought again, as `on_doubt: rebuy` says"
    GIVEN_UP = "the attempt before was given up in doubt: perhaps paid"
    FAILED_OFTEN = "failed as often as it may; --retry-failed buys it once more"
    FAILED_FOR_GOOD = "failed, and would fail again; change it, or say --retry-failed"
    BYTES_GONE = "its bytes are gone and the link has expired"
    LINK_EXPIRED = "the parent's link has expired"
    TASK_GONE = "its parent's task is gone at the provider"
    NUMBERS_UNSURE = "some candidates are missing there, and nobody says which"
    NOT_OFFERED = "the provider does not offer this here"
    MAKER_CANNOT = "the provider that made its parent cannot do this"
    NEEDS_PUBLIC_PLACE = "needs a public place for local pictures"
    PARENT_NOT_READY = "its parent is not ready"
    PARENT_NOT_SELECTED = "its parent is not selected"
    PROVIDER_GONE = "its provider is no longer configured"
    FOREIGN_FILE = "somebody's own file is in its place"
    IN_SYNC = "in sync"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a follow-up starts. `purchase` is the parent's latest attempt, finished or not.

    That is the provider's task which it really starts from: behind a picture that was cut out
    here, or one that was bought first for this (prerequisites.py), it is not the parent in the
    spec.
    """

    address: Address
    candidate: CandidateNumber | None
    purchase: Purchase | None


@dataclass(frozen=True, slots=True)
class Action:
    """One line of a plan.

    `price` is what apply may spend on a `buy`, what a `resolve` has perhaps spent, and what would
    be spent on what is `blocked`: None is unknown, zero is free. It is for all `units`; `gives` is
    what they usually bring. `after` must be finished first.
    `purchase` is the latest attempt at this take, if there was one. `previous` is the canonical
    request that stood under this address before; `moved_from` the name it had. `files` are the
    views that a prune removes, path → object. `note` adds what the reason leaves open.
    """

    address: Address
    verb: Verb
    reason: Reason
    note: str = ""
    price: MicroUsd | None = NOTHING
    units: int = 1
    gives: Results = NO_RESULTS
    provider: ProviderName | None = None
    resource: Resource | None = None
    key: TakeKey | None = None
    source: Source | None = None
    purchase: Purchase | None = None
    after: tuple[Address, ...] = ()
    previous: str | None = None
    moved_from: Address | None = None
    files: Mapping[str, Digest] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tally:
    """The last line of a plan.

    `price` sums what is known; `unpriced` tasks have no documented price. `pictures`, `clips` and
    `texts` count what the tasks usually give; `uncounted` tasks document no number of pictures.
    """

    tasks: int
    pictures: int
    clips: int
    texts: int
    price: MicroUsd
    unpriced: int
    uncounted: int
    by_verb: Mapping[Verb, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """Every action, parents before children; resources in sync are counted, not listed."""

    actions: tuple[Action, ...]
    in_sync: int

    def tally(self) -> Tally:
        """Return the sums over all actions."""
        buys = [action for action in self.actions if action.verb is Verb.BUY]
        return Tally(
            tasks=len(buys),
            pictures=sum(action.gives.pictures or 0 for action in buys),
            clips=sum(action.gives.clips for action in buys),
            texts=sum(action.gives.texts for action in buys),
            price=MicroUsd(sum(action.price or 0 for action in buys)),
            unpriced=sum(action.price is None for action in buys),
            uncounted=sum(action.gives.pictures is None for action in buys),
            by_verb=_count(self.actions),
        )

    def work(self) -> tuple[Action, ...]:
        """Return what apply would do."""
        return tuple(action for action in self.actions if action.verb.is_work)

    def exit_code(self) -> ExitCode:
        """Return `--detailed-exitcode`: the most pressing thing that is left to do."""
        verbs = {action.verb for action in self.actions}
        if Verb.RESOLVE in verbs:
            return ExitCode.IN_DOUBT
        if Verb.BUY in verbs:
            return ExitCode.PAID_PENDING
        if any(verb.is_free_work for verb in verbs):
            return ExitCode.FREE_PENDING
        return settled_exit_code(verbs)


def settled_exit_code(verbs: set[Verb]) -> ExitCode:
    """Return the code for what no apply can do: failures, then picks, then nothing at all."""
    if Verb.BLOCKED in verbs:
        return ExitCode.FAILURES
    return ExitCode.PICK_PENDING if Verb.PICK in verbs else ExitCode.OK


def _count(actions: tuple[Action, ...]) -> Mapping[Verb, int]:
    counts = dict.fromkeys(Verb, 0)
    for action in actions:
        counts[action.verb] += 1
    return counts
