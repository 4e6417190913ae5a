"""Money: what each task costs, when it comes back, and that the books always balance."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_kit import World

from reconciler.money import MicroUsd, usd
from reconciler.sandbox.faults import Fail, Place

SOURCE = ["https://host.test/a.jpg"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, requests_per_minute=None, concurrent=None) as world:
        yield world


@pytest.mark.parametrize(
    ("asked", "price"),
    [
        ({"version": "7", "speed": "draft"}, "0.10"),
        ({"speed": "fast"}, "0.20"),
        ({}, "0.20"),
        ({"speed": "relaxed"}, "0.20"),
        ({"speed": "turbo"}, "0.40"),
        ({"version": "8.1", "is_hd": True, "speed": "fast"}, "0.30"),
        ({"version": "8.1", "is_hd": True}, "0.30"),
        ({"version": "8.1", "is_hd": False}, "0.20"),
        ({"version": "8.1", "is_hd": True, "speed": "turbo"}, "0.40"),
        ({"version": "7", "is_hd": True}, "0.20"),
        ({"mode": "image-to-image", "sref_urls": [{"url": SOURCE[0], "weight": 2}]}, "0.20"),
        ({"mode": "image-to-image", "oref_urls": SOURCE, "speed": "turbo"}, "0.40"),
        ({"mode": "image-edit", "image_urls": SOURCE}, "0.30"),
        ({"mode": "image-edit", "image_urls": SOURCE, "speed": "relaxed"}, "0.30"),
        ({"mode": "image-edit", "image_urls": SOURCE, "speed": "turbo"}, "0.60"),
    ],
)
def test_direct_modes_cost_what_is_documented(
    world: World, asked: dict[str, Any], price: str
) -> None:
    """The price follows from mode, speed and HD, and is charged at acceptance."""
    world.buy(**asked)

    assert world.amounts() == [("charge", usd(price))]


@pytest.mark.parametrize("speed", ["draft", "fast", "turbo"])
def test_follow_ups_have_flat_prices(world: World, speed: str) -> None:
    """vary and upscale cost 0.30 whatever the source; a reroll costs what its source did."""
    parent = world.made(speed=speed, version="7")
    for mode in ("vary", "upscale", "reroll"):
        world.buy(mode, taskId=parent, imageIndex=0, type=1)

    source, vary, upscale, reroll = (amount for _, amount in world.amounts())
    assert (vary, upscale) == (300_000, 300_000)
    assert reroll == source


def test_enhance_costs_our_guess(world: World) -> None:
    """The price of enhance is undocumented; the sandbox charges 0.20."""
    draft = world.made(speed="draft", version="7")
    world.buy("enhance", taskId=draft, imageIndex=0)

    assert world.amounts()[-1] == ("charge", 200_000)


def test_a_failed_task_is_refunded_when_it_fails(world: World) -> None:
    """Not before, exactly once, and in full."""
    world.order(Place.SUBMIT, Fail("NSFW"))
    world.buy(speed="turbo")
    assert world.balance() == 999.6

    world.wait()
    assert world.balance() == 1000
    assert world.balance() == 1000
    assert world.amounts() == [("charge", 400_000), ("refund", 400_000)]


def test_the_balance_is_a_bare_number(world: World) -> None:
    """`data` is what the key has left, in USD."""
    world.buy()

    answer = world.get("/apikeys/current-balance").json()

    assert answer == {"code": 200, "message": "success", "data": 999.8}


def test_accounts_are_separate(world: World) -> None:
    """Each key has its own opening balance."""
    world.buy(key="one")

    assert (world.balance("one"), world.balance("two")) == (999.8, 1000)


def test_a_charge_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """402, nothing recorded, until a refund makes room."""
    with World(tmp_path, balance=MicroUsd(300_000)) as world:
        world.order(Place.SUBMIT, Fail("NSFW"))
        world.buy()
        refused = world.submit()
        assert (refused.status_code, refused.json()["code"]) == (402, 402)
        assert len(world.sandbox.tasks()) == 1

        world.wait()
        assert world.submit().status_code == 200


def test_the_ledger_is_open_to_read(world: World) -> None:
    """Each entry names the task, its mode and prompt, and never the key."""
    task_id = world.buy(prompt="p" * 500, key="very-secret-key")

    answer = world.get("http://sandbox.test/sandbox/ledger", key=None)

    book = answer.json()
    assert (book["charged"], book["refunded"]) == (200_000, 0)
    (entry,) = book["entries"]
    assert list(entry) == [
        "seq", "at", "vendor", "account", "task_id", "kind", "amount", "mode", "prompt", "reason",
    ]  # fmt: skip
    assert (entry["task_id"], entry["kind"], entry["amount"]) == (task_id, "charge", 200_000)
    assert (entry["mode"], entry["prompt"]) == ("text-to-image", "p" * 80)
    assert "very-secret-key" not in answer.text


def test_the_key_is_in_no_file(world: World, tmp_path: Path) -> None:
    """What is on disk never holds a key."""
    world.buy(key="very-secret-key")
    world.request("GET", "http://sandbox.test/files/x/1.png", key="very-secret-key")

    assert all(b"very-secret-key" not in file.read_bytes() for file in tmp_path.iterdir())


def test_several_sandboxes_share_one_database(tmp_path: Path) -> None:
    """Opening, buying and settling at the same time lose nothing."""

    def shop(_: int) -> None:
        with World(tmp_path, requests_per_minute=None, concurrent=None) as world:
            for _ in range(5):
                world.buy(prompt="an owl [sandbox: NSFW]")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(shop, range(4)))
    with World(tmp_path) as world:
        assert world.balance() == 996
        world.wait()
        assert world.balance() == 1000
        assert len(world.amounts()) == 40


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.sampled_from(["buy", "fail", "wait", "broke", "bad"]), max_size=12))
def test_the_books_balance(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    """Opening minus charges plus refunds is the balance, and every task was charged once."""
    folder = tmp_path_factory.mktemp("books")
    with World(folder, balance=usd(2), requests_per_minute=None, concurrent=None) as world:
        for step in steps:
            match step:
                case "buy":
                    world.submit()
                case "fail":
                    world.submit(prompt="[sandbox: NSFW]", speed="turbo")
                case "wait":
                    world.wait()
                case "broke":
                    world.submit("image-edit", image_urls=SOURCE, speed="turbo")
                case "bad":
                    world.submit(aspect_ratio="1:9")
        world.wait()
        total = {"charge": 0, "refund": 0}
        for kind, amount in world.amounts():
            total[kind] += amount
        charged = [entry.task_id for entry in world.sandbox.ledger() if entry.kind == "charge"]
        assert world.balance() == (2_000_000 - total["charge"] + total["refund"]) / 1_000_000 >= 0
        assert charged == [task["task_id"] for task in world.sandbox.tasks()]
