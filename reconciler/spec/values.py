"""One form for every value that people spell in several ways. Pure; raises MalformedError.

Messages are predicates ("must be ...") so that the caller can put in front what is wrong: a field
(`aspect_ratio`) or a prompt flag (`--ar`).
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlsplit

from reconciler.spec.request import BYTES, Speed

Scalar = str | int | float | bool

_RATIO = re.compile(r"([1-9][0-9]{0,4}):([1-9][0-9]{0,4})")
_RATIO_TYPO = re.compile(r"\s*([1-9][0-9]{0,4})\s*[x×/:]\s*([1-9][0-9]{0,4})\s*", re.IGNORECASE)
_VERSION = re.compile(r"[vV]?([0-9]{1,3})(?:\.([0-9]{1,3}))?")
_NIJI = re.compile(r"niji[ _-]*v?([0-9.]*)", re.IGNORECASE)
_QUALITY = re.compile(r"[0-9]{0,3}(?:\.[0-9]{1,4})?")

_STYLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_NOTHING: Mapping[str, str] = MappingProxyType({})

_Choice = TypeVar("_Choice", bound=StrEnum)


class MalformedError(ValueError):
    """A value that cannot be read; `message` is a predicate, `hint` the right spelling."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def shown(value: object) -> str:
    """Return a value as a message quotes it: one line, cut, in backticks."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case bool():
            return "`true`" if value else "`false`"
    text = " ".join(str(value).split())
    cut = text if len(text) <= 40 else text[:39] + "…"
    return f"`{cut}`"


def written(value: Scalar) -> str:
    """Return a scalar as it is written in YAML: the form that stands in addresses and prompts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def folded(text: str) -> str:
    """Return the text with single spaces and composed characters (Unicode NFC)."""
    words = " ".join(text.split())
    return words if words.isascii() else unicodedata.normalize("NFC", words)


def prompt(value: object) -> str:
    """Return a prompt with its white space folded."""
    text = folded(_text(value))
    if not text:
        raise MalformedError("is empty", "write what the picture shows")
    return text


def negative(value: object) -> str | None:
    """Return `a, b` for text with commas or a list; None when nothing is left."""
    if isinstance(value, list):
        pieces = [piece for item in value for piece in _text(item).split(",")]
    else:
        pieces = _text(value).split(",")
    return ", ".join(filter(None, map(folded, pieces))) or None


def aspect_ratio(value: object) -> str:
    """Return `w:h` as written; 2:2 is not reduced, the provider judges it."""
    if isinstance(value, str):
        if _RATIO.fullmatch(value.strip()):
            return value.strip()
        if typo := _RATIO_TYPO.fullmatch(value):
            raise MalformedError(
                f"must look like `16:9`, not {shown(value)}", f"write `{typo[1]}:{typo[2]}`"
            )
    raise MalformedError(f"must look like `16:9`, not {shown(value)}")


def version(value: object) -> str:
    """Return `7` for 7, 7.0, "7" and v7; `8.1` for 8.1."""
    text = written(value) if isinstance(value, int | float | str) else ""
    if found := _VERSION.fullmatch(text.strip()):
        minor = (found[2] or "").rstrip("0")
        return str(int(found[1])) + (f".{minor}" if minor else "")
    if niji := _NIJI.fullmatch(text.strip()):
        raise MalformedError(
            f"must be a number such as `7`, not {shown(value)}",
            f'write `niji: true` and `version: "{niji[1] or "6"}"`',
        )
    raise MalformedError(f"must be a number such as `7` or `8.1`, not {shown(value)}")


def quality(value: object) -> str:
    """Return the shortest decimal form: `.5`, 0.50 and "0.5" are `0.5`."""
    text = written(value) if isinstance(value, int | float | str) else ""
    if text and isinstance(value, bool) is False and _QUALITY.fullmatch(text):
        number = float(text)
        return str(int(number)) if number.is_integer() else str(number)
    raise MalformedError(f"must be a number such as `0.5` or `2`, not {shown(value)}")


def speed(value: object) -> Speed:
    """Return Midjourney's queue."""
    if value == "relaxed":
        raise MalformedError("cannot be `relaxed`", "write `relax`")
    if value == "draft":
        raise MalformedError("cannot be `draft`: it is a field of its own", "write `draft: true`")
    return choice(Speed, value)


def choice(options: type[_Choice], value: object, hints: Mapping[str, str] = _NOTHING) -> _Choice:
    """Return the member that is written like the value; `hints` are for wrong values."""
    if isinstance(value, str):
        for option in options:
            if option.value == value:
                return option
    words = [f"`{option.value}`" for option in options]
    listed = f"{', '.join(words[:-1])} or {words[-1]}"
    hint = hints.get(written(value)) if isinstance(value, str | int | float) else None
    raise MalformedError(f"must be {listed}, not {shown(value)}", hint)


def style(value: object) -> str:
    """Return a word for Midjourney's --style; its `raw` is a field of its own."""
    text = _text(value).strip()
    if text.lower() == "raw":
        raise MalformedError("cannot be `raw`: it is a field of its own", "write `raw: true`")
    if not _STYLE.fullmatch(text):
        raise MalformedError(f"must be one word, not {shown(value)}")
    return text


def number(value: object) -> int | float:
    """Return a finite number; a boolean is none."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise MalformedError(f"must be a number, not {shown(value)}", unquoted(value))


def unquoted(value: object) -> str | None:
    """Return the hint for a number that was quoted."""
    if not isinstance(value, str) or not re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", value):
        return None
    return "remove the quotes" if len(value) <= 18 else "numbers have at most 18 digits"


def url(value: object) -> str:
    """Return an http(s) URL without credentials."""
    text = _text(value).strip()
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        raise MalformedError(f"is no URL: {shown(value)}") from None
    if "@" in parts.netloc:
        raise MalformedError("holds a user name or password", "secrets do not belong in specs")
    if not is_usable or re.search(r"\s", text):
        raise MalformedError(f"must be an http(s) URL, not {shown(value)}")
    return text


def path(value: object) -> str:
    """Return a path below the project's root: with `/`, without `.` and `..`."""
    text = _text(value).strip()
    pure = PurePosixPath(text)
    if re.match(rf"(?:data|file|s3|{BYTES}):", str(pure)):
        raise MalformedError(f"must be an http(s) URL or a path, not {shown(value)}")
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or re.search(r"[\\\x00]", text):
        hint = "write it with `/`, relative to the folder of reconciler.yaml"
        raise MalformedError(f"must be a path inside the project, not {shown(value)}", hint)
    return str(pure)


def is_url(text: str) -> bool:
    """Whether a picture's location is meant as a URL rather than as a path."""
    return "://" in text


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    hint = "put it in quotes" if isinstance(value, int | float) else None
    raise MalformedError(f"must be text, not {shown(value)}", hint)
