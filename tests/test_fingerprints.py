"""Fingerprints never change: a later version that computes another one would buy everything again."""

import json
from collections.abc import Callable
from pathlib import Path

from reconciler.ids import Address
from reconciler.project import Project
from reconciler.spec.resource import Resource, TakeKey

HERE = Path(__file__).parent / "fingerprints"


def keys(resources: dict[Address, Resource]) -> dict[Address, TakeKey]:
    """Return the take of each resource, parents first, following picks."""
    found: dict[Address, TakeKey] = {}
    for address, resource in resources.items():
        if resource.parent is None:
            found[address] = resource.key(None, None)
            continue
        parent = resources[resource.parent.address]
        number = resource.parent.candidate or parent.pick
        found[address] = resource.key(found[parent.address], number)
    return found


def test_fingerprints_are_pinned(
    project_of: Callable[[dict[str, str]], Path], golden: Callable[[Path, str], None]
) -> None:
    """A fixed set of specs has the fingerprints that it had in the first version."""
    text = (HERE / "specs.yaml").read_text(encoding="utf-8")
    specs = Project.find(project_of({"specs/all.yaml": text})).load()

    found = {address: list(key) for address, key in keys(dict(specs.resources)).items()}
    golden(HERE / "pinned.json", json.dumps(found, indent=1) + "\n")
