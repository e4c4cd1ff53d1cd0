"""A local optimum of the AC problem: Newton's method on the optimality conditions with every line's cone an equation.

With ``l v = P^2 + Q^2`` in place of the relaxed cone the branch flow of a radial feeder *is* the AC power flow, and a
point that meets the optimality conditions (Karush, Kuhn, Tucker) of that programme has what a relaxed or restored one
lacks: multipliers that are its marginal costs. The cones' multipliers may have either sign. It is a local statement: no
bound follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.backends.base import ConeAnswer, Cones, Data, judged
from cosim.dispatch.polish import SIGN, WORST, Binding, Equations, Programme, factored, refined_step

if TYPE_CHECKING:
    import scipy.sparse as sp

PASSES = 12
"""Corrections of what binds."""
STEPS = 10
"""Newton steps between them: quadratic convergence needs few, and a point that needs more is not near."""
DONE = 1e-15
"""Largest lack of a condition, relative to the largest price, at which Newton's method is over."""
LACK = 1e-9
"""The same for an answer: violation of rows and cones, and the gradient's rest over the largest price."""
FAR = 0.25
"""Change of a variable (MW, per unit, scaled current) relative to the largest, from which on it is another answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Which cones of a compiled programme are equations.

    Attributes
    ----------
    equal
        Number of cones, from the first on, that hold with equality.
    dropped
        Number of cones, from the last backwards, that are left out: linearisations of the first ones' other side.
    """

    equal: int
    dropped: int = 0


def local_optimum(data: Data, answer: ConeAnswer, surface: Surface) -> ConeAnswer | None:
    """Return the local optimum next to an answer, with multipliers of all rows; None if there is none nearby.

    Parameters
    ----------
    data
        The compiled programme (see `cosim.dispatch.backends.base`).
    answer
        Where to begin; of its multipliers only those of bounds are used, to tell which bind.
    surface
        What replaces the relaxation.
    """
    kept, start = _without_last(data, surface.dropped), answer.solution
    one, rows = Programme.read(kept), kept["b"].size
    x, z = start.x, start.z[:rows]
    slack = one.b - one.a @ x
    bounded = slice(one.zero, one.zero + one.nonneg)
    forced = np.arange(one.starts.size) < surface.equal
    binding = Binding(rows=z[bounded] > slack[bounded], cones=forced | (z[one.starts] > one.heads(slack)))
    reach = FAR * (1.0 + float(np.abs(x).max(initial=0.0)))
    for _ in range(PASSES):
        found = _newton(one, x, binding)
        if found is None or not float(np.abs(found[0] - start.x).max(initial=0.0)) <= reach:
            return None
        x, z = found
        corrected = _corrected(one, x, z, binding, forced)
        if corrected is None:
            return _answer(data, kept, answer, x, z) if _lack(one, x, z, forced) <= LACK else None
        binding = corrected
    return None


def _without_last(data: Data, dropped: int) -> Data:
    """Return the programme without its last cones."""
    if not dropped:
        return data
    sizes = list(data["dims"].soc)
    rows = data["b"].size - sum(sizes[-dropped:])
    dims = Cones(zero=data["dims"].zero, nonneg=data["dims"].nonneg, soc=sizes[:-dropped])
    return {**data, "A": data["A"].tocsr()[:rows], "b": data["b"][:rows], "dims": dims}


def _newton(one: Programme, x: Array, binding: Binding) -> tuple[Array, Array] | None:
    """Return primal and dual point where the conditions hold, from multipliers of least squares; None if it fails."""
    import scipy.sparse as sp

    equations = Equations.of(one, binding)
    n, lines = x.size, equations.lines.size
    multiplier, weight = np.zeros(lines), np.zeros(equations.starts.size)
    done = DONE * (1.0 + float(np.abs(one.c).max(initial=0.0)))
    matrix, lack = equations.at(x, multiplier, weight)
    equal = matrix[n:, :n]
    flat = sp.block_array([[sp.eye_array(n), equal.T], [equal, None]], format="csc")
    first = _step(flat, np.concatenate([lack[:n], np.zeros(lack.size - n)]), n)
    if first is None:
        return None
    multiplier, weight = first[n : n + lines], first[n + lines :]
    for _ in range(STEPS):
        matrix, lack = equations.at(x, multiplier, weight)
        if float(np.abs(lack).max()) <= done:
            break
        step = _step(matrix, lack, n)
        if step is None:
            return None
        x, multiplier, weight = x + step[:n], multiplier + step[n : n + lines], weight + step[n + lines :]
    return x, equations.dual(x, multiplier, weight)


def _step(matrix: sp.csc_array, lack: Array, n: int) -> Array | None:
    factors = factored(matrix, n)
    return None if factors is None else refined_step(factors, matrix, lack)


def _corrected(one: Programme, x: Array, z: Array, binding: Binding, forced: Any) -> Binding | None:  # noqa: ANN401
    """Return what should bind instead; the forced cones always do. None if it is right."""
    slack = one.b - one.a @ x
    bounded = slice(one.zero, one.zero + one.nonneg)
    single, head = z[bounded], np.where(forced, 0.0, z[one.starts])
    scale = max(1.0, float(np.abs(z).max(initial=0.0)))
    worst = min(float(single.min(initial=0.0)), float(head.min(initial=0.0)))
    limit = min(-SIGN * scale, WORST * worst)
    rows = (binding.rows & (single >= limit)) | (~binding.rows & (slack[bounded] < -SIGN))
    cones = forced | (binding.cones & (head >= limit)) | (~binding.cones & (one.heads(slack) < -SIGN))
    same = bool((rows == binding.rows).all() and (cones == binding.cones).all())
    return None if same else Binding(rows=rows, cones=cones)


def _lack(one: Programme, x: Array, z: Array, forced: Any) -> float:  # noqa: ANN401 - a mask
    """Return the largest violation of a condition, recomputed from the programme."""
    return max(_lacks(one, x, z, forced), default=0.0)


def _lacks(one: Programme, x: Array, z: Array, forced: Any) -> Iterator[float]:  # noqa: ANN401 - a mask
    slack = one.b - one.a @ x
    heads = one.heads(slack)
    bounded = slice(one.zero, one.zero + one.nonneg)
    scale = 1.0 + float(np.abs(one.c).max(initial=0.0))
    yield float(np.abs(one.p @ x + one.c + one.a.T @ z).max(initial=0.0)) / scale
    yield float(np.abs(slack[: one.zero]).max(initial=0.0))
    yield float((-slack[bounded]).max(initial=0.0))
    yield float(np.abs(heads[forced]).max(initial=0.0))
    yield float((-heads[~forced]).max(initial=0.0))
    if not (np.isfinite(x).all() and np.isfinite(z).all()):
        yield np.inf


def _answer(data: Data, kept: Data, old: ConeAnswer, x: Array, z: Array) -> ConeAnswer:
    """Return the answer in the full programme's rows; what was left out has no multiplier, and there is no bound."""
    found = judged(
        kept, status="optimal", raw_status="local optimum", x=x, z=z, iterations=old.iterations,
        seconds=old.solve_time_s,
    )  # fmt: skip
    full = np.zeros(data["b"].size)
    full[: z.size] = z
    return replace(found, solution=replace(found.solution, z=full), suboptimality=math.nan)
