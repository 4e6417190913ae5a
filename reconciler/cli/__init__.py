"""The command line: parse, call, print. Every command's module is imported when it is called."""

from reconciler.cli.app import main

__all__ = ["main"]
