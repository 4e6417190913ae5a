"""Wants and pasts of all kinds for properties of plans, and what a run makes of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

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
from reconciler.money import NOTHING, usd
from reconciler.plan.actions import Action, Plan, Verb
from reconciler.plan.owned import Owned, Shown
from reconciler.plan.prerequisites import is_prerequisite
from reconciler.plan.results import usual
from reconciler.purchase import Candidate, Phase, Purchase
from reconciler.spec.request import decode
from reconciler.spec.resource import TakeKey

SELLERS = sellers_of(["apixo", "apimart"], {})
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
    {"single": {}},
    {"single": {}},
    {"zoom": "2x"},
    {"pan": "left"},
    {"inpaint": "https://example.com/door.png"},
    {"video": {}, "batch": 2},
    {"describe": {}},
)
MADE_HERE = frozenset({"provider", "phase", "links", "failure", "offers", "pictures", "price"})
"""What is never true of a picture that was cut out here."""
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
        "age": st.sampled_from([1, 68, 80]),
        "provider": st.sampled_from(["apixo", "apimart"]),
        "offers": st.sampled_from([[], [["upscale", [1, 2], ["subtle"]], ["reroll", [], []]]]),
    },
)
Purchases = Mapping[TakeKey, Purchase]
Views = Mapping[Address, Shown]
numbers = st.sampled_from([None, None, 1, 2, 4])


@st.composite
def entries(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Return a few trees of images and variants; some ask for the same."""
    wanted: dict[str, dict[str, Any]] = {}
    provider = draw(st.sampled_from(["apixo", "apimart"]))
    for position in range(draw(st.integers(0, 7))):
        parent = draw(st.sampled_from([None, *wanted]))
        if parent is None:
            address, entry = f"image{position}", dict(draw(st.sampled_from(ROOTS)))
        else:
            of = draw(numbers)
            address = f"{parent}.v{position}"
            entry = dict(draw(st.sampled_from(FOLLOW_UPS)))
            entry["from"] = f"{parent}@{of}" if of else parent
        rest = {"pick": draw(numbers), "take": draw(st.sampled_from([1, 1, 2]))}
        wanted[address] = entry | rest | {"provider": provider}
    return wanted


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Resources, Owned]:
    """Return what is wanted, and a past that led to some of it, something else, or trouble."""
    wanted = draw(entries())
    owned: dict[str, Any] = {}
    for address, entry in wanted.items():
        if draw(st.booleans()):
            owned[address] = past_of(entry, draw(FACTS))
            if draw(st.booleans()):
                owned |= step_of(address, owned[address], draw(FACTS))
    if draw(st.booleans()):
        owned["gone"] = dict(draw(st.sampled_from(ROOTS)))
    return resources_of(wanted), owned_of(wanted, owned)


def past_of(entry: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return those facts that can be true of what this entry led to."""
    left_out = set() if "imagine" in entry else {"imagine"}
    if "single" in entry:
        left_out |= MADE_HERE
    return {name: value for name, value in facts.items() if name not in left_out}


def step_of(
    address: str, parent: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return a step that a follow-up of candidate 1 needed once, wherever that was."""
    if parent.get("phase", "stored") not in ("stored", "succeeded"):
        return {}
    made = {name: facts[name] for name in ("phase", "age", "links", "failure") if name in facts}
    step = {"single": {}, "at_provider": True, "from": f"{address}@1", "provider": "apimart"}
    return {f"{address}.@1": {**made, **step}}


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
        if action.verb is Verb.DERIVE:
            made = cut_out(action, action.key, purchases, shown)
            purchases |= {action.key: made} if made else {}
        if action.resource is None:  # nobody asks for it any more: only its bytes come home
            continue
        purchase = purchases.get(action.key)
        if purchase is None:
            continue
        found |= {one.picture.digest for one in purchase.candidates if one.picture}
        if is_prerequisite(action.resource):  # nobody asked for it by name
            continue
        files = wanted_files(action.address, purchase.candidates, action.resource.pick)
        shown[action.address] = Shown(action.key, purchase.id, action.resource.pick, files)
        if action.moved_from is not None:
            del shown[action.moved_from]
    return replace(owned, purchases=purchases, shown=shown, lost=owned.lost - found)


def cut_out(action: Action, key: TakeKey, purchases: Purchases, shown: Views) -> Purchase | None:
    """Return the purchase that has its parent's bytes; None where that candidate never came."""
    assert action.source is not None
    assert action.source.candidate is not None
    known, view = action.source.purchase, shown.get(action.source.address)
    key_above = known.key if known else view.key if view else None
    origin = purchases[key_above].candidate(action.source.candidate) if key_above else None
    if origin is None:
        return None
    made = action.purchase or new_purchase(action, key)
    candidate = Candidate(CandidateNumber(1), origin.url, origin.picture)
    return replace(made, phase=Phase.STORED, candidates=(candidate,), price=NOTHING)


def came_home(action: Action, key: TakeKey) -> Purchase:
    """Return the purchase with all of its pictures."""
    purchase = action.purchase if action.verb is not Verb.BUY else None
    if purchase is None:
        purchase = new_purchase(action, key)
    owed = range(1, 1 + (usual(decode(purchase.canonical)).candidates or 4))
    numbers_of = [one.number for one in purchase.candidates] or list(map(CandidateNumber, owed))
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
