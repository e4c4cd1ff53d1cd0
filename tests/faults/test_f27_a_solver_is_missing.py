"""F27: a solver or package that is not installed: found at the start, with what to install, and nothing is written."""

import importlib.util

import pytest

from cosim.dispatch import backends
from cosim.dispatch.backends.licences import Licence, installed
from cosim.errors import DependencyError
from cosim.plugins import require
from cosim.workflows.run import run

MISSING = Licence("gurobi", "", "missing", "optional: pip install gurobipy")


def test_it_ends_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(backends._LICENCES, "gurobi", lambda: MISSING)
    with pytest.raises(
        DependencyError, match=r"not installed \(optional: pip install gurobipy\); use auto or"
    ) as error:
        run("nguyen_ieee33", overrides=["dispatch.solver=gurobi"])
    assert error.value.exit_code == 4
    assert list(tmp_path.iterdir()) == []


def test_auto_passes_it_over(monkeypatch):
    monkeypatch.setitem(backends._LICENCES, "gurobi", lambda: MISSING)
    choice = backends.choose("auto")
    assert choice.name == "clarabel"


def test_a_package_is_asked_for_without_importing_it(monkeypatch):
    """Unguarded, ``import`` would fail where it is first needed: after hours."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert installed("clarabel", "free").kind == "missing"
    with pytest.raises(DependencyError, match="pip install"):
        require(["nowhere_to_be_found"])
