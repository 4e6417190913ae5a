"""The tree of names: made as wanted, checked without reading, foreign things never touched."""

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from assets_examples import files_below, picture_bytes, stored

from reconciler.assets.making import MAKERS, Maker, View, copy, hard_link
from reconciler.assets.objects import ObjectStore, object_path
from reconciler.assets.views import Differences, Views
from reconciler.config import ViewMode
from reconciler.errors import AssetError
from reconciler.ids import Digest


class Tree:
    """An asset folder with two objects, and its views."""

    def __init__(self, folder: Path, mode: ViewMode, makers: tuple[Maker, ...]) -> None:
        self.folder = folder / "assets"
        self.objects = ObjectStore(self.folder)
        self.views = Views(self.folder, self.objects, mode, makers)
        self.red, self.blue = stored(self.objects, 1).digest, stored(self.objects, 2).digest
        self.red_bytes, self.blue_bytes = picture_bytes(1), picture_bytes(2)

    @property
    def names(self) -> set[str]:
        """All views there are."""
        return {name for name in files_below(self.folder) if not name.startswith(".objects/")}

    def read(self, path: str) -> bytes:
        """Return what a person sees under a name."""
        return (self.folder / path).read_bytes()


def unsupported(_view: View) -> None:
    """Be a file system without links."""
    raise OSError(errno.EPERM, "not here")


WAYS: Mapping[str, tuple[ViewMode, tuple[Maker, ...]]] = {
    "link": (ViewMode.LINK, MAKERS[ViewMode.LINK]),
    "hard link": (ViewMode.LINK, (unsupported, hard_link, copy)),
    "copy for want of links": (ViewMode.LINK, (unsupported, unsupported, copy)),
    "copy": (ViewMode.COPY, MAKERS[ViewMode.COPY]),
}
NOTHING = Differences(frozenset(), frozenset())


@pytest.fixture(params=WAYS)
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    return Tree(tmp_path, *WAYS[request.param])


@pytest.fixture
def linked(tmp_path: Path) -> Tree:
    return Tree(tmp_path, *WAYS["link"])


@pytest.fixture
def copied(tmp_path: Path) -> Tree:
    return Tree(tmp_path, *WAYS["copy"])


def test_views_are_made_changed_and_removed(tree: Tree) -> None:
    """Whatever the file system can do, a name shows its picture, then another, then is gone."""
    wanted = {"a.png": tree.red, "a/night/b.png": tree.blue}
    missing = Differences(frozenset(wanted), frozenset())
    assert tree.views.missing_or_foreign(wanted) == missing
    assert tree.views.write(wanted) == frozenset()
    assert tree.views.missing_or_foreign(wanted) == NOTHING
    assert (tree.read("a.png"), tree.read("a/night/b.png")) == (tree.red_bytes, tree.blue_bytes)

    swapped = {"a.png": tree.blue, "a/night/b.png": tree.blue}
    stale = Differences(frozenset({"a.png"}), frozenset())
    assert tree.views.missing_or_foreign(swapped) == stale
    assert tree.views.write(swapped) == frozenset()
    assert tree.read("a.png") == tree.blue_bytes

    assert tree.views.remove(swapped) == frozenset()
    assert tree.names == set()
    assert {path.name for path in tree.folder.iterdir()} == {".objects"}
    assert tree.objects.has(tree.red)
    assert tree.objects.has(tree.blue)
    assert list((tree.folder / ".objects/tmp").iterdir()) == []


def test_writing_again_changes_nothing(tree: Tree) -> None:
    """Not even a time stamp."""
    wanted = {"x/a.png": tree.red}
    tree.views.write(wanted)
    before = (tree.folder / "x/a.png").lstat(), (tree.folder / "x").stat()
    tree.views.write(wanted)
    assert ((tree.folder / "x/a.png").lstat(), (tree.folder / "x").stat()) == before


def test_a_link_is_relative_so_the_project_can_move(linked: Tree) -> None:
    """It still works after the folder got another name."""
    linked.views.write({"x/a.png": linked.red})
    moved = linked.folder.rename(linked.folder.with_name("elsewhere"))
    assert (moved / "x/a.png").read_bytes() == linked.red_bytes
    assert str((moved / "x/a.png").readlink()).startswith("../.objects/")


def test_a_copy_is_independent_and_writable(copied: Tree) -> None:
    """Whoever edits it does not damage the object."""
    copied.views.write({"a.png": copied.red})
    with (copied.folder / "a.png").open("r+b") as file:
        file.write(b"edit")
    assert copied.objects.path(copied.red).read_bytes() == copied.red_bytes


def _edit(place: Path) -> None:
    place.unlink(missing_ok=True)
    place.write_bytes(b"a person's own work")


def _link_away(place: Path) -> None:
    place.unlink(missing_ok=True)
    (place.parent.parent / "own.png").write_bytes(b"own")
    place.symlink_to("../own.png")


def _folder(place: Path) -> None:
    place.unlink(missing_ok=True)
    place.mkdir()


def _pipe(place: Path) -> None:
    place.unlink(missing_ok=True)
    os.mkfifo(place)


@pytest.mark.parametrize("disturb", [_edit, _link_away, _folder, _pipe])
@pytest.mark.parametrize("was_there", [True, False])
def test_what_is_not_ours_is_reported_and_never_touched(
    tree: Tree, disturb: Callable[[Path], None], was_there: bool
) -> None:
    """An edit, a link to elsewhere, a folder, a pipe: instead of a view or before there was one."""
    wanted = {"a.png": tree.red, "b.png": tree.blue}
    if was_there:
        tree.views.write(wanted)
    disturb(tree.folder / "a.png")
    before = (tree.folder / "a.png").lstat()
    assert tree.views.missing_or_foreign(wanted).foreign == {"a.png"}
    assert tree.views.write(wanted) == {"a.png"}
    assert tree.views.remove(wanted) == {"a.png"}
    assert (tree.folder / "a.png").lstat() == before
    assert tree.names <= {"a.png"}


def test_an_edit_that_kept_the_size_is_noticed(copied: Tree) -> None:
    """By its time; then the bytes are read, and they decide."""
    copied.views.write({"a.png": copied.red})
    place = copied.folder / "a.png"
    place.write_bytes(copied.red_bytes[:-1] + b"!")
    assert copied.views.missing_or_foreign({"a.png": copied.red}).foreign == {"a.png"}
    place.write_bytes(copied.red_bytes)
    assert copied.views.missing_or_foreign({"a.png": copied.red}) == NOTHING


def test_a_view_that_now_shows_another_object_is_not_removed(tree: Tree) -> None:
    """After a rename another resource may own the name: the old record must not take it away."""
    tree.views.write({"a.png": tree.blue})
    assert tree.views.remove({"a.png": tree.red, "gone.png": tree.red}) == {"a.png"}
    assert tree.read("a.png") == tree.blue_bytes


def test_removing_leaves_folders_that_somebody_needs(tree: Tree) -> None:
    """Only empty ones go, and never the asset folder."""
    tree.views.write({"a/b/c.png": tree.red, "d/e.png": tree.red})
    (tree.folder / "a/notes.txt").write_text("mine")
    assert tree.views.remove({"a/b/c.png": tree.red, "d/e.png": tree.red}) == frozenset()
    assert files_below(tree.folder / "a") == {"notes.txt"}
    assert not (tree.folder / "a/b").exists()
    assert not (tree.folder / "d").exists()


@pytest.mark.parametrize("exists", [True, False])
def test_no_view_leaves_through_a_folder_that_is_a_link(tree: Tree, exists: bool) -> None:
    """`library/` pointing to another place: nothing is read, written or removed there."""
    outside = tree.folder.parent / "outside"
    outside.mkdir()
    (tree.folder / "library").symlink_to(outside)
    if exists:
        (outside / "a.png").symlink_to(f"../{object_path(tree.red)}")
    wanted = {"library/a.png": tree.red, "library/deep/b.png": tree.red}
    before = files_below(outside)
    everything = frozenset(wanted)
    assert tree.views.missing_or_foreign(wanted) == Differences(frozenset(), everything)
    assert tree.views.write(wanted) == everything
    assert tree.views.remove(wanted) == everything
    assert files_below(outside) == before


def test_a_file_where_a_folder_is_needed_is_foreign(tree: Tree) -> None:
    """It is named by the view that cannot be."""
    (tree.folder / "library").write_text("mine")
    wanted = {"library/night/a.png": tree.red}
    assert tree.views.missing_or_foreign(wanted).foreign == frozenset(wanted)
    assert tree.views.write(wanted) == frozenset(wanted)


@pytest.mark.parametrize(
    "path",
    ["../a.png", "/etc/a.png", "a/../../b.png", ".objects/ab/x", "", "a//b", ".Objects/x", "a\\b"],
)
def test_no_recorded_path_leads_out_of_the_folder(tree: Tree, path: str) -> None:
    """Paths come from a database and a lock file, which somebody may have edited."""
    with pytest.raises(AssetError, match="no place for a view"):
        tree.views.write({path: tree.red})
    with pytest.raises(AssetError, match="no place for a view"):
        tree.views.remove({path: tree.red})


def test_a_view_of_missing_bytes_is_not_made(tree: Tree) -> None:
    """A name that leads nowhere would look like a picture."""
    with pytest.raises(AssetError, match="is missing"):
        tree.views.write({"a.png": Digest("cd" * 32)})
    assert tree.names == set()


@pytest.mark.parametrize("before", ["link", "hard link"])
def test_changing_from_links_to_copies_makes_real_files(tmp_path: Path, before: str) -> None:
    """A setting is changed and the tree follows; changing it back leaves good copies alone."""
    linked = Tree(tmp_path, *WAYS[before])
    wanted = {"a.png": linked.red}
    linked.views.write(wanted)
    copied = Tree(tmp_path, *WAYS["copy"])
    assert copied.views.missing_or_foreign(wanted).missing == {"a.png"}
    copied.views.write(wanted)
    place, original = copied.folder / "a.png", copied.objects.path(linked.red)
    assert place.lstat().st_ino != original.stat().st_ino
    assert place.lstat().st_nlink == 1
    assert not place.is_symlink()
    assert linked.views.missing_or_foreign(wanted) == NOTHING


def test_a_failing_disk_is_told_and_leaves_no_part(tmp_path: Path) -> None:
    """Only what a file system does not support is tried another way."""

    def broken(view: View) -> None:
        view.place.write_bytes(b"half")
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    tree = Tree(tmp_path, ViewMode.LINK, (broken, copy))
    with pytest.raises(AssetError, match="cannot write a view"):
        tree.views.write({"a.png": tree.red})
    assert tree.names == set()
    assert list((tree.folder / ".objects/tmp").iterdir()) == []
