"""What holds for every plan, whatever is wanted and owned."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from plan_stories import (
    NOW,
    Resources,
    resource_of,
)
from plan_worlds import SELLERS, carried_out, worlds

from reconciler.ids import Address, ProviderName
from reconciler.money import NOTHING
from reconciler.plan import render
from reconciler.plan.actions import Action, Plan, Verb
from reconciler.plan.decide import make_plan
from reconciler.plan.owned import Owned
from reconciler.plan.prerequisites import is_prerequisite
from reconciler.plan.select import Selection
from reconciler.purchase import Phase
from reconciler.spec.request import is_local, uses_candidate
from reconciler.spec.resource import Parent, TakeKey

MAYBE_PAID = (
    Phase.SUBMITTING,
    Phase.SUBMITTED,
    Phase.MODAL,
    Phase.SUCCEEDED,
    Phase.STORED,
    Phase.IN_DOUBT,
)


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


def follow_ups_of(plan: Plan, step: Action) -> set[Address]:
    """Return what starts from a step."""
    return {
        one.address for one in plan.actions if one.source and one.source.address == step.address
    }


@settings(max_examples=60)
@given(worlds(), st.booleans())
def test_what_we_own_already_is_never_bought(
    world: tuple[Resources, Owned], retry_failed: bool
) -> None:
    """One candidate as a picture of its own is cut out here, whatever happened before."""
    for action in planned(*world, retry_failed=retry_failed).actions:
        if action.resource is not None and is_local(action.resource.request):
            assert not action.verb.is_remote
            assert action.price == NOTHING
            assert action.units == 1


@settings(max_examples=60)
@given(worlds(), st.booleans())
def test_what_is_needed_first_is_bought_once_and_for_something(
    world: tuple[Resources, Owned], retry_failed: bool
) -> None:
    """A step is no end in itself: a purchase in the same plan waits for it."""
    plan = planned(*world, retry_failed=retry_failed)
    steps = [one for one in plan.actions if one.resource and is_prerequisite(one.resource)]

    assert len({one.key for one in steps}) == len(steps)
    assert len({one.address for one in plan.actions}) == len(plan.actions) or has_orphans(plan)
    for step in steps:
        waiting = [one for one in buys(plan) if step.address in one.after]
        assert follow_ups_of(plan, step)
        assert waiting or step.verb is not Verb.BUY


def has_orphans(plan: Plan) -> bool:
    """Whether it finishes what no spec asks for, whose name may be in use again."""
    return any(one.resource is None for one in plan.actions)


@settings(max_examples=40)
@given(worlds())
def test_a_step_leaves_no_mark_on_what_follows(world: tuple[Resources, Owned]) -> None:
    """The same follow-ups have the same fingerprints at a vendor that needs no step."""
    resources, _ = world
    nothing = Owned(now=NOW)
    sellers = [SELLERS, {name: SELLERS[ProviderName("apixo")] for name in SELLERS}]
    plans = [make_plan(resources, nothing, one, Selection()) for one in sellers]
    keys = [
        {
            one.address: one.key
            for one in plan.actions
            if one.resource and not is_prerequisite(one.resource)
        }
        for plan in plans
    ]

    assert keys[0] == keys[1]


@settings(max_examples=40)
@given(worlds())
def test_a_name_for_a_candidate_leaves_no_mark_on_what_follows(
    world: tuple[Resources, Owned],
) -> None:
    """Whoever gives every candidate that is followed up a name of its own buys the same."""
    resources, owned = world
    respelled: Resources = {}
    for address, one in resources.items():
        parent = one.parent
        if parent is not None and parent.candidate and uses_candidate(one.operation):
            name = Address(f"{parent.address}.cut{parent.candidate}")
            respelled[name] = resource_of(name, {"single": {}, "from": "@".join(map(str, parent))})
            one = replace(one, parent=Parent(name, None))  # noqa: PLW2901 - the same, respelled
        respelled[address] = one

    assert bought_keys(planned(respelled, owned)) == bought_keys(planned(resources, owned))


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
        if action.verb in (Verb.BUY, Verb.DERIVE) and action.source is not None:
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

    asked = [one for one in plan.actions if not (one.resource and is_prerequisite(one.resource))]
    assert {action.address for action in asked} <= chosen
    assert set(bought_keys(plan)) <= set(bought_keys(planned(resources, owned)))


@given(worlds(), st.booleans())
def test_after_apply_there_is_nothing_to_do(
    world: tuple[Resources, Owned], retry_failed: bool
) -> None:
    """A plan that was carried out leaves no work: neither paid nor free."""
    resources, owned = world
    plan = planned(resources, owned, retry_failed=retry_failed)

    assert planned(resources, carried_out(plan, owned), retry_failed=retry_failed).work() == ()
