"""Specs that the language allows and a provider does not: the whole rendered text of each rule."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.project import Project
from reconciler.spec.diagnostics import SpecProblemsError

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_rule(
    path: Path,
    golden: Callable[[Path, str], None],
    broken_project: Callable[[Path], Path],
) -> None:
    """Every documented limit is reported offline, where the value was written."""
    project = Project.find(broken_project(path))

    with pytest.raises(SpecProblemsError) as raised:
        project.load()

    text = "\n".join([raised.value.summary, "", *raised.value.details, ""])
    golden(path.with_suffix(".expected"), text)


def test_there_are_broken_rules() -> None:
    """The parametrised test above is not empty by accident."""
    assert len(BROKEN) >= 15
