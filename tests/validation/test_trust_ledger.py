"""The trust ledger tells the truth: of exact answers, of inexact ones, and of tables that were changed."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch.controller import initial_states, make_window
from cosim.dispatch.devices import traits_of
from cosim.dispatch.injection_bounds import import_min_mw, injection_bounds
from cosim.dispatch.solving import WindowSolver
from cosim.grid.engines.pandapower import AcFlow
from cosim.records.period import PeriodRecord
from cosim.results.parts import dispatch_period, grid_period
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.validation.ac_price import ac_price_per_mwh
from cosim.validation.apriori import sufficient_condition
from cosim.validation.gate import GateLimits
from cosim.validation.ledger import LedgerInputs, build_ledger
from cosim.validation.stored import stored_dispatch


def relaxed_day(name, *overrides):
    """Return case and the unrepaired answer of the relaxation for each period alone."""
    built = build_case(load(name, ["dispatch.mode=single_period", *overrides]))
    case = built.dispatch
    solver, states = WindowSolver(case, 1), initial_states(case)
    ev = np.zeros((0, case.periods)) if built.given_load_mw is None else built.given_load_mw
    plans = [solver.relaxed(make_window(case, k, 1, ev[:, k : k + 1]), states) for k in range(case.periods)]
    return case, ev, plans


def stored_from(case, plans):
    """Return what a run would store of these plans."""
    told = [dispatch_period(case, plan, 0, stations=()) for plan in plans]
    ac = [grid_period(one.period, case.feeder, one.state, None) for one in told]
    records = [PeriodRecord(period=one.period, dispatch=one, grid=grid) for one, grid in zip(told, ac, strict=True)]
    return stored_dispatch(records, traits_of({}), np.zeros(len(plans), dtype=int))


def inputs_of(case, ev):
    p, q = injection_bounds(case, ev, np.zeros(case.periods, dtype=bool))
    price = case.settings.loss_price_per_mwh
    return LedgerInputs(
        case=case, ev_mw=ev, limits=GateLimits(),
        sufficient=sufficient_condition(
            case.feeder, p, q, import_price_per_mwh=case.tariff_per_mwh + price, import_min_mw=import_min_mw(case)
        ),
    )  # fmt: skip


def test_devices_are_those_of_the_plans_and_none_where_none_is_told():
    case, _, plans = relaxed_day("ieee33_pv_stress")
    stored = stored_from(case, plans)
    assert set(stored.devices) == set(plans[0].devices) == {"grid", "pv"}
    for name, device in stored.devices.items():
        np.testing.assert_array_equal(device.p_mw, [plan.devices[name].p_mw[0] for plan in plans])
    told = dispatch_period(case, plans[0], 0, stations=())
    record = PeriodRecord(
        period=1, dispatch=replace(told, devices=None), grid=grid_period(1, case.feeder, told.state, None)
    )
    assert stored_dispatch([record], traits_of({}), np.zeros(1, dtype=int)).devices == {}


@pytest.fixture(scope="module")
def pv_stress():
    case, ev, plans = relaxed_day("ieee33_pv_stress")
    stored = stored_from(case, plans)
    return case, ev, stored, build_ledger(inputs_of(case, ev), stored)


def test_the_unrepaired_relaxation_is_exposed_as_it_was_by_measurement_of_others(pv_stress):
    """AC voltages 1.0453, 1.0975 and 1.1853 pu at bus 18 under 2, 3 and 5 MW; the relaxation reports 1.05."""
    case, _, stored, ledger = pv_stress
    exact, three, five = ledger.entries
    assert (exact.status, exact.exactness in {"proved", "tight"}, exact.violations) == ("optimal", True, 0)
    assert exact.gap_rel == pytest.approx(0.0, abs=1e-8)
    for entry, voltage in ((three, 1.0975), (five, 1.1853)):
        assert entry.exactness == "not tight"
        assert "ac_violation" in entry.flags
        assert entry.worst_violation.startswith("overvoltage at bus 18")
        assert entry.voltage_violation_pu == pytest.approx(voltage - 1.05, abs=1e-4)
        assert np.isnan(entry.gap_rel)
        assert entry.cone_gap_pu2 > 0.1
    vm = np.array([state.vm_pu.max() for state in ledger.states])
    assert vm == pytest.approx([1.0453, 1.0975, 1.1853], abs=5e-5)
    assert stored.relaxed.vm_pu.max(axis=0)[1:] == pytest.approx([1.05, 1.05], abs=1e-6)
    assert np.isnan(ledger.upper_bound)
    assert ledger.exit_code == 6


def test_invented_losses_are_the_difference_of_the_losses(pv_stress):
    """At equal injections the relaxation's loss exceeds the AC loss, by less than the loss that the gap invents."""
    _, _, stored, ledger = pv_stress
    for k in (1, 2):
        entry = ledger.entries[k]
        assert entry.fictitious_loss_kw > 100.0
        assert stored.plans[k].loss_mw - entry.ac_loss_mw == pytest.approx(entry.dloss_kw / 1000.0, rel=1e-9)
        assert entry.dslack_kw == pytest.approx(entry.dloss_kw, rel=1e-5)


def test_the_ac_cost_is_the_import_of_the_ac_flow_at_the_tariff(pv_stress):
    case, _, _, ledger = pv_stress
    for entry, state in zip(ledger.entries, ledger.states, strict=True):
        assert entry.ac_cost == pytest.approx(300.0 * state.slack_mw, rel=1e-12)
        assert entry.ac_cost_terms["energy"] == entry.ac_cost


def test_an_exact_day_has_dual_prices_equal_to_ac_prices_where_nothing_binds():
    case, ev, plans = relaxed_day("ieee33_grid_only")
    stored = stored_from(case, plans)
    ledger = build_ledger(inputs_of(case, ev), stored)
    assert ledger.exit_code == 0
    assert {entry.exactness for entry in ledger.entries} <= {"proved", "tight"}
    free = [
        k
        for k in range(case.periods)
        if stored.relaxed.vm_pu[:, k].max() < 1.05 - 1e-6 and stored.relaxed.vm_pu[:, k].min() > 0.951
    ]
    assert len(free) > 12
    assert np.abs(ledger.congestion_per_mwh[:, free]).max() < 5e-3
    assert max(entry.dv_pu for entry in ledger.entries) < 1e-8
    assert max(entry.dloss_kw for entry in ledger.entries) < 1e-4


@pytest.mark.parametrize("bus", ["2", "18", "25", "33"])
def test_the_ac_price_is_the_finite_difference_of_the_import_bill_by_pandapower(bus):
    """One more kWh at a bus costs tariff * dImport + weight * dLoss, with the import from an independent solver."""
    case = build_case(load("ieee33_grid_only")).dispatch
    feeder, at, step = case.feeder, case.feeder.bus_position(bus), 0.01
    flow = AcFlow(feeder, tolerance_mva=1e-11)

    def bill(extra):
        p = -feeder.p_mw.copy()
        p[at] -= extra
        state = flow.solve(p, -feeder.q_mvar)
        return 550.0 * state.slack_mw + 100.0 * state.loss_mw

    expected = (bill(step) - bill(-step)) / (2 * step)
    found = ac_price_per_mwh(
        feeder, -feeder.p_mw[:, None], -feeder.q_mvar[:, None], tariff_per_mwh=[550.0], loss_price_per_mwh=100.0
    )
    assert found[at, 0] == pytest.approx(expected, abs=1e-5)


def changed(stored, **arrays):
    return replace(stored, **arrays)


def highest_without_losses(feeder, p_mw, q_mvar):
    """Return the highest voltage of the branch flow without losses: along its path, each bus adds r p + x q."""
    paths = {feeder.slack: []}
    for line, (parent, child) in enumerate(zip(feeder.parent.tolist(), feeder.child.tolist(), strict=True)):
        paths[child] = [*paths[parent], line]
    squared = [
        feeder.slack_vm_pu**2
        + 2.0 / feeder.base_mva * sum(
            feeder.r_pu[line] * p_mw[other] + feeder.x_pu[line] * q_mvar[other]
            for other, way in paths.items() for line in set(way) & set(paths[bus])
        )
        for bus in paths if bus != feeder.slack
    ]  # fmt: skip
    return max(squared) ** 0.5


@pytest.mark.parametrize(
    ("box", "above_pu", "exactness"),
    [
        ({}, 1e-6, "proved"),
        ({}, -1e-6, "tight"),
        ({"c2_excess_pu": -0.1}, -1e-6, "proved"),
        ({"c1_margin": 0.0}, 1e-6, "tight"),
        ({"c3_excess_mw": 0.1}, 1e-6, "tight"),
        ({"cost_grows": 0.0}, 1e-6, "tight"),
    ],
)
def test_an_answer_is_proved_by_the_bounds_of_its_injections_or_by_its_own_loss_free_voltage(
    pv_stress, box, above_pu, exactness
):
    """The limit is set just above or below that voltage; else the condition holds, unless ``box`` says otherwise."""
    case, ev, stored, _ = pv_stress
    p, q = stored.p_gen_mw - stored.p_load_mw, stored.q_gen_mvar - stored.q_load_mvar
    limit = highest_without_losses(case.feeder, p[:, 0], q[:, 0]) + above_pu
    holds = {"c1_margin": 1.0, "c2_excess_pu": 0.1, "c3_excess_mw": -0.1, "cost_grows": 1.0} | box
    inputs = inputs_of(replace(case, feeder=replace(case.feeder, v_max_pu=np.full(33, limit))), ev)
    sufficient = replace(
        inputs.sufficient, limits_covered=True, **{name: np.full(3, value) for name, value in holds.items()}
    )  # fmt: skip
    ledger = build_ledger(replace(inputs, sufficient=sufficient), stored)
    assert ledger.entries[0].exactness == exactness


def test_a_changed_setpoint_does_not_pass(pv_stress):
    """A load that was stored 100 kW too low: balance, import and voltage no longer agree."""
    case, ev, stored, _ = pv_stress
    load = stored.p_load_mw.copy()
    load[10, 0] -= 0.1
    entry = build_ledger(inputs_of(case, ev), changed(stored, p_load_mw=load)).entries[0]
    assert entry.status == "relaxation_inexact" or "not_converged" in entry.flags
    assert entry.energy_balance_mw == pytest.approx(0.1, rel=1e-6)
    assert entry.dslack_kw > 90.0
    assert entry.stored_dv_pu > 1e-4


def test_a_flow_that_was_stored_smaller_than_its_current_is_a_slack_cone(pv_stress):
    case, ev, stored, _ = pv_stress
    flow = stored.relaxed.p_from_mw.copy()
    flow[3, 0] *= 0.9
    state = replace(stored.relaxed, p_from_mw=flow)
    entry = build_ledger(inputs_of(case, ev), changed(stored, relaxed=state)).entries[0]
    assert entry.exactness == "not tight"
    assert entry.cone_gap_line == case.feeder.line_ids[3]


def test_an_answer_that_is_not_there_is_no_answer(pv_stress):
    case, ev, stored, _ = pv_stress
    state = replace(stored.relaxed, i_ka=np.full_like(stored.relaxed.i_ka, np.nan))
    plans = tuple(replace(plan, solver_status="failed", cost=float("nan")) for plan in stored.plans)
    ledger = build_ledger(inputs_of(case, ev), changed(stored, relaxed=state, plans=plans))
    assert {entry.exactness for entry in ledger.entries} == {"no answer"}
    assert {entry.status for entry in ledger.entries} == {"failed"}
    assert ledger.exit_code == 6
