"""Which provider a purchase goes to, where there are several."""

from typing import Any

import pytest
from plan_stories import plan_of

HERO = {"upscale": "subtle", "from": "library", "provider": "other"}
ELSEWHERE = {"imagine": "a library", "pick": 1, "provider": "other"}
HERE = ELSEWHERE | {"provider": "apixo"}
REFUSED = {"phase": "rejected", "provider": "apixo", "failure": ["provider", "503", "down"]}
STORIES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = {
    "as the spec says": (
        {"library": ELSEWHERE, "library.hero": HERO},
        {},
        {"library": "other", "library.hero": "other"},
    ),
    "a follow-up goes to whoever made its parent": (
        {"library": ELSEWHERE, "library.hero": HERO},
        {"library": {"provider": "apixo"}},
        {"library.hero": "apixo"},
    ),
    "even if the parent is still on its way": (
        {"library": ELSEWHERE, "library.hero": HERO},
        {"library": {"provider": "apixo", "phase": "submitted"}},
        {"library": "apixo", "library.hero": "apixo"},
    ),
    "or is bought under another name": (
        {"first": HERE, "library": ELSEWHERE, "library.hero": HERO},
        {},
        {"first": "apixo", "library": "apixo", "library.hero": "apixo"},
    ),
    "a refused purchase goes where the spec says now": (
        {"library": ELSEWHERE, "library.hero": HERO},
        {"library": REFUSED},
        {"library": "other", "library.hero": "other"},
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_provider(name: str) -> None:
    """A task id means something to one provider only, so a family stays together."""
    wanted, owned, expected = STORIES[name]
    plan = plan_of({"providers": ["apixo", "other"], "wanted": wanted, "owned": owned})

    assert {action.address: action.provider for action in plan.actions} == expected
