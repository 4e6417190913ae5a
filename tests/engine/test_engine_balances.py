"""Readings of the accounts around a run: taken where they can be had, never worth a wait."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from looptime import LoopTimeEventLoop

from reconciler.engine.balances import PATIENCE, note_balances
from reconciler.engine.channel import Channel, Manner
from reconciler.ids import ProviderName, RunId
from reconciler.money import usd
from reconciler.providers import PROVIDERS
from reconciler.sandbox import Fault, Place, Sandbox, SandboxSettings
from reconciler.sandbox.faults import Action, Delay, DropBefore, Garbage, Status
from reconciler.state.store import Store

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
RUN = RunId("run-1")
APIXO, OTHER = ProviderName("apixo"), ProviderName("other")


class Loop(LoopTimeEventLoop, asyncio.SelectorEventLoop):
    """Time jumps to whatever happens next."""


class Bank:
    """Two accounts at one sandbox, a store, and a clock that only moves while somebody waits."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder / "state.db")
        settings = SandboxSettings(
            database=folder / "sandbox.db", clock=lambda: 0.0, balance=usd("12.34")
        )
        self.sandbox = Sandbox(settings)
        self.asked: list[str] = []
        self.took = 0.0

    def order(self, misdeed: Action, times: int | None = None) -> None:
        """Let balances go wrong."""
        self.sandbox.order(Fault(Place.BALANCE, misdeed, times=times))

    def note(self, *names: ProviderName, stop_at: float | None = None) -> None:
        """Read the accounts of these providers."""

        async def work() -> None:
            loop, stop = asyncio.get_running_loop(), asyncio.Event()
            if stop_at is not None:
                loop.call_later(stop_at, stop.set)
            channels = [self._channel(name) for name in names]
            await note_balances(channels, self.store, RUN, self._now(loop), stop)
            self.took = loop.time()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with asyncio.Runner(loop_factory=lambda: Loop(noop_cycles=0, idle_timeout=0)) as runner:
            runner.run(work())

    def readings(self) -> dict[str, int]:
        """Return what is on record, by provider."""
        return {one.provider: one.amount for one in self.store.balances()}

    def _now(self, loop: asyncio.AbstractEventLoop) -> Callable[[], datetime]:
        return lambda: START + timedelta(seconds=loop.time())

    def _channel(self, name: ProviderName) -> Channel:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.sandbox.app),
            base_url="http://sandbox.test/api/v1",
            headers={"Authorization": f"Bearer {name}"},
        )
        return Channel(name, PROVIDERS["apixo"], client, Manner(60, 10))


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    """A bank, closed at the end."""
    made = Bank(tmp_path)
    yield made
    made.store.close()


def test_every_account_is_read_once_and_written_down(bank: Bank) -> None:
    """What it holds, when, in which run."""
    bank.note(APIXO, OTHER)
    assert bank.readings() == {APIXO: 12_340_000, OTHER: 12_340_000}
    first = bank.store.balances()[0]
    assert (first.run, first.at, first.ledger_seq) == (RUN, START, 0)


def test_accounts_are_asked_at_once(bank: Bank) -> None:
    """Two slow answers take as long as one."""
    bank.order(Delay(6))
    bank.note(APIXO, OTHER)
    assert bank.readings().keys() == {APIXO, OTHER}
    assert bank.took == pytest.approx(6, abs=0.1)


def test_a_silent_api_is_not_waited_for(bank: Bank) -> None:
    """Ten seconds are enough; who has answered by then is on record."""
    bank.order(Delay(3600), times=1)
    bank.note(APIXO, OTHER)
    assert len(bank.readings()) == 1
    assert bank.took == pytest.approx(PATIENCE, abs=0.1)


@pytest.mark.parametrize(
    "misdeed", [Status(503), Status(401), Garbage(), Garbage(json=True), DropBefore()], ids=repr
)
def test_trouble_is_no_reading_and_no_error(bank: Bank, misdeed: Action) -> None:
    """The run goes on without it, at once."""
    bank.order(misdeed, times=1)
    bank.note(APIXO)
    assert bank.readings() == {}
    assert bank.took < 1
    bank.note(APIXO)
    assert bank.readings() == {APIXO: 12_340_000}


def test_a_disk_that_takes_no_reading_does_not_end_the_run(bank: Bank) -> None:
    """The intent that follows will say it better."""
    bank.store.close()
    bank.note(APIXO)
    assert bank.took < 1


def test_ctrl_c_is_heard_at_once(bank: Bank) -> None:
    """Nobody waits for evidence who wants to leave."""
    bank.order(Delay(3600))
    bank.note(APIXO, OTHER, stop_at=2)
    assert bank.took == pytest.approx(2, abs=0.1)
    assert bank.readings() == {}
