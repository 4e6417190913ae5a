"""The project's own public place: a folder that a web server shows, or a bucket.

For providers that fetch pictures and take none. What lies there is named by its own digest, so that
it never changes and putting it there again is nothing new.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reconciler.assets.disk import disk_errors, write_whole
from reconciler.assets.naming import EXTENSIONS
from reconciler.config import CONFIG_FILE, Config, Publish
from reconciler.engine.places import PublicPlace
from reconciler.errors import ConfigError
from reconciler.ids import ProviderName
from reconciler.providers.protocol import Provider
from reconciler.providers.urls import unreachable
from reconciler.spec.problems import Problem

if TYPE_CHECKING:
    from reconciler.project import Project

_PATIENCE = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
_INSTALL = "pip install 'reconciler[bucket]'"
_DEBUG_WORDS = "Debug source"
"""Where the bucket library's own notes begin, behind what it says to people."""
_LONGEST_WORDS = 300


def unusable_place(
    config: Config, adapters: Mapping[ProviderName, Provider], *, is_rehearsal: bool
) -> Iterator[Problem]:
    """Yield why pictures under `publish:` could not get to the providers that must fetch them.

    A rehearsal makes nothing public; what only the sandbox would fetch is fetched by nobody.
    """
    publish = config.publish
    fetching = [
        one for name, one in config.providers.items() if adapters[name].can.upload_lifetime is None
    ]
    if publish is None or is_rehearsal or not fetching:
        return
    is_local = _is_loopback(publish.base_url)
    near = [one for one in fetching if is_local and _is_loopback(one.base_url)]
    far = [one for one in fetching if not one.is_sandbox and one not in near]
    why = unreachable(publish.base_url)
    if why is not None and far:
        yield Problem(
            CONFIG_FILE,
            ("publish", "base_url"),
            f"`{far[0].name}` cannot fetch anything from there: {why}",
            "use the public URL of that folder or bucket",
        )
    if publish.is_bucket and find_spec("obstore") is None:
        words = "the library for buckets is missing"
        yield Problem(CONFIG_FILE, ("publish", "bucket"), words, f"install it: {_INSTALL}")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def public_place(project: "Project") -> PublicPlace | None:
    """Return the configured place, None where there is none; a rehearsal makes nothing public."""
    publish = project.config.publish
    if publish is None:
        return None
    if project.is_rehearsal:
        return Folder(replace(publish, target="public"), project.state_path.parent)
    return place_of(publish, project.root)


def place_of(publish: Publish, root: Path) -> PublicPlace:
    """Return that place; a folder is relative to `root`."""
    if publish.is_bucket:
        return Bucket(publish)
    return Folder(publish, root)


class Folder:
    """A folder, relative to `root`, whose files can be fetched below the place's `base_url`."""

    def __init__(self, publish: Publish, root: Path) -> None:
        self.target = publish.target
        self.remedy = f"deploy {publish.target}"
        self._folder = root / publish.target
        self._base_url = publish.base_url

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
            write_whole(target, content)


class Bucket:
    """A bucket whose objects can be fetched below the place's `base_url`.

    Credentials come from the environment, as for every S3 client (`AWS_ACCESS_KEY_ID`, ...).
    """

    def __init__(self, publish: Publish) -> None:
        self.target = publish.target
        self.remedy = f"let everybody read {publish.target}, and check `base_url`"
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
            said = _words_of(error)
            raise ConfigError(
                f"the picture cannot be put into {self._publish.target}",
                details=(said,),
                hint=f"check `publish:` in {CONFIG_FILE}, and AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and AWS_REGION",
            ) from error


def _words_of(error: Exception) -> str:
    words, _, _ = str(error).partition(_DEBUG_WORDS)
    return " ".join(words.split())[:_LONGEST_WORDS] or type(error).__name__


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
