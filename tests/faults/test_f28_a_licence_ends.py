"""F28: a licence that ends at a size: counted and compared before anything runs."""

import pytest

from cosim.dispatch import backends
from cosim.dispatch.backends.base import Capabilities, Size
from cosim.dispatch.backends.licences import Licence
from cosim.errors import DependencyError
from cosim.workflows.plan import plan
from cosim.workflows.run import run

LIMITED = Licence("gurobi", "13", "size-limited", "2000 variables, 200 with quadratic terms", 2000, 200)


@pytest.mark.parametrize("workflow", [run, plan])
def test_size_limited_licence_stops_the_rolling_day_before_anything_runs(workflow, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(backends._LICENCES, "gurobi", lambda: LIMITED)
    with pytest.raises(DependencyError, match="3552 variables.* 200 .*auto") as error:
        workflow("nguyen_ieee33", overrides=["dispatch.solver=gurobi"])
    assert error.value.exit_code == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("columns", "quadratic"), [(2000, False), (200, True)])
def test_the_size_decides(monkeypatch, columns, quadratic):
    monkeypatch.setitem(backends._LICENCES, "gurobi", lambda: LIMITED)
    assert backends.objection("gurobi", Capabilities(), Size(columns=columns, quadratic=quadratic)) == ""
    words = backends.objection("gurobi", Capabilities(), Size(columns=columns + 1, quadratic=quadratic))
    assert f"the model has {columns + 1} variables, its size-limited licence ends at {columns}" in words
    assert backends.objection("gurobi", Capabilities()) == ""  # without its size nothing speaks against it
