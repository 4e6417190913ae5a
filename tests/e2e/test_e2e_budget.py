"""Budgets with the real program: what does not fit is refused before anything is sent, exit 6."""

import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from e2e_kit import Project, Shop, uncoloured, wait_for

from reconciler.ids import Address, Fingerprint, IntentId, ProviderName, RunId
from reconciler.money import MicroUsd
from reconciler.purchase import Phase, Purchase
from reconciler.state.store import UNLIMITED, Store

pytest_plugins = ["e2e_fixtures"]
pytestmark = pytest.mark.slow

TEN = "images:\n" + "".join(f"  owl{n}: {{prompt: owl number {n}}}\n" for n in range(10))
"""Ten tasks at $0.20."""


def budget(project: Project, **limits: float) -> None:
    """Set the project's budget, in dollars."""
    text = (project.root / "reconciler.yaml").read_text().split("budget:")[0]
    lines = ", ".join(f"{name}: {amount}" for name, amount in limits.items())
    project.write("reconciler.yaml", f"{text}budget: {{{lines}}}\n")


def book(project: Project, amount: int, address: str = "elsewhere") -> None:
    """Reserve an amount in micro-dollars in the project's state, as another run would."""
    now = datetime.now(UTC)
    purchase = Purchase(
        id=IntentId(f"intent_{address}"),
        fingerprint=Fingerprint(f"{abs(hash(address)):064x}"),
        take=1,
        attempt=1,
        address=Address(address),
        provider=ProviderName("apixo"),
        canonical='{"operation":"imagine","prompt":"another"}',
        parent=None,
        price=MicroUsd(amount),
        phase=Phase.INTENDED,
        created_at=now,
        changed_at=now,
    )
    with Store.open(project.root / "state/reconciler.db") as store:
        store.intend(purchase, UNLIMITED, RunId("run_elsewhere"))


REFUSALS = {
    "per_apply": (0.79, "the plan costs $0.80; `budget.per_apply` is $0.79"),
    "per_day": (0.79, "the plan costs $0.80; `budget.per_day` is $0.79"),
    "per_month": (0.5, "the plan costs $0.80; `budget.per_month` is $0.50"),
    "per_image": (0.799999, "library in the plan costs $0.80; `budget.per_image` is $0.799999"),
}


LATER = ("per_day", "per_month", "per_image")


def slow(*values: object) -> ParameterSet:
    """Mark a case that the plain suite leaves out: the others go the same way."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize("limit", ["per_apply", *map(slow, LATER)])
def test_what_exceeds_a_limit_is_refused_as_a_whole(
    project: Project, shop: Shop, limit: str
) -> None:
    """Nothing is sent; plan says the same words; the exact sum is allowed."""
    amount, words = REFUSALS[limit]
    budget(project, **{limit: amount})
    with shop.untouched():
        ran = project("apply", "--yes").fails(6, f"error: {words}\n", "nothing was sent")
        plan = project("plan").exits(0)
        told = project("plan", "--json").exits(0).json()
    assert f"hint: apply fewer addresses, or raise `budget.{limit}` in reconciler.yaml\n" in ran.err
    assert plan.out.endswith(f"Apply would refuse: {words}.\n")
    assert told["over_budget"] == words
    budget(project, **{limit: 0.8})
    project("apply", "--yes").exits(0)
    assert project("plan", "--json").exits(0).json()["over_budget"] is None
    assert len(shop.charges()) == 3


def test_max_cost_narrows_the_budget_and_never_widens_it(project: Project, shop: Shop) -> None:
    """Whichever is smaller counts, and is the one that is named."""
    budget(project, per_apply=0.5)
    with shop.untouched():
        narrow = project("apply", "--yes", "--max-cost", "$0.40").fails(
            6, "the plan costs $0.80; `--max-cost` is $0.40"
        )
        assert "hint: apply fewer addresses, or raise `--max-cost`\n" in narrow.err
        project("apply", "--yes", "--max-cost", "5").fails(
            6, "the plan costs $0.80; `budget.per_apply` is $0.50"
        )
    project("apply", "--yes", "--max-cost", "0.20", "library").exits(0)
    assert len(shop.charges()) == 1


def test_max_cost_zero_allows_free_work_only(project: Project, shop: Shop) -> None:
    """What is paid for is shown again; whatever costs anything is refused."""
    project("apply", "--yes", "library").exits(0)
    (project.assets / "library.1.png").unlink()
    ran = project("apply", "--max-cost", "0", "library").exits(0)
    assert "Applied: 1 done for free." in ran.out
    assert "library.1.png" in project.views()
    with shop.untouched():
        project("apply", "--yes", "--max-cost", "0").fails(
            6, "the plan costs $0.60; `--max-cost` is $0.00"
        )
    assert len(shop.charges()) == 1


@pytest.mark.parametrize("amount", ["abc", "-1", "0.0000001", "nan", "inf", ""])
def test_a_wrong_max_cost_is_an_error_in_one_line(
    project: Project, shop: Shop, amount: str
) -> None:
    """Before anything is read or sent."""
    with shop.untouched():
        ran = project("apply", "--yes", "--max-cost", amount).fails(
            1, f"`{amount}` is no amount in dollars such as 5 or 0.30\n"
        )
    first, *rest = ran.err.splitlines()
    assert first.startswith("error: ")
    assert rest == ["", "hint: `reconcile apply --help` shows what it takes"]


@pytest.mark.parametrize("limit", [slow("--max-cost"), "per_day"])
def test_an_unknown_price_fits_no_budget(project: Project, shop: Shop, limit: str) -> None:
    """Nobody could keep a limit of what nobody can price; a price in the configuration settles it.

    A price that is only unknown in what is not selected forbids nothing.
    """
    project.edit("reconciler.yaml", ", speed: fast", "")
    project.spec(TEN.replace("owl number 9}", "owl number 9, speed: fast}"))
    options = ["--max-cost", "100"] if limit == "--max-cost" else []
    if not options:
        budget(project, **{limit: 100})
    words = "no budget can be kept: the price of owl0, owl1, owl2 and 6 more is unknown"
    with shop.untouched():
        ran = project("apply", "--yes", *options).fails(6, f"error: {words}\n", "charged: nothing")
        told = project("plan", "--json").exits(0).json()["over_budget"]
    assert told == (None if options else words)
    assert "hint: give it a price under `prices:` in reconciler.yaml, or `--exclude` it" in ran.err
    project("apply", "--yes", *options, "owl9").exits(0)


@pytest.mark.slow
def test_what_is_in_flight_from_an_interrupted_run_counts(project: Project, shop: Shop) -> None:
    """A day's limit holds over runs: first too small for the rest, then used up to the cent."""
    budget(project, per_day=1.99)
    project.spec(TEN)
    shop.faults({"where": "submit", "action": "stall", "seconds": 2, "times": None})
    run = project.start("apply", "--yes", "owl0", "owl1", "owl2")
    shop.until("status", 3)
    wait_for(lambda: project("plan").out.count(" wait ") == 3)
    run.signal(signal.SIGINT)
    run.end().exits(130)
    shop.faults()
    words = "the plan costs $1.40; `budget.per_day` is $1.99, and $1.39 of it is left"
    refused = project("apply", "--yes").fails(6, f"error: {words}\n")
    assert "  $0.60 is spent, in flight or in doubt; nothing was sent\n" in refused.err
    assert f"Apply would refuse: {words}.\n" in project("plan").exits(0).out
    assert shop.requests()["submit"] == 3
    budget(project, per_day=2)
    project("apply", "--yes").exits(0)
    assert len(shop.charges()) == 10
    project.spec(TEN + "  more: {prompt: one more}\n")
    project("apply", "--yes").fails(
        6, "the plan costs $0.20; `budget.per_day` is $2.00, and nothing of it is left"
    )


BESIDE: dict[str, Callable[[Project], None]] = {
    "per_day": lambda project: book(project, 600_001),
    "per_month": lambda project: book(project, 600_001),
    "per_image": lambda project: book(project, 1, "owl7.hero"),
}


@pytest.mark.parametrize(
    ("limit", "amount", "bought"),
    [("per_day", 2, 6), slow("per_month", 2, 6), ("per_image", 0.2, 9)],
)
def test_parallel_submissions_stop_exactly_at_the_limit(
    project: Project, shop: Shop, limit: str, amount: float, bought: int
) -> None:
    """Money goes elsewhere while the person is being asked: as many are bought as still fit."""
    budget(project, **{limit: amount})
    project.spec(TEN)
    terminal = project.terminal("apply")
    terminal.until("Spend $2.00? [y/N]: ")
    BESIDE[limit](project)
    terminal.type("y\n")
    assert terminal.end() == 6
    shown = uncoloured(terminal.seen)
    assert len(shop.charges()) == shop.requests()["submit"] == bought
    assert f"Applied: {bought} bought for ${bought * 0.2:.2f}, {10 - bought} over budget." in shown
    assert "over budget: " in shown
    assert f"raise `budget.{limit}` in reconciler.yaml, or apply fewer addresses" in shown


@pytest.mark.slow
def test_a_doubt_counts_until_it_is_known_to_be_free(project: Project, shop: Shop) -> None:
    """In doubt is perhaps paid; what the provider refused is not."""
    budget(project, per_month=0.4)
    project.spec("images:\n  owl: {prompt: a brass owl}\n")
    shop.faults({"where": "submit", "action": "drop_after"})
    project("apply", "--yes").exits(7)
    project.spec("images:\n  fox: {prompt: a fox}\n  elk: {prompt: an elk}\n", "more")
    ran = project("apply", "--yes").fails(6, "is $0.40, and $0.20 of it is left")
    assert "$0.20 is spent, in flight or in doubt" in ran.err
    status = project("status").exits(0).out
    assert "in doubt        owl  $0.20  in doubt: perhaps paid (" in status
    assert "2 to buy, 1 in doubt ($0.20). Spent or reserved this month: $0.20.\n" in status
    assert project("status", "--json").exits(0).json()["in_doubt_micro_usd"] == 200_000
    shop.faults({"where": "submit", "action": "status", "status": 400})
    project("apply", "--yes", "fox").exits(5)
    project("apply", "--yes", "elk").exits(0)
    assert Path(project.assets / "elk.1.png").exists()
