"""An answer whose balances close: the least change of a point after which every equation holds to rounding.

A solver stops where its equations hold to a tolerance of its own, and what an answer that could not be polished leaves
is then told as power or energy that nobody gave. The change is as small as the rest that it removes. `feasible` does
the same with rows and cones that a point violates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.backends.base import ConeAnswer, Data, judged
from cosim.dispatch.polish import Programme, factored, refined_step

if TYPE_CHECKING:
    import scipy.sparse as sp

CLOSED = 1e-9
"""Rest of all equations that is left, in units in which a feeder's own power is about 1: a power that a device must
take is told to that digit. Answers that were polished are far below, and are not factorised again."""
LEFT = 1e-8
"""Violation of rows and cones that may be left: a hundredth of the gate's. What is added to one side of a cone is a
part of the rest that is removed."""
MOST_STEPS = 8
"""Cones are linearised, and what a step violates is added for the next one: two to six steps were enough."""
FEASIBLE = 1e-10
"""Largest violation after which a point counts as feasible."""


def closed(data: Data, answer: ConeAnswer) -> ConeAnswer:
    """Return the answer at the nearest point at which all equations hold; the given one where they nearly do.

    Parameters
    ----------
    data
        The compiled programme (see `cosim.dispatch.backends.base`).
    answer
        A solver's answer with a point.
    """
    import scipy.sparse as sp

    zero = data["dims"].zero
    rows = sp.csr_array(data["A"])[:zero]
    rest = data["b"][:zero] - rows @ answer.solution.x
    if float(np.linalg.norm(rest)) <= CLOSED:
        return answer
    step = _least_step(rows, rest)
    found = None if step is None else _moved(data, answer, answer.solution.x + step)
    if found is None or found.primal_residual > CLOSED:
        # Rows must go along: a discharge of -1e-8 of a feeder's power would be told as wear that pays.
        found = feasible(data, answer) or found
    return found if found is not None and found.primal_residual <= max(answer.primal_residual, LEFT) else answer


def feasible(data: Data, answer: ConeAnswer) -> ConeAnswer | None:
    """Return the answer at a feasible point next to it, by Gauss-Newton steps; None if they lead to none.

    Its multipliers stay, so that the gap between its objectives is what feasibility costs.

    Parameters
    ----------
    data
        The compiled programme (see `cosim.dispatch.backends.base`).
    answer
        A solver's answer with a point.
    """
    import scipy.sparse as sp

    one, x = Programme.read(data), answer.solution.x
    bounded, inside = slice(one.zero, one.zero + one.nonneg), np.arange(one.zero)
    rows, cones = np.zeros(one.nonneg, dtype=bool), np.zeros(one.starts.size, dtype=bool)
    for _ in range(MOST_STEPS):
        slack = one.b - one.a @ x
        heads = one.heads(slack)
        if (
            max(np.abs(slack[: one.zero]).max(initial=0.0), -slack[bounded].min(initial=0.0), -heads.min(initial=0.0))
            <= FEASIBLE
        ):
            return _moved(data, answer, x)
        rows |= slack[bounded] < 0.0
        cones |= heads < 0.0
        held = np.concatenate([inside, one.zero + np.flatnonzero(rows)])
        slopes = sp.vstack([one.a[held], _slopes(one, slack, cones) @ one.a], format="csr")
        step = _least_step(slopes, np.concatenate([slack[held], heads[cones]]))
        if step is None:
            return None
        x = x + step
    return None


def _slopes(one: Programme, slack: Array, cones: Array) -> sp.csr_array:
    """Return the gradients of ``v_0 - |v_1..|`` of some cones, by the slack of every row."""
    import scipy.sparse as sp

    owner = np.repeat(np.arange(one.starts.size), one.sizes)
    inner = slack[one.zero + one.nonneg :]
    length = slack[one.starts] - one.heads(slack)
    gradient = -inner / np.where(length > 0.0, length, 1.0)[owner]
    gradient[one.starts - (one.zero + one.nonneg)] = 1.0
    of = np.flatnonzero(cones[owner])
    places = (np.cumsum(cones) - 1)[owner[of]], one.zero + one.nonneg + of
    return sp.csr_array((gradient[of], places), shape=(int(cones.sum()), slack.size))


def _least_step(rows: sp.csr_array, rest: Array) -> Array | None:
    """Return the shortest change of x by which ``rows x`` grows by the rest; None where there is none."""
    import scipy.sparse as sp

    n = rows.shape[1]
    matrix = sp.block_array([[sp.eye_array(n), rows.T], [rows, None]], format="csc")
    factors = factored(matrix, n)
    step = None if factors is None else refined_step(factors, matrix, np.concatenate([np.zeros(n), rest]))
    return None if step is None else step[:n]


def _moved(data: Data, answer: ConeAnswer, x: Array) -> ConeAnswer:
    """Return the answer at another point, judged anew."""
    return judged(
        data, status=answer.status, raw_status=answer.raw_status, x=x, z=answer.solution.z,
        iterations=answer.iterations, seconds=answer.solve_time_s,
    )  # fmt: skip


def closes(data: Data, answer: ConeAnswer) -> bool:
    """Whether all equations hold at an answer, or at the nearest point at which they do."""
    zero = data["dims"].zero
    found = closed(data, answer)
    rest = data["b"][:zero] - data["A"][:zero] @ found.solution.x
    return float(np.linalg.norm(rest)) <= CLOSED
