"""What leaves for APIXO, whole: one file per mode and option in wire/ (docs/providers/apixo.md)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from provider_talk import APIXO, PARENT, only_call

from reconciler.ids import CandidateNumber, TaskId
from reconciler.providers.apixo.modes import mode_of
from reconciler.providers.protocol import HttpCall, Order, ParentTask
from reconciler.spec.request import (
    Enhance,
    Imagine,
    Request,
    Reroll,
    Strength,
    Upscale,
    Upscaler,
    Vary,
    decode,
)

CASES = sorted((Path(__file__).parent / "wire").glob("*.json"))
DOCUMENTED = {
    "text-to-image",
    "image-to-image",
    "image-edit",
    "vary",
    "upscale",
    "reroll",
    "enhance",
}


def content_of(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def order_of(case: Mapping[str, Any]) -> Order:
    """Return the order that a case file describes."""
    request = decode(json.dumps(case["request"]))
    given = case.get("parent")
    if given is None:
        return Order(request)
    candidate = CandidateNumber(given["candidate"])
    return Order(request, ParentTask(TaskId(given["task_id"]), candidate, given["url"]))


def on_the_wire(call: HttpCall) -> dict[str, Any]:
    """Return a call as JSON shows it."""
    content: dict[str, Any] = json.loads(
        json.dumps(
            {
                "method": call.method,
                "path": call.path,
                "query": dict(call.query),
                "body": call.body,
            }
        )
    )
    return content


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_submission(path: Path) -> None:
    """Method, path, query and the full body are exactly those of the case file."""
    case = content_of(path)

    call = only_call(APIXO.submit(order_of(case)))

    assert on_the_wire(call) == case["call"]


def test_every_mode_has_a_case() -> None:
    """No documented mode is left untested."""
    assert {content_of(path)["call"]["body"]["input"]["mode"] for path in CASES} == DOCUMENTED


def test_every_imagine_field_that_is_documented_has_a_case() -> None:
    """Only the fields that the rules call undocumented are never sent."""
    tested = {name for path in CASES for name in content_of(path)["request"]}
    undocumented = {
        "niji",
        "quality",
        "raw",
        "tile",
        "seed",
        "stop",
        "repeat",
        "character_weight",
        "omni_weight",
    }

    assert set(Imagine.__dataclass_fields__) - tested == undocumented


def test_poll() -> None:
    """A poll asks for the task at the model it was submitted to (section 1)."""
    call = only_call(APIXO.poll(TaskId("task 1&x=2")))

    assert call == HttpCall("GET", "statusTask/midjourney", {"taskId": "task 1&x=2"}, None)


def test_balance() -> None:
    """The balance is asked for without any parameter (section 11)."""
    assert only_call(APIXO.balance()) == HttpCall("GET", "apikeys/current-balance", {}, None)


@pytest.mark.parametrize(
    "request_",
    [Vary(Strength.SUBTLE), Upscale(Upscaler.SUBTLE), Reroll(), Enhance()],
    ids=mode_of,
)
def test_follow_up_without_parent_is_never_sent(request_: Request) -> None:
    """A follow-up whose parent's task is unknown raises before anything could leave."""
    with pytest.raises(ValueError, match="needs its parent's task"):
        only_call(APIXO.submit(Order(request_)))


def test_no_key_and_no_foreign_field_leaves() -> None:
    """A body holds `request_type` and `input`, nothing else; keys are the driver's business."""
    body = only_call(APIXO.submit(Order(Reroll(), PARENT))).body

    assert body is not None
    assert set(body) == {"request_type", "input"}
