"""The stress test on one line, against a sweep of two complex equations that knows only what each draw says."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from cosim.dispatch.devices.base import DeviceOutcome
from cosim.dispatch.devices.traits import Traits
from cosim.errors import InputError
from cosim.grid.feeder import Feeder
from cosim.grid.state import no_state
from cosim.grid.stressed_flow import StressedFlow
from cosim.quantities.checks import GateLimits
from cosim.records.grid import DispatchPeriod
from cosim.validation.stored import StoredDispatch
from cosim.validation.stress import stress
from tests.by_hand import by_hand

BASE_MVA, BASE_KV, LENGTH_KM = 10.0, 12.66, 2.0
Z_PU = complex(1.6, 0.8) * BASE_MVA / BASE_KV**2
BASE_P_MW, SHIFTED_MW, SHED_MW = np.array([1.0, 0.8]), np.array([0.2, -0.1]), np.array([0.05, 0.0])
CHARGING_MW, LOAD_MVAR, GIVEN_MW, GIVEN_MVAR = (
    np.array([0.9, 0.6]), np.array([0.5, 0.4]), np.array([0.3, 2.2]), np.array([-0.1, 0.2]),
)  # fmt: skip


def line(v_min=0.9, v_max=1.1, i_max_ka=np.inf):
    return Feeder(
        name="line", bus_ids=("1", "2"), line_ids=("1-2",), parent=[0], child=[1], slack=0, r_pu=[Z_PU.real],
        x_pu=[Z_PU.imag], i_max_ka=[i_max_ka], v_min_pu=[v_min] * 2, v_max_pu=[v_max] * 2, p_mw=[0.0, 1.0],
        q_mvar=[0.0, 0.5], base_mva=BASE_MVA, base_kv=BASE_KV, slack_vm_pu=1.02, length_km=[LENGTH_KM],
    )  # fmt: skip


def at_the_end(values):
    return np.stack([np.zeros_like(values), values])


def shifting():
    nothing = np.full(2, np.nan)
    return DeviceOutcome(
        name="dr", kind="demand_response", traits=Traits(side="load", returns=True), bus="2", p_mw=SHIFTED_MW,
        q_mvar=np.zeros(2), energy_mwh=nothing, available_mw=nothing, overlap_mw=nothing,
        missed=np.zeros(2), cost=np.zeros(2),
    )  # fmt: skip


def stored():
    """Two periods: base load less what was shifted and shed, and charging, all at the end of the line."""
    nothing = np.full((2, 2), np.nan)
    return StoredDispatch(
        plans=tuple(by_hand(DispatchPeriod, period=period) for period in (3, 4)),
        p_load_mw=at_the_end(BASE_P_MW - SHIFTED_MW - SHED_MW + CHARGING_MW), q_load_mvar=at_the_end(LOAD_MVAR),
        p_gen_mw=at_the_end(GIVEN_MW), q_gen_mvar=at_the_end(GIVEN_MVAR), shed_mw=at_the_end(SHED_MW),
        price_per_mwh=nothing, relaxed=no_state(line(), (2,)), vm_ac_pu=nothing, devices={"dr": shifting()},
        missing=np.zeros(2, dtype=int),
    )  # fmt: skip


@cache
def drawn(draws=12, seed=5, limits=GateLimits(), **changes):  # noqa: B008 - frozen
    return stress(line(**changes), stored(), at_the_end(BASE_P_MW), limits=limits, draws=draws, seed=seed)


def swept(draw):
    """Return voltage at the end and currents at both ends, per unit, by substitution until nothing moves."""
    k = draw.period - 3
    warm = complex(Z_PU.real * (1.0 + 0.00403 * 50.0), Z_PU.imag)
    half_b = 2.0 * math.pi * 50.0 * draw.c_nf_per_km * 1e-9 * LENGTH_KM / 2.0 * BASE_KV**2 / BASE_MVA
    base = draw.load_factor * complex(BASE_P_MW[k] - SHIFTED_MW[k] - SHED_MW[k], LOAD_MVAR[k])
    fixed = draw.ev_factor * CHARGING_MW[k] - complex(GIVEN_MW[k], GIVEN_MVAR[k])
    root = v = complex(draw.slack_vm_pu)
    current = 0j
    for _ in range(200):
        size = abs(v)
        share = draw.constant_z * size**2 + draw.constant_i * size + 1.0 - draw.constant_z - draw.constant_i
        current = ((share * base + fixed) / BASE_MVA / v).conjugate() + 1j * half_b * v
        v = root - warm * current
    return abs(v), max(abs(current - 1j * half_b * v), abs(current + 1j * half_b * root))


def test_every_draw_is_the_power_flow_of_what_it_says():
    found = drawn()
    assert [draw.draw for draw in found.draws] == list(range(1, 13))
    assert [draw.period for draw in found.draws] == [3, 4] * 6
    for draw in found.draws:
        end_pu, _ = swept(draw)
        assert draw.converged
        assert min(draw.vmin_pu, draw.slack_vm_pu) == pytest.approx(min(end_pu, draw.slack_vm_pu), abs=1e-8)
        assert max(draw.vmax_pu, draw.slack_vm_pu) == pytest.approx(max(end_pu, draw.slack_vm_pu), abs=1e-8)
        assert draw.bus == "2"
        assert draw.excess_pu == pytest.approx(max(0.9 - end_pu, end_pu - 1.1), abs=1e-8)


def test_the_draws_fill_the_ranges_that_are_told():
    draws = drawn(draws=40).draws
    for name, low, high in (
        ("load_factor", 0.9, 1.1), ("ev_factor", 0.9, 1.1), ("slack_vm_pu", 1.02 * 0.99, 1.02 * 1.01),
        ("c_nf_per_km", 0.0, 100.0),
    ):  # fmt: skip
        values = np.array([getattr(draw, name) for draw in draws])
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high >= values.max() > high - 0.1 * (high - low)
        assert values.mean() == pytest.approx((low + high) / 2.0, abs=0.1 * (high - low))
    together = np.corrcoef([[draw.load_factor, draw.ev_factor, draw.slack_vm_pu] for draw in draws], rowvar=False)
    assert np.abs(together - np.eye(3)).max() < 0.4
    shares = np.array([(draw.constant_z, draw.constant_i) for draw in draws])
    assert shares.min() >= 0.0
    assert shares.sum(axis=1).max() <= 1.0
    assert shares.mean(axis=0) == pytest.approx([1.0 / 3.0, 1.0 / 3.0], abs=0.1)


def test_a_draw_is_inside_where_voltage_and_current_are_within_limit_and_allowance():
    limits = GateLimits(ac_voltage_violation_pu=2e-3, ac_current_violation_rel=0.02)
    inside = set()
    for draw in drawn(limits=limits, v_min=1.005, v_max=1.015, i_max_ka=0.08).draws:
        end_pu, current_pu = swept(draw)
        current_ka = current_pu * BASE_MVA / (math.sqrt(3.0) * BASE_KV)
        assert draw.current_excess_rel == pytest.approx(current_ka / 0.08 - 1.0, abs=1e-6)
        excess_pu = max(1.005 - end_pu, end_pu - 1.015)
        assert draw.inside == (excess_pu <= 2e-3 and current_ka <= 0.08 * 1.02)
        inside.add(draw.inside)
    assert inside == {True, False}


def test_the_worst_draw_and_the_bus_outside_are_told():
    found = drawn(v_min=1.005, v_max=1.015)
    assert found.worst.excess_pu == max(draw.excess_pu for draw in found.draws)
    assert found.share_inside == np.mean([draw.inside for draw in found.draws])
    assert found.bus_most_often_outside == "2"
    assert drawn().bus_most_often_outside == ""
    assert found.columns()["ev_factor"] == [draw.ev_factor for draw in found.draws]


def test_no_draw_is_no_stress_test():
    with pytest.raises(InputError, match="0 draws"):
        drawn(draws=0)
    assert len(drawn(draws=1).draws) == 1


def test_pandapower_judges_a_sample_of_the_draws_and_every_one_outside(monkeypatch):
    judged = []
    solve = StressedFlow.solve

    def seen(self, disturbance, **asked):
        judged.append(disturbance.slack_vm_pu)
        return solve(self, disturbance, **asked)

    monkeypatch.setattr(StressedFlow, "solve", seen)
    monkeypatch.setattr("cosim.validation.stress.SAMPLE", 5)
    inside = drawn(seed=6)  # a seed of its own: answers are kept
    assert inside.share_inside == 1.0
    assert judged == [draw.slack_vm_pu for draw in inside.draws[::5]]
    judged.clear()
    found = drawn(seed=6, v_min=1.005, v_max=1.015)
    assert 0.0 < found.share_inside < 1.0
    assert judged == [one.slack_vm_pu for one in found.draws if not one.inside or one.draw % 5 == 1]


@pytest.mark.parametrize("ohm", [1e-2, 1e-5, 1e-8])
def test_a_line_of_next_to_no_impedance_is_no_reason_to_have_no_state(ohm):
    """Round-off at a coupler is larger than any mismatch that a long line allows."""
    base_ohm = BASE_KV**2 / BASE_MVA
    coupled = Feeder(
        name="coupled", bus_ids=("1", "2", "3"), line_ids=("1-2", "2-3"), parent=[0, 1], child=[1, 2], slack=0,
        r_pu=[Z_PU.real, ohm / base_ohm], x_pu=[Z_PU.imag, ohm / base_ohm], i_max_ka=[np.inf] * 2, v_min_pu=[0.9] * 3,
        v_max_pu=[1.1] * 3, p_mw=[0.0, 0.0, 1.0], q_mvar=[0.0, 0.0, 0.5], base_mva=BASE_MVA, base_kv=BASE_KV,
        slack_vm_pu=1.02, length_km=[LENGTH_KM, 0.001],
    )  # fmt: skip

    def at_the_coupler(values):
        return np.stack([np.zeros_like(values), np.zeros_like(values), values])

    plain = stored()
    moved = replace(
        plain, p_load_mw=at_the_coupler(plain.p_load_mw[1]), q_load_mvar=at_the_coupler(plain.q_load_mvar[1]),
        p_gen_mw=at_the_coupler(plain.p_gen_mw[1]), q_gen_mvar=at_the_coupler(plain.q_gen_mvar[1]),
        shed_mw=at_the_coupler(plain.shed_mw[1]), devices={},
    )  # fmt: skip
    found = stress(coupled, moved, at_the_coupler(BASE_P_MW), limits=GateLimits(), draws=3, seed=1)
    assert all(draw.converged and draw.inside for draw in found.draws)
