"""The sandbox stands alone: what it may import, and how little it costs until it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import reconciler.sandbox

FOLDER = Path(reconciler.sandbox.__file__).parent
ALLOWED = {"starlette", "PIL", "uvicorn", "reconciler"}
OWN = ("reconciler.ids", "reconciler.money", "reconciler.sandbox")


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: file.name)
def test_it_imports_nothing_of_the_project(file: Path) -> None:
    """Standard library, Starlette, Pillow, uvicorn in the server; identities and money."""
    for name in imported(file):
        top = name.split(".")[0]
        assert top in ALLOWED | set(sys.stdlib_module_names), name
        assert top != "reconciler" or name.startswith(OWN), name
        assert top != "uvicorn" or file.name == "server.py", name


def test_shared_parts_know_no_protocol() -> None:
    """Only the application and the server know that the protocol is APIXO's."""
    knowing = {
        file.name
        for file in FOLDER.rglob("*.py")
        if file.parent.name != "apixo" and any("apixo" in name for name in imported(file))
    }

    assert knowing == {"app.py", "server.py"}


def test_importing_it_is_cheap() -> None:
    """Neither Starlette nor Pillow nor uvicorn is loaded before something is used."""
    program = (
        "import sys, reconciler.sandbox;"
        "print([m for m in ('starlette', 'PIL', 'uvicorn', 'sqlite3') if m in sys.modules])"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout == "[]\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazy package answers like any other."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = reconciler.sandbox.nonsense
