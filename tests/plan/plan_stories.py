"""A story's YAML as the values that a plan is made from.

`wanted` is what the specs say now: address → entry. An entry names its operation (`imagine: words`,
`upscale: 2x`, `vary: subtle`, `edit: words`, `reroll: {}`, `single: {}`, `describe: {}`), its
source (`from: a` or `from: a@2`), and fields of Resource (`pick`, `take`, `provider`, `file`) or of
its request. `providers` are of the type that they are called after, or else of apixo's; `publishes`
says that the project has a public place.

`owned` is what was bought: address → the same keys, over those of the entry that is wanted now, as
they were then. Beside them: `phase` (stored), `pictures` (4, or 1; or a list of those that came),
`shown` (stored ones are), `links` (live, expired, gone), `fruitless` (attempts that gave nothing
before, 0), `lost` (candidates whose bytes are missing), `price` and `charged` in dollars, `age` (48
hours), `failure` [kind, code, words], `renumbered` (nobody says which came), `offers` [[operation,
candidates, kinds]].
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.assets.naming import wanted_files
from reconciler.ids import Address, CandidateNumber, Digest, IntentId, ProviderName, TaskId
from reconciler.money import usd
from reconciler.plan.actions import Plan
from reconciler.plan.decide import make_plan
from reconciler.plan.owned import Owned, Shown
from reconciler.plan.prerequisites import is_prerequisite
from reconciler.plan.pricing import Seller, Sellers
from reconciler.plan.results import usual
from reconciler.plan.select import Selection, select
from reconciler.policy import FailureKind, OnDoubt, Policy
from reconciler.providers import PROVIDERS
from reconciler.purchase import (
    Candidate,
    Failure,
    FollowUp,
    ParentUse,
    Phase,
    Purchase,
    Report,
    StoredPicture,
)
from reconciler.spec.request import (
    REQUESTS,
    Direction,
    Motion,
    Operation,
    Reference,
    Request,
    Resolution,
    Speed,
    Strength,
    Upscaler,
    ZoomOut,
    canonical,
    is_local,
    operation_of,
)
from reconciler.spec.resource import Parent, Resource, TakeKey

Entry = Mapping[str, Any]
Entries = Mapping[str, Entry]
Resources = dict[Address, Resource]

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
OPERATIONS = frozenset(operation.value for operation in Operation)
MAIN_FIELDS: Mapping[Operation, str | None] = {
    Operation.IMAGINE: "prompt",
    Operation.EDIT: "prompt",
    Operation.BLEND: "pictures",
    Operation.DESCRIBE: "source",
    Operation.INPAINT: "mask",
    Operation.REROLL: None,
    Operation.ENHANCE: None,
    Operation.SINGLE: None,
    Operation.VIDEO: None,
}
"""The field that an entry's value is; what is left out has one that is called as it is."""


def pictures(places: list[str]) -> tuple[Reference, ...]:
    """Return references to several places."""
    return tuple(map(Reference, places))


READERS: Mapping[str, Callable[[Any], Any]] = {
    "speed": Speed,
    "source": Reference,
    "end": Reference,
    "mask": Reference,
    "image_refs": pictures,
    "pictures": pictures,
    "vary": Strength,
    "remix": Strength,
    "upscale": Upscaler,
    "zoom": ZoomOut,
    "pan": Direction,
    "motion": Motion,
    "resolution": Resolution,
}


def request_of(entry: Entry) -> Request:
    """Return what an entry asks for; `describe: {}` and the like take the parent's candidate."""
    (operation,) = OPERATIONS & entry.keys()
    kind = REQUESTS[Operation(operation)]
    names = {one.name for one in fields(kind)}
    given = {name: item for name, item in entry.items() if name in names and name != operation}
    main = MAIN_FIELDS.get(Operation(operation), operation)
    if main is not None and entry[operation] != {}:
        given[main] = entry[operation]
    return kind(
        **{name: READERS.get(name, lambda as_it_is: as_it_is)(one) for name, one in given.items()}
    )


def resource_of(address: str, entry: Entry) -> Resource:
    """Return the resource that an entry describes."""
    request = request_of(entry)
    return Resource(
        Address(address),
        ProviderName(entry.get("provider", "apixo")),
        operation_of(request),
        canonical(request),
        parent_of(entry.get("from")),
        entry.get("pick"),
        entry.get("take", 1),
        entry.get("file", "specs/story.yaml"),
        ("images", *address.split(".")),
    )


def parent_of(source: str | None) -> Parent | None:
    """Return `a` or `a@2` as a parent."""
    if source is None:
        return None
    address, _, number = source.partition("@")
    return Parent(Address(address), CandidateNumber(int(number)) if number else None)


@dataclass(frozen=True, slots=True)
class Bought:
    """One purchase on record, and the resource as it was then."""

    resource: Resource
    purchase: Purchase


class Past:
    """What was bought, one entry after the other, parents first."""

    def __init__(self, wanted: Entries, owned: Entries) -> None:
        self._then = {**wanted, **{address: was(wanted, owned, address) for address in owned}}
        self._keys: dict[str, TakeKey] = {}
        self.bought = {address: self._buy(address, owned[address] or {}) for address in owned}

    def _buy(self, address: str, entry: Entry) -> Bought:
        resource = resource_of(address, self._then[address])
        key = self._key(address)
        phase = Phase(entry.get("phase", "stored"))
        finished = phase in (Phase.SUCCEEDED, Phase.STORED)
        has_task = finished or phase.is_in_flight or phase is Phase.FAILED
        is_cut_out = is_local(resource.request)
        sent_at = NOW - timedelta(hours=entry.get("age", 48))
        purchase = Purchase(
            id=IntentId(f"intent of {address}"),
            fingerprint=key.fingerprint,
            take=key.take,
            attempt=entry.get("fruitless", 0) + 1,
            fruitless_before=entry.get("fruitless", 0),
            address=Address(address),
            provider=resource.provider,
            canonical=resource.canonical,
            parent=self._use(resource),
            price=usd(entry["price"]) if "price" in entry else None,
            charged=usd(entry["charged"]) if "charged" in entry else None,
            phase=phase,
            created_at=sent_at,
            changed_at=sent_at,
            links_expire_at=links_expire_at(entry) if finished and not is_cut_out else None,
            task_id=TaskId(f"task_{address}") if has_task and not is_cut_out else None,
            failure=failure_of(entry),
            candidates=self._candidates(resource, entry, phase) if finished else (),
            follow_ups=follow_ups_of(entry),
            report=Report(is_renumbered=entry.get("renumbered", False)),
        )
        return Bought(resource, purchase)

    def _candidates(self, resource: Resource, entry: Entry, phase: Phase) -> tuple[Candidate, ...]:
        """Return what came; what was cut out has its parent's bytes."""
        key, origin = self._key(resource.address), self._origin(resource)
        if origin is None or not is_local(resource.request):
            return candidates_of(key, entry, resource, phase)
        above, number = origin
        picture = picture_of(self._key(above.address), number or CandidateNumber(1))
        return (Candidate(CandidateNumber(1), "https://file.apixo.ai/cut.png", picture),)

    def _key(self, address: str) -> TakeKey:
        if address not in self._keys:
            resource = resource_of(address, self._then[address])
            origin = self._origin(resource)
            if origin is None:
                key = resource.key(None, None)
            else:
                key = resource.key(self._key(origin[0].address), origin[1])
            self._keys[address] = key
        return self._keys[address]

    def _origin(self, resource: Resource) -> tuple[Resource, CandidateNumber | None] | None:
        """Return the task and the candidate that a variant starts from at the provider."""
        if resource.parent is None:
            return None
        above = resource_of(resource.parent.address, self._then[resource.parent.address])
        behind = self._origin(above) if is_local(above.request) else None
        return behind or (above, self._start(resource))

    def _start(self, resource: Resource) -> CandidateNumber | None:
        """Return the candidate that a variant was bought from."""
        if resource.parent is None:
            return None
        above = resource_of(resource.parent.address, self._then[resource.parent.address])
        only = CandidateNumber(1) if usual(above.request).candidates == 1 else None
        return resource.parent.candidate or above.pick or only

    def _use(self, resource: Resource) -> ParentUse | None:
        origin = self._origin(resource)
        if origin is None:
            return None
        above, number = origin
        return ParentUse(IntentId(f"intent of {above.address}"), number)


def was(wanted: Entries, owned: Entries, address: str) -> Entry:
    """Return an entry as it was when it was bought: what `owned` says, over what is wanted now."""
    then, now = owned[address] or {}, wanted.get(address, {})
    kept = {
        name: value
        for name, value in now.items()
        if name not in OPERATIONS or not OPERATIONS & then.keys()
    }
    return {**kept, **then}


def links_expire_at(entry: Entry) -> datetime | None:
    """Return a moment after or before the story's."""
    if entry.get("links") == "gone":
        return None
    return NOW + timedelta(hours=1 if entry.get("links") == "live" else -1)


def failure_of(entry: Entry) -> Failure | None:
    """Return a failure from [kind, code, words]."""
    if "failure" not in entry:
        return None
    kind, code, words = entry["failure"]
    return Failure(FailureKind(kind), code, words, "advice")


def follow_ups_of(entry: Entry) -> tuple[FollowUp, ...] | None:
    """Return what the provider offered, or None when its answer named nothing."""
    if "offers" not in entry:
        return None
    return tuple(
        FollowUp(operation, tuple(map(CandidateNumber, candidates)), tuple(kinds))
        for operation, candidates, kinds in entry["offers"]
    )


def candidates_of(
    key: TakeKey, entry: Entry, resource: Resource, phase: Phase
) -> tuple[Candidate, ...]:
    """Return candidates; those of a stored purchase have pictures."""
    came = entry.get("pictures", usual(resource.request).candidates or 4)
    numbers = came if isinstance(came, list) else range(1, came + 1)
    return tuple(
        Candidate(number, f"https://file.apixo.ai/{number}.png", picture)
        for number in map(CandidateNumber, numbers)
        for picture in [picture_of(key, number) if phase is Phase.STORED else None]
    )


def picture_of(key: TakeKey, number: CandidateNumber) -> StoredPicture:
    """Return an object of its own for each take and candidate."""
    digest = Digest(f"{key.fingerprint[:40]}{key.take:012x}{number:012x}")
    return StoredPicture(digest, "image/png", 1024, 576, 4096)


def owned_of(wanted: Entries, owned: Entries, **facts: Any) -> Owned:
    """Return the facts; `facts` are those of Owned that are no purchases."""
    bought = Past(wanted, owned).bought
    return Owned(
        now=NOW,
        purchases={one.purchase.key: one.purchase for one in bought.values()},
        shown={
            Address(address): shown_of(one)
            for address, one in bought.items()
            if (owned[address] or {}).get("shown", one.purchase.phase is Phase.STORED)
            if not is_prerequisite(one.resource)
        },
        lost=frozenset(
            picture_of(one.purchase.key, CandidateNumber(number)).digest
            for address, one in bought.items()
            for number in (owned[address] or {}).get("lost", ())
        ),
        **facts,
    )


def shown_of(one: Bought) -> Shown:
    """Return what the address showed when it was bought."""
    resource, purchase = one.resource, one.purchase
    files = wanted_files(resource.address, purchase.candidates, resource.pick)
    return Shown(purchase.key, purchase.id, resource.pick, files)


def resources_of(wanted: Entries) -> Resources:
    """Return what is wanted now, in the story's order: parents first."""
    return {Address(address): resource_of(address, entry) for address, entry in wanted.items()}


def sellers_of(names: list[str], prices: Mapping[str, Any], *, publishes: bool = False) -> Sellers:
    """Return configured providers, each with these prices of one's own."""
    overrides = {key: usd(price) for key, price in prices.items()}
    return {
        ProviderName(name): Seller(
            PROVIDERS.get(name, PROVIDERS["apixo"]), overrides, publishes=publishes
        )
        for name in names
    }


def plan_of(given: Mapping[str, Any]) -> Plan:
    """Return the plan that a story's `given` leads to."""
    wanted, owned = given.get("wanted") or {}, given.get("owned") or {}
    facts = owned_of(
        wanted,
        owned,
        stale_files=frozenset(given.get("stale_files", ())),
        foreign_files=frozenset(given.get("foreign_files", ())),
        run_active=given.get("run_active", False),
    )
    resources = resources_of(wanted)
    return make_plan(
        resources,
        facts,
        sellers_of(
            given.get("providers", ["apixo"]),
            given.get("prices", {}),
            publishes=given.get("publishes", False),
        ),
        selection_of(given, resources, facts),
        policy=policy_of(given),
        retry_failed=given.get("retry_failed", False),
    )


def policy_of(given: Mapping[str, Any]) -> Policy:
    """Return what the project says about doubts (`on_doubt`) and failures (`failures`)."""
    attempts = {FailureKind(kind): most for kind, most in given.get("failures", {}).items()}
    return Policy(OnDoubt(given.get("on_doubt", "hold")), attempts)


def selection_of(given: Mapping[str, Any], resources: Resources, owned: Owned) -> Selection:
    """Return the selection as the command line makes it."""
    gone = owned.shown.keys() - resources.keys()
    return select(given.get("select", ()), given.get("exclude", ()), resources, gone)
