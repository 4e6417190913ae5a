"""What tests of all packages share: golden files, project folders, hypothesis without a clock."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("reconciler", deadline=None)
settings.register_profile("deep", deadline=None, max_examples=3000)
settings.load_profile("reconciler")

SANDBOX_CONFIG = """\
providers:
  apixo: {type: apixo, base_url: "sandbox:"}
"""

Golden = Callable[[Path, str], None]
ProjectOf = Callable[[Mapping[str, str | bytes]], Path]
BrokenProject = Callable[[Path], Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what golden tests produce instead of comparing it; then review the diff",
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with a golden file, whole; or write it with --update-golden."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path.name} is missing: run pytest --update-golden, then review"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def project_of(tmp_path: Path) -> ProjectOf:
    """Make a project folder from files (name → content); its provider is the sandbox."""

    def make(files: Mapping[str, str | bytes]) -> Path:
        (tmp_path / "specs").mkdir(exist_ok=True)
        for name, content in {"reconciler.yaml": SANDBOX_CONFIG, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return make


@pytest.fixture
def broken_project(project_of: ProjectOf) -> BrokenProject:
    """Make a project folder from one golden case.

    The case's text is the spec `specs/<its name>`; a line `#=== path` in it begins another file.
    """

    def make(case: Path) -> Path:
        first, *others = re.split(rb"^#=== (\S+)\n", case.read_bytes(), flags=re.MULTILINE)
        named = zip(others[::2], others[1::2], strict=True)
        files = {name.decode(): text for name, text in named}
        return project_of({f"specs/{case.name}": first, **files})

    return make
