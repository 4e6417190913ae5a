"""`reconcile verify`."""

from pathlib import Path

import click

from reconciler.cli.options import json_option, sandbox_option


@click.command("verify")
@json_option
@sandbox_option
@click.pass_obj
def verify_command(directory: Path, *, as_json: bool, rehearse: bool) -> int:
    """Re-read every owned picture. Damaged ones are set aside; what their links still give is
    fetched again, the rest is listed with its price. Buys nothing.
    """
    from reconciler.cli.console import say, say_json
    from reconciler.planning import open_project
    from reconciler.verifying import report_json, report_lines, verify

    report = verify(open_project(directory, rehearse=rehearse))
    if as_json:
        say_json(report_json(report))
    else:
        for line in report_lines(report):
            say(line)
    return report.exit_code()
