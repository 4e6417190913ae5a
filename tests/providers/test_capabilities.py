"""The adapters' tables: they are whole, they drive the rules, and the documentation is theirs."""

from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest
from provider_talk import issues_of

from reconciler.providers import PROVIDERS, handbook
from reconciler.providers.capabilities import Ability
from reconciler.providers.protocol import Provider
from reconciler.spec.request import REQUESTS, Blend, Imagine, Operation, Reference, Speed

DOCS = Path(__file__).parents[2] / "docs" / "providers"
ALL = [
    (provider, operation)
    for provider in PROVIDERS.values()
    for operation in provider.can.operations
]
each_ability = pytest.mark.parametrize(
    ("provider", "operation"), ALL, ids=lambda one: getattr(one, "name", str(one))
)
PICTURE = Reference("https://pictures.example/a.jpg")


@each_ability
def test_inputs_are_fields_of_the_request(provider: Provider, operation: Operation) -> None:
    """A misspelt name would forbid the field and document one that nobody has."""
    names = {one.name for one in fields(REQUESTS[operation])}
    inputs = provider.can.operations[operation].inputs

    assert {one.name for one in inputs} <= names
    assert {one.acts_on for one in inputs if one.acts_on} <= names


@each_ability
def test_required_fields_are_taken(provider: Provider, operation: Operation) -> None:
    """An operation whose own word is not taken could never be asked for."""
    ability = provider.can.operations[operation]
    required = {one.name for one in fields(REQUESTS[operation]) if one.default is MISSING}

    assert {name for name in required if ability.input(name)} == required


@each_ability
def test_an_operation_starts_somewhere(provider: Provider, operation: Operation) -> None:
    """Anew, or from what is offered there."""
    ability = provider.can.operations[operation]

    assert ability.is_root or ability.follows
    assert ability.follows <= set(provider.can.operations)


@each_ability
def test_bills_are_rows_of_the_price_table(provider: Provider, operation: Operation) -> None:
    """What the overview says about money is in the table of prices."""
    ability = provider.can.operations[operation]

    assert (handbook.cost(provider, operation) == "as its source") is (not ability.bills)
    for word in ability.bills:
        assert any(key.startswith(word) for key in provider.can.prices.rows)


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=list(PROVIDERS))
def test_the_table_drives_the_rules(provider: Provider) -> None:
    """Every field of an image that a table leaves out is an issue, and no field that it has."""
    values: dict[str, Any] = {
        "negative": "text",
        "version": "7",
        "niji": True,
        "speed": Speed.FAST,
        "draft": True,
        "aspect_ratio": "3:2",
        "quality": "1",
        "stylize": 1,
        "chaos": 1,
        "weird": 1,
        "raw": True,
        "tile": True,
        "seed": 1,
        "repeat": 2,
        "image_refs": (PICTURE,),
        "style_refs": (PICTURE,),
        "character_refs": (PICTURE,),
        "omni_refs": (PICTURE,),
        "style": "raw",
        "depth_refs": (PICTURE,),
        "extra": "soft",
    }
    ability = provider.can.operations[Operation.IMAGINE]
    for name, value in values.items():
        request = replace(Imagine("owl", version="7"), **{name: value})
        assert (issues_of(request, at=provider) == []) is (ability.input(name) is not None)


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=list(PROVIDERS))
@pytest.mark.parametrize("operation", Operation)
def test_an_operation_without_a_row_is_an_issue(provider: Provider, operation: Operation) -> None:
    """And the hint is never empty."""
    if operation in provider.can.operations or operation is Operation.SINGLE:
        assert handbook.word(provider, operation) != handbook.NOT_OFFERED
        return
    request = Blend((PICTURE,)) if operation is Operation.BLEND else None
    assert handbook.word(provider, operation) == handbook.NOT_OFFERED
    if request is not None:
        (issue,) = issues_of(request, at=provider)
        assert issue.hint


def test_starts() -> None:
    """What an operation begins with, in words."""
    after = frozenset({Operation.VARY, Operation.IMAGINE})
    assert handbook.starts(Ability("x", "1", is_root=True)) == "anew"
    assert handbook.starts(Ability("x", "1", follows=after)) == "after imagine, vary"
    assert (
        handbook.starts(Ability("x", "1", is_root=True, follows=after))
        == "anew; after imagine, vary"
    )


def test_the_page_is_fresh(golden: Callable[[Path, str], None]) -> None:
    """docs/providers/capabilities.md is what `reconcile providers --page` prints."""
    golden(DOCS / "capabilities.md", handbook.page(PROVIDERS))


@pytest.mark.parametrize("kind", PROVIDERS)
def test_every_provider_has_a_page(kind: str) -> None:
    """The sections that the tables name are there to be read."""
    assert (DOCS / f"{kind}.md").is_file()
