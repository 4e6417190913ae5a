"""Observers of a run for pipes and programs; the one for terminals is in live.py."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from reconciler.engine.progress import Happening, Kind
from reconciler.money import MicroUsd, format_price


class JsonReporter:
    """One JSON object per event on standard output."""

    def report(self, happening: Happening) -> None:
        """Print the event."""
        event = {
            "event": happening.kind.value,
            "at": happening.at.isoformat(timespec="milliseconds"),
            "address": happening.address,
        }
        click.echo(json.dumps(event | dict(happening.data), ensure_ascii=False))
        sys.stdout.flush()


class PlainReporter:
    """One line per step on standard error: for logs of CI."""

    def report(self, happening: Happening) -> None:
        """Print the step if it means something to a person."""
        text = sentence(happening.kind, happening.data)
        if text and happening.address:
            click.echo(f"{happening.at:%H:%M:%S} {happening.address}: {text}", err=True)


def sentence(kind: Kind, data: Mapping[str, Any]) -> str | None:
    """Return what to say about a step, or None for what only programs care about."""
    match kind:
        case Kind.SUBMITTED:
            price = data["price_micro_usd"]
            paid = format_price(MicroUsd(price) if price is not None else None)
            done = "still waiting for" if data["resumed"] else "submitted,"
            return f"{done} task {data['task_id']}, {paid}"
        case Kind.HELD_UP:
            return f"{data['detail']}; trying again in {data['seconds']} s"
        case Kind.STAGE:
            return str(data["stage"])
        case Kind.SUCCEEDED:
            return f"finished, {data['pictures']} to fetch" if data["pictures"] else None
        case Kind.SHOWN if "verb" in data:
            return str(data["verb"])
        case Kind.DONE:
            return "done"
        case Kind.PROBLEM:
            hint = f" ({data['hint']})" if data.get("hint") else ""
            return f"{data['ending']}: {data['detail']}{hint}"
        case _:
            return None
