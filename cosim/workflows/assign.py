"""Assign traffic to a network from files: one logit equilibrium, or the way to the user equilibrium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cosim.errors import InputError, UsageError
from cosim.plain import csv_text
from cosim.traffic.demand import OdDemand
from cosim.traffic.equilibrium import solve
from cosim.traffic.formats import read_network, read_trips, usual_trips
from cosim.traffic.network import RoadNetwork
from cosim.traffic.problem import SueProblem, SueResult, unit_remarks
from cosim.traffic.route_models import route_builder
from cosim.traffic.user_equilibrium import THETAS, UeStage, thetas_to, ue_limit
from cosim.units import min_to_h

FREE_FLOW_PATHS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment:
    """An equilibrium with the problem that it answers."""

    problem: SueProblem
    result: SueResult
    remarks: tuple[str, ...]

    @property
    def total_time_h(self) -> float:
        """Travel time of all vehicles, constants such as tolls in minutes included, veh h per hour."""
        return min_to_h(float((self.result.link_flow_vph * self.result.link_time_min).sum()))

    @property
    def busiest(self) -> tuple[str, float]:
        """The link with the largest ratio of flow to capacity, and that ratio."""
        ratio = self.result.link_flow_vph / self.problem.network.capacity_vph
        link = int(np.argmax(ratio))
        return self.problem.network.link_ids[link], float(ratio[link])


def read_problem(
    network: Path | str,
    trips: Path | str | None = None,
    *,
    theta_per_min: float,
    routes: str = "dag",
    scale: float = 1.0,
    options: Mapping[str, Any] | None = None,
    trip_options: Mapping[str, Any] | None = None,
) -> SueProblem:
    """Read a network and its trips, and build the choice sets.

    Parameters
    ----------
    network, trips
        Files or folders in any known format; None looks for the trips at their usual place.
    theta_per_min
        Logit dispersion, 1/min (per unit of time of the file, if that is not the minute).
    routes
        ``all`` (every simple path), ``k=10`` (the 10 cheapest on empty roads), ``dag`` (link-based).
    scale
        Factor on the trips.
    options, trip_options
        For the readers of the network, e.g. ``toll_min``, and of the trips, e.g. ``matrix``. What they had to say
        stands in ``network.remarks``.

    Raises
    ------
    InputError
        If a file or a value is wrong.
    """
    build = route_builder(routes)
    if not (np.isfinite(scale) and scale >= 0):
        raise InputError(f"scale: {scale} must be >= 0 and finite")
    roads = read_network(network, options)
    demand = read_trips(trips if trips is not None else usual_trips(network), network, trip_options)
    _check_nodes(roads, demand)
    return SueProblem(
        network=replace(roads, remarks=(*roads.remarks, *demand.remarks)),
        paths=build(roads, demand.od_pairs, dict.fromkeys(demand.classes, False)),
        demand_vph=scale * demand.demand_vph[0],
        theta_per_min=theta_per_min,
    )


def assign(
    problem: SueProblem, *, method: str = "auto", tolerance: float = 1e-8, limit: int | None = None
) -> Assignment:
    """Solve the logit equilibrium of a problem; look at ``result.status``."""
    result = solve(problem, method, tolerance, limit)
    remarks = (*problem.network.remarks, *unit_remarks(problem), *problem.paths.remarks)
    return Assignment(problem=problem, result=result, remarks=remarks)


def follow_to_ue(
    problem: SueProblem, *, tolerance: float = 1e-8, theta_end_per_min: float = THETAS[-1]
) -> Iterator[UeStage]:
    """Yield logit equilibria of growing theta on path sets that grow at congested costs.

    Whether the last one is a user equilibrium is its `UeStage.reaches`.

    Raises
    ------
    InputError
        If the problem has no path set, or there is no way to that theta.
    """
    _ = problem.path_set
    return ue_limit(problem, thetas_to(theta_end_per_min), tolerance=tolerance)


def write_flows(path: Path, problem: SueProblem, result: SueResult) -> None:
    """Write link, from_node, to_node, flow_vph, travel_time_min, volume_capacity.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    network = problem.network
    ratio = result.link_flow_vph / network.capacity_vph
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            rows: list[list[str]] = [["link", "from_node", "to_node", "flow_vph", "travel_time_min", "volume_capacity"]]
            for link, name in enumerate(network.link_ids):
                ends = network.node_ids[network.tail[link]], network.node_ids[network.head[link]]
                numbers = result.link_flow_vph[link], result.link_time_min[link], ratio[link]
                rows.append([name, *ends, *(repr(float(number)) for number in numbers)])
            file.write(csv_text(rows))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error}") from error


def _check_nodes(network: RoadNetwork, demand: OdDemand) -> None:
    known = set(network.node_ids)
    unknown = sorted({node for pair in demand.od_pairs for node in pair} - known)
    if unknown:
        shown = ", ".join(repr(node) for node in unknown[:5])
        raise InputError(f"the trips name nodes that the network does not have: {shown}")
