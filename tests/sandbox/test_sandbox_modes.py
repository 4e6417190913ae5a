"""The seven modes: what each accepts, refuses, gives and offers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_kit import World

from reconciler.sandbox.faults import Fail, Fewer, Place, Stall

SOURCE = ["https://host.test/a.jpg"]
DRAFT = {"speed": "draft", "version": "7"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, requests_per_minute=None, concurrent=None) as world:
        yield world


def parents(world: World) -> dict[str, str]:
    """Return a finished task of each mode."""
    text = world.made()
    draft = world.made(**DRAFT)
    return {
        "text-to-image": text,
        "image-to-image": world.made("image-to-image", image_urls=SOURCE),
        "image-edit": world.made("image-edit", image_urls=SOURCE),
        "vary": world.made("vary", taskId=text, imageIndex=3, type=0),
        "upscale": world.made("upscale", taskId=text, imageIndex=0, type=3),
        "reroll": world.made("reroll", taskId=text),
        "enhance": world.made("enhance", taskId=draft, imageIndex=2),
        "draft": draft,
    }


def offered(world: World, task_id: str) -> list[str]:
    return [action["mode"] for action in world.status(task_id)["supported_actions"]]


def test_each_mode_offers_its_follow_ups(world: World) -> None:
    """The table of follow-ups; `enhance` only for drafts."""
    generated = ["reroll", "vary", "upscale", "image-edit"]

    found = {mode: offered(world, task_id) for mode, task_id in parents(world).items()}

    assert found == {
        "text-to-image": generated,
        "image-to-image": generated,
        "image-edit": ["image-edit", "upscale"],
        "vary": generated,
        "upscale": ["vary", "image-edit"],
        "reroll": generated,
        "enhance": ["vary", "upscale", "image-edit"],
        "draft": [*generated, "enhance"],
    }


def test_what_is_not_offered_is_refused(world: World) -> None:
    """A follow-up is accepted exactly when the parent's answer offers it."""
    for mode, task_id in parents(world).items():
        allowed = offered(world, task_id)
        for follow_up in ("reroll", "vary", "upscale", "enhance"):
            answer = world.submit(follow_up, taskId=task_id, imageIndex=0, type=0)
            assert answer.status_code == (200 if follow_up in allowed else 400), (mode, follow_up)


def test_pictures_per_mode(world: World) -> None:
    """Generations, edits and variations give four pictures, upscale and enhance one."""
    counts = {mode: len(world.links(task_id)) for mode, task_id in parents(world).items()}

    assert counts == {
        "text-to-image": 4, "image-to-image": 4, "image-edit": 4, "vary": 4, "reroll": 4,
        "draft": 4, "upscale": 1, "enhance": 1,
    }  # fmt: skip


def test_actions_list_their_options(world: World) -> None:
    """Indices are those of the delivered pictures; types those that exist; reroll has neither."""
    world.order(Place.SUBMIT, Fewer(2))
    actions = world.status(world.made())["supported_actions"]

    assert actions == [
        {"mode": "reroll"},
        {"mode": "vary", "imageIndex_options": [0, 1], "type_options": [0, 1]},
        {"mode": "upscale", "imageIndex_options": [0, 1], "type_options": [0, 1, 2, 3]},
        {"mode": "image-edit", "imageIndex_options": [0, 1]},
    ]


def test_a_reroll_of_a_draft_is_a_draft(world: World) -> None:
    """Same configuration: it costs, offers and can be enhanced like its source."""
    again = world.made("reroll", taskId=world.made(**DRAFT))
    twice = world.made("reroll", taskId=again)

    assert "enhance" in offered(world, twice)
    assert world.submit("enhance", taskId=twice, imageIndex=0).status_code == 200
    assert world.amounts()[:3] == [("charge", 100_000)] * 3


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"mode": "imagine"}, "Invalid mode type"),
        ({"mode": 7}, "Invalid mode type"),
        ({"mode": None}, "input.mode"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "   "}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "--ar 16:9 only flags"}, "prompt"),
        ({"prompt": "x" * 2001}, "too long"),
        ({"prompt": "🦉" * 1900}, "7500 bytes"),
        ({"speed": "draft"}, "version 7"),
        ({"speed": "draft", "version": "8.1"}, "version 7"),
        ({"speed": "draft", "version": "v7"}, "version 7"),
        ({"speed": "slow"}, "speed"),
        ({"speed": 1}, "speed"),
        ({"version": 7}, "version"),
        ({"aspect_ratio": "7:5"}, "aspect_ratio"),
        ({"aspect_ratio": "16x9"}, "aspect_ratio"),
        ({"stylization": "100"}, "stylization"),
        ({"iw": True}, "iw"),
        ({"is_hd": "yes"}, "is_hd"),
        ({"image_urls": "https://a.test/a.png"}, "image_urls"),
        ({"image_urls": SOURCE * 21}, "more than 20"),
        ({"image_urls": ["refs/a.png"]}, "image URL"),
        ({"image_urls": ["data:image/png;base64,AAAA"]}, "image URL"),
        ({"image_urls": ["http://[broken"]}, "image URL"),
        ({"image_urls": [5]}, "image URL"),
        ({"sref_urls": SOURCE}, "sref_urls"),
        ({"sref_urls": [{"weight": 2}]}, "sref_urls"),
        ({"sref_urls": [{"url": SOURCE[0], "weight": "2"}]}, "weight"),
        ({"mode": "image-to-image"}, "image-to-image needs"),
        ({"mode": "image-to-image", "image_urls": []}, "image-to-image needs"),
        ({"mode": "image-edit"}, "exactly one"),
        ({"mode": "image-edit", "image_urls": SOURCE * 2}, "exactly one"),
        ({"mode": "image-edit", "image_urls": SOURCE, **DRAFT}, "draft"),
        ({"mode": "image-edit", "image_urls": SOURCE, "prompt": " "}, "prompt"),
        ({"mode": "image-edit", "image_urls": SOURCE, "mask": []}, "mask"),
        ({"mode": "image-edit", "image_urls": SOURCE, "mask": {}}, "mask.areas"),
        ({"mode": "image-edit", "image_urls": SOURCE, "mask": {"areas": [1]}}, "mask.areas"),
        ({"mode": "image-edit", "image_urls": SOURCE,
          "mask": {"areas": [{"width": 9, "height": 9, "points": [0, 0, 1, 1]}]}}, "3 points"),
        ({"mode": "image-edit", "image_urls": SOURCE,
          "mask": {"areas": [{"width": 9, "height": 9, "points": [0, 0, 1, 1, "2", 2]}]}},
         "points"),
        ({"mode": "image-edit", "image_urls": SOURCE, "canvas": {"width": 0, "height": 9}},
         "canvas"),
        ({"mode": "image-edit", "image_urls": SOURCE, "imgPos": {"width": 9}}, "imgPos"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused(world: World, asked: dict[str, Any], words: str) -> None:
    """Every rule of the fact sheet is kept at submission, with HTTP 400 and no charge."""
    answer = world.submit(**asked)

    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert world.amounts() == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input.mode"),
        ({"request_type": "sync", "input": {"mode": "text-to-image"}}, "request_type"),
        ({"request_type": "callback", "input": {"mode": "text-to-image"}}, "callback_url"),
        ({"request_type": "callback", "callback_url": "ftp://x", "input": {}}, "callback_url"),
    ],
)
def test_a_wrong_body_is_refused(world: World, body: dict[str, Any], words: str) -> None:
    """What surrounds `input` has rules too."""
    answer = world.request("POST", "/generateTask/midjourney", json=body)

    assert answer.status_code == 400
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("mode", "asked", "status"),
    [
        ("vary", {"imageIndex": 0, "type": 2}, 400),
        ("vary", {"imageIndex": 0, "type": -1}, 400),
        ("vary", {"imageIndex": 0}, 400),
        ("vary", {"type": 0}, 400),
        ("vary", {"imageIndex": 4, "type": 0}, 400),
        ("vary", {"imageIndex": "0", "type": 0}, 400),
        ("vary", {"imageIndex": True, "type": 0}, 400),
        ("vary", {"imageIndex": 0, "type": 0, "remixPrompt": "--v 7"}, 400),
        ("vary", {"imageIndex": 0, "type": 0, "taskId": "task_unknown"}, 404),
        ("vary", {"imageIndex": 0, "type": 0, "taskId": ""}, 400),
        ("vary", {"imageIndex": 0, "type": 0, "taskId": 5}, 400),
        ("upscale", {"imageIndex": 0, "type": 4}, 400),
        ("upscale", {"imageIndex": -1, "type": 0}, 400),
        ("upscale", {"imageIndex": 0, "type": 0, "taskId": "task_unknown"}, 404),
        ("reroll", {"taskId": None}, 400),
        ("reroll", {"taskId": "task_unknown"}, 404),
        ("enhance", {"imageIndex": 0}, 400),
        ("enhance", {"imageIndex": 0, "taskId": "task_unknown"}, 404),
    ],
)
def test_a_wrong_follow_up_is_refused(
    world: World, mode: str, asked: dict[str, Any], status: int
) -> None:
    """Indices from 0 to 3, types in range, a parent that exists and fits."""
    parent = world.made()

    answer = world.submit(mode, **{"taskId": parent, **asked})

    assert answer.status_code == status
    assert len(world.amounts()) == 1


def test_a_picture_that_was_not_delivered_has_no_follow_up(world: World) -> None:
    """imageIndex counts the delivered pictures, not the usual four."""
    world.order(Place.SUBMIT, Fewer(2))
    parent = world.made()

    assert world.submit("upscale", taskId=parent, imageIndex=1, type=0).status_code == 200
    assert world.submit("upscale", taskId=parent, imageIndex=2, type=0).status_code == 400


def test_an_unfinished_or_failed_parent_is_refused(world: World) -> None:
    """A follow-up needs a result."""
    world.order(Place.SUBMIT, Stall())
    world.order(Place.SUBMIT, Fail("Task TimeOut"), after=1)

    for parent in (world.made(), world.made()):
        answer = world.submit("vary", taskId=parent, imageIndex=0, type=0)
        assert answer.status_code == 400
        assert "needs a successful one" in answer.json()["message"]


def test_relaxed_runs_as_fast(world: World) -> None:
    """`relaxed` and no speed at all are executed and billed as fast."""
    world.made(speed="relaxed")
    world.made()

    assert world.amounts() == [("charge", 200_000)] * 2


def test_flags_vanish_from_the_prompt(world: World) -> None:
    """From the first `--` on nothing is executed: the flag does not change the shape."""
    world.made(prompt="a fox --ar 16:9 --v 7")

    assert [task["prompt"] for task in world.sandbox.tasks()] == ["a fox"]


def test_unknown_and_legacy_keys_are_ignored(world: World) -> None:
    """Unknown input keys, wrong as they may be, change nothing and are not mentioned."""
    answer = world.submit(aspect="nonsense", chaos="x", stylize=None, weird={}, seed=-1)

    assert answer.status_code == 200


def test_a_remix_prompt_replaces_the_parents(world: World) -> None:
    """Follow-ups carry their parent's prompt, a variation may bring its own."""
    parent = world.made(prompt="a library")
    world.made("vary", taskId=parent, imageIndex=0, type=1, remixPrompt="at night")
    world.made("upscale", taskId=parent, imageIndex=0, type=0)

    prompts = [task["prompt"] for task in world.sandbox.tasks()]

    assert prompts == ["a library", "at night", "a library"]


def test_an_edit_of_an_expired_link_fails(world: World) -> None:
    """The service fetches the URL itself: a link of its own that is dead is an Upload error."""
    (link, *_) = world.links(world.made())
    alive = world.made("image-edit", image_urls=[link])
    world.wait(25 * 3600)
    dead = world.made("image-edit", image_urls=[link])

    assert world.status(alive)["state"] == "success"
    assert world.status(dead)["failCode"] == "Upload error"


def test_refusals_may_come_late(tmp_path: Path) -> None:
    """With `reject_late` a broken rule is accepted, fails, and is refunded; nonsense is 400."""
    with World(tmp_path, reject_late=True) as world:
        task_id = world.made(speed="draft")
        lost = world.made("upscale", taskId="task_unknown", imageIndex=0, type=0)

        assert world.status(task_id)["failCode"] == "MissingParameter"
        assert "version 7" in world.status(task_id)["failMsg"]
        assert world.status(lost)["state"] == "failed"
        assert world.balance() == 1000
        assert world.submit("imagine").status_code == 400
