"""Fixtures of the end-to-end tests; a test module asks for them with `pytest_plugins`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_kit import CONFIG, KEY_NAME, LIBRARY, Project, Server, Shop, clean_env


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The sandbox in a process of its own, 200 times faster than life."""
    running = Server(tmp_path_factory.mktemp("server"), "--speed", "200")
    yield running
    running.stop()


@pytest.fixture
def shop(server: Server) -> Iterator[Shop]:
    """The sandbox as this test sees it: no faults, counters at zero."""
    seen = Shop(server)
    yield seen
    seen.faults()


@pytest.fixture
def key(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A key of this test's own: its account, and its limits, are nobody else's."""
    return f"sk-e2e-{abs(hash((request.node.nodeid, str(tmp_path)))):x}-secret"


@pytest.fixture
def project_at(tmp_path: Path, key: str) -> Iterator[Callable[[str], Project]]:
    """Make a project whose provider is at this base URL."""
    made: list[Project] = []

    def make(base_url: str) -> Project:
        project = Project(tmp_path / "project", clean_env(**{KEY_NAME: key}))
        project.write("reconciler.yaml", CONFIG.format(base_url=base_url, key_name=KEY_NAME))
        project.spec(LIBRARY)
        made.append(project)
        return project

    yield make
    for one in made:
        one.close()


@pytest.fixture
def project(shop: Shop, project_at: Callable[[str], Project]) -> Project:
    """A project that buys from the sandbox over HTTP."""
    return project_at(shop.base_url)


@pytest.fixture
def folder(tmp_path: Path) -> Project:
    """An empty folder, without a key."""
    empty = Project(tmp_path / "empty", clean_env())
    empty.root.mkdir()
    return empty
