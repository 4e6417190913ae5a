"""Local pictures are known by their bytes, wherever they lie, and an unchanged one is not read."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.ids import Address, Digest
from reconciler.spec import files
from reconciler.spec.diagnostics import SpecProblemsError
from reconciler.spec.load import Specs, load_config, load_specs
from reconciler.spec.problems import Problem
from reconciler.spec.request import Blend, Describe, Edit, Imagine, Inpaint, Reference, Video
from reconciler.spec.resource import LocalFile, Resource

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]

PNG = b"\x89PNG\r\n\x1a\n one"
OTHER = b"\x89PNG\r\n\x1a\n two"
LONG_AGO_S = 3600

TEXT = """\
images:
  cat: {prompt: 'say "location":"a.png"', image_refs: [a.png, https://e.com/a.png]}
  dog: {prompt: a dog}
"""


def known(content: bytes) -> Reference:
    return Reference(f"sha256:{digest(content)}")


def digest(content: bytes) -> Digest:
    return Digest(hashlib.sha256(content).hexdigest())


def age(*paths: Path, seconds: float = LONG_AGO_S) -> None:
    """Make files look as if they had been written some time ago."""
    for path in paths:
        then = time.time() - seconds
        os.utime(path, (then, then))


def load(root: Path) -> Specs:
    return load_specs(root, load_config(root), cache=root / "state" / "cache.db")


def one(specs: Specs, address: str) -> Resource:
    return specs.resources[Address(address)]


@pytest.fixture
def root(project_of: ProjectOf) -> Path:
    root = project_of({"specs/a.yaml": TEXT, "a.png": PNG})
    age(root / "a.png")
    return root


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that the paths of all pictures go into that are read from now on."""
    paths: list[str] = []
    original = files._Reader.digest

    def counted(self: files._Reader, path: str) -> Digest:
        paths.append(path)
        return original(self, path)

    monkeypatch.setattr(files._Reader, "digest", counted)
    return paths


def test_a_local_picture_is_known_by_its_bytes(root: Path) -> None:
    """The request names the digest, the resource says which file that was; URLs stay, and words."""
    cat = one(load(root), "cat")

    assert cat.request == Imagine(
        'say "location":"a.png"', image_refs=(known(PNG), Reference("https://e.com/a.png"))
    )
    assert cat.files == (LocalFile("a.png", digest(PNG)),)
    assert one(load(root), "dog").files == ()


def test_every_field_that_takes_a_picture_is_bound(project_of: ProjectOf) -> None:
    """Also below the keys of operations, in defaults, and with a weight."""
    text = """\
defaults: {style_refs: [{path: a.png, weight: 2}]}
images:
  cat:
    prompt: a cat
    depth_refs: [b.png]
    variants: {door: {inpaint: {mask: b.png}}}
  mixed: {blend: [a.png, b.png]}
  told: {describe: a.png}
  photo: {edit: {source: a.png}, prompt: a door}
  tide: {video: {source: a.png, end: b.png}, prompt: waves}
"""
    specs = load(project_of({"specs/a.yaml": text, "a.png": PNG, "b.png": OTHER}))
    style = (Reference(known(PNG).location, 2),)

    assert [one.request for one in specs.resources.values()] == [
        Imagine("a cat", style_refs=style, depth_refs=(known(OTHER),)),
        Inpaint(known(OTHER)),
        Blend((known(PNG), known(OTHER))),
        Describe(known(PNG)),
        Edit("a door", known(PNG)),
        Video("waves", known(PNG), known(OTHER)),
    ]
    for found in specs.resources.values():
        assert {file.digest for file in found.files} <= {digest(PNG), digest(OTHER)}


def test_moving_a_picture_buys_nothing(root: Path) -> None:
    """The same bytes under another name are the same request, with the same key."""
    before = one(load(root), "cat")
    (root / "refs").mkdir()
    (root / "a.png").rename(root / "refs" / "b.png")
    text = TEXT.replace("image_refs: [a.png", "image_refs: [./refs//b.png")
    (root / "specs/a.yaml").write_text(text)

    after = one(load(root), "cat")

    assert after.key(None, None) == before.key(None, None)
    assert after.files == (LocalFile("refs/b.png", digest(PNG)),)


def test_a_changed_picture_is_another_request(root: Path) -> None:
    """The spec did not change; what it refers to did."""
    before = one(load(root), "cat")
    (root / "a.png").write_bytes(OTHER)

    after = one(load(root), "cat")

    assert after.key(None, None) != before.key(None, None)
    assert after.files == (LocalFile("a.png", digest(OTHER)),)


def test_an_unchanged_picture_is_not_read_again(root: Path, read: list[str]) -> None:
    """Its digest is kept beside the compiled specs."""
    first = load(root)
    assert read == ["a.png"]

    second = load(root)

    assert read == ["a.png"]
    assert second == first


@pytest.mark.parametrize("seconds", [0, 1, -60])
def test_a_picture_that_was_just_written_is_read_again(
    root: Path, read: list[str], seconds: float
) -> None:
    """It may change once more within one tick of its clock; so may one from the future."""
    age(root / "a.png", seconds=seconds)
    load(root)
    status = (root / "a.png").stat()
    (root / "a.png").write_bytes(OTHER)
    os.utime(root / "a.png", ns=(status.st_atime_ns, status.st_mtime_ns))

    assert one(load(root), "cat").files == (LocalFile("a.png", digest(OTHER)),)
    assert read == ["a.png", "a.png"]


def test_a_digest_read_in_haste_is_not_kept(root: Path, read: list[str]) -> None:
    """What was read from a fresh file is no knowledge about the calm one."""
    age(root / "a.png", seconds=0)
    load(root)
    age(root / "a.png")

    load(root)
    load(root)

    assert read == ["a.png", "a.png"]


def replaced(path: Path) -> None:
    """Another file of the same size and time takes the place."""
    other = path.with_name("other")
    other.write_bytes(OTHER)
    shutil.copystat(path, other)
    other.replace(path)


def rewritten(path: Path) -> None:
    """Other bytes, and the old times put back."""
    status = path.stat()
    path.write_bytes(OTHER)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def grown(path: Path) -> None:
    """More bytes, and the old times put back."""
    status = path.stat()
    path.write_bytes(OTHER + b"!")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def later(path: Path) -> None:
    """Other bytes of the same size, some minutes later."""
    path.write_bytes(OTHER)
    age(path, seconds=LONG_AGO_S / 2)


@pytest.mark.parametrize("change", [replaced, rewritten, grown, later])
def test_a_change_is_noticed(root: Path, change: Callable[[Path], None]) -> None:
    """However carefully the change hides."""
    before = one(load(root), "cat").files
    change(root / "a.png")

    assert one(load(root), "cat").files != before


def test_a_changed_picture_is_judged_again(root: Path) -> None:
    """What the rules of a provider found right is right only for the same bytes."""
    seen: list[str] = []

    def judge(resources: Mapping[Address, Resource]) -> Iterator[Problem]:
        seen.append(resources[Address("cat")].canonical)
        yield from ()

    for content in (PNG, PNG, OTHER):
        (root / "a.png").write_bytes(content)
        load_specs(root, load_config(root), cache=root / "cache.db", judge=judge)

    assert [digest(PNG) in seen[0], digest(OTHER) in seen[1], len(seen)] == [True, True, 2]


def test_the_digest_of_the_specs_covers_the_pictures(root: Path) -> None:
    """Whoever compares it notices a changed picture, and nothing else."""
    before = load(root).digest
    age(root / "a.png", seconds=2 * LONG_AGO_S)
    assert load(root).digest == before

    (root / "a.png").write_bytes(OTHER)

    assert load(root).digest != before


def test_digests_that_nobody_uses_are_forgotten(root: Path, read: list[str]) -> None:
    """The cache does not grow with the project's history."""
    load(root)
    (root / "specs/a.yaml").write_text(TEXT.replace("[a.png", "[b.png"))
    (root / "a.png").rename(root / "b.png")
    load(root)
    (root / "b.png").rename(root / "a.png")
    (root / "specs/a.yaml").write_text(TEXT)

    load(root)

    assert read == ["a.png", "b.png", "a.png"]


def test_a_damaged_cache_costs_only_time(root: Path) -> None:
    """The digest is read from the picture again."""
    first = load(root)
    (root / "state" / "cache.db").write_bytes(b"this is no database")

    assert load(root) == first


def test_a_picture_that_we_own_is_a_reference(root: Path) -> None:
    """A view is a link to an object: its bytes count, and its target may be replaced."""
    objects = root / "assets" / "objects"
    objects.mkdir(parents=True)
    (objects / "one").write_bytes(PNG)
    (objects / "two").write_bytes(OTHER)
    view = root / "assets" / "library.2.png"
    view.symlink_to("objects/one")
    (root / "specs/a.yaml").write_text(TEXT.replace("[a.png", "[assets/library.2.png"))
    assert one(load(root), "cat").files == (LocalFile("assets/library.2.png", digest(PNG)),)

    view.unlink()
    view.symlink_to("objects/two")

    assert one(load(root), "cat").files == (LocalFile("assets/library.2.png", digest(OTHER)),)


def test_the_assets_may_lie_elsewhere(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder of assets that is a link to a larger disk is still the project's."""
    disk = tmp_path_factory.mktemp("disk")
    (disk / "library.png").write_bytes(PNG)
    (root / "assets").symlink_to(disk)
    (root / "specs/a.yaml").write_text(TEXT.replace("[a.png", "[assets/library.png"))

    assert one(load(root), "cat").files == (LocalFile("assets/library.png", digest(PNG)),)


def outside(root: Path) -> None:
    other = root.parent / "outside.png"
    other.write_bytes(PNG)
    (root / "a.png").symlink_to(other)


def hidden(root: Path) -> None:
    (root / "a.png").write_bytes(PNG)
    (root / "a.png").chmod(0)


def pipe(root: Path) -> None:
    os.mkfifo(root / "a.png")


def loop(root: Path) -> None:
    (root / "a.png").symlink_to("a.png")


def inside_a_file(root: Path) -> None:
    (root / "a.png").write_bytes(PNG)
    (root / "specs/a.yaml").write_text(TEXT.replace("[a.png", "[a.png/b.png"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (outside, "`a.png` leads out of the project"),
        pytest.param(
            hidden,
            "`a.png` cannot be read",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything"),
        ),
        (pipe, "`a.png` is no file"),
        (loop, "`a.png` cannot be read"),
        (inside_a_file, "there is no file `a.png/b.png`"),
        (lambda root: (root / "a.png").mkdir(), "`a.png` is a folder"),
        (lambda root: (root / "a.png").write_bytes(b""), "`a.png` is empty"),
        (lambda root: (root / "a.png").write_bytes(b"BM bitmap"), "`a.png` is no picture"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem_with_its_line(
    root: Path, make: Callable[[Path], object], message: str
) -> None:
    """Before anything is bought, and for everything that a file system can hold."""
    (root / "a.png").unlink()
    make(root)

    for _ in range(2):
        with pytest.raises(SpecProblemsError) as raised:
            load(root)

        (found,) = raised.value.diagnostics
        assert found.message.startswith(message)
        assert (found.file, found.line) == ("specs/a.yaml", 2)


@pytest.mark.parametrize(
    "content",
    [PNG, b"\xff\xd8\xff\xe0", b"GIF87a", b"GIF89a", b"RIFF\x10\x00\x00\x00WEBPVP8 "],
    ids=["png", "jpeg", "gif87", "gif89", "webp"],
)
def test_what_counts_as_a_picture(root: Path, content: bytes) -> None:
    """Judged by its first bytes, as APIMart's uploads are (section 16); names mean nothing."""
    (root / "a.png").write_bytes(content)

    assert one(load(root), "cat").files == (LocalFile("a.png", digest(content)),)


def test_a_wrong_default_is_reported_once(project_of: ProjectOf) -> None:
    """Many entries share the file that the project's defaults name."""
    config = (
        "providers:\n  a: {type: apixo, base_url: 'sandbox:'}\ndefaults: {style_refs: [gone.png]}\n"
    )
    text = "images:\n" + "".join(f"  cat{n}: {{prompt: cat {n}}}\n" for n in range(50))
    root = project_of({"reconciler.yaml": config, "specs/a.yaml": text})

    with pytest.raises(SpecProblemsError) as raised:
        load(root)

    (found,) = raised.value.diagnostics
    assert (found.file, found.line) == ("reconciler.yaml", 3)


@pytest.mark.parametrize("name", ["x" * 5000 + ".png", r"\ud800.png", r"\x07.png", "é 漢.png"])
def test_any_name_can_be_refused(root: Path, name: str) -> None:
    """Names that no file can have are missing files, not crashes."""
    (root / "specs/a.yaml").write_text(f'images:\n  a: {{prompt: a, image_refs: ["{name}"]}}\n')

    with pytest.raises(SpecProblemsError) as raised:
        load(root)

    assert raised.value.diagnostics
    assert raised.value.details
