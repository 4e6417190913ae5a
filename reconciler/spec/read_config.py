"""reconciler.yaml: text → Config, or everything that is wrong with it. Pure."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from reconciler.config import (
    CONFIG_FILE,
    AssetsConfig,
    Budget,
    Config,
    Poll,
    ProviderConfig,
    Publish,
)
from reconciler.ids import NAME, ProviderName
from reconciler.money import MicroUsd
from reconciler.policy import FailureKind, Policy
from reconciler.spec import explain
from reconciler.spec.config_models import (
    AssetsModel,
    BudgetModel,
    ConfigModel,
    FailuresModel,
    PollModel,
    ProviderModel,
    PublishModel,
)
from reconciler.spec.entries import read_defaults
from reconciler.spec.expand import unknown_provider
from reconciler.spec.masking import redacted
from reconciler.spec.models import fields_of
from reconciler.spec.problems import Finding, Problem
from reconciler.spec.resource import KeyPath
from reconciler.spec.values import shown
from reconciler.spec.words import did_you_mean


def read_config(document: object) -> tuple[Config | None, list[Problem]]:
    """Return the configuration that a document describes, or None and its problems."""
    if not isinstance(document, dict):
        message = f"{CONFIG_FILE} must be a mapping, not {shown(document)}"
        return None, [Problem(CONFIG_FILE, (), message, "begin it with `providers:`")]
    model, found = _validated(document)
    found += _name_findings(document)
    config = None
    if model is not None and not found:
        config = _config(model, document.get("defaults") or {})
    return config, [_redacted(one).at(CONFIG_FILE, ()) for one in found]


def _redacted(finding: Finding) -> Finding:
    """A key pasted into the wrong place must not come back in a message about that place."""
    hint = finding.hint and redacted(finding.hint)
    return finding._replace(message=redacted(finding.message), hint=hint)


def _validated(document: Mapping[str, Any]) -> tuple[ConfigModel | None, list[Finding]]:
    raw = {key: value for key, value in document.items() if key != "defaults"}
    found = [*explain.nulls(raw), *_defaults_findings(document)]
    given = explain.without_nulls(raw)
    try:
        return ConfigModel.model_validate(given), found
    except ValidationError as error:
        return None, found + explain.findings(error, given, _unknown)


def _defaults_findings(document: Mapping[str, Any]) -> Iterator[Finding]:
    raw = document.get("defaults")
    if raw is None:
        return
    if not isinstance(raw, dict):
        yield Finding(("defaults",), f"`defaults` must be a mapping, not {shown(raw)}")
        return
    for one in read_defaults(raw)[1]:
        yield one._replace(path=("defaults", *one.path))


def _name_findings(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with the names of providers, wherever they stand."""
    providers = document.get("providers")
    if not isinstance(providers, dict) or not providers:
        return
    for name in providers:
        if not NAME.fullmatch(name):
            message = "a provider's name has letters, digits, `_` and `-`"
            yield Finding(("providers", name), message, on_key=True)
    default = document.get("default_provider")
    if default is None and len(providers) > 1:
        hint = f"add `default_provider: {next(iter(providers))}`"
        message = "with several providers, `default_provider` must name one"
        yield Finding(("providers",), message, hint, on_key=True)
    uses: list[tuple[KeyPath, object]] = [(("default_provider",), default)]
    if isinstance(defaults := document.get("defaults"), dict):
        uses.append((("defaults", "provider"), defaults.get("provider")))
    if isinstance(prices := document.get("prices"), dict):
        uses += [(("prices", name), name) for name in prices]
    for path, name in uses:
        if isinstance(name, str) and name not in providers:
            yield unknown_provider(path, name, providers)._replace(on_key=path[0] == "prices")


def _unknown(path: KeyPath) -> tuple[str, str | None]:
    models = {
        "providers": PollModel if "poll" in path[2:-1] else ProviderModel,
        "assets": AssetsModel,
        "budget": BudgetModel,
        "failures": FailuresModel,
        "publish": PublishModel,
    }
    model = models.get(str(path[0]), ConfigModel) if len(path) > 1 else ConfigModel
    if model is FailuresModel and path[-1] in set(FailureKind):
        return f"{explain.name_of(path)} cannot be set", _unsettable(FailureKind(str(path[-1])))
    return f"{explain.name_of(path)} is not known here", did_you_mean(
        str(path[-1]), sorted(fields_of(model))
    )


def _unsettable(kind: FailureKind) -> str:
    if kind.is_moderated:
        return "refused words are never sent again unchanged: change the prompt"
    return "a person must mend the account first; then `reconcile apply` goes on"


def _config(model: ConfigModel, defaults: Mapping[str, Any]) -> Config:
    providers = {
        ProviderName(name): _provider(ProviderName(name), one)
        for name, one in model.providers.items()
    }
    prices = {
        ProviderName(name): MappingProxyType({key: MicroUsd(usd) for key, usd in table.items()})
        for name, table in model.prices.items()
    }
    return Config(
        providers=MappingProxyType(providers),
        default_provider=ProviderName(model.default_provider or next(iter(providers))),
        specs=model.specs,
        state=model.state,
        assets=AssetsConfig(model.assets.dir, model.assets.views),
        budget=_budget(model.budget),
        policy=Policy(model.on_doubt, _attempts(model.failures)),
        publish=_publish(model.publish),
        silenced=tuple(dict.fromkeys(model.silence)),
        prices=MappingProxyType(prices),
        defaults=MappingProxyType(read_defaults(defaults)[0]),
    )


def _publish(model: PublishModel | None) -> Publish | None:
    return None if model is None else Publish(model.target, model.base_url)


def _attempts(model: FailuresModel) -> Mapping[FailureKind, int]:
    given = model.model_dump(exclude_none=True)
    return MappingProxyType({FailureKind(name): number for name, number in given.items()})


def _budget(model: BudgetModel) -> Budget:
    return Budget(
        per_apply=_money(model.per_apply),
        per_day=_money(model.per_day),
        per_month=_money(model.per_month),
        per_image=_money(model.per_image),
    )


def _money(amount: int | None) -> MicroUsd | None:
    return None if amount is None else MicroUsd(amount)


def _provider(name: ProviderName, model: ProviderModel) -> ProviderConfig:
    return ProviderConfig(
        name=name,
        type=model.type,
        base_url=model.base_url,
        api_key_env=model.api_key,
        requests_per_minute=model.requests_per_minute,
        concurrent=model.concurrent,
        polls_count=model.polls_count,
        poll=Poll(model.poll.first, model.poll.interval),
        refunds_failures=model.refunds_failures,
        server_errors=model.server_errors,
        mask_repaints=model.mask_repaints,
        quota_per_usd=model.quota_per_usd,
        speed=model.speed or 1.0,
    )
