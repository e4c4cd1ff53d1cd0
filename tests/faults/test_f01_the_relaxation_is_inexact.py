"""F1: must-take power beyond what the voltage limit lets pass: the relaxation burns it in lines, and says optimal."""

import numpy as np
import pytest

from cosim.dispatch.controller import Controller, initial_states, make_window
from cosim.dispatch.solving import WindowSolver
from cosim.grid.engines.pandapower import AcFlow
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.validation.gate import exit_code
from cosim.world import run_world

SUNNY = """\
schema: 1
periods: 1
grid: ieee33
feeder: {{slack_bus: 1, slack_vm_pu: 1.0, v_min_pu: 0.9, v_max_pu: 1.05}}
devices:
  - {{kind: substation, name: grid}}
  - {{kind: wind, name: w18, bus: 18, s_max_mva: {mw}, available_mw: {mw}, reactive: false, curtailable: {free}}}
  - {{kind: wind, name: w33, bus: 33, s_max_mva: {mw}, available_mw: {mw}, reactive: false, curtailable: {free}}}
tariff: {{kind: static, prices_per_mwh: {tariff}}}
dispatch: {{mode: single_period}}
"""


def sunny(folder, *, mw, free="false", tariff=500):
    (folder / "scenario.yaml").write_text(SUNNY.format(mw=mw, free=free, tariff=tariff))
    return build_case(load(folder / "scenario.yaml"))


def above_limit_pu(case, plan):
    """Return how far the AC voltage of the plan's setpoints is above the limit."""
    p_mw, q_mvar = (plan.p_gen_mw - plan.p_load_mw)[:, 0], (plan.q_gen_mvar - plan.q_load_mvar)[:, 0]
    return float((AcFlow(case.feeder).solve(p_mw, q_mvar).vm_pu - case.feeder.v_max_pu).max())


SUNS = [{"mw": 2}, {"mw": 3}, {"mw": 3, "free": "true", "tariff": -600}]


@pytest.mark.parametrize("sun", SUNS)
def test_unguarded_the_answer_is_optimal_and_breaks_the_limit(tmp_path, sun):
    case = sunny(tmp_path, **sun).dispatch
    states, nobody = initial_states(case), np.zeros((0, 1))
    plan = WindowSolver(case, 1).problem(elastic=False).solve(make_window(case, 0, 1, nobody), states)
    assert plan.record.status == "optimal"
    assert plan.grid.vm_pu.max() <= 1.05 + 1e-6
    assert above_limit_pu(case, plan) > 0.015 or plan.cone.fictitious_loss_kw.sum() > 1e3


@pytest.mark.parametrize("sun", SUNS)
def test_it_is_repaired_or_flagged_with_the_values_of_the_ac_flow(tmp_path, sun):
    case = sunny(tmp_path, **sun)
    told = []
    run_world(case, lambda record, judged: told.append((record, judged)))
    ((record, judged),) = told
    assert judged.status != "optimal"
    assert exit_code([judged.status]) in {5, 6, 10}
    beyond = record.grid.vmax_ac_pu - 1.05
    assert beyond <= 1e-4 or "ac_violation" in judged.flags or "relaxation_inexact" in judged.flags
    assert abs(record.dispatch.loss_mw - record.grid.ac_loss_mw) <= 1e-3 or judged.status == "relaxation_inexact"
    plan = Controller(case.dispatch, AcFlow(case.dispatch.feeder).solve).plan(0, np.zeros((0, 1)))
    assert above_limit_pu(case.dispatch, plan) == pytest.approx(beyond, abs=1e-6)
