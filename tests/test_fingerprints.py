"""Fingerprints never change: a later version with other ones would buy everything again."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.ids import Address, CandidateNumber
from reconciler.planning import Wish, planned
from reconciler.project import Project
from reconciler.spec.load import load_config, load_specs
from reconciler.spec.request import Operation
from reconciler.spec.resource import Resource, TakeKey

HERE = Path(__file__).parent / "fingerprints"

PICTURES: Mapping[str, bytes] = {
    "refs/sketch.png": b"\x89PNG\r\n\x1a\n sketch",
    "refs/mask.png": b"\x89PNG\r\n\x1a\n mask",
}

Golden = Callable[[Path, str], None]
ProjectOf = Callable[[Mapping[str, str | bytes]], Path]


def specs(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def resources_of(root: Path) -> Mapping[Address, Resource]:
    return load_specs(root, load_config(root), cache=None).resources


def keys(resources: Mapping[Address, Resource]) -> dict[Address, TakeKey]:
    """Return the key of every resource; where nobody picked, the first candidate counts."""
    found: dict[Address, TakeKey] = {}
    for one in resources.values():
        parent = one.parent and resources[one.parent.address]
        picked = (one.parent and one.parent.candidate) or (parent and parent.pick)
        key = found[parent.address] if parent else None
        found[one.address] = one.key(key, picked or CandidateNumber(1))
    return found


def test_fingerprints_are_pinned(project_of: ProjectOf, golden: Golden) -> None:
    """A fixed set of specs has the fingerprints that it had in the first version."""
    root = project_of({"specs/all.yaml": specs("specs.yaml")})
    plan = planned(Project.find(root), Wish()).plan

    found = {action.address: list(action.key or ()) for action in plan.actions}
    golden(HERE / "pinned.json", json.dumps(found, indent=1) + "\n")


def test_fingerprints_of_the_other_operations_are_pinned(
    project_of: ProjectOf, golden: Golden
) -> None:
    """What only some providers offer is pinned as well, with local pictures."""
    root = project_of({"specs/all.yaml": specs("operations.yaml"), **PICTURES})

    found = {address: list(key) for address, key in keys(resources_of(root)).items()}
    golden(HERE / "operations.json", json.dumps(found, indent=1) + "\n")


def test_every_operation_is_pinned(project_of: ProjectOf) -> None:
    """A new operation has to be added to the files of this test."""
    files = {f"specs/{name}": specs(name) for name in ("specs.yaml", "operations.yaml")}

    found = resources_of(project_of({**files, **PICTURES})).values()

    assert {one.operation for one in found} == set(Operation)


def test_one_spec_has_the_same_fingerprints_at_every_provider(project_of: ProjectOf) -> None:
    """Who sells it, and where the pictures lie, is no part of what is bought."""
    text = specs("operations.yaml")
    here = keys(resources_of(project_of({"specs/all.yaml": text, **PICTURES})))
    config = "providers:\n  mart: {type: apimart, base_url: 'sandbox:'}\n"
    moved = {path.replace("refs/", "elsewhere/"): one for path, one in PICTURES.items()}
    files: dict[str, str | bytes] = {"specs/all.yaml": text.replace("refs/", "elsewhere/")}

    there = resources_of(project_of({"reconciler.yaml": config, **files, **moved}))

    assert {one.provider for one in there.values()} == {"mart"}
    assert keys(there) == here
