"""`reconcile sandbox`: the emulator as a server of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from reconciler.sandbox import Fault, SandboxSettings


_DIALECTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("envelope", ("error", "proxy"), "Form of APIMart's errors."),
    ("accepted-code", ("200", "1"), "What APIMart's `code` says of success."),
    ("inpaint-answer", ("array", "flat"), "Form of APIMart's answer to an inpaint."),
    ("poll-answer", ("bare", "wrapped"), "Form of APIMart's answer about a task."),
    ("prompt-name", ("prompt", "prompt_en"), "Field in which APIMart tells the prompt."),
    ("moderation", ("fail", "422", "24"), "How APIMart refuses a banned prompt."),
    ("mask-repaints", ("white", "transparent"), "What of a mask APIMart paints over."),
)
"""Where APIMart's documents disagree: option, values (the first is usual), help."""

Command = TypeVar("Command", bound=Callable[..., Any])


def _apimart_options(command: Command) -> Command:
    """Add an option for every choice that APIMart's documents leave open."""
    for name, values, text in reversed(_DIALECTS):
        add = click.option(
            f"--{name}", type=click.Choice(values), default=values[0], show_default=True, help=text
        )
        command = add(command)
    add = click.option("--quota/--no-quota", default=True, help="Whether APIMart tells a `quota`.")
    return add(command)


def _settings(directory: Path, world: dict[str, Any]) -> "SandboxSettings":
    """Return the world that the options describe."""
    from datetime import timedelta

    from reconciler.sandbox import ApimartSettings, SandboxSettings

    own = {name.replace("-", "_"): world.pop(name.replace("-", "_")) for name, _, _ in _DIALECTS}
    own["accepted_code"] = int(own["accepted_code"])
    if not world.pop("quota"):
        own["quota_per_usd"] = None
    links = timedelta(hours=world.pop("link_hours"))
    return SandboxSettings(
        **world | {"database": directory / world["database"]},
        link_lifetime=links,
        apimart=ApimartSettings(**own),
    )


@click.group("sandbox")
def sandbox_command() -> None:
    """The embedded emulator of the APIs."""


@sandbox_command.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8787,
    show_default=True,
    help="0 picks a free one.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How much faster than life it runs.",
)
@click.option(
    "--database",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("sandbox.db"),
    show_default=True,
    help="Tasks, ledger and faults; they survive restarts.",
)
@click.option("--faults", type=click.File(), help="A JSON list of faults to order at the start.")
@click.option(
    "--requests-per-minute",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Over it: 429.",
)
@click.option(
    "--concurrent", type=click.IntRange(1), default=10, show_default=True, help="Over it: 429."
)
@click.option("--polls-count", is_flag=True, help="Status and balance are requests, too.")
@click.option(
    "--long-side",
    type=click.IntRange(16, 4096),
    default=1024,
    show_default=True,
    help="Pixels of a picture.",
)
@click.option(
    "--link-hours",
    type=click.FloatRange(min=0, min_open=True),
    default=24.0,
    show_default=True,
    help="How long a result can be downloaded.",
)
@_apimart_options
@click.pass_obj
def serve_command(
    directory: Path, /, *, host: str, port: int, faults: TextIO | None, **world: Any
) -> None:
    """Speak APIXO's and APIMart's protocols over HTTP, draw, keep a ledger. Costs nothing.

    Any client of these APIs can be pointed at it. Its front page tells what it charges,
    /sandbox/ledger what it has charged.
    """
    import os

    from reconciler.errors import UsageError
    from reconciler.sandbox import serve

    settings = _settings(directory, world)
    _prepare(settings, _read_faults(faults))
    try:
        serve(settings, host, port, on_ready=_announce)
    except OSError as error:
        words = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise UsageError(
            f"cannot listen on {host}, port {port}: {words}",
            hint="`--port 0` picks a free port, `--host` names one of this machine's addresses",
        ) from error


def _prepare(settings: "SandboxSettings", faults: "list[Fault]") -> None:
    """Order the faults. Raises UsageError when the database cannot be used."""
    import sqlite3

    from reconciler.errors import UsageError
    from reconciler.sandbox import OtherVersionError, Sandbox

    try:
        sandbox = Sandbox(settings)
        sandbox.order(*faults)
        sandbox.close()
    except OtherVersionError as error:
        raise UsageError(
            str(error),
            hint="delete the file, which only holds play money and play tasks, or name another "
            "with `--database FILE`",
        ) from error
    except (sqlite3.Error, OSError) as error:
        raise UsageError(
            f"the sandbox's database cannot be used: {settings.database}",
            details=(str(error),),
            hint="`--database FILE` names another one; it is made when it is not there",
        ) from error


def _announce(base_url: str) -> None:
    origin = base_url.removesuffix("/api/v1")
    click.echo(f"serving APIXO's protocol at {base_url} (Ctrl-C stops it)")
    click.echo(f"serving APIMart's protocol at {origin}")


def _read_faults(file: TextIO | None) -> "list[Fault]":
    """Raises UsageError that names what is wrong with the file."""
    from reconciler.errors import UsageError
    from reconciler.sandbox.faults import fault_from_json

    if file is None:
        return []
    try:
        return [fault_from_json(rule) for rule in json.load(file)]
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{file.name}: {error}", hint="the file is a JSON list of faults, see docs/sandbox.md"
        ) from error
