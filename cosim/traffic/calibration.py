"""Link and station laws fitted to measured times, and how a fitted law takes the place of a network's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge
from numpy.typing import ArrayLike

from cosim.arrays import Array
from cosim.bounds import NonNegative, Positive, check_bounds
from cosim.errors import InputError
from cosim.traffic.laws.bpr import Bpr
from cosim.traffic.network import RoadNetwork

SOFT_SCALE = 0.02
"""Residual of t/t0 from which on a point counts less (`scipy.optimize.least_squares`, soft_l1)."""
LEAST_POINTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLaw:
    """A law of link times for lanes of known capacity: ``t = k t0 (1 + A (x/c)^B)`` with ``c = lane capacity n``.

    Attributes
    ----------
    time_factor
        k: time of a lone vehicle over the free-flow time.
    alpha, beta
        A and B.
    lane_capacity_vph
        Capacity of a lane, veh/h.
    least_lanes
        Fewest lanes of a link: one lane forbids overtaking. 0: capacities are the network's own, which know signals.
    """

    time_factor: Positive = 1.0
    alpha: NonNegative = 0.15
    beta: Annotated[float, Ge(1)] = 4.0
    lane_capacity_vph: Positive = 1800.0
    least_lanes: Annotated[int, Ge(0)] = 2

    def __post_init__(self) -> None:
        check_bounds(self, "link law")

    def time_ratio(self, use: ArrayLike) -> Array:
        """Return t/t0 at ``use = x/c``.

        >>> float(LinkLaw(time_factor=1.1, alpha=0.2, beta=2.0).time_ratio(0.5).round(12))
        1.155
        """
        ratio = np.maximum(np.asarray(use, dtype=np.float64), 0.0)
        return np.asarray(self.time_factor * (1.0 + self.alpha * ratio**self.beta))

    def capacity_vph(self, network: RoadNetwork) -> Array:
        """Return each road's capacity by its lanes, ``n = max(least, ceil(cap / lane capacity))``; stations keep it.

        Lanes follow from the capacities that the network has: 1 to 3,600 veh/h take two lanes of 1,800.
        """
        if not self.least_lanes:
            return network.capacity_vph
        lanes = np.maximum(self.least_lanes, np.ceil(network.capacity_vph / self.lane_capacity_vph - 1e-9))
        return np.where(network.is_station, network.capacity_vph, self.lane_capacity_vph * lanes)

    def applied(self, network: RoadNetwork) -> RoadNetwork:
        """Return the network with this law on every link that is no station.

        Raises
        ------
        InputError
            If a road follows another law than ``bpr``.
        """
        roads = ~network.is_station
        if other := [network.link_ids[link] for link in np.flatnonzero(roads & ~network.follows(Bpr))]:
            raise InputError(f"a fitted link law replaces 'bpr'; these links follow another law: {', '.join(other)}")
        return replace(
            network,
            free_flow_min=np.where(roads, self.time_factor * network.free_flow_min, network.free_flow_min),
            capacity_vph=self.capacity_vph(network),
            alpha=np.where(roads, self.alpha, network.alpha),
            beta=np.where(roads, self.beta, network.beta),
        )


MICRO_CURVE = LinkLaw(time_factor=1.05437, alpha=0.194532, beta=1.897113)
"""What SUMO's links take, fitted on the Nguyen-Dupuis network with merge sections at length scale 0.25."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How well a law tells points.

    Attributes
    ----------
    points
        Number of points.
    rmse, mape, worst
        Root of the mean squared error of t/t0, mean and worst relative error of t.
    r2
        Coefficient of determination of t/t0; NaN where the points do not differ.
    """

    points: int
    rmse: float
    mape: float
    worst: float
    r2: float


def fit_link_law(use: ArrayLike, time_ratio: ArrayLike, *, lane_capacity_vph: float = 1800.0) -> LinkLaw:
    """Fit k, A, B by robust least squares (soft_l1) on t/t0.

    Parameters
    ----------
    use
        x/c of each point.
    time_ratio
        Measured t/t0 of each point.
    lane_capacity_vph
        What c was made from.

    Raises
    ------
    InputError
        If there are fewer than four points, one is not finite, or all have nearly the same use.
    """
    from scipy.optimize import least_squares

    ratio, time = _points(use, time_ratio)
    if np.ptp(ratio) < 0.1:  # noqa: PLR2004 - a tenth of the capacity
        reason = f"the points lie at x/c {ratio.min():.3g} to {ratio.max():.3g}; a curve needs a wider range"
        raise InputError(f"{reason}, give several demands")
    start = np.array([float(time.min()), 0.15, 2.0])

    def off(v: Array) -> Array:
        return np.asarray(v[0] * (1.0 + v[1] * ratio ** v[2]) - time)

    bounds = ([0.5, 0.0, 1.0], [2.0, 10.0, 12.0])
    found = least_squares(off, start, bounds=bounds, loss="soft_l1", f_scale=SOFT_SCALE)
    if not found.success:
        raise InputError(f"the fit of the link law ended without an answer: {found.message}")
    factor, alpha, beta = (float(value) for value in found.x)
    return LinkLaw(time_factor=factor, alpha=alpha, beta=beta, lane_capacity_vph=lane_capacity_vph)


def judge_link_law(law: LinkLaw, use: ArrayLike, time_ratio: ArrayLike) -> Fit:
    """Return how well a law tells points, for example those that were held out."""
    ratio, time = _points(use, time_ratio, least=1)
    return judge_times(time, law.time_ratio(ratio))


def judge_times(measured: ArrayLike, said: ArrayLike) -> Fit:
    """Return how well times (or t/t0) that a model says tell those measured."""
    m, x = _points(measured, said, least=1)
    error, spread = x - m, float(np.sum((m - m.mean()) ** 2))
    relative = np.abs(error) / m
    return Fit(
        points=m.size,
        rmse=math.sqrt(float(np.mean(error**2))),
        mape=float(relative.mean()),
        worst=float(relative.max()),
        r2=1.0 - float(np.sum(error**2)) / spread if spread > 0.0 else math.nan,
    )


def davidson_wait_ratio(use: ArrayLike) -> Array:
    """Return ``x / (c - x)``: Davidson's delay over ``t0 J``, below capacity."""
    ratio = np.asarray(use, dtype=np.float64)
    return np.asarray(ratio / (1.0 - ratio))


def fit_davidson(use: ArrayLike, wait_ratio: ArrayLike) -> tuple[float, Fit]:
    """Fit Davidson's shape J to mean waits, ``w / t0 = J x / (c - x)``.

    Parameters
    ----------
    use
        Mean use of the chargers, below 1.
    wait_ratio
        Mean wait over the station's free-flow time t0 (access and service).

    Returns
    -------
    tuple[float, Fit]
        J, and how well the law tells t/t0.

    Raises
    ------
    InputError
        If a use is not below 1.
    """
    from scipy.optimize import least_squares

    ratio, wait = _points(use, wait_ratio)
    if ratio.max() >= 1.0:
        raise InputError(f"a use of {ratio.max():.3g} has no stationary wait; take demands below the capacity")
    shape = davidson_wait_ratio(ratio)

    def off(v: Array) -> Array:
        return np.asarray(v[0] * shape - wait)

    found = least_squares(off, [0.1], bounds=([0.0], [np.inf]), loss="soft_l1", f_scale=SOFT_SCALE)
    j = float(found.x[0])
    return j, judge_times(1.0 + wait, 1.0 + j * shape)


def _points(use: ArrayLike, value: ArrayLike, least: int = LEAST_POINTS) -> tuple[Array, Array]:
    x, y = np.asarray(use, dtype=np.float64), np.asarray(value, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or x.size < least:
        raise InputError(f"a fit needs at least {least} points; got shapes {x.shape} and {y.shape}")
    if not (np.isfinite(x) & np.isfinite(y)).all():
        raise InputError("a point of the fit is not finite; leave links out that nobody used")
    return x, y


LAW_COLUMNS: dict[str, type] = {"parameter": str, "value": float}
"""Columns of the file of a link law."""
LAW_PARAMETERS = ("time_factor", "alpha", "beta", "lane_capacity_vph", "least_lanes")


def law_rows(law: LinkLaw) -> list[tuple[str, float]]:
    """Return a law as rows of its file: parameter and value."""
    return [(name, float(getattr(law, name))) for name in LAW_PARAMETERS]


def law_of_rows(names: Sequence[str], values: Sequence[float]) -> LinkLaw:
    """Return the law of the rows of a file.

    Raises
    ------
    InputError
        If a parameter is unknown, missing or stands twice, or a value is outside its bounds.
    """
    if sorted(names) != sorted(LAW_PARAMETERS):
        found, wanted = ", ".join(sorted(names)), ", ".join(LAW_PARAMETERS)
        raise InputError(
            f"a link law has the parameters {wanted}, each once; the file has {found or 'none'}; calibrate again"
        )
    given = dict(zip(names, values, strict=True))
    lanes = given.pop("least_lanes")
    if lanes != int(lanes):
        raise InputError(f"least_lanes: {lanes:g} must be a whole number")
    return LinkLaw(**given, least_lanes=int(lanes))
