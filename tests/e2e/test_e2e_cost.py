"""`reconcile cost`: what everything has cost, apart by how sure it is, beside the balances."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from click.testing import CliRunner
from e2e_kit import Project, Shop

from reconciler.cli.app import main
from reconciler.ids import Address, Fingerprint, IntentId, ProviderName, RunId, TaskId
from reconciler.money import NOTHING, MicroUsd
from reconciler.policy import FailureKind
from reconciler.purchase import (
    Abandoned,
    Accepted,
    AnswerLost,
    Delivered,
    Event,
    Failure,
    Phase,
    Purchase,
    Refused,
    Sending,
    TaskFailed,
)
from reconciler.state.store import UNLIMITED, Store

pytest_plugins = ["e2e_fixtures"]

RUN = RunId("run")
FIRST = datetime(2026, 4, 30, 23, 30, tzinfo=UTC)
FAILURE = Failure(FailureKind.PROVIDER, "500", "no", "later")
TASK = (Sending(), Accepted(TaskId("t")))
LOST = (Sending(), AnswerLost(""))
SPEC = "images:\n  {}: {{prompt: {}, version: '7', speed: fast}}\n"


class Books:
    """A project whose past is written by hand, in the store that the program reads."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._numbers = count(1)
        (project.root / "state").mkdir(exist_ok=True)
        self.store = Store.open(project.root / "state/reconciler.db")

    def buy(
        self,
        address: str,
        *events: Event,
        at: datetime = FIRST,
        price: int | None = 200_000,
        provider: str = "apixo",
    ) -> None:
        """Record a purchase and what happened to it."""
        number = next(self._numbers)
        one = Purchase(
            id=IntentId(f"i{number}"),
            fingerprint=Fingerprint(f"{number:064x}"),
            take=1,
            attempt=1,
            address=Address(address),
            provider=ProviderName(provider),
            canonical='{"operation":"imagine","prompt":"x"}',
            parent=None,
            price=None if price is None else MicroUsd(price),
            phase=Phase.INTENDED,
            created_at=at,
            changed_at=at,
        )
        self.store.intend(one, UNLIMITED, RUN)
        for event in events:
            one = self.store.record(one, event, at, RUN)

    def read(self, dollars: float, hours: float, provider: str = "apixo") -> None:
        """Record the balance of an account, so many hours after the first purchase."""
        amount = MicroUsd(round(dollars * 1_000_000))
        self.store.note_balance(ProviderName(provider), amount, FIRST + timedelta(hours=hours), RUN)

    def lines(self, *options: str) -> list[str]:
        """Return what `cost` prints; in this process, which takes a tenth of the time."""
        done = CliRunner().invoke(main, ["-C", str(self.project.root), "cost", *options])
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def json(self, *options: str) -> dict[str, Any]:
        """Return what `cost --json` prints."""
        found: dict[str, Any] = json.loads("\n".join(self.lines("--json", *options)))
        return found


@pytest.fixture
def books(folder: Project) -> Books:
    """A project without a past, and without a key: looking at money needs none."""
    folder.write("reconciler.yaml", 'providers:\n  apixo: {type: apixo, base_url: "sandbox:"}\n')
    folder.spec(SPEC.format("library", "a library"), "rooms/library")
    folder.spec(SPEC.format("fox", "a fox"), "animals")
    return Books(folder)


def done(charged: int | None = None) -> tuple[Event, ...]:
    """Return a success, with the provider's own figure."""
    figure = None if charged is None else MicroUsd(charged)
    return (*TASK, Delivered((), FIRST, None, figure))


def everything(books: Books) -> None:
    """Give every standing its own power of ten, so that no two can be mixed up."""
    books.buy("library", *done(), price=1)
    books.buy("library.hero", *done(20), price=99)
    books.buy("library", *TASK, price=300)
    books.buy("library", price=1_000)
    books.buy("library", *LOST, price=40_000)
    books.buy("library", *LOST, Abandoned(), price=500_000)
    books.buy("library", Sending(), price=3_000_000)
    books.buy("library", *TASK, TaskFailed(FAILURE), price=60_000_000)
    books.buy("library", *TASK, TaskFailed(FAILURE, NOTHING), price=700_000_000)
    books.buy("library", Sending(), Refused(FAILURE), price=9_000_000_000)
    books.buy("library", *TASK, price=None)


EVERYTHING = {
    "tasks": 10,
    "estimated_micro_usd": 60_000_001,
    "reported_micro_usd": 20,
    "in_flight_micro_usd": 1_300,
    "in_doubt_micro_usd": 3_540_000,
    "total_micro_usd": 63_541_321,
    "refunded_micro_usd": 700_000_000,
    "tasks_without_known_price": 1,
}


def test_each_standing_has_its_own_part_and_the_parts_add_up(books: Books) -> None:
    """Estimated, reported, in flight, in doubt (lost, given up, being sent); nothing twice."""
    everything(books)
    found = books.json()
    assert found["format_version"] == 1
    assert found["total"] == EVERYTHING
    parts = ("estimated", "reported", "in_flight", "in_doubt")
    total = found["total"]["total_micro_usd"]
    assert sum(found["total"][f"{part}_micro_usd"] for part in parts) == total
    for groups in found["by"].values():
        sums = [{name: one[name] for name in EVERYTHING} for one in groups]
        assert {name: sum(one[name] for one in sums) for name in EVERYTHING} == EVERYTHING
    (image,) = found["by"]["image"]
    assert image == {"name": "library", **EVERYTHING}
    status = books.project("status", "--json").exits(0).json()
    assert status["in_doubt_micro_usd"] == 3_040_000, "what was given up waits for nobody"


def test_people_see_columns_that_line_up(books: Books) -> None:
    """Numbers to the right, `–` for nothing, the total at the end."""
    books.buy("fox", *done())
    books.buy("library.hero", *done(250_000))
    books.buy("library", *done(), price=300_000)
    books.buy("library", *TASK)
    books.buy("poster[v=6.1].hero", *LOST)
    books.buy("poster[v=6.1]", *TASK, TaskFailed(FAILURE, NOTHING))
    books.buy("fox", *TASK, price=None)
    assert books.lines() == [
        "image          tasks  estimated  reported  in flight  in doubt  total  refunded  unknown",
        "library            3      $0.30     $0.25      $0.20         –  $0.75         –        –",
        "fox                2      $0.20         –          –         –  $0.20         –        1",
        "poster[v=6.1]      2          –         –          –     $0.20  $0.20     $0.20        –",
        "total              7      $0.50     $0.25      $0.20     $0.20  $1.15     $0.20        1",
        "Not in the total: 1 task at an unknown price.",
    ]


def test_columns_without_anything_are_left_out(books: Books) -> None:
    """A project in which all went well sees three columns."""
    books.buy("fox", *done())
    assert books.lines() == [
        "image  tasks  estimated  total",
        "fox        1      $0.20  $0.20",
        "total      1      $0.20  $0.20",
    ]


GROUPINGS = {
    "image": ["library", "fox", "gone"],
    "file": ["(no spec)", "specs/rooms/library.yaml", "specs/animals.yaml"],
    "provider": ["apixo", "other"],
    "day": ["2026-04-30", "2026-05-01", "2026-05-31"],
    "month": ["2026-04", "2026-05"],
}


def scattered(books: Books) -> None:
    """Buy on three days, at two providers, from two files and from none."""
    books.buy("library", *done(), price=400_000)
    books.buy("library.gone", *done(), at=FIRST + timedelta(hours=1), price=300_000)
    books.buy("fox", *done(), at=FIRST + timedelta(days=31), price=250_000, provider="other")
    books.buy("gone", *done(), at=FIRST + timedelta(hours=1), price=200_000)


def test_one_ledger_by_different_things(books: Books) -> None:
    """The dearest first, times in order; days are UTC's; what no spec names is told so."""
    scattered(books)
    assert books.project("cost").exits(0).out.splitlines() == books.lines()
    for by, names in GROUPINGS.items():
        head, *rows, total = books.lines("--by", by)
        assert head.split()[0] == by
        assert [row.split("  ")[0] for row in rows] == names
        assert total.split() == ["total", "4", "$1.15", "$1.15"]
    assert list(books.json()["by"]) == list(GROUPINGS)
    assert books.json()["by"]["file"][0]["name"] is None


def test_since_is_a_day_of_utc(books: Books) -> None:
    """From its midnight on, whatever zone the computer is in."""
    scattered(books)
    los_angeles = {"TZ": "America/Los_Angeles"}
    ran = books.project("cost", "--since", "2026-05-01", env=los_angeles).exits(0)
    assert ran.out.splitlines()[-1].split()[1:] == ["3", "$0.75", "$0.75"]
    assert books.json("--since", "2026-04-30")["total"]["tasks"] == 4
    found = books.json("--since", "2026-05-31")
    assert found["since"] == "2026-05-31"
    assert [one["name"] for one in found["by"]["day"]] == ["2026-05-31"]
    assert books.lines("--since", "2027-01-01") == ["Nothing was bought since 2027-01-01."]
    books.project("cost", "--since", "May").fails(1, "`May` is no day such as 2026-05-01\n")
    books.project("cost", "--by", "colour").fails(1, "'image', 'file', 'provider', 'day', 'month'")


def test_a_project_without_a_past(books: Books) -> None:
    """Nothing is made by looking, not even a database."""
    books.store.close()
    state = books.project.root / "state"
    for file in state.iterdir():
        file.unlink()
    assert books.lines() == ["Nothing was bought."]
    assert books.json()["total"]["total_micro_usd"] == 0
    assert [file.name for file in state.iterdir() if file.name != "cache.db"] == []


def test_broken_specs_hide_no_money(books: Books) -> None:
    """Only who asks for files needs them; programs get the rest and are told."""
    scattered(books)
    books.project.spec("images: [", "broken")
    assert len(books.lines()) == len(books.lines("--by", "day")) == 5
    assert "--> specs/broken.yaml:1:9\n" in books.project("cost", "--by", "file").exits(1).err
    found = books.json()
    assert found["by"]["file"] is None
    assert found["problem"] == "1 problem in the specs"
    assert len(found["by"]["image"]) == 3


def test_balances_stand_beside_the_ledger(books: Books) -> None:
    """First reading minus last; a top-up splits the time and is said; each account for itself."""
    books.read(10, 0)
    books.buy("fox", *done())
    books.read(9.8, 1)
    books.buy("fox", *done())
    books.read(9.5, 2)
    books.buy("fox", *done())
    books.read(19.3, 3)
    books.read(19.3, 4)
    books.read(7, 4.5, "other")
    assert books.lines("--by", "provider")[3:] == [
        "",
        "Measured by balance, top-ups and other users of the account included; times are UTC:",
        "account              from             until  measured  ledger  rose by",
        "apixo    2026-04-30 23:30  2026-05-01 01:30     $0.50   $0.40        –",
        "apixo    2026-05-01 01:30  2026-05-01 02:30         –   $0.20    $9.80",
        "apixo    2026-05-01 02:30  2026-05-01 03:30     $0.00   $0.00        –",
        "Where a balance rose, nobody can tell what was spent meanwhile; measured anew after.",
        "apixo: $19.30 left on 2026-05-01 03:30.",
        "other: $7.00 left on 2026-05-01 04:00.",
    ]
    apixo, other = books.json("--since", "2026-05-01")["measured_by_balance"]
    assert other["periods"] == []
    assert (apixo["provider"], apixo["balance_micro_usd"]) == ("apixo", 19_300_000)
    measured = [
        (one["measured_micro_usd"], one["ledger_micro_usd"], one["rose_by_micro_usd"])
        for one in apixo["periods"]
    ]
    assert measured == [(300_000, 200_000, 0), (None, 200_000, 9_800_000), (0, 0, 0)]


def test_many_periods_are_cut_for_people(books: Books) -> None:
    """An account that is topped up all the time does not fill the screen."""
    books.buy("fox", *done())
    for number in range(30):
        books.read(5 + number % 2, number)
    lines = books.lines()
    assert sum(line.startswith("apixo  ") for line in lines) == 12
    assert "17 more before these: --json has all, --since narrows." in lines
    assert len(books.json()["measured_by_balance"][0]["periods"]) == 29


def test_what_was_really_bought(project: Project, shop: Shop) -> None:
    """The whole way: bought, refunded, in doubt; cost agrees with the shop's own ledger."""
    project.edit(
        "reconciler.yaml",
        "    concurrent: 10\n",
        "    concurrent: 10\n    refunds_failures: true\n",
    )
    refused = "a fox [sandbox: SensitiveContentDetected]"
    project.spec(
        f'images:\n  fox: {{prompt: "{refused}"}}\n'
        "  owl: {prompt: a brass owl}\n  elk: {prompt: an elk}\n"
    )
    shop.faults({"where": "submit", "action": "drop_after", "prompt_contains": "elk"})
    project("apply", "--yes").exits(7)
    total = project("cost", "--json").exits(0).json()["total"]
    assert total["estimated_micro_usd"] == total["in_doubt_micro_usd"] == 200_000
    moved = Counter[str]()
    for one in shop.ledger():
        moved[one["kind"]] += one["amount"]
    assert total["refunded_micro_usd"] == moved["refund"] > 0
    assert total["total_micro_usd"] == moved["charge"] - moved["refund"]
