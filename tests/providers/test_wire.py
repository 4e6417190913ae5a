"""What leaves for each provider, whole: one file per operation and option in wire/.

A request that several providers can do has its calls at each of them in one file: the same wish.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from provider_talk import APIMART, APIXO, PARENT, only_call

from reconciler.ids import CandidateNumber, Digest, IntentId, TaskId
from reconciler.providers import PROVIDERS
from reconciler.providers.apixo.modes import mode_of
from reconciler.providers.protocol import HttpCall, Order, ParentTask, Provider
from reconciler.spec.request import Direction as To
from reconciler.spec.request import (
    Enhance,
    Imagine,
    Inpaint,
    Operation,
    Pan,
    Reference,
    Remix,
    Request,
    Reroll,
    Single,
    Strength,
    Upscale,
    Upscaler,
    Vary,
    Video,
    Zoom,
    ZoomOut,
    decode,
    operation_of,
)

CASES = sorted((Path(__file__).parent / "wire").glob("*.json"))
INTENT = IntentId("intent-1")
TASK = TaskId("task_own")
MODES = "text-to-image image-to-image image-edit vary upscale reroll enhance"
ROUTES = """
    imagine blend describe edits upscale variation high-variation reroll zoom pan inpaint modal
    video remix-strong remix-subtle
"""


def content_of(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def request_of(content: Mapping[str, Any]) -> Request:
    return decode(json.dumps(content))


def order_of(case: Mapping[str, Any]) -> Order:
    """Return the order that a case file describes."""
    lineage = tuple(request_of(one) for one in case.get("lineage", []))
    links = {Digest(digest): url for digest, url in case.get("links", {}).items()}
    return Order(request_of(case["request"]), parent_of(case), lineage, links, INTENT)


def parent_of(case: Mapping[str, Any]) -> ParentTask | None:
    given = case.get("parent")
    if given is None:
        return None
    task, number = TaskId(given["task_id"]), CandidateNumber(given["candidate"])
    return ParentTask(task, number, given["url"], given.get("handle"))


def calls_of(provider: Provider, order: Order) -> list[dict[str, Any]]:
    """Return the submission and, where there is one, the second step, as JSON shows them."""
    calls = [only_call(provider.submit(order))]
    if isinstance(order.request, Inpaint):
        calls.append(only_call(provider.go_on(TASK, order)))
    return [on_the_wire(one) for one in calls]


def on_the_wire(call: HttpCall) -> dict[str, Any]:
    shown = {"method": call.method, "path": call.path, "query": dict(call.query), "body": call.body}
    content: dict[str, Any] = json.loads(json.dumps(shown))
    return content


def calls_everywhere(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return the order's calls at every provider that would take the request."""
    order = order_of(case)
    able = {
        kind: provider
        for kind, provider in PROVIDERS.items()
        if not list(provider.issues(order.request, order.lineage))
    }
    return {kind: calls_of(provider, order) for kind, provider in able.items()}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_calls(path: Path, golden: Callable[[Path, str], None]) -> None:
    """Method, path, query and full body are the case file's, at each provider that can do it."""
    case = content_of(path)

    case["calls"] = calls_everywhere(case)

    assert case["calls"], "no provider can do this"
    golden(path, json.dumps(case, indent=2, ensure_ascii=False) + "\n")


def test_every_mode_of_apixo_has_a_case() -> None:
    """No documented mode is left untested."""
    calls = [call for path in CASES for call in content_of(path)["calls"].get("apixo", [])]

    assert {call["body"]["input"]["mode"] for call in calls} == set(MODES.split())


def test_every_route_of_apimart_has_a_case() -> None:
    """No route that the adapter uses is left untested."""
    calls = [call for path in CASES for call in content_of(path)["calls"].get("apimart", [])]

    assert {call["path"].rpartition("/")[2] for call in calls} == set(ROUTES.split())


@pytest.mark.parametrize("kind", PROVIDERS)
def test_every_field_of_every_operation_has_a_case(kind: str) -> None:
    """What the table says is taken is shown on the wire."""
    cases = [content_of(path) for path in CASES]
    shown = {
        (case["request"]["operation"], field)
        for case in cases
        if kind in case["calls"]
        for field in case["request"]
    }
    operations = PROVIDERS[kind].can.operations
    taken = {(op.value, one.name) for op, ability in operations.items() for one in ability.inputs}

    assert taken - shown == set()


def test_portable_requests_are_tried_at_both() -> None:
    """Each operation that both providers have is sent to both by some case."""
    both = set(APIXO.can.operations) & set(APIMART.can.operations)
    cases = [content_of(path) for path in CASES]
    tried = {
        Operation(case["request"]["operation"])
        for case in cases
        if set(case["calls"]) == set(PROVIDERS)
    }

    assert tried == both


NEEDS_PARENT: list[Request] = [
    Vary(Strength.SUBTLE),
    Upscale(Upscaler.SUBTLE),
    Reroll(),
]
ONLY_APIMART: list[Request] = [
    Single(at_provider=True),
    Zoom(ZoomOut.DOUBLE),
    Pan(To.UP),
    Remix(Strength.SUBTLE),
    Inpaint(Reference("https://pictures.example/mask.png")),
    Video(),
]


@pytest.mark.parametrize("request_", [*NEEDS_PARENT, Enhance()], ids=mode_of)
def test_follow_up_without_parent_is_never_sent_to_apixo(request_: Request) -> None:
    """A follow-up whose parent's task is unknown raises before anything could leave."""
    with pytest.raises(ValueError, match="needs its parent's task"):
        only_call(APIXO.submit(Order(request_)))


@pytest.mark.parametrize("request_", [*NEEDS_PARENT, *ONLY_APIMART], ids=operation_of)
def test_follow_up_without_parent_is_never_sent_to_apimart(request_: Request) -> None:
    """The same for every follow-up of APIMart's."""
    with pytest.raises(ValueError, match="needs its parent's task"):
        only_call(APIMART.submit(Order(request_)))


def test_a_local_picture_without_a_place_is_never_sent() -> None:
    """A digest means nothing to anybody else: whoever forgot the link learns it here."""
    picture = Reference(f"sha256:{'c' * 64}")

    for provider in PROVIDERS.values():
        with pytest.raises(KeyError):
            only_call(provider.submit(Order(Imagine("x", image_refs=(picture,)))))


def test_no_key_and_no_foreign_field_leaves_for_apixo() -> None:
    """A body holds `request_type` and `input`, nothing else; keys are the driver's business."""
    body = only_call(APIXO.submit(Order(Reroll(), PARENT))).body

    assert body is not None
    assert set(body) == {"request_type", "input"}


def test_without_an_intent_there_is_no_metadata() -> None:
    """What `show` prints before anything is bought names no purchase."""
    assert only_call(APIMART.submit(Order(Reroll(), PARENT))).body == {"task_id": PARENT.task_id}


@pytest.mark.parametrize(
    ("provider", "call"),
    [
        (APIXO, HttpCall("GET", "statusTask/midjourney", {"taskId": "task 1&/x=2"})),
        (APIMART, HttpCall("GET", "v1/midjourney/task%201%26%2Fx%3D2")),
    ],
    ids=["apixo", "apimart"],
)
def test_poll(provider: Provider, call: HttpCall) -> None:
    """A poll asks for the task, whatever its id looks like."""
    assert only_call(provider.poll(TaskId("task 1&/x=2"))) == call


@pytest.mark.parametrize(
    ("provider", "path"),
    [(APIXO, "apikeys/current-balance"), (APIMART, "v1/balance")],
    ids=["apixo", "apimart"],
)
def test_balance(provider: Provider, path: str) -> None:
    """The balance is asked for without any parameter."""
    assert only_call(provider.balance()) == HttpCall("GET", path)
