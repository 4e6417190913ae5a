"""A person at a terminal: asked before money is spent, shown what happens, left with it clean."""

import re
import time

import pytest
from e2e_kit import KEY_NAME, LIBRARY, Project, Shop, uncoloured

pytest_plugins = ["e2e_fixtures"]
pytestmark = pytest.mark.slow

LEAVES_WITHIN_S = 2.0
QUESTION = "Spend $0.80? [y/N]: "


def test_yes_buys_with_a_live_screen(project: Project, shop: Shop) -> None:
    """The plan, the question, rows with stages and money, a line for each picture, the sum."""
    shop.faults({"where": "submit", "action": "stall", "seconds": 1, "times": 3})
    terminal = project.terminal("apply")
    terminal.until(QUESTION)
    assert shop.requests()["submit"] == 0
    terminal.type("y\n")
    terminal.until("0 done, 1 active; $0.20 of $0.80; Ctrl-C stops, nothing in flight is lost")
    terminal.until("2 active; $0.80 of $0.80")
    assert terminal.end() == 0
    shown = uncoloured(terminal.seen)
    assert shown.index("✓ library ") < shown.index("✓ library.")
    assert "Applied: 3 bought for $0.80." in shown
    assert "(usually 30-45 s)" in shown
    assert "\x1b[" in terminal.seen
    assert len(shop.charges()) == 3


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"])
def test_anything_but_yes_buys_nothing(project: Project, shop: Shop, answer: str) -> None:
    """`n`, Return alone and end of input buy nothing and send nothing."""
    terminal = project.terminal("apply")
    terminal.until(QUESTION)
    terminal.type(answer)
    assert terminal.end() != 0
    assert "bought for" not in terminal.seen
    if answer == "n\n":
        assert "Nothing was bought." in terminal.seen
    assert shop.requests() == dict.fromkeys(shop.requests(), 0)
    project("plan", "--detailed-exitcode").exits(2)


def test_ctrl_c_at_the_question(project: Project, shop: Shop) -> None:
    """Leaves with 130, and says so on a line of its own."""
    terminal = project.terminal("apply")
    terminal.until(QUESTION)
    terminal.interrupt()
    assert terminal.end() == 130
    asked, _, answer = uncoloured(terminal.seen).partition(QUESTION)
    assert asked
    assert answer.replace("^C", "") == "\r\ninterrupted\r\n"
    assert shop.requests()["submit"] == 0


def test_ctrl_c_on_the_live_screen(project: Project, shop: Shop) -> None:
    """The key itself, not a signal from outside: quick, the terminal clean, nothing lost."""
    shop.faults({"where": "submit", "action": "stall", "seconds": 2})
    terminal = project.terminal("apply", "--yes")
    terminal.until("1 active; $0.20 of $0.80")
    asked = time.monotonic()
    terminal.type("\x03")
    assert terminal.end() == 130
    assert time.monotonic() - asked < LEAVES_WITHIN_S
    assert "The next apply brings them home." in terminal.seen
    project("apply", "--yes").exits(0)
    assert len(shop.charges()) == 3


def test_without_a_terminal_yes_is_needed(project: Project, shop: Shop) -> None:
    """Refused with a message, exit 1, nothing sent; the same with --json."""
    refused = project("apply").exits(1)
    assert refused.err == (
        "error: this would spend $0.80, and there is no terminal to ask on\n"
        "  nothing was sent\n"
        "\nhint: look at `reconcile plan`, then say `reconcile apply --yes`\n"
    )
    piped = project("apply", answer="y\n").exits(1)
    assert piped.err == refused.err
    assert project("apply", "--json").fails(1).err == refused.err
    assert shop.requests() == dict.fromkeys(shop.requests(), 0)


@pytest.mark.slow
def test_the_sandbox_asks_nobody(folder: Project) -> None:
    """Its money is not real: `apply` after `init` just runs, in a terminal too."""
    folder("init").exits(0)
    terminal = folder.terminal("apply")
    assert terminal.end() == 0
    terminal.close()
    folder.terminals.clear()
    assert "Spend" not in terminal.seen
    assert "Applied: 2 bought for $0.50." in uncoloured(terminal.seen)


@pytest.mark.slow
def test_no_color(project: Project, shop: Shop) -> None:
    """NO_COLOR, and a pipe, take every colour away; a terminal without it has some."""
    coloured = project.terminal("plan")
    assert coloured.end() == 0
    assert "\x1b[" in coloured.seen
    plain = project.terminal("plan", NO_COLOR="1")
    assert plain.end() == 0
    assert "\x1b[" not in plain.seen
    project.spec(LIBRARY.replace("prompt: the", "prompts: the"))
    wrong = project.terminal("plan", NO_COLOR="1")
    assert wrong.end() == 1
    assert "\x1b[" not in wrong.seen
    assert "\x1b[" not in project("plan").err
    project.spec(LIBRARY)
    live = project.terminal("apply", "--yes", NO_COLOR="1")
    assert live.end() == 0
    assert not re.search(r"\x1b\[(\d+;)*[349]\d", live.seen)
    assert len(shop.charges()) == 3


def test_a_missing_key_is_told_before_anybody_is_asked(project: Project, shop: Shop) -> None:
    """The variable's name, what to type, and that nothing was sent; no question before."""
    del project.env[KEY_NAME]
    project("plan").exits(0)
    terminal = project.terminal("apply")
    assert terminal.end() == 1
    assert "Spend" not in terminal.seen
    refused = project("apply", "--yes").exits(1)
    assert refused.err == (
        f"error: {KEY_NAME} is not set: provider `apixo` needs its API key\n"
        "  nothing was sent\n"
        f"\nhint: export {KEY_NAME}=..., or rehearse without a key: `reconcile apply --sandbox`\n"
    )
    assert shop.requests()["submit"] == 0
