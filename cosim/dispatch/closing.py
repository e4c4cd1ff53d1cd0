"""An answer whose balances close: the least change of a point after which every equation holds to rounding.

A solver stops where its equations hold to a tolerance of its own, and what an answer that could not be polished leaves
is then told as power or energy that nobody gave. The change is as small as the rest that it removes.
"""

from __future__ import annotations

import numpy as np

from cosim.dispatch.backends.base import ConeAnswer, Data, judged
from cosim.dispatch.polish import factored, refined_step

CLOSED = 1e-9
"""Rest of all equations that is left, in units in which a feeder's own power is about 1: a power that a device must
take is told to that digit. Answers that were polished are far below, and are not factorised again."""
LEFT = 1e-8
"""Violation of rows and cones that may be left: a hundredth of the gate's. What is added to one side of a cone is a
part of the rest that is removed."""


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

    old, zero = answer.solution, data["dims"].zero
    rows = sp.csr_array(data["A"])[:zero]
    rest = data["b"][:zero] - rows @ old.x
    if float(np.linalg.norm(rest)) <= CLOSED:
        return answer
    n = old.x.size
    matrix = sp.block_array([[sp.eye_array(n), rows.T], [rows, None]], format="csc")
    factors = factored(matrix, n)
    step = None if factors is None else refined_step(factors, matrix, np.concatenate([np.zeros(n), rest]))
    if step is None:
        return answer
    found = judged(
        data, status=answer.status, raw_status=answer.raw_status, x=old.x + step[:n], z=old.z,
        iterations=answer.iterations, seconds=answer.solve_time_s,
    )  # fmt: skip
    return found if found.primal_residual <= max(answer.primal_residual, LEFT) else answer


def closes(data: Data, answer: ConeAnswer) -> bool:
    """Whether all equations hold at an answer, or at the nearest point at which they do."""
    zero = data["dims"].zero
    found = closed(data, answer)
    rest = data["b"][:zero] - data["A"][:zero] @ found.solution.x
    return float(np.linalg.norm(rest)) <= CLOSED
