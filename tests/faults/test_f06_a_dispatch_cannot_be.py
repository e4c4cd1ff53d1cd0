"""F6: loads that no dispatch can serve within the limits: the last resorts answer, and what lacks is named."""

import pytest

from cosim.quantities.status import exit_code
from cosim.world import run_world

WEAK = ("feeder.slack_vm_pu=0.97", "dispatch.mode=single_period", "devices.gt.p_max_mw=0.1", "devices.gt.q_max_mvar=0")


@pytest.fixture(scope="module")
def told(small_case):
    found = []
    run_world(small_case("periods=1", *FIRST, *WEAK), lambda record, judged: found.append((record, judged)))
    return found[0]


FIRST = (
    "traffic.demand_profile=[1.0]", "feeder.load_profile=[0.9]", "devices.pv.available_mw=[0.3]",
    "devices.wind.available_mw=[0.2]",
)  # fmt: skip


def test_the_period_is_flagged_and_what_lacks_is_named(told):
    record, judged = told
    assert judged.status in {"optimal_with_shed", "optimal_with_ev_curtailment"}
    assert exit_code([judged.status]) == 5
    words = record.dispatch.diagnosis
    assert "MW of charging at station" in words
    assert "lower voltage limit 0.95 pu at bus" in words
    assert record.dispatch.ev_curtailed_mw > 0.0
    assert record.grid.vmin_ac_pu >= 0.95 - 1e-4


def test_unguarded_the_hard_model_has_no_answer(small_case):
    from cosim.dispatch.controller import initial_states, make_window
    from cosim.dispatch.problem import DispatchProblem

    case = small_case("periods=1", *FIRST, *WEAK).dispatch
    import numpy as np

    window = make_window(case, 0, 1, np.full((3, 1), 0.3))
    plan = DispatchProblem(case, 1, elastic=False).solve(window, initial_states(case))
    assert plan.record.status == "infeasible"
    assert np.isnan(plan.total_cost).all()
