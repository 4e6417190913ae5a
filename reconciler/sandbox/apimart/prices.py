"""What a task is charged, by the documented keys and their lookup."""

from collections.abc import Mapping

from reconciler.money import MicroUsd, usd
from reconciler.sandbox.apimart.words import Action
from reconciler.sandbox.jobs import Content

_PREFIX = "midjourney"

_RELAX, _FAST, _TURBO = usd("0.05504"), usd("0.05504"), usd("0.10")

_LIST: Mapping[str, MicroUsd] = {
    "midjourney@imagine": usd("0.04504"),
    "midjourney@imagine-fast": _FAST,
    "midjourney@imagine-turbo": _TURBO,
    "midjourney@video": usd("0.20"),
    "midjourney@video-720p": usd("0.40"),
    **{
        f"midjourney@{action.value.lower()}{suffix}": price
        for action in Action
        if action not in (Action.IMAGINE, Action.VIDEO)
        for suffix, price in (("", _RELAX), ("-fast", _FAST), ("-turbo", _TURBO))
    },
}
"""USD per call: the effective price, list x 0.8. Source: APIMart facts, section 12 (snapshot)."""


def price_of(action: Action, content: Content, own: Mapping[str, MicroUsd]) -> MicroUsd:
    """Return what a task costs: the first key that has a price, times what it is charged.

    `content` is the executed request with its parent's version; `own` are rows over the list's.
    """
    rows = {**_LIST, **own}
    found = next(rows[key] for key in keys(action, content) if key in rows)
    return MicroUsd(found * units(action, content))


def keys(action: Action, content: Content) -> list[str]:
    """Return the price keys of a task, most special first. Source: APIMart facts, section 12."""
    name = action.value.lower()
    if action is Action.VIDEO and "720" in str(content.get("video_type")):
        name = "video-720p"
    version, speed = _version(content), _speed(action, content)
    parts = ((version, speed), (version, ""), ("", speed), ("", ""))
    found = ["-".join(part for part in (name, *one) if part) for one in parts]
    return [*dict.fromkeys(f"{_PREFIX}@{one}" for one in found), _PREFIX]


def units(action: Action, content: Content) -> int:
    """Return how many times a task is charged: each clip, each repetition.

    Whether `repeat` multiplies the price is undocumented: here it does.
    Source: APIMart facts, section 12.
    """
    field = "batch_size" if action is Action.VIDEO else "repeat"
    value = content.get(field)
    return value if isinstance(value, int) else 1


def _version(content: Content) -> str:
    version = content.get("version")
    if not version:
        return ""
    return f"niji{version}" if content.get("niji") else f"v{version}"


def _speed(action: Action, content: Content) -> str:
    """Return a key's speed: none for relax, and for videos, which have no speed."""
    speed = content.get("speed")
    return "" if speed in (None, "relax") or action is Action.VIDEO else str(speed)
