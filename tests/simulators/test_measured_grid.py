"""The grid under the load that was measured: the flows of a period are solved together, each is pandapower's."""

from types import SimpleNamespace

import numpy as np
import pytest

from cosim.grid.engines.pandapower import AcFlow
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.simulators.measured import Simulator

PERIOD_S, STEP_S, PLANNED_MW = 3600, 900, np.array([0.1, 0.2, 0.3])
MEASURED_MW = np.array([[0.0, 0.0, 0.0], [0.12, 0.18, 0.3], [0.1, 9e3, 0.1], [0.2, 0.4, 0.6]])
"""Nobody carries the nine gigawatts of the third step."""


@pytest.fixture
def measured():
    simulator = Simulator()
    overrides = ("microsim.mode=continuous", f"microsim.coupling_s={STEP_S}")
    simulator.init("Measured-0", case=build_case(load("nguyen_ieee33", overrides)))
    simulator.create(1, "Measured")
    return simulator


def inputs(simulator, power_mw):
    reference = SimpleNamespace(period=1, stations=SimpleNamespace(energy_mwh=PLANNED_MW))
    given = {"Measured-0": {"reference": {"Dispatch-0": reference}}}
    for eid, i in simulator.bus_at.items():
        given[eid] = {"P_load[MW]": {"Dispatch-0": 0.05 + 0.001 * i}, "Q_load[MVar]": {"Dispatch-0": 0.02}}
    for eid, n in simulator.port_at.items():
        given[eid] = {"P[MW]": {"Sumo-0": float(power_mw[n])}}
    return given


def expected(simulator):
    """Return pandapower's state of each step: what is planned is part of the loads."""
    feeder = simulator.dispatch.feeder
    flow = AcFlow(feeder, tolerance_mva=1e-11)
    base = -(0.05 + 0.001 * np.arange(feeder.n_buses))
    for power_mw in MEASURED_MW:
        p = base.copy()
        np.add.at(p, list(simulator.dispatch.station_buses), PLANNED_MW - power_mw)
        yield flow.solve(p, np.full(feeder.n_buses, -0.02))


def test_the_flows_of_a_period_are_pandapowers_one_by_one(measured):
    for k, power_mw in enumerate(MEASURED_MW):
        assert measured.step(k * STEP_S, inputs(measured, power_mw), PERIOD_S) == (k + 1) * STEP_S
        told = measured.get_data({"Measured-0": ["record", "period"]})["Measured-0"]
        assert told.keys() == ({"record", "period"} if k == 3 else {"period"})
    rows, states = told["record"].ac_measured, list(expected(measured))
    assert rows.end_min.tolist() == [15.0, 30.0, 45.0, 60.0]
    assert rows.ev_planned_mw.tolist() == [PLANNED_MW.sum()] * 4
    assert rows.ev_mw == pytest.approx(MEASURED_MW.sum(axis=1))
    assert rows.converged.tolist() == [bool(one.converged) for one in states] == [True, True, False, True]
    for name, value in (
        ("vmin_ac_pu", lambda one: one.vm_pu.min()),
        ("vmax_ac_pu", lambda one: one.vm_pu.max()),
        ("ac_loss_mw", lambda one: one.loss_mw),
        ("ac_slack_mw", lambda one: one.slack_mw),
    ):
        np.testing.assert_allclose(getattr(rows, name), [float(value(one)) for one in states], rtol=0.0, atol=1e-9)
    assert told["record"].vmin_measured_pu == np.nanmin(rows.vmin_ac_pu)
    assert told["record"].vmax_measured_pu == np.nanmax(rows.vmax_ac_pu)
    assert measured.status() == {"periods_done": 1, "error": ""}


def test_a_single_step_is_told_where_it_is_asked_for(measured):
    buses = list(measured.bus_at)
    for k, (power_mw, state) in enumerate(zip(MEASURED_MW, expected(measured), strict=True)):
        measured.step(k * STEP_S, inputs(measured, power_mw), PERIOD_S)
        told = measured.get_data({"Measured-0": ["converged"], **{eid: ["Vm[pu]"] for eid in buses}})
        assert told["Measured-0"]["converged"] is bool(state.converged)
        found = [told[eid]["Vm[pu]"] for eid in buses if told[eid]]
        assert found == pytest.approx(state.vm_pu.tolist() if state.converged else [], abs=1e-9)


def test_all_steps_of_a_period_are_one_batch_and_the_judge_is_asked_twice(measured, monkeypatch):
    """The first, and the one that the sweeps find no state for."""
    solved, judged, flow = [], [], measured.flow
    solve, confirm = flow.solve, flow.confirm
    monkeypatch.setattr(flow, "solve", lambda p, q: solved.append(p.shape[1:]) or solve(p, q))
    monkeypatch.setattr(flow, "confirm", lambda *given: judged.append(given[1][0]) or confirm(*given))
    for k, power_mw in enumerate(MEASURED_MW):
        measured.step(k * STEP_S, inputs(measured, power_mw), PERIOD_S)
        measured.get_data({"Measured-0": ["record"]})
    assert solved == [(4,)]
    assert len(judged) == 2
