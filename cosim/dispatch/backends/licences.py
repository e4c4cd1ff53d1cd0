"""Licences of solvers, found out by asking, not by crashing; each is asked once per process."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

GUROBI_SIZE_ERROR = 10010
GUROBI_LIMITED_VARIABLES = 2000
GUROBI_LIMITED_QUADRATIC = 200


@dataclass(frozen=True, slots=True)
class Licence:
    """What a solver may do here: ``missing``, ``none``, ``size-limited`` or ``full``.

    ``columns``, ``quadratic_columns`` are the largest numbers of variables, the second once anything is quadratic.
    """

    solver: str
    version: str
    kind: str
    detail: str
    columns: int | None = None
    quadratic_columns: int | None = None

    def limit(self, *, quadratic: bool) -> int | None:
        """Return the largest number of variables; None if there is none."""
        return self.quadratic_columns if quadratic else self.columns


def installed(package: str, terms: str, *, extra: str = "") -> Licence:
    """Return the licence of a free solver: full if it is there."""
    if importlib.util.find_spec(package) is None:
        return Licence(package, "", "missing", f"optional: pip install '{extra or package}'")
    return Licence(package, version(package), "full", terms)


@cache
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
            most, quadratic = GUROBI_LIMITED_VARIABLES, GUROBI_LIMITED_QUADRATIC
            limits = f"{most} variables, {quadratic} with quadratic terms"
            return Licence("gurobi", found, "size-limited", limits, most, quadratic)
        return Licence("gurobi", found, "none", str(error))
    return Licence("gurobi", found, "full", "")


@cache
def scip() -> Licence:
    """Look for SCIP; it is free."""
    found = installed("pyscipopt", "SCIP Apache-2.0, PySCIPOpt MIT")
    return Licence("scip", found.version, found.kind, found.detail)
