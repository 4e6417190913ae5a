"""Six subjects, each a way of laying shapes from back to front; the prompt's words choose one."""

import math
import re
from collections.abc import Callable, Mapping

from reconciler.sandbox.drawing.canvas import Canvas, Stencil
from reconciler.sandbox.drawing.dice import Dice
from reconciler.sandbox.drawing.painting import Point, seed_of
from reconciler.sandbox.drawing.palette import Light, Palette, Rgb, mix
from reconciler.sandbox.drawing.shapes import arch, below, conifer, leaf, ridge

Motif = Callable[[Canvas, Dice, Palette], None]


def hills(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    """Ranges one behind the other, each lost in the mist of the next."""
    _sky(canvas, dice, palette, sun_height=(0.18, 0.46))
    roughness = dice.pick((0.05, 0.35, 0.8, 1.0))
    first, layers = dice.between(0.46, 0.56), dice.count(4, 6)
    for layer in range(layers):
        depth = layer / (layers - 1)
        line = ridge(
            dice,
            first + (0.94 - first) * depth,
            dice.between(0.07, 0.13) * (1 - 0.35 * depth),
            roughness=roughness * (1 - 0.6 * depth),
        )
        stencil = canvas.stencil((first + 0.3 * depth - 0.22) * canvas.height)
        stencil.polygon(below(line, canvas.image.size))
        if layer >= layers - 2:
            _grove(canvas, stencil, dice, line, 0.035 + 0.05 * (layer == layers - 1))
        canvas.paint(stencil, _misty(palette, depth))


def sea(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    """A low sun over water, its path of light, a boat."""
    level = dice.between(0.48, 0.62)
    sun = _sky(canvas, dice, palette, sun_height=(level - 0.24, level - 0.03))
    coast = canvas.stencil((level - 0.25) * canvas.height)
    coast.polygon(
        below(ridge(dice, level, dice.between(0.03, 0.09), roughness=0.7), canvas.image.size)
    )
    canvas.paint(coast, (palette.far, mix(palette.far, palette.horizon, 0.6)))
    water = canvas.stencil(level * canvas.height)
    water.box((0, level * canvas.height), (canvas.width, canvas.height))
    top = mix(palette.horizon, palette.far, 0.55)
    canvas.paint(water, (top, mix(palette.zenith, palette.near, 0.45), palette.near))
    _light_path(canvas, dice, palette, (sun[0], level * canvas.height))
    _boat(canvas, dice, palette, level)
    for wave in range(4):
        depth = (wave + 1) / 4
        line = ridge(dice, level + (0.99 - level) * (0.45 + 0.5 * depth), 0.018, roughness=0.1)
        swell = canvas.stencil(level * canvas.height)
        swell.polygon(below(line, canvas.image.size))
        canvas.paint(swell, (mix(palette.zenith, palette.near, depth), palette.near), 0.34)


def forest(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    """Firs in the mist, row behind row."""
    _sky(canvas, dice, palette, sun_height=(0.2, 0.5))
    first, rows = dice.between(0.56, 0.66), dice.count(4, 5)
    for row in range(rows):
        depth = row / (rows - 1)
        line = ridge(dice, first + (0.97 - first) * depth, 0.055, roughness=0.15)
        tall = (0.1 + 0.3 * depth**1.4) * canvas.unit
        stencil = canvas.stencil()
        stencil.polygon(below(line, canvas.image.size))
        for _ in range(round((canvas.width / tall) * dice.between(1.9, 2.6))):
            x = dice.between(-0.03, 1.03)
            foot = (x * canvas.width, line(x) * canvas.height + tall * 0.06)
            stencil.polygon(conifer(foot, tall * dice.between(0.55, 1.15), tall * 0.36))
        canvas.paint(stencil, _misty(palette, depth))


def city(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    """A skyline in three depths; the nearer ones have lit windows."""
    _sky(canvas, dice, palette, sun_height=(0.2, 0.5))
    for row, (depth, level) in enumerate(((0.0, 0.42), (0.5, 0.55), (1.0, 0.72))):
        walls, windows = canvas.stencil(), canvas.stencil()
        x = -dice.between(0.0, 0.08) * canvas.unit
        while x < canvas.width:
            wide = dice.between(0.07, 0.16) * canvas.unit * (0.7 + 0.5 * depth)
            top = (level + dice.between(-0.2, 0.12)) * canvas.height
            _tower(walls, dice, (x, top), (wide, canvas.height))
            if row:
                _windows(windows, dice, (x, top), (wide, canvas.height))
            x += wide * dice.between(0.9, 1.12)
        canvas.paint(walls, _misty(palette, depth))
        canvas.paint(windows, (palette.glow, palette.accent), 0.72)


def arches(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    """A hall of arches that opens on the light, leaves in front."""
    canvas.backdrop((palette.near, mix(palette.near, palette.far, 0.35)))
    centre, foot = dice.between(0.4, 0.6) * canvas.width, dice.between(0.86, 0.93) * canvas.height
    wide, tall = 0.92 * canvas.unit, min(0.86 * canvas.height, 1.5 * canvas.unit)
    wide, halls = min(wide, 0.95 * canvas.width), dice.count(5, 7)
    shrink = dice.between(0.76, 0.82)
    for hall in range(halls):
        depth = (hall + 1) / halls
        colour = mix(
            mix(palette.near, palette.far, min(1.0, depth * 1.25)), palette.horizon, depth**2 * 0.85
        )
        stencil = canvas.stencil()
        stencil.polygon(arch(centre, foot, wide, tall))
        canvas.paint(stencil, (mix(colour, palette.zenith, 0.25), colour))
        wide, tall, foot = wide * shrink, tall * shrink, foot - 0.012 * canvas.height
    _window_view(canvas, dice, palette, (centre, foot), (wide / shrink, tall / shrink))
    _foliage(canvas, dice, palette)


def rings(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    """Discs, orbits and petals around a centre: for everything that is no landscape."""
    canvas.backdrop((palette.zenith, palette.horizon))
    if palette.light is Light.NIGHT:
        _stars(canvas, dice, palette)
    middle = (dice.between(0.36, 0.64) * canvas.width, dice.between(0.36, 0.54) * canvas.height)
    radius = dice.between(0.2, 0.29) * canvas.unit
    canvas.glow(middle, radius * 2.6, palette.glow, 0.75)
    _petals(canvas, dice, palette, middle, radius)
    disc = canvas.stencil()
    disc.ellipse(middle, radius, radius)
    canvas.paint(disc, (palette.glow, mix(palette.accent, palette.glow, 0.25), palette.accent))
    orbits = canvas.stencil()
    reach = [radius * (1.32 + 0.3 * step) for step in range(dice.count(2, 4))]
    for distance in reach:
        orbits.ring(middle, distance, max(1.0, canvas.unit * 0.0035))
    canvas.paint(orbits, (palette.glow, palette.paper), 0.65)
    for distance in reach:
        _moon(canvas, dice, palette, middle, distance)
    _ground(canvas, dice, palette)


MOTIFS: Mapping[str, Motif] = {
    "sea ocean harbour harbor lake boat ship river wave waves beach island water sail": sea,
    "forest tree trees wood woods pine fir jungle fox owl deer bear wolf fern moss": forest,
    "city street town skyline tower building buildings market neon train station roof": city,
    "library room hall cathedral museum interior greenhouse corridor temple door window kitchen"
    " glass arch house palace church": arches,
    "mountain mountains hill hills valley desert dune dunes canyon landscape field meadow": hills,
    "planet space cosmic abstract portrait logo icon flower flowers robot machine tea cup": rings,
}


def motif_of(text: str) -> Motif:
    """Return the subject that the words ask for, or one chosen by their hash."""
    for word in re.findall(r"[a-z]+", text.lower()):
        for words, motif in MOTIFS.items():
            if word in words.split():
                return motif
    return list(MOTIFS.values())[seed_of("motif", text) % len(MOTIFS)]


def _misty(palette: Palette, depth: float) -> tuple[Rgb, Rgb]:
    """Return a layer's colours, top to bottom: far layers pale, each one fading at its foot."""
    top = mix(palette.far, palette.near, depth)
    return top, mix(top, palette.horizon, 0.62 * (1 - depth) + 0.06)


def _sky(canvas: Canvas, dice: Dice, palette: Palette, *, sun_height: tuple[float, float]) -> Point:
    """Paint the sky with its sun or moon; return where that stands."""
    warm = mix(palette.zenith, palette.horizon, 0.5)
    canvas.backdrop((palette.zenith, warm, palette.horizon, palette.horizon))
    if palette.light is Light.NIGHT:
        _stars(canvas, dice, palette)
    sun = (dice.between(0.16, 0.84) * canvas.width, dice.between(*sun_height) * canvas.height)
    radius = dice.between(0.055, 0.12) * canvas.unit
    canvas.glow(sun, radius * 5.5, palette.glow, 0.6)
    disc = canvas.stencil()
    disc.ellipse(sun, radius, radius)
    canvas.paint(disc, (palette.glow, mix(palette.glow, palette.accent, 0.18)))
    if palette.light is not Light.NIGHT:
        _clouds(canvas, dice, palette)
    return sun


def _clouds(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    for _ in range(dice.count(2, 4)):
        bank = canvas.stencil()
        x, y = dice.between(0.0, 1.0) * canvas.width, dice.between(0.06, 0.36) * canvas.height
        for puff in range(4):
            wide = dice.between(0.08, 0.2) * canvas.unit
            bank.box(
                (x - wide + puff * wide * 0.4, y + puff * canvas.unit * 0.014),
                (x + wide + puff * wide * 0.4, y + (puff + 1) * canvas.unit * 0.014),
                canvas.unit * 0.007,
            )
        canvas.paint(bank, (palette.glow,), 0.42)


def _stars(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    small, bright = canvas.stencil(), canvas.stencil()
    for star in range(90):
        where = (dice.between(0, 1) * canvas.width, dice.between(0, 0.6) * canvas.height)
        size = canvas.unit * 0.0011 * dice.between(0.7, 1.8)
        (bright if star % 7 == 0 else small).ellipse(where, size * 1.3, size * 1.3)
    canvas.paint(small, (palette.glow,), 0.5)
    canvas.paint(bright, (palette.glow,), 0.95)


def _grove(
    canvas: Canvas, stencil: Stencil, dice: Dice, line: Callable[[float], float], tall: float
) -> None:
    for _ in range(dice.count(2, 4)):
        middle = dice.between(0.02, 0.98)
        for _ in range(dice.count(3, 8)):
            x = middle + dice.between(-0.09, 0.09)
            size = tall * canvas.unit * dice.between(0.6, 1.3)
            foot = (x * canvas.width, line(x) * canvas.height + size * 0.12)
            stencil.polygon(conifer(foot, size, size * 0.42))


def _light_path(canvas: Canvas, dice: Dice, palette: Palette, start: Point) -> None:
    path = canvas.stencil(start[1])
    for step in range(26):
        depth = step / 25
        y = start[1] + (canvas.height - start[1]) * (0.015 + 0.8 * depth**1.5)
        x = start[0] + dice.between(-0.05, 0.05) * canvas.unit * (0.3 + depth)
        wide = canvas.unit * dice.between(0.03, 0.1) * (0.55 + 1.1 * depth)
        thick = canvas.unit * (0.0016 + 0.0045 * depth)
        path.box((x - wide, y - thick), (x + wide, y + thick), thick)
    canvas.paint(path, (palette.glow, mix(palette.glow, palette.accent, 0.35)), 0.66)


def _boat(canvas: Canvas, dice: Dice, palette: Palette, level: float) -> None:
    size = dice.between(0.06, 0.11) * canvas.unit
    x = dice.between(0.14, 0.86) * canvas.width
    y = (level + dice.between(0.03, 0.12)) * canvas.height
    lean = dice.pick((-1, 1))
    hull, sail = canvas.stencil(), canvas.stencil()
    bow = size * 0.62
    hull.polygon(
        [
            (x - bow, y),
            (x + bow, y),
            (x + bow * 0.66, y + size * 0.24),
            (x - bow * 0.66, y + size * 0.24),
        ]
    )
    sail.polygon(
        [(x, y - size * 1.5), (x + lean * size * 0.58, y - size * 0.1), (x, y - size * 0.1)]
    )
    sail.polygon(
        [
            (x - lean * size * 0.06, y - size * 1.25),
            (x - lean * size * 0.42, y - size * 0.1),
            (x - lean * size * 0.06, y - size * 0.1),
        ]
    )
    canvas.paint(hull, (palette.near,))
    canvas.paint(sail, (palette.glow, mix(palette.glow, palette.accent, 0.5)))


def _tower(walls: Stencil, dice: Dice, corner: Point, size: tuple[float, float]) -> None:
    (x, top), (wide, foot) = corner, size
    walls.box((x, top), (x + wide, foot))
    roof = dice.count(0, 3)
    if roof == 1:
        walls.polygon([(x, top + 1), (x + wide / 2, top - wide * 0.5), (x + wide, top + 1)])
    elif roof == 2:
        walls.box((x + wide * 0.2, top - wide * 0.22), (x + wide * 0.8, top + 1))
        walls.box((x + wide * 0.47, top - wide * 0.75), (x + wide * 0.53, top))


def _windows(windows: Stencil, dice: Dice, corner: Point, size: tuple[float, float]) -> None:
    (x, top), (wide, foot) = corner, size
    columns = dice.count(3, 4)
    pane = wide / (columns * 2 + 1)
    y = top + pane * 1.6
    while y < foot:
        for column in range(columns):
            if dice.chance(0.36):
                left = x + pane * (1 + 2 * column)
                windows.box((left, y), (left + pane, y + pane * 1.35))
        y += pane * 2.7


def _window_view(
    canvas: Canvas, dice: Dice, palette: Palette, foot: Point, size: tuple[float, float]
) -> None:
    """Paint the light at the end of the hall, and what it throws on the floor."""
    (x, y), (wide, tall) = foot, size
    opening, floor = canvas.stencil(), canvas.stencil(y)
    opening.polygon(arch(x, y, wide, tall))
    canvas.paint(opening, (palette.glow, palette.horizon))
    canvas.glow((x, y - tall * 0.55), wide * 2.2, palette.glow, 0.62)
    sun = canvas.stencil()
    radius = wide * dice.between(0.16, 0.26)
    sun.ellipse(
        (x + dice.between(-0.12, 0.12) * wide, y - tall * dice.between(0.45, 0.68)), radius, radius
    )
    canvas.paint(sun, (palette.accent, mix(palette.accent, palette.glow, 0.4)), 0.9)
    spread = wide * dice.between(1.3, 2.0)
    floor.polygon(
        [
            (x - wide / 2, y),
            (x + wide / 2, y),
            (x + spread, canvas.height),
            (x - spread, canvas.height),
        ]
    )
    canvas.paint(floor, (palette.glow, palette.near), 0.5)


def _foliage(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    for side in (0, 1):
        plant = canvas.stencil()
        foot = (abs(side - dice.between(0.0, 0.12)) * canvas.width, canvas.height * 1.02)
        for _ in range(dice.count(8, 12)):
            turn = -math.pi / 2 + dice.between(-1.2, 1.2)
            plant.polygon(leaf(foot, dice.between(0.2, 0.5) * canvas.unit, turn, 0.15))
        green = mix(palette.near, palette.far, 0.35)
        canvas.paint(plant, (green, mix(palette.near, (0, 0, 0), 0.35)))


def _petals(canvas: Canvas, dice: Dice, palette: Palette, middle: Point, radius: float) -> None:
    petals, turn = dice.count(7, 12), dice.between(0, math.tau)
    length = radius * dice.between(1.7, 2.3)
    for ring, colour in ((1.0, palette.far), (0.72, mix(palette.far, palette.accent, 0.55))):
        stencil = canvas.stencil()
        for petal in range(petals):
            angle = turn + math.tau * (petal + (ring < 1) / 2) / petals
            stencil.polygon(leaf(middle, length * ring, angle, 0.42))
        canvas.paint(stencil, (mix(colour, palette.glow, 0.35), colour), 0.82)


def _moon(canvas: Canvas, dice: Dice, palette: Palette, middle: Point, distance: float) -> None:
    angle = dice.between(0, math.tau)
    where = (middle[0] + distance * math.cos(angle), middle[1] + distance * math.sin(angle))
    moon = canvas.stencil()
    size = dice.between(0.016, 0.038) * canvas.unit
    moon.ellipse(where, size, size)
    canvas.paint(moon, (palette.glow, palette.far, palette.near))


def _ground(canvas: Canvas, dice: Dice, palette: Palette) -> None:
    for depth in (0.45, 1.0):
        line = ridge(dice, 0.80 + 0.1 * depth, 0.05, roughness=0.0)
        ground = canvas.stencil(canvas.height * 0.6)
        ground.polygon(below(line, canvas.image.size))
        canvas.paint(ground, _misty(palette, depth))
