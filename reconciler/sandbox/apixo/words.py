"""APIXO's vocabulary and its tables: modes, speeds, prices, durations, follow-ups."""

from collections.abc import Mapping
from enum import StrEnum

from reconciler.money import MicroUsd
from reconciler.sandbox.jobs import Content

MODEL = "midjourney"
"""The one model id that is emulated. Source: APIXO facts, section 1."""

DRAFT_VERSION = "7"
"""Drafts need exactly this version. Source: APIXO facts, section 5.1."""

ENHANCE_PRICE = MicroUsd(200_000)
"""Our choice: no source documents what `enhance` costs. Source: APIXO facts, section 13."""

PICTURES = 4
"""How many pictures a generation gives. Source: APIXO facts, section 4 ("usually 4")."""


class Mode(StrEnum):
    """What a submission asks for. Source: APIXO facts, section 4."""

    TEXT = "text-to-image"
    IMAGE = "image-to-image"
    EDIT = "image-edit"
    VARY = "vary"
    UPSCALE = "upscale"
    REROLL = "reroll"
    ENHANCE = "enhance"


class Speed(StrEnum):
    """How fast; `relaxed` is accepted and becomes fast. Source: APIXO facts, section 5."""

    DRAFT = "draft"
    FAST = "fast"
    TURBO = "turbo"
    RELAXED = "relaxed"


DIFFUSION = frozenset({Mode.TEXT, Mode.IMAGE})

ASPECT_RATIOS: Mapping[str, tuple[int, int]] = {
    f"{width}:{height}": (width, height)
    for width, height in (
        *((1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (3, 4), (4, 3)),
        *((5, 6), (6, 5), (9, 16), (16, 9)),
    )
}
"""Source: APIXO facts, section 5."""

VARY_TYPES = ("subtle", "strong")
UPSCALE_TYPES = ("subtle", "creative", "2x", "4x")
"""Names by position of `type`; APIXO documents only the numbers. Source: section 7."""

_GENERATED = (Mode.REROLL, Mode.VARY, Mode.UPSCALE, Mode.EDIT)

FOLLOW_UPS: Mapping[Mode, tuple[Mode, ...]] = {
    Mode.TEXT: _GENERATED,
    Mode.IMAGE: _GENERATED,
    Mode.REROLL: _GENERATED,
    Mode.EDIT: (Mode.EDIT, Mode.UPSCALE),
    Mode.VARY: _GENERATED,
    Mode.UPSCALE: (Mode.VARY, Mode.EDIT),
    Mode.ENHANCE: (Mode.VARY, Mode.UPSCALE, Mode.EDIT),
}
"""What a result offers, before `enhance` for drafts. Source: APIXO facts, section 3.1."""

_GENERATION_PRICES = {
    Speed.DRAFT: MicroUsd(100_000),
    Speed.FAST: MicroUsd(200_000),
    Speed.TURBO: MicroUsd(400_000),
}
_HD_PRICE = MicroUsd(300_000)
_FLAT_PRICE = MicroUsd(300_000)

_DURATIONS: Mapping[str, tuple[float, float]] = {
    Speed.TURBO: (15, 25),
    Speed.FAST: (30, 45),
    Speed.DRAFT: (8, 15),  # our choice: undocumented
    Mode.EDIT: (30, 50),  # the same
    Mode.VARY: (15, 60),
    Mode.UPSCALE: (15, 60),
    Mode.ENHANCE: (15, 60),
}
"""Seconds, shortest and longest. Source: APIXO facts, section 8."""


def generation_price(speed: Speed, version: str | None, *, is_hd: bool) -> MicroUsd:
    """Return the price of a text-to-image or image-to-image task.

    HD is priced for version 8.1 and fast only; elsewhere it is undocumented, and costs nothing
    here. Source: APIXO facts, section 13.
    """
    if is_hd and version == "8.1" and speed is Speed.FAST:
        return _HD_PRICE
    return _GENERATION_PRICES[speed]


def edit_price(speed: Speed) -> MicroUsd:
    """Return the price of an image-edit: fast or turbo. Source: APIXO facts, section 13."""
    return MicroUsd(600_000 if speed is Speed.TURBO else 300_000)


def follow_up_price(mode: Mode) -> MicroUsd:
    """Return the flat price of vary, upscale and enhance. Source: APIXO facts, section 13."""
    return ENHANCE_PRICE if mode is Mode.ENHANCE else _FLAT_PRICE


def duration(mode: Mode, speed: Speed) -> tuple[float, float]:
    """Return how many seconds a task takes; generations go by speed, all else by mode."""
    return _DURATIONS[speed if mode in DIFFUSION else mode]


def is_draft(content: Content) -> bool:
    """Return whether an executed request is a draft generation, which `enhance` can finish."""
    return content["mode"] in DIFFUSION and content.get("speed") == Speed.DRAFT


def follow_ups(mode: str, content: Content) -> tuple[Mode, ...]:
    """Return what a successful task offers. Source: APIXO facts, section 3.1."""
    offered = FOLLOW_UPS[Mode(mode)]
    drafted = mode in (*DIFFUSION, Mode.REROLL) and is_draft(content)
    return (*offered, Mode.ENHANCE) if drafted else offered
