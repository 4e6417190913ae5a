"""Arbitrary input: whatever is sent, the answer is an envelope and the sandbox stands."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import World

from reconciler.sandbox.apixo.words import Mode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
URLS = st.lists(st.sampled_from(["https://a.test/a.png", "http://[", "x", 5]), max_size=3)
BOX = st.fixed_dictionaries({}, optional={"width": JSON | st.just(64), "height": st.just(32)})
AREA = st.fixed_dictionaries(
    {"width": st.just(10) | JSON, "height": st.integers(-1, 10**6)},
    optional={"points": st.lists(st.integers(-5, 20) | st.floats(), max_size=8)},
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "prompt": st.text(max_size=40) | JSON,
    "speed": st.sampled_from(["fast", "turbo", "draft", "relaxed", "", None]) | JSON,
    "version": st.sampled_from(["7", "8.1", None]) | JSON,
    "aspect_ratio": st.sampled_from(["1:1", "16:9", "0:0"]) | JSON,
    "is_hd": st.booleans() | JSON,
    "image_urls": URLS | JSON,
    "sref_urls": JSON,
    "oref_urls": URLS | JSON,
    "mask": st.fixed_dictionaries({"areas": st.lists(AREA, max_size=2)}) | JSON,
    "canvas": BOX | JSON,
    "imgPos": BOX | JSON,
    "stylization": st.integers() | JSON,
    "taskId": st.text(max_size=12) | JSON,
    "imageIndex": st.integers(-1, 5) | JSON,
    "type": st.integers(-1, 5) | JSON,
    "remixPrompt": st.text(max_size=20) | JSON,
}
INPUTS = st.fixed_dictionaries(
    {"mode": st.sampled_from(list(Mode)).map(str) | JSON}, optional=FIELDS
)
BODIES = st.fixed_dictionaries(
    {"input": INPUTS | JSON}, optional={"request_type": st.sampled_from(["async", "x"]) | JSON}
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory() as folder,
        World(Path(folder), requests_per_minute=None, concurrent=None, long_side=16) as world,
    ):
        yield world


@given(body=BODIES | JSON)
@settings(max_examples=300, deadline=None)
def test_any_json_gets_an_envelope(world: World, body: Any) -> None:
    """Accepted or refused, never an error of our own; what is accepted can be drawn."""
    text = repr_json(body)

    answer = world.request("POST", "/generateTask/midjourney", content=text)

    assert answer.status_code in (200, 400, 404), answer.text
    assert answer.json()["code"] == answer.status_code
    if answer.status_code == 200:
        world.wait()
        assert world.download(answer.json()["data"]["taskId"], 1).status_code == 200


@given(prompt=st.text(min_size=1, max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_prompt_can_be_bought(world: World, prompt: str) -> None:
    """A prompt in any script is bought and drawn, unless nothing of it is left to execute."""
    answer = world.submit(prompt=prompt)

    assert (answer.status_code == 200) == bool(prompt.split("--", 1)[0].strip())


@given(body=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_get_an_envelope(world: World, body: bytes) -> None:
    """A body that is nothing at all is refused in the API's form."""
    answer = world.request("POST", "/generateTask/midjourney", content=body)

    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message", "data"}


@given(path=st.text("abc/%.?#é\0 ", max_size=20), task_id=st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_address_gets_an_envelope(world: World, path: str, task_id: str) -> None:
    """Unknown routes and unknown tasks are 404 in the API's form."""
    for answer in (
        world.request("GET", "http://sandbox.test/api/v1/x", params={"q": path}),
        world.get("/statusTask/midjourney", params={"taskId": task_id or "x"}),
    ):
        assert answer.json()["code"] == answer.status_code == 404


def repr_json(value: Any) -> bytes:
    """Return JSON as careless clients write it: NaN and lone surrogates included."""
    return json.dumps(value).encode()
