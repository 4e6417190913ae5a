"""What single values of reconciler.yaml look like, as types for its models."""

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field

from reconciler.config import SANDBOX
from reconciler.money import MicroUsd, usd
from reconciler.spec import values
from reconciler.spec.fields import Whole, reader
from reconciler.spec.values import MalformedError, shown
from reconciler.spec.words import did_you_mean

PROVIDER_TYPES: Final = ("apixo", "apimart")
"""The adapters there are."""

_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[A-Za-z0-9._=+-]+)*")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _type(value: object) -> str:
    if value in PROVIDER_TYPES:
        return str(value)
    near = did_you_mean(value, PROVIDER_TYPES) if isinstance(value, str) else None
    raise MalformedError(f"is none of the adapters there are: {_listed(PROVIDER_TYPES)}", near)


def _api_key(value: object) -> str:
    """Return the variable's name. The value never gets into a message: it may be the key."""
    found = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        hint = "write `${APIXO_API_KEY}` and set that environment variable; never the key itself"
        raise MalformedError("must be exactly one `${NAME}`", hint)
    return found[1]


def _base_url(value: object) -> str:
    """Return `sandbox:` or the URL without a slash at its end. Not quoted: keys land here too."""
    return SANDBOX if value == SANDBOX else _web_address(value, "`sandbox:` or an http(s) URL")


def _web_address(value: object, expected: str = "an http(s) URL") -> str:
    """Return a URL that paths can be put behind. Not quoted, for the same reason."""
    text = value.rstrip("/") if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        has_host = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise MalformedError(f"must be {expected}") from None
    if not has_host or re.search(r"[\s\x00-\x1f]", text):
        raise MalformedError(f"must be {expected}")
    if "@" in parts.netloc:
        raise MalformedError("holds a user name or password", "use `api_key: ${NAME}`")
    if parts.query or parts.fragment:
        raise MalformedError("must end with its path: no `?` and no `#`")
    return text


def _folder(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"must be a path, not {shown(value)}")
    pure = PurePosixPath(value.strip())
    is_inside = bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts
    if not is_inside or re.search(r"[\\\x00-\x1f]", value):
        hint = "write it with `/`, relative to the folder of reconciler.yaml"
        raise MalformedError(f"must be a path inside the project, not {shown(value)}", hint)
    return str(pure)


def _bucket(value: object) -> str:
    text = value.rstrip("/") if isinstance(value, str) else ""
    if not _BUCKET.fullmatch(text):
        hint = "a folder of this project is named with `folder: …`"
        raise MalformedError(f"must look like `s3://bucket/prefix`, not {shown(value)}", hint)
    return text


def _usd(value: object) -> MicroUsd:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return usd(Decimal(str(value)))
        except ValueError:
            hint = "not negative, and at most six decimals"
            raise MalformedError(f"must be an amount in USD, not {shown(value)}", hint) from None
    raise MalformedError(f"must be an amount in USD such as `5.00`, not {shown(value)}")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in words)


def _positive(value: object) -> float:
    if (number := values.number(value)) <= 0:
        raise MalformedError(f"must be greater than 0, not {shown(value)}")
    return number


def _not_negative(value: object) -> float:
    if (number := values.number(value)) < 0:
        raise MalformedError(f"must not be negative, not {shown(value)}")
    return number


Positive = Annotated[float, *reader(_positive, {"type": "number", "exclusiveMinimum": 0})]
NotNegative = Annotated[float, *reader(_not_negative, {"type": "number", "minimum": 0})]
Usd = Annotated[int, *reader(_usd, {"type": "number", "minimum": 0})]
Folder = Annotated[str, *reader(_folder, {"type": "string", "minLength": 1})]
Attempts = Annotated[Whole, Field(ge=1, le=20)]
NameText = Annotated[str, Field(strict=True, min_length=1)]
AdapterType = Annotated[str, *reader(_type, {"enum": list(PROVIDER_TYPES)})]
ApiBase = Annotated[
    str, *reader(_base_url, {"type": "string", "pattern": "^(sandbox:$|https?://)"})
]
ApiKey = Annotated[
    str, *reader(_api_key, {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"})
]
Bucket = Annotated[str, *reader(_bucket, {"type": "string", "pattern": "^s3://"})]
WebAddress = Annotated[str, *reader(_web_address, {"type": "string", "pattern": "^https?://"})]
