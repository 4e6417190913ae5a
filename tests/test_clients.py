"""How the configured providers are reached: their addresses, their keys, the project's places."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.clients import connect
from reconciler.config import SANDBOX, Config, MaskPolarity, ProviderConfig, Publish
from reconciler.errors import StateError
from reconciler.ids import ProviderName
from reconciler.project import Project
from reconciler.publishing import Folder

NAMES = [ProviderName(name) for name in ("mart", "mart2", "xo")]


def project(root: Path) -> Project:
    """Return a project with three accounts at the embedded sandbox."""
    types = ("apimart", "apimart", "apixo")
    providers = {
        name: ProviderConfig(name, kind, SANDBOX, mask_repaints=MaskPolarity.TRANSPARENT)
        for name, kind in zip(NAMES, types, strict=True)
    }
    publish = Publish("public", "https://pics.example.com")
    return Project(root, Config(providers, NAMES[0], publish=publish))


def test_each_provider_has_its_own_account_at_the_sandbox(tmp_path: Path) -> None:
    """Two providers never share a balance, and each is asked where its adapter expects it."""

    async def look() -> dict[str, tuple[str, str]]:
        async with connect(project(tmp_path), NAMES, {}) as connections:
            assert isinstance(connections.places.public, Folder)
            assert connections.places.root == tmp_path
            polarities = {one.mask_repaints for one in connections.channels.values()}
            assert polarities == {MaskPolarity.TRANSPARENT}
            clients = {name: one._client for name, one in connections.channels.items()}
            return {
                name: (str(one.base_url), one.headers["Authorization"])
                for name, one in clients.items()
            }

    assert asyncio.run(look()) == {
        "mart": ("http://sandbox.invalid", "Bearer sandbox-mart"),
        "mart2": ("http://sandbox.invalid", "Bearer sandbox-mart2"),
        "xo": ("http://sandbox.invalid/api/v1/", "Bearer sandbox-xo"),
    }


def test_tasks_of_another_sandbox_are_not_taken_for_damage(tmp_path: Path) -> None:
    """Whoever upgrades is told that nothing was sent, and which file may go."""
    made = project(tmp_path)
    made.sandbox_path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(made.sandbox_path)) as older:
        older.execute("PRAGMA user_version = 1")

    async def look() -> None:
        async with connect(made, NAMES, {}):
            pass

    with pytest.raises(StateError, match="made by another version") as raised:
        asyncio.run(look())
    assert raised.value.hint is not None
    assert "delete that file" in raised.value.hint
