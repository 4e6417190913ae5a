"""The architecture as rules: who may import whom, and where each library may appear.

Imports inside functions count like all others; those for type checkers only do not.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent / "reconciler"
PROGRAM = "reconciler"

LAYERS = (
    {"ids", "errors", "money", "policy", "config"},
    {"spec"},
    {"purchase", "ledger"},
    {"providers"},
    {"state", "assets"},
    {"plan"},
    {"engine"},
    {
        *{"project", "planning", "applying", "clients", "display", "inventory", "looking"},
        *{"verifying", "scaffold", "budgeting", "costing", "resolving", "evidence", "inquiry"},
        *{"advice", "advising", "inspecting", "health", "vitals", "checklist", "publishing"},
        "calls",
    },
    {"cli"},
)
"""Each imports only from before itself; `sandbox` stands beside them. `config` and `policy` are
values only."""

SANDBOX_KNOWS = {"ids", "money", "sandbox"}
"""An independent opinion of the protocols must not share our code."""

SANDBOX_IS_KNOWN_BY = {"clients", "cli"}

HOMES: Mapping[str, set[str]] = {
    "httpx": {"engine", "clients"},
    "sqlite3": {"state", "spec.cache", "sandbox", "clients", "cli.sandbox"},
    "sqlite_utils": {"state"},
    "click": {"cli"},
    "rich": {"cli"},
    "pydantic": {"spec"},
    "yaml": {"spec"},
    "PIL": {"assets", "sandbox"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "obstore": {"publishing"},
}
"""Where each library may be imported. `clients` and `cli.sandbox` know sqlite3 only as the error
that an embedded sandbox's own database raises: they turn it into words for the user."""

SLOW_TO_LOAD = ("asyncio", "httpx", "PIL", "pydantic", "rich", "sqlite_utils", "starlette", "yaml")


class Import(NamedTuple):
    """One module needs another. `is_late`: inside a function, so only when that is called."""

    importer: str
    imported: str
    is_late: bool


@cache
def trees() -> Mapping[str, ast.Module]:
    """Return every module of the program, parsed, by its name below `reconciler`."""
    return {_name(path): ast.parse(path.read_bytes()) for path in sorted(ROOT.rglob("*.py"))}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of every module; our own ones below `reconciler`, as `.ids`."""
    return tuple(
        Import(name, _ours_or_not(imported), is_late)
        for name, tree in trees().items()
        for imported, is_late in _imports(tree, is_late=False)
    )


def _ours_or_not(imported: str) -> str:
    is_ours = imported == PROGRAM or imported.startswith(f"{PROGRAM}.")
    return imported.removeprefix(PROGRAM) if is_ours else imported


def _imports(node: ast.AST, *, is_late: bool) -> Iterator[tuple[str, bool]]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            within: Iterable[ast.AST] = node.orelse
        case ast.Import(names=names):
            yield from ((one.name, is_late) for one in names)
            return
        case ast.ImportFrom(module=str(module), names=names, level=0):
            yield from ((_module_of(module, one.name), is_late) for one in names)
            return
        case ast.ImportFrom():
            raise AssertionError("imports are written in full here")
        case _:
            within = ast.iter_child_nodes(node)
    is_late = is_late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in within:
        yield from _imports(child, is_late=is_late)


def _module_of(module: str, name: str) -> str:
    """Return the module that `from module import name` needs: a part of a package, or itself."""
    part = f"{module}.{name}"
    return part if part.removeprefix(f"{PROGRAM}.") in trees() else module


def ours() -> Iterator[Import]:
    """Yield the imports between our modules, without those of the version in the package itself."""
    for one in imports():
        if one.imported.startswith("."):
            yield Import(one.importer, one.imported[1:], one.is_late)


def package(module: str) -> str:
    """Return the part of the program that a module belongs to."""
    return module.split(".", maxsplit=1)[0]


def rank(module: str) -> int:
    """Return the number of a module's layer."""
    return next(n for n, layer in enumerate(LAYERS) if package(module) in layer)


def test_every_part_of_the_program_has_a_layer() -> None:
    """A new module has to be placed before it is used."""
    parts = {package(name) for name in trees() if name}
    placed = set().union(*LAYERS) | {"sandbox"}
    assert parts == placed


def test_nobody_imports_from_a_higher_layer() -> None:
    """Dependencies point one way."""
    wrong = [
        f"{one.importer} -> {one.imported}"
        for one in ours()
        if "sandbox" not in (package(one.importer), package(one.imported))
        if rank(one.imported) > rank(one.importer)
    ]
    assert wrong == []


def test_parts_of_one_layer_do_not_know_each_other() -> None:
    """`state` and `assets` are neighbours; only the wiring at the top may be tangled, see below."""
    wrong = [
        f"{one.importer} -> {one.imported}"
        for one in ours()
        if package(one.importer) != package(one.imported)
        if {package(one.importer), package(one.imported)} <= {"state", "assets"}
    ]
    assert wrong == []


def test_the_sandbox_is_independent() -> None:
    """It imports identities and money; only who starts it imports the sandbox."""
    knows = {package(one.imported) for one in ours() if package(one.importer) == "sandbox"}
    known_by = {package(one.importer) for one in ours() if package(one.imported) == "sandbox"}
    assert knows <= SANDBOX_KNOWS
    assert known_by - {"sandbox"} <= SANDBOX_IS_KNOWN_BY


def test_nobody_imports_the_command_line() -> None:
    """What the program does can be done without it."""
    wrong = [one.importer for one in ours() if package(one.imported) == "cli"]
    assert [one for one in wrong if package(one) != "cli"] == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_stays_at_home(library: str) -> None:
    """Whoever wants to replace a library knows where to look, and imports stay cheap."""
    users = {one.importer for one in imports() if one.imported.split(".")[0] == library}
    strangers = {
        user
        for user in users
        if not any(user == home or user.startswith(f"{home}.") for home in HOMES[library])
    }
    assert users
    assert strangers == set()


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Not even within a package; imports inside functions are no part of a circle."""
    graph: dict[str, set[str]] = {name: set() for name in trees()}
    for one in ours():
        if not one.is_late:
            graph[one.importer].add(one.imported)
    TopologicalSorter(graph).prepare()


def test_packages_do_not_need_each_other() -> None:
    """No circle between packages either, where each module by itself would be innocent."""
    graph: dict[str, set[str]] = {package(name): set() for name in trees()}
    for one in ours():
        if not one.is_late and package(one.importer) != package(one.imported):
            graph[package(one.importer)].add(package(one.imported))
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", ["reconciler.cli", "reconciler.cli.app"])
def test_the_command_line_starts_without_heavy_libraries(module: str) -> None:
    """`--help` and `--version` answer at once: nothing slow is loaded before it is needed."""
    program = f"import sys, {module}; print(*(one for one in {SLOW_TO_LOAD} if one in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_imports_are_found_wherever_they_stand() -> None:
    """The rules would be worthless if an import in a function or a branch were overlooked."""
    source = """
import a
if TYPE_CHECKING:
    import hidden
else:
    import b
if other:
    from c import d
def f():
    try:
        import e
    finally:
        async def g():
            from f.g import h
class C:
    import i
"""
    found = list(_imports(ast.parse(source), is_late=False))
    assert found == [
        *(("a", False), ("b", False), ("c", False)),
        *(("e", True), ("f.g", True), ("i", False)),
    ]
