"""Which Midjourney model a task runs on, and the commands that depend on it (sections 3, 4)."""

from types import MappingProxyType
from typing import NamedTuple

from reconciler.providers.protocol import Lineage
from reconciler.spec.request import Edit, Imagine, Request, Upscaler

VERSIONS = ("5", "5.1", "5.2", "6", "6.1", "7", "8", "8.1", "8.2")
"""Section 3: six are verified; 5, 6 and 8 stand in the engine's own list beside them."""

NIJI_VERSIONS = ("6", "7")
HD_VERSIONS = ("8.1", "8.2")
REMIX_VERSIONS = ("8.1", "8.2")
DRAFT_VERSIONS = ("7", "8", "8.1", "8.2")
RAW_VERSIONS = tuple(one for one in VERSIONS if one != "5")
STOP_VERSIONS = ("5", "5.1", "5.2", "6", "6.1")
STOP_NIJI_VERSIONS = ("6",)

_UPSCALE_COMMANDS = MappingProxyType(
    {
        Upscaler.SUBTLE: {
            "6": "upsample_v6_2x_subtle",
            "6.1": "upsample_v6_2x_subtle",
            "7": "upsample_v7_2x_subtle",
            "8.1": "upsample_v7_2x_subtle",
        },
        Upscaler.CREATIVE: {
            "6": "upsample_v6_2x_creative",
            "6.1": "upsample_v6_2x_creative",
            "7": "upsample_v7_2x_creative",
            "8.1": "upsample_v7_2x_creative",
        },
        Upscaler.DOUBLE: dict.fromkeys(("5", "5.1", "5.2"), "upsample_v5_2x"),
        Upscaler.QUADRUPLE: dict.fromkeys(("5", "5.1", "5.2"), "upsample_v5_4x"),
    }
)


class Model(NamedTuple):
    """A Midjourney model; `version` None: whatever the API takes by itself, undocumented."""

    version: str | None
    niji: bool = False

    def __str__(self) -> str:
        if self.version is None:
            return "no version"
        return f"{'niji' if self.niji else 'version'} {self.version}"


def model_of(request: Request, lineage: Lineage) -> Model:
    """Return what a task runs on: its own words, else those of its nearest ancestor that has any.

    Secondary tasks inherit them (section 4).
    """
    for one in (request, *lineage):
        match one:
            case Imagine(version=version, niji=niji):
                return Model(version, niji)
            case Edit(version=version):
                return Model(version)
    return Model(None)


def upscale_command(upscaler: Upscaler, model: Model) -> str | None:
    """Return the HD button's command; None where none is documented for this model."""
    if model.niji or model.version is None:
        return None
    return _UPSCALE_COMMANDS[upscaler].get(model.version)


def upscalable(upscaler: Upscaler) -> tuple[str, ...]:
    """Return the versions for which this upscaler is documented."""
    return tuple(_UPSCALE_COMMANDS[upscaler])


def upscalers(model: Model) -> tuple[Upscaler, ...]:
    """Return the upscalers that are documented for this model."""
    return tuple(one for one in Upscaler if upscale_command(one, model) is not None)
