"""User equilibrium as the limit of logit equilibria for large theta."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.traffic.cheapest import regenerate
from cosim.traffic.layers import Distances, travel_graph
from cosim.traffic.network import RoadNetwork
from cosim.traffic.performance import link_cost, link_cost_integral
from cosim.traffic.problem import SueProblem, SueResult

THETAS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
LARGEST_THETA = 1e5
GAP = 2e-4
"""Largest relative gap that counts as a user equilibrium unless another is asked for."""
ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UeStage:
    """The logit equilibrium at one theta, and how far it is from a user equilibrium.

    Attributes
    ----------
    problem, result
        With the path set of the stage.
    added_paths, iterations
        How many paths the stage brought, and the iterations of its solves.
    beckmann
        ``sum int_0^v c``, veh min/h; its minimum is the user equilibrium (Beckmann 1956).
    relative_gap
        See `relative_gap`.
    """

    problem: SueProblem
    result: SueResult
    added_paths: int
    iterations: int
    beckmann: float
    relative_gap: float

    def reaches(self, gap: float) -> bool:
        """Whether this is a logit equilibrium and within a relative gap of a user equilibrium."""
        return self.result.converged and self.relative_gap <= gap


def thetas_to(end_per_min: float) -> tuple[float, ...]:
    """Return the stages up to an end, 1, 2, 5 in each decade from 0.5 on, the end itself last.

    >>> thetas_to(3.0)
    (0.5, 1.0, 2.0, 3.0)
    >>> thetas_to(200.0) == THETAS
    True

    Raises
    ------
    InputError
        If the end is not between 0.5 and `LARGEST_THETA`.
    """
    if not THETAS[0] <= end_per_min <= LARGEST_THETA:
        reason = f"{end_per_min} must be between {THETAS[0]:g} and {LARGEST_THETA:g} 1/min"
        raise InputError(Problem(field="theta-end", reason=reason))
    steps = [digit * 10.0**decade for decade in range(-1, 6) for digit in (1, 2, 5)]
    return (*(theta for theta in steps if THETAS[0] <= theta < end_per_min), float(end_per_min))


def beckmann(network: RoadNetwork, flow_vph: Array) -> float:
    """Return Beckmann's objective ``sum_a int_0^v_a c_a``, veh min/h."""
    return float(link_cost_integral(network, flow_vph).sum())


def relative_gap(problem: SueProblem, flow_vph: Array) -> float:
    """Return ``(c.v - sum_w q_w shortest_w) / c.v`` at the costs of the flows, 0 in a user equilibrium.

    Shortest paths are those of the whole network, whatever the choice sets.
    """
    network, demand = problem.network, problem.demand_vph
    cost = link_cost(network, flow_vph)
    position = {node: number for number, node in enumerate(network.node_ids)}
    wanted: dict[tuple[bool, int], list[int]] = {}
    for number in np.flatnonzero(demand > 0).tolist():
        one = problem.paths.commodities[number]
        wanted.setdefault((one.needs_station, position[one.destination]), []).append(number)
    graphs = {need: travel_graph(network, needs_station=need) for need, _ in wanted}
    distances = {need: Distances(graph, cost[graph.link]) for need, graph in graphs.items()}
    least = 0.0
    for (need, destination), numbers in wanted.items():
        graph = graphs[need]
        nearest = distances[need].to(graph.goal(destination), graph.open_arcs(destination))
        origins = [position[problem.paths.commodities[number].origin] for number in numbers]
        least += float(demand[numbers] @ nearest[origins])
    spent = float(cost @ flow_vph)
    return (spent - least) / spent if spent else 0.0


def ue_limit(
    problem: SueProblem,
    thetas: Sequence[float] = THETAS,
    count: int = 8,
    rounds: int = ROUNDS,
    tolerance: float = 1e-8,
) -> Iterator[UeStage]:
    """Follow logit equilibria to large theta, each from the one before, and yield them one by one.

    Every stage adds the ``count`` cheapest paths of each pair at its congested costs, at most
    ``rounds`` times. A stage whose result is not converged is still yielded, with its status.

    Parameters
    ----------
    problem
        On a path set; its theta is replaced.
    thetas
        Ascending, 1/min.
    """
    result: SueResult | None = None
    for theta in thetas:
        before = len(problem.paths)
        found = regenerate(
            replace(problem, theta_per_min=theta), count, rounds=rounds, start=result, tolerance=tolerance
        )
        problem, result = found.problem, found.result
        yield UeStage(
            problem=problem,
            result=result,
            added_paths=len(problem.paths) - before,
            iterations=found.iterations,
            beckmann=beckmann(problem.network, result.link_flow_vph),
            relative_gap=relative_gap(problem, result.link_flow_vph),
        )
