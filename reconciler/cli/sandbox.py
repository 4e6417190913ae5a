"""`reconcile sandbox`: the emulator as a server of its own."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from reconciler.sandbox import Fault, SandboxSettings


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
@click.pass_obj
def serve_command(
    directory: Path, /, *, host: str, port: int, faults: TextIO | None, **world: Any
) -> None:
    """Speak APIXO's protocol over HTTP, draw pictures, keep a ledger. Costs nothing.

    Any client of the API can be pointed at it. Its front page tells what it charges,
    /sandbox/ledger what it has charged.
    """
    import os

    from reconciler.errors import UsageError
    from reconciler.sandbox import SandboxSettings, serve

    settings = SandboxSettings(**world | {"database": directory / world["database"]})
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
    from reconciler.sandbox import Sandbox

    try:
        sandbox = Sandbox(settings)
        sandbox.order(*faults)
        sandbox.close()
    except (sqlite3.Error, OSError) as error:
        raise UsageError(
            f"the sandbox's database cannot be used: {settings.database}",
            details=(str(error),),
            hint="`--database FILE` names another one; it is made when it is not there",
        ) from error


def _announce(base_url: str) -> None:
    click.echo(f"serving APIXO's protocol at {base_url} (Ctrl-C stops it)")


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
