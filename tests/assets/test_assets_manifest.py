"""The manifest is stable text, the same for the same facts, and written only when it changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from assets_examples import candidate
from hypothesis import given
from hypothesis import strategies as st

from reconciler.assets.manifest import Entry, render, write
from reconciler.errors import AssetError
from reconciler.ids import Address, CandidateNumber, Digest, ProviderName, TaskId
from reconciler.purchase import Candidate, StoredPicture
from reconciler.spec.resource import Parent


def entry(address: str = "a", *candidates: Candidate, pick: int | None = None) -> Entry:
    """Return what is told of one resource."""
    return Entry(
        address=Address(address),
        operation="vary",
        prompt="a “quiet” library",
        parent=Parent(Address("root"), CandidateNumber(1)),
        provider=ProviderName("apixo"),
        task_id=TaskId("t-1"),
        take=2,
        pick=None if pick is None else CandidateNumber(pick),
        candidates=candidates,
    )


def test_a_program_finds_everything_about_a_picture() -> None:
    """The pick's own fields stand beside the address; every stored candidate is listed."""
    text = render(
        [entry("a.b", candidate(1, 1), candidate(2, 2, "image/webp"), candidate(3), pick=2)]
    )
    sizes = {"width": 8, "height": 6, "bytes": 100}
    one = {"digest": f"{1:064x}", "media_type": "image/png", **sizes}
    two = {"digest": f"{2:064x}", "media_type": "image/webp", **sizes}
    assert json.loads(text) == {
        "version": 1,
        "resources": {
            "a.b": {
                **two,
                "path": "a/b.webp",
                "prompt": "a “quiet” library",
                "operation": "vary",
                "parent": {"address": "root", "candidate": 1},
                "provider": "apixo",
                "task_id": "t-1",
                "take": 2,
                "pick": 2,
                "candidates": [
                    {"number": 1, **one, "path": "a/b.1.png"},
                    {"number": 2, **two, "path": "a/b.2.webp"},
                ],
            }
        },
    }


def test_what_is_not_chosen_yet_has_no_path() -> None:
    """Null, not a missing key: a program can rely on the shape."""
    found = json.loads(render([entry("a", candidate(1, 1), candidate(2, 2))]))["resources"]["a"]
    assert (found["digest"], found["path"], found["width"]) == (None, None, None)
    assert [one["path"] for one in found["candidates"]] == ["a.1.png", "a.2.png"]


def test_a_lone_candidate_lies_where_its_resource_does() -> None:
    """There is no numbered file for it."""
    found = json.loads(render([entry("a", candidate(1, 1))]))["resources"]["a"]
    assert found["path"] == found["candidates"][0]["path"] == "a.png"


def test_a_description_has_its_words_and_no_size() -> None:
    """A program need not open a file for them; pictures have no `text` at all."""
    words = Candidate(
        CandidateNumber(1), "data:", StoredPicture(Digest("0" * 64), "text/plain", None, None, 9)
    )
    told = replace(entry("a", words), text="an owl\nat dusk")
    found = json.loads(render([told, entry("b", candidate(1, 1))]))["resources"]
    assert found["a"]["text"] == "an owl\nat dusk"
    assert (found["a"]["path"], found["a"]["width"], found["a"]["height"]) == ("a.txt", None, None)
    assert "text" not in found["b"]


def test_an_empty_project_has_a_manifest_too() -> None:
    """Programs need no special case."""
    assert json.loads(render([])) == {"version": 1, "resources": {}}


@given(st.permutations([entry(name, candidate(1, 1)) for name in ("b", "a", "a.c", "é", "A")]))
def test_the_order_of_facts_does_not_matter(entries: list[Entry]) -> None:
    """One line for each address, in address order: a change is a small diff."""
    text = render(entries)
    assert text == render(sorted(entries, key=lambda one: one.address))
    assert len(text.splitlines()) == len(entries) + 2


def test_it_is_written_only_when_it_changed(tmp_path: Path) -> None:
    """Watchers of the file are not woken for nothing; no temporary file stays."""
    folder = tmp_path / "assets"
    assert write(folder, render([entry("a")]))
    before = (folder / "manifest.json").stat()
    assert not write(folder, render([entry("a")]))
    assert (folder / "manifest.json").stat() == before
    assert write(folder, render([entry("b")]))
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    """No OSError comes out, and nothing stays behind."""
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(AssetError, match="cannot write the manifest"):
        write(tmp_path, render([]))
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
