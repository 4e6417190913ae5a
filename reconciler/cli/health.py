"""`reconcile health`: the monitoring table with its marks, and what is stuck."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from reconciler.checklist import Case, Symptom
from reconciler.cli.options import json_option, sandbox_option
from reconciler.health import Health
from reconciler.plan.render import Paint, Tone
from reconciler.vitals import Judgement, Measurement, Metric, Scope

FORMAT_VERSION = 1

_TONES: Final = {
    Judgement.OK: Tone.SPEND,
    Judgement.BROKEN: Tone.TROUBLE,
    Judgement.TOO_FEW: Tone.FAINT,
    Judgement.UNMARKED: Tone.FAINT,
}


@click.command("health")
@click.option(
    "--window",
    type=click.IntRange(1, 60 * 24 * 366),
    default=60,
    show_default=True,
    metavar="MINUTES",
    help="How far back to look.",
)
@json_option
@sandbox_option
@click.pass_obj
def health_command(directory: Path, *, window: int, as_json: bool, rehearse: bool) -> int:
    """Show how well the providers work for you, and what is stuck; asks nobody.

    \b
    success rate     tasks that ended with pictures, of all that ended     > 95 %
    mean completion  from acceptance to the pictures                       < 90 s
    tasks in MODAL   waiting for their second step for over a minute       0
    banned prompts   stopped by the provider's filter, of all it judged    < 5 %
    in their queue   from acceptance until the provider began              no mark
    waited here      from the record of the intent to the acceptance       no mark

    The marks are APIMart's. From fewer than 5 tasks no share and no mean is judged. Exits with 5
    when a mark is missed, by one provider or by all together.
    """
    from reconciler.cli.console import colour, say, say_json
    from reconciler.health import health
    from reconciler.planning import open_project

    found = health(open_project(directory, rehearse=rehearse), timedelta(minutes=window))
    if as_json:
        say_json(health_json(found))
    else:
        for line in health_lines(found, colour):
            say(line)
    return found.exit_code()


def health_lines(found: Health, paint: Paint) -> Iterator[str]:
    """Yield the table, then the checklist."""
    minutes = int(found.window.total_seconds() // 60)
    shown = found.scopes if len(found.scopes) > 2 else found.scopes[:1]
    for scope in shown:
        only = found.scopes[1].provider if len(found.scopes) == 2 else None
        name = scope.provider or only or "all providers"
        yield paint(f"{name}, the last {minutes} min", Tone.FAINT)
        yield from _table(scope, paint)
        yield ""
    for symptom in Symptom:
        yield from _symptom_lines(symptom, found.showing(symptom), paint)


def _table(scope: Scope, paint: Paint) -> Iterator[str]:
    for one in scope.measurements:
        value = "-" if one.value is None else _FORMATS[one.metric](one.value)
        row = f"{_TITLES[one.metric]:<15}  {value:>9}  {_mark(one):<6}  of {one.sample:<5}"
        judgement = _judgement(one)
        said = paint(judgement, _TONES[one.judgement]) if judgement else ""
        yield f"  {row}  {said}".rstrip()


def _judgement(one: Measurement) -> str:
    if one.judgement is Judgement.UNMARKED:
        return "" if one.sample else "not on record"
    return "nothing to judge" if not one.sample and one.value is None else str(one.judgement)


def _mark(one: Measurement) -> str:
    if one.mark is None:
        return ""
    sign = {Metric.SUCCESS_RATE: "> ", Metric.IN_MODAL: ""}.get(one.metric, "< ")
    return sign + _ROUND[one.metric](one.mark)


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %"


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _count(value: float) -> str:
    return f"{value:.0f}"


_TITLES: Final = {
    Metric.SUCCESS_RATE: "success rate",
    Metric.MEAN_COMPLETION: "mean completion",
    Metric.IN_MODAL: "tasks in MODAL",
    Metric.BANNED_SHARE: "banned prompts",
    Metric.QUEUE: "in their queue",
    Metric.WAIT: "waited here",
}
_FORMATS: Final[Mapping[Metric, Callable[[float], str]]] = {
    Metric.SUCCESS_RATE: _percent,
    Metric.MEAN_COMPLETION: _seconds,
    Metric.IN_MODAL: _count,
    Metric.BANNED_SHARE: _percent,
    Metric.QUEUE: _seconds,
    Metric.WAIT: _seconds,
}
_ROUND: Final[Mapping[Metric, Callable[[float], str]]] = {
    Metric.SUCCESS_RATE: lambda value: f"{value:.0%}".replace("%", " %"),
    Metric.MEAN_COMPLETION: lambda value: f"{value:.0f} s",
    Metric.IN_MODAL: _count,
    Metric.BANNED_SHARE: lambda value: f"{value:.0%}".replace("%", " %"),
}


def _symptom_lines(symptom: Symptom, found: tuple[Case, ...], paint: Paint) -> Iterator[str]:
    if not found:
        nothing = symptom.meaning if symptom is Symptom.EMPTY_PROMPT else "none"
        yield f"{symptom.label:<15}  " + paint(nothing, Tone.FAINT)
        return
    yield f"{symptom.label:<15}  " + paint(f"{len(found)}: {symptom.meaning}", Tone.PERSON)
    for case in found:
        age = "" if case.age_s is None else f"{case.age_s // 60:.0f} min, "
        yield f"  {case.purchase.address}  {age}{case.words}" + paint(
            f"  (task {case.purchase.task_id} at {case.purchase.provider})", Tone.FAINT
        )


def health_json(found: Health) -> dict[str, Any]:
    """Return everything for programs."""
    return {
        "format_version": FORMAT_VERSION,
        "at": found.now.isoformat(),
        "window_minutes": int(found.window.total_seconds() // 60),
        "scopes": [
            {
                "provider": scope.provider,
                "broken": scope.is_broken,
                "metrics": [_measurement_json(one) for one in scope.measurements],
            }
            for scope in found.scopes
        ],
        "checklist": [
            {
                "symptom": symptom.value,
                "meaning": symptom.meaning,
                "cases": [_case_json(one) for one in found.showing(symptom)],
            }
            for symptom in Symptom
        ],
        "exit_code": int(found.exit_code()),
    }


def _measurement_json(one: Measurement) -> dict[str, Any]:
    return {
        **asdict(one),
        "metric": one.metric.value,
        "judgement": one.judgement.name.lower(),
    }


def _case_json(one: Case) -> dict[str, Any]:
    return {
        "address": one.purchase.address,
        "provider": one.purchase.provider,
        "task_id": one.purchase.task_id,
        "intent": one.purchase.id,
        "detail": one.words,
        "age_seconds": one.age_s,
        "minutes_left": one.minutes_left,
    }
