"""The limits as values: how fast requests may leave, and how many tasks may be in flight."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pace_play import HOUR, MINUTE, Play, fullest

from reconciler.engine.pace import InFlight, Rate, Slots

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
