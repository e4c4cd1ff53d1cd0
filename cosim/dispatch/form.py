"""The compiled form of a model: its matrices, and the maps that turn parameters into numbers of a window.

The model of the longest window is compiled once, fresh (`joint`); a shorter window is a cut of its rows and columns by
period (`cut`). A form holds structure and nothing else, so that all runs of a process share it, by its content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.dispatch.backends.base import Cones, Data
from cosim.dispatch.joint import Joint
from cosim.errors import ComponentError

if TYPE_CHECKING:
    import cvxpy as cp
    import scipy.sparse as sp

    from cosim.dispatch.model import Model

CANON_BACKEND = "COO"
"""cvxpy's canonicalisation: the fastest on large feeders."""
LONGEST_ROW = 300
"""Characters of a row that a message quotes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Form:
    """``min 1/2 x'Px + c'x`` subject to ``b - A x`` in the cones, as functions of the parameters p.

    With ``v = factor p + factor_0``, one value for each product of a parameter and a column::

        A = a + left diag(v) right,   b = b_0 + slope p - left (v right_0),   c = c_0 + right' (v cost)

    Attributes
    ----------
    columns
        First column and number of columns of every variable of the model, in the order of its leaves.
    units
        Number of rows, or of cones, of every constraint of the model, in the order of its rows here.
    """

    quadratic: sp.csc_array
    a: sp.csr_array
    c_0: Array
    b_0: Array
    slope: sp.csr_array
    left: sp.csr_array
    right: sp.csr_array
    right_0: Array
    cost: Array
    factor: sp.csr_array
    factor_0: Array
    cones: Cones
    columns: tuple[tuple[int, int], ...]
    units: tuple[int, ...]

    def data(self, parameters: Array) -> Data:
        """Return the programme at the parameters' values."""
        import scipy.sparse as sp

        value = self.factor @ parameters + self.factor_0
        a, b = self.a, self.b_0 + self.slope @ parameters
        if self.left.nnz:
            a = a + self.left @ (sp.diags_array(value) @ self.right)
            b = b - self.left @ (value * self.right_0)
        return {
            "P": self.quadratic if self.quadratic.nnz else None,
            "A": a,
            "b": b,
            "c": self.c_0 + self.right.T @ (value * self.cost),
            "dims": self.cones,
        }

    @property
    def nbytes(self) -> int:
        """Memory of the matrices."""
        matrices = (self.quadratic, self.a, self.slope, self.left, self.right, self.factor)
        return sum(int(m.data.nbytes + m.indices.nbytes + m.indptr.nbytes) for m in matrices)


def values_of(parameters: Sequence[cp.Parameter]) -> Array:
    """Return the values of all parameters, one behind the other, each column by column."""
    missing = [parameter.name() for parameter in parameters if parameter.value is None]
    if missing:
        raise ComponentError(f"dispatch: parameter {missing[0]} has no value; load() must set it")
    return np.concatenate([np.ravel(parameter.value, order="F") for parameter in parameters] or [np.zeros(0)])


def compiled(model: Model) -> Form:
    """Return the form of a model."""
    import cvxpy as cp

    variables, parameters = model.leaves()
    joint = Joint(parameters)
    rows = [joint.constraint(constraint) for constraint in model.constraints]
    objective = joint.expression(model.objective)
    products = [part == 0 for product in joint.products for part in (product.factor, product.expression)]
    problem = cp.Problem(cp.Minimize(objective), [*rows, *products])
    known = {variable.id for variable in (*variables, *joint.stand_ins.values(), *(p.w for p in joint.products))}
    if strange := [variable.name() for variable in problem.variables() if variable.id not in known]:
        raise ComponentError(
            f"dispatch: variable {strange[0]} was not declared; devices make theirs by self.variable()"
        )
    if not problem.is_dcp():
        wrong = next((str(row) for row in rows if not row.is_dcp()), str(objective))
        raise ComponentError(
            "dispatch: the model is not convex in its variables, or parameters multiply each other or what is not "
            f"affine; form such products in numpy, in load(): {wrong[:LONGEST_ROW]}"
        )
    data, _, _ = problem.get_problem_data(cp.CLARABEL, ignore_dpp=True, solver_opts={}, canon_backend=CANON_BACKEND)
    return _read(data, _Rows.of(rows), variables, joint)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Constraints in the order in which their rows are compiled: equations, inequalities, cones."""

    zero: list[cp.Constraint]
    nonneg: list[cp.Constraint]
    soc: list[cp.Constraint]

    @staticmethod
    def of(constraints: Sequence[cp.Constraint]) -> _Rows:
        """Sort the constraints by kind."""
        import cvxpy as cp

        def kind(constraint: cp.Constraint) -> int:
            equation = isinstance(constraint, cp.constraints.Equality | cp.constraints.Zero)
            return 0 if equation else 2 if isinstance(constraint, cp.SOC) else 1

        return _Rows(**{
            name: [c for c in constraints if kind(c) == k] for k, name in enumerate(("zero", "nonneg", "soc"))
        })  # fmt: skip

    def units(self) -> tuple[int, ...]:
        """Return the number of rows, or of cones, of every constraint."""
        rows = [int(c.size) for c in (*self.zero, *self.nonneg)]
        return (*rows, *(int(c.args[0].size) for c in self.soc))


def _read(data: dict[str, Any], rows: _Rows, variables: Sequence[cp.Variable], joint: Joint) -> Form:
    """Read a form off the compiled joint programme."""
    import scipy.sparse as sp

    first, count = data["param_prob"].var_id_to_col, sum(int(c.size) for c in rows.zero)
    a, b, c, dims = sp.csc_array(data["A"]), np.asarray(data["b"]), np.asarray(data["c"]), data["dims"]
    kept = np.concatenate([np.arange(count), np.arange(dims.zero, b.size)])
    starts = [first.get(variable.id, 0) for variable in variables]
    sizes = [variable.size if variable.id in first else 0 for variable in variables]
    w = _product_columns(joint, first)
    at_parameters = _parameter_map(joint, first, a.shape[1])
    own = _ranges(starts, sizes)
    auxiliary = np.setdiff1d(np.arange(a.shape[1]), np.concatenate([own, w, at_parameters.indices]))
    own = np.concatenate([own, auxiliary])  # a user's device may write |x|
    products = sp.csr_array(a)[count : dims.zero], b[count : dims.zero]
    right, factor = _of_triples(joint, *products)
    quadratic = data.get("P")
    whole = sp.csc_array((a.shape[1], a.shape[1])) if quadratic is None else sp.csc_array(quadratic)
    return Form(
        quadratic=sp.csc_array(whole[:, own][own]),
        a=sp.csr_array(a[:, own])[kept],
        c_0=c[own],
        b_0=b[kept],
        slope=sp.csr_array(-(a @ at_parameters))[kept],
        left=sp.csr_array(a[:, w])[kept],
        right=sp.csr_array(right[0][:, own]),
        right_0=right[1],
        cost=c[w],
        factor=sp.csr_array(factor[0] @ at_parameters),
        factor_0=factor[1],
        cones=Cones(zero=count, nonneg=int(dims.nonneg), soc=[int(size) for size in dims.soc]),
        columns=tuple(zip((np.cumsum([0, *sizes])[:-1]).tolist(), sizes, strict=True)),
        units=rows.units(),
    )


def _ranges(starts: Sequence[int], sizes: Sequence[int]) -> IntArray:
    ranges = [np.arange(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    return np.concatenate([*ranges, np.zeros(0, dtype=np.intp)]).astype(np.intp)


def _parameter_map(joint: Joint, first: Mapping[int, int], columns: int) -> sp.csc_array:
    """Return the matrix that puts the parameters' values into their columns; into none where nothing holds one."""
    import scipy.sparse as sp

    places = [
        (first[v.id] + np.arange(v.size) if v.id in first else np.full(v.size, -1)) for v in joint.stand_ins.values()
    ]
    row = np.concatenate([*places, np.zeros(0, dtype=np.intp)]).astype(np.intp)
    held = np.flatnonzero(row >= 0)
    return sp.csc_array((np.ones(held.size), (row[held], held)), shape=(columns, row.size))


def _product_columns(joint: Joint, first: Mapping[int, int]) -> IntArray:
    """Return the column of the product's entry that every triple adds to."""
    columns = [first[product.w.id] + product.triples[0] for product in joint.products]
    return np.concatenate([*columns, np.zeros(0, dtype=np.intp)]).astype(np.intp)


def _of_triples(
    joint: Joint, a: sp.csr_array, b: Array
) -> tuple[tuple[sp.csr_array, Array], tuple[sp.csr_array, Array]]:
    """Return expression and factor of every triple as rows and constants; both were compiled as ``a x - b = 0``."""
    at, factors, expressions = 0, [], []
    for product in joint.products:
        factors.append(at + product.triples[1])
        at += product.factor.size
        expressions.append(at + product.triples[2])
        at += product.expression.size
    nothing = np.zeros(0, dtype=np.intp)
    factor, expression = (np.concatenate([*part, nothing]).astype(np.intp) for part in (factors, expressions))
    return (a[expression], -b[expression]), (a[factor], -b[factor])
