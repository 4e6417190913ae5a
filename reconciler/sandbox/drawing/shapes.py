"""Outlines that several motifs share: ridges, trees, sails, arches. Plain geometry, in pixels."""

import math
from collections.abc import Callable

from reconciler.sandbox.drawing.dice import Dice
from reconciler.sandbox.drawing.painting import Point

Height = Callable[[float], float]
"""The y of an outline at an x, both as fractions of the picture."""


def ridge(dice: Dice, level: float, swing: float, *, roughness: float) -> Height:
    """Return a hilly line around `level`; roughness 0 is a dune, 1 a mountain range."""
    waves = [
        (
            dice.between(0.6, 1.5) * 1.9**octave,
            dice.between(0, math.tau),
            (0.28 + 0.27 * roughness) ** octave,
        )
        for octave in range(5)
    ]
    total = sum(weight for _, _, weight in waves)

    def height(x: float) -> float:
        lift = 0.0
        for pitch, phase, weight in waves:
            wave = math.sin(x * pitch * math.tau * 0.8 + phase)
            lift += weight * (wave + roughness * (1 - 2 * abs(wave) - wave) * 0.75)
        return level - swing * lift / total

    return height


def below(height: Height, size: tuple[int, int], step: int = 3) -> list[Point]:
    """Return the polygon of everything below a line."""
    width, tall = size
    line = [(float(x), height(x / width) * tall) for x in range(0, width + step, step)]
    return [(0.0, float(tall)), *line, (float(width), float(tall))]


def conifer(foot: Point, tall: float, wide: float) -> list[Point]:
    """Return a fir tree that stands at `foot`."""
    x, y = foot
    left: list[Point] = []
    tiers = 5
    for tier in range(1, tiers + 1):
        reach = wide / 2 * (tier / tiers) ** 0.85
        down = y - tall + tall * tier / tiers * 0.94
        left += [(x - reach, down), (x - reach * 0.52, down - tall * 0.035)]
    left[-1] = (x - wide * 0.05, y - tall * 0.06)
    left.append((x - wide * 0.05, y))
    right = [(2 * x - px, py) for px, py in reversed(left)]
    return [(x, y - tall), *left, *right]


def arch(centre: float, foot: float, wide: float, tall: float) -> list[Point]:
    """Return a doorway with a round top, standing at `foot`; `tall` includes the round part."""
    radius = wide / 2
    spring = foot - max(tall - radius, 0.0)
    curve = [
        (centre + radius * math.cos(turn), spring - radius * math.sin(turn))
        for turn in (math.pi * step / 48 for step in range(49))
    ]
    return [(centre + radius, foot), *curve, (centre - radius, foot)]


def leaf(foot: Point, length: float, turn: float, slim: float) -> list[Point]:
    """Return a leaf from `foot` outwards; `turn` is its angle, `slim` its width to its length."""
    spine = [step / 20 for step in range(21)]
    bulge = [math.sin(math.pi * t**0.8) ** 0.8 * slim / 2 for t in spine]
    sides = [*zip(spine, bulge, strict=True), *((t, -b) for t, b in zip(spine, bulge, strict=True))]
    half = len(spine)
    outline = sides[:half] + sides[half:][::-1]
    cos, sin = math.cos(turn) * length, math.sin(turn) * length
    return [(foot[0] + t * cos - b * sin, foot[1] + t * sin + b * cos) for t, b in outline]
