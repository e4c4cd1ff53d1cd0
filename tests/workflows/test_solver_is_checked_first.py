"""A solver that does not fit ends a run before anything is written; a repaired period says how."""

import re

import pytest

from cosim.dispatch import backends
from cosim.dispatch.backends.licences import Licence
from cosim.errors import DependencyError
from cosim.workflows.plan import plan
from cosim.workflows.run import run

LIMITED = Licence("gurobi", "13", "size-limited", "2000 variables, 200 with quadratic terms", 2000, 200)


@pytest.mark.parametrize("workflow", [run, plan])
def test_size_limited_licence_stops_the_rolling_day_before_anything_runs(workflow, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(backends._LICENCES, "gurobi", lambda: LIMITED)
    with pytest.raises(DependencyError, match="3552 variables.* 200 .*auto"):
        workflow("nguyen_ieee33", overrides=["dispatch.solver=gurobi"])
    assert list(tmp_path.iterdir()) == []


def test_repaired_periods_say_how_they_were_repaired(tmp_path):
    result = run("ieee33_pv_stress", out=tmp_path / "out", report=False)
    assert result.exit_code == 10
    told = [re.sub(r"restoration_gap_rel 0\.\d+", "restoration_gap_rel #", reason) for reason in result.run["reasons"]]
    assert told == [f"period {k}: inexact_restored (restoration_gap_rel #; repaired by ccp)" for k in (2, 3)]


def test_curtailed_period_says_what_and_why(tmp_path):
    overrides = ["feeder.slack_vm_pu=1.0", "devices.pv.reactive=false", "devices.wind.reactive=false"]
    overrides += ["devices.ess.reactive=false", "dispatch.mode=single_period"]
    result = run("ieee33_grid_only", out=tmp_path / "out", overrides=overrides, report=False)
    assert result.exit_code == 5
    flagged = [reason for reason in result.run["reasons"] if "not served" in reason]
    assert flagged
    assert all("lower voltage limit 0.95 pu at bus" in reason for reason in flagged)
