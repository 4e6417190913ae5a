"""What is done by itself about trouble that may cost money, and how often. Values only.

Why a purchase gave nothing is one closed list for all providers; what to do about each entry is a
table that a project may override in reconciler.yaml, `failures:`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class FailureKind(StrEnum):
    """Why a purchase gave nothing, sorted by what helps.

    A refusal before acceptance and a task that failed later may have the same kind; the purchase's
    phase tells them apart. A lost answer is no failure but a doubt.
    """

    MODERATED = "moderated"
    """Flagged; the provider does not say on which side."""
    MODERATED_INPUT = "moderated_input"
    MODERATED_OUTPUT = "moderated_output"
    BAD_REQUEST = "bad_request"
    BAD_INPUT_PICTURE = "bad_input_picture"
    NOT_PERMITTED = "not_permitted"
    OUT_OF_CREDIT = "out_of_credit"
    RATE_LIMITED = "rate_limited"
    PROVIDER = "provider"
    TIMED_OUT = "timed_out"
    """The provider's own limit; ours never means that a task has failed."""
    EXPIRED = "expired"
    """What it starts from, or a step that it waited for, is no longer there."""
    UNKNOWN = "unknown"

    @property
    def is_moderated(self) -> bool:
        """Whether a filter said no: the same words are never sent again by themselves."""
        return self in _MODERATED

    @property
    def stops_provider(self) -> bool:
        """Whether no other submission to this provider can succeed either."""
        return self in (FailureKind.NOT_PERMITTED, FailureKind.OUT_OF_CREDIT)


_MODERATED = (
    FailureKind.MODERATED,
    FailureKind.MODERATED_INPUT,
    FailureKind.MODERATED_OUTPUT,
)


class OnDoubt(StrEnum):
    """What happens to a purchase of which nobody knows whether it was paid."""

    HOLD = "hold"
    """It waits for a person; see `reconcile resolve`."""
    REBUY = "rebuy"
    """It counts as paid, and is bought once more."""


ONCE = 1
DEFAULT_ATTEMPTS: Mapping[FailureKind, int] = MappingProxyType(
    {
        FailureKind.MODERATED: ONCE,
        FailureKind.MODERATED_INPUT: ONCE,
        FailureKind.MODERATED_OUTPUT: ONCE,
        FailureKind.BAD_REQUEST: ONCE,
        FailureKind.BAD_INPUT_PICTURE: ONCE,
        FailureKind.EXPIRED: ONCE,
        FailureKind.UNKNOWN: ONCE,  # guessing wrong would cost money
        FailureKind.RATE_LIMITED: 3,
        FailureKind.PROVIDER: 3,
        FailureKind.TIMED_OUT: 3,
        FailureKind.NOT_PERMITTED: 3,
        FailureKind.OUT_OF_CREDIT: 3,
    }
)
"""How often one take is sent in all, by why it failed last."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A project's answer to trouble. `attempts` override the table above.

    A filter's no and an account's trouble cannot be overridden in reconciler.yaml.
    """

    on_doubt: OnDoubt = OnDoubt.HOLD
    attempts: Mapping[FailureKind, int] = field(default_factory=lambda: MappingProxyType({}))

    def attempts_at(self, kind: FailureKind) -> int:
        """Return how often a take that failed so is sent in all, unless a person asks for more."""
        return self.attempts.get(kind, DEFAULT_ATTEMPTS[kind])

    def is_hopeless(self, kind: FailureKind) -> bool:
        """Return whether the same request would fail so again, as far as anybody knows."""
        return DEFAULT_ATTEMPTS[kind] == ONCE == self.attempts_at(kind)

    def rebuys(self, fruitless_before: int) -> bool:
        """Return whether a doubt is bought once more by itself, after so many fruitless attempts.

        Whatever is set, the third waits for a person: an answer that always gets lost is no chance.
        """
        return self.on_doubt is OnDoubt.REBUY and fruitless_before + 1 < _DOUBTS


_DOUBTS = 3
CAREFUL = Policy()
"""What counts where a project says nothing."""
