"""Where the relaxation is known to be inexact, the plan says so, and the gate refuses it (Gan, Li, Topcu, Low 2015)."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from cosim.dispatch.controller import Controller, initial_states, make_window
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.validation.gate import GateRecord, evaluate

Solve = Callable[..., DispatchPlan]


@pytest.fixture(scope="session")
def relaxed() -> Solve:
    """Solve a case of its own once, without any repair."""

    def solve(case: DispatchCase, ev_mw: np.ndarray) -> DispatchPlan:
        controller = Controller(case)
        return controller.solver.relaxed(make_window(case, 0, case.periods, ev_mw), initial_states(case))

    return solve


def light_load(
    day: SimpleNamespace, relaxed: Solve, pv_mw: float, price: float, *, loss_price: float = 0.0, **pv: bool
) -> tuple[Feeder, DispatchPlan]:
    """Sun at the end of the feeder at 40 % load, source at 1.03, upper limit at 1.05."""
    feeder = day.read()
    devices = (
        day.device("substation", name="grid"),
        day.device(
            "photovoltaic", name="pv", bus="18", s_max_mva=pv_mw, available_mw=0.0, **({"reactive": False} | pv)
        ),
    )
    case = day.case(
        feeder, periods=slice(0, 1), devices=devices, series={"pv": {"available_mw": np.array([pv_mw])}},
        base_p_mw=0.4 * feeder.p_mw[:, None], base_q_mvar=0.4 * feeder.q_mvar[:, None],
        tariff_per_mwh=np.array([price]), station_names=(), station_buses=(),
        settings={"loss_price_per_mwh": loss_price},
    )  # fmt: skip
    return feeder, relaxed(case, np.zeros((0, 1)))


def product_gap(feeder: Feeder, plan: DispatchPlan) -> float:
    """Largest |l v - P^2 - Q^2| over the lines, pu^2 of 10 MVA."""
    current_sq = (plan.grid.i_ka / feeder.base_current_ka) ** 2
    apparent = (plan.grid.p_from_mw**2 + plan.grid.q_from_mvar**2) / feeder.base_mva**2
    return float(np.abs(current_sq * plan.grid.vm_pu[feeder.parent] ** 2 - apparent).max())


def judged(plan: DispatchPlan) -> GateRecord:
    return evaluate(
        {
            "solver_status": plan.record.status,
            "primal_residual": plan.record.primal_residual,
            "duality_gap_rel": plan.record.gap,
            "cone_gap_rel": float(plan.cone.relative.max()),
        }
    )


@pytest.mark.parametrize(("pv_mw", "gap"), [(1.0, 0.15), (3.0, 1.4)])
def test_reverse_flow_against_the_upper_limit_is_flagged_though_the_solver_says_optimal(day, relaxed, pv_mw, gap):
    feeder, plan = light_load(day, relaxed, pv_mw, 95.0)
    assert plan.record.status == "optimal"
    assert product_gap(feeder, plan) == pytest.approx(gap, rel=0.1)
    assert np.abs(plan.cone.gap_pu2).max() == pytest.approx(gap, rel=0.2)
    assert judged(plan).status == "relaxation_inexact"


def test_negative_price_makes_the_gap_far_larger(day, relaxed):
    feeder, plan = light_load(day, relaxed, 3.0, -20.0)
    assert product_gap(feeder, plan) > 14.0
    assert judged(plan).status == "relaxation_inexact"


def test_invented_loss_hides_an_overvoltage_that_the_ac_flow_shows(day, relaxed):
    feeder, plan = light_load(day, relaxed, 3.0, 95.0)
    state = AcFlow(feeder).solve((plan.p_gen_mw - plan.p_load_mw)[:, 0], (plan.q_gen_mvar - plan.q_load_mvar)[:, 0])
    assert plan.grid.vm_pu.max() <= 1.05 + 1e-6
    assert state.vm_pu.max() > 1.06
    invented = plan.cone.fictitious_loss_kw.sum()
    assert invented > 50.0
    assert plan.grid.loss_mw[0] > state.loss_mw + 0.5 * invented / 1000


def test_weight_on_losses_does_not_repair_it_where_the_sun_must_be_taken(day, relaxed):
    """No AC state keeps the limit then, and the relaxation still calls its answer optimal."""
    feeder, plan = light_load(day, relaxed, 3.0, 95.0, loss_price=100.0, curtailable=False)
    assert plan.record.status == "optimal"
    assert not plan.record.elastic
    assert product_gap(feeder, plan) > 0.1
    assert judged(plan).status == "relaxation_inexact"


def test_weight_on_losses_makes_curtailment_cheaper_than_burning(day, relaxed):
    feeder, plan = light_load(day, relaxed, 3.0, 95.0, loss_price=100.0)
    assert plan.devices["pv"].p_mw[0] < 2.5
    assert plan.grid.vm_pu.max() == pytest.approx(1.05, abs=1e-6)
    assert product_gap(feeder, plan) <= 1e-6


def test_reactive_power_of_the_inverter_does(day, relaxed):
    feeder, plan = light_load(day, relaxed, 1.0, 95.0, loss_price=100.0, reactive=True)
    assert product_gap(feeder, plan) <= 1e-6
    assert judged(plan).status == "optimal"


def test_default_day_passes_the_gate(plan):
    assert judged(plan).status == "optimal"
