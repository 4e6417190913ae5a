"""What can go wrong for a user, sorted by what they do next; and the program's exit codes.

ReconcilerError(exit_code, hint)
├─ ConfigError    no project, or reconciler.yaml cannot be used
├─ SpecError      the YAML is wrong: file, line, column, nearest legal word
├─ UsageError     the command line asks for something impossible
├─ ProviderError  the API cannot be used as configured
├─ StateError     the database is locked, newer, corrupt or not writable
│  └─ LockedError another run holds the project
├─ AssetError     the asset folder cannot be read or written
└─ BudgetError    the plan would spend more than allowed; nothing was sent

What happens to one picture (a refusal, a failed task, a lost answer) is no exception: it is a value
in its purchase's record, see purchase.py. A bug in this program is none of these.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process returns; the README's table."""

    OK = 0
    ERROR = 1
    PAID_PENDING = 2
    FREE_PENDING = 3
    PICK_PENDING = 4
    FAILURES = 5
    BUDGET = 6
    IN_DOUBT = 7
    LOCKED = 8
    INTERRUPTED = 130


class ReconcilerError(Exception):
    """A failure with a message for the user.

    `summary` is one line without a full stop; `details` are further lines (what happened, what was
    charged, where); `hint` says what to do next.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    def __init__(
        self, summary: str, *, details: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.details = tuple(details)
        self.hint = hint


class ConfigError(ReconcilerError):
    """There is no project here, or its configuration cannot be used."""


class SpecError(ReconcilerError):
    """The YAML is wrong. `details` hold the rendered diagnostics, all of them at once."""


class UsageError(ReconcilerError):
    """The command line asks for something that does not exist or does not fit together."""


class ProviderError(ReconcilerError):
    """The API cannot be reached or used as configured; nothing was sent for this reason."""


class StateError(ReconcilerError):
    """The database cannot be used; what it holds is untouched."""


class LockedError(StateError):
    """Another run holds the project."""

    exit_code = ExitCode.LOCKED


class AssetError(ReconcilerError):
    """The asset folder cannot be read or written."""


class BudgetError(ReconcilerError):
    """The plan would spend more than allowed; nothing was sent."""

    exit_code = ExitCode.BUDGET
