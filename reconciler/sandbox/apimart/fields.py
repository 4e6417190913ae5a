"""Reading the fields of a request. Each reader returns the value or refuses the request."""

import ipaddress
import math
import re
from collections.abc import Container, Mapping
from urllib.parse import urlsplit

from reconciler.sandbox.apimart.words import invalid

Fields = Mapping[str, object]

_RATIO = re.compile(r"([1-9][0-9]{0,2}):([1-9][0-9]{0,2})")
_STEEPEST = 20
"""Width to height, or height to width; our choice, so that a picture can be drawn."""


def text(fields: Fields, name: str) -> str | None:
    """Return a string, None where it is absent or null."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise invalid(f"{name} must be a string")


def number(fields: Fields, name: str, low: float, high: float) -> float | None:
    """Return a number in a range, None where it is absent or null. true is no number."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise invalid(f"{name} must be a number from {low:g} to {high:g}")
    return value


def whole(fields: Fields, name: str, low: float, high: float) -> int | None:
    """Return a whole number in a range, None where it is absent or null."""
    value = number(fields, name, low, high)
    if value is not None and math.floor(value) != value:
        raise invalid(f"{name} must be a whole number")
    return None if value is None else int(value)


def flag(fields: Fields, name: str) -> bool:
    """Return a boolean, False where it is absent or null."""
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise invalid(f"{name} must be a boolean")


def choice(fields: Fields, name: str, options: Container[str]) -> str | None:
    """Return one of some words, None where it is absent or empty."""
    value = text(fields, name)
    if value and value not in options:
        raise invalid(f"{name} is invalid: {value[:40]}")
    return value or None


def obj(fields: Fields, name: str) -> Fields | None:
    """Return an object, None where it is absent or null."""
    value = fields.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise invalid(f"{name} must be an object")


def urls(fields: Fields, name: str, base: str) -> tuple[str, ...]:
    """Return a list of picture URLs; `base` is the sandbox's own origin."""
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise invalid(f"{name} must be a list")
    return tuple(url(one, name, base) for one in value)


def url(value: object, name: str, base: str) -> str:
    """Return a public http(s) URL, or one of the sandbox itself. base64 is not taken.

    Source: APIMart facts, section 3.1 (private addresses are blocked).
    """
    if isinstance(value, str) and value.startswith(f"{base}/"):
        return value
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        if parts and parts.scheme in ("http", "https") and _is_public(parts.hostname or ""):
            return str(value)
    except ValueError:
        pass
    raise invalid(f"{name} must be a publicly reachable image URL")


def ratio(value: str, name: str) -> tuple[int, int]:
    """Return width and height of `w:h`."""
    found = _RATIO.fullmatch(value)
    if found is None:
        raise invalid(f"{name} must look like 16:9")
    width, height = int(found[1]), int(found[2])
    if max(width, height) > _STEEPEST * min(width, height):
        raise invalid(f"{name} is too steep: {value}")
    return width, height


def _is_public(host: str) -> bool:
    if not host or host == "localhost" or host.endswith((".local", ".internal")):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host
