"""The wire protocol: envelopes, authorization, the life of a task as a client sees it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import START, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as world:
        yield world


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "http://sandbox.test/nowhere", 404),
        ("GET", "/generateTask/midjourney", 405),
        ("DELETE", "/statusTask/midjourney", 405),
        ("GET", "/statusTask/midjourney", 400),
        ("GET", "/statusTask/midjourney?taskId=task_unknown", 404),
        ("GET", "/statusTask/other?taskId=task_unknown", 404),
        ("POST", "/generateTask/other", 404),
        ("POST", "/generateTask/midjourney", 400),
        ("POST", "/generateTask/midjourney/", 404),
    ],
)
def test_every_error_is_an_envelope(world: World, method: str, url: str, status: int) -> None:
    """An error carries its HTTP status in `code`, some words, and `data`."""
    answer = world.request(method, url)

    assert answer.status_code == status
    assert list(answer.json()) == ["code", "message", "data"]
    assert answer.json()["code"] == status
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b'{"input": NaN}', b"[" * 100_000,
     b'{"input": {"mode": "text-to-image", "prompt": "\\ud800"}}', b"1" * 5000],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(world: World, body: bytes) -> None:
    """Whatever is no JSON object in Unicode is answered with 400, and never charged."""
    answer = world.request("POST", "/generateTask/midjourney", content=body)

    assert answer.status_code == 400
    assert world.amounts() == []


@pytest.mark.parametrize("key", [None, "", " "])
def test_a_missing_key_is_refused(world: World, key: str | None) -> None:
    """Every route wants a non-empty bearer key."""
    for method, url in (
        ("POST", "/generateTask/midjourney"),
        ("GET", "/statusTask/midjourney?taskId=x"),
        ("GET", "/apikeys/current-balance"),
    ):
        assert world.request(method, url, key=key).status_code == 401


def test_only_the_configured_key_is_accepted(tmp_path: Path) -> None:
    """With `api_key` set, any other key is wrong."""
    with World(tmp_path, api_key="secret") as world:
        assert world.submit(key="other").status_code == 401
        assert world.submit(key="secret").status_code == 200


def test_a_task_lives_through_its_states(world: World) -> None:
    """pending, processing, success; times in Unix milliseconds; fields in the documented order."""
    task_id = world.buy(speed="fast")
    pending = world.status(task_id)
    world.wait(15)
    processing = world.status(task_id)
    world.wait(30)
    done = world.status(task_id)

    assert pending == {"taskId": task_id, "state": "pending", "createTime": int(START * 1000)}
    assert processing["state"] == "processing"
    assert list(done) == [
        "taskId", "state", "createTime", "resultJson", "supported_actions", "completeTime",
        "costTime",
    ]  # fmt: skip
    assert done["state"] == "success"
    assert 30_000 <= done["costTime"] <= 45_000
    assert done["completeTime"] == done["createTime"] + done["costTime"]


def test_results_are_json_inside_a_string(world: World) -> None:
    """`resultJson` has to be parsed once more; its links point at the host that was asked."""
    task_id = world.made()

    result = world.status(task_id)["resultJson"]

    assert isinstance(result, str)
    expected = [f"http://sandbox.test/files/{task_id}/{n}.png" for n in (1, 2, 3, 4)]
    assert json.loads(result) == {"resultUrls": expected}


def test_links_follow_the_host_header(world: World) -> None:
    """A client that reaches the sandbox by another name gets links with that name."""
    task_id = world.made()

    answer = world.get(f"http://other.test:81/api/v1/statusTask/midjourney?taskId={task_id}")

    assert f"http://other.test:81/files/{task_id}/1.png" in answer.text


def test_a_failed_task_says_why(world: World) -> None:
    """A failure is HTTP 200 with failCode and failMsg, without results or actions."""
    task_id = world.made(prompt="an owl [sandbox: SensitiveContentDetected]")

    failed = world.status(task_id)

    assert list(failed) == [
        "taskId", "state", "createTime", "failCode", "failMsg", "completeTime", "costTime",
    ]  # fmt: skip
    assert (failed["state"], failed["failCode"]) == ("failed", "SensitiveContentDetected")


def test_another_keys_task_is_unknown(world: World) -> None:
    """Accounts do not see each other, neither by status nor by follow-up."""
    task_id = world.made()

    url = f"/statusTask/midjourney?taskId={task_id}"
    assert world.get(url, key="stranger").status_code == 404
    refused = world.submit("upscale", key="stranger", taskId=task_id, imageIndex=0, type=0)
    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("asked", "shortest", "longest"),
    [
        ({"speed": "turbo"}, 15, 25),
        ({"speed": "fast"}, 30, 45),
        ({"speed": "relaxed"}, 30, 45),
        ({}, 30, 45),
        ({"speed": "draft", "version": "7"}, 8, 15),
        ({"mode": "image-edit", "image_urls": ["https://a.test/a.png"]}, 30, 50),
    ],
)
def test_durations_are_realistic(
    tmp_path: Path, asked: dict[str, Any], shortest: float, longest: float
) -> None:
    """A task takes as long as its kind usually does, divided by the speed of the sandbox."""
    with World(tmp_path, speed=10.0, requests_per_minute=None, concurrent=None) as world:
        for _ in range(20):
            task_id = world.made(**asked)
            assert shortest * 100 - 1 <= world.status(task_id)["costTime"] <= longest * 100 + 1


def test_people_find_their_way(world: World) -> None:
    """The root page names the base URL and the prices."""
    page = world.get("http://sandbox.test/", key=None)

    assert page.headers["content-type"].startswith("text/plain")
    assert "http://sandbox.test/api/v1" in page.text
    assert "vary 0.30" in page.text
