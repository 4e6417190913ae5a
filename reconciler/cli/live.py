"""The live screen of a run: a row per active resource, finished ones scroll away above it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from reconciler.engine.progress import Happening, Kind
from reconciler.ids import Address
from reconciler.money import MicroUsd, format_usd
from reconciler.plan.actions import Tally

_ROWS_KEPT_FREE = 6
_REFRESH_S = 1 / 8


@dataclass(slots=True)
class _Row:
    """One active resource. `since` is monotonic seconds; `usual` (least, most) seconds.

    `is_bought`: its task runs; before, the time only counts how long it has waited.
    """

    stage: str
    since: float
    usual: tuple[float, float]
    spinner: Spinner
    price: int | None = 0
    is_bought: bool = False


class LiveReporter:
    """Use as a context manager around a run; the terminal is clean again afterwards.

    One lock for lines and refreshes: two threads that draw at once leave half a screen behind.
    """

    def __init__(self, tally: Tally, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._tally = tally
        self._rows: dict[Address, _Row] = {}
        self._spent = 0
        self._done = 0
        self._problems = 0
        self._live = Live(
            get_renderable=self._screen,
            console=self._console,
            auto_refresh=False,
            transient=True,
        )
        self._drawing, self._end = Lock(), Event()
        self._refresher = Thread(target=self._refresh, daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._refresher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._refresher.join()
        self._rows.clear()
        self._live.stop()

    def _refresh(self) -> None:
        while not self._end.wait(_REFRESH_S):
            with self._drawing:
                self._live.refresh()

    def report(self, happening: Happening) -> None:
        """Update the rows; print a line for everything that has ended."""
        with self._drawing:
            self._note(happening)

    def _note(self, happening: Happening) -> None:
        address, data = happening.address, happening.data
        if address is None:
            return
        match happening.kind:
            case Kind.STARTED:
                least, most = data["usual"]
                spinner = Spinner("dots")
                self._rows[address] = _Row("waiting for its turn", _now(), (least, most), spinner)
            case Kind.SUBMITTED:
                self._submitted(address, data)
            case Kind.DONE:
                self._ended(address, Text("✓", "green"), "")
                self._done += 1
            case Kind.PROBLEM:
                self._ended(address, Text("✗", "red"), f"{data['ending']}: {data['detail']}")
                self._problems += 1
            case _:
                self._stage(address, happening)

    def _submitted(self, address: Address, data: Mapping[str, Any]) -> None:
        row = self._rows.get(address)
        if row is not None:
            row.stage, row.since = "queued", _now()
            row.price = data["price_micro_usd"]
            row.is_bought = True
        self._spent += 0 if data["resumed"] else data["price_micro_usd"] or 0

    def _stage(self, address: Address, happening: Happening) -> None:
        row = self._rows.get(address)
        stage = _stage_words(happening)
        if row is not None and stage:
            row.stage = stage

    def _ended(self, address: Address, mark: Text, words: str) -> None:
        row = self._rows.pop(address, None)
        line = Text.assemble(mark, " ", address)
        if row is not None and not words:
            line.append(f"  {_now() - row.since:.0f} s", "dim")
            if row.price:
                line.append(f"  {format_usd(MicroUsd(row.price))}", "dim")
        if words:
            line.append(f"  {words}", "red")
        self._console.print(line)

    def _screen(self) -> RenderableType:
        room = max(1, self._console.size.height - _ROWS_KEPT_FREE)
        table = Table.grid(padding=(0, 2), expand=False)
        shown = list(self._rows.items())[:room]
        for address, row in shown:
            table.add_row(row.spinner, Text(address), Text(row.stage, "cyan"), self._age(row))
        hidden = len(self._rows) - len(shown)
        more = [Text(f"  … and {hidden} more", "dim")] if hidden else []
        return Group(table, *more, self._summary())

    def _age(self, row: _Row) -> Text:
        least, most = row.usual
        age = _now() - row.since
        if not row.is_bought:
            return Text(f"{age:.0f} s", "dim")
        usual = f"{least:.0f}" if round(least) == round(most) else f"{least:.0f}-{most:.0f}"
        style = "yellow" if age > most * 2 else "dim"
        return Text(f"{age:.0f} s (usually {usual} s)", style)

    def _summary(self) -> Text:
        total = f" of {format_usd(self._tally.price)}" if self._tally.tasks else ""
        problems = f", {self._problems} with problems" if self._problems else ""
        return Text(
            f"{self._done} done, {len(self._rows)} active{problems}; "
            f"{format_usd(MicroUsd(self._spent))}{total}; Ctrl-C stops, nothing in flight is lost",
            "bold",
        )


def _stage_words(happening: Happening) -> str | None:
    data = happening.data
    match happening.kind:
        case Kind.SUBMITTING:
            return "submitting"
        case Kind.STAGE:
            return str(data["stage"])
        case Kind.PROGRESS:
            return f"{data['stage']} {data['percent']}%"
        case Kind.HELD_UP:
            return f"{data['detail']}; again in {data['seconds']} s"
        case Kind.SUCCEEDED:
            return "downloading"
        case Kind.PICTURE_STORED:
            return f"downloading, {data['candidate']} stored"
        case _:
            return None


def _now() -> float:
    return time.monotonic()
