"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from reconciler.money import MicroUsd, usd


class _Usd(click.ParamType[MicroUsd]):
    """An amount such as `5` or `0.30`."""

    name = "USD"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> MicroUsd:
        """Return micro-dollars; a leading `$` is fine."""
        try:
            return usd(str(value).removeprefix("$"))
        except ValueError:
            self.fail(f"`{value}` is no amount in dollars such as 5 or 0.30", param, ctx)


USD = _Usd()
F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
sandbox_option = click.option(
    "--sandbox",
    "rehearse",
    is_flag=True,
    help="Rehearse against the embedded sandbox, with a state and assets of its own.",
)


def selection_options(command: F) -> F:
    """Add PATTERN... and --exclude."""
    command = click.option(
        "--exclude",
        "excludes",
        multiple=True,
        metavar="PATTERN",
        help="Leave these addresses out. May be given more than once.",
    )(command)
    return click.argument("patterns", nargs=-1, metavar="[PATTERN]...")(command)


retry_option = click.option(
    "--retry-failed",
    is_flag=True,
    help="Buy again what failed for good before, although its request has not changed.",
)
