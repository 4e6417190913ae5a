"""How the fields of a request are told."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from plan_stories import NOW, owned_of, resource_of, resources_of, sellers_of

from reconciler.ids import Address, Digest
from reconciler.plan import render
from reconciler.plan.decide import make_plan
from reconciler.plan.owned import Owned
from reconciler.plan.select import Selection
from reconciler.plan.wording import field_in_words
from reconciler.spec.request import Imagine, Reference, canonical
from reconciler.spec.resource import LocalFile

OLD, NEW = Digest("83b2813f" * 8), Digest("1c7d9ea8" * 8)
FILES = (LocalFile("refs/sketch.png", NEW), LocalFile("refs/unread.png"))


def test_a_local_picture_is_told_by_its_name() -> None:
    """Name and first digits; without a name the digits, which `show` and the views have too."""
    assert field_in_words({"location": f"sha256:{NEW}"}, FILES) == "refs/sketch.png (1c7d9ea8)"
    assert field_in_words({"location": f"sha256:{OLD}"}, FILES) == "83b2813f"


def test_pictures_of_all_kinds_stand_in_a_row() -> None:
    """With their weights; a public one is its URL."""
    pictures = [
        {"location": f"sha256:{NEW}", "weight": 2},
        {"location": "https://pictures.example/a.png"},
    ]
    expected = "refs/sketch.png (1c7d9ea8) weight 2, https://pictures.example/a.png"
    assert field_in_words(pictures, FILES) == expected


@given(st.text() | st.lists(st.integers()) | st.dictionaries(st.text(), st.text()))
def test_everything_else_is_as_it_is(value: str | list[int] | dict[str, str]) -> None:
    """Text as it is, the rest as JSON, whatever names there are."""
    assert field_in_words(value, FILES) == field_in_words(value, ())


def test_a_changed_picture_in_a_plan() -> None:
    """`plan -v` names the file and both digests; its JSON has all of them."""
    before = {"poster": {"imagine": "a poster"}}
    past = owned_of({}, before)
    (old,) = past.purchases.values()
    old = replace(old, canonical=canonical(Imagine("a poster", image_refs=(_picture(OLD),))))
    wanted = replace(
        resource_of("poster", before["poster"]),
        canonical=canonical(Imagine("a poster", image_refs=(_picture(NEW),))),
        files=FILES,
    )
    owned = replace(past, purchases={old.key: old})
    sellers = sellers_of(["apixo"], {}, publishes=True)
    plan = make_plan({wanted.address: wanted}, owned, sellers, Selection())

    shown = [line.strip() for line in render.lines(plan, verbose=True)]
    assert "~ image_refs: 83b2813f → refs/sketch.png (1c7d9ea8)" in shown
    (change,) = render.as_json(plan)["actions"][0]["changes"]
    assert change["old"] == [{"location": f"sha256:{OLD}"}]


def test_pictures_that_nobody_counts() -> None:
    """An unknown number is not zero; with others it is at least theirs."""
    entries = {"lamp": {"edit": "a lamp", "source": "https://pictures.example/a"}}
    assert "1 task to buy, pictures not counted, $" in _last_line(entries)
    assert "2 tasks to buy, 4+ pictures, $" in _last_line(
        entries | {"owl": {"imagine": "an owl", "speed": "fast"}}
    )


def _last_line(entries: dict[str, dict[str, str]]) -> str:
    sellers = sellers_of(["apixo"], {})
    plan = make_plan(resources_of(entries), Owned(now=NOW), sellers, Selection())
    assert Address(next(iter(entries))) in {one.address for one in plan.actions}
    return list(render.lines(plan))[-1]


def _picture(digest: Digest) -> Reference:
    return Reference(f"sha256:{digest}")
