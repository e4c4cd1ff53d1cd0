"""The loop between price and load: converges, is damped, stops, and says so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.coupling.fixed_point import Answer, Roads, begin, solve

START = np.array([700.0])


def iterate(respond, dispatch, price, **options):
    """Best response between functions of price and load."""

    def answer(query):
        return Answer(price_per_mwh=dispatch(query.load_mw), load_mw=query.load_mw)

    return solve(Roads(respond=lambda p, start: respond(p)), answer, price, method="iterate", **options)


def drivers(intercept_mw=3.0, slope=0.002):
    """Load falls with the price."""
    return lambda price: (intercept_mw - slope * price, price)


def linear_grid(base=500.0, slope=200.0):
    """The price rises with the load; the loop's slope is ``-0.002 * slope``."""
    return lambda load: base + slope * load


def fixed_price(loop_slope, intercept_mw=3.0, base=500.0, slope=0.002):
    """The price at which both agree, by hand."""
    grid_slope = -loop_slope / slope
    return (base + grid_slope * intercept_mw) / (1.0 - loop_slope)


def plain(respond, dispatch, price, rounds):
    """Undamped best response."""
    for _ in range(rounds):
        price = dispatch(respond(price)[0])
    return price


@given(loop_slope=st.floats(-40.0, 0.0))
def test_one_station_with_linear_sides_is_solved_by_the_secant(loop_slope):
    loop = iterate(drivers(), linear_grid(slope=-loop_slope / 0.002), START, tolerance_mw=1e-9)
    assert loop.converged
    assert loop.rounds <= 4
    assert loop.price_per_mwh[0] == pytest.approx(fixed_price(loop_slope), rel=1e-7)


def test_a_contraction_converges_without_damping():
    loop = iterate(drivers(), linear_grid(slope=100.0), START, tolerance_mw=1e-10)
    assert loop.converged
    assert list(loop.history) == sorted(loop.history, reverse=True)
    assert loop.price_per_mwh[0] == pytest.approx(fixed_price(-0.2), rel=1e-9)


def test_an_expansion_is_damped():
    dispatch = linear_grid(slope=1500.0)  # loop slope -3
    assert abs(plain(drivers(), dispatch, START, 20)[0] - fixed_price(-3.0)) > 1e10
    loop = iterate(drivers(), dispatch, START, tolerance_mw=1e-9)
    assert loop.converged
    assert loop.price_per_mwh[0] == pytest.approx(fixed_price(-3.0), rel=1e-8)


def test_a_cycle_of_two_is_broken():
    dispatch = linear_grid(slope=500.0)  # loop slope -1
    assert plain(drivers(), dispatch, START, 2)[0] == pytest.approx(START[0], rel=1e-12)
    assert plain(drivers(), dispatch, START, 1)[0] != pytest.approx(START[0], rel=0.1)
    loop = iterate(drivers(), dispatch, START, tolerance_mw=1e-9)
    assert loop.converged
    assert loop.price_per_mwh[0] == pytest.approx(fixed_price(-1.0), rel=1e-8)


@given(seed=st.integers(0, 10_000), strength=st.floats(0.05, 3.0))
def test_several_stations_that_share_drivers_and_a_feeder(seed, strength):
    random = np.random.default_rng(seed)
    factor = random.normal(size=(3, 3))
    feeder = strength * 100.0 * (np.eye(3) + 0.2 * factor @ factor.T)  # symmetric, positive: a convex cost
    shift = 0.002 * (np.eye(3) - np.full((3, 3), 1.0 / 3.0))  # drivers go elsewhere, none stays at home
    base = random.uniform(400.0, 700.0, 3)
    loop = iterate(
        lambda p: (np.array([1.0, 0.5, 0.8]) - shift @ p, None), lambda d: base + feeder @ d, np.full(3, 700.0)
    )
    exact = np.linalg.solve(np.eye(3) + feeder @ shift, base + feeder @ np.array([1.0, 0.5, 0.8]))
    assert loop.converged
    assert loop.load_mw == pytest.approx(np.array([1.0, 0.5, 0.8]) - shift @ exact, abs=1e-5)


def test_whole_days_iterate_as_one():
    base = np.array([[500.0, 600.0], [550.0, 400.0]])
    loop = iterate(drivers(), lambda d: base + 300.0 * d, np.full((2, 2), 700.0), tolerance_mw=1e-9)
    assert loop.converged
    assert loop.price_per_mwh == pytest.approx((base + 900.0) / 1.6, rel=1e-8)


def jump(load):
    """A price that jumps: no load answers its own price."""
    return np.where(load > 1.5, 1000.0, 500.0)


def test_at_the_cap_the_loop_says_that_it_did_not_converge():
    asked = []

    def dispatch(load):
        asked.append(load)
        return jump(load)

    loop = iterate(drivers(), dispatch, START, round_limit=17)
    assert not loop.converged
    assert loop.rounds == len(loop.history) == 17
    assert loop.residual_mw == min(loop.history) > loop.tolerance_mw
    assert asked[-1] == loop.load_mw  # the best round, asked once more where it was not the last
    assert len(asked) <= 18


def test_the_result_is_the_last_load_that_was_dispatched_and_the_price_it_answers():
    for limit in (1, 2, 5, 100):
        asked = []

        def dispatch(load, asked=asked):
            asked.append(load.copy())
            return linear_grid(slope=900.0)(load)

        loop = iterate(drivers(), dispatch, START, round_limit=limit)
        assert loop.load_mw == asked[-1]
        assert loop.load_mw == drivers()(loop.price_per_mwh)[0]
        assert loop.detail == loop.price_per_mwh


def test_a_price_that_does_not_depend_on_the_load_ends_after_one_round():
    loop = iterate(drivers(), lambda load: START.copy(), START)
    assert (loop.rounds, loop.residual_mw, loop.converged) == (1, 0.0, True)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_no_number_ends_the_loop_unconverged(bad):
    seen = []

    def respond(price):
        seen.append(price)
        return drivers()(price)

    loop = iterate(respond, lambda load: np.full_like(load, bad), START)
    assert not loop.converged
    assert np.isnan(loop.residual_mw)
    assert loop.rounds == 1
    assert all(np.isfinite(price).all() for price in seen)
    assert loop.load_mw == drivers()(START)[0]


def test_a_load_that_is_no_number_ends_the_loop_unconverged():
    loop = iterate(lambda price: (np.full_like(price, np.nan), None), lambda load: START, START)
    assert not loop.converged
    assert loop.rounds == 1


def test_before_the_first_answer_nothing_is_converged():
    roads = Roads(respond=lambda p, start: drivers()(p))
    loop = begin(roads, START, method="iterate", tolerance_mw=1e-6, round_limit=100)
    assert not loop.converged


def test_the_callers_first_price_is_not_touched():
    first = START.copy()
    iterate(drivers(), linear_grid(), first)
    assert first == START


def test_without_stations_there_is_nothing_to_agree_on():
    loop = iterate(lambda price: (price, None), lambda load: load, np.zeros(0))
    assert (loop.rounds, loop.converged) == (1, True)


@pytest.mark.parametrize("priced", [True, False])
def test_a_load_that_does_not_answer_its_price_ends_only_at_the_price_answered(priced):
    """Nobody charges, or the energy is drawn later: equal loads say nothing of the price that drivers are told."""
    roads = Roads(respond=lambda price, start: (np.zeros_like(price), None), priced=priced)
    loop = solve(
        roads, lambda query: Answer(price_per_mwh=np.full((1, 1), 503.78), load_mw=query.load_mw),
        np.array([[500.0]]), method="iterate",
    )  # fmt: skip
    assert loop.converged
    assert loop.rounds == (2 if priced else 1)
    assert loop.price_per_mwh[0, 0] == (503.78 if priced else 500.0)


@pytest.mark.parametrize("method", ["auto", "newton", "iterate"])
def test_a_loop_does_not_end_before_later_periods_are_foreseen_as_they_will_be(method):
    """Half of who comes draws later, too, and raises the price now: p = 50 s + 30 s / 2, s = 2 - 0.01 p."""

    def respond(price, start):
        load = 2.0 - 0.01 * price
        return load, load

    def dispatch(query):
        later = 30.0 * 0.5 * query.detail
        if query.root is None:
            return Answer(price_per_mwh=50.0 * query.load_mw + later, load_mw=query.load_mw)
        slope = query.root[:, 0, 0] ** 2  # the loads move by -G (price - p)
        moved = (50.0 * (query.load_mw + slope * query.price_per_mwh) + later) / (1.0 + 50.0 * slope)
        return Answer(price_per_mwh=moved, load_mw=query.load_mw - slope * (moved - query.price_per_mwh))

    roads = Roads(
        respond=respond, steepness=lambda price, detail: np.full((1, 1, 1), 0.01),
        later_mw=lambda detail: 0.5 * detail,
    )  # fmt: skip
    loop = solve(roads, dispatch, np.array([[10.0]]), method=method, tolerance_mw=1e-9)
    assert loop.converged
    assert loop.load_mw[0, 0] == pytest.approx(2.0 / 1.65, abs=1e-8)
    assert loop.outlook_gap_mw <= 1e-9
