"""Expanded files and configurations as text for the cache, and back. Neither YAML nor pydantic.

Requests are kept as lines behind one line of JSON: reading back 30,000 of them is one `split`.
Whatever does not fit raises ValueError: the cache then counts as empty.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import repeat
from types import MappingProxyType
from typing import Any, TypeVar

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
from reconciler.ids import ProviderName
from reconciler.policy import FailureKind, OnDoubt, Policy
from reconciler.spec.expanded import Expanded
from reconciler.spec.request import Imagine, Operation, canonical, decode
from reconciler.spec.resource import LocalFile, Parent, Resource

_Item = TypeVar("_Item")

_COLUMNS = ("addresses", "providers", "operations", "parents", "picks", "takes", "paths")


def encode_expanded(expanded: Expanded) -> str:
    """Return a file without problems as text."""
    found = expanded.resources
    columns = {
        "addresses": [one.address for one in found],
        "providers": [one.provider for one in found],
        "operations": [one.operation.value for one in found],
        "parents": [one.parent for one in found],
        "picks": [one.pick for one in found],
        "takes": [one.take for one in found],
        "paths": [one.path for one in found],
        "files": _sparse([one.path for one in resource.files] for resource in found),
        "silenced": _sparse(one.silenced for one in found),
        "roots": expanded.roots,
    }
    head = json.dumps(columns, ensure_ascii=False, separators=(",", ":"))
    return "\n".join([head, *(one.canonical for one in found)])


def decode_expanded(text: str, file: str) -> Expanded:
    """Return what `encode_expanded` was given, as the contents of this file."""
    head, *requests = text.split("\n")
    columns = json.loads(head)
    addresses, providers, operations, parents, picks, takes, paths = (
        columns[name] for name in _COLUMNS
    )
    operation = {one.value: one for one in Operation}
    resources = map(
        Resource,
        addresses,
        providers,
        [operation[value] for value in operations],
        requests,
        [pair and Parent(*pair) for pair in parents],
        picks,
        takes,
        repeat(file),
        map(tuple, paths),
        _dense(columns["files"], len(requests), LocalFile),
        _dense(columns["silenced"], len(requests), str),
    )
    return Expanded(tuple(resources), tuple(columns["roots"]))


def _sparse(column: Iterable[Sequence[str]]) -> dict[int, Sequence[str]]:
    """Return the values that are not empty, by their position: nearly all are."""
    return {position: values for position, values in enumerate(column) if values}


def _dense(
    column: Mapping[str, Sequence[str]], length: int, kind: Callable[[str], _Item]
) -> list[tuple[_Item, ...]]:
    """Return what `_sparse` was given, each value made anew."""
    dense: list[tuple[_Item, ...]] = [()] * length
    for position, values in column.items():
        dense[int(position)] = tuple(map(kind, values))
    return dense


def encode_config(config: Config) -> str:
    """Return a configuration as text. The names of secrets are in it, never secrets."""
    content: dict[str, Any] = {
        "providers": {name: asdict(one) for name, one in config.providers.items()},
        "default_provider": config.default_provider,
        "specs": config.specs,
        "state": config.state,
        "assets": asdict(config.assets),
        "budget": asdict(config.budget),
        "policy": {"on_doubt": config.policy.on_doubt, "attempts": {**config.policy.attempts}},
        "publish": config.publish and asdict(config.publish),
        "silenced": config.silenced,
        "prices": {name: dict(table) for name, table in config.prices.items()},
        "defaults": encode_defaults(config.defaults),
    }
    return json.dumps(content)


def decode_config(text: str) -> Config:
    """Return what `encode_config` was given."""
    content = json.loads(text)
    providers = {
        ProviderName(name): _decode_provider(one) for name, one in content["providers"].items()
    }
    assets = content["assets"]
    prices = {name: MappingProxyType(table) for name, table in content["prices"].items()}
    return Config(
        providers=MappingProxyType(providers),
        default_provider=content["default_provider"],
        specs=content["specs"],
        state=content["state"],
        assets=AssetsConfig(assets["dir"], ViewMode(assets["views"])),
        budget=Budget(**content["budget"]),
        policy=_decode_policy(content["policy"]),
        publish=content["publish"] and Publish(**content["publish"]),
        silenced=tuple(content["silenced"]),
        prices=MappingProxyType(prices),
        defaults=MappingProxyType(_decode_defaults(content["defaults"])),
    )


def _decode_provider(content: Mapping[str, Any]) -> ProviderConfig:
    revived = {
        "poll": Poll(**content["poll"]),
        "server_errors": ServerErrors(content["server_errors"]),
        "mask_repaints": MaskPolarity(content["mask_repaints"]),
    }
    return ProviderConfig(**{**content, **revived})


def _decode_policy(content: Mapping[str, Any]) -> Policy:
    attempts = {FailureKind(kind): number for kind, number in content["attempts"].items()}
    return Policy(OnDoubt(content["on_doubt"]), MappingProxyType(attempts))


def encode_defaults(defaults: Mapping[str, Any]) -> list[str | None]:
    """Return defaults as [provider, the canonical form of an image that has nothing else]."""
    fields = {key: value for key, value in defaults.items() if key != "provider"}
    return [defaults.get("provider"), canonical(Imagine("", **fields))]


def _decode_defaults(pair: list[str]) -> dict[str, Any]:
    provider, text = pair
    request = decode(text)
    names = json.loads(text).keys() - {"operation", "prompt"}
    fields = {name: getattr(request, name) for name in sorted(names)}
    return fields | ({"provider": provider} if provider else {})
