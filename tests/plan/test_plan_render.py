"""A plan as text, as JSON, as a tally and as an exit code: readers of one value."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from plan_stories import plan_of

from reconciler.errors import ExitCode
from reconciler.ids import Address
from reconciler.money import MicroUsd
from reconciler.plan import render
from reconciler.plan.actions import Action, Plan, Reason, Tally, Verb, settled_exit_code
from reconciler.plan.render import Tone

STORY: dict[str, Any] = {
    "wanted": {
        "library": {"imagine": "a loud library", "speed": "fast", "pick": 2},
        "library.hero": {"upscale": "subtle", "from": "library", "take": 2},
        "draft": {"imagine": "a draft", "version": "7", "draft": True, "pick": 1},
        "draft.full": {"enhance": {}, "from": "draft"},
        "lamp": {"edit": "add a lamp", "speed": "fast", "source": "https://pictures.example/a"},
        "poster": {"imagine": "a poster"},
        "banner": {"imagine": "a banner"},
        "chosen": {"imagine": "a choice"},
        "chosen.hero": {"upscale": "2x", "from": "chosen"},
        "new_name": {"imagine": "renamed"},
    },
    "owned": {
        "library": {"imagine": "a quiet library"},
        "poster": {"phase": "in_doubt", "price": "0.20"},
        "banner": {"phase": "submitted"},
        "chosen": {},
        "old_name": {"imagine": "renamed"},
        "gone": {"imagine": "something else"},
    },
}


def plan_with(verbs: Iterable[Verb]) -> Plan:
    return Plan(tuple(Action(Address(verb), verb, Reason.IN_SYNC) for verb in verbs), in_sync=0)


def test_json_survives_json() -> None:
    """Whoever reads it gets what the plan holds."""
    content = render.as_json(plan_of(STORY))

    assert json.loads(json.dumps(content)) == content


def test_json_head() -> None:
    """The plan's own fields, tally and exit code."""
    content = render.as_json(plan_of(STORY))

    assert set(content) == {"format_version", "actions", "in_sync", "tally", "exit_code"}
    assert (content["format_version"], content["in_sync"], content["exit_code"]) == (1, 1, 7)
    assert content["tally"] == {
        "tasks": 5,
        "pictures": 10,
        "clips": 0,
        "texts": 0,
        "tasks_without_documented_picture_count": 1,
        "price_micro_usd": 900_000,
        "tasks_without_known_price": 1,
        "by_verb": {"buy": 5, "wait": 1, "move": 1, "prune": 1, "pick": 1, "resolve": 1},
    }


def test_json_of_a_purchase() -> None:
    """A `buy` says what, why, from what, where it is written, and what it changes."""
    actions = {one["address"]: one for one in render.as_json(plan_of(STORY))["actions"]}

    library = actions["library"]
    fingerprint = library.pop("fingerprint")
    assert len(fingerprint) == 64
    assert library == {
        "address": "library",
        "verb": "buy",
        "reason": "request_changed",
        "reason_text": "request changed",
        "note": None,
        "price_micro_usd": 200_000,
        "units": 1,
        "pictures": 4,
        "clips": 0,
        "texts": 0,
        "provider": "apixo",
        "operation": "imagine",
        "request": {"operation": "imagine", "prompt": "a loud library", "speed": "fast"},
        "take": 1,
        "source": None,
        "task_id": None,
        "moved_from": None,
        "spec": {"file": "specs/story.yaml", "path": ["images", "library"]},
        "changes": [{"field": "prompt", "old": "a quiet library", "new": "a loud library"}],
    }
    hero, full = actions["library.hero"], actions["draft.full"]
    assert (hero["source"], hero["take"]) == ({"address": "library", "candidate": 2}, 2)
    assert (full["price_micro_usd"], full["pictures"], full["changes"]) == (None, 1, [])


def test_json_of_what_is_no_purchase() -> None:
    """Tasks in flight have their id, a moved address its old name, a pruned one no request."""
    actions = {one["address"]: one for one in render.as_json(plan_of(STORY))["actions"]}

    assert actions["banner"]["task_id"] == "task_banner"
    assert actions["new_name"]["moved_from"] == "old_name"
    assert (actions["poster"]["verb"], actions["poster"]["price_micro_usd"]) == ("resolve", 200_000)
    assert (actions["gone"]["request"], actions["gone"]["spec"]) == (None, None)


def test_tally() -> None:
    """Unknown prices and unknown numbers of pictures are counted, not guessed."""
    assert plan_of(STORY).tally() == Tally(
        tasks=5,
        pictures=10,
        clips=0,
        texts=0,
        price=MicroUsd(900_000),
        unpriced=1,
        uncounted=1,
        by_verb={
            **dict.fromkeys(Verb, 0),
            Verb.BUY: 5,
            Verb.WAIT: 1,
            Verb.MOVE: 1,
            Verb.PRUNE: 1,
            Verb.PICK: 1,
            Verb.RESOLVE: 1,
        },
    )


MANY = {
    "providers": ["apimart"],
    "wanted": {
        "library": {"imagine": "a library", "pick": 1, "provider": "apimart"},
        "library.waves": {"video": {}, "batch": 4, "from": "library", "provider": "apimart"},
        "library.words": {"describe": {}, "from": "library", "provider": "apimart"},
        "library.left": {"pan": "left", "from": "library", "provider": "apimart"},
    },
    "owned": {"library": {}},
}


def test_json_of_what_is_paid_several_times() -> None:
    """The price is for all clips; clips and texts are no pictures."""
    content = render.as_json(plan_of(MANY))
    waves, words = content["actions"][:2]

    assert (waves["units"], waves["clips"], waves["pictures"]) == (4, 4, 0)
    assert waves["price_micro_usd"] == 4 * 200_000
    assert (words["units"], words["texts"], words["pictures"]) == (1, 1, 0)
    assert (content["tally"]["clips"], content["tally"]["texts"]) == (4, 1)


def test_json_of_what_is_needed_first() -> None:
    """The step has its own line, price and address; its follow-up names it as its source."""
    actions = {one["address"]: one for one in render.as_json(plan_of(MANY))["actions"]}
    step, left = actions["library.@1"], actions["library.left"]

    assert step["request"] == {"operation": "single", "at_provider": True}
    assert step["reason"] == "prerequisite"
    assert step["source"] == {"address": "library", "candidate": 1}
    assert left["source"] == {"address": "library.@1", "candidate": 1}
    assert step["spec"] == left["spec"]


def test_work() -> None:
    """What apply does; what a person must do is no work."""
    plan = plan_with(Verb)

    assert {one.verb for one in plan.work()} == set(Verb) - {
        Verb.PICK,
        Verb.RESOLVE,
        Verb.BLOCKED,
        Verb.KEEP,
    }


PRESSING = (
    ({Verb.RESOLVE}, ExitCode.IN_DOUBT),
    ({Verb.BUY}, ExitCode.PAID_PENDING),
    ({Verb.WAIT}, ExitCode.FREE_PENDING),
    ({Verb.BLOCKED}, ExitCode.FAILURES),
    ({Verb.PICK}, ExitCode.PICK_PENDING),
    ({Verb.KEEP}, ExitCode.OK),
)


@pytest.mark.parametrize("position", range(len(PRESSING)))
def test_exit_code(position: int) -> None:
    """The most pressing thing decides, whatever else is left to do."""
    verbs = set().union(*(verbs for verbs, _ in PRESSING[position:]))

    assert plan_with(verbs).exit_code() is PRESSING[position][1]


@pytest.mark.parametrize(
    "verb", [Verb.WAIT, Verb.FETCH, Verb.DERIVE, Verb.VIEW, Verb.ADOPT, Verb.MOVE, Verb.PRUNE]
)
def test_exit_code_of_free_work(verb: Verb) -> None:
    """Every verb that costs nothing and needs nobody is free work."""
    assert plan_with([verb]).exit_code() is ExitCode.FREE_PENDING


def test_exit_code_of_an_empty_plan() -> None:
    """Nothing to do is success."""
    assert plan_with([]).exit_code() is ExitCode.OK
    assert settled_exit_code(set()) is ExitCode.OK


def test_paint() -> None:
    """Colours are the caller's; each piece says what it means."""
    tones: list[tuple[Tone, str]] = []

    def paint(text: str, tone: Tone) -> str:
        tones.append((tone, text.strip()))
        return text

    painted = list(render.lines(plan_of(STORY), verbose=True, paint=paint))

    assert painted == list(render.lines(plan_of(STORY), verbose=True))
    assert {(tone, text) for tone, text in tones if tone is not Tone.FAINT} >= {
        (Tone.SPEND, "buy"),
        (Tone.FREE, "wait"),
        (Tone.PERSON, "pick"),
        (Tone.TROUBLE, "resolve"),
        (Tone.REMOVED, "[-quiet-]"),
        (Tone.ADDED, "{+loud+}"),
    }


def test_every_action_has_a_line_that_ends_with_its_reason() -> None:
    """One line each, without trailing space, before the empty line and the tally."""
    plan = plan_of(STORY)
    shown = list(render.lines(plan))

    assert len(shown) == len(plan.actions) + 2
    for line, action in zip(shown, plan.actions, strict=False):
        assert line.rstrip() == line
        assert action.address in line
        assert action.reason.value in line
