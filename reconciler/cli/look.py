"""The commands that only look: validate, status, show, log, schema."""

from pathlib import Path

import click

from reconciler.cli.options import json_option, sandbox_option, selection_options


@click.command("validate")
@click.option("--strict", "is_strict", is_flag=True, help="Exit with 1 on advice, too.")
@json_option
@click.pass_obj
def validate_command(directory: Path, *, is_strict: bool, as_json: bool) -> int:
    """Check every spec against the language and its provider's documented limits, offline.

    Beside errors it gives advice: what is allowed and could be better, each with the name of its
    rule. Advice changes no exit code but with --strict; `silence: [RULE]` hushes a rule for an
    entry, for a file (in its `defaults:`), or for the project (in reconciler.yaml).
    """
    from reconciler.advising import inspect
    from reconciler.cli.console import say, say_json
    from reconciler.cli.verdict import exit_code, verdict_json, verdict_lines
    from reconciler.planning import open_project

    found = inspect(lambda: open_project(directory))
    if as_json:
        say_json(verdict_json(found))
        return exit_code(found, is_strict=is_strict)
    for line in verdict_lines(found):
        say(line)
    if found.error is not None:
        raise found.error
    return exit_code(found, is_strict=is_strict)


@click.command("status")
@selection_options
@click.option("--all", "show_all", is_flag=True, help="List what is in sync, too.")
@json_option
@sandbox_option
@click.pass_obj
def status_command(
    directory: Path,
    *,
    patterns: tuple[str, ...],
    excludes: tuple[str, ...],
    show_all: bool,
    as_json: bool,
    rehearse: bool,
) -> None:
    """Show what is in sync, pending, failed or in doubt."""
    from reconciler.cli.answers import status_json, status_lines
    from reconciler.cli.console import colour, say, say_json
    from reconciler.looking import status
    from reconciler.planning import Wish, open_project

    found = status(open_project(directory, rehearse=rehearse), Wish(patterns, excludes))
    if as_json:
        say_json(status_json(found))
    else:
        for line in status_lines(found, colour, show_all=show_all):
            say(line)


@click.command("show")
@click.argument("address")
@json_option
@sandbox_option
@click.pass_obj
def show_command(directory: Path, *, address: str, as_json: bool, rehearse: bool) -> None:
    """Show the spec, request, takes, objects, events and cost of ADDRESS."""
    from reconciler.cli.answers import portrait_json, portrait_lines
    from reconciler.cli.console import colour, say, say_json
    from reconciler.looking import portray
    from reconciler.planning import open_project

    portrait = portray(open_project(directory, rehearse=rehearse), address)
    if as_json:
        say_json(portrait_json(portrait))
    else:
        for line in portrait_lines(portrait, colour):
            say(line)


@click.command("log")
@click.argument("address", required=False)
@click.option("-n", "--limit", type=click.IntRange(1), help="Only the newest so many.")
@json_option
@sandbox_option
@click.pass_obj
def log_command(
    directory: Path, *, address: str | None, limit: int | None, as_json: bool, rehearse: bool
) -> None:
    """Show what happened, oldest first; to one ADDRESS, or to all."""
    from reconciler.cli.answers import event_json_line, event_line
    from reconciler.cli.console import say
    from reconciler.looking import history
    from reconciler.planning import open_project

    for event in history(open_project(directory, rehearse=rehearse), address, limit):
        say(event_json_line(event) if as_json else event_line(event))


@click.command("schema")
@click.argument("which", type=click.Choice(["spec", "config"]), default="spec")
def schema_command(which: str) -> None:
    """Print the JSON Schema of a spec file, or of reconciler.yaml with `config`."""
    from reconciler.cli.console import say_json
    from reconciler.spec.schema import config_schema, spec_schema

    say_json(spec_schema() if which == "spec" else config_schema())
