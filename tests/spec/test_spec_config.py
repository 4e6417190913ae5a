"""reconciler.yaml becomes a Config. What is wrong with it is tested by golden files."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler import scaffold
from reconciler.config import (
    AssetsConfig,
    Budget,
    Config,
    MaskPolarity,
    Poll,
    ProviderConfig,
    Publish,
    ServerErrors,
    ViewMode,
)
from reconciler.errors import ConfigError
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
  mart:
    type: apimart
    base_url: "sandbox:"
    mask_repaints: transparent
    quota_per_usd: 500000
specs: pictures/specs/
state: state/reconciler.db
assets: {dir: assets, views: copy}
budget: {per_apply: 5.00, per_day: 20, per_month: 200, per_image: 2.5}
on_doubt: rebuy
failures: {timed_out: 5, provider: 1}
prices: {apixo: {imagine.fast: 0.20, enhance: 0.25}}
defaults: {speed: fast, version: 7, style_refs: [{path: a.jpg, weight: 2}], provider: toy}
publish: {folder: ./public/, base_url: "https://example.com/refs/"}
silence: [vague-words, video-batch, vague-words]
"""


def test_everything(project_of: ProjectOf) -> None:
    """Every key ends up in its field; money is in micro-dollars."""
    apixo, toy, mart = map(ProviderName, ["apixo", "toy", "mart"])
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
            mart: ProviderConfig(
                name=mart,
                type="apimart",
                base_url="sandbox:",
                mask_repaints=MaskPolarity.TRANSPARENT,
                quota_per_usd=500_000,
            ),
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
        publish=Publish("public", "https://example.com/refs"),
        silenced=("vague-words", "video-batch"),
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


@pytest.mark.parametrize(
    ("written", "target", "is_bucket"),
    [
        ("folder: public/refs", "public/refs", False),
        ("bucket: s3://pictures/", "s3://pictures", True),
        ("bucket: s3://pictures.example/a/b_c", "s3://pictures.example/a/b_c", True),
    ],
)
def test_a_public_place_is_a_folder_or_a_bucket(
    project_of: ProjectOf, written: str, target: str, is_bucket: bool
) -> None:
    """Both end up as one target, without a slash at its end."""
    text = (
        "providers:\n  a: {type: apixo, base_url: 'sandbox:'}\n"
        f"publish: {{{written}, base_url: 'http://h.example/x/'}}\n"
    )
    publish = load_config(project_of({"reconciler.yaml": text})).publish

    assert publish == Publish(target, "http://h.example/x")
    assert publish.is_bucket == is_bucket


@pytest.mark.parametrize("bucket", ["s3://", "s3://A", "s3:/pictures", "s3://pictures/../x y", "7"])
def test_a_bucket_has_a_name(project_of: ProjectOf, bucket: str) -> None:
    """What no S3 would take is refused before anything is sent."""
    text = (
        "providers:\n  a: {type: apixo, base_url: 'sandbox:'}\n"
        f"publish: {{bucket: '{bucket}', base_url: 'http://h.example'}}\n"
    )
    with pytest.raises(ConfigError, match="1 problem"):
        load_config(project_of({"reconciler.yaml": text}))


def test_what_init_writes_as_a_comment_can_be_uncommented(project_of: ProjectOf) -> None:
    """The second provider and the public place are examples that work."""
    text = re.sub(r"^( *)# (?= *[a-z_]+:)", r"\1", scaffold._CONFIG, flags=re.MULTILINE)
    config = load_config(project_of({"reconciler.yaml": text.split("\n", 1)[1]}))

    assert [one.type for one in config.providers.values()] == ["apixo", "apimart"]
    assert [one.speed for one in config.providers.values()] == [20, 20]
    assert config.default_provider == "apixo"
    assert config.publish == Publish("public", "https://example.com/public")
