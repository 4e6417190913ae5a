"""Broken specs: each file breaks one rule, and its whole rendered text is compared.

A line `#=== path` begins another file of the same project. Written anew with --update-golden.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.spec.diagnostics import ConfigProblemsError, SpecProblemsError
from reconciler.spec.load import load_config, load_specs

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_spec(
    path: Path,
    golden: Callable[[Path, str], None],
    broken_project: Callable[[Path], Path],
) -> None:
    """Every rule has its message, its place and its hint."""
    root = broken_project(path)

    with pytest.raises((SpecProblemsError, ConfigProblemsError)) as raised:
        load_specs(root, load_config(root), cache=None)

    text = "\n".join([raised.value.summary, "", *raised.value.details, ""])
    golden(path.with_suffix(".expected"), text)


def test_there_are_broken_specs() -> None:
    """The parametrised test above is not empty by accident."""
    assert len(BROKEN) >= 40
