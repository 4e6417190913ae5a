"""Which actions may start, and which can no longer: the DAG's bookkeeping, without any I/O."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from reconciler.ids import Address, ProviderName
from reconciler.plan.actions import Action, Verb

_URGENCY = {Verb.FETCH: 1, Verb.WAIT: 2, Verb.BUY: 3}


class Lane(NamedTuple):
    """Actions that wait for the same room, the urgent ones first: names, which cost nothing; bytes,
    whose links die; tasks that hold a slot at the provider already; then what is new.
    """

    urgency: int
    provider: ProviderName | None


def lane_of(action: Action) -> Lane:
    """Return where an action queues."""
    urgency = _URGENCY.get(action.verb, 0)
    is_with_provider = action.verb in (Verb.WAIT, Verb.BUY)
    return Lane(urgency, action.provider if is_with_provider else None)


class Board:
    """The work of a plan. An action is ready once everything in its `after` is finished."""

    def __init__(self, work: Iterable[Action]) -> None:
        actions = tuple(work)
        present = {action.address for action in actions}
        self._missing: dict[Address, set[Address]] = {}
        self._followers: dict[Address, list[Action]] = {}
        self._ready: dict[Lane, deque[Action]] = {
            lane: deque() for lane in sorted({lane_of(action) for action in actions}, key=str)
        }
        for action in actions:
            self._place(action, present)

    def _place(self, action: Action, present: set[Address]) -> None:
        awaited = set(action.after) & present
        if not awaited:
            self._ready[lane_of(action)].append(action)
        self._missing[action.address] = awaited
        for address in awaited:
            self._followers.setdefault(address, []).append(action)

    def take(self, can_start: Callable[[Action], bool]) -> Iterator[Action]:
        """Yield ready actions that can start, lane by lane, in plan order; the others stay ready.

        Where one cannot start, nothing behind it in its lane can.
        """
        for queue in self._ready.values():
            while queue and can_start(queue[0]):
                yield queue.popleft()

    def finished(self, address: Address) -> None:
        """Make ready what waited for this address only."""
        for action in self._followers.pop(address, []):
            awaited = self._missing.get(action.address)
            if awaited is None:
                continue  # blocked by another one
            awaited.discard(address)
            if not awaited:
                self._ready[lane_of(action)].append(action)

    def failed(self, address: Address) -> Iterator[tuple[Action, Address]]:
        """Yield every action below this address, with the address it waited for; each once."""
        failed = deque([address])
        while failed:
            waited_for = failed.popleft()
            for action in self._followers.pop(waited_for, []):
                if self._missing.pop(action.address, None) is not None:
                    failed.append(action.address)
                    yield action, waited_for
