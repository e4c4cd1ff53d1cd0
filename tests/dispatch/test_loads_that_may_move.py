"""A dispatch that may move the charging loads: what it does with them, and that nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.dispatch import controller as controllers
from cosim.dispatch import solving
from cosim.dispatch.backends import scs
from cosim.dispatch.consent import Proposal
from cosim.dispatch.controller import Controller
from cosim.dispatch.problem import DispatchProblem
from cosim.errors import ComponentError, DependencyError

LOAD = np.array([[0.3], [0.5], [0.2]])


@pytest.fixture(scope="module")
def hour(small_case):
    case = small_case().dispatch
    return replace(case, settings=replace(case.settings, mode="single_period"))


@pytest.fixture(scope="module")
def controller(hour):
    return Controller(hour, polish=True)


def proposal(price, root):
    return Proposal(price_per_mwh=np.full((3, 1), price) if np.isscalar(price) else price, root=root[np.newaxis])


def test_without_a_root_the_loads_stay_and_the_dispatch_is_the_plain_one(controller):
    plain, still = controller.plan(0, LOAD), controller.plan(0, LOAD, proposal(700.0, np.zeros((3, 3))))
    assert (still.ev_mw == LOAD).all()
    assert still.total_cost == pytest.approx(plain.total_cost, rel=1e-10)
    assert still.station_price_per_mwh == pytest.approx(plain.station_price_per_mwh, rel=1e-8)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), size=st.floats(1e-3, 3e-2))
def test_the_loads_move_by_the_root_squared_times_what_they_save(controller, seed, size):
    random = np.random.default_rng(seed)
    root = size * (np.eye(3) - 1.0 / 3.0)
    price = random.uniform(300.0, 900.0, (3, 1))
    plan = controller.plan(0, LOAD, proposal(price, root))
    expected = LOAD + root @ root @ (price - plan.station_price_per_mwh)
    if (plan.ev_mw > 1e-6).all():  # else the bound at no load has a say
        assert plan.ev_mw == pytest.approx(expected, abs=1e-8)
    assert plan.ev_mw.sum() == pytest.approx(LOAD.sum(), abs=1e-9)
    assert (plan.ev_mw >= -1e-9).all()
    assert np.abs(plan.energy_balance_mw()).max() <= 1e-8


def test_the_plan_is_that_of_the_loads_consented_to(controller):
    """Cost, prices and bounds are those of a dispatch of exactly these loads: the pull is not in them."""
    moved = controller.plan(0, LOAD, proposal(600.0, 0.02 * np.eye(3)))
    plain = controller.plan(0, moved.ev_mw)
    assert np.abs(moved.ev_mw - LOAD).max() > 1e-3
    assert moved.total_cost == pytest.approx(plain.total_cost, rel=1e-9)
    assert moved.station_price_per_mwh == pytest.approx(plain.station_price_per_mwh, rel=1e-7)
    assert moved.record.primal_objective == pytest.approx(plain.record.primal_objective, rel=1e-9)
    assert moved.lower_bound <= plain.total_cost.sum() * (1 + 1e-9)
    assert set(moved.cost) == set(plain.cost)


def test_the_price_of_a_station_is_the_slope_of_the_cost_over_its_load(controller):
    plan, step = controller.plan(0, LOAD), 1e-3
    for n in range(3):
        bump = step * (np.arange(3) == n)[:, np.newaxis]
        ahead, behind = (float(controller.plan(0, LOAD + sign * bump).total_cost.sum()) for sign in (1.0, -1.0))
        assert plan.station_price_per_mwh[n, 0] == pytest.approx((ahead - behind) / (2 * step), abs=1e-4)


def test_where_all_of_a_load_is_curtailed_its_price_is_that_of_curtailment(hour):
    feeder = replace(hour.feeder, v_min_pu=np.full(hour.feeder.n_buses, 1.02))
    plan = Controller(replace(hour, feeder=feeder), polish=True).plan(0, LOAD)
    gone = plan.ev_curtailed_mw[:, 0] >= LOAD[:, 0] - 1e-9
    assert gone.any()
    assert plan.station_price_per_mwh[gone, 0] == pytest.approx(2000.0, abs=1e-5)
    assert (plan.price_per_mwh[list(hour.station_buses), 0][gone] > 2000.0).all()


@pytest.mark.parametrize(
    ("price", "root"),
    [(np.full((3, 1), np.nan), np.eye(3)), (np.full((3, 1), 700.0), np.full((3, 3), np.inf))],
)
def test_a_proposal_that_is_no_number_is_refused(price, root):
    with pytest.raises(ComponentError, match="not finite"):
        proposal(price, root)


def test_a_proposal_of_the_wrong_shape_is_refused(controller):
    with pytest.raises(ComponentError, match="root has shape"):
        Proposal(price_per_mwh=np.zeros((3, 1)), root=np.zeros((1, 2, 2)))
    with pytest.raises(ComponentError, match=r"proposal for \(3, 2\)"):
        controller.plan(0, LOAD, Proposal(price_per_mwh=np.zeros((3, 2)), root=np.zeros((2, 3, 3))))


def test_a_small_licence_is_asked_for_the_model_with_loads_that_may_move(small_case):
    """Three more variables: a single hour still fits 200 with quadratic terms, a day does not and says so."""
    pytest.importorskip("gurobipy")
    from cosim.dispatch.backends import gurobi
    from cosim.dispatch.solving import require_solver

    case = small_case().dispatch
    if gurobi.licence().kind != "size-limited":
        pytest.skip("this is about the licence that ends at 200 variables")
    single = replace(case, settings=replace(case.settings, mode="single_period", solver="gurobi"))
    require_solver(single, movable=True)
    plan = Controller(single).plan(0, LOAD, proposal(600.0, 0.02 * np.eye(3)))
    ours = Controller(replace(single, settings=replace(single.settings, solver="auto"))).plan(
        0, LOAD, proposal(600.0, 0.02 * np.eye(3))
    )
    assert plan.record.backend == "gurobi"
    assert plan.ev_mw == pytest.approx(ours.ev_mw, abs=1e-6)
    with pytest.raises(DependencyError, match="ends at 200 with quadratic terms"):
        require_solver(replace(case, settings=replace(case.settings, solver="gurobi")), movable=True)


def test_a_station_that_no_price_moves_but_for_rounding_is_one_that_none_moves(controller):
    """A row of 1e-19 was scaled to 1 and its load of 1.8 kW with it to 1e14: the solver took that for unbounded."""
    still = 0.02 * (np.eye(3) - np.array([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]))
    rounded = still + 1e-19 * np.array([[0.0, -4.0, 0.0], [-4.0, 0.0, -2.0], [0.0, -2.0, 0.0]])
    load = np.array([[0.3], [1.8e-3], [0.2]])
    expected, plan = (controller.plan(0, load, proposal(600.0, root)) for root in (still, rounded))
    assert plan.record.retries == ()
    assert plan.record.primal_residual <= 1e-12
    assert plan.ev_mw == pytest.approx(expected.ev_mw, abs=1e-10)
    assert plan.station_price_per_mwh == pytest.approx(expected.station_price_per_mwh, rel=1e-8)


@pytest.mark.parametrize(("load", "asked"), [(100.0 * LOAD, 0), (LOAD, 1)])
def test_a_stalled_solver_is_believed_where_the_loads_settled_on_cannot_be_served(hour, monkeypatch, load, asked):
    """No split of 100 MW can be served: that they are cut needs no further proof. What can be served is asked again."""
    calls, solve = [], DispatchProblem.solve

    def stalling(problem, window, states, **options):
        plan = solve(problem, window, states, **options)
        calls.extend([scs] if options.get("backend") is scs else [])
        first = problem.movable and not problem.elastic and options.get("backend") is None
        return replace(plan, record=replace(plan.record, status="not_converged")) if first else plan

    monkeypatch.setattr(DispatchProblem, "solve", stalling)
    monkeypatch.setattr(solving, "serves_all", lambda plan, limits: False)
    plan = Controller(hour).plan(0, load, proposal(600.0, 0.02 * np.eye(3)))
    assert len(calls) == asked
    assert plan.record.usable
    assert (plan.ev_curtailed_mw.sum() > 50.0) == (asked == 0)


@pytest.mark.parametrize("rounds", [0, 1, 8])
def test_what_persists_is_the_load_dispatched_however_few_rounds_it_is_given(small_case, monkeypatch, rounds):
    """Else later periods would be planned for another load than the one that is told to persist, and nobody told."""
    case = small_case().dispatch
    case = replace(case, settings=replace(case.settings, forecast="persistence"))
    monkeypatch.setattr(controllers, "STANDING_ROUNDS", rounds)
    load = np.repeat(LOAD, case.periods, axis=1)
    plan = Controller(case, polish=True).plan(0, load, proposal(600.0, 0.02 * np.eye(3)))
    assert np.abs(plan.ev_mw[:, :1] - LOAD).max() > 1e-3
    np.testing.assert_allclose(plan.ev_mw[:, 1:], np.repeat(plan.ev_mw[:, :1], case.periods - 1, axis=1), atol=1e-8)
