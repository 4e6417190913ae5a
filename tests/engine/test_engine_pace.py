"""The limits as values: how fast requests may leave, and how many tasks may be in flight."""

import heapq
import itertools
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf, isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.engine.pace import InFlight, Leave, Rate, Slots

MINUTE = 60.0
HOUR = 60 * MINUTE


class Agenda:
    """What happens when, in one made-up time."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.dice = random.Random(seed)  # noqa: S311 - no secret
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), do))

    def run(self, until: float) -> None:
        """Let everything happen that happens before."""
        while self._events and self._events[0][0] < until:
            self.now, _, do = heapq.heappop(self._events)
            do()


class Server:
    """An API that takes so many requests in any minute, and refuses all others."""

    def __init__(self, agenda: Agenda, limit: float) -> None:
        self.limit = limit
        self.arrivals: list[float] = []
        self._agenda = agenda
        self._taken: deque[float] = deque()

    def takes(self) -> bool:
        """Count a request; say whether it gets through."""
        self.arrivals.append(self._agenda.now)
        while self._taken and self._taken[0] <= self._agenda.now - MINUTE:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            return False
        self._taken.append(self._agenda.now)
        return True


class Client:
    """Somebody who always has one more request, and waits 1, 4, 16, 30 s after a refusal."""

    def __init__(self, agenda: Agenda, server: Server, rate: Rate) -> None:
        self.rate = rate
        self.served: list[float] = []
        self.refused: list[float] = []
        self._agenda = agenda
        self._server = server
        self._in_a_row = 0
        self._comes_at = inf
        agenda.after(agenda.dice.uniform(0, 5), self.go)

    def go(self) -> None:
        """Send a request, or come back when one may leave; after an answer in any case."""
        delay = self.rate.delay(self._agenda.now)
        if delay > 0:
            self._come_again(self._agenda.now + delay)
            return
        leave = self.rate.leave(self._agenda.now, submits=True)
        self._agenda.after(self._trip(), partial(self._arrives, leave))
        self._agenda.after(0.001, self.go)

    def _come_again(self, moment: float) -> None:
        """Be there at that moment; only the last one that was agreed on counts."""

        def come() -> None:
            if self._comes_at == moment:
                self.go()

        if isfinite(moment) and moment != self._comes_at:
            self._agenda.after(moment - self._agenda.now, come)
        self._comes_at = moment

    def _trip(self) -> float:
        return self._agenda.dice.uniform(0.01, 0.5)

    def _arrives(self, leave: Leave) -> None:
        is_through = self._server.takes()
        self._agenda.after(self._trip(), partial(self._back, leave, is_through=is_through))

    def _back(self, leave: Leave, *, is_through: bool) -> None:
        now = self._agenda.now
        (self.served if is_through else self.refused).append(now)
        self._in_a_row = 0 if is_through else self._in_a_row + 1
        if not is_through:
            wait = min(30.0, 4.0 ** (self._in_a_row - 1))
            self.rate.pause(now, wait * self._agenda.dice.uniform(1, 1.25))
        self.rate.back(now, leave, is_refused=not is_through)
        self.go()


class Play:
    """Clients with limiters of their own at one server, over a network that varies."""

    def __init__(self, limit: float, *rates: Rate, seed: int = 0) -> None:
        self.agenda = Agenda(seed)
        self.server = Server(self.agenda, limit)
        self.clients = [Client(self.agenda, self.server, rate) for rate in rates]

    def until(self, moment: float) -> "Play":
        """Let time pass."""
        self.agenda.run(moment)
        return self


def fullest(moments: list[float], window: float) -> int:
    """Return how many lie in the fullest window."""
    return max(
        (bisect_left(moments, start + window) - n for n, start in enumerate(moments)), default=0
    )


ceilings = st.sampled_from([0.5, 1.0, 1.5, 4.0, 10.0, 60.0])
seeds = st.integers(0, 1000)


@settings(max_examples=40)
@given(ceilings, st.sampled_from([1.0, 20.0]), st.sampled_from([0, 2, 7, inf]), seeds)
def test_no_window_holds_more_than_the_ceiling(
    per_minute: float, haste: float, limit: float, seed: int
) -> None:
    """Neither as they leave nor as they arrive, whatever the network does and the API answers."""
    play = Play(limit, Rate(per_minute, haste), seed=seed).until(4 * MINUTE)
    window = MINUTE * max(1.0, 1 / per_minute) / haste
    assert fullest(play.server.arrivals, window - 1e-6) <= max(1, int(per_minute))


@settings(max_examples=40)
@given(ceilings, seeds)
def test_an_api_that_allows_as_much_is_used_almost_fully(per_minute: float, seed: int) -> None:
    """Nobody waits for longer than the minute after an answer; nothing is refused."""
    (client,) = Play(inf, Rate(per_minute), seed=seed).until(HOUR).clients
    windows = HOUR / (MINUTE * max(1.0, 1 / per_minute) + 1.01)
    assert len(client.served) >= int(windows) * max(1, int(per_minute)) * 0.98
    assert client.refused == []


@settings(max_examples=25)
@given(st.integers(1, 30), st.sampled_from([30.0, 60.0]), seeds)
def test_the_real_limit_is_found(limit: int, ceiling: float, seed: int) -> None:
    """Most of what the API allows is used, and few requests run into its wall."""
    (client,) = Play(limit, Rate(ceiling), seed=seed).until(HOUR).clients
    served = [at for at in client.served if at > 10 * MINUTE]
    refused = [at for at in client.refused if at > 10 * MINUTE]
    assert len(served) >= 0.5 * limit * 50
    assert len(refused) < 50


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 300), st.booleans()), max_size=40), ceilings)
def test_nobody_starves(refusals: list[tuple[float, bool]], per_minute: float) -> None:
    """However often and whenever an API refuses: a pause and a window later one may leave."""
    rate, now = Rate(per_minute), 0.0
    window = MINUTE * max(1.0, 1 / per_minute)
    for wait, is_refused in refusals:
        now += wait
        if rate.delay(now) > 0:
            continue
        leave = rate.leave(now, submits=True)
        rate.back(now + 0.1, leave, is_refused=is_refused)
        now += 0.1
        if is_refused:
            rate.pause(now, 30.0)
        assert rate.delay(now) <= max(30.0, window) + 1e-6
    assert rate.delay(now + 30 + window) == 0


@settings(max_examples=25)
@given(st.integers(0, 5), st.sampled_from([1.0, 10.0, 60.0]), seeds)
def test_calm_restores_everything(limit: int, ceiling: float, seed: int) -> None:
    """Seven quiet minutes after the API has recovered, nothing is left of the trouble."""
    play = Play(limit, Rate(ceiling), seed=seed).until(10 * MINUTE)
    play.server.limit = inf
    (client,) = play.until(18 * MINUTE).clients
    assert client.rate.allowed == client.rate.ceiling
    play.until(30 * MINUTE)
    recent = [at for at in client.served if at >= 20 * MINUTE]
    assert len(recent) >= 0.9 * 10 * ceiling


@settings(max_examples=15)
@given(st.integers(4, 40), st.sampled_from([(60.0, 60.0), (60.0, 45.0)]), seeds)
def test_two_clients_share_a_limit_fairly(
    limit: int, ceilings: tuple[float, float], seed: int
) -> None:
    """Neither knows of the other; each gets at least a quarter of what both get."""
    play = Play(limit, *map(Rate, ceilings), seed=seed).until(90 * MINUTE)
    got = [len([at for at in one.served if at > 20 * MINUTE]) for one in play.clients]
    assert min(got) >= sum(got) / 4
    assert sum(got) >= 0.5 * limit * 70


def test_who_is_slow_enough_never_waits() -> None:
    """There is room in the minute."""
    rate = Rate(3)
    for moment in (0.0, 10.0, 20.0, 60.5):
        assert rate.delay(moment) == 0
        rate.back(moment + 0.1, rate.leave(moment, submits=True), is_refused=False)


def test_a_request_that_nobody_has_answered_keeps_its_place() -> None:
    """The API may count it at any moment until its answer is here."""
    rate = Rate(1)
    leave = rate.leave(0.0, submits=True)
    assert rate.delay(100.0) == inf
    rate.back(100.0, leave, is_refused=False)
    assert rate.delay(100.0) == 60.0


def test_a_permission_that_was_not_used_is_nobodys() -> None:
    """Nothing was sent, so nothing counts."""
    rate = Rate(1)
    rate.unused(rate.leave(0.0, submits=True))
    assert rate.delay(0.0) == 0


def answered(rate: Rate, now: float, *, is_refused: bool) -> None:
    """Send a request and get its answer at once."""
    rate.back(now, rate.leave(now, submits=True), is_refused=is_refused)


def test_after_a_refusal_less_than_what_got_through_is_tried() -> None:
    """Ten got through in a minute, the eleventh did not: eight, evenly spread."""
    rate = Rate(60)
    for _ in range(10):
        answered(rate, 0.0, is_refused=False)
    answered(rate, 1.0, is_refused=True)
    assert rate.allowed == pytest.approx(8)
    assert rate.delay(1.0) == pytest.approx(59.0)
    answered(rate, 60.0, is_refused=False)
    assert rate.delay(60.0) == pytest.approx(MINUTE / 8)


def test_requests_refused_side_by_side_are_one_refusal() -> None:
    """What left before the first refusal was known says nothing new; what got through does."""
    rate = Rate(60)
    leaves = [rate.leave(0.0, submits=True) for _ in range(10)]
    for n, leave in enumerate(leaves):
        rate.back(1.0, leave, is_refused=n % 2 == 0)
    assert rate.allowed == pytest.approx(1 + 5 * 0.8)


def test_trust_grows_with_every_quiet_minute() -> None:
    """By one, by two, by four; a new refusal starts it anew."""
    rate = Rate(60)
    answered(rate, 0.0, is_refused=True)
    seen = []
    for minute in range(1, 8):
        rate.delay(minute * MINUTE)
        seen.append(rate.allowed)
    assert seen == [2, 4, 8, 16, 32, 60, 60]


def test_an_api_that_names_the_time_is_believed() -> None:
    """One may come when its own Retry-After is over; the next one goes by what was learned."""
    rate = Rate(60)
    answered(rate, 0.0, is_refused=False)
    answered(rate, 0.0, is_refused=True)
    rate.pause(0.0, 7.0, invites=True)
    assert rate.delay(0.0) == 7.0
    answered(rate, 7.0, is_refused=False)
    assert rate.delay(7.0) > 50


def test_an_invitation_never_beats_the_ceiling() -> None:
    """What is configured is never exceeded."""
    rate = Rate(2)
    answered(rate, 0.0, is_refused=False)
    answered(rate, 0.0, is_refused=True)
    rate.pause(0.0, 7.0, invites=True)
    assert rate.delay(0.0) == 60.0


def test_pauses_do_not_shorten_each_other() -> None:
    """The longest one counts."""
    rate = Rate(60)
    rate.pause(0.0, 30.0)
    rate.pause(1.0, 2.0)
    assert rate.delay(1.0) == 29.0


@given(st.integers(-3, 20), st.lists(st.sampled_from("als"), max_size=200))
def test_tasks_in_flight_stay_within_their_limits(most: int, story: list[str]) -> None:
    """Never more than configured, none above what was refused, and always room for a first one."""
    flight = InFlight(most)
    for step in story:
        if step == "a" and flight.has_room():
            flight.accepted()
        elif step == "l":
            flight.limited()
            assert not flight.has_room() or flight.tasks == 0
        elif step == "s" and flight.tasks:
            flight.ended()
        assert flight.tasks <= max(1, most)
        assert flight.has_room() or flight.tasks > 0


def test_a_refusal_with_three_in_flight_leaves_three() -> None:
    """It grows again by success, up to what is configured."""
    flight = InFlight(10)
    for _ in range(3):
        flight.accepted()
    flight.limited()
    accepted = 0
    while flight.allowed < 10:
        flight.ended()
        assert flight.has_room()
        flight.accepted()
        accepted += 1
    assert accepted == sum(range(3, 10))


def test_a_submission_on_its_way_holds_a_place() -> None:
    """It may become a task at any moment."""
    flight = InFlight(2)
    flight.resumed()
    flight.sending = 1
    assert not flight.has_room()


@pytest.mark.parametrize("size", [-5, 0, 1])
def test_at_least_one_slot_is_left(size: int) -> None:
    """Tasks that nobody waits for may hold all the others."""
    assert Slots(size).free == 1
