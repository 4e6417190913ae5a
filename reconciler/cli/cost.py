"""`reconcile cost`."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date
from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import json_option, sandbox_option
from reconciler.costing import (
    Account,
    Cost,
    Costs,
    Files,
    Grouping,
    Period,
    costs,
    spec_files,
)
from reconciler.errors import SpecError
from reconciler.money import MicroUsd, format_usd
from reconciler.plan.render import Paint, Tone
from reconciler.project import Project
from reconciler.state.records import BalanceRecord

FORMAT_VERSION = 1
"""Raised when a field of the JSON changes its meaning or goes away; new fields do not raise it."""
NO_SPEC = "(no spec)"
_NOTHING = "–"
_SHOWN = 12


class _Day(click.ParamType[date]):
    """A day such as 2026-05-01."""

    name = "DATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day."""
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"`{value}` is no day such as 2026-05-01", param, ctx)


@click.command("cost")
@click.option(
    "--by",
    "grouping",
    type=click.Choice([one.value for one in Grouping]),
    default=Grouping.IMAGE.value,
    show_default=True,
    help="What a line stands for. An image has all its variants in it.",
)
@click.option("--since", type=_Day(), metavar="YYYY-MM-DD", help="Only from this day on, in UTC.")
@json_option
@sandbox_option
@click.pass_obj
def cost_command(
    directory: Path, *, grouping: str, since: date | None, as_json: bool, rehearse: bool
) -> None:
    """Show what everything has cost, by image, spec file, provider, day or month.

    \b
    estimated  finished; from the price table, as the provider named no figure
    reported   finished; the provider's own figure, or its documented refund
    in flight  reserved or accepted, not finished yet
    in doubt   sent, and the answer was lost: perhaps paid, even if it was given up
    total      the sum of these four; every task's money is in exactly one

    Beside the total: `refunded` came back and is in no other column; `unknown` counts the tasks
    that nobody can price. Days are UTC's, and a purchase belongs to the day on which it was made.
    Where the balance of an account was read, what it lost is shown beside the ledger. --json has
    every grouping at once.
    """
    from reconciler.cli.console import colour, say, say_json
    from reconciler.planning import open_project

    project = open_project(directory, rehearse=rehearse)
    found, by = costs(project, since), Grouping(grouping)
    if as_json:
        say_json(costs_json(found, *_files_or_problem(project)))
    else:
        files = spec_files(project) if by is Grouping.FILE else {}
        for line in cost_lines(found, by, files, colour):
            say(line)


def _files_or_problem(project: Project) -> tuple[Files | None, str | None]:
    """Programs get everything else although the specs are broken."""
    try:
        return spec_files(project), None
    except SpecError as error:
        return None, error.summary


def cost_lines(found: Costs, by: Grouping, files: Files, paint: Paint) -> Iterator[str]:
    """Yield the table of one grouping, then what the balances say."""
    total = found.total()
    if total.tasks:
        groups = found.by(by, files).items()
        rows = [(name or NO_SPEC, *_cells(cost)) for name, cost in groups]
        yield from _table((by.value, *_HEADS), [*rows, ("total", *_cells(total))], paint)
    else:
        yield f"Nothing was bought since {found.since}." if found.since else "Nothing was bought."
    if total.unknown:
        tasks = "1 task" if total.unknown == 1 else f"{total.unknown} tasks"
        yield f"Not in the total: {tasks} at an unknown price."
    yield from _account_lines(found.accounts, paint)


_HEADS = (
    *("tasks", "estimated", "reported", "in flight", "in doubt", "total"),
    *("refunded", "unknown"),
)


def _cells(cost: Cost) -> tuple[str, ...]:
    parts = (cost.estimated, cost.reported, cost.in_flight, cost.in_doubt)
    unknown = str(cost.unknown) if cost.unknown else _NOTHING
    money = (*map(_money, parts), format_usd(cost.total), _money(cost.refunded))
    return (str(cost.tasks), *money, unknown)


def _money(amount: MicroUsd) -> str:
    return format_usd(amount) if amount else _NOTHING


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], paint: Paint) -> Iterator[str]:
    """Yield aligned lines, names to the left and numbers to the right, without empty columns."""
    columns = [
        (head, *cells)
        for head, cells in zip(heads, zip(*rows, strict=True), strict=True)
        if any(cell != _NOTHING for cell in cells)
    ]
    names, *numbers = [(max(map(len, column)), column) for column in columns]
    for row, name in enumerate(names[1]):
        cells = [name.ljust(names[0]), *(column[row].rjust(width) for width, column in numbers)]
        line = "  ".join(cells).rstrip()
        yield paint(line, Tone.FAINT) if row == 0 else line


def _account_lines(accounts: Sequence[Account], paint: Paint) -> Iterator[str]:
    if not accounts:
        return
    yield ""
    periods = [one for account in accounts for one in account.periods]
    if periods:
        yield "Measured by balance, top-ups and other users of the account included; times are UTC:"
        yield from _table(_PERIOD_HEADS, [_period_cells(one) for one in periods[-_SHOWN:]], paint)
    if len(periods) > _SHOWN:
        yield f"{len(periods) - _SHOWN} more before these: --json has all, --since narrows."
    if any(one.rise for one in periods):
        yield "Where a balance rose, nobody can tell what was spent meanwhile; measured anew after."
    for account in accounts:
        last = account.last
        yield f"{account.provider}: {format_usd(last.amount)} left on {_minute(last)}."


_PERIOD_HEADS = ("account", "from", "until", "measured", "ledger", "rose by")


def _period_cells(one: Period) -> tuple[str, ...]:
    measured = _NOTHING if one.measured is None else format_usd(one.measured)
    ends = (one.first.provider, _minute(one.first), _minute(one.last))
    return (*ends, measured, format_usd(one.booked), _money(one.rise))


def _minute(reading: BalanceRecord) -> str:
    return f"{reading.at.astimezone(UTC):%Y-%m-%d %H:%M}"


def costs_json(found: Costs, files: Files | None, problem: str | None) -> dict[str, Any]:
    """Return everything for programs; without `files` there is no grouping by them."""
    by = {
        one.value: None
        if one is Grouping.FILE and files is None
        else [
            {"name": name, **_cost_json(cost)} for name, cost in found.by(one, files or {}).items()
        ]
        for one in Grouping
    }
    return {
        "format_version": FORMAT_VERSION,
        "since": found.since and found.since.isoformat(),
        "total": _cost_json(found.total()),
        "by": by,
        "measured_by_balance": [_account_json(one) for one in found.accounts],
        "problem": problem,
    }


def _cost_json(cost: Cost) -> dict[str, int]:
    return {
        "tasks": cost.tasks,
        "estimated_micro_usd": cost.estimated,
        "reported_micro_usd": cost.reported,
        "in_flight_micro_usd": cost.in_flight,
        "in_doubt_micro_usd": cost.in_doubt,
        "total_micro_usd": cost.total,
        "refunded_micro_usd": cost.refunded,
        "tasks_without_known_price": cost.unknown,
    }


def _account_json(account: Account) -> dict[str, Any]:
    return {
        "provider": account.provider,
        "balance_micro_usd": account.last.amount,
        "read_at": account.last.at.isoformat(),
        "periods": [
            {
                "from": one.first.at.isoformat(),
                "until": one.last.at.isoformat(),
                "measured_micro_usd": one.measured,
                "ledger_micro_usd": one.booked,
                "rose_by_micro_usd": one.rise,
            }
            for one in account.periods
        ],
    }
