"""The project's own public place: a folder that a web server shows, or a bucket.

For providers that fetch pictures and take none. What lies there is named by its own digest, so that
it never changes and putting it there again is nothing new.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

from reconciler.assets.disk import disk_errors, flush_folder, make_folder
from reconciler.assets.naming import EXTENSIONS
from reconciler.config import CONFIG_FILE, Publish
from reconciler.engine.places import PublicPlace
from reconciler.errors import ConfigError
from reconciler.project import Project

_PATIENCE = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
_INSTALL = "pip install 'reconciler[bucket]'"


def public_place(project: Project) -> PublicPlace | None:
    """Return the configured place, None where there is none; a rehearsal makes nothing public."""
    publish = project.config.publish
    if publish is None:
        return None
    if project.is_rehearsal:
        return Folder(project.state_path.parent / "public", publish.base_url)
    return place_of(publish, project.root)


def place_of(publish: Publish, root: Path) -> PublicPlace:
    """Return that place; a folder is relative to `root`."""
    if publish.is_bucket:
        return Bucket(publish)
    return Folder(root / publish.target, publish.base_url)


class Folder:
    """A folder whose files can be fetched below `base_url`."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self._folder = folder
        self._base_url = base_url

    async def put(self, content: bytes, media_type: str) -> str:
        """Write the file, whole or not at all. Raises AssetError."""
        name = _name(content, media_type)
        await asyncio.to_thread(self._write, name, content)
        return _url(self._base_url, name)

    def _write(self, name: str, content: bytes) -> None:
        target = self._folder / name
        with disk_errors("publish a picture", target):
            if target.is_file() and target.stat().st_size == len(content):
                return
            make_folder(self._folder)
            part = self._folder / f".{name}.{uuid4().hex}.part"
            try:
                with part.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
            flush_folder(self._folder)


class Bucket:
    """A bucket whose objects can be fetched below the place's `base_url`.

    Credentials come from the environment, as for every S3 client (`AWS_ACCESS_KEY_ID`, ...).
    """

    def __init__(self, publish: Publish) -> None:
        self._publish = publish

    async def put(self, content: bytes, media_type: str) -> str:
        """Put the object there. Raises ConfigError without the library, or when it is refused."""
        name = _name(content, media_type)
        obstore = _library()
        with self._refusals(obstore):
            store = obstore.store.from_url(self._publish.target, retry_config=_PATIENCE)
            attributes: dict[str, Any] = {"Content-Type": media_type}
            await obstore.put_async(store, name, content, attributes=attributes)
        return _url(self._publish.base_url, name)

    @contextmanager
    def _refusals(self, obstore: ModuleType) -> Iterator[None]:
        try:
            yield
        except (obstore.exceptions.BaseError, OSError, ValueError) as error:
            said = " ".join(str(error).split())[:300] or type(error).__name__
            raise ConfigError(
                f"the picture cannot be put into {self._publish.target}",
                details=(said,),
                hint=f"check `publish:` in {CONFIG_FILE}, and AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and AWS_REGION",
            ) from error


def _library() -> ModuleType:
    """Return the bucket library, which only few projects need."""
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise ConfigError(
            f"`publish:` in {CONFIG_FILE} names a bucket, and the library for that is missing",
            hint=f"install it: {_INSTALL}",
        ) from error
    return obstore


def _name(content: bytes, media_type: str) -> str:
    return f"{hashlib.sha256(content).hexdigest()}.{EXTENSIONS[media_type]}"


def _url(base_url: str, name: str) -> str:
    return f"{base_url.rstrip('/')}/{name}"
