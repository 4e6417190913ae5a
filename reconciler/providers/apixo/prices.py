"""What APIXO charges for a task (section 13). Undocumented prices stay None, never zero."""

from datetime import date
from types import MappingProxyType

from reconciler.money import usd
from reconciler.providers.protocol import Lineage, PriceTable
from reconciler.spec.request import (
    Edit,
    Enhance,
    Imagine,
    Request,
    Reroll,
    Speed,
    Upscale,
    Vary,
    is_local,
)

TABLE = PriceTable(
    source="APIXO's Midjourney model page, billing section",
    as_of=date(2026, 11, 1),
    rows=MappingProxyType(
        {
            "imagine.draft": usd("0.10"),
            "imagine.fast": usd("0.20"),
            "imagine.turbo": usd("0.40"),
            "imagine.unspecified": None,  # the default speed is undocumented (section 5)
            "imagine.hd.fast": usd("0.30"),
            "imagine.hd.turbo": None,
            "imagine.hd.unspecified": None,
            "edit.fast": usd("0.30"),
            "edit.turbo": usd("0.60"),
            "edit.unspecified": None,
            "vary": usd("0.30"),
            "upscale": usd("0.30"),
            "enhance": None,
        }
    ),
)


def key(request: Request, lineage: Lineage) -> str:
    """Return the billing row. A reroll is billed as its source, past what was cut out here."""
    match request:
        case Imagine(draft=True):
            return "imagine.draft"
        case Imagine(hd=True, speed=speed):
            return f"imagine.hd.{_billed(speed)}"
        case Imagine(speed=speed):
            return f"imagine.{_billed(speed)}"
        case Edit(speed=speed):
            return f"edit.{_billed(speed)}"
        case Vary():
            return "vary"
        case Upscale():
            return "upscale"
        case Enhance():
            return "enhance"
        case Reroll():
            tasks = tuple(one for one in lineage if not is_local(one))
            return key(tasks[0], tasks[1:])
        case _:
            return "none"  # no such thing is sold here, and rules.py says so


def _billed(speed: Speed | None) -> str:
    return speed.value if speed else "unspecified"
