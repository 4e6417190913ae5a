"""How things are printed: colours for tones, JSON for programs."""

import json
from typing import Any

import click

from reconciler.plan.render import Tone

_COLOURS: dict[Tone, dict[str, Any]] = {
    Tone.SPEND: {"fg": "green", "bold": True},
    Tone.FREE: {"fg": "cyan"},
    Tone.PERSON: {"fg": "yellow", "bold": True},
    Tone.TROUBLE: {"fg": "red", "bold": True},
    Tone.FAINT: {"dim": True},
    Tone.REMOVED: {"fg": "red"},
    Tone.ADDED: {"fg": "green"},
}


def colour(text: str, tone: Tone) -> str:
    """Paint for a terminal; click takes the colours out again where there is none."""
    return click.style(text, **_COLOURS[tone])


def say(line: str = "") -> None:
    """Print one line of the command's result."""
    click.echo(line)


def say_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
