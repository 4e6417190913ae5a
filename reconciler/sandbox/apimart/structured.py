"""The structured fields of a generation: in the body, or as flags inside the prompt.

Source: APIMart facts, section 3.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.sandbox.apimart import fields, words
from reconciler.sandbox.apimart.fields import Fields
from reconciler.sandbox.apimart.words import invalid
from reconciler.sandbox.jobs import Failure, RefusalError

Reader = Callable[[Fields, str], object]

_FLAG = re.compile(r"(?:^|\s)--([a-z]+)")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: how it is read, and the flag that means the same."""

    flag: str
    read: Reader
    kind: type[bool] | type[int] | type[float] | type[str]


def _text(flag: str) -> Field:
    return Field(flag, fields.text, str)


def _whole(flag: str, low: float, high: float) -> Field:
    return Field(flag, lambda body, name: fields.whole(body, name, low, high), int)


def _number(flag: str, low: float, high: float) -> Field:
    return Field(flag, lambda body, name: fields.number(body, name, low, high), float)


def _size(body: Fields, name: str) -> str | None:
    value = fields.text(body, name)
    if value:
        fields.ratio(value, name)
    return value or None


def _quality(body: Fields, name: str) -> str | None:
    return fields.choice(body, name, ("0.25", "0.5", "1", "2"))


FIELDS: Mapping[str, Field] = {
    "size": Field("ar", _size, str),
    "quality": Field("q", _quality, str),
    "style": _text("style"),
    "version": _text("v"),
    "niji": Field("niji", fields.flag, bool),
    "seed": _whole("seed", 0, 2**32 - 1),  # Midjourney's own range; APIMart's is undocumented
    "negative_prompt": _text("no"),
    "stylize": _whole("s", 0, 1000),
    "chaos": _whole("c", 0, 100),
    "weird": _whole("w", 0, 3000),
    "tile": Field("tile", fields.flag, bool),
    "iw": _number("iw", 0, 3),
    "cw": _whole("cw", 0, 100),
    "sw": _whole("sw", 0, 1000),
    "cref": _text("cref"),
    "sref": _text("sref"),
    "dref": _text("dref"),
    "dw": _number("dw", 0, 100),
    "repeat": _whole("repeat", 2, 40),
    "raw": Field("raw", fields.flag, bool),
    "draft": Field("draft", fields.flag, bool),
    "hd": Field("hd", fields.flag, bool),
    "stop": _whole("stop", 10, 100),
}

_ALIASES = {
    **{field.flag: name for name, field in FIELDS.items()},
    "aspect": "size",
    "version": "version",
    "stylize": "stylize",
    "chaos": "chaos",
    "weird": "weird",
    "quality": "quality",
    "r": "repeat",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A generation as it is executed. `full` is the prompt with all flags; `failure` its fate.

    What the engine would refuse is accepted, and fails later.
    """

    prompt: str
    full: str
    values: Mapping[str, object]
    failure: Failure | None


def wish(body: Fields, prompt: str) -> Wish:
    """Return the generation that a body asks for. The body wins over the prompt's flags."""
    own = {name: field.read(body, name) for name, field in FIELDS.items()}
    extra = fields.text(body, "extra") or ""
    plain, flags = _parted(f"{prompt} {extra}")
    values = {name: value for name, value in own.items() if value not in (None, "", False)}
    failure = None
    try:
        values = {**_read(flags), **values}
    except RefusalError as refusal:
        failure = _upstream(refusal.message)
    if values.get("hd") and "version" not in values:
        values["version"] = words.HD_VERSION
    full = " ".join((plain, *_flags(values)))
    return Wish(plain, full, values, failure or _refused_later(values))


def _parted(prompt: str) -> tuple[str, Mapping[str, str]]:
    """Return the words of a prompt, and its flags with their values; unknown ones are dropped."""
    plain, *rest = _FLAG.split(prompt)
    found = {_ALIASES.get(name): value.strip() for name, value in _pairs(rest)}
    return " ".join(plain.split()), {name: value for name, value in found.items() if name}


def _pairs(rest: list[str]) -> list[tuple[str, str]]:
    return list(zip(rest[::2], rest[1::2], strict=True))


def _read(flags: Mapping[str, str]) -> dict[str, object]:
    """Return the flags as fields. Raises RefusalError for one whose value is wrong."""
    raw: dict[str, object] = {name: _typed(name, text) for name, text in flags.items()}
    if flags.get("niji"):
        raw["version"] = flags["niji"]
    found = {name: FIELDS[name].read(raw, name) for name in raw}
    return {name: value for name, value in found.items() if value not in (None, "", False)}


def _typed(name: str, text: str) -> object:
    kind = FIELDS[name].kind
    if kind is bool:
        return True
    try:
        return text if kind is str else float(text)
    except ValueError:
        raise invalid(f"{name} is invalid: {text[:40]}") from None


def _flags(values: Mapping[str, object]) -> list[str]:
    """Return the fields as flags; niji takes the version with it."""
    niji = bool(values.get("niji"))
    found = []
    for name, field in FIELDS.items():
        value = values.get(name)
        if value is None or (niji and name == "version"):
            continue
        if name == "niji":
            value = values.get("version", "")
        found.append(f"--{field.flag}" if value in (True, "") else f"--{field.flag} {value}")
    return found


def _upstream(message: str) -> Failure:
    return Failure("4", f"upstream code=4: {message}")


def _refused_later(values: Mapping[str, object]) -> Failure | None:
    """Return what the engine will say of a version, or of fields that it does not know there.

    That a wrong version is accepted first is documented; for the fields it is our choice.
    """
    version = str(values.get("version", ""))
    if values.get("niji"):
        known = version in ("", *words.NIJI_VERSIONS)
        return None if known else _upstream(f"--niji {version} is not supported: use 6 or 7")
    if version and version not in words.VERSIONS:
        return _upstream(f"--v {version} is not supported: use {', '.join(words.VERSIONS)}")
    for name, known_in in _SOME_VERSIONS.items():
        if values.get(name) and (version or words.DEFAULT_VERSION) not in known_in:
            return _upstream(f"--{name} is not supported by --v {version}")
    return None


_SOME_VERSIONS: Mapping[str, tuple[str, ...]] = {
    "hd": ("8.1", "8.2"),
    "raw": words.VERSIONS[1:],
    "draft": words.VERSIONS[5:],
    "stop": words.VERSIONS[:5],
}
"""Fields that only some versions know. Source: APIMart facts, section 3."""
