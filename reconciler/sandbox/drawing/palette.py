"""Colours that belong together, chosen by a prompt: a hue from its hash, a light from its words.

Colours are mixed in OKLCH, where equal steps look equal, so no combination turns muddy.
"""

import math
import re
from dataclasses import dataclass
from enum import Enum

from reconciler.sandbox.drawing.dice import Dice

Rgb = tuple[int, int, int]


class Light(Enum):
    """The time of day; the value lists the words that ask for it."""

    DAWN = "morning dawn sunrise spring soft pastel misty mist fog snow winter white"
    DAY = "day noon sunny bright summer clear blue fresh glass sky"
    DUSK = "dusk sunset evening autumn warm golden fire red orange desert brass copper"
    NIGHT = "night midnight moon moonlight dark stars starry neon space cosmic noir lamps lit"


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one picture, from the sky's top down to the darkest foreground."""

    light: Light
    zenith: Rgb
    horizon: Rgb
    far: Rgb
    near: Rgb
    glow: Rgb
    accent: Rgb
    paper: Rgb
    ink: Rgb


_Mix = tuple[float, float, float]
"""Lightness, chroma, hue in degrees."""

_RECIPES: dict[Light, tuple[_Mix, _Mix, _Mix, _Mix]] = {
    # zenith, horizon, far, near; the hue is an offset from the picture's own
    Light.DAWN: ((0.77, 0.080, 0), (0.945, 0.050, 50), (0.80, 0.060, 20), (0.36, 0.070, -12)),
    Light.DAY: ((0.69, 0.115, 0), (0.945, 0.035, 20), (0.79, 0.065, -15), (0.35, 0.085, -50)),
    Light.DUSK: ((0.43, 0.110, 0), (0.83, 0.120, 80), (0.62, 0.125, 48), (0.22, 0.060, -5)),
    Light.NIGHT: ((0.20, 0.065, 0), (0.50, 0.105, -30), (0.42, 0.080, -12), (0.14, 0.040, 0)),
}

_HUES: dict[Light, tuple[float, float]] = {
    Light.DAWN: (215, 385),
    Light.DAY: (190, 270),
    Light.DUSK: (270, 365),
    Light.NIGHT: (225, 325),
}
"""Hues of the zenith: skies that a painter would believe."""

_GLOWS: dict[Light, _Mix] = {
    Light.DAWN: (0.985, 0.035, 85),
    Light.DAY: (0.985, 0.040, 98),
    Light.DUSK: (0.935, 0.095, 82),
    Light.NIGHT: (0.965, 0.035, 95),
}

_ACCENTS = (28.0, 45.0, 62.0, 75.0, 15.0)
"""Hues from coral to amber: light is warm, whatever the shadows are."""


def light_of(text: str, seed: int) -> Light:
    """Return the light that the words ask for, or one chosen by the seed."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    for light in (Light.NIGHT, Light.DUSK, Light.DAWN, Light.DAY):
        if words & set(light.value.split()):
            return light
    return Dice(seed).pick(list(Light))


def palette_of(text: str, seed: int) -> Palette:
    """Return the palette of a prompt; the seed chooses the hue, the words the light."""
    light = light_of(text, seed)
    dice = Dice(seed + 1)
    hue = dice.between(*_HUES[light])
    turn = dice.pick((1, 1, 1, -0.4))
    zenith, horizon, far, near = (
        oklch(lum, c, hue + turn * off) for lum, c, off in _RECIPES[light]
    )
    accent = oklch(0.74, 0.15, dice.pick(_ACCENTS))
    dark = light in (Light.NIGHT, Light.DUSK)
    paper = oklch(0.20, 0.035, hue) if dark else oklch(0.975, 0.012, hue)
    ink = oklch(0.97, 0.015, hue) if dark else oklch(0.27, 0.055, hue)
    glow = oklch(*_GLOWS[light])
    return Palette(light, zenith, horizon, far, near, glow, accent, paper, ink)


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """Return a colour between two; `share` 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def oklch(lightness: float, chroma: float, hue: float) -> Rgb:
    """Return sRGB for lightness 0 to 1, chroma 0 to about 0.3, hue in degrees; clipped to fit."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _channel(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _channel(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _channel(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _channel(linear: float) -> int:
    value = min(1.0, max(0.0, linear))
    curved = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(curved * 255)
