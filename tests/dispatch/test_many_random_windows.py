"""Random feasible windows all end optimal with tight cones; one compiled programme serves them all."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.dispatch.controller import initial_states, make_window
from cosim.dispatch.problem import DispatchProblem


@pytest.mark.parametrize(("few", "count"), [(slice(19, 20), 80), (slice(17, 21), 60)])
def test_every_feasible_window_is_solved_with_tight_cones(day, few, count):
    """Load 30 to 120 %, charging up to threefold per station and hour, any weather, any price of 100 to 1000."""
    rng = np.random.default_rng(20240613)
    case = day.case(day.feeder, periods=few)
    problem = DispatchProblem(case, case.periods, elastic=False)
    states, n = initial_states(case), case.periods
    worst_gap = worst_relative = 0.0
    for _ in range(count):
        window = make_window(case, 0, n, day.ev_mw[:, few] * rng.uniform(0.0, 3.0, (3, n)))
        window = replace(
            window,
            base_p_mw=window.base_p_mw * rng.uniform(0.3, 1.2),
            base_q_mvar=window.base_q_mvar * rng.uniform(0.3, 1.2),
            series={
                "pv": {"available_mw": rng.uniform(0.0, 0.8, n)},
                "wt": {"available_mw": rng.uniform(0.0, 0.6, n)},
            },
            tariff_per_mwh=rng.uniform(100.0, 1000.0, n),
        )
        plan = problem.solve(window, states)
        assert (plan.record.status, plan.record.raw_status[:6]) == ("optimal", "Solved")
        assert plan.record.iterations <= 25
        worst_gap = max(worst_gap, float(np.abs(plan.cone.gap_pu2).max()))
        worst_relative = max(worst_relative, float(plan.cone.relative.max()))
        assert plan.cone.gap_pu2.min() >= -1e-9
        assert np.abs(plan.energy_balance_mw()).max() <= 1e-6
    assert worst_relative <= 1e-4
    assert worst_gap <= 1e-6
