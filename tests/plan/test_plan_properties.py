"""What holds for every plan, whatever is wanted and owned."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from plan_stories import (
    NOW,
    Resources,
    owned_of,
    picture_of,
    resources_of,
    sellers_of,
)

from reconciler.assets.naming import wanted_files
from reconciler.ids import Address, CandidateNumber, IntentId, TaskId
from reconciler.money import usd
from reconciler.plan import render
from reconciler.plan.actions import Action, Plan, Verb
from reconciler.plan.decide import make_plan
from reconciler.plan.owned import Owned, Shown
from reconciler.plan.pricing import usual_pictures
from reconciler.plan.select import Selection
from reconciler.purchase import Candidate, Phase, Purchase
from reconciler.spec.request import Operation
from reconciler.spec.resource import Parent, TakeKey

SELLERS = sellers_of(["apixo"], {})
MAYBE_PAID = (
    Phase.SUBMITTING,
    Phase.SUBMITTED,
    Phase.SUCCEEDED,
    Phase.STORED,
    Phase.IN_DOUBT,
)
ROOTS: tuple[dict[str, Any], ...] = (
    {"imagine": "a library", "speed": "fast"},
    {"imagine": "a library", "speed": "turbo"},
    {"imagine": "a draft", "version": "7", "draft": True},
    {"imagine": "an owl"},
)
FOLLOW_UPS: tuple[dict[str, Any], ...] = (
    {"vary": "strong"},
    {"upscale": "subtle"},
    {"upscale": "4x"},
    {"reroll": {}},
    {"enhance": {}},
    {"edit": "add a lamp", "speed": "fast"},
)
FACTS = st.fixed_dictionaries(
    {"phase": st.sampled_from([phase.value for phase in Phase])},
    optional={
        "pictures": st.integers(1, 4),
        "pick": st.sampled_from([1, 2]),
        "links": st.sampled_from(["live", "expired"]),
        "lost": st.sampled_from([[], [1]]),
        "shown": st.booleans(),
        "price": st.sampled_from(["0.20", "0.30"]),
        "imagine": st.just("something else"),
        "failure": st.sampled_from(
            [["moderated", "NSFW", "flagged"], ["provider", "Task TimeOut", "stale"]]
        ),
        "offers": st.sampled_from([[], [["upscale", [1, 2], ["subtle"]], ["reroll", [], []]]]),
    },
)
numbers = st.sampled_from([None, None, 1, 2, 4])


@st.composite
def entries(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Return a few trees of images and variants; some ask for the same."""
    wanted: dict[str, dict[str, Any]] = {}
    for position in range(draw(st.integers(0, 7))):
        parent = draw(st.sampled_from([None, *wanted]))
        if parent is None:
            address, entry = f"image{position}", dict(draw(st.sampled_from(ROOTS)))
        else:
            of = draw(numbers)
            address = f"{parent}.v{position}"
            entry = dict(draw(st.sampled_from(FOLLOW_UPS)))
            entry["from"] = f"{parent}@{of}" if of else parent
        wanted[address] = entry | {"pick": draw(numbers), "take": draw(st.sampled_from([1, 1, 2]))}
    return wanted


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Resources, Owned]:
    """Return what is wanted, and a past that led to some of it, something else, or trouble."""
    wanted = draw(entries())
    owned: dict[str, Any] = {}
    for address, entry in wanted.items():
        if draw(st.booleans()):
            facts = draw(FACTS)
            is_image = "imagine" in entry
            owned[address] = {
                name: value for name, value in facts.items() if is_image or name != "imagine"
            }
    if draw(st.booleans()):
        owned["gone"] = dict(draw(st.sampled_from(ROOTS)))
    return resources_of(wanted), owned_of(wanted, owned)


def planned(resources: Resources, owned: Owned, *, retry_failed: bool = False) -> Plan:
    return make_plan(resources, owned, SELLERS, Selection(), retry_failed=retry_failed)


def buys(plan: Plan) -> list[Action]:
    return [action for action in plan.actions if action.verb is Verb.BUY]


def bought_keys(plan: Plan) -> list[TakeKey]:
    return [action.key for action in buys(plan) if action.key is not None]


def shuffled(mapping: Mapping[Any, Any], seed: int) -> dict[Any, Any]:
    items = list(mapping.items())
    random.Random(seed).shuffle(items)  # noqa: S311 - an order, no secret
    return dict(items)


@given(worlds(), st.integers())
def test_same_facts_same_plan(world: tuple[Resources, Owned], seed: int) -> None:
    """The plan is a function of the facts; the order in which they are known is none of them."""
    resources, owned = world
    other = replace(
        owned, purchases=shuffled(owned.purchases, seed), shown=shuffled(owned.shown, seed)
    )

    assert planned(resources, owned) == planned(resources, owned) == planned(resources, other)


@given(worlds(), st.booleans())
def test_what_may_be_paid_is_never_bought(
    world: tuple[Resources, Owned], retry_failed: bool
) -> None:
    """One purchase per take, and none of a take that was, or perhaps was, paid already."""
    resources, owned = world
    keys = bought_keys(planned(resources, owned, retry_failed=retry_failed))

    assert len(keys) == len(set(keys))
    for key in keys:
        assert key not in owned.purchases or owned.purchases[key].phase not in MAYBE_PAID


@given(worlds())
def test_renaming_everything_buys_nothing(world: tuple[Resources, Owned]) -> None:
    """Names are no part of a request: other names lead to the same purchases."""
    resources, owned = world
    new = {address: Address(f"other_{address}") for address in resources}
    renamed = {
        new[address]: replace(
            one,
            address=new[address],
            parent=one.parent and Parent(new[one.parent.address], one.parent.candidate),
            file="specs/elsewhere.yaml",
        )
        for address, one in resources.items()
    }

    assert bought_keys(planned(renamed, owned)) == bought_keys(planned(resources, owned))


@given(worlds(), st.booleans())
def test_nothing_is_bought_before_what_it_starts_from(
    world: tuple[Resources, Owned], retry_failed: bool
) -> None:
    """Every parent is owned, or is worked on earlier in the same plan and waited for."""
    resources, owned = world
    plan = planned(resources, owned, retry_failed=retry_failed)
    before: set[Address] = set()

    for action in plan.actions:
        assert before.issuperset(action.after)
        if action.verb is Verb.BUY and action.source is not None:
            has_task = action.source.purchase is not None and action.source.purchase.phase in (
                Phase.SUCCEEDED,
                Phase.STORED,
            )
            assert has_task or action.source.address in action.after
        if action.verb.is_work:
            before.add(action.address)


@given(worlds(), st.booleans())
def test_the_tally_is_the_sum(world: tuple[Resources, Owned], retry_failed: bool) -> None:
    """The last line says what the lines above it cost; the JSON says the same."""
    plan = planned(*world, retry_failed=retry_failed)
    tally, content = plan.tally(), render.as_json(plan)

    prices = [one["price_micro_usd"] for one in content["actions"] if one["verb"] == "buy"]
    assert tally.price == sum(price for price in prices if price is not None)
    assert tally.unpriced == prices.count(None)
    assert tally.tasks == len(prices) == tally.by_verb[Verb.BUY]
    assert sum(tally.by_verb.values()) == len(plan.actions)
    assert json.loads(json.dumps(content)) == content
    assert len(list(render.lines(plan, verbose=True))) >= len(plan.actions)


@given(worlds(), st.data())
def test_selecting_less_buys_less(world: tuple[Resources, Owned], data: st.DataObject) -> None:
    """A selection only ever takes purchases away, and touches nothing else."""
    resources, owned = world
    chosen = frozenset(data.draw(st.sets(st.sampled_from(sorted(resources)))) if resources else ())
    selection = Selection(chosen, matches_gone=lambda _: False)
    plan = make_plan(resources, owned, SELLERS, selection)

    assert {action.address for action in plan.actions} <= chosen
    assert set(bought_keys(plan)) <= set(bought_keys(planned(resources, owned)))


@given(worlds(), st.booleans())
def test_after_apply_there_is_nothing_to_do(
    world: tuple[Resources, Owned], retry_failed: bool
) -> None:
    """A plan that was carried out leaves no work: neither paid nor free."""
    resources, owned = world
    plan = planned(resources, owned, retry_failed=retry_failed)

    assert planned(resources, carried_out(plan, owned), retry_failed=retry_failed).work() == ()


def carried_out(plan: Plan, owned: Owned) -> Owned:
    """Return what is owned after a run in which everything went well."""
    purchases, shown = dict(owned.purchases), dict(owned.shown)
    found = set()
    for action in plan.work():
        if action.verb is Verb.PRUNE:
            del shown[action.address]
            continue
        assert action.key is not None
        if action.verb in (Verb.BUY, Verb.WAIT, Verb.FETCH):
            purchases[action.key] = came_home(action, action.key)
        if action.resource is None:  # nobody asks for it any more: only its bytes come home
            continue
        purchase = purchases[action.key]
        found |= {one.picture.digest for one in purchase.candidates if one.picture}
        files = wanted_files(action.address, purchase.candidates, action.resource.pick)
        shown[action.address] = Shown(action.key, purchase.id, action.resource.pick, files)
        if action.moved_from is not None:
            del shown[action.moved_from]
    return replace(owned, purchases=purchases, shown=shown, lost=owned.lost - found)


def came_home(action: Action, key: TakeKey) -> Purchase:
    """Return the purchase with all of its pictures."""
    purchase = action.purchase if action.verb is not Verb.BUY else None
    if purchase is None:
        purchase = new_purchase(action, key)
    operation = Operation(json.loads(purchase.canonical)["operation"])
    usual = range(1, 1 + (usual_pictures(operation) or 4))
    numbers_of = [one.number for one in purchase.candidates] or list(map(CandidateNumber, usual))
    return replace(
        purchase,
        phase=Phase.STORED,
        task_id=purchase.task_id or TaskId("task_new"),
        links_expire_at=purchase.links_expire_at or NOW + timedelta(days=1),
        candidates=tuple(
            Candidate(number, f"https://file.apixo.ai/{number}", picture_of(key, number))
            for number in numbers_of
        ),
    )


def new_purchase(action: Action, key: TakeKey) -> Purchase:
    assert action.resource is not None
    assert action.provider is not None
    return Purchase(
        id=IntentId(f"intent of {key.fingerprint}"),
        fingerprint=key.fingerprint,
        take=key.take,
        attempt=1,
        address=action.address,
        provider=action.provider,
        canonical=action.resource.canonical,
        parent=None,
        price=usd("0.20"),
        phase=Phase.INTENDED,
        created_at=NOW,
        changed_at=NOW,
    )
