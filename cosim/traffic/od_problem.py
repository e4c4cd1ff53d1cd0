"""The problem of estimating OD trips from link counts, and the equilibrium as a function of the trips."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from cosim.arrays import Array, IntArray, read_only
from cosim.errors import InputError, Problem
from cosim.traffic.equilibrium import solve
from cosim.traffic.network import RoadNetwork
from cosim.traffic.observations import LinkCounts
from cosim.traffic.paths import PathSet
from cosim.traffic.performance import link_cost_derivative
from cosim.traffic.problem import SueProblem, SueResult
from cosim.traffic.sensitivity import sensitivity

SUE_TOLERANCES = (1e-10, 1e-8)
"""Residual that every assignment should reach, and the one that it must: rounding may stop the first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OdPrior:
    """Independent Gaussian knowledge of the trips of W pairs.

    Attributes
    ----------
    trips_vph, sd_vph
        Mean and standard deviation, shape (W,), veh/h; an infinite sd is no knowledge.
    """

    trips_vph: Array
    sd_vph: Array

    def __post_init__(self) -> None:
        shape = np.shape(self.trips_vph)
        for name in ("trips_vph", "sd_vph"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64, shape, name))
        broken = [
            Problem(field=f"prior.{name}", reason=f"pair {position + 1}: {values[position]:g} {rule}")
            for name, values, holds, rule in (
                ("trips_vph", self.trips_vph, (self.trips_vph >= 0) & np.isfinite(self.trips_vph), "must be >= 0"),
                ("sd_vph", self.sd_vph, self.sd_vph > 0, "must be > 0"),
            )
            for position in np.flatnonzero(~holds)
        ]
        if broken:
            raise InputError(broken)

    @property
    def precision(self) -> Array:
        """``1 / sd^2``, 0 without knowledge, shape (W,)."""
        return np.asarray(self.sd_vph**-2.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OdProblem:
    """Trips between W OD pairs, seen through the flows of m links at a stochastic user equilibrium.

    Attributes
    ----------
    network, paths
        As in `SueProblem`; commodities in order of (class, OD pair), C classes.
    counts
        What was measured.
    theta_per_min
        Logit dispersion, 1/min.
    class_share
        Share of each class in the trips of each pair, shape (C, W), columns summing to 1: known.
    prior
        What is known of the trips besides.
    """

    network: RoadNetwork
    paths: PathSet
    counts: LinkCounts
    theta_per_min: float
    class_share: Array = field(default_factory=lambda: np.ones((1, 1)))
    prior: OdPrior | None = None
    observed: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_classes = len({commodity.user_class for commodity in self.paths.commodities})
        n_pairs = len(self.paths.commodities) // n_classes
        share = read_only(self.class_share, np.float64, (n_classes, n_pairs), "class_share")
        object.__setattr__(self, "class_share", share)
        object.__setattr__(self, "observed", self.counts.positions(self.network))
        if not np.all(share >= 0) or not np.allclose(share.sum(axis=0), 1.0, rtol=0, atol=1e-9):
            raise InputError(Problem(field="class_share", reason="the shares of each pair must be >= 0 and sum to 1"))
        if self.prior is not None and self.prior.trips_vph.shape != (n_pairs,):
            reason = f"{len(self.prior.trips_vph)} values for {n_pairs} OD pairs"
            raise InputError(Problem(field="prior", reason=reason))
        self.equilibrium_problem(np.zeros(n_pairs), self.theta_per_min)

    @property
    def n_pairs(self) -> int:
        """Number of OD pairs, W."""
        return int(self.class_share.shape[1])

    @property
    def od_pairs(self) -> tuple[tuple[str, str], ...]:
        """The (origin, destination) pairs."""
        return tuple((one.origin, one.destination) for one in self.paths.commodities[: self.n_pairs])

    @property
    def pair_names(self) -> tuple[str, ...]:
        """How messages name the pairs."""
        return tuple(f"{origin!r} -> {destination!r}" for origin, destination in self.od_pairs)

    @property
    def path_pair(self) -> IntArray:
        """Position of the OD pair of each path, shape (K,)."""
        return self.paths.commodity % self.n_pairs

    @property
    def observed_incidence(self) -> Array:
        """The rows of the observed links in the link-path incidence, shape (m, K)."""
        return self.paths.incidence[self.observed]

    def equilibrium_problem(self, trips_vph: Array, theta_per_min: float) -> SueProblem:
        """Return the assignment of these trips, split by class."""
        demand = (self.class_share * trips_vph).ravel()
        return SueProblem(network=self.network, paths=self.paths, demand_vph=demand, theta_per_min=theta_per_min)

    def by_pair(self, per_commodity: Array) -> Array:
        """Turn derivatives by the demand of commodities, shape (n, C W), into such by trips, (n, W)."""
        split = per_commodity.reshape(len(per_commodity), *self.class_share.shape)
        return np.asarray((split * self.class_share).sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OdPoint:
    """Trips and theta with their equilibrium; ``flow_vph`` are the flows of the observed links, (m,)."""

    trips_vph: Array
    theta_per_min: float
    equilibrium: SueResult
    flow_vph: Array


def evaluate(problem: OdProblem, trips_vph: Array, theta_per_min: float, start: SueResult | None = None) -> OdPoint:
    """Assign the trips; the caller looks at the status of the equilibrium."""
    assigned = problem.equilibrium_problem(trips_vph, theta_per_min)
    aimed, needed = SUE_TOLERANCES
    result = solve(assigned, tolerance=aimed, start=start)
    if not result.converged and result.residual <= needed:
        result = solve(assigned, tolerance=needed, start=result)
    return OdPoint(
        trips_vph=trips_vph,
        theta_per_min=theta_per_min,
        equilibrium=result,
        flow_vph=result.link_flow_vph[problem.observed],
    )


def flow_jacobian(problem: OdProblem, point: OdPoint, *, with_theta: bool = False) -> Array:
    """Return the derivatives of the observed flows by the trips (and by theta), shape (m, W (+ 1))."""
    assigned = problem.equilibrium_problem(point.trips_vph, point.theta_per_min)
    slopes = sensitivity(assigned, point.equilibrium)
    by_trips = problem.by_pair(slopes.to_demand[problem.observed])
    if not with_theta:
        return by_trips
    return np.column_stack([by_trips, slopes.to_theta[problem.observed]])


def path_flow_jacobian(problem: OdProblem, point: OdPoint) -> Array:
    """Return the derivatives of the path flows by the trips, shape (K, W).

    ``df_k/dq = P_k - theta f_k (dcost_k - mean dcost of its commodity)`` with the costs' change along
    the equilibrium.
    """
    paths, theta = problem.paths, point.theta_per_min
    assigned = problem.equilibrium_problem(point.trips_vph, theta)
    result = point.equilibrium
    by_trips = problem.by_pair(sensitivity(assigned, result).to_demand)
    slope = link_cost_derivative(problem.network, result.link_flow_vph)
    share = assigned.load(result.link_time_min).share
    change = paths.incidence.T @ (slope[:, np.newaxis] * by_trips)
    mean = np.zeros((len(paths.commodities), problem.n_pairs))
    np.add.at(mean, paths.commodity, share[:, np.newaxis] * change)
    answer = -theta * result.path_flow_vph[:, np.newaxis] * (change - mean[paths.commodity])
    answer[np.arange(len(paths)), problem.path_pair] += pair_share(problem, share)
    return answer


def pair_share(problem: OdProblem, share: Array) -> Array:
    """Return the share of each path in the trips of its pair, all classes together, shape (K,)."""
    return np.asarray(problem.class_share.ravel()[problem.paths.commodity] * share)


def first_guess(problem: OdProblem) -> Array:
    """Return positive trips to start from: least squares at the route choice of empty roads, veh/h, shape (W,)."""
    from scipy.optimize import nnls

    empty = problem.network
    costs = problem.equilibrium_problem(np.zeros(problem.n_pairs), problem.theta_per_min).link_cost(
        np.zeros(len(empty.link_ids))
    )
    loaded = problem.paths.load(np.zeros(len(problem.paths.commodities)), problem.theta_per_min, costs)
    rows = problem.observed_incidence * pair_share(problem, loaded.share)
    matrix = np.zeros((len(problem.observed), problem.n_pairs))
    np.add.at(matrix.T, problem.path_pair, rows.T)
    mean = problem.counts.mean_vph
    weight = np.sqrt(problem.counts.samples / (mean + problem.counts.extra_variance + 1.0))
    matrix, right = weight[:, np.newaxis] * matrix, weight * mean
    if problem.prior is not None:
        root = np.sqrt(problem.prior.precision)
        matrix, right = np.vstack([matrix, np.diag(root)]), np.append(right, root * problem.prior.trips_vph)
    trips, _ = nnls(matrix, right)
    floor = 0.1 * float(trips.mean()) or 1.0
    return np.maximum(trips, floor)


def with_theta(problem: OdProblem, theta_per_min: float) -> OdProblem:
    """Return the same problem at another theta."""
    return replace(problem, theta_per_min=theta_per_min)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Where a likelihood ended.

    ``parameters`` are the W trips, and theta if it was estimated (P numbers). ``naive`` and ``sandwich``
    are covariances of the parameters, shape (P, P); None if the last equilibrium did not converge.
    ``status`` is as in `OdEstimate`.
    """

    point: OdPoint
    naive: Array | None
    sandwich: Array | None
    deviance: float
    iterations: int
    status: str


def mean_covariance(problem: OdProblem, point: OdPoint) -> Array:
    """Return the covariance of the observed mean flows for Poisson path flows, (veh/h)^2, shape (m, m).

    Counts on one path are the same vehicles: ``A diag(f) A'``, by the samples that two links share,
    plus the extra variance of each link.
    """
    counts, rows = problem.counts, problem.observed_incidence
    traffic = (rows * point.equilibrium.path_flow_vph) @ rows.T / counts.hours
    covariance = traffic * counts.shared / np.outer(counts.samples, counts.samples)
    return np.asarray(covariance + np.diag(counts.extra_variance / counts.samples))


def scaled_inverse(information: Array, scale: Array) -> Array:
    """Invert an information matrix after scaling its parameters; directions without information get none.

    The pseudo-inverse keeps an iteration going where the data say nothing; the gate judges the result.
    """
    scaled = scale[:, np.newaxis] * information * scale
    return np.asarray(scale[:, np.newaxis] * np.linalg.pinv(scaled, rcond=1e-13, hermitian=True) * scale)
