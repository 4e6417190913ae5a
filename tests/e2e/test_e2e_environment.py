"""A hostile surrounding: files, disks, databases. Clear errors, and nothing owned is lost."""

import sqlite3
from pathlib import Path

import pytest
from e2e_kit import LIBRARY, Project, Shop, clean_env, small_disk, web_server, without_privileges

pytest_plugins = ["e2e_fixtures"]
pytestmark = pytest.mark.slow

BROKEN = {
    "a": "images: [unclosed\n",
    "b": "images:\n  one: {promt: x}\n  two: {prompt: x, pick: 9}\n",
}


@pytest.fixture
def bought(project: Project) -> Project:
    """A project that has everything."""
    project("apply", "--yes").exits(0)
    return project


def change_state(project: Project, statement: str) -> None:
    """Change a project's state behind its back."""
    connection = sqlite3.connect(project.root / "state/reconciler.db")
    with connection:
        connection.execute(statement)
    connection.close()


def test_broken_specs_are_all_told_at_once(project: Project, shop: Shop) -> None:
    """Every file's problems in one go, on stderr, exit 1; apply sends nothing."""
    for name, text in BROKEN.items():
        project.spec(text, name)
    with shop.untouched():
        ran = project("apply", "--yes").fails(1, "error: 4 problems in the specs\n")
    assert ran.out == ""
    for words in (
        "this bracket is never closed\n   --> specs/a.yaml:1:9\n",
        "`prompt` is missing\n   --> specs/b.yaml:2:3\n",
        "`promt` is not known here\n   --> specs/b.yaml:2:9\n",
        "    = hint: did you mean `prompt`?\n",
        "   --> specs/b.yaml:3:26\n",
    ):
        assert words in ran.err, ran.err
    assert project("plan").exits(1).err == ran.err
    assert project("status").exits(1).err == ran.err
    assert project("validate").exits(1).err == ran.err


def test_bytes_that_are_no_text(project: Project) -> None:
    """Binary rubbish with a spec's name is an error with a hint."""
    (project.root / "specs/x.yaml").write_bytes(b"\xff\xfe\x00garbage")
    project("plan").fails(1, "byte 1 is not UTF-8", "specs/x.yaml:1:1")


@pytest.mark.parametrize("name", ["reconciler.yaml", "specs/library.yaml", "specs"])
def test_what_may_not_be_read(project: Project, name: str) -> None:
    """Permissions: named, exit 1, no traceback."""
    place = project.root / name
    mode = place.stat().st_mode
    place.chmod(0)
    ran = project("plan", before=without_privileges).exits(1)
    place.chmod(mode)
    assert "Permission denied" in ran.err
    assert name in ran.err


def test_no_project_here(folder: Project) -> None:
    """Two ways out are named; a wrong -C says so."""
    for command in (["plan"], ["apply"], ["status"], ["show", "x"], ["log"], ["verify"]):
        folder(*command).fails(1, "no reconciler.yaml in ", "`reconcile init` makes a project here")
    folder("-C", "nowhere", "plan").fails(1, "there is no folder nowhere")
    folder("validate").fails(1, "no reconciler.yaml")


def test_found_from_below_and_by_option(bought: Project) -> None:
    """The project is found from a sub-folder, and from anywhere with -C."""
    specs = bought.root / "specs"
    assert bought("plan", folder=specs).exits(0).out.startswith("No changes")
    assert bought("-C", str(specs), "plan", folder=Path("/")).exits(0).out.startswith("No changes")


def test_a_state_that_cannot_be_written(project: Project, shop: Shop) -> None:
    """Looking works, even before the first run; applying says who is in the way, sends nothing."""
    state = project.root / "state"
    state.mkdir()
    state.chmod(0o555)
    with shop.untouched():
        plan = project("plan", before=without_privileges).exits(0)
        project("status", before=without_privileges).exits(0)
        project("apply", "--yes", before=without_privileges).fails(1, "Permission denied", "state/")
    assert "3 tasks to buy" in plan.out
    state.chmod(0o755)
    project("apply", "--yes").exits(0)
    for path in (*state.iterdir(), state):
        path.chmod(0o555 if path == state else 0o444)
    assert project("plan", before=without_privileges).exits(0).out.startswith("No changes")
    project("show", "library", before=without_privileges).exits(0)
    state.chmod(0o755)


def test_a_state_that_is_no_database(bought: Project, shop: Shop) -> None:
    """Nothing is guessed: exit 1, the file is left as it is, nothing is sent."""
    state = bought.root / "state/reconciler.db"
    for path in state.parent.glob("reconciler.db-*"):
        path.unlink()
    state.write_bytes(b"this is no database" * 300)
    with shop.untouched():
        for command in (["plan"], ["apply", "--yes"], ["status"], ["verify"], ["log"]):
            bought(*command).fails(1, "this file is no database: ", "SQLite says: ")
    assert state.read_bytes().startswith(b"this is no database")


def test_a_state_from_the_future(bought: Project, shop: Shop) -> None:
    """A newer program's database is left alone."""
    change_state(
        bought,
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " VALUES ('reconciler', '0099-future', '2050-01-01')",
    )
    with shop.untouched():
        for command in (["plan"], ["apply", "--yes"], ["show", "library"]):
            bought(*command).fails(1, "written by a newer version", "0099-future", "hint: upgrade")


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_assets_that_cannot_be_written_are_noticed_before_buying(
    project: Project, shop: Shop, kind: str
) -> None:
    """Where nothing can be stored, nothing is bought."""
    if kind == "file":
        project.assets.write_text("not a folder")
    else:
        project.assets.mkdir()
        project.assets.chmod(0o555)
    with shop.untouched():
        ran = project("apply", "--yes", before=without_privileges)
    project.assets.chmod(0o755)
    ran.fails(1, "assets", "hint: ")


def test_a_full_disk_below_the_assets(project: Project, shop: Shop) -> None:
    """Exit 1 with the reason; what was paid is kept on record and fetched when there is room."""
    with small_disk(project.assets, 16):
        project("apply", "--yes").fails(1, "No space left on device", "hint: free some space")
        assert "paid, not downloaded yet" in project("plan").exits(0).out
    project("apply", "--yes").exits(0)
    assert len(shop.charges()) == 3
    assert project("plan").exits(0).out.startswith("No changes")


SLOWLY = [pytest.param(size, marks=pytest.mark.slow) for size in (160, 208, 256, 320)]


@pytest.mark.parametrize("kilobytes", [48, 224, *SLOWLY])
def test_a_full_disk_below_the_state(project: Project, shop: Shop, kilobytes: int) -> None:
    """Whatever does not fit, and when: a clear end, and once there is room, nothing paid twice."""
    with small_disk(project.root / "state", kilobytes) as make_larger:
        project("apply", "--yes").fails(1, "SQLite says: d", "hint: ")
        make_larger()
        again = project("apply", "--yes")
        again.exits(again.code)
        assert again.code in (0, 7)
        assert len(set(shop.charges())) == len(shop.charges())
        if again.code == 0:
            assert len(shop.charges()) == 3
        else:
            assert "in doubt: perhaps paid" in again.out


def test_state_deleted(bought: Project, shop: Shop) -> None:
    """Without its memory the plan shows everything to buy, and nothing is bought without a yes."""
    for path in (bought.root / "state").iterdir():
        path.unlink()
    with shop.untouched():
        assert "3 tasks to buy" in bought("plan").exits(0).out
        bought("apply").fails(1, "there is no terminal to ask on")
    assert len(bought.objects()) == 9


def test_assets_deleted(bought: Project, shop: Shop) -> None:
    """While the links live, everything comes back without a purchase: exit 3, then 0."""
    before = bought.manifest()
    _remove(bought.assets)
    plan = bought("plan", "--detailed-exitcode").exits(3).out
    assert plan.count("its bytes are missing, the link still works") == 3
    ran = bought("apply").exits(0)
    assert "Applied: 3 done for free.\n" in ran.out
    assert bought.manifest() == before
    assert len(shop.charges()) == 3
    assert bought("plan").exits(0).out.startswith("No changes")


def test_one_object_deleted_or_damaged_is_fetched_again(bought: Project, shop: Shop) -> None:
    """`verify` reads everything, sets damage aside, brings it back for free."""
    deleted, damaged = bought.objects()[:2]
    content = damaged.read_bytes()
    deleted.unlink()
    damaged.chmod(0o644)
    damaged.write_bytes(content[:-5] + b"wrong")
    ran = bought("verify").exits(0)
    assert ran.out.endswith("9 files checked, 2 damaged, 0 not restored.\n")
    assert ran.out.count(": missing, fetched again\n") == 1
    assert ran.out.count(": corrupt, fetched again\n") == 1
    assert damaged.read_bytes() == content
    assert deleted.is_file()
    kept = list((bought.assets / ".objects/quarantine").iterdir())
    assert [path.read_bytes()[-5:] for path in kept] == [b"wrong"]
    assert bought("verify").exits(0).out == "9 files checked, 0 damaged, 0 not restored.\n"
    assert len(shop.charges()) == 3


def test_bytes_gone_for_good_are_priced_never_bought_silently(bought: Project, shop: Shop) -> None:
    """With the link expired: reported with a price, exit 5, and `take: 2` is the way."""
    hero = bought.assets / "library/hero.png"
    hero.resolve().unlink()
    change_state(bought, "UPDATE purchases SET links_expire_at = '2020-01-01T00:00:00+00:00'")
    with shop.untouched():
        ran = bought("verify").exits(5)
        assert ran.out == (
            "library.hero candidate 1: missing, gone, its link has expired;"
            " a new take costs $0.30\n"
            "9 files checked, 1 damaged, 1 not restored.\n"
        )
        applied = bought("apply", "--yes").exits(5)
    assert "its bytes are gone and the link has expired (`take: 2` buys it again)" in applied.out
    bought.edit("specs/library.yaml", "{upscale: subtle}", "{upscale: subtle, take: 2}")
    assert "1 task to buy" in bought("plan").exits(0).out
    bought("apply", "--yes").exits(0)
    assert hero.is_file()
    assert len(shop.charges()) == 4


def test_a_deleted_view_comes_back_for_free(bought: Project, shop: Shop) -> None:
    """Names are rebuilt from the objects, nothing is sent."""
    (bought.assets / "library.png").unlink()
    (bought.assets / "library/night.3.png").unlink()
    with shop.untouched():
        plan = bought("plan", "--detailed-exitcode").exits(3).out
        assert plan.count("its view is missing") == 2
        bought("apply").exits(0)
    assert (bought.assets / "library.png").is_file()
    assert (bought.assets / "library/night.3.png").is_file()


def test_a_persons_own_file_is_never_overwritten(bought: Project, shop: Shop) -> None:
    """It is named, it stays, exit 5; once it is away the view returns."""
    view = bought.assets / "library.png"
    view.unlink()
    view.write_bytes(b"my own work")
    with shop.untouched():
        ran = bought("apply").exits(5)
        assert "somebody's own file is in its place (move library.png away)" in ran.out
        bought("apply", "--retry-failed").exits(5)
        bought.edit("specs/library.yaml", "pick: 2", "pick: 4")
        bought("apply", "library").exits(5)
    assert view.read_bytes() == b"my own work"
    bought.edit("specs/library.yaml", "pick: 4", "pick: 2")
    view.unlink()
    bought("apply").exits(0)
    assert view.is_symlink()


def test_a_foreign_file_in_the_way_of_a_purchase(project: Project, shop: Shop) -> None:
    """The picture is bought and kept, the file is kept, and the summary says what to move."""
    project.assets.mkdir()
    (project.assets / "library.png").write_bytes(b"my own work")
    ran = project("apply", "--yes").exits(5)
    assert "library: stored, not shown: library.png\n" in ran.out
    assert "hint: move that file away, then run apply again" in ran.out
    assert (project.assets / "library.png").read_bytes() == b"my own work"
    assert len(shop.charges()) == 3
    (project.assets / "library.png").unlink()
    with shop.untouched():
        project("apply").exits(0)
    assert (project.assets / "library.png").is_symlink()


def test_a_removed_resource_loses_its_view_only(bought: Project, shop: Shop) -> None:
    """`prune` takes names away, keeps bytes; writing it again adopts them for free."""
    objects = bought.objects()
    bought.edit("specs/library.yaml", "      hero: {upscale: subtle}\n", "")
    with shop.untouched():
        plan = bought("plan", "--detailed-exitcode").exits(3).out
        assert "prune  library.hero" in plan
        assert "no longer in the specs, bytes stay" in plan
        bought("apply").exits(0)
        assert "library/hero.png" not in bought.views()
        assert list(bought.manifest()) == ["library", "library.night"]
        assert bought.objects() == objects
        bought.spec(LIBRARY)
        assert "adopt  library.hero" in bought("plan").exits(0).out
        bought("apply").exits(0)
    assert "library/hero.png" in bought.views()


def test_copies_instead_of_links(project: Project) -> None:
    """`views: copy` gives files of their own that open everywhere."""
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", f"{text}assets: {{dir: pictures, views: copy}}\n")
    project("apply", "--yes").exits(0)
    view = project.root / "pictures/library.png"
    assert view.is_file()
    assert not view.is_symlink()
    assert project("plan").exits(0).out.startswith("No changes")


@pytest.mark.slow
def test_a_damaged_sandbox_database(folder: Project) -> None:
    """The emulator's own file is no reason for a traceback."""
    folder("init").exits(0)
    folder.write("state/sandbox.db", "this is no database" * 300)
    folder("apply").fails(1, "the sandbox's database cannot be used: ", "delete it")
    (folder.root / "state/sandbox.db").unlink()
    folder.edit("reconciler.yaml", "    speed: 20 ", "    speed: 400 ")
    folder("apply").exits(0)


def test_a_sandbox_server_that_cannot_start(folder: Project, tmp_path: Path) -> None:
    """Port taken, impossible port, no database, broken faults: exit 1 and words."""
    serve = ("sandbox", "serve", "--database", str(tmp_path / "s.db"))
    with web_server(lambda _: None) as (base_url, _):
        port = base_url.removesuffix("/api/v1").rpartition(":")[2]
        folder(*serve, "--port", port).fails(1, f"cannot listen on 127.0.0.1, port {port}: ")
    folder(*serve, "--port", "99999").fails(1, "99999 is not in the range")
    (tmp_path / "s.db").write_text("this is no database" * 300)
    folder(*serve, "--port", "0").fails(1, "the sandbox's database cannot be used: ")
    faults = tmp_path / "faults.json"
    faults.write_text('[{"where": "submit", "action": "explode"}]')
    folder(*serve[:2], "--faults", str(faults)).fails(1, "action must be one of: ")


@pytest.mark.parametrize("name", ["E2E_API_KEY", "OTHER"])
def test_an_empty_key_is_a_missing_key(project: Project, shop: Shop, name: str) -> None:
    """Set to nothing, or to white space: refused before anything is sent."""
    with shop.untouched():
        env = clean_env(**{name: "  "})
        project.env = env
        project("apply", "--yes").fails(1, "E2E_API_KEY is not set")


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    folder.rmdir()
