"""Path sets of the K cheapest paths of every pair, and their renewal at congested costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError, Problem
from cosim.traffic.equilibrium import solve
from cosim.traffic.layers import TravelGraph, travel_graph
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import Commodity, Links, PathSet, path_set
from cosim.traffic.performance import link_cost
from cosim.traffic.problem import SueProblem, SueResult
from cosim.traffic.route_filter import sensible
from cosim.traffic.ties import by_length, equally_long

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MOST_CANDIDATES = 4_000
ROUNDS = 10


def k_shortest(
    network: RoadNetwork,
    od_pairs: Sequence[tuple[str, str]],
    classes_needing_station: Mapping[str, bool],
    count: int,
    link_cost_min: Array | None = None,
) -> PathSet:
    """Return the ``count`` cheapest paths without a loop, for every class and OD pair (Yen 1971).

    They are ordered by cost (equal within `cosim.traffic.ties.TIE_REL`), then by link positions; so are
    ties for the last place, of which a remark tells. No path passes through a centroid, and where nodes name their
    junctions those that no traveller would take are dropped (`cosim.traffic.route_filter`). A class that
    needs a station travels on the layered graph (see `cosim.traffic.layers`): it may come back the way it
    went to a station, and does not charge at its destination.

    Parameters
    ----------
    network
        With the station links, if there are any.
    od_pairs
        (origin, destination) node ids.
    classes_needing_station
        The classes in order, and whether each of them visits exactly one station.
    count
        Paths per commodity; fewer if there are no more.
    link_cost_min
        Costs that rank the paths, shape (L,); None takes those of empty roads.

    Raises
    ------
    InputError
        Naming every unknown node and every pair without a path.
    """
    if count < 1:
        raise InputError(f"count: {count} must be at least 1")
    cost = link_cost(network, np.zeros(len(network.link_ids))) if link_cost_min is None else link_cost_min
    commodities = commodities_of(network, od_pairs, classes_needing_station)
    found = cheapest_paths(network, commodities, cost, count)
    require_routes(commodities, [bool(own.paths) for own in found])
    paths = path_set(
        network, commodities, [sensible(network, own.paths, cost) for own in found], f"k_shortest({count})"
    )
    tied = sum(own.tied for own in found)
    if not tied:
        return paths
    remark = (
        f"{tied} of {len(found)} choice sets of {count} leave out paths as cheap as their last one; which they keep "
        "follows the order of links; take a larger number, or another route model"
    )
    return replace(paths, remarks=(remark,))


def commodities_of(
    network: RoadNetwork, od_pairs: Sequence[tuple[str, str]], classes_needing_station: Mapping[str, bool]
) -> tuple[Commodity, ...]:
    """Return the commodities (class, OD pair) in order.

    Raises
    ------
    InputError
        Naming every unknown node and pair that leads to itself.
    """
    known = set(network.node_ids)
    problems = []
    for origin, destination in od_pairs:
        for node in dict.fromkeys((origin, destination)):
            if node not in known:
                reason = f"pair {origin!r} -> {destination!r} names node {node!r}, which the road network does not have"
                problems.append(Problem(field="od", reason=reason))
        if origin == destination:
            problems.append(Problem(field="od", reason=f"pair {origin!r} -> {destination!r} leads to itself"))
    if problems:
        raise InputError(problems)
    return tuple(
        Commodity(user_class=user_class, origin=origin, destination=destination, needs_station=needs_station)
        for user_class, needs_station in classes_needing_station.items()
        for origin, destination in od_pairs
    )


def require_routes(commodities: Sequence[Commodity], found: Sequence[bool]) -> None:
    """Raise for every commodity that has no route though it needs no station."""
    missing = [one for one, has in zip(commodities, found, strict=True) if not has and not one.needs_station]
    if missing:
        reasons = [f"pair {one.origin!r} -> {one.destination!r} has no path" for one in missing]
        raise InputError([Problem(field="od", reason=reason) for reason in dict.fromkeys(reasons)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheapest:
    """The cheapest paths of a commodity, and whether a path as cheap as the last one was left out."""

    paths: list[Links]
    tied: bool


def cheapest_paths(
    network: RoadNetwork, commodities: Sequence[Commodity], link_cost_min: Array, count: int
) -> list[Cheapest]:
    """Return the cheapest paths of each commodity, in order of (cost, links); none where there is no way."""
    if not np.all(link_cost_min >= 0):
        raise InputError("link_cost_min must be >= 0 to rank paths")
    position = {node: number for number, node in enumerate(network.node_ids)}
    members: dict[tuple[bool, int], list[int]] = {}
    for number, one in enumerate(commodities):
        members.setdefault((one.needs_station, position[one.destination]), []).append(number)
    graphs = {need: travel_graph(network, needs_station=need) for need, _ in members}
    found: dict[int, Cheapest] = {}
    for (needs_station, destination), numbers in members.items():
        search = _Search.towards(graphs[needs_station], destination, link_cost_min)
        ranked = {origin: search.ranked(origin, count) for origin in {position[commodities[n].origin] for n in numbers}}
        for number in numbers:
            found[number] = ranked[position[commodities[number].origin]]
    return [found[number] for number in range(len(commodities))]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """All arcs that may lead to one destination, each pair of states joined at most once.

    Of parallel arcs all but the first pass through a state of their own.
    """

    goal: int
    matrix: csr_array[Any]
    link_of: dict[tuple[int, int], int]
    link_cost_min: Array

    @staticmethod
    def towards(graph: TravelGraph, destination: int, link_cost_min: Array) -> _Search:
        from scipy.sparse import csr_array

        size = graph.n_states
        link_of: dict[tuple[int, int], int] = {}
        rows, columns, costs = [], [], []
        for arc in np.flatnonzero(graph.open_arcs(destination)).tolist():
            tail, head, link = int(graph.tail[arc]), int(graph.head[arc]), int(graph.link[arc])
            steps = [(tail, head)] if (tail, head) not in link_of else [(tail, size), (size, head)]
            size += len(steps) - 1
            for step, (start, end) in enumerate(steps):
                link_of[start, end] = -1 if step else link
                rows.append(start)
                columns.append(end)
                costs.append(0.0 if step else float(link_cost_min[link]))
        where = (np.array(rows, dtype=np.int32), np.array(columns, dtype=np.int32))
        matrix = csr_array((np.array(costs, dtype=np.float64), where), shape=(size, size))
        return _Search(goal=graph.goal(destination), matrix=matrix, link_of=link_of, link_cost_min=link_cost_min)

    def ranked(self, origin: int, count: int) -> Cheapest:
        """Return the first paths in order of (cost, links); looks on while the last one ties."""
        from scipy.sparse.csgraph import yen

        wanted = count + 1
        while True:
            cost, before = yen(self.matrix, origin, self.goal, wanted, return_predecessors=True)
            rank = equally_long(cost)
            ties = len(cost) == wanted and rank[-1] == rank[count - 1]
            if not ties or wanted >= MOST_CANDIDATES:
                break
            wanted = min(2 * wanted, MOST_CANDIDATES)
        paths, rank = by_length([tuple(self._links(row, origin)) for row in before.tolist()], self.link_cost_min)
        return Cheapest(paths=paths[:count], tied=len(paths) > count and bool(rank[count] == rank[count - 1]))

    def _links(self, before: list[int], origin: int) -> Iterator[int]:
        states = [self.goal]
        while states[-1] != origin:
            states.append(before[states[-1]])
        for end in range(len(states) - 1, 0, -1):
            link = self.link_of[states[end], states[end - 1]]
            if link >= 0:
                yield link


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regenerated:
    """An equilibrium on a path set that grew with it.

    Attributes
    ----------
    problem, result
        The last path set and its equilibrium.
    added
        Number of new paths of each round; the last is 0 if nothing new was cheap.
    iterations, loads
        Of all solves together.
    """

    problem: SueProblem
    result: SueResult
    added: tuple[int, ...]
    iterations: int
    loads: int


def regenerate(
    problem: SueProblem,
    count: int,
    *,
    rounds: int = ROUNDS,
    start: SueResult | None = None,
    **options: Any,  # noqa: ANN401 -- as in `solve`
) -> Regenerated:
    """Solve, add the ``count`` cheapest paths of each commodity at congested cost, solve again from there.

    Free-flow paths miss those that congestion makes worth while. It ends when nothing is new.

    Parameters
    ----------
    problem
        On a path set without path offsets.
    count
        Paths per commodity and round.
    rounds
        Most rounds.
    start
        For the first solve.
    options
        For `cosim.traffic.equilibrium.solve`.
    """
    if np.any(problem.paths.offset_min != 0):
        raise InputError("regenerate knows no constant path costs; put them on links")
    result = solve(problem, start=start, **options)
    added: list[int] = []
    iterations, loads = result.iterations, result.loads
    for _ in range(rounds):
        grown, kept = _grown(problem, result.link_time_min, count)
        added.append(len(grown) - len(problem.paths))
        if not added[-1]:
            break
        flow = np.zeros(len(grown))
        flow[kept] = result.path_flow_vph
        problem = replace(problem, paths=grown)
        result = solve(problem, start=replace(result, path_flow_vph=flow), **options)
        iterations, loads = iterations + result.iterations, loads + result.loads
    return Regenerated(problem=problem, result=result, added=tuple(added), iterations=iterations, loads=loads)


def _grown(problem: SueProblem, link_cost_min: Array, count: int) -> tuple[PathSet, list[int]]:
    """Return the path set with the cheapest paths, and where the old paths stand in it."""
    paths = problem.path_set
    new = cheapest_paths(problem.network, paths.commodities, link_cost_min, count)
    rows: list[list[Links]] = [[] for _ in paths.commodities]
    for path, commodity in enumerate(paths.commodity.tolist()):
        rows[commodity].append(paths.path_links(path))
    kept: list[int] = []
    size = 0
    for own, candidates in zip(rows, new, strict=True):
        kept += range(size, size + len(own))
        known = set(own)
        own += [links for links in sensible(problem.network, candidates.paths, link_cost_min) if links not in known]
        size += len(own)
    model = paths.model.split(" + ")[0] + f" + {count} at congested cost"
    return path_set(problem.network, paths.commodities, rows, model), kept
