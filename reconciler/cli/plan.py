"""`reconcile plan`."""

from pathlib import Path

import click

from reconciler.cli.options import json_option, retry_option, sandbox_option, selection_options


@click.command("plan")
@selection_options
@click.option("-v", "--verbose", is_flag=True, help="Show every field; prompts word by word.")
@json_option
@retry_option
@sandbox_option
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="0 in sync, 2 paid work, 3 only free work, 4 picks, 5 failures, 7 in doubt, 1 error.",
)
@click.pass_obj
def plan_command(  # noqa: PLR0913 - one parameter per option
    directory: Path,
    *,
    patterns: tuple[str, ...],
    excludes: tuple[str, ...],
    verbose: bool,
    as_json: bool,
    retry_failed: bool,
    rehearse: bool,
    detailed_exitcode: bool,
) -> int:
    """Show what apply would do and what it would cost. Spends nothing, changes nothing.

    PATTERN is an address or a glob; `+x` adds ancestors, `x+` descendants.
    """
    from reconciler.cli.console import colour, say, say_json
    from reconciler.plan import render
    from reconciler.planning import Wish, open_project, planned

    project = open_project(directory, rehearse=rehearse)
    proposal = planned(project, Wish(patterns, excludes, retry_failed))
    plan = proposal.plan
    if as_json:
        over_budget = proposal.objection and proposal.objection.summary
        say_json({**render.as_json(plan), "over_budget": over_budget})
    else:
        for line in render.lines(plan, verbose=verbose, paint=colour):
            say(line)
        if proposal.objection is not None:
            say(colour(f"Apply would refuse: {proposal.objection}.", render.Tone.TROUBLE))
    return plan.exit_code() if detailed_exitcode else 0
