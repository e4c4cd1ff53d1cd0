"""What a solver backend declares, takes and returns, and our own check of its answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cosim import watchdog
from cosim.arrays import Array, IntArray
from cosim.dispatch.backends.licences import Licence

Data = dict[str, Any]
"""A programme: ``P`` (full, symmetric; None without), ``c``, ``A``, ``b``, ``dims``, rows ordered zero, nonnegative,
second-order cones; ``columns``: first column and number of columns by the variable's id. No auxiliary columns arise, so
each column is a variable of the model."""

FAILED = "solver_error"
HAS_POINT = ("optimal", "optimal_inaccurate", "user_limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a backend can do with a cone programme; also what a model needs of it."""

    second_order_cones: bool = True
    quadratic_objective: bool = True
    integers: bool = False
    duals: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cones:
    """How many rows are equations and inequalities, and how many every second-order cone has."""

    zero: int
    nonneg: int
    soc: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a compiled programme is; ``quadratic`` tells whether any row or the objective is."""

    columns: int
    rows: int = 0
    cones: int = 0
    quadratic: bool = True


class Backend(Protocol):
    """A module that solves compiled cone programmes."""

    name: str
    capabilities: Capabilities

    def licence(self) -> Licence:
        """Tell whether and how far the solver may be used here."""

    def solve(self, data: Data) -> ConeAnswer:
        """Solve without warm start."""


class Pulse:
    """A sign of life per iteration of a solver; whatever ends the run meanwhile ends the solve, and is no answer.

    Solvers swallow what their callbacks raise, so it is kept here until `settle` raises it.
    """

    def __init__(self, solver: str) -> None:
        self._error: BaseException | None = None
        watchdog.beat(f"solver {solver}")

    def stops(self) -> bool:
        """Give the sign; return whether the solver must stop."""
        try:
            watchdog.beat()
        except BaseException as error:  # noqa: BLE001 - raised again by `settle`
            self._error = error
        return self._error is not None

    def settle(self) -> None:
        """Raise what stopped the solver, if anything did."""
        if self._error is not None:
            raise self._error


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A solution, whatever solver found it: variables x and multipliers z of all rows."""

    x: Array
    z: Array
    obj_val: float
    solve_time: float
    iterations: int
    status: str = "Solved"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConeAnswer:
    """A solver's answer to ``min 1/2 x'Px + c'x`` subject to ``b - A x`` in a product of cones.

    Attributes
    ----------
    status
        cvxpy's word: ``optimal``, ``optimal_inaccurate``, ``infeasible``, ``user_limit``, ``solver_error``.
    raw_status
        The solver's own word.
    solution
        Variables and multipliers.
    primal_residual, dual_residual, gap
        Recomputed from the data, relative: never what the solver says of itself. NaN without an answer.
    primal_objective, dual_objective
        Without the constant of the objective.
    suboptimality
        How far the primal objective may lie above the optimum (see `Residuals`).
    """

    status: str
    raw_status: str
    solution: Point
    primal_residual: float
    dual_residual: float
    gap: float
    primal_objective: float
    dual_objective: float
    iterations: int
    solve_time_s: float
    suboptimality: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """Optimality residuals of a cone programme, recomputed in numpy.

    ``suboptimality`` is the sum of all ``|slack z|``, of row violations times their multipliers, of multipliers of the
    wrong sign times ``max(1, slack)``, and of the gradient's rest times how far its column can be from any optimum:
    the whole width where rows bound it on both sides, else ``max(1, |x|)``. Nothing cancels, unlike in the difference
    of the objectives.
    """

    primal: float
    dual: float
    gap: float
    primal_objective: float
    dual_objective: float
    suboptimality: float


def residuals(data: Data, x: Array, z: Array) -> Residuals:
    """Return how far (x, z) is from optimal for the compiled data.

    Parameters
    ----------
    data
        The compiled programme: ``P`` (full, symmetric), ``c``, ``A``, ``b``, ``dims`` with rows ordered
        zero cone, nonnegative cone, second-order cones.
    x, z
        Primal and dual point.

    Returns
    -------
    Residuals
        Cone violation over ``1 + max|b|``; ``max|Px + c + A'z|`` over ``1 + max|c|``; ``|p - d| / max(1, |p|)``.
    """
    a, b, c = data["A"], data["b"], data["c"]
    px = np.zeros_like(c)
    if data.get("P") is not None:
        px = data["P"] @ x
    slack, rest = b - a @ x, px + c + a.T @ z
    # Sums that round once, not dot products: BLAS splits those of long vectors by the threads it finds free.
    curved = 0.5 * math.fsum(x * px)
    primal_objective = curved + math.fsum(c * x)
    dual_objective = -curved - math.fsum(b * z)
    return Residuals(
        primal=_violation(slack, data["dims"]) / (1.0 + float(np.abs(b).max(initial=0.0))),
        dual=float(np.abs(rest).max(initial=0.0)) / (1.0 + float(np.abs(c).max(initial=0.0))),
        gap=abs(primal_objective - dual_objective) / max(1.0, abs(primal_objective)),
        primal_objective=primal_objective,
        dual_objective=dual_objective,
        suboptimality=_complementarity(slack, z, data["dims"])
        + _wrong_sign(slack, z, data["dims"])
        + float((np.abs(rest) * _reach(data, x)).sum()),
    )


def empty_within(data: Data, z: Array) -> float:
    """Return up to which size of all variables multipliers z prove that no point is feasible; 0 where they do not.

    Whatever is feasible has ``z'(b - A x) >= 0`` for z in the dual cone, so ``-b'z <= |A'z|_1 max|x|`` (Farkas 1902);
    z is moved into the cone first.
    """
    dims, inside = data["dims"], z.copy()
    bounded = slice(dims.zero, dims.zero + dims.nonneg)
    inside[bounded] = np.maximum(z[bounded], 0.0)
    heads, outside = _outside(z, dims)
    inside[heads] += np.maximum(outside, 0.0)
    against = -math.fsum(data["b"] * inside)
    if not against > 0.0:
        return 0.0
    rest = float(np.abs(data["A"].T @ inside).sum())
    return against / rest if rest > 0.0 else math.inf


def _reach(data: Data, x: Array) -> Array:
    """Return how far each column can be from any optimum: as far as its own bounds, or ``max(1, |x|)`` without two."""
    a, first = data["A"].tocoo(), data["dims"].zero
    single = np.bincount(a.row, a.data != 0.0, minlength=data["b"].size) == 1.0
    single[:first], single[first + data["dims"].nonneg :] = False, False
    of = single[a.row] & (a.data != 0.0)
    column, factor = a.col[of], a.data[of]
    end = data["b"][a.row[of]] / factor
    low, high = np.full(x.size, -np.inf), np.full(x.size, np.inf)
    np.minimum.at(high, column[factor > 0.0], end[factor > 0.0])
    np.maximum.at(low, column[factor < 0.0], end[factor < 0.0])
    width = np.maximum(np.abs(high - x), np.abs(x - low))
    return np.where(np.isfinite(width), width, np.maximum(1.0, np.abs(x)))


def _complementarity(slack: Array, z: Array, dims: Any) -> float:  # noqa: ANN401 - cvxpy's cone sizes
    """Return the sum of ``|slack.z|`` over rows and cones; in rows of the zero cone the slack is a violation."""
    product = slack * z
    single = dims.zero + dims.nonneg
    sizes = np.asarray(dims.soc, dtype=int)
    whole = float(np.abs(product[:single]).sum())
    if sizes.size:
        heads = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        whole += float(np.abs(np.add.reduceat(product[single : single + sizes.sum()], heads)).sum())
    return whole


def _wrong_sign(slack: Array, z: Array, dims: Any) -> float:  # noqa: ANN401 - cvxpy's cone sizes
    """Return what multipliers outside their cone may hide: they bound nothing where the slack can be large."""
    bounded = slice(dims.zero, dims.zero + dims.nonneg)
    hidden = float((np.maximum(-z[bounded], 0.0) * np.maximum(1.0, np.abs(slack[bounded]))).sum())
    heads, outside = _outside(z, dims)
    return hidden + float((np.maximum(outside, 0.0) * np.maximum(1.0, np.abs(slack[heads]))).sum())


def _outside(values: Array, dims: Any) -> tuple[IntArray, Array]:  # noqa: ANN401 - cvxpy's cone sizes
    """Return the first row of every second-order cone, and ``|v_1..| - v_0`` there: positive outside the cone."""
    sizes = np.asarray(dims.soc, dtype=np.intp)
    if not sizes.size:
        return sizes, np.zeros(0)
    first = dims.zero + dims.nonneg
    heads = first + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
    totals = np.add.reduceat(values[first : first + sizes.sum()] ** 2, heads - first)
    return heads, np.sqrt(np.maximum(totals - values[heads] ** 2, 0.0)) - values[heads]


def _violation(slack: Array, dims: Any) -> float:  # noqa: ANN401 - cvxpy's cone sizes
    zero, nonneg = dims.zero, dims.zero + dims.nonneg
    worst = float(np.abs(slack[:zero]).max(initial=0.0))
    worst = max(worst, float((-slack[zero:nonneg]).max(initial=0.0)))
    return max(worst, float(_outside(slack, dims)[1].max(initial=0.0)))


def judged(
    data: Data, *, status: str, raw_status: str, x: Array, z: Array, iterations: int, seconds: float
) -> ConeAnswer:
    """Return a solver's answer together with our own check of it; a point that is not finite is none.

    A solver that failed may have left a point; it is checked too, and the status stays.
    """
    usable = status in {*HAS_POINT, FAILED} and bool(np.isfinite(x).all() and np.isfinite(z).all())
    nothing = Residuals(
        primal=math.nan, dual=math.nan, gap=math.nan, primal_objective=math.nan, dual_objective=math.nan,
        suboptimality=math.nan,
    )  # fmt: skip
    check = residuals(data, x, z) if usable else nothing
    return ConeAnswer(
        status=status if usable or status not in HAS_POINT else FAILED,
        raw_status=raw_status,
        solution=Point(x=x, z=z, obj_val=check.primal_objective, solve_time=seconds, iterations=iterations),
        primal_residual=check.primal,
        dual_residual=check.dual,
        gap=check.gap,
        primal_objective=check.primal_objective,
        dual_objective=check.dual_objective,
        iterations=iterations,
        solve_time_s=seconds,
        suboptimality=check.suboptimality,
    )
