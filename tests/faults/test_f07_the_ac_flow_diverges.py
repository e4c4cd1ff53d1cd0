"""F7: no AC state exists. The period is flagged, its row is not empty, and NaN never counts as inside a limit."""

import numpy as np
import pytest

from cosim.grid.engines.pandapower import AcFlow
from cosim.quantities.status import exit_code
from cosim.results.parts import grid_period
from cosim.validation.gate import evaluate
from cosim.validation.grid import compare
from cosim.world import run_world


@pytest.fixture(scope="module")
def feeder(small_case):
    return small_case().dispatch.feeder


def test_it_is_not_converged_with_every_figure_told(feeder, small_case):
    state = AcFlow(feeder).solve(-30.0 * feeder.p_mw, -30.0 * feeder.q_mvar)
    assert not state.converged
    assert np.isnan(state.vm_pu).all()
    case = small_case()
    difference = compare(state, state, feeder, case.gates)
    record = grid_period(1, feeder, state, difference)
    judged = evaluate(record.judged() | {"values_missing": 66}, case.gates)
    assert judged.status == "not_converged"
    assert exit_code([judged.status]) == 6
    assert len(record.buses.bus) == feeder.n_buses
    assert {check.name for check in judged.failed} >= {"ac_converged", "ac_voltage_violation_pu"}


def test_unguarded_a_count_of_violations_over_nan_is_none(feeder):
    state = AcFlow(feeder).solve(-30.0 * feeder.p_mw, -30.0 * feeder.q_mvar)
    assert int((state.vm_pu < feeder.v_min_pu).sum() + (state.vm_pu > feeder.v_max_pu).sum()) == 0


def test_a_run_goes_on_and_ends_with_6(small_case, monkeypatch):
    solve = AcFlow.solve
    monkeypatch.setattr(AcFlow, "solve", lambda self, p, q: solve(self, 30.0 * np.asarray(p), 30.0 * np.asarray(q)))
    told = []
    case = small_case("dispatch.mode=day_ahead")
    run_world(case, lambda record, judged: told.append(judged.status))
    assert told == ["not_converged"] * 6
