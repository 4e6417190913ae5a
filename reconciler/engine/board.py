"""Which actions may start, and which can no longer: the DAG's bookkeeping, without any I/O."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from reconciler.ids import Address
from reconciler.plan.actions import Action


class Board:
    """The work of a plan. An action is ready once everything in its `after` is finished."""

    def __init__(self, work: Iterable[Action]) -> None:
        actions = tuple(work)
        present = {action.address for action in actions}
        self._missing: dict[Address, set[Address]] = {}
        self._followers: dict[Address, list[Action]] = {}
        self._ready: deque[Action] = deque()
        for action in actions:
            self._place(action, present)

    def _place(self, action: Action, present: set[Address]) -> None:
        awaited = set(action.after) & present
        if not awaited:
            self._ready.append(action)
        self._missing[action.address] = awaited
        for address in awaited:
            self._followers.setdefault(address, []).append(action)

    def take(self, can_start: Callable[[Action], bool]) -> Iterator[Action]:
        """Yield ready actions that can start, in plan order; the others stay ready."""
        for _ in range(len(self._ready)):
            action = self._ready.popleft()
            if can_start(action):
                yield action
            else:
                self._ready.append(action)

    def finished(self, address: Address) -> None:
        """Make ready what waited for this address only."""
        for action in self._followers.pop(address, []):
            awaited = self._missing[action.address]
            awaited.discard(address)
            if not awaited:
                self._ready.append(action)

    def failed(self, address: Address) -> Iterator[tuple[Action, Address]]:
        """Yield every action below this address, with the address it waited for."""
        for action in self._followers.pop(address, []):
            yield action, address
            yield from self.failed(action.address)
