"""A solved cone programme to rounding: Newton's method on the optimality conditions of the constraints that bind.

An interior-point answer is optimal to about 1e-9 of its cost, which leaves prices with six digits and every bound on
the distance to an optimum with a square root of that. Where the binding rows and cones are known, the conditions are
smooth equations. What binds is read from the answer and corrected by the signs of the multipliers; an answer that
cannot be polished stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray
from cosim.dispatch.backends.base import ConeAnswer, Data, Point, residuals
from cosim.dispatch.scaling import COST_SCALE

if TYPE_CHECKING:
    import scipy.sparse as sp
    import scipy.sparse.linalg as sla

_Entries = tuple[Any, Any, Array, IntArray]
"""Rows, columns, coefficients, and the place of what they are multiplied with."""
MOST_FACTORISATIONS = 6
"""From a first reading of what binds: windows of shipped days need one, single periods at their limits up to five."""
SPLITS = (1e-1, 1e-3)
"""Multiplier over slack, each in its own unit, from which on a row is first taken to bind; tried in this order."""
WORST = 1e-2
"""Rows that pull the wrong way are let go, those first that pull at least this part of the worst: others may follow."""
FAR = 0.1
"""Change of a variable (MW, per unit) from which on a polished point belongs to another answer."""
FIRST_STEPS = 2
"""Enough to see which multipliers have the wrong sign."""
LAST_STEPS = 3
PULL = 1e-2
"""Weight of the distance to the point at hand, where what binds leaves directions free: a row that hardly binds is
easily missed, and Newton's method then runs along what costs nothing."""
MOST_PULLED = 2
"""Factorisations with a pull: where two do not lead to what binds, sixty rarely do."""
PULLED_STEPS = 6
RESTS = 4
"""How often the point of the pull is set anew once what binds is right: from then on it moves by rounding."""
DONE = 1e-16
ROUNDING = 1e4
"""Multiple of `DONE` below which what no longer falls is rounding."""
SHIFT = 1e-9
"""Regularises directions that cost nothing and binding rows that depend on each other; refined away in each step."""
REFINEMENTS = 3
FALLS = 0.1
"""Fall of what the conditions lack in a step, from which on the factors serve for the next one, too."""
SIGN = 1e-9
"""Largest negative slack and multiplier, relative to the largest multiplier, of a polished answer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Programme:
    """The compiled programme, with its rows by kind."""

    p: sp.csc_array
    c: Array
    a: sp.csr_array
    b: Array
    zero: int
    nonneg: int
    starts: IntArray
    sizes: IntArray

    @staticmethod
    def read(data: Data) -> Programme:
        """Return the programme of compiled data."""
        import scipy.sparse as sp

        n, dims = data["c"].size, data["dims"]
        sizes = np.asarray(dims.soc, dtype=np.intp)
        quadratic = data.get("P")
        return Programme(
            p=sp.csc_array((n, n)) if quadratic is None else sp.csc_array(quadratic),
            c=data["c"], a=sp.csr_array(data["A"]), b=data["b"], zero=dims.zero, nonneg=dims.nonneg,
            starts=dims.zero + dims.nonneg + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
            if sizes.size else sizes,
            sizes=sizes,
        )  # fmt: skip

    def heads(self, values: Array) -> Array:
        """Return ``v_0 - |v_1..|`` of every cone."""
        if not self.sizes.size:
            return np.zeros(0)
        tail = values[self.zero + self.nonneg :] ** 2
        total = np.add.reduceat(tail, self.starts - self.starts[0])
        head = values[self.starts]
        return np.asarray(head - np.sqrt(np.maximum(total - head**2, 0.0)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Binding:
    """Which nonnegative rows and which cones bind."""

    rows: BoolArray
    cones: BoolArray


def polished(data: Data, answer: ConeAnswer) -> ConeAnswer:
    """Return the answer with optimality conditions met to rounding; the given one where that does not succeed.

    Parameters
    ----------
    data
        The compiled programme (see `cosim.dispatch.backends.base`).
    answer
        A solver's answer with a point.
    """
    one = Programme.read(data)
    for split in SPLITS:
        fine = _polished_from(one, data, answer, split)
        if fine is not answer:
            return fine
    return _pulled(one, data, answer)


def _polished_from(one: Programme, data: Data, answer: ConeAnswer, split: float) -> ConeAnswer:
    """Return the polished answer if what binds is what has a multiplier of more than ``split`` times its slack.

    An interior point leaves ``slack z`` alike in all rows and cones, so the two only tell what binds once each is
    counted in its own unit: rows of `scaling` are of order 1, money is of order `COST_SCALE`.
    """
    x, z = answer.solution.x, answer.solution.z
    binding, budget = _read(one, x, z, split), Budget(MOST_FACTORISATIONS)
    while True:
        equations = Equations.of(one, binding)
        found = _newton(equations, (x, z), FIRST_STEPS, budget)
        if found is None:
            return answer
        corrected = _corrected(one, found.x, found.z, binding)
        if corrected is None:
            found = _newton(equations, (found.x, found.z), LAST_STEPS, budget, found.factors)
            return answer if found is None else _better(data, answer, found.x, found.z)
        binding = corrected


def _pulled(one: Programme, data: Data, answer: ConeAnswer) -> ConeAnswer:
    """Return the polished answer by the method of proximal points (Rockafellar 1976).

    ``PULL / 2 |x - centre|^2`` in the objective makes every step finite, whatever binds; once that is right the
    centre follows, and what the pull changes of the optimum falls to nothing.
    """
    import scipy.sparse as sp

    x, z = answer.solution.x, answer.solution.z
    binding, centre, budget, factors = _read(one, x, z, SPLITS[0]), x, Budget(MOST_PULLED), None
    for _ in range(MOST_PULLED + RESTS):
        pulled = replace(one, p=sp.csc_array(one.p + PULL * sp.eye_array(x.size)), c=one.c - PULL * centre)
        found = _newton(Equations.of(pulled, binding), (x, z), PULLED_STEPS, budget, factors)
        if found is None or not _near(found.x, answer.solution.x):
            return answer
        corrected = _corrected(one, found.x, found.z, binding)
        if corrected is not None:
            binding, factors = corrected, None
            continue
        moved, factors = float(np.abs(found.x - centre).max(initial=0.0)), found.factors
        x, z, centre = found.x, found.z, found.x
        if PULL * moved <= ROUNDING * DONE:
            break
    return _better(data, answer, x, z)


def _read(one: Programme, x: Array, z: Array, split: float) -> Binding:
    """Return what has a multiplier of more than ``split`` times its slack."""
    slack = one.b - one.a @ x
    bounded, price = slice(one.zero, one.zero + one.nonneg), split * COST_SCALE
    return Binding(rows=z[bounded] > price * slack[bounded], cones=z[one.starts] > price * one.heads(slack))


def _near(x: Array, start: Array) -> bool:
    """Whether a point belongs to the answer that it was sought from."""
    return float(np.abs(x - start).max(initial=0.0)) <= FAR * (1.0 + float(np.abs(start).max(initial=0.0)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Equations:
    """The optimality conditions if given rows and cones bind: gradient, rows, and ``1/2 (v_0^2 - |v_1..|^2) = 0``.

    ``lines`` are the rows that hold with equality; ``rows`` those of the binding cones, cone ``owner`` each, ``sign`` 1
    for its head and -1 for the others. Their multipliers are ``weight sign v``. Where the matrix of derivatives has
    entries never changes; each is a sum of ``coefficient`` times 1, a cone's weight or a row's slack (``factor``).
    """

    one: Programme
    lines: IntArray
    starts: IntArray
    rows: IntArray
    owner: IntArray
    sign: Array
    pattern: Pattern

    @staticmethod
    def of(one: Programme, binding: Binding) -> Equations:
        """Return the conditions if these rows and cones bind."""
        starts, sizes = one.starts[binding.cones], one.sizes[binding.cones]
        owner = np.repeat(np.arange(starts.size), sizes)
        inner = np.arange(owner.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows, sign = starts[owner] + inner, np.where(inner == 0, 1.0, -1.0)
        lines = np.concatenate([np.arange(one.zero), one.zero + np.flatnonzero(binding.rows)])
        return Equations(
            one=one, starts=starts, rows=rows, owner=owner, sign=sign, lines=lines,
            pattern=Pattern.of(one, lines, rows, owner, sign),
        )  # fmt: skip

    def at(self, x: Array, multiplier: Array, weight: Array) -> tuple[sp.csc_array, Array]:
        """Return the conditions' matrix of derivatives, and what they lack."""
        one = self.one
        slack = one.b - one.a @ x
        inner = slack[self.rows]
        lack = [
            -(one.p @ x + one.c + one.a.T @ self._dual(slack, multiplier, weight)),
            slack[self.lines],
            0.5 * np.bincount(self.owner, self.sign * inner * inner, minlength=self.starts.size),
        ]
        return self.pattern.matrix(np.concatenate([[1.0], weight, inner])), np.concatenate(lack)

    def dual(self, x: Array, multiplier: Array, weight: Array) -> Array:
        """Return the multipliers of all rows; 0 where nothing binds."""
        return self._dual(self.one.b - self.one.a @ x, multiplier, weight)

    def _dual(self, slack: Array, multiplier: Array, weight: Array) -> Array:
        z = np.zeros_like(slack)
        z[self.lines] = multiplier
        z[self.rows] = weight[self.owner] * self.sign * slack[self.rows]
        return z


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pattern:
    """A sparse matrix whose entries are sums of coefficients times some of a vector of factors."""

    indices: IntArray
    indptr: IntArray
    place: IntArray
    coefficient: Array
    factor: IntArray

    @staticmethod
    def of(one: Programme, lines: IntArray, rows: IntArray, owner: IntArray, sign: Array) -> Pattern:
        """Return the matrix of the conditions: factors are 1, the weights of the cones, the slacks of their rows."""
        n, cones = one.c.size, int(owner[-1]) + 1 if owner.size else 0
        curved, line, cone = one.p.tocoo(), one.a[lines].tocoo(), one.a[rows].tocoo()
        row, column = cone.row.astype(np.intp), cone.col.astype(np.intp)
        first, second = _pairs(row)
        slope = sign[row] * cone.data
        parts: tuple[_Entries, ...] = (
            (curved.row, curved.col, curved.data, np.zeros(curved.nnz, dtype=np.intp)),
            (column[first], column[second], -slope[first] * cone.data[second], 1 + owner[row[first]]),
            *_both((n + line.row, line.col, line.data, np.zeros(line.nnz, dtype=np.intp))),
            *_both((n + lines.size + owner[row], column, slope, 1 + cones + row)),
        )
        i, j, coefficient, factor = (np.concatenate(part) for part in zip(*parts, strict=True))
        size = n + lines.size + cones
        keys, place = np.unique(j.astype(np.int64) * size + i, return_inverse=True)
        indptr = np.searchsorted(keys, np.arange(size + 1, dtype=np.int64) * size)
        return Pattern(
            indices=(keys % size).astype(np.int32), indptr=indptr.astype(np.int32), place=place,
            coefficient=coefficient, factor=factor,
        )  # fmt: skip

    def matrix(self, factors: Array) -> sp.csc_array:
        """Return the matrix at these factors."""
        import scipy.sparse as sp

        entries = np.bincount(self.place, self.coefficient * factors[self.factor], minlength=self.indices.size)
        size = self.indptr.size - 1
        return sp.csc_array((entries, self.indices, self.indptr), shape=(size, size))


def _pairs(row: IntArray) -> tuple[IntArray, IntArray]:
    """Return all pairs of entries that stand in the same row; the entries are sorted by row."""
    count = np.bincount(row)[row] if row.size else row
    first = np.repeat(np.arange(row.size), count)
    inner = np.arange(first.size) - np.repeat(np.cumsum(count) - count, count)
    return first, np.searchsorted(row, row)[first] + inner


def _both(block: _Entries) -> tuple[_Entries, _Entries]:
    """Return the entries of a block and of its transpose."""
    row, column, coefficient, factor = block
    return block, (column, row, coefficient, factor)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Primal and dual point, and the factors that led there."""

    x: Array
    z: Array
    factors: sla.SuperLU | None


class Budget:
    """How many factorisations are left."""

    def __init__(self, left: int) -> None:
        self.left = left

    def factored(self, matrix: sp.csc_array, n: int) -> sla.SuperLU | None:
        """Return the factors of a matrix; None where it is singular, or nothing is left."""
        self.left -= 1
        return None if self.left < 0 else factored(matrix, n)


def _newton(
    equations: Equations, start: tuple[Array, Array], steps: int, budget: Budget, factors: sla.SuperLU | None = None
) -> Found | None:
    """Return the point some steps towards the conditions, by factors at hand while they serve.

    None where there is no step, or one that leads far away: then what was taken to bind leaves a direction free.
    """
    (x, z), one = start, equations.one
    n, count = x.size, equations.lines.size
    head = (one.b - one.a @ x)[equations.starts]
    if not (head > 0.0).all():  # a cone of no size at its tip, as of a device without capacity: nothing to refine there
        return None
    weight, multiplier = z[equations.starts] / head, z[equations.lines].copy()
    largest = 1.0 + float(np.abs(one.c).max(initial=0.0))
    before = np.inf
    for _ in range(steps):
        matrix, lack = equations.at(x, multiplier, weight)
        # The gradient lacks in money, rows and cones in their own units: each is judged in its own.
        size = max(float(np.abs(lack[:n]).max()) / largest, float(np.abs(lack[n:]).max(initial=0.0)))
        if size <= DONE or (ROUNDING * DONE >= size > FALLS * before):
            break
        if factors is None or size > FALLS * before:
            factors = budget.factored(matrix, n)
        step, before = None if factors is None else refined_step(factors, matrix, lack), size
        if step is None:
            return None
        x, multiplier, weight = x + step[:n], multiplier + step[n : n + count], weight + step[n + count :]
        if not _near(x, start[0]):
            return None
    return Found(x=x, z=equations.dual(x, multiplier, weight), factors=factors)


def factored(matrix: sp.csc_array, n: int) -> sla.SuperLU | None:
    """Return the factors of the matrix with `SHIFT` on its diagonal; None where it is singular all the same."""
    import scipy.sparse as sp
    import scipy.sparse.linalg as sla

    shift = np.full(matrix.shape[0], -SHIFT)
    shift[:n] = SHIFT
    try:
        return sla.splu(sp.csc_array(matrix + sp.diags_array(shift)))
    except RuntimeError:  # exactly singular
        return None


def refined_step(factors: sla.SuperLU, matrix: sp.csc_array, lack: Array) -> Array | None:
    """Return the step; what the shift, or a step since the factors were made, has changed is refined away."""
    step: Array = factors.solve(lack)
    for _ in range(REFINEMENTS):
        step = step + factors.solve(lack - matrix @ step)
    return step if np.isfinite(step).all() else None


def _corrected(one: Programme, x: Array, z: Array, binding: Binding) -> Binding | None:
    """Return what should bind instead: nothing that pulls the wrong way, all that is violated; None if it is right."""
    slack = one.b - one.a @ x
    bounded = slice(one.zero, one.zero + one.nonneg)
    single, head = z[bounded], z[one.starts]
    least = -SIGN * max(1.0, float(np.abs(z).max(initial=0.0)))
    worst = min(float(single.min(initial=0.0)), float(head.min(initial=0.0)))
    limit = min(least, WORST * worst)
    rows = (binding.rows & (single >= limit)) | (~binding.rows & (slack[bounded] < -SIGN))
    cones = (binding.cones & (head >= limit)) | (~binding.cones & (one.heads(slack) < -SIGN))
    same = bool((rows == binding.rows).all() and (cones == binding.cones).all())
    return None if same else Binding(rows=rows, cones=cones)


def _better(data: Data, answer: ConeAnswer, x: Array, z: Array) -> ConeAnswer:
    """Return the polished answer if its own residuals say that it is one."""
    check = residuals(data, x, z)
    before = (answer.primal_residual, answer.dual_residual)
    better = check.suboptimality <= answer.suboptimality
    if not (better and check.primal <= max(before[0], SIGN) and check.dual <= max(before[1], SIGN)):
        return answer
    old = answer.solution
    return replace(
        answer,
        solution=Point(
            x=x, z=z, obj_val=check.primal_objective, solve_time=old.solve_time, iterations=old.iterations,
            status=old.status,
        ),
        primal_residual=check.primal, dual_residual=check.dual, gap=check.gap,
        primal_objective=check.primal_objective, dual_objective=check.dual_objective,
        suboptimality=check.suboptimality,
    )  # fmt: skip
