"""Reading the fields of a request. Each reader returns the value or refuses the request."""

import math
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from reconciler.sandbox.drawing.painting import Polygon
from reconciler.sandbox.jobs import RefusalError

Fields = Mapping[str, object]

_MAX_CHARACTERS = 2000
_MAX_BYTES = 7500
_MAX_REFERENCES = 20
_MIN_CORNERS = 3


def invalid(message: str, fail_code: str = "MissingParameter") -> RefusalError:
    """Return a refusal with HTTP 400, or this failCode where the service would rather fail."""
    return RefusalError(400, message, fail_code=fail_code)


def obj(fields: Fields, name: str) -> Fields | None:
    """Return an object, None where it is absent or null."""
    value = fields.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise invalid(f"Invalid parameter: {name} must be an object")


def text(fields: Fields, name: str) -> str | None:
    """Return a string, None where it is absent or null."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise invalid(f"Invalid parameter: {name} must be a string")


def number(fields: Fields, name: str) -> float | None:
    """Return a number, None where it is absent or null. true is no number."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"Invalid parameter: {name} must be a number")
    return value


def index(fields: Fields, name: str, options: int) -> int:
    """Return a required whole number from 0 to `options` - 1."""
    value = fields.get(name)
    if value is None:
        raise invalid(f"Missing required field: input.{name}")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < options:
        raise invalid(f"Invalid parameter: {name} must be from 0 to {options - 1}")
    return value


def flag(fields: Fields, name: str) -> bool:
    """Return a boolean, False where it is absent or null."""
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise invalid(f"Invalid parameter: {name} must be a boolean")


def prompt(fields: Fields, name: str = "prompt") -> str:
    """Return a prompt as it is executed: everything from the first `--` on is gone.

    Source: APIXO facts, section 5 (length limits, stripping).
    """
    raw = text(fields, name) or ""
    if len(raw) > _MAX_CHARACTERS or len(raw.encode()) > _MAX_BYTES:
        raise invalid(
            f"Prompt too long: at most {_MAX_CHARACTERS} characters and {_MAX_BYTES} bytes",
            "PromptInvalid",
        )
    kept = raw.split("--", 1)[0].strip()
    if not kept:
        raise invalid(f"Missing required field: input.{name} must not be empty", "PromptInvalid")
    return kept


def url(value: object, name: str) -> str:
    """Return an http(s) URL with a host. Source: APIXO facts, section 14 (direct URLs only)."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        if parts is not None and parts.scheme in ("http", "https") and parts.hostname:
            return str(value)
    except ValueError:
        pass
    raise invalid(f"Invalid image URL in {name}", "Upload error")


def urls(fields: Fields, name: str) -> tuple[str, ...]:
    """Return a list of at most 20 URLs. Source: APIXO facts, section 5."""
    return tuple(url(one, name) for one in _items(fields, name))


def references(fields: Fields, name: str, *, weighted: bool = False) -> tuple[str, ...]:
    """Return the URLs of references: `{url, weight}` objects, or strings unless `weighted`.

    Only sref's shape is documented; the others may be either. Source: APIXO facts, section 5.
    """
    found = []
    for item in _items(fields, name):
        if isinstance(item, dict):
            number(item, "weight")
            found.append(url(item.get("url"), name))
        elif weighted:
            raise invalid(f"Invalid parameter: {name} must hold objects with url and weight")
        else:
            found.append(url(item, name))
    return tuple(found)


def areas(fields: Fields) -> tuple[Polygon, ...]:
    """Return the regions of a mask as fractions of its size. Source: APIXO facts, section 6."""
    mask = obj(fields, "mask")
    if mask is None:
        return ()
    found = mask.get("areas")
    if not isinstance(found, list) or not found:
        raise invalid("Invalid parameter: mask.areas must be a list")
    return tuple(_area(one) for one in found)


def size(fields: Fields, name: str) -> tuple[int, int] | None:
    """Return width and height of `canvas` or `imgPos`, None where it is absent."""
    box = obj(fields, name)
    return None if box is None else (_side(box, name, "width"), _side(box, name, "height"))


def _items(fields: Fields, name: str) -> Iterable[object]:
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise invalid(f"Invalid parameter: {name} must be a list")
    if len(value) > _MAX_REFERENCES:
        raise invalid(f"Invalid parameter: {name} holds more than {_MAX_REFERENCES}")
    return value


def _area(area: object) -> Polygon:
    if not isinstance(area, dict):
        raise invalid("Invalid parameter: mask.areas must hold objects")
    width, height = _side(area, "mask.areas", "width"), _side(area, "mask.areas", "height")
    points = area.get("points")
    if not isinstance(points, list) or len(points) % 2 or len(points) < 2 * _MIN_CORNERS:
        raise invalid("Invalid parameter: mask.areas.points must list at least 3 points")
    flat = [_coordinate(one) for one in points]
    return tuple(
        (_share(x, width), _share(y, height)) for x, y in zip(flat[::2], flat[1::2], strict=True)
    )


def _share(value: float, whole: int) -> float:
    return min(1.0, max(0.0, value / whole))


def _coordinate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _FAR:
        raise invalid("Invalid parameter: mask.areas.points must hold numbers")
    return float(value)


def _side(box: Fields, name: str, side: str) -> int:
    value = number(box, side)
    if value is None or not 1 <= value <= _FAR or math.floor(value) != value:
        raise invalid(f"Invalid parameter: {name}.{side} must be a positive whole number")
    return int(value)


_FAR = 100_000
"""No picture is wider, in pixels."""
