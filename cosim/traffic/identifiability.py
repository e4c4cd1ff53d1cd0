"""Whether counts can tell OD trips at all: condition, Cramer-Rao bound, and what stays unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.errors import Problem
from cosim.traffic.likelihoods.fisher import LEAST_FLOW, information
from cosim.traffic.od_problem import OdPoint, OdProblem, flow_jacobian, mean_covariance
from cosim.traffic.performance import FloatArray

LARGEST_CONDITION = 1e4
LARGEST_BOUND = 1.0
_RIDGE = 1e-8
_SINGULAR = 1e-13
_SHOWN = 0.05
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
        units of the parameters, largest entry 1.
    """

    condition: float
    bound: FloatArray
    unknown: FloatArray


def assess(problem: OdProblem, point: OdPoint, *, with_theta: bool = False) -> Identifiability:
    """Measure the design of the counts at an equilibrium."""
    jacobian = flow_jacobian(problem, point, with_theta=with_theta)
    values = np.append(point.trips_vph, [point.theta_per_min] * with_theta)
    scale = np.maximum(values, LEAST_FLOW * max(float(point.trips_vph.max()), LEAST_FLOW))
    if with_theta:
        scale[-1] = point.theta_per_min
    fisher = scale[:, np.newaxis] * information(problem, point, jacobian, prior=False) * scale
    size, direction = np.linalg.eigh(fisher)
    largest = max(float(size[-1]), 0.0)
    smallest = float(size[0])
    condition = largest / smallest if smallest > _SINGULAR * largest else np.inf
    weak = direction[:, size * LARGEST_CONDITION < largest] if largest > 0 else direction
    return Identifiability(
        condition=condition,
        bound=_bound(problem, point, jacobian, scale, values),
        unknown=_readable(scale[:, np.newaxis] * weak),
    )


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
    problems = []
    if found.condition > LARGEST_CONDITION and (problem.prior is None or bool(vague.any())):
        for row in found.unknown:
            involved = np.flatnonzero(np.abs(row) > _SHOWN)
            if not known[involved].all():
                problems.append(Problem(field="counts", reason=_sentence(row, involved, names), remedy=_REMEDY))
    told = " ".join(problem.reason for problem in problems)
    for position in np.flatnonzero(vague):
        if names[position] not in told:
            percent = 100.0 * found.bound[position]
            size = f"{percent:.0f} %" if percent < 1e5 else "any amount"  # noqa: PLR2004 - beyond that a number tells nothing
            reason = f"the counts leave {names[position]} uncertain by {size} of the estimate, at best"
            problems.append(Problem(field="counts", reason=reason, remedy=_REMEDY))
    return problems


def _sentence(row: FloatArray, involved: Sequence[int] | np.ndarray, names: Sequence[str]) -> str:
    if len(involved) == 1:
        return f"the counts do not identify {names[involved[0]]}"
    parts = ", ".join(f"{names[position]} by {row[position]:+.2g}" for position in involved)
    return f"the counts do not identify a combination: changing {parts} together hardly changes any observed flow"


def _bound(
    problem: OdProblem, point: OdPoint, jacobian: FloatArray, scale: FloatArray, values: FloatArray
) -> FloatArray:
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
    return np.divide(spread, values, out=np.full(len(values), np.inf), where=values > 0)


def _readable(weak: FloatArray) -> FloatArray:
    """Return a basis of the span of the columns with few parameters in each row, largest entry 1."""
    if weak.shape[1] == 0:
        return weak.T
    from scipy.linalg import qr

    *_, order = qr(weak.T, mode="economic", pivoting=True)
    rows = np.linalg.solve(weak[order[: weak.shape[1]]].T, weak.T)
    rows = rows / np.abs(rows).max(axis=1, keepdims=True)
    return np.asarray(np.where(np.abs(rows) > _ABSENT, rows, 0.0))
