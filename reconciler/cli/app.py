"""The `reconcile` command: options, lazy subcommands, and the one place that prints errors."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from reconciler import __version__
from reconciler.errors import ExitCode, ReconcilerError

# command → module, and the line that `--help` shows without importing it
_COMMANDS = {
    "init": ("init", "Make a working project in a folder."),
    "validate": ("look", "Check every spec, offline. Spends nothing."),
    "plan": ("plan", "Show what apply would do and cost. Spends nothing, changes nothing."),
    "apply": ("apply", "Buy what is missing or changed, and bring the pictures home."),
    "resolve": ("resolve", "Settle what is in doubt: look at it, attach its task, give it up."),
    "status": ("look", "Show what is in sync, pending, failed or in doubt."),
    "show": ("look", "Show everything about one address."),
    "log": ("look", "Show what happened, oldest first."),
    "cost": ("cost", "Show what everything has cost, and how sure that is."),
    "health": ("health", "Show how well the providers work for you, and what is stuck."),
    "providers": ("providers", "Show who can do what, with prices, limits and lifetimes."),
    "verify": ("verify", "Re-read every owned picture and fetch again what is damaged."),
    "schema": ("look", "Print the JSON Schema of specs or of reconciler.yaml."),
    "sandbox": ("sandbox", "Serve the embedded emulator over HTTP."),
}


class LazyGroup(click.Group):
    """Commands by name; `--help` and `--version` import none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        """Return the names in the order of a user's day."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it so
        """Import and return one command."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"reconciler.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it so
        """List the commands with their fixed lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for a mistyped one."""
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            ctx.fail(f"no command `{name}`{_nearest(name)}")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run, print an error if there is one, and exit with the documented code."""
        sys.exit(self._run(*args, **kwargs))

    def _run(self, *args: Any, **kwargs: Any) -> int:
        kwargs["standalone_mode"] = False
        try:
            result = super().main(*args, **kwargs)
        except ReconcilerError as error:
            print_error(error)
            return error.exit_code
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            return ExitCode.ERROR
        except click.ClickException as error:
            print_error(_from_the_command_line(error))
            return ExitCode.ERROR
        except (click.Abort, KeyboardInterrupt):
            line = "\n" if sys.stderr.isatty() else ""  # the cursor may stand behind a question
            click.echo(f"{line}interrupted", err=True)
            return ExitCode.INTERRUPTED
        except BrokenPipeError:
            sys.stderr.close()  # the reader went away: nobody is left to tell
            return ExitCode.ERROR
        except OSError as error:
            print_error(_from_the_system(error))
            return ExitCode.ERROR
        except Exception as bug:  # noqa: BLE001 - the last door: nobody should meet a traceback
            print_error(_bug(bug))
            return ExitCode.ERROR
        return int(result) if isinstance(result, int) else ExitCode.OK


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, _COMMANDS, n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _from_the_command_line(error: click.ClickException) -> ReconcilerError:
    """Click's words in the form of all our errors."""
    words = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "reconcile"
    return ReconcilerError(
        words[:1].lower() + words[1:], hint=f"`{path} --help` shows what it takes"
    )


def _from_the_system(error: OSError) -> ReconcilerError:
    """An operating system's refusal that no layer could say more about."""
    where = f": {error.filename}" if error.filename else ""
    return ReconcilerError(
        f"{error.strerror or error}{where}", hint="check permissions and free space, then run again"
    )


def _bug(error: Exception) -> ReconcilerError:
    """Our own mistake: what developers need goes to a file, the person is told where it is."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="reconcile-bug-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    return ReconcilerError(
        f"this is a bug in reconciler: {type(error).__name__}: {error}",
        details=(
            "what was bought is on record, and nothing is sent twice",
            f"details for a report: {file.name}",
        ),
        hint="please report it with that file; `reconcile status` shows how things stand",
    )


def print_error(error: ReconcilerError) -> None:
    """Print what happened, the details, and what to do next, to standard error."""
    colour = _colour()
    word = click.style("error", fg="red", bold=True)
    click.echo(f"{word}: {error.summary}", err=True, color=colour)
    for line in error.details:
        click.echo(f"  {line}" if line else "", err=True, color=colour)
    if error.hint:
        word = click.style("hint", fg="cyan", bold=True)
        click.echo(f"\n{word}: {error.hint}", err=True, color=colour)


def _colour() -> bool | None:
    """Return False where colours are unwanted; None leaves it to the terminal."""
    return False if os.environ.get("NO_COLOR") else None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Work in DIR instead of the current folder.",
)
@click.version_option(__version__, prog_name="reconcile", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, directory: Path | None) -> None:
    """Declare pictures in YAML, see what they would cost, buy exactly that.

    \b
    reconcile plan      what is missing or changed, and its price
    reconcile apply     buy it, wait for it, put it into the asset folder
    """
    ctx.obj = directory or Path()
    ctx.color = _colour()
