"""The shape of reconciler.yaml, as pydantic models: fields, types, descriptions."""

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from reconciler.config import SANDBOX, ServerErrors, ViewMode
from reconciler.money import MicroUsd, usd
from reconciler.policy import OnDoubt
from reconciler.spec import values
from reconciler.spec.models import (
    Defaults,
    Flag,
    Node,
    Whole,
    checked,
    choice_of,
    malformed,
)
from reconciler.spec.values import MalformedError, shown
from reconciler.spec.words import did_you_mean

PROVIDER_TYPES: Final = ("apixo",)
"""The adapters there are."""

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
    if value == SANDBOX:
        return SANDBOX
    text = value.rstrip("/") if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        has_host = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise MalformedError("must be `sandbox:` or an http(s) URL") from None
    if not has_host or re.search(r"[\s\x00-\x1f]", text):
        raise MalformedError("must be `sandbox:` or an http(s) URL")
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


def _reader(read: Any, schema: dict[str, Any]) -> Any:
    return (PlainValidator(checked(read)), WithJsonSchema(schema))


Positive = Annotated[float, *_reader(_positive, {"type": "number", "exclusiveMinimum": 0})]
NotNegative = Annotated[float, *_reader(_not_negative, {"type": "number", "minimum": 0})]
Usd = Annotated[int, *_reader(_usd, {"type": "number", "minimum": 0})]
Folder = Annotated[str, *_reader(_folder, {"type": "string", "minLength": 1})]
Attempts = Annotated[Whole, Field(ge=1, le=20)]
NameText = Annotated[str, Field(strict=True, min_length=1)]


class PollModel(Node):
    """When to ask whether a task is finished."""

    first: Annotated[NotNegative | None, Field(description="Seconds until the first question.")] = (
        None
    )
    interval: Annotated[Positive | None, Field(description="Seconds between two questions.")] = None


class ProviderModel(Node):
    """One account at one API."""

    type: Annotated[
        str,
        *_reader(_type, {"enum": list(PROVIDER_TYPES)}),
        Field(description="Which adapter speaks with it."),
    ]
    base_url: Annotated[
        str,
        *_reader(_base_url, {"type": "string", "pattern": "^(sandbox:$|https?://)"}),
        Field(description="`sandbox:` for the embedded emulator, or the API's http(s) URL."),
    ]
    api_key: Annotated[
        str | None,
        *_reader(_api_key, {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"}),
        Field(description="The environment variable with the key: `${NAME}`. Never the key."),
    ] = None
    requests_per_minute: Annotated[
        Positive | None, Field(description="How many requests a minute may be sent.")
    ] = None
    concurrent: Annotated[
        Whole | None, Field(ge=1, description="How many tasks may run at once.")
    ] = None
    poll: Annotated[PollModel, Field(description="When to ask; documented times if left out.")] = (
        PollModel()
    )
    polls_count: Annotated[
        Flag, Field(description="Whether asking for a task counts as a request, too.")
    ] = False
    refunds_failures: Annotated[
        Flag | None,
        Field(description="Whether a failed task costs nothing; documented if left out."),
    ] = None
    server_errors: Annotated[
        ServerErrors,
        *choice_of(ServerErrors),
        Field(description="Whether the API's own 500 and 503 may be sent again, or are in doubt."),
    ] = ServerErrors.RETRY
    speed: Annotated[
        Positive | None, Field(description="Only for `sandbox:`: how much faster than life it is.")
    ] = None

    @model_validator(mode="after")
    def _fits_together(self) -> "ProviderModel":
        if self.base_url != SANDBOX and self.api_key is None:
            raise malformed("needs `api_key`", "write `api_key: ${NAME}`")
        if self.base_url != SANDBOX and self.speed is not None:
            raise malformed("has a `speed`, which only `base_url: sandbox:` can have")
        return self


FolderText = Annotated[str, Field(min_length=1, description="The folder.")]


def _assets(value: object) -> object:
    return {"dir": value} if isinstance(value, str) else value


class AssetsModel(Node):
    """Where pictures are kept."""

    dir: Annotated[Folder, Field(description="The folder, relative to reconciler.yaml.")] = "assets"
    views: Annotated[
        ViewMode,
        *choice_of(ViewMode),
        Field(description="Whether names are links to the stored pictures, or copies of them."),
    ] = ViewMode.LINK


class BudgetModel(Node):
    """The most that may be spent, in USD."""

    per_apply: Annotated[Usd | None, Field(description="In one run of apply, USD.")] = None
    per_day: Annotated[Usd | None, Field(description="In one day (UTC), USD.")] = None
    per_month: Annotated[Usd | None, Field(description="In one calendar month (UTC), USD.")] = None
    per_image: Annotated[
        Usd | None, Field(description="For one root image with all its variants, ever, USD.")
    ] = None


class FailuresModel(Node):
    """How often one take is sent in all, by why it failed last; one sends nothing again."""

    bad_request: Annotated[
        Attempts | None, Field(description="The provider cannot use the request.")
    ] = None
    bad_input_picture: Annotated[
        Attempts | None, Field(description="It cannot use a reference picture.")
    ] = None
    rate_limited: Annotated[Attempts | None, Field(description="It was too busy for the task.")] = (
        None
    )
    provider: Annotated[Attempts | None, Field(description="Something broke at the provider.")] = (
        None
    )
    timed_out: Annotated[Attempts | None, Field(description="It took the provider too long.")] = (
        None
    )
    expired: Annotated[Attempts | None, Field(description="What it starts from is gone.")] = None
    unknown: Annotated[
        Attempts | None, Field(description="A reason that nobody has documented.")
    ] = None


class ConfigModel(Node):
    """The project's configuration."""

    default_provider: Annotated[
        NameText | None, Field(description="The provider of images that name none.")
    ] = None
    providers: Annotated[
        dict[str, ProviderModel],
        Field(min_length=1, description="The APIs that pictures are bought from, by name."),
    ]
    specs: Annotated[Folder, Field(description="The folder with the specs.")] = "specs"
    state: Annotated[Folder, Field(description="The database with everything that was bought.")] = (
        "state/reconciler.db"
    )
    assets: Annotated[
        AssetsModel,
        BeforeValidator(_assets, json_schema_input_type=AssetsModel | FolderText),
        Field(description="Where pictures are kept: a folder, or a mapping."),
    ] = AssetsModel()
    budget: Annotated[
        BudgetModel, Field(description="The most that may be spent; nothing is sent beyond.")
    ] = BudgetModel()
    on_doubt: Annotated[
        OnDoubt,
        *choice_of(OnDoubt),
        Field(description="Whether a lost answer waits for a person, or is bought once more."),
    ] = OnDoubt.HOLD
    failures: Annotated[
        FailuresModel, Field(description="How often a take is sent in all, by why it failed last.")
    ] = FailuresModel()
    prices: Annotated[
        dict[str, dict[str, Usd]],
        Field(description="Prices that differ from the dated table: provider → key → USD."),
    ] = {}  # noqa: RUF012 - pydantic copies defaults
    defaults: Annotated[Defaults, Field(description="Settings for all images of all files.")] = (
        Defaults()
    )
