"""Whether counts can tell OD trips at all: condition, Cramer-Rao bound, and what stays unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray
from cosim.errors import Problem
from cosim.traffic.likelihoods.fisher import LEAST_FLOW, information
from cosim.traffic.od_problem import OdPoint, OdProblem, flow_jacobian, mean_covariance

LARGEST_CONDITION = 1e4
LARGEST_BOUND = 1.0
_RIDGE = 1e-8
_SINGULAR = 1e-13
_SHOWN = 0.05
_MOST_PERCENT = 1e5
_MOST_SENTENCES = 10
_MOST_PARTS = 6
TYPICAL = 0.1
_ABSENT = 1e-9
_REMEDY = "observe another link on their paths, take more samples, or give a prior"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identifiability:
    """How well a design of counts identifies the trips at a point.

    Attributes
    ----------
    condition
        Condition number of the Fisher matrix of the counts alone, parameters scaled by their values;
        infinite if singular.
    bound
        Cramer-Rao bound of each parameter relative to its value, shape (P,), prior included: no
        unbiased estimate of Poisson path flows can have a smaller standard deviation.
    unknown
        Combinations of parameters that the counts alone do not tell, one row each, shape (n, P), in
        units of the parameters, largest entry 1; trips near 0 are scaled as if they were not.
    weak
        The same, scaled by the values: also trips that are only small.
    """

    condition: float
    bound: Array
    unknown: Array
    weak: Array


def assess(problem: OdProblem, point: OdPoint, *, with_theta: bool = False) -> Identifiability:
    """Measure the design of the counts at an equilibrium."""
    jacobian = flow_jacobian(problem, point, with_theta=with_theta)
    values = np.append(point.trips_vph, [point.theta_per_min] * with_theta)
    scale = _floored(values, problem.n_pairs, LEAST_FLOW)
    matrix = information(problem, point, jacobian, prior=False)
    size, weak = _weak_directions(matrix, scale)
    _, unknown = _weak_directions(matrix, _floored(values, problem.n_pairs, TYPICAL))
    return Identifiability(
        condition=float(size[-1] / size[0]) if size[0] > _SINGULAR * size[-1] else np.inf,
        bound=_bound(problem, point, jacobian, scale, values),
        unknown=unknown,
        weak=weak,
    )


def _floored(values: Array, n_pairs: int, fraction: float) -> Array:
    """Return the parameters with no trips below a fraction of the largest."""
    floored = values.copy()
    floored[:n_pairs] = np.maximum(values[:n_pairs], fraction * max(float(values[:n_pairs].max()), LEAST_FLOW))
    return floored


def _weak_directions(information_matrix: Array, scale: Array) -> tuple[Array, Array]:
    """Return the eigenvalues of the scaled matrix, and the directions below the largest condition, readable."""
    size, direction = np.linalg.eigh(scale[:, np.newaxis] * information_matrix * scale)
    largest = float(size[-1])
    weak = direction[:, size * LARGEST_CONDITION < largest] if largest > 0 else direction
    return np.asarray(size, dtype=np.float64), _readable(scale[:, np.newaxis] * weak)


def refusals(problem: OdProblem, found: Identifiability) -> list[Problem]:
    """Return why a design is refused; empty if the counts (or the prior) identify all trips.

    Refused are a condition above 1e4 and a bound above 100 %, unless a prior knows the pair.
    """
    names = [f"the trips {name}" for name in problem.pair_names]
    names += ["theta"] * (len(found.bound) - len(names))
    known = np.zeros(len(names), dtype=bool)
    if problem.prior is not None:
        known[: problem.n_pairs] = problem.prior.precision > 0
    vague = (found.bound > LARGEST_BOUND) & ~known
    poor = found.condition > LARGEST_CONDITION and (problem.prior is None or bool(vague.any()))
    problems = _combinations(found.unknown, names, known) if poor else []
    if not problems:
        problems = [_vague(names[at], 100.0 * float(found.bound[at])) for at in np.flatnonzero(vague).tolist()]
    if poor and not problems:
        problems = _combinations(found.weak, names, known)
    if len(problems) > _MOST_SENTENCES:
        more = f"and so it is with {len(problems) - _MOST_SENTENCES} more"
        problems = [*problems[:_MOST_SENTENCES], Problem(field="counts", reason=more)]
    return problems


def _vague(name: str, percent: float) -> Problem:
    if percent < _MOST_PERCENT:
        reason = f"the counts leave {name} uncertain by {percent:.0f} % of the estimate, at best"
        return Problem(field="counts", reason=reason, remedy=_REMEDY)
    reason = f"the counts are explained best by 0 for {name}, which no error can be relative to"
    return Problem(field="counts", reason=reason, remedy="check counts and theta, leave it out, or give a prior")


def _combinations(rows: Array, names: Sequence[str], known: BoolArray) -> list[Problem]:
    """Return a problem for every combination that involves more than what a prior knows."""
    involved = [np.flatnonzero(np.abs(row) > _SHOWN) for row in rows]
    return [
        Problem(field="counts", reason=_sentence(row, members, names), remedy=_REMEDY)
        for row, members in zip(rows, involved, strict=True)
        if not known[members].all()
    ]


def _sentence(row: Array, involved: IntArray, names: Sequence[str]) -> str:
    if len(involved) == 1:
        return f"the counts do not identify {names[involved[0]]}"
    largest = np.sort(involved[np.argsort(-np.abs(row[involved]), kind="stable")[:_MOST_PARTS]])
    parts = ", ".join(f"{names[position]} by {row[position]:+.2g}" for position in largest)
    parts += f" and {len(involved) - _MOST_PARTS} more" if len(involved) > _MOST_PARTS else ""
    return f"the counts do not identify a combination: changing {parts} together hardly changes any observed flow"


def _bound(problem: OdProblem, point: OdPoint, jacobian: Array, scale: Array, values: Array) -> Array:
    covariance = mean_covariance(problem, point)
    ridge = max(_RIDGE * float(np.trace(covariance)) / len(covariance), LEAST_FLOW**2)
    covariance[np.diag_indices_from(covariance)] += ridge
    knowledge = jacobian.T @ np.linalg.solve(covariance, jacobian)
    if problem.prior is not None:
        at = np.arange(problem.n_pairs)
        knowledge[at, at] += problem.prior.precision
    size, direction = np.linalg.eigh(scale[:, np.newaxis] * knowledge * scale)
    size = np.maximum(size, max(float(size[-1]), LEAST_FLOW) * _SINGULAR * _SINGULAR)
    spread = scale * np.sqrt((direction**2 / size).sum(axis=1))
    return np.asarray(np.divide(spread, values, out=np.full(len(values), np.inf), where=values > 0))


def _readable(weak: Array) -> Array:
    """Return a basis of the span of the columns with few parameters in each row, largest entry 1."""
    if weak.shape[1] == 0:
        return weak.T
    from scipy.linalg import qr

    *_, order = qr(weak.T, mode="economic", pivoting=True)
    rows = np.linalg.solve(weak[order[: weak.shape[1]]].T, weak.T)
    rows = rows / np.abs(rows).max(axis=1, keepdims=True)
    return np.asarray(np.where(np.abs(rows) > _ABSENT, rows, 0.0))
