"""`reconcile init`: a working project in a folder."""

from pathlib import Path

import click

from reconciler.cli.console import say


@click.command("init")
@click.argument(
    "folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="[DIR]"
)
@click.pass_obj
def init_command(directory: Path, folder: Path) -> None:
    """Make a working project in DIR (here, when left out).

    It starts with the embedded sandbox: no account, no key, no cost. Files that are already there
    are left alone.
    """
    from reconciler.scaffold import scaffold

    root = directory / folder
    for path, is_new in scaffold(root):
        say(f"  {'wrote' if is_new else 'kept '}  {path}")
    say("\nNext: `reconcile plan` shows what would be bought, `reconcile apply` buys it.")
