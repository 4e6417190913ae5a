"""`reconcile resolve`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import json_option, sandbox_option
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.project import Project
    from reconciler.resolving import Which


@click.command("resolve")
@click.argument("address")
@click.option("--check", "_check", is_flag=True, help="Show all that is known of it. The default.")
@click.option("--attach", "task_id", metavar="TASK_ID", help="Its task was found: bring it home.")
@click.option("--abandon", is_flag=True, help="Give it up: it stays counted as spent.")
@click.option(
    "--intent", default="", metavar="PREFIX", help="Which one, where several are in doubt."
)
@click.option("--force", is_flag=True, help="Attach a task that was made at another time.")
@json_option
@sandbox_option
@click.pass_obj
def resolve_command(  # noqa: PLR0913 - one parameter per option
    directory: Path,
    *,
    address: str,
    _check: bool,
    task_id: str | None,
    abandon: bool,
    intent: str,
    force: bool,
    as_json: bool,
    rehearse: bool,
) -> int:
    """Settle the purchase of ADDRESS whose answer was lost: perhaps paid, never sent again.

    Without an action it only looks: at the record, and at the account's balance. Buys nothing.
    """
    from reconciler.ids import Address
    from reconciler.planning import open_project
    from reconciler.resolving import Which

    _check_options(chosen=sum((_check, task_id is not None, abandon)), task_id=task_id, force=force)
    project, which = open_project(directory, rehearse=rehearse), Which(Address(address), intent)
    if task_id is not None:
        return _attach(project, which, task_id.strip(), force=force, as_json=as_json)
    return (_abandon if abandon else _look)(project, which, as_json=as_json)


def _check_options(*, chosen: int, task_id: str | None, force: bool) -> None:
    if chosen > 1:
        raise click.UsageError("--check, --attach and --abandon exclude each other")
    if force and task_id is None:
        raise click.UsageError("--force belongs to --attach")
    if task_id is not None and not (task_id.strip() and task_id.isprintable()):
        raise click.UsageError("--attach needs the task id as the provider shows it")


def _look(project: "Project", which: "Which", *, as_json: bool) -> int:
    from reconciler.cli.console import colour, say, say_json
    from reconciler.cli.doubts import inquiry_json, inquiry_lines
    from reconciler.resolving import check

    found = check(project, which)
    if as_json:
        say_json(inquiry_json(found))
    else:
        for line in inquiry_lines(found, _command(project, which), colour):
            say(line)
    return ExitCode.OK if found.sender is not None else ExitCode.IN_DOUBT


def _command(project: "Project", which: "Which") -> str:
    """Return what was typed, without an action: it can be pasted into a shell."""
    import shlex

    words = ["reconcile", "resolve", which.address]
    words += ["--intent", which.intent] if which.intent else []
    words += ["--sandbox"] if project.is_rehearsal else []
    return shlex.join(words)


def _attach(project: "Project", which: "Which", task_id: str, *, force: bool, as_json: bool) -> int:
    from reconciler.cli.console import say, say_json
    from reconciler.cli.desk import SilentDesk
    from reconciler.cli.doubts import attached_json, attached_line
    from reconciler.cli.summary import summary_lines
    from reconciler.ids import TaskId
    from reconciler.resolving import attach, bring_home

    desk = SilentDesk()
    purchase = attach(project, which, TaskId(task_id), desk, force=force)
    if not as_json:
        say(attached_line(purchase))
    result = bring_home(project, purchase, desk)
    if as_json:
        say_json(attached_json(purchase, result, project))
    else:
        for line in summary_lines(result, project):
            say(line)
    return result.exit_code()


def _abandon(project: "Project", which: "Which", *, as_json: bool) -> int:
    from reconciler.cli.console import colour, say, say_json
    from reconciler.cli.desk import SilentDesk
    from reconciler.cli.doubts import surrender_json, surrender_lines
    from reconciler.resolving import abandon

    left = abandon(project, which, SilentDesk())
    if as_json:
        say_json(surrender_json(left))
    else:
        for line in surrender_lines(left, colour):
            say(line)
    return ExitCode.OK
