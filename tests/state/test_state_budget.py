"""What is reserved, paid or perhaps paid never exceeds a limit, however many ask at once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from state_examples import NOW, RUN, a_purchase

from reconciler.errors import BudgetError, StateError
from reconciler.ids import RunId
from reconciler.money import MicroUsd
from reconciler.purchase import COUNTS_AS_SPENT, Phase
from reconciler.state.store import Limits, Store

DAY = timedelta(days=1)


def limits(per_run: int | None = None, per_month: int | None = None) -> Limits:
    return Limits(
        None if per_run is None else MicroUsd(per_run),
        NOW,
        None if per_month is None else MicroUsd(per_month),
        NOW - 3 * DAY,
    )


def test_a_purchase_over_the_limit_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    """Exactly the limit is allowed; the message has price, sum and limit."""
    with Store.open(tmp_path / "a.db") as store:
        store.intend(a_purchase(1), limits(per_run=600_000), RUN)
        store.intend(a_purchase(2), limits(per_run=600_000), RUN)
        with pytest.raises(BudgetError) as caught:
            store.intend(a_purchase(3), limits(per_run=600_000), RUN)
        assert caught.value.summary == "over budget: image3"
        assert caught.value.details == (
            "it costs $0.30; $0.60 of $0.60 is spent or reserved; charged: nothing",
        )
        assert caught.value.hint is not None
        assert "budget.per_apply" in caught.value.hint
        assert len(store.latest()) == len(store.log()) == 2


def test_the_month_counts_every_run_and_a_run_only_itself(tmp_path: Path) -> None:
    """Another run's purchases do not use up this run's budget, but they do use up the month's."""
    with Store.open(tmp_path / "a.db") as store:
        store.intend(a_purchase(1, created_at=NOW - DAY), limits(), RunId("before"))
        store.intend(a_purchase(2), limits(), RunId("beside"))
        store.intend(a_purchase(3), limits(per_run=300_000, per_month=900_000), RUN)
        with pytest.raises(BudgetError, match="over budget"):
            store.intend(a_purchase(4), limits(per_month=900_000), RUN)
        assert store.spent(NOW - 3 * DAY) == 900_000
        assert store.spent(NOW) == 600_000
        assert store.spent(NOW, RUN) == 300_000


@pytest.mark.parametrize("phase", Phase)
def test_only_what_surely_cost_nothing_is_given_back(tmp_path: Path, phase: Phase) -> None:
    """In doubt counts as paid, and so does a failed task."""
    with Store.open(tmp_path / "a.db") as store:
        store.adopt([a_purchase(1, phase=phase)], NOW, RUN)
        assert store.spent(NOW) == (300_000 if phase in COUNTS_AS_SPENT else 0)


def test_an_unknown_price_counts_as_nothing(tmp_path: Path) -> None:
    """Whoever sets a budget refuses unknown prices before they come here."""
    with Store.open(tmp_path / "a.db") as store:
        store.intend(a_purchase(1, price=None), limits(per_run=0, per_month=0), RUN)
        assert store.spent(NOW) == 0


def test_the_same_attempt_cannot_be_intended_twice(tmp_path: Path) -> None:
    """The database itself refuses a second row for an attempt at a take."""
    one = a_purchase(1)
    with Store.open(tmp_path / "a.db") as store:
        store.intend(one, limits(), RUN)
        with pytest.raises(StateError, match="already holds something else"):
            store.intend(replace(one, id="another"), limits(), RUN)  # type: ignore[arg-type]
        assert len(store.log()) == 1


def test_many_threads_together_stay_within_the_limit(tmp_path: Path) -> None:
    """Check and reservation are one step."""
    with Store.open(tmp_path / "a.db") as store:

        def attempt(number: int) -> bool:
            try:
                store.intend(a_purchase(number), limits(per_run=10 * 300_000), RUN)
            except BudgetError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(attempt, range(40))) == 10
        assert store.spent(NOW) == 3_000_000


_PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from state_examples import a_purchase, RUN
from test_state_budget import limits
from reconciler.errors import BudgetError
from reconciler.state.store import Store
first = int(sys.argv[2])
with Store.open(Path(sys.argv[1])) as store:
    for number in range(first, first + 15):
        try:
            store.intend(a_purchase(number), limits(per_month=20 * 300_000), RUN)
        except BudgetError:
            pass
"""


def test_many_processes_together_stay_within_the_limit(tmp_path: Path) -> None:
    """They even create the database at the same time."""
    path, here = tmp_path / "new" / "a.db", str(Path(__file__).parent)
    processes = [
        subprocess.Popen([sys.executable, "-c", _PROCESS, str(path), str(100 * number), here])
        for number in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    with Store.open(path, read_only=True) as store:
        assert store.spent(NOW) == 6_000_000
        assert len(store.latest()) == 20
