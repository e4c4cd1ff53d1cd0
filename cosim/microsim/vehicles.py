"""From path flows to single vehicles: whole numbers that add up, and departures drawn from a seed."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.arrays import Array, IntArray
from cosim.errors import InputError
from cosim.microsim.model import CHARGING_TYPE, OTHER_TYPE, Lot, MicroDemand, MicroNet, MicroRoute
from cosim.microsim.network import xml_text
from cosim.microsim.states import Claim
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.units import SECONDS_PER_HOUR, min_to_s

LOT_SPACES = 1000
"""Places of a lot; its queue is ours, SUMO's must never be full."""
FOREVER_S = 1_000_000
"""A stop ends when the station lets the vehicle go."""
CENTISECONDS = 100
ROUNDING = 1e-6
DEPART_LANE, DEPART_SPEED = "best", "avg"


def largest_remainder(shares: Array, total: int) -> IntArray:
    """Split a whole number in proportion to shares; no count is a whole away from its exact value.

    Parameters
    ----------
    shares
        Not negative, at least one positive unless ``total`` is 0, shape (K,).
    total
        What the counts add up to.

    Raises
    ------
    InputError
        If the shares cannot be split by.

    Examples
    --------
    >>> largest_remainder(np.array([1.0, 1.0, 2.0]), 5).tolist()
    [1, 1, 3]
    """
    shares = np.asarray(shares, dtype=np.float64)
    whole = float(shares.sum())
    if total == 0:
        return np.zeros(shares.shape, dtype=np.intp)
    if total < 0 or not (shares >= 0.0).all() or not 0.0 < whole < np.inf:
        raise InputError(
            f"{total} vehicles cannot be split by the shares {shares}; they must be >= 0 and add up to > 0"
        )
    exact = shares / whole * total
    counts = np.floor(exact).astype(np.intp)
    missing = total - int(counts.sum())
    order = np.argsort(-(exact - counts), kind="stable")
    if missing >= 0:
        counts[order[:missing]] += 1
    else:  # rounding made a quotient a whole too large
        counts[order[missing:]] -= 1
    return counts


def micro_routes(net: MicroNet, paths: PathSet) -> tuple[MicroRoute, ...]:
    """Return one route per path, in the order of the paths.

    A path that charges leaves the main edges where its station's lot lies; on a network without lots (variant
    ``plain``) it drives on.

    Raises
    ------
    InputError
        If the network lacks a link of the paths, or a station's lot.
    """
    edges = dict(zip(net.link_ids, net.link_edges, strict=True))
    lots = {(lot.station, lot.link_id): lot for lot in net.lots}
    routes = []
    number: Counter[int] = Counter()
    for path, commodity in enumerate(paths.commodity.tolist()):
        number[commodity] += 1
        whose = paths.commodities[commodity]
        way, lot_id, station = _way(paths, path, edges, lots)
        kind = CHARGING_TYPE if whose.needs_station else OTHER_TYPE
        name = f"r_{whose.origin}_{whose.destination}_{number[commodity]}"
        routes.append(
            MicroRoute(
                route_id=f"{name}_{station}" if station else name,
                edges=way,
                user_class=whose.user_class,
                vehicle_type=kind,
                commodity=commodity,
                path=path,
                lot_id=lot_id,
            )
        )
    _check_route_ids(routes)
    return tuple(routes)


def micro_demand(
    routes: tuple[MicroRoute, ...],
    paths: PathSet,
    path_flow_vph: Array,
    *,
    begin_s: float,
    duration_s: float,
    period: int,
    seed: int,
    warm_up: bool = False,
) -> MicroDemand:
    """Return the vehicles of a stretch of time with constant flows.

    Every commodity gets ``round(q H)`` vehicles, split over its paths by the largest remainder; departures are uniform
    over the stretch, each path's from a generator of its own, so that no path's flow changes another's departures.

    Parameters
    ----------
    routes, paths
        The way of each path, and the choice set.
    path_flow_vph
        Flow of every path, veh/h, shape (K,).
    begin_s, duration_s
        The stretch, s; whole hundredths.
    period
        Number of the period; part of the ids and of the seeds. Stretches of one demand need different numbers.
    seed
        Seed of the departures.
    warm_up
        Whether nothing is measured yet: other ids and other departures than in the measured time of the same period.

    Raises
    ------
    InputError
        If flows are negative or not finite.
    """
    flows = np.asarray(path_flow_vph, dtype=np.float64)
    _check_stretch(flows, len(paths), begin_s, duration_s)
    counts = _counts(paths, flows, duration_s)
    slots = round(duration_s * CENTISECONDS)
    drawn = [_departures((period, int(warm_up), path), seed, int(n), slots) for path, n in enumerate(counts)]
    route = np.repeat(np.arange(len(paths)), counts)
    centi = np.concatenate([*drawn, np.zeros(0, dtype=np.int64)]) + round(begin_s * CENTISECONDS)
    order = np.lexsort((route, centi))
    route = route[order]
    names = [f"{'w' if warm_up else 'p'}{period:02d}_{one.vehicle_type}" for one in routes]
    return MicroDemand(
        routes=routes,
        vehicle_ids=tuple(f"{names[way]}_{number}" for number, way in enumerate(route.tolist(), start=1)),
        route=route,
        depart_s=centi[order] / CENTISECONDS,
        begin_s=begin_s,
        duration_s=duration_s,
        seed=seed,
    )


def joined(parts: Sequence[MicroDemand]) -> MicroDemand:
    """Return several stretches over the same routes, one behind the other, as one demand.

    Raises
    ------
    InputError
        If their routes differ, they leave a gap or overlap, or an id stands twice.
    """
    if not parts:
        raise InputError("no demand to join")
    first = parts[0]
    for before, after in zip(parts, parts[1:], strict=False):
        if after.routes != first.routes:
            raise InputError("the stretches have different routes; build them from one network and path set")
        if abs(before.begin_s + before.duration_s - after.begin_s) > 0.5 / CENTISECONDS:
            end_s = before.begin_s + before.duration_s
            raise InputError(f"one stretch ends at {end_s:g} s, the next begins at {after.begin_s:g} s")
    ids = tuple(name for part in parts for name in part.vehicle_ids)
    if len(set(ids)) != len(ids):
        raise InputError("two stretches have equal vehicle ids; give them different periods")
    return MicroDemand(
        routes=first.routes,
        vehicle_ids=ids,
        route=np.concatenate([part.route for part in parts]),
        depart_s=np.concatenate([part.depart_s for part in parts]),
        begin_s=first.begin_s,
        duration_s=sum(part.duration_s for part in parts),
        seed=first.seed,
    )


def claimed_vehicles(routes: tuple[MicroRoute, ...], paths: PathSet, claim: Claim) -> MicroDemand:
    """Return the vehicles of a window; each stretch has its own exact number of them.

    Ids of the warm-up begin with ``w``, those of the measured time with ``p``.
    """
    parts: list[MicroDemand] = []
    begin_s = 0.0
    for one in claim.stretches:
        parts.append(
            micro_demand(
                routes, paths, one.path_flow_vph, begin_s=begin_s, duration_s=one.duration_s, period=one.period,
                seed=claim.seed, warm_up=one.warm_up,
            )
        )  # fmt: skip
        begin_s += one.duration_s
    return joined(parts)


def warmup_time_s(
    network: RoadNetwork,
    paths: PathSet,
    *,
    length_scale: float = 1.0,
    factor: float = 1.4,
    link_time_min: Array | None = None,
) -> float:
    """Return how long a network must fill before it is measured, s, in whole minutes.

    ``factor`` times the longest path; access and service at a station belong to it and do not scale.

    Parameters
    ----------
    network, paths
        Roads with stations, and the paths.
    length_scale
        Of the SUMO network.
    link_time_min
        Times that the links will take, shape (L,); by default without traffic. A network of the variant ``metered``
        fills at the times of the equilibrium, which are far longer.
    """
    times = network.free_flow_min if link_time_min is None else link_time_min
    scale = np.where(network.is_station, 1.0, length_scale)
    longest_min = float(paths.route_cost(times * scale).max(initial=0.0))
    return min_to_s(math.ceil(factor * longest_min))


def write_routes(demand: MicroDemand, path: Path | str) -> None:
    """Write vehicle types, routes and vehicles for SUMO; what charges stops at its lot until it is let go.

    Vehicles enter on the best lane at the average speed there: at the highest speed two lanes take 3294 veh/h, so
    3824 to 3880.
    """
    lines = ["<routes>", *(f'    <vType id="{kind}"/>' for kind in (OTHER_TYPE, CHARGING_TYPE))]
    lines += [
        f'    <route id="{route.route_id}" edges="{html.escape(" ".join(route.edges))}"/>' for route in demand.routes
    ]
    ends = [
        f'><stop parkingArea="{route.lot_id}" duration="{FOREVER_S}"/></vehicle>' if route.lot_id else "/>"
        for route in demand.routes
    ]
    heads = [f'type="{route.vehicle_type}" route="{route.route_id}"{_places(route)}' for route in demand.routes]
    for name, way, depart_s in zip(demand.vehicle_ids, demand.route.tolist(), demand.depart_s.tolist(), strict=True):
        where = f'depart="{depart_s:.2f}" departLane="{DEPART_LANE}" departSpeed="{DEPART_SPEED}"'
        lines.append(f'    <vehicle id="{name}" {heads[way]} {where}{ends[way]}')
    Path(path).write_text("\n".join([*lines, "</routes>"]) + "\n", encoding="utf-8")


def _places(route: MicroRoute) -> str:
    """Return where a vehicle begins and ends, if that is not at the ends of its edges."""
    given = {"departPos": (route.depart_pos, "base"), "arrivalPos": (route.arrive_pos, "max")}
    return "".join(f' {name}="{own}"' for name, (own, usual) in given.items() if own != usual)


def write_lots(net: MicroNet, path: Path | str, others: Sequence[tuple[str, dict[str, object]]] = ()) -> None:
    """Write the parking areas of the stations, and other elements of the kind, for SUMO."""
    rows: list[tuple[str, dict[str, object]]] = [
        (
            "parkingArea",
            {
                "id": lot.lot_id,
                "lane": lot.lane_id,
                "startPos": f"{lot.start_m:g}",
                "endPos": f"{lot.end_m:g}",
                "roadsideCapacity": LOT_SPACES,
            },
        )
        for lot in net.lots
    ]
    Path(path).write_text(xml_text("additional", [*rows, *others]), encoding="utf-8")


def _check_stretch(flows: Array, n_paths: int, begin_s: float, duration_s: float) -> None:
    if flows.shape != (n_paths,):
        raise InputError(f"path_flow_vph has shape {flows.shape}, must hold one flow for each of {n_paths} paths")
    for path in np.flatnonzero(~((flows >= 0.0) & np.isfinite(flows)))[:1]:
        raise InputError(f"the flow of path {path} is {flows[path]:g} veh/h, must be >= 0 and finite")
    for name, value in (("begin_s", begin_s), ("duration_s", duration_s)):
        centi = value * CENTISECONDS
        if not (value >= 0.0 and math.isfinite(value) and abs(centi - round(centi)) < ROUNDING):
            raise InputError(f"{name} {value} must be >= 0, finite, and a multiple of 0.01 s")


def _departures(key: Sequence[int], seed: int, count: int, slots: int) -> NDArray[np.int64]:
    """Draw departures in hundredths of a second, ascending."""
    if count and not slots:
        raise InputError("vehicles cannot depart in a stretch of 0 s")
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(key)))
    return np.sort(generator.integers(0, slots, size=count)) if count else np.zeros(0, dtype=np.int64)


def _counts(paths: PathSet, flows: Array, duration_s: float) -> IntArray:
    """Return the whole number of vehicles of each path."""
    counts = np.zeros(len(paths), dtype=np.intp)
    for commodity in paths.supplied.tolist():
        own = paths.paths_of(commodity)
        total = math.floor(float(flows[own].sum()) * duration_s / SECONDS_PER_HOUR + 0.5)
        counts[own] = largest_remainder(flows[own], total)
    return counts


def _way(
    paths: PathSet,
    path: int,
    edges: Mapping[str, tuple[str, ...]],
    lots: Mapping[tuple[str, str], Lot],
) -> tuple[tuple[str, ...], str, str]:
    """Return edges, lot and station of a path."""
    station, at = int(paths.station[path]), ""
    name = paths.link_ids[station] if station >= 0 else ""
    lot_id, way = "", list[str]()
    for link, link_id in zip(paths.path_links(path), paths.path_link_ids(path), strict=True):
        if link == station:
            at = name
            continue
        if link_id not in edges:
            raise InputError(f"the SUMO network has no link {link_id!r}; build it from the roads of the scenario")
        own = edges[link_id]
        if at and lots:
            lot = lots.get((at, link_id))
            if lot is None:
                raise InputError(f"station {at!r} has no lot on link {link_id!r}; build the network with its stations")
            place = own.index(lot.bypass_edge)
            own, lot_id = (*own[:place], *lot.spur_edges, *own[place + 1 :]), lot.lot_id
        at = ""
        way += own
    return tuple(way), lot_id, name


def _check_route_ids(routes: Sequence[MicroRoute]) -> None:
    counted = Counter(route.route_id for route in routes)
    if twice := [name for name, count in counted.items() if count > 1]:
        raise InputError(f"two paths make the route id {twice[0]!r}; rename nodes or stations that hold '_'")
