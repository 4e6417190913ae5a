"""Chance with a memory: the same seed throws the same numbers, a shift nudges them a little."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

_NUDGE = 0.11
"""How far one shift may move a throw, as a share of its range: visible, but the same picture."""


class Dice:
    """Throws for one composition. Choices come from the seed alone: shifts keep its structure."""

    def __init__(self, seed: int, shifts: Sequence[int] = ()) -> None:
        self._main = Random(seed)  # noqa: S311 - a drawing, no secret
        self._nudges = [Random(shift) for shift in shifts]  # noqa: S311 - the same

    def between(self, low: float, high: float) -> float:
        """Return a number from `low` to `high`, nudged by every shift."""
        share = self._main.random()
        for nudge in self._nudges:
            share += nudge.uniform(-_NUDGE, _NUDGE)
        return low + (high - low) * min(1.0, max(0.0, share))

    def count(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included; shifts leave it alone."""
        return self._main.randint(low, high)

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options; shifts leave it alone."""
        return self._main.choice(options)

    def chance(self, share: float) -> bool:
        """Return whether something of this probability happens; shifts leave it alone."""
        return self._main.random() < share
