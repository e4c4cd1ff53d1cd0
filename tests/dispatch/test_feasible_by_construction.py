"""Random instances with a known AC-feasible point: all are solved by the hard model, and nothing is flagged.

Load, weather, charging, prices, source voltage and setpoints are drawn; the AC flow of the setpoints gives voltages and
currents, and the limits are drawn around them. So every instance has a feasible point that no solver was asked for.
"""

from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch.controller import Controller
from cosim.grid.engines.pandapower import AcFlow
from cosim.validation.gate import evaluate
from cosim.validation.grid import compare


def draw(day, rng: np.random.Generator):
    """A case of one period with the limits around a random AC state, its charging load, and its power flow."""
    feeder = day.read(slack_vm_pu=rng.uniform(1.0, 1.05))
    pv, wind = rng.uniform(0.0, 0.8), rng.uniform(0.0, 0.6)
    ev_mw = rng.uniform(0.0, 0.6, (3, 1))
    base_p = feeder.p_mw[:, None] * rng.uniform(0.2, 1.3, (33, 1))
    base_q = feeder.q_mvar[:, None] * rng.uniform(0.2, 1.3, (33, 1))
    net = -(base_p + 1j * base_q)[:, 0]
    at = feeder.bus_position
    for bus, load in zip(("16", "20", "32"), ev_mw[:, 0], strict=True):
        net[at(bus)] -= load
    share = rng.uniform(0.3, 1.0, 3)
    net[at("28")] += share[0] * pv + 1j * rng.uniform(-0.2, 0.5)
    net[at("14")] += share[1] * wind + 1j * rng.uniform(-0.1, 0.3)
    net[at("33")] += 0.5 * share[2] + 1j * rng.uniform(0.0, 0.375)
    flow = AcFlow(feeder, tolerance_mva=1e-10)  # knows no limits
    state = flow.solve(net.real, net.imag)
    inner = np.delete(state.vm_pu, feeder.slack)
    feeder = replace(
        feeder,
        v_min_pu=np.full(33, min(inner.min(), feeder.slack_vm_pu) - rng.uniform(0.0, 0.01)),
        v_max_pu=np.full(33, max(inner.max(), feeder.slack_vm_pu) + rng.uniform(0.0, 0.02)),
        i_max_ka=state.i_ka * rng.uniform(1.0, 1.5, 32) + 1e-4,
    )
    case = day.case(
        feeder, periods=slice(0, 1), mode="single_period", base_p_mw=base_p, base_q_mvar=base_q,
        series={"pv": {"available_mw": np.array([pv])}, "wt": {"available_mw": np.array([wind])}},
        tariff_per_mwh=rng.uniform(100.0, 1000.0, 1),
    )  # fmt: skip
    return case, ev_mw, flow


def flags(case, plan, state) -> tuple[str, ...]:
    difference = compare(plan.grid.at(0), state, case.feeder, case.limits)
    figures = {
        "own_power_mw": float(plan.own_power_mw[0]),
        "solver_status": plan.record.status,
        "primal_residual": plan.record.primal_residual,
        "duality_gap_rel": plan.record.gap,
        "cone_gap_rel": float(plan.cone.relative.max()),
        "restoration": None if plan.restoration is None else plan.restoration.method,
        "ac_converged": state.converged,
        "ac_mismatch_mva": state.mismatch_mva,
        "injection_error_mw": state.injection_error_mw,
        "dv_pu": difference.dv_pu,
        "dloss_rel": difference.dloss_rel,
        "ac_voltage_violation_pu": difference.voltage_violation_pu,
        "ac_current_violation_rel": difference.current_violation_rel,
        "energy_balance_mw": float(plan.energy_balance_mw()[0]),
        "ev_curtailed_mw": float(plan.ev_curtailed_mw.sum()),
        "shed_mw": float(plan.shed_mw.sum()),
        "storage_overlap_mw": float(plan.overlap_mw()[0]),
    }
    return evaluate(figures).flags


@pytest.mark.parametrize("seed", range(8))
def test_every_feasible_instance_is_solved_and_none_is_flagged(day, seed):
    rng = np.random.default_rng([20151, seed])
    for number in range(25):
        case, ev_mw, flow = draw(day, rng)
        plan = Controller(case, flow.solve).plan(0, ev_mw)
        state = flow.solve((plan.p_gen_mw - plan.p_load_mw)[:, 0], (plan.q_gen_mvar - plan.q_load_mvar)[:, 0])
        assert plan.record.usable, (seed, number)
        assert not plan.record.elastic, (seed, number, plan.record)
        assert flags(case, plan, state) == (), (seed, number)


@pytest.mark.parametrize("seed", range(4))
def test_every_overloaded_instance_is_answered_with_named_curtailment(day, seed):
    """Charging far beyond the current limit of the station's own line cannot be served."""
    rng = np.random.default_rng([20152, seed])
    case, ev_mw, _ = draw(day, rng)
    plan = Controller(case).plan(0, ev_mw + np.array([[3.0], [0.0], [0.0]]))
    assert plan.record.usable
    assert plan.record.elastic
    assert plan.ev_curtailed_mw[0, 0] > 0.5
    assert "MW of charging at station 8 (bus 16) not served" in plan.diagnosis[0]
    assert "binding: " in plan.diagnosis[0]
    assert "none in this period" not in plan.diagnosis[0]
