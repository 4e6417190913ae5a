"""The shape of reconciler.yaml, as pydantic models: fields, types, descriptions."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from reconciler.config import SANDBOX, MaskPolarity, ServerErrors, ViewMode
from reconciler.policy import OnDoubt
from reconciler.spec.config_fields import (
    AdapterType,
    ApiBase,
    ApiKey,
    Attempts,
    Bucket,
    Folder,
    NameText,
    NotNegative,
    Positive,
    Usd,
    WebAddress,
)
from reconciler.spec.fields import Flag, Node, Silence, Whole, choice_of, malformed
from reconciler.spec.settings import Defaults


class PollModel(Node):
    """When to ask whether a task is finished."""

    first: Annotated[NotNegative | None, Field(description="Seconds until the first question.")] = (
        None
    )
    interval: Annotated[Positive | None, Field(description="Seconds between two questions.")] = None


class ProviderModel(Node):
    """One account at one API."""

    type: Annotated[AdapterType, Field(description="Which adapter speaks with it.")]
    base_url: Annotated[
        ApiBase,
        Field(description="`sandbox:` for the embedded emulator, or the API's http(s) URL."),
    ]
    api_key: Annotated[
        ApiKey | None,
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
    mask_repaints: Annotated[
        MaskPolarity,
        *choice_of(MaskPolarity),
        Field(description="What marks the part of a mask that this API repaints."),
    ] = MaskPolarity.WHITE
    quota_per_usd: Annotated[
        Positive | None,
        Field(description="How many of the API's quota units are one USD, if that is known."),
    ] = None
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


class PublishModel(Node):
    """A public place for local pictures, for APIs that can only fetch them."""

    folder: Annotated[
        Folder | None, Field(description="A folder of this project that a web server shows.")
    ] = None
    bucket: Annotated[
        Bucket | None,
        Field(description="`s3://bucket/prefix`, where everybody can read."),
    ] = None
    base_url: Annotated[
        WebAddress,
        Field(description="The URL below which its files can be fetched."),
    ]

    @model_validator(mode="after")
    def _has_one_place(self) -> "PublishModel":
        if (self.folder is None) == (self.bucket is None):
            raise malformed("needs either `folder` or `bucket`")
        return self

    @property
    def target(self) -> str:
        """The folder or the bucket."""
        return self.folder or self.bucket or ""


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
    publish: Annotated[
        PublishModel | None,
        Field(description="Where local pictures are put for APIs that take URLs only."),
    ] = None
    silence: Silence = ()
    prices: Annotated[
        dict[str, dict[str, Usd]],
        Field(description="Prices that differ from the dated table: provider → key → USD."),
    ] = {}  # noqa: RUF012 - pydantic copies defaults
    defaults: Annotated[Defaults, Field(description="Settings for all images of all files.")] = (
        Defaults()
    )
