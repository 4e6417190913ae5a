"""Which actions may start, and which can no longer: the DAG's bookkeeping, without any I/O."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from reconciler.ids import Address
from reconciler.plan.actions import Action, Verb

_URGENCY = {Verb.FETCH: 1, Verb.WAIT: 2, Verb.BUY: 3}


class Lane(NamedTuple):
    """Actions that wait for the same room, smallest first.

    Names cost nothing; bytes have links that die; a task in flight holds a slot at its provider
    already; what is new comes last.
    """

    urgency: int
    provider: str


def lane_of(action: Action) -> Lane:
    """Return where an action queues."""
    needs_slot = action.verb in (Verb.WAIT, Verb.BUY)
    provider = action.provider if needs_slot else None
    return Lane(_URGENCY.get(action.verb, 0), provider or "")


class Board:
    """The work of a plan. An action is ready once everything in its `after` is finished.

    What became ready goes before what always was: a picture's variants are made while its links
    live, however many other pictures are wanted.
    """

    def __init__(self, work: Iterable[Action]) -> None:
        actions = tuple(work)
        present = {action.address for action in actions if action.resource}
        self._missing: dict[Address, set[Address]] = {}
        self._followers: dict[Address, list[Action]] = {}
        lanes = {lane_of(action) for action in actions}
        self._ready: dict[Lane, deque[Action]] = {lane: deque() for lane in sorted(lanes)}
        for action in actions:
            self._place(action, present)

    def _place(self, action: Action, present: set[Address]) -> None:
        awaited = set(action.after) & present
        if not awaited:
            self._ready[lane_of(action)].append(action)
        if action.resource is None:
            return  # its address may be another action's, which asks for something else by now
        self._missing[action.address] = awaited
        for address in awaited:
            self._followers.setdefault(address, []).append(action)

    def take(self, can_start: Callable[[Action], bool]) -> Iterator[Action]:
        """Yield ready actions that can start, lane by lane; the others stay ready.

        Where one cannot start, nothing behind it in its lane can.
        """
        for queue in self._ready.values():
            while queue and can_start(queue[0]):
                yield queue.popleft()

    def finished(self, address: Address) -> None:
        """Make ready what waited for this address only."""
        for action in reversed(self._followers.pop(address, [])):
            awaited = self._missing.get(action.address)
            if awaited is None:
                continue  # it waits for one that has failed
            awaited.discard(address)
            if not awaited:
                self._ready[lane_of(action)].appendleft(action)

    def failed(self, address: Address) -> Iterator[tuple[Action, Address]]:
        """Yield every action below this address, with the address it waited for; each once."""
        failed = deque([address])
        while failed:
            waited_for = failed.popleft()
            for action in self._followers.pop(waited_for, []):
                if self._missing.pop(action.address, None) is not None:
                    failed.append(action.address)
                    yield action, waited_for
