"""Licences of optional solvers, found out by asking, not by crashing."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import version

GUROBI_SIZE_ERROR = 10010
GUROBI_LIMITED_VARIABLES = 2000
GUROBI_LIMITED_QUADRATIC = 200


@dataclass(frozen=True, slots=True)
class Licence:
    """What an optional solver may do here: ``missing``, ``none``, ``size-limited`` or ``full``."""

    solver: str
    version: str
    kind: str
    detail: str


def gurobi() -> Licence:
    """Probe Gurobi with one quadratic constraint on 201 variables: the pip licence ends at 200."""
    if importlib.util.find_spec("gurobipy") is None:
        return Licence("gurobi", "", "missing", "optional: pip install gurobipy")
    import gurobipy as gp

    found = version("gurobipy")
    try:
        with gp.Env(params={"OutputFlag": 0}) as env, gp.Model(env=env) as model:
            x = model.addVars(GUROBI_LIMITED_QUADRATIC + 1, ub=1.0)
            model.addConstr(x[0] * x[0] + x[1] * x[1] <= 1.0)
            model.setObjective(x[0])
            model.optimize()
    except gp.GurobiError as error:
        if error.errno == GUROBI_SIZE_ERROR:
            limits = f"{GUROBI_LIMITED_VARIABLES} variables, {GUROBI_LIMITED_QUADRATIC} with quadratic terms"
            return Licence("gurobi", found, "size-limited", limits)
        return Licence("gurobi", found, "none", str(error))
    return Licence("gurobi", found, "full", "")
