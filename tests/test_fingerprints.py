"""Fingerprints never change: a later version with other ones would buy everything again."""

import json
from collections.abc import Callable
from pathlib import Path

from reconciler.planning import Wish, planned
from reconciler.project import Project

HERE = Path(__file__).parent / "fingerprints"


def test_fingerprints_are_pinned(
    project_of: Callable[[dict[str, str]], Path], golden: Callable[[Path, str], None]
) -> None:
    """A fixed set of specs has the fingerprints that it had in the first version."""
    text = (HERE / "specs.yaml").read_text(encoding="utf-8")
    plan = planned(Project.find(project_of({"specs/all.yaml": text})), Wish()).plan

    found = {action.address: list(action.key or ()) for action in plan.actions}
    golden(HERE / "pinned.json", json.dumps(found, indent=1) + "\n")
