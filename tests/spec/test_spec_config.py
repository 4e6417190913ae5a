"""reconciler.yaml becomes a Config. What is wrong with it is tested by golden files."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.config import (
    AssetsConfig,
    Budget,
    Config,
    Poll,
    ProviderConfig,
    ServerErrors,
    ViewMode,
)
from reconciler.ids import ProviderName
from reconciler.money import MicroUsd
from reconciler.policy import FailureKind, OnDoubt, Policy
from reconciler.spec.codec import decode_config, encode_config
from reconciler.spec.load import load_config
from reconciler.spec.request import Reference, Speed

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]

FULL = """\
default_provider: apixo
providers:
  apixo:
    type: apixo
    base_url: https://api.apixo.ai/api/v1/
    api_key: ${APIXO_API_KEY}
    requests_per_minute: 60
    concurrent: 10
    polls_count: true
    poll: {first: 20, interval: 4}
    refunds_failures: true
    server_errors: doubt
  toy: {type: apixo, base_url: "sandbox:", speed: 20}
specs: pictures/specs/
state: state/reconciler.db
assets: {dir: assets, views: copy}
budget: {per_apply: 5.00, per_day: 20, per_month: 200, per_image: 2.5}
on_doubt: rebuy
failures: {timed_out: 5, provider: 1}
prices: {apixo: {imagine.fast: 0.20, enhance: 0.25}}
defaults: {speed: fast, version: 7, style_refs: [{path: a.jpg, weight: 2}], provider: toy}
"""


def test_everything(project_of: ProjectOf) -> None:
    """Every key ends up in its field; money is in micro-dollars."""
    apixo, toy = ProviderName("apixo"), ProviderName("toy")
    config = load_config(project_of({"reconciler.yaml": FULL}))

    assert config == Config(
        providers={
            apixo: ProviderConfig(
                name=apixo,
                type="apixo",
                base_url="https://api.apixo.ai/api/v1",
                api_key_env="APIXO_API_KEY",
                requests_per_minute=60,
                concurrent=10,
                polls_count=True,
                poll=Poll(first=20, interval=4),
                refunds_failures=True,
                server_errors=ServerErrors.DOUBT,
            ),
            toy: ProviderConfig(name=toy, type="apixo", base_url="sandbox:", speed=20),
        },
        default_provider=apixo,
        specs="pictures/specs",
        state="state/reconciler.db",
        assets=AssetsConfig("assets", ViewMode.COPY),
        budget=Budget(
            per_apply=MicroUsd(5_000_000),
            per_day=MicroUsd(20_000_000),
            per_month=MicroUsd(200_000_000),
            per_image=MicroUsd(2_500_000),
        ),
        policy=Policy(OnDoubt.REBUY, {FailureKind.TIMED_OUT: 5, FailureKind.PROVIDER: 1}),
        prices={apixo: {"imagine.fast": MicroUsd(200_000), "enhance": MicroUsd(250_000)}},
        defaults={
            "speed": Speed.FAST,
            "version": "7",
            "style_refs": (Reference("a.jpg", 2),),
            "provider": "toy",
        },
    )
    assert config.providers[toy].is_sandbox
    assert not config.providers[apixo].is_sandbox


def test_the_least(project_of: ProjectOf) -> None:
    """One provider is enough, and is the default one."""
    config = load_config(project_of({}))

    assert config.default_provider == "apixo"
    assert config == Config(
        providers={
            ProviderName("apixo"): ProviderConfig(ProviderName("apixo"), "apixo", "sandbox:")
        },
        default_provider=ProviderName("apixo"),
    )


def test_assets_may_be_a_folder(project_of: ProjectOf) -> None:
    """`assets: pictures` is short for the mapping."""
    text = "providers:\n  a: {type: apixo, base_url: 'sandbox:'}\nassets: pictures\n"
    assert load_config(project_of({"reconciler.yaml": text})).assets == AssetsConfig("pictures")


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8080", "https://h.example/a/b", "http://[::1]:1/x"]
)
def test_any_web_address_will_do(project_of: ProjectOf, base_url: str) -> None:
    """Loopback, plain http and IPv6 included: that is how emulators are reached."""
    text = f"providers:\n  a: {{type: apixo, base_url: '{base_url}/', api_key: '${{K}}'}}\n"
    config = load_config(project_of({"reconciler.yaml": text}))

    assert config.providers[ProviderName("a")].base_url == base_url


def test_configurations_survive_the_cache(project_of: ProjectOf) -> None:
    """What is read back from the cache is equal to what was put in."""
    config = load_config(project_of({"reconciler.yaml": FULL}))

    assert decode_config(encode_config(config)) == config
    json.loads(encode_config(config))
