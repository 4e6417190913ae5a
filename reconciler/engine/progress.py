"""What a run tells while it works. Observers may be deaf; they decide nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from reconciler.ids import Address


class Kind(StrEnum):
    """What happened. The values are the `event` of `apply --json`."""

    RUN_STARTED = "run_started"
    STARTED = "started"
    SUBMITTING = "submitting"
    HELD_UP = "held_up"
    SUBMITTED = "submitted"
    STAGE = "stage"
    PROGRESS = "progress"
    SUCCEEDED = "succeeded"
    PICTURE_STORED = "picture_stored"
    SHOWN = "shown"
    DONE = "done"
    PROBLEM = "problem"
    INTERRUPTED = "interrupted"
    RUN_FINISHED = "run_finished"


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a run's story. `data` holds plain JSON values, never a secret."""

    kind: Kind
    at: datetime
    address: Address | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class Reporter(Protocol):
    """Somebody who watches a run."""

    def report(self, happening: Happening) -> None:
        """Take note; called between steps, so it must be quick."""
