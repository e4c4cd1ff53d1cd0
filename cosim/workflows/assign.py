"""Assign traffic to a network from files: one logit equilibrium, or the way to the user equilibrium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import InputError, UsageError
from cosim.plain import csv_text
from cosim.results.result import Result, Shown
from cosim.traffic.demand import OdDemand
from cosim.traffic.equilibrium import solve
from cosim.traffic.formats import read_network, read_trips, usual_trips
from cosim.traffic.network import RoadNetwork
from cosim.traffic.problem import SueProblem, SueResult, unit_remarks
from cosim.traffic.route_models import route_builder
from cosim.traffic.user_equilibrium import THETAS, UeStage, thetas_to, ue_limit
from cosim.units import min_to_h

if TYPE_CHECKING:
    import pandas as pd

NOT_CONVERGED = 6
FREE_FLOW_PATHS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment(Result):
    """An equilibrium with the problem that it answers."""

    problem: SueProblem
    result: SueResult
    remarks: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """6 if the equilibrium was not reached, else 0."""
        return 0 if self.result.converged else NOT_CONVERGED

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables: the links."""
        return ("links",)

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return one table."""
        import pandas as pd

        if name != "links":
            raise KeyError(f"an assignment has no table {name!r}; it has links")
        return pd.DataFrame(link_columns(self.problem, self.result))

    @property
    def heading(self) -> str:
        """The size of the problem."""
        network = self.problem.network
        return f"assignment of {float(self.problem.demand_vph.sum()):,.1f} veh/h to {len(network.link_ids):,} links"

    def shown(self) -> Iterator[Shown]:
        """Yield method, residual and gap, and the busiest link."""
        result, (link, ratio) = self.result, self.busiest
        yield "status", result.status, f"{result.method}, {result.iterations} iterations, routes {result.path_model}"
        yield "residual R", f"{result.residual:.1e}", f"theta {result.theta_per_min:g} 1/min"
        yield "duality gap", f"{result.gap:.1e} veh min/h", ""
        yield "total time", f"{self.total_time_h:,.2f} veh h/h", ""
        yield "largest flow/capacity", f"{ratio:.3f}", f"link {link}"
        for remark in self.remarks:
            yield "remark", "", remark

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
    network: Path | str,
    trips: Path | str | None = None,
    *,
    theta_per_min: float = 0.5,
    routes: str = "dag",
    scale: float = 1.0,
    method: str = "auto",
    tolerance: float = 1e-8,
    limit: int | None = None,
    options: Mapping[str, Any] | None = None,
    trip_options: Mapping[str, Any] | None = None,
) -> Assignment:
    """Assign traffic to a network from files by a logit equilibrium.

    Parameters
    ----------
    network, trips, theta_per_min, routes, scale, options, trip_options
        As `read_problem` takes them.
    method
        auto, newton, mirror_bb, sra, msa, or your own.
    tolerance, limit
        On the residual R, and the most iterations; None is the method's own.

    Returns
    -------
    Assignment
        With ``exit_code`` 6 if it did not converge; ``found["links"]`` has flows, times and their ratio to capacity.

    Raises
    ------
    InputError
        If a file or a value is wrong.

    Examples
    --------
    >>> import cosim
    >>> found = cosim.assign("docs/networks/ring_net.tntp", theta_per_min=0.5)  # doctest: +SKIP
    >>> found["links"]["flow_vph"].max()  # doctest: +SKIP
    """
    problem = read_problem(
        network, trips, theta_per_min=theta_per_min, routes=routes, scale=scale, options=options,
        trip_options=trip_options,
    )  # fmt: skip
    return solve_problem(problem, method=method, tolerance=tolerance, limit=limit)


def solve_problem(
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


def link_columns(problem: SueProblem, result: SueResult) -> dict[str, list[Any]]:
    """Return link, from_node, to_node, flow_vph, travel_time_min, volume_capacity of every link."""
    network = problem.network
    return {
        "link": list(network.link_ids),
        "from_node": [network.node_ids[node] for node in network.tail],
        "to_node": [network.node_ids[node] for node in network.head],
        "flow_vph": result.link_flow_vph.tolist(),
        "travel_time_min": result.link_time_min.tolist(),
        "volume_capacity": (result.link_flow_vph / network.capacity_vph).tolist(),
    }


def write_flows(path: Path, problem: SueProblem, result: SueResult) -> None:
    """Write link, from_node, to_node, flow_vph, travel_time_min, volume_capacity.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    columns = link_columns(problem, result)
    rows = [
        [repr(cell) if isinstance(cell, float) else cell for cell in row] for row in zip(*columns.values(), strict=True)
    ]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(csv_text([list(columns), *rows]))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error}") from error


def _check_nodes(network: RoadNetwork, demand: OdDemand) -> None:
    known = set(network.node_ids)
    unknown = sorted({node for pair in demand.od_pairs for node in pair} - known)
    if unknown:
        shown = ", ".join(repr(node) for node in unknown[:5])
        raise InputError(f"the trips name nodes that the network does not have: {shown}")
