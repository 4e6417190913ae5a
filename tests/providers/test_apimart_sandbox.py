"""The adapter against the embedded APIMart: every operation, from its order to its result."""

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from PIL import Image
from provider_talk import APIMART

from reconciler.ids import CandidateNumber, Digest, IntentId, TaskId
from reconciler.money import MicroUsd
from reconciler.policy import FailureKind
from reconciler.providers.protocol import (
    Attachment,
    Awaiting,
    Exchange,
    Finished,
    HttpAnswer,
    HttpCall,
    Lineage,
    Order,
    ParentTask,
    Running,
    TaskState,
    Unknown,
    Uploaded,
)
from reconciler.purchase import Accepted, Refused, TaskFailed
from reconciler.sandbox import ApimartSettings, Sandbox, SandboxSettings
from reconciler.sandbox.ledger import EntryKind
from reconciler.spec.request import (
    Blend,
    Describe,
    Direction,
    Edit,
    Imagine,
    Inpaint,
    Motion,
    Pan,
    Reference,
    Remix,
    Request,
    Reroll,
    Resolution,
    Single,
    Speed,
    Strength,
    Upscale,
    Upscaler,
    Vary,
    Video,
    Zoom,
    ZoomOut,
    is_local,
    operation_of,
)

T = TypeVar("T")
HOUR = 3600.0
USUAL = ApimartSettings()
OTHERWISE = ApimartSettings(
    envelope="proxy",
    accepted_code=1,
    inpaint_answer="flat",
    poll_answer="wrapped",
    prompt_name="prompt_en",
    moderation="24",
    quota_per_usd=None,
    has_cost=True,
)
"""Every other form that APIMart's documents give its answers."""


class Vendor:
    """A sandbox with a clock that a test turns, and the adapter as its client."""

    def __init__(self, folder: Path, own: ApimartSettings = USUAL) -> None:
        self.now = 1_000_000_000.0
        settings = SandboxSettings(
            folder / "sandbox.db", long_side=64, clock=lambda: self.now, apimart=own
        )
        self.sandbox = Sandbox(settings)
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.sandbox.app),
            base_url="http://sandbox.test",
            headers={"Authorization": "Bearer k"},
        )

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()
        self.sandbox.close()

    def talk(self, exchange: Exchange[T]) -> T:
        """Carry a conversation to its end."""
        try:
            call = next(exchange)
            while True:
                call = exchange.send(self.send(call))
        except StopIteration as ended:
            result: T = ended.value
            return result

    def send(self, call: HttpCall) -> HttpAnswer:
        files = {}
        if call.file is not None:
            name, one = call.file
            files = {name: (one.name, one.content, one.media_type)}
        request = self._client.request(
            call.method, call.path, params=call.query, json=call.body, files=files or None
        )
        got = self._runner.run(request)
        return HttpAnswer(got.status_code, got.content)

    def fetch(self, url: str) -> httpx.Response:
        return self._runner.run(self._client.get(url, headers={"Authorization": ""}))

    def buy(self, request: Request, *lineage: Request, parent: ParentTask | None = None) -> TaskId:
        """Submit what the rules have nothing against; it must be accepted."""
        assert list(APIMART.issues(request, lineage)) == []
        verdict = self.talk(APIMART.submit(self.order(request, lineage, parent)))
        assert isinstance(verdict, Accepted), verdict
        return verdict.task_id

    def order(self, request: Request, lineage: Lineage, parent: ParentTask | None) -> Order:
        links = {Digest("a" * 64): self.upload()} if "sha256" in repr(request) else {}
        return Order(request, parent, lineage, links, IntentId("intent-1"))

    def upload(self) -> str:
        picture = BytesIO()
        Image.new("RGB", (64, 64), "white").save(picture, "PNG")
        attachment = Attachment("mask.png", "image/png", picture.getvalue())
        verdict = self.talk(APIMART.upload(attachment))
        assert isinstance(verdict, Uploaded), verdict
        return verdict.url

    def look(self, task_id: TaskId, later: float = 0.0) -> TaskState:
        self.now += later
        return self.talk(APIMART.poll(task_id))

    def delivered(self, task_id: TaskId) -> Finished:
        state = self.look(task_id, 600)
        assert isinstance(state, Finished), state
        return state

    def parent(self, request: Request, *lineage: Request, candidate: int = 2) -> ParentTask:
        """Buy, wait, and return where a follow-up starts."""
        task_id = self.buy(request, *lineage)
        return self.start(task_id, candidate)

    def start(self, task_id: TaskId, candidate: int) -> ParentTask:
        done = self.delivered(task_id)
        url = done.urls[candidate - 1]
        assert url is not None
        return ParentTask(task_id, CandidateNumber(candidate), url, done.report.handle)


@pytest.fixture
def otherwise(tmp_path: Path) -> Iterator[Vendor]:
    """The same vendor, in every other form of its answers."""
    made = Vendor(tmp_path, OTHERWISE)
    yield made
    made.close()


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    made = Vendor(tmp_path)
    yield made
    made.close()


PICTURE = Reference("https://pictures.example/a.jpg")
LOCAL = Reference(f"sha256:{'a' * 64}")
EIGHT = Imagine("brass owl on a shelf", version="8.1", aspect_ratio="3:2")
ROOTS: dict[str, tuple[Request, int]] = {
    "imagine": (EIGHT, 4),
    "imagine, structured": (
        Imagine(
            "brass owl",
            negative="text",
            version="6.1",
            speed=Speed.TURBO,
            quality="0.5",
            stylize=200,
            chaos=5,
            weird=30,
            raw=True,
            tile=True,
            seed=7,
            stop=80,
            image_refs=(PICTURE, LOCAL),
            image_weight=1.4,
            style_refs=(PICTURE,),
            style_weight=300,
            character_refs=(PICTURE,),
            character_weight=50,
            depth_refs=(PICTURE,),
            depth_weight=12.5,
            extra="soft light",
        ),
        4,
    ),
    "niji": (Imagine("brass owl", version="7", niji=True, speed=Speed.FAST), 4),
    "draft": (Imagine("brass owl", version="7", draft=True), 4),
    "hd": (Imagine("brass owl", version="8.2", hd=True), 4),
    "blend": (Blend((PICTURE, LOCAL), "2:3"), 4),
    "blend of a size": (Blend((PICTURE, LOCAL), "21:9", Speed.FAST), 4),
    "video": (Video("waves", LOCAL, PICTURE, Resolution.HIGH, Motion.LOW, batch=2), 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOTS)
def test_root(name: str, vendor: Vendor) -> None:
    """It is accepted, runs, and delivers; what was charged is what the plan said."""
    request, count = ROOTS[name]

    done = vendor.delivered(vendor.buy(request))

    assert len(done.urls) == count
    assert all(vendor.fetch(url or "").status_code == 200 for url in done.urls)
    assert charged(vendor) == price(request, ())


def test_edit(vendor: Vendor) -> None:
    """Of a picture of ours."""
    done = vendor.delivered(vendor.buy(Edit("winter", LOCAL, version="8.1", speed=Speed.FAST)))
    assert 1 <= len(done.urls) <= 4


def test_describe(vendor: Vendor) -> None:
    """What comes is a text that the link itself holds."""
    (link,) = vendor.delivered(vendor.buy(Describe(LOCAL))).urls

    assert link is not None
    words = base64.b64decode(link.partition("base64,")[2]).decode()
    assert len(words.splitlines()) == 4


FOLLOW_UPS: list[tuple[Request, Request]] = [
    (Vary(Strength.SUBTLE), EIGHT),
    (Upscale(Upscaler.SUBTLE), EIGHT),
    (Upscale(Upscaler.CREATIVE), EIGHT),
    (Upscale(Upscaler.DOUBLE), replace(EIGHT, version="5.2")),
    (Upscale(Upscaler.QUADRUPLE), replace(EIGHT, version="5.2")),
    (Single(at_provider=True), EIGHT),
    (Reroll(), EIGHT),
    (Remix(Strength.STRONG, "as an etching"), EIGHT),
    (Remix(Strength.SUBTLE), replace(EIGHT, version="8.2")),
    (Edit("winter"), EIGHT),
    (Describe(), EIGHT),
    (Video(), EIGHT),
    (Video("waves", resolution=Resolution.HIGH, auto=True, batch=2), EIGHT),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_", "root"), FOLLOW_UPS, ids=lambda one: operation_of(one) if one != EIGHT else ""
)
def test_follow_up(request_: Request, root: Request, vendor: Vendor) -> None:
    """From one candidate of an image, at the price that was planned."""
    parent = vendor.parent(root, candidate=3)
    before = charged(vendor)

    done = vendor.delivered(vendor.buy(request_, root, parent=parent))

    assert done.urls
    assert all(done.urls)
    assert charged(vendor) - before == price(request_, (root,))


SINGLES: list[Request] = [
    Vary(Strength.STRONG),
    Zoom(ZoomOut.HALF),
    Zoom(ZoomOut.DOUBLE),
    Pan(Direction.LEFT),
    Pan(Direction.DOWN),
]


@pytest.mark.slow
@pytest.mark.parametrize("request_", SINGLES, ids=operation_of)
def test_follow_up_of_a_single_picture(request_: Request, vendor: Vendor) -> None:
    """The prerequisite is bought first; without it the vendor refuses, and charges nothing."""
    grid, single = vendor.parent(EIGHT, candidate=4), APIMART.prerequisite(request_, (EIGHT,))
    assert single is not None
    refused = vendor.talk(APIMART.submit(Order(request_, grid, (EIGHT,))))
    cut = vendor.start(vendor.buy(single, EIGHT, parent=grid), 1)

    done = vendor.delivered(vendor.buy(request_, single, EIGHT, parent=cut))

    assert done.urls
    assert isinstance(refused, Refused) or operation_of(request_) == "vary"


def test_inpaint(vendor: Vendor) -> None:
    """Two steps, one task, one price; the second brings the mask."""
    assert_inpaints(vendor)


def test_inpaint_in_other_words(otherwise: Vendor) -> None:
    """Flat answers, wrapped answers, code 1 and the second envelope change nothing."""
    assert_inpaints(otherwise)


def assert_inpaints(vendor: Vendor) -> None:
    grid, single = vendor.parent(EIGHT), Single(at_provider=True)
    cut = vendor.start(vendor.buy(single, EIGHT, parent=grid), 1)
    request, lineage = Inpaint(LOCAL, "a blue door"), (single, EIGHT)
    before = charged(vendor)

    task_id = vendor.buy(request, *lineage, parent=cut)
    waiting = vendor.look(task_id, 5)
    going_on = vendor.talk(APIMART.go_on(task_id, vendor.order(request, lineage, cut)))
    done = vendor.delivered(task_id)

    assert isinstance(waiting, Awaiting)
    assert going_on == Accepted(task_id)
    assert len(done.urls) == 4
    assert charged(vendor) - before == price(request, lineage)


def test_inpaint_that_is_left_alone(vendor: Vendor) -> None:
    """After 30 minutes it is cancelled and refunded, and its second step is refused."""
    grid, single = vendor.parent(EIGHT), Single(at_provider=True)
    cut = vendor.start(vendor.buy(single, EIGHT, parent=grid), 1)
    request, before = Inpaint(LOCAL), charged(vendor)

    task_id = vendor.buy(request, single, EIGHT, parent=cut)
    end = vendor.look(task_id, HOUR)
    late = vendor.talk(APIMART.go_on(task_id, vendor.order(request, (single, EIGHT), cut)))

    assert isinstance(end, TaskFailed)
    assert (end.failure.kind, end.charged) == (FailureKind.TIMED_OUT, 0)
    assert isinstance(late, Refused)
    assert charged(vendor) == before


def test_describe_in_other_words(otherwise: Vendor) -> None:
    """Only `prompt_en`, and the price that it cost."""
    done = otherwise.delivered(otherwise.buy(Describe(PICTURE)))

    assert len(done.urls) == 1
    assert done.charged == price(Describe(PICTURE), ())


def test_refusals_in_other_words(otherwise: Vendor) -> None:
    """The proxy's codes say the same as the statuses: no such parent, no grid to zoom into."""
    grid = otherwise.parent(EIGHT)
    gone = replace(grid, task_id=TaskId("task_nobody"))
    orders = (Order(Vary(Strength.SUBTLE), gone), Order(Zoom(ZoomOut.DOUBLE), grid))
    kinds = [FailureKind.EXPIRED, FailureKind.BAD_REQUEST]

    verdicts = [otherwise.talk(APIMART.submit(order)) for order in orders]

    assert [one.failure.kind for one in verdicts if isinstance(one, Refused)] == kinds
    assert isinstance(otherwise.look(gone.task_id), Unknown)


def test_progress(vendor: Vendor) -> None:
    """Before it is done it says how far it is."""
    state = vendor.look(vendor.buy(EIGHT), 20)

    assert isinstance(state, Running)
    assert state.progress is not None
    assert 0 < state.progress < 100


def test_a_forgotten_task(vendor: Vendor) -> None:
    """After three days nobody knows it, and nothing can follow it."""
    parent = vendor.parent(EIGHT)

    assert isinstance(vendor.look(parent.task_id, 4 * 24 * HOUR), Unknown)
    verdict = vendor.talk(APIMART.submit(Order(Vary(Strength.SUBTLE), parent, (EIGHT,))))
    assert isinstance(verdict, Refused)
    assert verdict.failure.kind is FailureKind.EXPIRED


def test_balance(vendor: Vendor) -> None:
    """What a task takes is missing afterwards."""
    before = vendor.talk(APIMART.balance())
    vendor.buy(EIGHT)
    after = vendor.talk(APIMART.balance())

    assert isinstance(before, int)
    assert isinstance(after, int)
    assert before - after == price(EIGHT, ())


def price(request: Request, lineage: Lineage) -> MicroUsd:
    """Return what the plan would say."""
    key = APIMART.price_key(request, tuple(one for one in lineage if not is_local(one)))
    row = APIMART.can.prices.rows[key]
    assert row is not None
    return MicroUsd(row * APIMART.units(request))


def charged(vendor: Vendor) -> int:
    """Return what the vendor took, less what it gave back."""
    return sum(
        one.amount if one.kind is EntryKind.CHARGE else -one.amount
        for one in vendor.sandbox.ledger()
    )
