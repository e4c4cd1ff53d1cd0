"""The equilibrium problem, its answer, and what a method hands over between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim import watchdog
from cosim.arrays import Array, read_only
from cosim.errors import InputError, Problem
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.traffic.performance import link_cost, link_cost_integral
from cosim.traffic.routes import LogitLoad, Routes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SueProblem:
    """Logit stochastic user equilibrium: flows ``v`` with ``v = V(c(v))``.

    Attributes
    ----------
    network
        Links and their travel-time laws.
    paths
        The choice set of each commodity: a `PathSet` or a `Dag`.
    demand_vph
        Demand of each commodity, shape (W,), veh/h (an hourly rate, whatever the period).
    theta_per_min
        Logit dispersion, > 0, 1/min.

    Raises
    ------
    InputError
        If demand is negative or not finite, theta is not positive, the paths belong to another
        network, or a commodity with demand has no path.
    """

    network: RoadNetwork
    paths: Routes
    demand_vph: Array
    theta_per_min: float

    def __post_init__(self) -> None:
        shape = (len(self.paths.commodities),)
        if np.shape(self.demand_vph) != shape:
            found = np.shape(self.demand_vph)
            raise InputError(f"demand_vph has shape {found}, must be {shape}: one number per commodity")
        demand = read_only(self.demand_vph, np.float64, shape, "demand_vph")
        object.__setattr__(self, "demand_vph", demand)
        if problems := _problems(self):
            raise InputError(problems)

    @property
    def path_set(self) -> PathSet:
        """The routes as a list of paths.

        Raises
        ------
        InputError
            If the routes are not listed.
        """
        if not isinstance(self.paths, PathSet):
            raise InputError(f"this needs a path set; the routes are {self.paths.model!r}, which lists no paths")
        return self.paths

    def load(self, link_cost_min: Array) -> LogitLoad:
        """Return one logit loading of the demand at these link costs."""
        watchdog.beat("the assignment")
        return self.paths.load(self.demand_vph, self.theta_per_min, link_cost_min)

    @property
    def empty_cost_min(self) -> Array:
        """Link costs without any traffic, min, shape (L,): where a cold start begins."""
        return self.link_cost(np.zeros(len(self.network.link_ids)))

    def link_cost(self, flow_vph: Array) -> Array:
        """Return the link costs at these link flows, min."""
        return link_cost(self.network, flow_vph)


@dataclass(frozen=True, slots=True, eq=False)
class IterationRecord:
    """One iteration of a method.

    ``residual`` is R after the iteration (`newton`: predicted without a load), ``step`` the step
    length; ``path_flow_vph`` is kept only on request.
    """

    iteration: int
    residual: float
    step: float
    theta_per_min: float
    path_flow_vph: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Iterate:
    """Where a method ended and why: ``tolerance``, ``limit`` or ``stalled``.

    The method's opinion of its residual does not travel: the caller certifies.
    """

    path_flow_vph: Array
    perceived_cost_min: Array
    iterations: int
    loads: int
    ended: str
    history: tuple[IterationRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SueResult:
    """Flows, costs and certificate of one solve.

    Attributes
    ----------
    link_flow_vph, path_flow_vph
        Shapes (L,) and (K,), veh/h; on a `Dag` the K routes are its arcs.
    link_time_min, path_cost_min
        Cost of links and routes at these flows, min.
    perceived_cost_min
        Link costs whose logit loading gives the flows, min, shape (L,): the warm start of `newton`.
    expected_min_cost_min
        Expected minimum cost of each commodity, min, shape (W,).
    residual
        ``R = ||V(c(v)) - v||_1 / ||v||_1``; 0 without demand.
    residual_path
        The same norm on path flows; stricter.
    gap
        Fisk's duality gap ``(1/theta) sum_w q_w KL(P_w || P_w(c)) >= 0``, veh min/h.
    iterations, loads, history
        What it took; ``loads`` counts the logit loadings, the certificate's included.
    status
        ``converged``: R <= tolerance, and so is ``residual_path`` unless the path flows are one logit loading (at
        ``perceived_cost_min``). ``limit``: iterations ran out. ``stalled``: the method ended
        by itself above the tolerance (no descent, or the step test of the paper).
    above_knee
        Ids of the stations whose flow exceeds knee * capacity.
    """

    link_flow_vph: Array
    path_flow_vph: Array
    link_time_min: Array
    path_cost_min: Array
    perceived_cost_min: Array
    expected_min_cost_min: Array
    residual: float
    residual_path: float
    gap: float
    iterations: int
    loads: int
    method: str
    path_model: str
    theta_per_min: float
    above_knee: tuple[str, ...]
    status: str
    history: tuple[IterationRecord, ...]

    @property
    def converged(self) -> bool:
        """Whether the residual is within the tolerance; otherwise this is no equilibrium."""
        return self.status == "converged"


def relative_change(change_vph: Array, flow_vph: Array) -> float:
    """Return ``||change||_1 / ||flow||_1``; 0 if there is neither flow nor change."""
    change, flow = float(np.abs(change_vph).sum()), float(np.abs(flow_vph).sum())
    if flow == 0.0 and change == 0.0:
        return 0.0
    return change / flow if flow else float("inf")


def fisk_objective(problem: SueProblem, path_flow_vph: Array) -> float:
    """Return Fisk's objective ``Z(f)``, veh min/h (Eq 8).

    ``Z = sum_a int_0^v_a c_a + sum_k off_k f_k + (1/theta) sum_k f_k ln f_k``; its minimiser among
    flows that meet the demand is the equilibrium.
    """
    flow, paths = np.asarray(path_flow_vph, dtype=np.float64), problem.paths
    integral = link_cost_integral(problem.network, paths.link_flow(flow)).sum()
    entropy = paths.entropy(problem.demand_vph, flow) / problem.theta_per_min
    return float(integral + paths.offset_min @ flow + entropy)


def unit_remarks(problem: SueProblem) -> list[str]:
    """Return remarks on a theta whose unit looks wrong (see `theta_remarks`)."""
    return theta_remarks(problem.theta_per_min, problem.network)


def theta_remarks(theta_per_min: float, network: RoadNetwork, low: float = 1e-3, high: float = 100.0) -> list[str]:
    """Return remarks unless theta times the network's mean link time, which has no unit, is between the two."""
    product = theta_per_min * float(network.free_flow_min.mean())
    if low <= product <= high:
        return []
    return [f"theta_per_min {theta_per_min:g} times the mean link time is {product:g}; is it per minute?"]


def _problems(problem: SueProblem) -> list[Problem]:
    found = []
    theta, demand, paths = problem.theta_per_min, problem.demand_vph, problem.paths
    if not 0 < theta < np.inf:
        found.append(Problem(field="theta_per_min", reason=f"{theta} must be > 0 and finite"))
    if paths.link_ids != problem.network.link_ids:
        found.append(Problem(field="paths", reason="the path set was made for other links"))
    wrong = ~((demand >= 0) & (demand < np.inf))
    missing = demand > 0
    missing[paths.supplied] = False
    for position in np.flatnonzero(wrong | missing):
        commodity, value = paths.commodities[position], demand[position]
        if wrong[position]:
            found.append(Problem(field="demand_vph", reason=f"{commodity}: {value} must be >= 0 and finite"))
            continue
        kind = "path past a charging station" if commodity.needs_station else "path"
        reason = f"{commodity}: demand {value:g} veh/h, but there is no {kind}"
        remedy = "add a station on one of its paths" if commodity.needs_station else ""
        found.append(Problem(field="demand_vph", reason=reason, remedy=remedy))
    return found
