"""Estimate OD trips from link counts (Eq 1): two likelihoods, errors, and a gate that refuses blind designs."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.tables import did_you_mean
from cosim.traffic.identifiability import Identifiability, assess, refusals
from cosim.traffic.likelihoods import LIKELIHOODS
from cosim.traffic.observations import InferredFlow, LinkCounts, flow_from_speed
from cosim.traffic.od_problem import Fit, OdPrior, OdProblem, evaluate, first_guess, with_theta
from cosim.traffic.problem import SueResult, unit_remarks

__all__ = [
    "InferredFlow",
    "LinkCounts",
    "OdEstimate",
    "OdPrior",
    "OdProblem",
    "ThetaProfile",
    "estimate_od",
    "flow_from_speed",
    "theta_profile",
]

PROFILE_FACTORS = tuple(float(factor) for factor in 2.0 ** np.linspace(-2.0, 2.0, 9))
_OWN = ("problem", "start", "estimate_theta", "tolerance", "limit")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OdEstimate:
    """Trips that explain the counts, and how far they can be trusted.

    Attributes
    ----------
    od_pairs, trips_vph
        The W pairs and their trips, veh/h.
    naive_error_vph, sandwich_error_vph
        Standard errors, shape (W,), veh/h; NaN without an equilibrium. The naive ones believe the
        likelihood (``fisher``: independent links; ``gaussian``: fixed route choice), the sandwich
        ones do not.
    bound
        Cramer-Rao bound relative to the trips, shape (W,).
    theta_per_min, theta_error_per_min
        Dispersion, and its sandwich error if it was estimated (else 0).
    condition
        Of the Fisher matrix, parameters scaled by their values.
    deviance
        ``fisher``: twice the log-likelihood ratio to a perfect fit; ``gaussian``: minus twice the
        log-likelihood without its constant.
    iterations
        Steps of `fisher`, rounds of `gaussian`.
    status
        ``converged``; ``limit``: iterations ran out; ``stalled``: no better trips were found;
        ``equilibrium``: an assignment on the way did not converge.
    link_ids, observed_vph, fitted_vph
        The m observed links, their mean and fitted flows, veh/h.
    equilibrium
        The assignment of the trips.
    """

    likelihood: str
    od_pairs: tuple[tuple[str, str], ...]
    trips_vph: Array
    naive_error_vph: Array
    sandwich_error_vph: Array
    bound: Array
    theta_per_min: float
    theta_error_per_min: float
    condition: float
    deviance: float
    iterations: int
    status: str
    link_ids: tuple[str, ...]
    observed_vph: Array
    fitted_vph: Array
    equilibrium: SueResult

    @property
    def converged(self) -> bool:
        """Whether the estimate is a solution; otherwise it is only where the search ended."""
        return self.status == "converged"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThetaProfile:
    """Deviance, trips and status of the estimate at each of n values of theta; trips of shape (n, W)."""

    theta_per_min: Array
    deviance: Array
    trips_vph: Array
    status: tuple[str, ...]

    @property
    def best_theta_per_min(self) -> float:
        """The theta of the smallest deviance among the estimates that converged; NaN if none did."""
        sound = np.array([status == "converged" for status in self.status])
        if not sound.any():
            return float("nan")
        return float(self.theta_per_min[np.argmin(np.where(sound, self.deviance, np.inf))])


def estimate_od(
    problem: OdProblem,
    likelihood: str = "fisher",
    *,
    estimate_theta: bool = False,
    tolerance: float | None = None,
    limit: int | None = None,
    **options: Any,  # noqa: ANN401 - the options are the likelihood's, checked by name
) -> OdEstimate:
    """Estimate the trips of every OD pair from link counts at a stochastic user equilibrium (Eq 1).

    Parameters
    ----------
    problem
        Network, paths, counts, theta, and what is known besides.
    likelihood
        One of `cosim.traffic.likelihoods.LIKELIHOODS`: ``fisher`` differentiates the equilibrium;
        ``gaussian`` is the paper's form, with the covariance of counts that share vehicles.
    estimate_theta
        Estimate theta too (``fisher`` only).
    tolerance, limit
        None takes the likelihood's own.
    options
        Options of the likelihood, e.g. ``covariance``, ``measurement_variance``.

    Returns
    -------
    OdEstimate
        Look at ``status``: a search that did not end is not an error.

    Raises
    ------
    InputError
        If the counts cannot identify the trips: Fisher condition above 1e4 or a Cramer-Rao bound above
        100 %, and no prior; the combinations of pairs that stay unknown are named.
    """
    fit = _fit(problem, likelihood, estimate_theta, tolerance, limit, options)
    design = None
    if fit.point.equilibrium.converged:
        design = assess(problem, fit.point, with_theta=estimate_theta)
        if reasons := refusals(problem, design):
            assigned = problem.equilibrium_problem(fit.point.trips_vph, fit.point.theta_per_min)
            remarks = [Problem(field="theta_per_min", reason=remark) for remark in unit_remarks(assigned)]
            raise InputError([*reasons, *remarks])
    return _estimate(problem, likelihood, fit, design, estimate_theta)


def theta_profile(
    problem: OdProblem,
    likelihood: str = "fisher",
    theta_per_min: Sequence[float] | None = None,
    **options: Any,  # noqa: ANN401 - as in `estimate_od`
) -> ThetaProfile:
    """Estimate the trips at several values of theta: a wrong theta biases trips, and fits worse.

    Parameters
    ----------
    problem, likelihood, options
        As in `estimate_od`; designs are not refused here.
    theta_per_min
        The values, 1/min; None takes nine from a quarter to four times the problem's.
    """
    thetas = theta_per_min or [factor * problem.theta_per_min for factor in PROFILE_FACTORS]
    tolerance, limit = options.pop("tolerance", None), options.pop("limit", None)
    fits = [_fit(with_theta(problem, theta), likelihood, False, tolerance, limit, options) for theta in thetas]
    return ThetaProfile(
        theta_per_min=np.array(thetas, dtype=np.float64),
        deviance=np.array([fit.deviance for fit in fits]),
        trips_vph=np.array([fit.point.trips_vph for fit in fits]),
        status=tuple(fit.status for fit in fits),
    )


def _fit(
    problem: OdProblem,
    likelihood: str,
    estimate_theta: bool,
    tolerance: float | None,
    limit: int | None,
    options: Mapping[str, float],
) -> Fit:
    _check(likelihood, tolerance, limit, options)
    given = {"tolerance": tolerance, "limit": limit}
    set_here = {name: value for name, value in given.items() if value is not None}
    start = evaluate(problem, first_guess(problem), problem.theta_per_min)
    return LIKELIHOODS[likelihood](problem, start, estimate_theta=estimate_theta, **options, **set_here)


def _estimate(
    problem: OdProblem,
    likelihood: str,
    fit: Fit,
    design: Identifiability | None,
    estimate_theta: bool,
) -> OdEstimate:
    n_pairs, counts = problem.n_pairs, problem.counts
    naive, sandwich = (_errors(covariance, n_pairs + estimate_theta) for covariance in (fit.naive, fit.sandwich))
    return OdEstimate(
        likelihood=likelihood,
        od_pairs=problem.od_pairs,
        trips_vph=fit.point.trips_vph,
        naive_error_vph=naive[:n_pairs],
        sandwich_error_vph=sandwich[:n_pairs],
        bound=np.full(n_pairs, np.nan) if design is None else design.bound[:n_pairs],
        theta_per_min=fit.point.theta_per_min,
        theta_error_per_min=float(sandwich[-1]) if estimate_theta else 0.0,
        condition=float("nan") if design is None else design.condition,
        deviance=fit.deviance,
        iterations=fit.iterations,
        status=fit.status,
        link_ids=counts.link_ids,
        observed_vph=counts.mean_vph,
        fitted_vph=fit.point.flow_vph,
        equilibrium=fit.point.equilibrium,
    )


def _errors(covariance: Array | None, size: int) -> Array:
    if covariance is None:
        return np.full(size, np.nan)
    return np.asarray(np.sqrt(np.maximum(np.diag(covariance), 0.0)))


def _check(likelihood: str, tolerance: float | None, limit: int | None, options: Collection[str]) -> None:
    if likelihood not in LIKELIHOODS:
        raise InputError(f"likelihood: {likelihood!r} is unknown; {did_you_mean(likelihood, list(LIKELIHOODS))}")
    found = []
    if tolerance is not None and not 0 < tolerance < 1:
        found.append(Problem(field="tolerance", reason=f"{tolerance} must be between 0 and 1"))
    if limit is not None and limit < 1:
        found.append(Problem(field="limit", reason=f"{limit} must be at least 1"))
    known = [name for name in inspect.signature(LIKELIHOODS[likelihood]).parameters if name not in _OWN]
    for name in options:
        if name not in known:
            reason = f"likelihood {likelihood!r} has no option {name!r}"
            remedy = f"it has: {', '.join(known)}" if known else "it has none"
            found.append(Problem(field=name, reason=reason, remedy=remedy))
    if found:
        raise InputError(found)
