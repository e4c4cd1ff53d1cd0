"""Poisson likelihood of mean counts, maximised by Fisher scoring through the equilibrium's derivatives.

Links are weighted as if they were independent. They are not (a vehicle is counted on every link that it
passes), so the naive errors are too small; the sandwich errors know it.
"""

from __future__ import annotations

import numpy as np

from cosim.arrays import Array
from cosim.traffic.od_problem import (
    Fit,
    OdPoint,
    OdProblem,
    evaluate,
    flow_jacobian,
    mean_covariance,
    scaled_inverse,
)

LEAST_FLOW = 1e-3
TRIALS = 40
ROUNDING = 1e-11
THETA_FACTOR = 2.0


def run(
    problem: OdProblem,
    start: OdPoint,
    *,
    estimate_theta: bool = False,
    tolerance: float = 1e-7,
    limit: int = 50,
) -> Fit:
    """Solve ``J' N (xbar / m - 1) = 0`` with ``J = dv/dq`` and ``m = v(q)`` at equilibrium.

    The information is ``J' diag(N / m) J``; steps are halved until the deviance does not rise and the
    equilibrium converges, trips below 0 are set to 0.

    Parameters
    ----------
    problem, start
        What is estimated, and from where.
    estimate_theta
        Theta becomes one more parameter.
    tolerance
        Stop when no trips move by more than this times the largest, and theta by this times itself.
    limit
        Iterations.
    """
    point, iterations, status = start, 0, ""
    while point.equilibrium.converged and not status:
        jacobian = flow_jacobian(problem, point, with_theta=estimate_theta)
        step = scoring_step(problem, point, jacobian)
        scale = _scale(point, jacobian)
        small = bool(np.all(np.abs(step) < tolerance * scale))
        trial, found = _search(problem, point, step)
        iterations += 1
        point = trial or point
        if small:
            status = "converged"
        elif trial is None:
            status = found
        elif iterations >= limit:
            status = "limit"
    return _finished(problem, point, estimate_theta, iterations, status or "equilibrium")


def deviance(problem: OdProblem, point: OdPoint) -> float:
    """Return twice the log-likelihood ratio of the saturated model and this one, >= 0; a prior adds its own.

    ``2 N sum (y ln(y/z) - y + z)`` with ``y = xbar + s``, ``z = m + s`` and s the extra variance.
    """
    counts = problem.counts
    extra = counts.hours * counts.extra_variance
    seen, expected = counts.mean_vph + extra, _expected(problem, point)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (expected - seen) / seen
        terms = np.where(seen > 0, seen * (ratio - np.log1p(ratio)), expected)
    total = 2.0 * float(counts.samples @ terms) * counts.hours
    if problem.prior is not None:
        total += float(problem.prior.precision @ (point.trips_vph - problem.prior.trips_vph) ** 2)
    return total


def score(problem: OdProblem, point: OdPoint, jacobian: Array) -> Array:
    """Return the derivative of ``-deviance / 2`` by the parameters, shape (P,)."""
    counts = problem.counts
    model = np.maximum(point.flow_vph, LEAST_FLOW)
    slope: Array = jacobian.T @ (_weight(problem, point) * (counts.mean_vph - model))
    if problem.prior is not None:
        slope[: problem.n_pairs] -= problem.prior.precision * (point.trips_vph - problem.prior.trips_vph)
    return slope


def information(problem: OdProblem, point: OdPoint, jacobian: Array, *, prior: bool = True) -> Array:
    """Return ``J' diag(N / m) J``, plus the precision of the prior, shape (P, P)."""
    matrix: Array = jacobian.T @ (_weight(problem, point)[:, np.newaxis] * jacobian)
    if prior and problem.prior is not None:
        at = np.arange(problem.n_pairs)
        matrix[at, at] += problem.prior.precision
    return matrix


def scoring_step(problem: OdProblem, point: OdPoint, jacobian: Array) -> Array:
    """Return the step of Fisher scoring; trips at 0 that want to be negative stay."""
    slope = score(problem, point, jacobian)
    matrix = information(problem, point, jacobian)
    free = np.ones(len(slope), dtype=bool)
    free[: problem.n_pairs] = (point.trips_vph > 0) | (slope[: problem.n_pairs] > 0)
    scale = _scale(point, jacobian)[free]
    step = np.zeros(len(slope))
    step[free] = scaled_inverse(matrix[np.ix_(free, free)], scale) @ slope[free]
    return step


def _expected(problem: OdProblem, point: OdPoint) -> Array:
    extra = problem.counts.hours * problem.counts.extra_variance
    return np.asarray(np.maximum(point.flow_vph, LEAST_FLOW) + extra)


def _weight(problem: OdProblem, point: OdPoint) -> Array:
    """Return the inverse variance of each link's mean count."""
    return np.asarray(problem.counts.samples * problem.counts.hours / _expected(problem, point))


def _scale(point: OdPoint, jacobian: Array) -> Array:
    largest = max(float(point.trips_vph.max()), LEAST_FLOW)
    trips = np.full(len(point.trips_vph), largest)
    return trips if jacobian.shape[1] == len(trips) else np.append(trips, point.theta_per_min)


def _search(problem: OdProblem, point: OdPoint, step: Array) -> tuple[OdPoint | None, str]:
    """Return the first point along the step that is an equilibrium with no larger deviance, or why there is none."""
    before = deviance(problem, point)
    counts = problem.counts
    rounding = ROUNDING * (1.0 + float(counts.samples @ counts.mean_vph) * counts.hours)
    failed, length = False, 1.0
    for _ in range(TRIALS):
        trips = np.maximum(point.trips_vph + length * step[: problem.n_pairs], 0.0)
        theta = point.theta_per_min
        if len(step) > problem.n_pairs:
            moved = theta + length * float(step[-1])
            theta = min(max(moved, theta / THETA_FACTOR), theta * THETA_FACTOR)
        trial = evaluate(problem, trips, theta, point.equilibrium)
        failed = failed or not trial.equilibrium.converged
        if trial.equilibrium.converged and deviance(problem, trial) <= before + rounding:
            return trial, ""
        length *= 0.5
    return None, "equilibrium" if failed else "stalled"


def _finished(problem: OdProblem, point: OdPoint, with_theta: bool, iterations: int, status: str) -> Fit:
    naive = sandwich = None
    if point.equilibrium.converged:
        jacobian = flow_jacobian(problem, point, with_theta=with_theta)
        naive = scaled_inverse(information(problem, point, jacobian), _scale(point, jacobian))
        weighted = _weight(problem, point)[:, np.newaxis] * jacobian
        middle = weighted.T @ mean_covariance(problem, point) @ weighted
        if problem.prior is not None:
            at = np.arange(problem.n_pairs)
            middle[at, at] += problem.prior.precision
        sandwich = naive @ middle @ naive
    return Fit(
        point=point,
        naive=naive,
        sandwich=sandwich,
        deviance=deviance(problem, point),
        iterations=iterations,
        status=status,
    )
