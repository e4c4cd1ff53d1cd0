"""Gurobi (proprietary, optional), on the model's own variables.

cvxpy's interface adds a variable for every row of a cone; the licence that comes with the wheel ends at 200
variables once anything is quadratic. Here each column of the compiled programme is one variable and each cone
``s_0 >= ||s_1..k||`` becomes ``s_0^2 - s_1^2 - ... >= 0`` with ``s_0 >= 0``: line cones turn into rotated cones
``l v - P^2 - Q^2 >= 0``, circles of inverters into convex quadratics. With a full licence the same form takes any size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.dispatch.backends.base import Capabilities, ConeAnswer, Data, Pulse, judged
from cosim.dispatch.backends.licences import gurobi as licence

if TYPE_CHECKING:
    import scipy.sparse as sp

Model = Any  # gurobipy is optional, so nothing here may depend on its types
name = "gurobi"
capabilities = Capabilities()

SETTINGS = {
    "OutputFlag": 0,
    "NonConvex": 0,
    "BarQCPConvTol": 1e-9,
    "FeasibilityTol": 1e-9,
    "OptimalityTol": 1e-9,
    "QCPDual": 1,
    "Threads": 1,
    "BarIterLimit": 500,
}
STATUS = {
    2: "optimal",
    3: "infeasible",
    4: "infeasible",  # infeasible or unbounded: our objective is bounded below on every window
    5: "unbounded",
    7: "user_limit",
    13: "optimal_inaccurate",
}
NEGLIGIBLE = 1e-12

__all__ = ["capabilities", "licence", "name", "solve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The compiled rows ``b - A x`` by kind; bounds are nonnegative rows with one entry."""

    a: sp.csr_array
    b: Array
    zero: int
    bounds: IntArray
    general: IntArray
    cones: tuple[tuple[int, int], ...]


def solve(data: Data) -> ConeAnswer:
    """Solve on the original columns; duals are put together in the order of the compiled rows."""
    import gurobipy as gp

    rows = _rows(data)
    with gp.Env(params={"OutputFlag": 0}) as env, gp.Model(env=env) as model:
        for key, value in SETTINGS.items():
            model.setParam(key, value)
        try:
            return _solve(model, data, rows)
        except gp.GurobiError as error:
            nothing = np.full(data["c"].size, np.nan)
            return judged(
                data, status="solver_error", raw_status=f"error {error.errno}: {error}", x=nothing,
                z=np.full(data["b"].size, np.nan), iterations=0, seconds=float("nan"),
            )  # fmt: skip


def _solve(model: Model, data: Data, rows: Rows) -> ConeAnswer:
    import scipy.sparse as sp

    low, high = _bounds(rows, data["c"].size)
    x = model.addMVar(data["c"].size, lb=low, ub=high)
    quadratic = data.get("P")
    linear = data["c"] @ x
    model.setObjective(linear if quadratic is None else linear + 0.5 * (x @ sp.csr_array(quadratic) @ x))
    equal = model.addConstr(rows.a[: rows.zero] @ x == rows.b[: rows.zero])
    below = model.addConstr(rows.a[rows.general] @ x <= rows.b[rows.general]) if rows.general.size else None
    cones, heads = _add_cones(model, x, rows)
    pulse = Pulse(name)
    model.optimize(lambda running, _where: running.terminate() if pulse.stops() else None)
    pulse.settle()
    status = STATUS.get(model.Status, "solver_error")
    size = data["c"].size
    point, duals = np.full(size, np.nan), np.full(data["b"].size, np.nan)
    if model.SolCount:
        point = np.asarray(x.X, dtype=float)
        duals = _duals(rows, point, np.asarray(x.RC), equal, below, cones, heads)
    return judged(
        data, status=status, raw_status=f"status {model.Status}", x=point, z=duals,
        iterations=int(model.BarIterCount), seconds=float(model.Runtime),
    )  # fmt: skip


def _rows(data: Data) -> Rows:
    import scipy.sparse as sp

    a, dims = sp.csr_array(data["A"]), data["dims"]
    a.eliminate_zeros()
    nonneg = np.arange(dims.zero, dims.zero + dims.nonneg)
    single = np.diff(a.indptr)[nonneg] == 1
    edges = dims.zero + dims.nonneg + np.concatenate([[0], np.cumsum(np.asarray(dims.soc, dtype=int))])
    return Rows(
        a=a, b=np.asarray(data["b"], dtype=float), zero=dims.zero, bounds=nonneg[single], general=nonneg[~single],
        cones=tuple((int(start), int(end)) for start, end in pairwise(edges)),
    )  # fmt: skip


def _single(rows: Rows) -> tuple[IntArray, Array, Array]:
    """Return column, coefficient and limit (b / a) of each bound row."""
    at = rows.a.indptr[rows.bounds]
    column, coefficient = rows.a.indices[at].astype(np.intp), rows.a.data[at].astype(np.float64)
    return column, coefficient, rows.b[rows.bounds] / coefficient


def _bounds(rows: Rows, columns: int) -> tuple[Array, Array]:
    """Return the bounds of the variables: free unless a row says otherwise."""
    low, high = np.full(columns, -np.inf), np.full(columns, np.inf)
    column, coefficient, limit = _single(rows)
    upper = coefficient > 0.0
    np.minimum.at(high, column[upper], limit[upper])
    np.maximum.at(low, column[~upper], limit[~upper])
    return low, high


def _add_cones(model: Model, x: Model, rows: Rows) -> tuple[list[Any], list[Any]]:
    """Add ``s_0^2 - s_1^2 - ... >= 0`` and ``s_0 >= 0`` for every cone."""
    cones, heads = [], []
    for matrix, linear, constant, start in _quadratics(rows):
        cones.append(model.addMQConstr(matrix, linear, ">", -constant, x, x, x))
        head = rows.a[[start]]
        heads.append(model.addConstr(head @ x <= rows.b[[start]]) if head.nnz else None)
    return cones, heads


def _quadratics(rows: Rows) -> Iterator[tuple[sp.coo_array, Array, float, int]]:
    """Yield matrix, linear part and constant of each cone's quadratic, and the row of its head."""
    import scipy.sparse as sp

    for start, end in rows.cones:
        block, offset = rows.a[start:end], rows.b[start:end]
        sign = np.where(np.arange(end - start) == 0, 1.0, -1.0)
        matrix = sp.coo_array(block.T @ sp.diags_array(sign) @ block)
        matrix.sum_duplicates()
        kept = np.abs(matrix.data) >= NEGLIGIBLE
        matrix = sp.coo_array((matrix.data[kept], (matrix.row[kept], matrix.col[kept])), shape=matrix.shape)
        linear = -2.0 * (block.T @ (sign * offset))
        linear[np.abs(linear) < NEGLIGIBLE] = 0.0
        yield matrix, linear, float(sign @ offset**2), start


def _duals(
    rows: Rows, x: Array, reduced_cost: Array, equal: Model, below: Model, cones: list[Any],
    heads: list[Any],
) -> Array:  # fmt: skip
    """Return the conic multipliers z with ``P x + c + A'z = 0`` from Gurobi's prices."""
    z = np.zeros(rows.b.size)
    z[: rows.zero] = -np.asarray(equal.Pi)
    if below is not None:
        z[rows.general] = -np.asarray(below.Pi)
    column, coefficient, limit = _single(rows)
    toward = -reduced_cost[column] / coefficient
    active = np.abs(x[column] - limit)
    for position in np.flatnonzero(toward > 0.0):
        rivals = (column == column[position]) & (coefficient * coefficient[position] > 0.0)
        if position == np.flatnonzero(rivals)[active[rivals].argmin()]:
            z[rows.bounds[position]] = toward[position]
    slack = rows.b - rows.a @ x
    for (start, end), cone, head in zip(rows.cones, cones, heads, strict=True):
        weight = 2.0 * abs(float(cone.QCPi))
        z[start] = weight * slack[start] + (0.0 if head is None else max(-float(np.asarray(head.Pi)[0]), 0.0))
        z[start + 1 : end] = -weight * slack[start + 1 : end]
    return z
