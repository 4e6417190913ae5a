"""`reconcile providers`: who can do what, at which price and with which limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import json_option

if TYPE_CHECKING:
    from rich.table import Table

    from reconciler.config import Config
    from reconciler.providers.protocol import Provider

_NARROWEST, _WIDEST = 80, 120
_BETWEEN = 3
"""Spaces between two columns."""


@dataclass(frozen=True, slots=True)
class Known:
    """The adapters there are, and which of them the project around here uses, under which names."""

    adapters: Mapping[str, "Provider"]
    config: "Config | None"

    def configured(self, kind: str) -> list[str]:
        """Return the project's own names for this type; the default provider's says so."""
        if self.config is None:
            return []
        default = self.config.default_provider
        return [
            f"{name} (default)" if name == default else name
            for name, one in self.config.providers.items()
            if one.type == kind
        ]

    def kind_of(self, name: str) -> str:
        """Return the type that is called so, here or everywhere. Raises UsageError."""
        from reconciler.errors import UsageError
        from reconciler.ids import ProviderName

        if self.config is not None and ProviderName(name) in self.config.providers:
            return self.config.providers[ProviderName(name)].type
        if name in self.adapters:
            return name
        listed = ", ".join(f"`{one}`" for one in self.adapters)
        raise UsageError(f"there is no provider `{name}`", hint=f"there are: {listed}")


@click.command("providers")
@click.argument("name", required=False)
@json_option
@click.option("--page", "as_page", is_flag=True, help="Print the documentation's page instead.")
@click.pass_obj
def providers_command(directory: Path, *, name: str | None, as_json: bool, as_page: bool) -> None:
    """Show who can do what, prices, limits and lifetimes; of one provider in full with NAME."""
    from reconciler.cli.console import say, say_json
    from reconciler.providers import handbook

    known = _known(directory)
    chosen = known.adapters if name is None else _only(known, known.kind_of(name))
    if as_json:
        say_json([_json(known, kind) for kind in chosen])
    elif as_page:
        say(handbook.page(chosen).rstrip("\n"))
    else:
        tables = _overview(known) if name is None else _portrait(known, next(iter(chosen)))
        say("\n\n".join(map(_printed, tables)))


def _known(directory: Path) -> Known:
    """Look around; outside of a project there are only the adapters."""
    from reconciler.errors import ConfigError
    from reconciler.project import Project
    from reconciler.providers import PROVIDERS

    try:
        return Known(PROVIDERS, Project.find(directory).config)
    except ConfigError:
        return Known(PROVIDERS, None)


def _only(known: Known, kind: str) -> dict[str, "Provider"]:
    return {kind: known.adapters[kind]}


def _json(known: Known, kind: str) -> dict[str, Any]:
    from reconciler.providers.handbook import as_json

    names = [one.removesuffix(" (default)") for one in known.configured(kind)]
    return {"type": kind, "configured_as": names} | as_json(known.adapters[kind])


def _overview(known: Known) -> "list[Table]":
    """Return the operations side by side, and what to know about each account."""
    from reconciler.providers import handbook

    adapters = known.adapters.values()
    names = [one.name for one in adapters]
    operations = _table("", *names)
    for row in handbook.overview(adapters):
        operations.add_row(*row)
    account = _table("", *names)
    account.add_row("configured here as", *(_names(known, kind) for kind in known.adapters))
    for rows in zip(*(handbook.facts(one) for one in adapters), strict=True):
        account.add_row(rows[0][0], *(row[1] for row in rows))
    return [operations, account]


def _portrait(known: Known, kind: str) -> "list[Table]":
    """Return everything about one provider."""
    from reconciler.providers import handbook

    provider = known.adapters[kind]
    account = _table(provider.name, "")
    account.add_row("type", kind)
    account.add_row("configured here as", _names(known, kind))
    for fact in handbook.facts(provider):
        account.add_row(*fact)
    operations = _table("operation", "there", "starts", "remark")
    inputs = _table("operation", "field", "there", "limits", "remark")
    for operation, ability in provider.can.operations.items():
        starts, remark = handbook.starts(ability), f"{ability.remark} ({ability.source})".strip()
        operations.add_row(operation.value, ability.wire, starts, remark)
        for row in handbook.input_rows(ability):
            inputs.add_row(operation.value, *row)
    prices = _table("price key", "one task")
    for row in handbook.price_rows(provider):
        prices.add_row(*row)
    return [account, operations, inputs, prices]


def _names(known: Known, kind: str) -> str:
    return ", ".join(known.configured(kind)) or "not configured"


def _table(*heads: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _printed(table: "Table") -> str:
    """Return it as plain lines, as wide as the terminal, within reason."""
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    width = max(_NARROWEST, min(Console().width, _WIDEST))
    _fit(table, width)
    Console(file=out, width=width, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _fit(table: "Table", width: int) -> None:
    """Give every column its longest word, and share out the rest; who needs least comes first."""
    texts = [[str(one.header), *map(str, one.cells)] for one in table.columns]
    least = [max(len(word) for text in each for word in (text.split() or [""])) for each in texts]
    usable = [max(map(len, each)) - few for each, few in zip(texts, least, strict=True)]
    room = max(0, width - sum(least) - _BETWEEN * (len(least) - 1))
    ordered = sorted(range(len(least)), key=usable.__getitem__)
    for served, column in enumerate(ordered):
        more = min(usable[column], room // (len(ordered) - served))
        table.columns[column].width = least[column] + more
        room -= more
