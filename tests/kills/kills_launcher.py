"""`reconcile`, in a process that kills itself around one of its commits.

    kills_launcher.py before|after KIND|any NUMBER reconcile's arguments…

It dies right before, or right after, the n-th commit that writes an event of that kind.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database

from reconciler.cli import main
from reconciler.state.writable import WritableDatabase

ANY = "any"
_NEWEST = "SELECT max(seq), kind FROM events"


class _Doom:
    """How many of those commits are left to see."""

    def __init__(self, where: str, kind: str, number: int) -> None:
        self._where = where
        self._kind = kind
        self._left = number

    def counts(self, kind: str | None) -> None:
        """Count a commit that is about to happen."""
        self._left -= self._kind in (ANY, kind)
        self._is_now = self._left == 0 and self._kind in (ANY, kind)

    def strikes(self, where: str) -> None:
        """Die, if it is time."""
        if self._is_now and self._where == where:
            os.kill(os.getpid(), signal.SIGKILL)


def die(doom: _Doom) -> None:
    """Let every commit of this process be the last one that may be."""
    plain = WritableDatabase.transaction

    @contextmanager
    def transaction(database: WritableDatabase) -> Iterator[Database]:
        with plain(database) as db:
            before, _ = db.execute(_NEWEST).fetchone()
            yield db
            newest, kind = db.execute(_NEWEST).fetchone()
            doom.counts(kind if newest != before else None)
            doom.strikes("before")
        doom.strikes("after")

    WritableDatabase.transaction = transaction  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    _, where, kind, number, *arguments = sys.argv
    die(_Doom(where, kind, int(number)))
    sys.argv = ["reconcile", *arguments]
    main()
