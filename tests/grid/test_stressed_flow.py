"""A disturbed power flow: nothing disturbed is the planned flow, and each disturbance does what physics says."""

import math

import numpy as np
import pytest

from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.grid.stressed_flow import Disturbance, StressedFlow


@pytest.fixture(scope="module")
def line():
    """One line of 2 km, 1.6 + 0.8j ohm, with 1 MW + 0.5 Mvar at its end."""
    base = 12.66**2 / 10.0
    return Feeder(
        name="line", bus_ids=("1", "2"), line_ids=("1-2",), parent=[0], child=[1], slack=0, r_pu=[1.6 / base],
        x_pu=[0.8 / base], i_max_ka=[np.inf], v_min_pu=[0.9, 0.9], v_max_pu=[1.1, 1.1], p_mw=[0.0, 1.0],
        q_mvar=[0.0, 0.5], base_mva=10.0, base_kv=12.66, slack_vm_pu=1.0, length_km=[2.0],
    )  # fmt: skip


def solve(flow, *, charging_mw=0.0, **changes):
    f = flow.feeder
    return flow.solve(
        Disturbance(**changes), base_p_mw=f.p_mw, base_q_mvar=f.q_mvar, other_p_mw=np.array([0.0, -charging_mw]),
        other_q_mvar=np.zeros(2),
    )  # fmt: skip


def end_voltage(r, x, p, q, root=1.0):
    """Closed form of the voltage at the end of one line, per unit."""
    half = root**2 / 2.0 - (r * p + x * q)
    return math.sqrt(half + math.sqrt(half**2 - (r**2 + x**2) * (p**2 + q**2)))


def test_nothing_disturbed_is_the_planned_flow(line):
    planned = AcFlow(line).solve(-line.p_mw, -line.q_mvar)
    assert solve(StressedFlow(line)).vm_pu == pytest.approx(planned.vm_pu, abs=1e-7)


def test_warm_conductors_follow_the_closed_form(line):
    r, x = line.r_pu[0] * (1.0 + 0.00403 * 50.0), line.x_pu[0]
    found = solve(StressedFlow(line), conductor_celsius=70.0).vm_pu[1]
    assert found == pytest.approx(end_voltage(r, x, 0.1, 0.05), abs=1e-7)


@pytest.mark.parametrize("charging_mw", [0.4, -2.5])
def test_charging_counts_as_constant_power_beside_a_constant_impedance(line, charging_mw):
    """Line and impedance seen from the end are one source (Thevenin) that feeds what is of constant power."""
    found = solve(StressedFlow(line), charging_mw=charging_mw, constant_z=1.0).vm_pu[1]
    load, along = 1.0 / complex(0.1, -0.05), complex(line.r_pu[0], line.x_pu[0])
    inner = along * load / (along + load)
    source = abs(load / (along + load))
    assert found == pytest.approx(end_voltage(inner.real, inner.imag, charging_mw / 10.0, 0.0, source), abs=1e-8)


def test_charging_adds_to_a_constant_power(line):
    both = solve(StressedFlow(line), charging_mw=0.4).vm_pu[1]
    assert both == pytest.approx(end_voltage(line.r_pu[0], line.x_pu[0], 0.14, 0.05), abs=1e-7)


def test_a_constant_current_drops_a_constant_share(line):
    """At unity power factor the current is in phase with the voltage at the end: |V + z i| = 1 with i = 0.1 V / |V|."""
    found = StressedFlow(line).solve(
        Disturbance(constant_i=1.0), base_p_mw=line.p_mw, base_q_mvar=np.zeros(2), other_p_mw=np.zeros(2),
        other_q_mvar=np.zeros(2),
    ).vm_pu[1]  # fmt: skip
    along, across = 0.1 * line.r_pu[0], 0.1 * line.x_pu[0]
    assert found == pytest.approx(math.sqrt(1.0 - across**2) - along, abs=1e-8)


def test_a_constant_impedance_is_a_voltage_divider(line):
    found = solve(StressedFlow(line), constant_z=1.0).vm_pu[1]
    load = 1.0 / complex(0.1, -0.05)
    assert found == pytest.approx(abs(load / (load + complex(line.r_pu[0], line.x_pu[0]))), abs=1e-7)


def test_line_charging_raises_the_voltage_by_its_length(line):
    """Half of the line's capacitance stands at its end: dV = x q with q = w C / 2 V^2, to first order."""
    flow = StressedFlow(line)
    rise = solve(flow, c_nf_per_km=100.0).vm_pu[1] - solve(flow).vm_pu[1]
    q_pu = 2.0 * math.pi * 50.0 * 2.0 * 100e-9 / 2.0 * 12.66**2 / 10.0
    assert rise == pytest.approx(line.x_pu[0] * q_pu, rel=0.05)


def test_the_order_of_draws_does_not_matter(line):
    flow = StressedFlow(line)
    first = solve(flow, constant_i=1.0, slack_vm_pu=1.01)
    solve(flow, constant_z=0.5, c_nf_per_km=50.0, conductor_celsius=70.0, slack_vm_pu=0.99)
    again = solve(flow, constant_i=1.0, slack_vm_pu=1.01)
    assert again.vm_pu.tolist() == first.vm_pu.tolist()


def test_a_load_beyond_collapse_has_no_state(line):
    flow = StressedFlow(line)
    state = flow.solve(
        Disturbance(), base_p_mw=np.array([0.0, 5000.0]), base_q_mvar=np.zeros(2), other_p_mw=np.zeros(2),
        other_q_mvar=np.zeros(2),
    )  # fmt: skip
    assert not state.converged
    assert np.isnan(state.vm_pu).all()
