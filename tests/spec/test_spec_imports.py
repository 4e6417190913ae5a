"""Start-up time: the light modules stay light."""

import subprocess
import sys

import pytest

HEAVY = ("yaml", "pydantic", "sqlite3", "difflib")


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("reconciler.config", ()),
        ("reconciler.spec.resource", ()),
        ("reconciler.spec.request", ()),
        ("reconciler.spec.problems", ()),
        ("reconciler.spec.diagnostics", ()),
        ("reconciler.spec.link", ()),
        ("reconciler.spec.load", ("sqlite3",)),
        ("reconciler.spec.files", ("sqlite3",)),
        ("reconciler.spec.advice_rules", ()),
        ("reconciler.spec.flags", ()),
        ("reconciler.spec.matrix", ()),
    ],
)
def test_imports(module: str, allowed: tuple[str, ...]) -> None:
    """What every run imports brings neither PyYAML nor pydantic along."""
    program = f"import sys, {module}; print(*({{*{HEAVY!r}}} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert set(done.stdout.split()) <= set(allowed)
