"""Limits per key: submissions per minute, unfinished tasks at a time."""

from pathlib import Path

from sandbox_kit import World

from reconciler.sandbox.faults import Fail, Place, Stall


def test_submissions_per_minute_are_limited(tmp_path: Path) -> None:
    """The limit counts the last minute, per key; what it refuses is not charged."""
    with World(tmp_path, requests_per_minute=3, concurrent=None) as world:
        for _ in range(3):
            world.buy()
        refused = world.submit()
        assert (refused.status_code, refused.json()["code"]) == (429, 429)
        assert world.submit(key="other").status_code == 200

        world.wait(59.9)
        assert world.submit().status_code == 429
        world.wait(0.2)
        assert world.submit().status_code == 200
        assert len(world.sandbox.tasks()) == 5


def test_the_minute_runs_with_the_speed(tmp_path: Path) -> None:
    """At speed 60 the window is one second."""
    with World(tmp_path, requests_per_minute=1, speed=60.0) as world:
        world.buy()
        world.wait(0.9)
        assert world.submit().status_code == 429
        world.wait(0.2)
        assert world.submit().status_code == 200


def test_refused_submissions_count(tmp_path: Path) -> None:
    """A request that breaks a rule has used up its place in the minute."""
    with World(tmp_path, requests_per_minute=1) as world:
        assert world.submit(aspect_ratio="1:9").status_code == 400
        assert world.submit().status_code == 429


def test_status_and_balance_are_not_limited(tmp_path: Path) -> None:
    """Whether polls count is undocumented: here they do not."""
    with World(tmp_path, requests_per_minute=1) as world:
        task_id = world.buy()
        for _ in range(20):
            world.status(task_id)
            world.balance()


def test_status_and_balance_count_where_the_settings_say_so(tmp_path: Path) -> None:
    """Every request of a key takes its place in the minute, whatever it asks."""
    with World(tmp_path, requests_per_minute=3, polls_count=True) as world:
        task_id = world.buy()
        world.status(task_id)
        world.balance()
        refused = world.get("/statusTask/midjourney", params={"taskId": task_id})
        assert (refused.status_code, refused.json()["code"]) == (429, 429)
        assert world.submit().status_code == 429
        world.wait(60.1)
        world.status(task_id)


def test_unfinished_tasks_are_limited(tmp_path: Path) -> None:
    """A finished or failed task makes room, a stalled one never does."""
    with World(tmp_path, concurrent=3) as world:
        world.order(Place.SUBMIT, Stall())
        world.order(Place.SUBMIT, Fail("NSFW"), after=1)
        for _ in range(3):
            world.buy()
        assert world.submit().status_code == 429
        assert world.submit(key="other").status_code == 200

        world.wait()
        assert [world.submit().status_code for _ in range(3)] == [200, 200, 429]


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    """None switches a limit off."""
    with World(tmp_path, requests_per_minute=None, concurrent=None) as world:
        for _ in range(70):
            world.buy()
