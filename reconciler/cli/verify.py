"""`reconcile verify`."""

from pathlib import Path

import click

from reconciler.cli.options import json_option, sandbox_option


@click.command("verify")
@json_option
@sandbox_option
@click.pass_obj
def verify_command(directory: Path, *, as_json: bool, rehearse: bool) -> int:
    """Re-read every owned file (pictures, videos, texts) and restore what is damaged. Buys nothing.

    Damaged bytes are set aside. What the provider's links still give is fetched again, the rest is
    listed with the price of a new take.
    """
    from reconciler.cli.console import say, say_json
    from reconciler.cli.desk import SilentDesk
    from reconciler.planning import open_project
    from reconciler.verifying import report_json, report_lines, verify

    report = verify(open_project(directory, rehearse=rehearse), SilentDesk())
    if as_json:
        say_json(report_json(report))
    else:
        for line in report_lines(report):
            say(line)
    return report.exit_code()
