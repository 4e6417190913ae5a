"""The fields of a request as people read them: a local picture by its name, not by 64 digits."""

import json
import re
from collections.abc import Iterable
from typing import Any

from reconciler.spec.request import BYTES
from reconciler.spec.resource import LocalFile

_BOUND = re.compile(rf"{BYTES}:([0-9a-f]{{64}})")
_SHOWN_DIGITS = 8


def field_in_words(value: Any, files: Iterable[LocalFile]) -> str:
    """Return one field of a canonical request: text as it is, pictures by name, the rest as JSON.

    `files` are the pictures that are there now; a picture of before is known by its digits only.
    """
    match value:
        case str():
            return _picture(value, files)
        case {"location": str(location), **rest}:
            words = (f"{name} {one}" for name, one in rest.items())
            return " ".join((_picture(location, files), *words))
        case [{"location": _}, *_]:
            return ", ".join(field_in_words(one, files) for one in value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _picture(location: str, files: Iterable[LocalFile]) -> str:
    bound = _BOUND.fullmatch(location)
    if bound is None:
        return location
    short = bound[1][:_SHOWN_DIGITS]
    path = next((one.path for one in files if one.digest == bound[1]), None)
    return f"{path} ({short})" if path else short
