"""Every way to the fixed point: on roads and grids whose equilibrium is known by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.coupling.fixed_point import Answer, Roads, solve
from cosim.coupling.methods.base import Query, Round
from cosim.coupling.methods.iterate import Iterate
from cosim.coupling.methods.newton import Newton, symmetric_root
from cosim.errors import InputError

ALL = ("auto", "iterate", "admm", "newton")
START = np.array([[700.0]])


def linear_roads(load_mw, slope, **offered):
    """Loads ``a - B p``: what drivers do to first order; B symmetric, >= 0."""

    def rising(price, beta, start):
        load = np.linalg.solve(np.eye(len(slope)) + beta * slope, load_mw - slope @ price)
        return load, None

    return Roads(
        respond=lambda p, start: (load_mw - slope @ p, None),
        steepness=lambda p, _: slope[np.newaxis],
        value_per_h=lambda p, _: float((load_mw.T @ p - 0.5 * p.T @ slope @ p).item()),
        respond_rising=rising,
        **offered,
    )


def quadratic_grid(base, curvature):
    """Cost ``base.d + 1/2 d.K.d``; a query that may move the loads has a linear system for an answer."""

    def answer(query):
        load = query.load_mw
        if query.root is not None:
            root = query.root[0]
            pull = root @ (query.price_per_mwh - base - curvature @ load)
            load = load + root @ np.linalg.solve(np.eye(len(root)) + root @ curvature @ root, pull)
        cost = float((base.T @ load + 0.5 * load.T @ curvature @ load).item())
        return Answer(price_per_mwh=base + curvature @ load, load_mw=load, cost_per_h=cost)

    return answer


def kinked_grid(at_mw=1.5, low=500.0, high=1000.0):
    """Cost ``low d``, from ``at_mw`` on ``high d``: at the kink every price between the two is right (one station)."""

    def answer(query):
        load = query.load_mw.copy()
        price = np.where(load > at_mw, high, low)
        if query.root is not None:
            square = query.root[0] ** 2
            below, above = (load - square * (p - query.price_per_mwh) for p in (low, high))
            load = np.where(below < at_mw, below, np.where(above > at_mw, above, at_mw))
            price = query.price_per_mwh - (load - query.load_mw) / square
        cost = float((low * load + (high - low) * np.maximum(load - at_mw, 0.0)).item())
        return Answer(price_per_mwh=price, load_mw=load, cost_per_h=cost)

    return answer


@given(seed=st.integers(0, 10_000), strength=st.floats(0.02, 30.0))
def test_all_methods_meet_the_linear_systems_solution(seed, strength):
    random = np.random.default_rng(seed)
    factor = random.normal(size=(3, 3))
    curvature = strength * 100.0 * (np.eye(3) + 0.2 * factor @ factor.T)
    slope = 0.002 * (np.eye(3) - np.full((3, 3), 1.0 / 3.0))
    base, load = random.uniform(400.0, 700.0, (3, 1)), np.array([[1.0], [0.5], [0.8]])
    exact = np.linalg.solve(np.eye(3) + curvature @ slope, base + curvature @ load)
    for method in ("newton", "admm", *(["iterate"] if strength < 3.0 else [])):
        loop = solve(linear_roads(load, slope), quadratic_grid(base, curvature), np.full((3, 1), 700.0), method=method)
        assert loop.converged, method
        assert loop.load_mw == pytest.approx(load - slope @ exact, abs=3e-6)
        assert loop.load_mw.sum() == pytest.approx(load.sum(), abs=1e-9)  # nobody is lost


@pytest.mark.parametrize(
    ("answered", "prices"),
    [
        (lambda p: 900.0 - p, [200.0, 700.0, 450.0]),  # a line: its fixed point by the third price
        (lambda p: p + 80.0, [200.0, 280.0, 320.0, 340.0, 350.0]),  # ever as far off: half the step each time
    ],
)
def test_iterate_takes_aitkens_step(answered, prices):
    roads = linear_roads(np.array([[1.0]]), np.array([[0.001]]))
    found = []
    method, query = Iterate().first(roads, np.array([[200.0]]), None)
    for _ in prices:
        found.append(query.price_per_mwh.item())
        answer = Answer(price_per_mwh=answered(query.price_per_mwh), load_mw=query.load_mw, cost_per_h=0.0)
        done = Round(query=query, answer=answer, load_mw=query.load_mw, detail=None, residual_mw=1.0, start=None)
        method, query = method.next(roads, done)
    assert found == pytest.approx(prices)


@given(strength=st.floats(0.0, 50.0), first=st.floats(-500.0, 5000.0))
def test_newton_is_exact_after_one_round_where_the_roads_are_linear(strength, first):
    slope, load = np.array([[0.002]]), np.array([[3.0]])
    grid = quadratic_grid(np.array([[500.0]]), np.array([[100.0 * strength]]))
    loop = solve(linear_roads(load, slope, keeps_total=False), grid, np.array([[first]]), method="newton")
    assert (loop.converged, loop.rounds) == (True, 1)


def test_newton_goes_half_the_way_where_the_whole_raises_the_dual_objective():
    """From p = 0 to 1 the dual is C* - value = (4 - s) - (s - 3 s^2): at s = 1 above, at 1/2 below; C* there is 3.5."""
    roads = Roads(
        respond=lambda p, start: (np.ones((1, 1)), None), value_per_h=lambda p, _: float((p - 3.0 * p**2).item()),
        steepness=lambda p, _: np.full((1, 1, 1), 0.25),
    )  # fmt: skip
    query = Query(price_per_mwh=np.zeros((1, 1)), load_mw=np.ones((1, 1)))
    answer = Answer(price_per_mwh=np.ones((1, 1)), load_mw=np.ones((1, 1)), cost_per_h=-2.0)
    done = Round(query=query, answer=answer, load_mw=np.ones((1, 1)), detail=None, residual_mw=1.0)
    method, following = Newton(conjugate=4.0, residual=1.0).next(roads, done)
    assert following.price_per_mwh.item() == pytest.approx(0.5)
    assert method.conjugate == pytest.approx(3.5)


@pytest.mark.parametrize("method", ["auto", "newton", "admm"])
def test_at_a_jump_of_the_price_load_and_price_settle_in_between(method):
    """Best responses cycle: 2 MW at 500, 1 MW at 1000. Drivers who are 1.5 MW at 750 are the equilibrium."""
    roads = linear_roads(np.array([[3.0]]), np.array([[0.002]]), keeps_total=False)
    loop = solve(roads, kinked_grid(), START, method=method)
    assert loop.converged
    assert loop.load_mw == pytest.approx(1.5, abs=2e-6)
    assert loop.price_per_mwh == pytest.approx(750.0, abs=1e-2)
    cycling = solve(roads, kinked_grid(), START, method="iterate")
    assert not cycling.converged


@pytest.mark.parametrize("first", [0.0, 700.0, 3000.0, 20_000.0])
def test_newton_finds_back_from_prices_at_which_nobody_comes(first):
    """Two stations, one logit: at 20,000 apart the slope is nothing, and a full step would go anywhere."""
    demand, energy, theta = 3.0, 0.02, 0.1 * 0.02 / 0.5

    def share(p):
        return 1.0 / (1.0 + np.exp(np.clip(theta * (p[0, 0] - p[1, 0]), -700, 700)))

    def respond(p, start):
        return demand * np.array([[share(p)], [1.0 - share(p)]]), None

    def steepness(p, _):
        w = demand * theta * share(p) * (1.0 - share(p))
        return w * np.array([[[1.0, -1.0], [-1.0, 1.0]]])

    def value(p, _):
        return -demand / theta * float(np.logaddexp(-theta * p[0, 0], -theta * p[1, 0]))

    roads = Roads(respond=respond, steepness=steepness, value_per_h=value)
    grid = quadratic_grid(np.array([[500.0], [560.0]]), np.diag([40.0, 90.0]))
    loop = solve(roads, grid, np.array([[first], [700.0]]), method="newton")
    assert loop.converged
    assert loop.rounds <= 25
    price = np.array([[500.0], [560.0]]) + np.diag([40.0, 90.0]) @ loop.load_mw
    assert loop.load_mw[0, 0] == pytest.approx(demand * share(price), abs=1e-6)
    assert energy * demand > 0


def test_at_the_cap_the_best_round_is_asked_once_more_and_kept():
    asked = []
    grid = kinked_grid()

    def answer(query):
        asked.append(query)
        return grid(query)

    roads = linear_roads(np.array([[3.0]]), np.array([[0.002]]), keeps_total=False)
    loop = solve(roads, answer, np.array([[900.0]]), method="iterate", round_limit=7)
    assert not loop.converged
    assert loop.rounds == len(loop.history) == 7
    assert loop.residual_mw == min(loop.history)
    assert asked[-1].load_mw == loop.load_mw
    assert loop.load_mw == roads.respond(loop.price_per_mwh, None)[0]


@pytest.mark.parametrize("method", ALL)
def test_an_answer_that_is_no_number_never_ends_as_converged(method):
    seen = []

    def respond(price, start=None):
        seen.append(price)
        return np.array([[3.0]]) - 0.002 * price, None

    roads = Roads(
        respond=respond, steepness=lambda p, _: np.array([[[0.002]]]), respond_rising=lambda p, b, start: respond(p)
    )
    nothing = np.array([[np.nan]])
    loop = solve(roads, lambda query: Answer(price_per_mwh=nothing, load_mw=nothing), START, method=method)
    assert not loop.converged
    assert np.isnan(loop.residual_mw)
    assert all(np.isfinite(price).all() for price in seen)


@pytest.mark.parametrize("method", ["admm", "iterate"])
def test_after_a_lost_answer_the_best_round_before_it_is_the_result(method):
    roads = linear_roads(np.array([[3.0]]), np.array([[0.002]]), keeps_total=False)
    grid, calls = kinked_grid(), []

    def answer(query):
        calls.append(query)
        lost = np.array([[np.nan]])
        return Answer(price_per_mwh=lost, load_mw=lost) if len(calls) == 2 else grid(query)

    loop = solve(roads, answer, np.array([[900.0]]), method=method, tolerance_mw=1e-15)
    assert not loop.converged
    assert len(calls) == 3
    assert calls[2].load_mw == calls[0].load_mw
    assert np.isfinite(loop.residual_mw)


def test_auto_goes_on_with_what_the_roads_offer():
    roads = linear_roads(np.array([[3.0]]), np.array([[0.002]]), keeps_total=False)
    assert solve(roads, kinked_grid(), START).method.name == "newton"
    blind = Roads(respond=roads.respond, respond_rising=roads.respond_rising, keeps_total=False)
    loop = solve(blind, kinked_grid(), START)
    assert loop.method.name == "iterate, admm"
    assert loop.converged
    smooth = quadratic_grid(np.array([[500.0]]), np.array([[100.0]]))
    assert solve(blind, smooth, START).method.name == "iterate"


def test_newton_on_roads_without_a_slope_says_what_to_do():
    with pytest.raises(InputError, match="use 'admm' or 'auto'"):
        solve(Roads(respond=lambda p, start: (p, None)), kinked_grid(), START, method="newton")


@pytest.mark.parametrize("method", ["newton", "admm", "auto"])
def test_days_are_solved_as_one(method):
    base = np.array([[500.0, 600.0, 450.0]])
    roads = Roads(
        respond=lambda p, start: (3.0 - 0.002 * p, None),
        steepness=lambda p, _: np.full((3, 1, 1), 0.002),
        value_per_h=lambda p, _: float((3.0 * p - 0.001 * p**2).sum()),
        respond_rising=lambda p, b, start: ((3.0 - 0.002 * p) / (1.0 + 0.002 * b), None),
        keeps_total=False,
    )

    def answer(query):
        load = query.load_mw
        if query.root is not None:
            square = query.root[:, 0, 0] ** 2
            load = load + square * (query.price_per_mwh - base - 300.0 * load) / (1.0 + 300.0 * square)
        cost = float((base * load + 150.0 * load**2).sum())
        return Answer(price_per_mwh=base + 300.0 * load, load_mw=load, cost_per_h=cost)

    loop = solve(roads, answer, np.full((1, 3), 700.0), method=method)
    assert loop.converged
    assert loop.price_per_mwh == pytest.approx((base + 900.0) / 1.6, rel=1e-5)


@given(seed=st.integers(0, 10_000), rank=st.integers(0, 4))
def test_the_root_of_a_slope_squares_to_it_and_keeps_its_null_directions(seed, rank):
    factor = np.random.default_rng(seed).normal(size=(2, 4, rank))
    matrices = factor @ np.swapaxes(factor, 1, 2)
    root = symmetric_root(matrices)
    assert np.allclose(root @ root, matrices, atol=1e-10)
    assert np.allclose(root, np.swapaxes(root, 1, 2))
    for one, matrix in zip(root, matrices, strict=True):
        null = np.linalg.svd(matrix)[0][:, rank:]
        assert np.allclose(one @ null, 0.0, atol=1e-5)
