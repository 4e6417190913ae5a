"""Arbitrary input to APIMart's routes: they answer in form, and the sandbox stands."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apimart_kit import ORIGIN, Mart, task_id_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sandbox_fuzz import JSON, repr_json

from reconciler.sandbox.apimart.words import PATHS

URLS = st.lists(
    st.sampled_from(["https://a.test/a.png", "http://[", f"{ORIGIN}/uploads/x", 5]), max_size=5
)
PARENTS = st.sampled_from(["GRID", "SINGLE", "PAUSED", "task_x", ""]) | JSON
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "prompt": st.text(max_size=40) | st.sampled_from(["x --ar", "--v", "x --s 1e999"]) | JSON,
    "task_id": PARENTS,
    "index": st.integers(-1, 5) | JSON,
    "custom_id": st.sampled_from(["MJ::JOB::upsample::1::x", "MJ::Outpaint::0::", ""]) | JSON,
    "image_urls": URLS | JSON,
    "speed": st.sampled_from(["fast", "relax", None]) | JSON,
    "size": st.sampled_from(["1:1", "999:1", "16:9", "0:0"]) | JSON,
    "version": st.sampled_from(["7", "8.1", "x"]) | JSON,
    "niji": st.booleans() | JSON,
    "stylize": st.integers() | st.floats() | JSON,
    "extra": st.text("-ars 19:", max_size=12) | JSON,
    "direction": st.sampled_from(["left", "up"]) | JSON,
    "zoom_ratio": st.floats(0, 3) | JSON,
    "mask_url": st.sampled_from(["data:image/png;base64,AAAA", "https://a.test/m.png"]) | JSON,
    "dimensions": st.sampled_from(["SQUARE", "PORTRAIT"]) | JSON,
    "batch_size": st.integers(-1, 5) | JSON,
    "end_url": st.just("https://a.test/e.png") | JSON,
    "metadata": JSON,
}
BODIES = st.fixed_dictionaries({}, optional=FIELDS)


@pytest.fixture(scope="module")
def mart() -> Iterator[Mart]:
    with tempfile.TemporaryDirectory() as folder, Mart(Path(folder), long_side=16) as mart:
        yield mart


@pytest.fixture(scope="module")
def parents(mart: Mart) -> dict[str, str]:
    single = mart.single(version="8.1")
    return {"GRID": mart.finished(version="8.1"), "SINGLE": single}


@given(op=st.sampled_from(sorted(PATHS)), body=BODIES | JSON)
@settings(max_examples=60, deadline=None)
def test_any_json_is_answered(mart: Mart, parents: dict[str, str], op: str, body: Any) -> None:
    """Accepted or refused, never an error of our own; what is accepted can be asked and drawn."""
    if isinstance(body, dict) and isinstance(body.get("task_id"), str):
        known = {**parents, "PAUSED": mart.get_task("inpaint", task_id=parents["SINGLE"])}
        body = {**body, "task_id": known.get(body["task_id"], body["task_id"])}
    url = f"{ORIGIN}/v1/midjourney/generations{f'/{op}' if op else ''}"

    answer = mart.request("POST", url, content=repr_json(body))

    assert answer.status_code in (200, 400, 404), answer.text
    if answer.status_code != 200:
        assert answer.json()["error"]["code"] == answer.status_code
        return
    task = task_id_of(answer)
    mart.wait(200)
    assert mart.told(task)["status"] in ("SUCCESS", "FAILURE", "MODAL")
    assert mart.unified(task)["id"] == task
    for link in mart.told(task).get("image_urls", []):
        assert mart.file(link)


@given(body=st.binary(max_size=300), kind=st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_upload_is_answered(mart: Mart, body: bytes, kind: str) -> None:
    """A form that is none is refused."""
    header = f"multipart/form-data; boundary={kind.encode('ascii', 'ignore').decode().strip()}"
    header = "".join(c for c in header if c.isprintable())
    headers = {"Content-Type": header, "Authorization": "Bearer k"}
    call = mart._client.post(f"{ORIGIN}/v1/uploads/images", content=body, headers=headers)

    answer = mart._runner.run(call)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
