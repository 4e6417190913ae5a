"""How things go: the vendor's monitoring table and troubleshooting list, from what is on record."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconciler.checklist import Case, Symptom, cases
from reconciler.errors import ExitCode
from reconciler.project import Project
from reconciler.state.archive import Archive
from reconciler.state.store import Store
from reconciler.vitals import Scope, scopes

WINDOW = timedelta(minutes=60)
"""The vendor's: "in the last hour"."""


@dataclass(frozen=True, slots=True)
class Health:
    """The numbers of what ended in the window before `now`, and what is stuck at that moment."""

    now: datetime
    window: timedelta
    scopes: tuple[Scope, ...]
    cases: tuple[Case, ...]

    @property
    def overall(self) -> Scope:
        """Return the numbers over all providers."""
        return self.scopes[0]

    def showing(self, symptom: Symptom) -> tuple[Case, ...]:
        """Return the tasks with this symptom."""
        return tuple(one for one in self.cases if one.symptom is symptom)

    def exit_code(self) -> ExitCode:
        """Return 5 when a mark is missed, by one provider or by all of them together."""
        is_broken = any(one.is_broken for one in self.scopes)
        return ExitCode.FAILURES if is_broken else ExitCode.OK


def health(project: Project, window: timedelta = WINDOW) -> Health:
    """Return how things stand now. Only reads; asks no provider, and needs no specs."""
    with Store.open(project.state_path, read_only=True) as store:
        return examined(store, datetime.now(UTC), window)


def examined(archive: Archive, now: datetime, window: timedelta = WINDOW) -> Health:
    """Return how things stood at a moment, as far as a store knows."""
    courses = archive.courses(now - window)
    return Health(now, window, scopes(courses, now), tuple(cases(courses, now)))
