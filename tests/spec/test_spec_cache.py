"""The compile cache: fast when nothing changed, never wrong, never a reason to fail."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import reconciler
from reconciler.spec import yaml as spec_yaml
from reconciler.spec.cache import is_checked, mark_checked
from reconciler.spec.load import load_config, load_specs

ProjectOf = Callable[[Mapping[str, str | bytes]], Path]

CAT = "images:\n  cat: {prompt: a cat, variants: {big: {upscale: 2x}}}\n"
DOG = "images:\n  dog: {prompt: a dog, pick: 3, take: 2}\n  owl: {from: cat, vary: strong, of: 4}\n"


@pytest.fixture
def root(project_of: ProjectOf) -> Path:
    config = "providers:\n  a: {type: apixo, base_url: 'sandbox:'}\ndefaults: {chaos: 5}\n"
    return project_of({"reconciler.yaml": config, "specs/a.yaml": CAT, "specs/b.yaml": DOG})


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that the names of all files go into that are parsed from now on."""
    files: list[str] = []
    original = spec_yaml.parse

    def parse(file: str, text: str) -> spec_yaml.Document:
        files.append(file)
        return original(file, text)

    monkeypatch.setattr(spec_yaml, "parse", parse)
    return files


def load(root: Path) -> list[str]:
    """Load with the cache; return what came out, as comparable text."""
    cache = root / "state" / "cache.db"
    specs = load_specs(root, load_config(root, cache=cache), cache=cache)
    return [repr(one) for one in specs.resources.values()]


def test_unchanged_files_are_not_parsed_again(root: Path, parsed: list[str]) -> None:
    """The second load parses nothing and gives the same resources."""
    first = load(root)
    assert parsed == ["reconciler.yaml", "specs/a.yaml", "specs/b.yaml"]

    parsed.clear()

    assert load(root) == first
    assert parsed == []


def test_only_the_changed_file_is_parsed_again(root: Path, parsed: list[str]) -> None:
    """Cost grows with what changed."""
    load(root)
    parsed.clear()
    (root / "specs/a.yaml").write_text(CAT.replace("a cat", "a red cat"))

    assert '"prompt":"a red cat"' in load(root)[0]
    assert parsed == ["specs/a.yaml"]


def test_a_moved_file_is_not_parsed_again(root: Path, parsed: list[str]) -> None:
    """Content is what counts; the resource names its new file."""
    load(root)
    parsed.clear()
    (root / "specs/a.yaml").rename(root / "specs/z.yaml")

    assert any("file='specs/z.yaml'" in one for one in load(root))
    assert parsed == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("chaos: 5", "chaos: 6"),
        ("  a: {", "  b: {"),
        ("providers:", "default_provider: a\nproviders:\n  b: {type: apixo, base_url: 'sandbox:'}"),
    ],
)
def test_what_files_depend_on_makes_them_new(
    root: Path, parsed: list[str], old: str, new: str
) -> None:
    """Project defaults and the providers' names are part of a file's meaning."""
    load(root)
    parsed.clear()
    config = root / "reconciler.yaml"
    config.write_text(config.read_text().replace(old, new))

    load(root)

    assert parsed == ["reconciler.yaml", "specs/a.yaml", "specs/b.yaml"]


def test_another_version_trusts_nothing(
    root: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade may read the same text in another way."""
    load(root)
    parsed.clear()
    monkeypatch.setattr(reconciler, "__version__", "99.0")

    load(root)

    assert len(parsed) == 3


def test_cross_file_checks_run_on_cached_files(root: Path) -> None:
    """A parent that disappears is noticed though its children's file did not change."""
    load(root)
    (root / "specs/a.yaml").unlink()

    with pytest.raises(reconciler.errors.SpecError, match="1 problem"):
        load(root)


def test_broken_files_are_not_kept(root: Path) -> None:
    """The second load reports the same problems as the first."""
    (root / "specs/a.yaml").write_text("images:\n  cat: {prompt: a cat, stylise: 1}\n")
    reports = []
    for _ in range(2):
        with pytest.raises(reconciler.errors.SpecError) as raised:
            load(root)
        reports.append(raised.value.details)

    assert reports[0] == reports[1]


def damage_header(cache: Path) -> None:
    cache.write_bytes(b"this is no database" + cache.read_bytes()[19:])


def truncate(cache: Path) -> None:
    os.truncate(cache, cache.stat().st_size // 2)


def empty(cache: Path) -> None:
    cache.write_bytes(b"")


def change_a_prompt(cache: Path) -> None:
    data = cache.read_bytes()
    assert b"a cat" in data
    cache.write_bytes(data.replace(b"a cat", b"a rat"))


def other_content(cache: Path) -> None:
    with sqlite3.connect(cache) as database:
        database.execute("UPDATE compiled SET content = 'x', checksum = hex('x')")
    database.close()


def other_table(cache: Path) -> None:
    with sqlite3.connect(cache) as database:
        database.execute("DROP TABLE compiled")
        database.execute("CREATE TABLE compiled (something)")
    database.close()


def blob(cache: Path) -> None:
    with sqlite3.connect(cache) as database:
        database.execute("UPDATE compiled SET content = CAST(x'ff' AS BLOB)")
    database.close()


def folder(cache: Path) -> None:
    cache.unlink()
    cache.mkdir()


@pytest.mark.parametrize(
    "damage",
    [damage_header, truncate, empty, change_a_prompt, other_content, other_table, blob, folder],
)
def test_a_damaged_cache_changes_nothing(root: Path, damage: Callable[[Path], None]) -> None:
    """Whatever stands in the file: the answer is the same, and there is no error."""
    first = load(root)
    damage(root / "state" / "cache.db")

    assert load(root) == first
    assert load(root) == first


def test_a_wrong_checksum_is_not_trusted(root: Path) -> None:
    """Even a content that can be decoded counts only with its checksum."""
    load(root)
    cache = root / "state" / "cache.db"
    with sqlite3.connect(cache) as database:
        database.execute("UPDATE compiled SET content = replace(content, 'a cat', 'a rat')")
    database.close()

    assert '"prompt":"a cat"' in load(root)[0]


def test_a_cache_that_cannot_be_written_is_done_without(root: Path) -> None:
    """A file stands where the cache's folder should be."""
    (root / "state").write_text("in the way")

    assert load(root) == load(root)


def test_a_cache_that_another_process_holds_is_done_without(root: Path) -> None:
    """Locked for writing: loading goes on, unkept."""
    first = load(root)
    holder = sqlite3.connect(root / "state" / "cache.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    (root / "specs/a.yaml").write_text(CAT + "# changed\n")

    assert load(root) == first
    holder.close()


def test_what_is_no_longer_used_is_forgotten(root: Path) -> None:
    """The file does not grow with the project's history."""
    for number in range(5):
        (root / "specs/a.yaml").write_text(CAT.replace("a cat", f"cat {number}"))
        load(root)

    with sqlite3.connect(root / "state" / "cache.db") as database:
        kinds = database.execute("SELECT kind, count(*) FROM compiled GROUP BY kind").fetchall()
    database.close()
    assert kinds == [("config", 1), ("spec", 2)]


def test_checked_marks_belong_to_one_digest(root: Path) -> None:
    """Whoever marked specs as checked finds that again, until anything changes."""
    cache = root / "state" / "cache.db"
    config = load_config(root)
    before = load_specs(root, config, cache=cache).digest
    assert not is_checked(cache, before)

    mark_checked(cache, before)

    assert is_checked(cache, before)
    assert not is_checked(None, before)
    assert load_specs(root, config, cache=None).digest == before
    (root / "specs/a.yaml").write_text(CAT + "\n")
    assert not is_checked(cache, load_specs(root, config, cache=cache).digest)


def test_the_digest_covers_the_configuration(root: Path) -> None:
    """The provider's rules may depend on how it is configured."""
    config = load_config(root)
    other = replace(config, prices={**config.prices})
    third = replace(config, specs="specs", state="elsewhere.db")

    digests = [load_specs(root, one, cache=None).digest for one in (config, other, third)]

    assert digests[0] == digests[1] != digests[2]


def test_nothing_heavy_is_imported_when_nothing_changed(root: Path) -> None:
    """Neither PyYAML nor pydantic on the path where everything is cached, pictures included."""
    (root / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "specs/c.yaml").write_text("images:\n  hen: {prompt: a hen, image_refs: [a.png]}\n")
    load(root)
    program = """
import sys
from pathlib import Path
from reconciler.spec.load import load_config, load_specs
root = Path(sys.argv[1])
cache = root / "state" / "cache.db"
assert load_specs(root, load_config(root, cache=cache), cache=cache).resources
print(sorted({"yaml", "pydantic", "difflib", "reconciler.spec.models"} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
