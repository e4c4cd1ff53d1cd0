"""Gaussian likelihood of every sample with the covariance of Poisson path flows (Eq 1; Hazelton 2000)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.tables import did_you_mean
from cosim.traffic.od_problem import (
    Fit,
    OdPoint,
    OdProblem,
    evaluate,
    pair_share,
    path_flow_jacobian,
    scaled_inverse,
)

INNER_LIMIT = 100
TRIALS = 40
LAST_STEP = 1e-5
"""Relative; the step is taken unseen, because a nearly singular covariance rounds the likelihood."""
ROUNDING = 1e-13
LARGEST_STEP = 1.0
FACTOR = 2.0
RANK = 1e-6
_SMALL_PAIR = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """The n samples that observed the same links, in a basis of r combinations of these links.

    ``incidence`` (r, K) and ``noise`` (r, r) are path incidence and measurement covariance in that basis,
    ``mean`` (r,) and ``scatter`` (r, r) mean and covariance of the samples.
    """

    n: int
    incidence: Array
    mean: Array
    scatter: Array
    noise: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """Route choice held fixed: ``share`` of each path in its pair's trips (K,), in G (r, W) and T (W, r, r).

    Per block: mean ``G O`` and covariance ``sum_w O_w T_w + noise``.
    """

    blocks: tuple[Block, ...]
    mean: tuple[Array, ...]
    spread: tuple[Array, ...]


def run(
    problem: OdProblem,
    start: OdPoint,
    *,
    estimate_theta: bool = False,
    tolerance: float = 0.01,
    limit: int = 10,
    covariance: str = "measurement",
    measurement_variance: float = 1.0,
) -> Fit:
    """Maximise ``-(N/2) ln|S| - 1/2 sum (x_i - A P'O)' S^-1 (x_i - A P'O)`` over ln O (Eq 1).

    ``S = A diag(P'O) A' + s2 I``. The route choice P is that of the equilibrium at the trips O of the round
    before; rounds go on until the most likely trips F(O) differ from O by no more than ``tolerance``.
    Plain substitution of F(O) converges slowly or not at all where roads are congested; Newton's step
    for ``F(O) = O`` has the same solution.

    Parameters
    ----------
    problem, start
        What is estimated, and from where.
    estimate_theta
        Refused: within a round P does not depend on theta. Take a profile, or the likelihood ``fisher``.
    tolerance
        Relative change of the trips between rounds.
    limit
        Rounds.
    covariance
        ``A diag(P'O) A'`` is singular, because counts obey conservation at nodes. ``measurement`` adds
        ``s2 I``; ``independent_links`` keeps a largest set of links with independent rows of A;
        ``pseudo_inverse`` uses pseudo-inverse and pseudo-determinant.
    measurement_variance
        s2, (veh/h)^2, for ``measurement``.
    """
    if estimate_theta:
        raise InputError("the likelihood 'gaussian' cannot estimate theta; take a theta profile, or 'fisher'")
    if covariance not in COVARIANCES:
        raise InputError(f"covariance: {covariance!r} is unknown; {did_you_mean(covariance, list(COVARIANCES))}")
    if not 0 < measurement_variance < np.inf:
        raise InputError(f"measurement_variance: {measurement_variance} must be > 0 and finite")
    variance = measurement_variance if covariance == "measurement" else 0.0
    point, rounds, status = start, 0, ""
    while point.equilibrium.converged and not status:
        fixed = choice_at(problem, point, covariance, variance)
        before = np.maximum(point.trips_vph, _SMALL_PAIR)
        trips, inner = maximise(problem, fixed, before)
        change = np.abs(trips - before) / np.maximum(before, _SMALL_PAIR * before.max())
        trips = _accelerated(problem, point, fixed, before, trips)
        point = evaluate(problem, trips, problem.theta_per_min, point.equilibrium)
        rounds += 1
        if not inner:
            status = "stalled"
        elif float(change.max()) <= tolerance:
            status = "converged"
        elif rounds >= limit:
            status = "limit"
    status = status if point.equilibrium.converged else "equilibrium"
    return _finished(problem, point, covariance, variance, rounds, status)


def choice_at(problem: OdProblem, point: OdPoint, covariance: str, variance: float) -> Choice:
    """Return the likelihood's constants at the route choice of a point."""
    flow = point.equilibrium.path_flow_vph
    assigned = problem.equilibrium_problem(point.trips_vph, point.theta_per_min)
    share = pair_share(problem, assigned.load(point.equilibrium.link_time_min).share)
    blocks = tuple(_blocks(problem, np.maximum(flow, 0.0), covariance, variance))
    columns = [problem.path_pair == pair for pair in range(problem.n_pairs)]
    hours = problem.counts.hours
    weights = [share * mask for mask in columns]
    mean = tuple(np.column_stack([one.incidence @ weight for weight in weights]) for one in blocks)
    spread = tuple(
        np.array([(one.incidence * weight) @ one.incidence.T / hours for weight in weights]) for one in blocks
    )
    return Choice(blocks=blocks, mean=mean, spread=spread)


def log_likelihood(problem: OdProblem, fixed: Choice, trips_vph: Array) -> float:
    """Return Eq 1 at a fixed route choice, without its constant; a prior adds its own; -inf if S is singular."""
    total = 0.0
    for block, mean, spread in zip(fixed.blocks, fixed.mean, fixed.spread, strict=True):
        matrix = np.tensordot(trips_vph, spread, axes=1) + block.noise
        sign, logarithm = np.linalg.slogdet(matrix)
        if not sign > 0:
            return -np.inf
        miss = block.mean - mean @ trips_vph
        about = block.scatter + np.outer(miss, miss)
        total -= 0.5 * block.n * float(logarithm + np.trace(np.linalg.solve(matrix, about)))
    if problem.prior is not None:
        total -= 0.5 * float(problem.prior.precision @ (trips_vph - problem.prior.trips_vph) ** 2)
    return total


def score(problem: OdProblem, fixed: Choice, trips_vph: Array) -> tuple[Array, Array]:
    """Return the derivative of the log-likelihood by the trips (W,), and the information (W, W)."""
    slope, matrix = np.zeros(problem.n_pairs), np.zeros((problem.n_pairs, problem.n_pairs))
    for block, mean, spread in zip(fixed.blocks, fixed.mean, fixed.spread, strict=True):
        inverse = _inverse(block, spread, trips_vph)
        miss = block.mean - mean @ trips_vph
        weighted = inverse @ (block.scatter + np.outer(miss, miss)) @ inverse - inverse
        slope += block.n * (mean.T @ (inverse @ miss) + 0.5 * np.tensordot(spread, weighted, axes=2))
        matrix += block.n * _information(inverse, mean, mean, spread, spread)
    if problem.prior is not None:
        slope -= problem.prior.precision * (trips_vph - problem.prior.trips_vph)
        matrix += np.diag(problem.prior.precision)
    return slope, matrix


def maximise(problem: OdProblem, fixed: Choice, trips_vph: Array) -> tuple[Array, bool]:
    """Return the most likely trips at a fixed route choice, and whether the search ended at them."""
    value = log_likelihood(problem, fixed, trips_vph)
    for _ in range(INNER_LIMIT):
        slope, matrix = score(problem, fixed, trips_vph)
        step = (scaled_inverse(matrix, trips_vph) @ slope) / trips_vph
        if not np.all(np.isfinite(step)):
            return trips_vph, False
        gain, noise = float(slope * trips_vph @ step), ROUNDING * (1.0 + abs(value))
        longest = float(np.abs(step).max())
        if gain <= noise or longest <= LAST_STEP:
            return trips_vph * np.exp(np.clip(step, -LAST_STEP, LAST_STEP)), True
        step *= min(1.0, LARGEST_STEP / longest)
        for _ in range(TRIALS):
            trial = trips_vph * np.exp(step)
            reached = log_likelihood(problem, fixed, trial)
            if reached >= value - noise:
                break
            step *= 0.5
        else:
            return trips_vph, False
        trips_vph, value = trial, reached
    return trips_vph, False


def _inverse(block: Block, spread: Array, trips_vph: Array) -> Array:
    return np.asarray(np.linalg.inv(np.tensordot(trips_vph, spread, axes=1) + block.noise), dtype=np.float64)


def _information(inverse: Array, mean: Array, other: Array, spread: Array, second: Array) -> Array:
    """Return ``G' S^-1 G' + 1/2 tr(S^-1 T S^-1 T')`` for two sets of derivatives of mean and covariance."""
    left = inverse @ spread @ inverse
    pairs = left.reshape(len(left), -1) @ second.reshape(len(second), -1).T  # T' is symmetric
    return np.asarray(mean.T @ inverse @ other + 0.5 * pairs)


def _blocks(problem: OdProblem, path_flow: Array, covariance: str, variance: float) -> list[Block]:
    counts, rows = problem.counts, problem.observed_incidence
    patterns, member = np.unique(counts.observed, axis=0, return_inverse=True)
    blocks = []
    for number, seen in enumerate(patterns):
        if not seen.any():
            continue
        incidence = rows[seen]
        basis = COVARIANCES[covariance](incidence * np.sqrt(path_flow / max(float(path_flow.max()), 1e-300)))
        samples = counts.flow_vph[member.ravel() == number][:, seen] @ basis
        mean = samples.mean(axis=0)
        noise = basis.T @ ((variance + counts.extra_variance[seen])[:, np.newaxis] * basis)
        blocks.append(
            Block(
                n=len(samples),
                incidence=basis.T @ incidence,
                mean=mean,
                scatter=(samples - mean).T @ (samples - mean) / len(samples),
                noise=noise,
            )
        )
    return blocks


def _all_links(weighted: Array) -> Array:
    return np.eye(len(weighted))


def _independent_links(weighted: Array) -> Array:
    """Return the columns of the identity that pick a largest set of independent rows."""
    from scipy.linalg import qr

    _, triangle, order = qr(weighted.T, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    return np.asarray(np.eye(len(weighted))[:, np.sort(order[: int((size > RANK * size[0]).sum())])])


def _range(weighted: Array) -> Array:
    """Return an orthonormal basis of the range."""
    left, size, _ = np.linalg.svd(weighted, full_matrices=False)
    return np.asarray(left[:, size > RANK * size[0]])


COVARIANCES: dict[str, Callable[[Array], Array]] = {
    "measurement": _all_links,
    "independent_links": _independent_links,
    "pseudo_inverse": _range,
}
"""Each way to treat the singular covariance, as the basis (m, r) in which the counts are looked at."""


def _bent_information(problem: OdProblem, point: OdPoint, fixed: Choice, trips_vph: Array) -> Array:
    """Return minus the expected derivative of the score when the route choice follows the trips, shape (W, W)."""
    change = path_flow_jacobian(problem, point)
    bent = np.zeros((problem.n_pairs, problem.n_pairs))
    for block, mean, spread in zip(fixed.blocks, fixed.mean, fixed.spread, strict=True):
        inverse = _inverse(block, spread, trips_vph)
        moved = np.array([(block.incidence * one) @ block.incidence.T / problem.counts.hours for one in change.T])
        bent += block.n * _information(inverse, mean, block.incidence @ change, spread, moved)
    if problem.prior is not None:
        bent += np.diag(problem.prior.precision)
    return bent


def _accelerated(problem: OdProblem, point: OdPoint, fixed: Choice, before: Array, after: Array) -> Array:
    """Return where Newton's method for ``F(O) = O`` goes from O = ``before`` with F(O) = ``after``.

    F has the derivative ``1 - I^-1 B``, I the information at fixed and B at following route choice.
    """
    _, matrix = score(problem, fixed, before)
    bent = _bent_information(problem, point, fixed, before)
    scale = np.outer(before, before)
    step = before * np.linalg.lstsq(bent * scale, matrix @ (after - before) * before, rcond=1e-13)[0]
    return np.asarray(np.clip(before + step, before / FACTOR, before * FACTOR))


def _finished(problem: OdProblem, point: OdPoint, covariance: str, variance: float, rounds: int, status: str) -> Fit:
    """Return errors that know that the route choice follows the trips.

    With I the score's variance and B minus its derivative along the equilibrium: ``B^-1 I B^-T``.
    """
    if not point.equilibrium.converged:
        return Fit(point=point, naive=None, sandwich=None, deviance=np.inf, iterations=rounds, status=status)
    fixed = choice_at(problem, point, covariance, variance)
    trips = point.trips_vph
    _, matrix = score(problem, fixed, trips)
    back = np.linalg.pinv(_bent_information(problem, point, fixed, trips), rcond=1e-13)
    return Fit(
        point=point,
        naive=scaled_inverse(matrix, np.maximum(trips, _SMALL_PAIR)),
        sandwich=np.asarray(back @ matrix @ back.T),
        deviance=-2.0 * log_likelihood(problem, fixed, trips),
        iterations=rounds,
        status=status,
    )
