"""What APIMart charges for a task (section 12); its keys without their common `midjourney@`."""

from collections.abc import Iterator
from datetime import date
from types import MappingProxyType

from reconciler.money import MicroUsd, usd
from reconciler.providers.apimart.versions import NIJI_VERSIONS, Model, model_of
from reconciler.providers.protocol import Lineage, PriceTable
from reconciler.spec.request import (
    Blend,
    Describe,
    Edit,
    Imagine,
    Operation,
    Remix,
    Request,
    Resolution,
    Single,
    Speed,
    Strength,
    Vary,
    Video,
    operation_of,
)

_IMAGINE = {"": "0.04504", "-fast": "0.05504", "-turbo": "0.10"}
_OTHERS = {"": "0.05504", "-fast": "0.05504", "-turbo": "0.10"}
_WITH_SPEED = ("blend", "describe", "edits")
_WITHOUT_SPEED = (
    *("upscale", "variation", "high_variation", "reroll", "zoom", "pan", "inpaint"),
    *("remix_strong", "remix_subtle"),
)
_VARIATIONS = {Strength.SUBTLE: "variation", Strength.STRONG: "high_variation"}


def _rows() -> Iterator[tuple[str, MicroUsd]]:
    generations = ("imagine", *(f"imagine-niji{one}" for one in reversed(NIJI_VERSIONS)))
    for action in generations:
        yield from ((action + speed, usd(price)) for speed, price in _IMAGINE.items())
    for action in _WITH_SPEED:
        yield from ((action + speed, usd(price)) for speed, price in _OTHERS.items())
    yield from ((action, usd(_OTHERS[""])) for action in _WITHOUT_SPEED)
    yield "video", usd("0.20")
    yield "video-720p", usd("0.40")


TABLE = PriceTable(
    source="APIMart's public pricing page, after its discount of 20 %, as a third party noted it",
    as_of=date(2026, 9, 21),
    rows=MappingProxyType(dict(_rows())),
)


def key(request: Request, lineage: Lineage) -> str:
    """Return the billing row: the most special one that there is (section 12's order)."""
    action, model = _action(request), _suffix(model_of(request, lineage))
    speed = _speed(request)
    keys = (f"{action}{model}{speed}", f"{action}{model}", f"{action}{speed}", action)
    return next((one for one in keys if one in TABLE.rows), action)


def units(request: Request) -> int:
    """Return how often the row is charged: each clip of a batch, each job of a repetition."""
    match request:
        case Video(batch=batch):
            return batch
        case Imagine(repeat=int(repeat)):
            return repeat
        case _:
            return 1


def _suffix(model: Model) -> str:
    if model.version is None:
        return ""
    return f"-niji{model.version}" if model.niji else f"-v{model.version}"


def _speed(request: Request) -> str:
    """Relaxed and unsaid are the same, and add nothing."""
    speed = request.speed if isinstance(request, Imagine | Edit | Blend | Describe) else None
    return "" if speed in (None, Speed.RELAX) else f"-{speed}"


def _action(request: Request) -> str:
    match request:
        case Vary(vary=strength):
            return _VARIATIONS[strength]
        case Remix(remix=strength):
            return f"remix_{strength}"
        case Video(resolution=Resolution.HIGH):
            return "video-720p"
        case Edit():
            return "edits"
        case Single():
            return Operation.UPSCALE.value
        case _:
            return operation_of(request).value
