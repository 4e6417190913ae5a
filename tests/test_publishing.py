"""The project's own public place: a folder or a bucket, and what it says when it does not work."""

import asyncio
import hashlib
import sys
from pathlib import Path

import pytest

from reconciler.config import Config, ProviderConfig, Publish
from reconciler.errors import AssetError, ConfigError
from reconciler.ids import ProviderName
from reconciler.project import Project
from reconciler.publishing import Bucket, Folder, place_of, public_place

CONTENT = b"not looked at"
NAME = f"{hashlib.sha256(CONTENT).hexdigest()}.jpg"
BASE = "https://pics.example.com/refs"


def put(place: Folder | Bucket) -> str:
    """Publish the content."""
    return asyncio.run(place.put(CONTENT, "image/jpeg"))


def project(root: Path, publish: Publish | None) -> Project:
    """Return a project with that place."""
    name = ProviderName("apixo")
    providers = {name: ProviderConfig(name, "apixo", "https://api.example.com")}
    return Project(root, Config(providers, name, publish=publish))


@pytest.mark.parametrize("base", [BASE, f"{BASE}/"])
def test_a_folder(tmp_path: Path, base: str) -> None:
    """The file is named by its bytes, whole, and below the base URL; again is nothing new."""
    folder = tmp_path / "site" / "refs"
    place = Folder(folder, base)

    assert put(place) == f"{BASE}/{NAME}"
    assert (folder / NAME).read_bytes() == CONTENT
    before = (folder / NAME).stat().st_mtime_ns
    assert put(place) == f"{BASE}/{NAME}"
    assert [one.name for one in folder.iterdir()] == [NAME]
    assert (folder / NAME).stat().st_mtime_ns == before


def test_a_half_written_file_is_replaced(tmp_path: Path) -> None:
    """What another program broke off there is not what is linked."""
    (tmp_path / NAME).write_bytes(CONTENT[:3])
    put(Folder(tmp_path, BASE))

    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The path and what to do are named."""
    (tmp_path / "file").touch()
    with pytest.raises(AssetError, match="cannot publish a picture") as caught:
        put(Folder(tmp_path / "file" / "below", BASE))
    assert caught.value.hint


def test_what_a_project_has(tmp_path: Path) -> None:
    """None, a folder below its root, or a bucket; a rehearsal publishes into its own folder."""
    assert public_place(project(tmp_path, None)) is None
    assert isinstance(place_of(Publish("s3://pics/refs", BASE), tmp_path), Bucket)
    real = project(tmp_path, Publish("s3://pics/refs", BASE))
    rehearsed = public_place(real.rehearsal())
    assert isinstance(rehearsed, Folder)

    put(rehearsed)
    assert (tmp_path / "state" / "rehearsal" / "public" / NAME).is_file()


def test_a_bucket() -> None:
    """The library gets the object under its name; here a place in memory stands for the bucket."""
    assert put(Bucket(Publish("memory:///refs", BASE))) == f"{BASE}/{NAME}"


def test_a_bucket_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that nobody answers for is said in words, with what to check."""
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "very-secret-key",
        "AWS_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="cannot be put into s3://pics") as caught:
        put(Bucket(Publish("s3://pics/refs", BASE)))
    assert "AWS_ACCESS_KEY_ID" in (caught.value.hint or "")
    assert "very-secret-key" not in str(caught.value.details)


def test_a_bucket_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it is named."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigError, match="the library for that is missing") as caught:
        put(Bucket(Publish("s3://pics/refs", BASE)))
    assert caught.value.hint == "install it: pip install 'reconciler[bucket]'"
