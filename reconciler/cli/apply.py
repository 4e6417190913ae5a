"""`reconcile apply`."""

from pathlib import Path

import click

from reconciler.cli.options import (
    USD,
    json_option,
    retry_option,
    sandbox_option,
    selection_options,
)
from reconciler.money import MicroUsd


@click.command("apply")
@selection_options
@click.option("-y", "--yes", is_flag=True, help="Buy without asking.")
@click.option(
    "--max-cost",
    type=USD,
    metavar="USD",
    help="Spend no more than this in this run; the budget in reconciler.yaml counts as well.",
)
@json_option
@retry_option
@sandbox_option
@click.pass_obj
def apply_command(  # noqa: PLR0913 - one parameter per option
    directory: Path,
    *,
    patterns: tuple[str, ...],
    excludes: tuple[str, ...],
    yes: bool,
    max_cost: MicroUsd | None,
    as_json: bool,
    retry_failed: bool,
    rehearse: bool,
) -> int:
    """Buy what the plan lists, wait for it, and put the pictures into the asset folder.

    Asks before it spends when a terminal is attached; otherwise it needs --yes. The sandbox's money
    is not real, so nobody is asked about it. PATTERN is an address or a glob; `+x` adds ancestors,
    `x+` descendants.
    """
    from reconciler.applying import apply
    from reconciler.cli.desk import JsonDesk, PersonDesk
    from reconciler.planning import Wish, open_project

    project = open_project(directory, rehearse=rehearse)
    desk = (JsonDesk if as_json else PersonDesk)(project, assume_yes=yes)
    result = apply(project, Wish(patterns, excludes, retry_failed), desk, max_cost=max_cost)
    return desk.conclude(result)
