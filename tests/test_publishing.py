"""The project's own public place: a folder or a bucket, and what it says when it does not work."""

import asyncio
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import httpx
import pytest
from click.testing import CliRunner
from PIL import Image

from reconciler.cli.app import main
from reconciler.config import Config, ProviderConfig, Publish
from reconciler.engine.serving import missing
from reconciler.errors import AssetError, ConfigError
from reconciler.ids import ProviderName
from reconciler.project import Project
from reconciler.publishing import Bucket, Folder, place_of, public_place
from reconciler.spec.diagnostics import SpecProblemsError

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]
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
    place = Folder(Publish("site/refs", base), tmp_path)

    assert put(place) == f"{BASE}/{NAME}"
    assert (folder / NAME).read_bytes() == CONTENT
    before = (folder / NAME).stat().st_mtime_ns
    assert put(place) == f"{BASE}/{NAME}"
    assert [one.name for one in folder.iterdir()] == [NAME]
    assert (folder / NAME).stat().st_mtime_ns == before


def test_a_half_written_file_is_replaced(tmp_path: Path) -> None:
    """What another program broke off there is not what is linked."""
    (tmp_path / NAME).write_bytes(CONTENT[:3])
    put(Folder(Publish(".", BASE), tmp_path))

    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The path and what to do are named."""
    (tmp_path / "file").touch()
    with pytest.raises(AssetError, match="cannot publish a picture") as caught:
        put(Folder(Publish("file/below", BASE), tmp_path))
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
    (said,) = caught.value.details
    assert "very-secret-key" not in said
    assert "Debug source" not in said
    assert "\n" not in said


def test_a_bucket_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it is named."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigError, match="the library for that is missing") as caught:
        put(Bucket(Publish("s3://pics/refs", BASE)))
    assert caught.value.hint == "install it: pip install 'reconciler[bucket]'"


class Quiet(SimpleHTTPRequestHandler):
    """A web server that shows a folder, and writes no log."""

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Serve the folder `public`, and return its URL."""
    handler = partial(Quiet, directory=str(tmp_path / "public"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_whether_a_web_server_shows_it(tmp_path: Path, site: str) -> None:
    """By the bytes that come, not by the words of any answer."""

    async def look(url: str, content: bytes) -> str | None:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await missing(client, url, content)

    url = put(Folder(Publish("public", site), tmp_path))
    assert asyncio.run(look(url, CONTENT)) is None
    assert asyncio.run(look(url, CONTENT[:-1])) == "other bytes come from there"
    assert asyncio.run(look(f"{site}/else.jpg", CONTENT)) == "it answers 404"
    nowhere = asyncio.run(look("http://127.0.0.1:9/x.jpg", CONTENT))
    assert nowhere is not None
    assert nowhere.startswith("no answer: ")


XO = "type: apixo, api_key: '${KEY}', base_url: "
SANDBOX = "apixo: {type: apixo, base_url: 'sandbox:', speed: 1000}"
MART = "apimart: {type: apimart, api_key: '${KEY}', base_url: 'https://api.apimart.ai'}"
REAL = f"apixo: {{{XO}'https://api.apixo.ai/api/v1'}}"
SECOND = REAL.replace("apixo: ", "second: ", 1)
FROM_THERE = "cannot fetch anything from there: "
HERE = f"apixo: {{{XO}'http://127.0.0.1:8000/api/v1'}}"
SPEC = "images:\n  moss:\n    prompt: moss\n    image_refs: [stone.png]\n"


def told(project_of: ProjectOf, publish: str, *providers: str, rehearse: bool = False) -> list[str]:
    """Return what is wrong with a project, with its lines."""
    lines = "".join(f"  {one}\n" for one in providers)
    first = providers[0].partition(":")[0]
    config = f"publish: {{{publish}}}\ndefault_provider: {first}\nproviders:\n{lines}"
    found = Project.find(project_of({"reconciler.yaml": config, "specs/a.yaml": "images: {}\n"}))
    try:
        (found.rehearsal() if rehearse else found).load()
    except SpecProblemsError as error:
        return [f"{one.file}:{one.line} {one.message} ({one.hint})" for one in error.diagnostics]
    return []


@pytest.mark.parametrize(
    ("url", "providers", "why"),
    [
        ("https://pics.example.com", (REAL,), None),
        ("http://localhost:8000", (REAL,), f"`apixo` {FROM_THERE}`localhost` is a private name"),
        ("http://127.0.0.1:8000", (REAL,), f"`apixo` {FROM_THERE}127.0.0.1 is a private address"),
        (
            "http://192.168.1.4",
            (REAL, MART),
            f"`apixo` {FROM_THERE}192.168.1.4 is a private address",
        ),
        ("http://192.168.1.4", (HERE,), f"`apixo` {FROM_THERE}192.168.1.4 is a private address"),
        ("http://localhost:8000", (HERE,), None),
        ("http://localhost:8000", (HERE, SECOND), f"`second` {FROM_THERE}`localhost` is"),
        ("http://localhost:8000", (SANDBOX,), None),
        ("http://localhost:8000", (MART,), None),
    ],
)
def test_where_nobody_could_fetch_from(
    project_of: ProjectOf, url: str, providers: tuple[str, ...], why: str | None
) -> None:
    """It is an error at its line, unless who fetches is as near, or nobody fetches at all."""
    found = told(project_of, f"folder: public, base_url: '{url}'", *providers)

    if why is None:
        assert found == []
    else:
        (problem,) = found
        assert problem.startswith(f"reconciler.yaml:1 {why}")
    assert told(project_of, f"folder: public, base_url: '{url}'", *providers, rehearse=True) == []


def test_a_bucket_is_not_planned_with_without_its_library(
    project_of: ProjectOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever plans or validates reads the command; a rehearsal or an upload needs no bucket."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    bucket = f"bucket: 's3://pics/refs', base_url: '{BASE}'"

    assert told(project_of, bucket, MART) == []
    assert told(project_of, bucket, REAL, rehearse=True) == []
    (problem,) = told(project_of, bucket, REAL)
    assert problem.startswith("reconciler.yaml:1 the library for buckets is missing ")
    assert problem.endswith("(install it: pip install 'reconciler[bucket]')")


def test_the_sandbox_fetches_nothing(project_of: ProjectOf) -> None:
    """With the embedded emulator nobody asks the public URL whether it serves the picture."""
    config = f"publish: {{folder: public, base_url: '{BASE}'}}\nproviders:\n  {SANDBOX}\n"
    stone = BytesIO()
    Image.new("RGB", (64, 64), "grey").save(stone, "PNG")
    files = {"reconciler.yaml": config, "specs/a.yaml": SPEC}
    root = project_of({**files, "stone.png": stone.getvalue()})
    run = CliRunner().invoke(main, ["-C", str(root), "apply", "--yes"])

    assert run.exit_code == 0, run.output
    assert len(list((root / "public").iterdir())) == 1
