"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

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
