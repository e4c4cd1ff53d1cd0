"""No state of a feeder exceeds the limits on its currents; with them a line that carries nothing burns nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from cosim.dispatch.controller import Controller, make_window
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.possible_currents import possible_current_sq_pu
from cosim.dispatch.settings import DispatchSettings
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.grid.radial_flow import solve_radial


def feeder_of(parents, r_pu, x_pu):
    """Return a feeder whose bus k + 1 hangs at bus ``parents[k]``; the first bus is the slack."""
    n, m = len(parents) + 1, len(parents)
    return Feeder(
        name="tree", bus_ids=tuple(map(str, range(n))), line_ids=tuple(f"L{k}" for k in range(m)), parent=parents,
        child=range(1, n), slack=0, r_pu=r_pu, x_pu=x_pu, i_max_ka=[np.inf] * m, v_min_pu=[0.9] * n,
        v_max_pu=[1.1] * n, p_mw=[0.0] * n, q_mvar=[0.0] * n, base_mva=2.0, base_kv=10.0, slack_vm_pu=1.0,
    )  # fmt: skip


def case_of(feeder, p_mw, q_mvar, *devices, **others):
    kinds = catalogue()
    chosen = [kinds[kind].Settings(**values) for kind, values in (("substation", {"name": "grid"}), *devices)]
    return DispatchCase(
        feeder=feeder, period_h=1.0, devices=tuple(chosen), base_p_mw=p_mw[:, None], base_q_mvar=q_mvar[:, None],
        tariff_per_mwh=np.array([300.0]), series=others.get("series", {}),
        settings=DispatchSettings(mode="single_period", loss_price_per_mwh=0.0),
    )  # fmt: skip


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 9))
@settings(max_examples=60)
def test_no_state_within_the_voltage_limits_exceeds_them(seed, n):
    """States by sweeps, of loads and devices anywhere within their settings; the lowest voltage is the limit."""
    rng = np.random.default_rng(seed)
    parents = [int(rng.integers(0, k)) for k in range(1, n)]
    parents.sort()  # breadth-first
    feeder = feeder_of(parents, rng.uniform(0.001, 0.05, n - 1), rng.uniform(0.0, 0.05, n - 1))
    p, q = rng.uniform(-0.2, 1.0, n), rng.uniform(-0.5, 0.5, n)
    sun, turbine = rng.integers(0, n, 2)
    devices = (
        ("photovoltaic", {"name": "sun", "bus": str(sun), "s_max_mva": 0.7, "available_mw": 0.6}),
        ("gas_turbine", {"name": "gt", "bus": str(turbine), "p_max_mw": 0.5, "q_min_mvar": -0.3, "q_max_mvar": 0.1}),
    )
    injected = -p - 1j * q
    injected[sun] += rng.uniform(0.0, 0.6) + 1j * rng.choice([-1.0, 0.0, 1.0]) * 0.36
    injected[turbine] += rng.choice([0.0, 0.5]) + 1j * rng.choice([-0.3, 0.1])
    state = solve_radial(feeder, injected.real[:, None], injected.imag[:, None])
    if not state.converged.all():
        return
    lowest = replace(feeder, v_min_pu=np.full(n, state.vm_pu.min()))
    case = case_of(lowest, p, q, *devices, series={"sun": {"available_mw": np.array([0.6])}})
    most = possible_current_sq_pu(case, make_window(case, 0, 1, np.zeros((0, 1))))
    assert ((state.i_ka / feeder.base_current_ka) ** 2 <= most * (1.0 + 1e-9) + 1e-15).all()


def test_a_line_that_carries_nothing_changes_nothing():
    """A turbine sells until the voltage of its bus is at its limit; the dead end behind it could sink reactive power.

    The relaxation sells more: a current in the dead end lowers the voltage. Truth: the AC voltage at the limit.
    """
    feeder = replace(feeder_of([0, 1], [0.05, 0.01], [0.05, 0.5]), v_max_pu=np.array([1.1, 1.02, 1.1]))
    base = np.array([0.0, 0.1, 0.0])
    turbine = ("gas_turbine", {"name": "gt", "bus": "1", "p_max_mw": 2.0, "cost_per_mwh": 100.0})
    case = case_of(feeder, base, np.zeros(3), turbine)
    flow = AcFlow(feeder, tolerance_mva=1e-10)

    def state(p_mw):
        return flow.solve(np.array([0.0, p_mw - 0.1, 0.0]), np.zeros(3))

    truth = brentq(lambda p: state(p).vm_pu.max() - 1.02, 0.2, 2.0, xtol=1e-12)
    plan = Controller(case, AcFlow(feeder).solve).plan(0, np.zeros((0, 1)))
    assert plan.restoration is not None
    assert plan.restoration.method == "current_limits"
    assert plan.restoration.gap_rel <= 1e-6
    assert plan.devices["gt"].p_mw[0] == pytest.approx(truth, rel=1e-6)
    cost = 300.0 * float(state(truth).slack_mw) + 100.0 * truth
    assert plan.total_cost.sum() == pytest.approx(cost, rel=1e-6)
    assert plan.lower_bound == pytest.approx(cost, rel=1e-6)
    assert np.isfinite(plan.price_per_mwh).all()
    assert plan.price_per_mwh[2, 0] == pytest.approx(plan.price_per_mwh[1, 0], rel=1e-6)
