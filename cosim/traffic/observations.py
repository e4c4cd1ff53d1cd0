"""What was measured on links: counts, and flows inferred from speeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from cosim.arrays import Array, BoolArray, IntArray, read_only
from cosim.errors import InputError, Problem
from cosim.tables import did_you_mean
from cosim.traffic.laws.bpr import Bpr
from cosim.traffic.network import RoadNetwork

_DIMENSIONS = 2  # samples, links


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkCounts:
    """N samples of the flows of m observed links; a sample need not cover every link.

    Attributes
    ----------
    link_ids
        The observed links, each once.
    flow_vph
        Hourly rates, shape (N, m), veh/h; one row for a single sample. What was not observed is 0.
    observed
        Whether a link was observed in a sample, shape (N, m) or one value for all.
    extra_variance
        Variance of one sample besides the randomness of traffic, (veh/h)^2, shape (m,) or one value:
        0 for counts, the delta method's for flows inferred from speeds.
    hours
        Length of a sample, h: a flow v counted for that long has the variance ``v / hours``.

    Raises
    ------
    InputError
        Naming every link that stands twice, has no sample, or has a flow that is negative or not finite.
    """

    link_ids: tuple[str, ...]
    flow_vph: Array
    observed: BoolArray = field(default_factory=lambda: np.array(True))
    extra_variance: Array = field(default_factory=lambda: np.array(0.0))
    hours: float = 1.0

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "link_ids", tuple(self.link_ids))
        flow = np.atleast_2d(np.asarray(self.flow_vph, dtype=np.float64))
        if flow.ndim != _DIMENSIONS or flow.shape[1] != len(self.link_ids):
            raise InputError(f"flow_vph has shape {flow.shape}, must be (samples, {len(self.link_ids)} links)")
        put(self, "observed", read_only(self.observed, np.bool_, flow.shape, "observed"))
        put(self, "flow_vph", read_only(np.where(self.observed, flow, 0.0), np.float64, flow.shape, "flow_vph"))
        shape = (len(self.link_ids),)
        put(self, "extra_variance", read_only(self.extra_variance, np.float64, shape, "extra_variance"))
        if problems := _problems(self):
            raise InputError(problems)

    @property
    def samples(self) -> Array:
        """Number of samples of each link, shape (m,)."""
        return np.asarray(self.observed.sum(axis=0), dtype=np.float64)

    @property
    def mean_vph(self) -> Array:
        """Mean flow of each link over its samples, veh/h, shape (m,)."""
        return np.asarray(self.flow_vph.sum(axis=0) / self.samples)

    @property
    def shared(self) -> Array:
        """Number of samples in which both links were observed, shape (m, m)."""
        seen = self.observed.astype(np.float64)
        return seen.T @ seen

    def positions(self, network: RoadNetwork) -> IntArray:
        """Return the positions of the observed links in a network.

        Raises
        ------
        InputError
            Naming every link that the network does not have.
        """
        position = {link: number for number, link in enumerate(network.link_ids)}
        unknown = [
            Problem(field="link", reason=unknown_link(link), remedy=did_you_mean(link, network.link_ids))
            for link in self.link_ids
            if link not in position
        ]
        if unknown:
            raise InputError(unknown)
        return np.array([position[link] for link in self.link_ids], dtype=np.intp)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InferredFlow:
    """Flows read off travel times, with the standard deviation of the error, veh/h, both of shape (m,).

    ``sd_vph`` is infinite where a travel time at or below free flow says nothing about the flow.
    ``slope_vph_per_min`` is the derivative by the travel time.
    """

    flow_vph: Array
    sd_vph: Array
    slope_vph_per_min: Array


def flow_from_speed(
    network: RoadNetwork,
    link_ids: Sequence[str],
    travel_time_min: ArrayLike,
    travel_time_sd_min: ArrayLike = 0.0,
) -> InferredFlow:
    """Infer flows from travel times (length / speed) by the inverse of the BPR law.

    ``x = cap ((tau / t0 - 1) / alpha)^(1/beta)``, 0 for ``tau <= t0``; an error of the time grows to
    ``dx / x = (1/beta) dtau / (tau - t0)``, which makes speeds nearly useless below 60 % of capacity.
    The inverse knows no queues: it holds for undersaturated links.

    Parameters
    ----------
    network
        Its links must follow the law ``bpr`` with a delay.
    link_ids
        The m links.
    travel_time_min
        Shape (m,), min.
    travel_time_sd_min
        Standard deviation of the measurement, min, shape (m,) or one value.

    Raises
    ------
    InputError
        If a link is unknown or its law has no inverse, or a time is not positive and finite.
    """
    shape = (len(link_ids),)
    time = read_only(travel_time_min, np.float64, shape, "travel_time_min")
    error = read_only(travel_time_sd_min, np.float64, shape, "travel_time_sd_min")
    at = LinkCounts(link_ids=tuple(link_ids), flow_vph=np.zeros(shape)).positions(network)
    if problems := _speed_problems(network, at, time, error):
        raise InputError(problems)
    free, beta = network.free_flow_min[at], network.beta[at]
    delay = np.maximum(time - free, 0.0)
    flow = network.capacity_vph[at] * (delay / (free * network.alpha[at])) ** (1.0 / beta)
    late = delay > 0
    slope = np.divide(flow, beta * delay, out=np.full(shape, np.inf), where=late)
    spread = np.multiply(slope, error, out=np.full(shape, np.inf), where=late)
    return InferredFlow(flow_vph=flow, sd_vph=spread, slope_vph_per_min=slope)


def unknown_link(link: str) -> str:
    """Return the sentence about a link that the network does not have."""
    return f"link {link!r} is not in the road network"


def _problems(counts: LinkCounts) -> list[Problem]:
    ids = counts.link_ids
    problems = [] if ids else [Problem(field="counts", reason="there is no observed link")]
    problems += [
        Problem(field="link", reason=f"link {link!r} stands twice")
        for link in dict.fromkeys(ids)
        if ids.count(link) > 1
    ]
    for position in np.flatnonzero(~counts.observed.any(axis=0)):
        problems.append(Problem(field="flow_vph", reason=f"link {ids[position]!r} has no sample"))
    for sample, position in np.argwhere(~((counts.flow_vph >= 0) & np.isfinite(counts.flow_vph))):
        value = counts.flow_vph[sample, position]
        reason = f"link {ids[position]!r}, sample {sample + 1}: {value:g} must be >= 0 and finite"
        problems.append(Problem(field="flow_vph", reason=reason))
    for position in np.flatnonzero(~((counts.extra_variance >= 0) & np.isfinite(counts.extra_variance))):
        value = counts.extra_variance[position]
        reason = f"link {ids[position]!r}: {value:g} must be >= 0 and finite"
        problems.append(Problem(field="extra_variance", reason=reason))
    if not 0 < counts.hours < np.inf:
        problems.append(Problem(field="hours", reason=f"{counts.hours} must be > 0 and finite"))
    return problems


def _speed_problems(network: RoadNetwork, at: IntArray, time: Array, error: Array) -> list[Problem]:
    problems = []
    inverse = network.follows(Bpr)
    for row, link in enumerate(at.tolist()):
        name = f"link {network.link_ids[link]!r}"
        if not inverse[link] or network.alpha[link] * network.free_flow_min[link] == 0:
            reason = f"{name} has no flow-dependent delay of law 'bpr'; its flow cannot be read off a travel time"
            problems.append(Problem(field="travel_time_min", reason=reason, remedy="count its flow"))
        if not 0 < time[row] < np.inf:
            reason = f"{name}: {time[row]:g} must be > 0 and finite"
            problems.append(Problem(field="travel_time_min", reason=reason))
        if not 0 <= error[row] < np.inf:
            reason = f"{name}: {error[row]:g} must be >= 0 and finite"
            problems.append(Problem(field="travel_time_sd_min", reason=reason))
    return problems
