"""How `validate` puts what it found, for people and for programs."""

from collections.abc import Iterator
from typing import Any

from reconciler.advising import Inspection
from reconciler.errors import ExitCode
from reconciler.spec.diagnostics import as_json, render


def verdict_lines(found: Inspection) -> Iterator[str]:
    """Yield all advice, and a sentence if nothing is wrong."""
    if found.advice:
        yield from render(found.advice)
        yield ""
    if found.error is None:
        counts = f"{_counted(found.resources, 'resource')} in {_counted(found.files, 'file')}"
        yield f"Valid: {counts}{_advised(found)}."


def _advised(found: Inspection) -> str:
    if not found.advice:
        return ""
    rule = found.advice[0].rule
    pieces = _counted(len(found.advice), "piece")
    return f"; {pieces} of advice (`silence: [{rule}]` in a spec hushes a rule)"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def verdict_json(found: Inspection) -> dict[str, Any]:
    """Return the verdict for programs. Advice makes nothing invalid."""
    advice = zip(found.advice, as_json(found.advice), strict=True)
    return {
        "valid": found.error is None,
        "resources": found.resources,
        "files": found.files,
        "problems": as_json(found.problems),
        "advice": [{"rule": one.rule, **content} for one, content in advice],
    }


def exit_code(found: Inspection, *, is_strict: bool) -> ExitCode:
    """Return 1 when something is wrong, or could be better and must not."""
    if found.error is not None or (is_strict and found.advice):
        return ExitCode.ERROR
    return ExitCode.OK
