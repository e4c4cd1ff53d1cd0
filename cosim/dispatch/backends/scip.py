"""SCIP (Apache-2.0, optional): the mixed-integer model in which storage either charges or discharges.

It gives a pattern and a bound, no prices; the plan itself comes from the continuous model with that pattern fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.arrays import IntArray
from cosim.dispatch.backends.base import Capabilities, Data
from cosim.dispatch.backends.licences import scip as licence

name = "scip"
capabilities = Capabilities(integers=True, duals=False)

__all__ = ["Pair", "Pattern", "capabilities", "columns", "licence", "name", "solve_exclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two columns of the compiled programme that must not both be positive, and the most of each."""

    first: int
    second: int
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Which of each pair may be positive (True: the first), and how good the pattern is.

    ``bound`` is SCIP's lower bound of the objective; it holds to SCIP's feasibility tolerance.
    """

    status: str
    first: tuple[bool, ...]
    objective: float
    bound: float
    seconds: float


def solve_exclusive(data: Data, pairs: Sequence[Pair], *, gap: float, nodes: int) -> Pattern | None:
    """Minimise the compiled programme with ``x_first <= limit z``, ``x_second <= limit (1 - z)``, z binary.

    Returns
    -------
    Pattern or None
        None if no point was found within so many nodes.
    """
    from pyscipopt import Model

    model = Model()
    model.hideOutput()
    model.setParam("limits/gap", gap)
    model.setParam("limits/totalnodes", nodes)
    model.setParam("parallel/maxnthreads", 1)
    model.setParam("misc/catchctrlc", False)  # a Ctrl-C ends the run, not the search alone
    x = [model.addVar(lb=None, ub=None) for _ in range(data["c"].size)]
    _add_rows(model, x, data)
    choices = []
    for pair in pairs:
        choice = model.addVar(vtype="B")
        model.addCons(x[pair.first] <= pair.limit * choice)
        model.addCons(x[pair.second] <= pair.limit * (1 - choice))
        choices.append(choice)
    _set_objective(model, x, data)
    model.optimize()
    if not model.getNSols():
        return None
    return Pattern(
        status=str(model.getStatus()),
        first=tuple(model.getVal(choice) > 0.5 for choice in choices),  # noqa: PLR2004 - a binary
        objective=float(model.getObjVal()),
        bound=float(model.getDualbound()),
        seconds=float(model.getSolvingTime()),
    )


def _add_rows(model: Any, x: list[Any], data: Data) -> None:  # noqa: ANN401 - no type information
    """Add the compiled rows; a cone as one quadratic row with a nonnegative head."""
    import scipy.sparse as sp
    from pyscipopt import quicksum

    a, b, dims = sp.csr_array(data["A"]), data["b"], data["dims"]

    def row(i: int) -> Any:  # noqa: ANN401
        entries = range(a.indptr[i], a.indptr[i + 1])
        return float(b[i]) - quicksum(float(a.data[k]) * x[a.indices[k]] for k in entries)

    for i in range(dims.zero + dims.nonneg):
        model.addCons(row(i) == 0.0 if i < dims.zero else row(i) >= 0.0)
    start = dims.zero + dims.nonneg
    for size in dims.soc:
        head, *rest = (row(i) for i in range(start, start + size))
        if a.indptr[start] != a.indptr[start + 1]:
            model.addCons(head >= 0.0)
        model.addCons(quicksum(part * part for part in rest) - head * head <= 0.0)
        start += size


def _set_objective(model: Any, x: list[Any], data: Data) -> None:  # noqa: ANN401
    """Set the objective; its quadratic part goes through one variable above it."""
    import scipy.sparse as sp
    from pyscipopt import quicksum

    linear = quicksum(float(value) * x[j] for j, value in enumerate(data["c"]) if value)
    quadratic = data.get("P")
    if quadratic is None or not sp.coo_array(quadratic).nnz:
        model.setObjective(linear)
        return
    entries = sp.coo_array(quadratic)
    above = model.addVar(lb=0.0)
    terms = zip(entries.row, entries.col, entries.data, strict=True)
    model.addCons(quicksum(0.5 * float(v) * x[i] * x[j] for i, j, v in terms) <= above)
    model.setObjective(linear + above)


def columns(data: Data, variable_id: int, size: int) -> IntArray:
    """Return the columns of a model variable in the compiled programme."""
    start, _ = data["columns"][variable_id]
    return np.arange(start, start + size)
