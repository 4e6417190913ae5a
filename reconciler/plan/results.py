"""What a task usually gives, as far as anybody documents it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from reconciler.spec.request import Imagine, Operation, Request, Video, operation_of


class Results(NamedTuple):
    """How many of each kind; `pictures` None: nobody documents a number."""

    pictures: int | None = 0
    clips: int = 0
    texts: int = 0

    @property
    def candidates(self) -> int | None:
        """How many there are to choose from."""
        return None if self.pictures is None else self.pictures + self.clips + self.texts


NO_RESULTS = Results()
_UNKNOWN = Results(pictures=None)
_USUAL: Mapping[Operation, Results] = MappingProxyType(
    {
        Operation.IMAGINE: Results(4),
        Operation.VARY: Results(4),
        Operation.REROLL: Results(4),
        Operation.EDIT: _UNKNOWN,
        Operation.UPSCALE: Results(1),
        Operation.ENHANCE: Results(1),
        Operation.BLEND: Results(4),
        Operation.DESCRIBE: Results(texts=1),
        Operation.SINGLE: Results(1),
        Operation.ZOOM: _UNKNOWN,
        Operation.PAN: _UNKNOWN,
        Operation.INPAINT: Results(4),
        Operation.REMIX: Results(4),
    }
)


def usual(request: Request) -> Results:
    """Return what a task for this request usually gives."""
    match request:
        case Video(batch=batch):
            return Results(clips=batch)
        case Imagine(repeat=int()):
            return _UNKNOWN  # several jobs in one; how their pictures come is not documented
        case _:
            return _USUAL[operation_of(request)]
