"""How each action of a run ended, and what that makes of the run."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from reconciler.errors import ExitCode
from reconciler.ids import Address
from reconciler.money import MicroUsd
from reconciler.plan.actions import Action, Plan, Verb, settled_exit_code
from reconciler.purchase import Phase, Purchase


class Ending(StrEnum):
    """How one action ended."""

    DONE = "done"
    FAILED = "failed"
    IN_DOUBT = "in doubt"
    STILL_RUNNING = "still running"
    NOT_SENT = "not sent"
    NOT_DOWNLOADED = "paid, not downloaded"
    NOT_SHOWN = "stored, not shown"
    OVER_BUDGET = "over budget"
    NEEDS_PICK = "needs a pick"
    IMPOSSIBLE = "cannot be bought"
    BLOCKED = "blocked"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An action's ending. `detail` says what happened, `hint` what to do about it."""

    action: Action
    ending: Ending
    detail: str = ""
    hint: str = ""
    purchase: Purchase | None = None

    @property
    def address(self) -> Address:
        """The resource this is about."""
        return self.action.address


@dataclass(frozen=True, slots=True)
class RunResult:
    """All outcomes, in the order in which they came, and what else the plan had to say."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    interrupted: bool = False

    def exit_code(self) -> ExitCode:
        """Return the code that `apply` exits with."""
        endings = {outcome.ending for outcome in self.outcomes}
        verbs = {action.verb for action in self.plan.actions}
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if Ending.OVER_BUDGET in endings:
            return ExitCode.BUDGET
        if Ending.IN_DOUBT in endings or Verb.RESOLVE in verbs:
            return ExitCode.IN_DOUBT
        if endings - {Ending.DONE, Ending.NEEDS_PICK, Ending.BLOCKED}:
            return ExitCode.FAILURES
        if Ending.NEEDS_PICK in endings:
            return settled_exit_code({*verbs, Verb.PICK})
        if Ending.BLOCKED in endings:
            return ExitCode.FAILURES
        return settled_exit_code(verbs)

    def spent(self) -> MicroUsd:
        """Return what this run's purchases cost, in flight and in doubt included."""
        return spent(outcome.purchase for outcome in self.bought())

    def bought(self) -> tuple[Outcome, ...]:
        """Return the outcomes of what this run submitted."""
        return tuple(
            outcome
            for outcome in self.outcomes
            if outcome.action.verb is Verb.BUY
            and outcome.purchase is not None
            and outcome.purchase.phase not in (Phase.REJECTED, Phase.CANCELLED)
        )


def spent(purchases: Iterable[Purchase | None]) -> MicroUsd:
    """Return the sum of known costs."""
    return MicroUsd(sum(one.cost or 0 for one in purchases if one is not None))
