"""Networks and trips in the General Modeling Network Specification (GMNS): node.csv, link.csv, demand.csv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.errors import InputError, Problem
from cosim.tables import Table, did_you_mean
from cosim.traffic.demand import OdDemand
from cosim.traffic.formats.base import Format, Zones, folder_with
from cosim.traffic.formats.gmns_tables import (
    DEMAND_COLUMNS,
    column,
    read_demand,
    read_links,
    read_nodes,
    rows_for_cars,
    what_is_left_aside,
)
from cosim.traffic.formats.gmns_units import Units, units_of
from cosim.traffic.formats.matrix import at_nodes, demand_of
from cosim.traffic.law_groups import breaches
from cosim.traffic.laws.base import LinkParameters
from cosim.traffic.network import RoadNetwork
from cosim.units import h_to_min

ALPHA, BETA = 0.15, 4.0
CENTROID = "centroid"
MOST_PER_LANE_VPH = 3000.0
_MANY_TIMES = 20.0
_OF_LAW = MappingProxyType(
    {
        "capacity_vph": ("vdf_cap", "capacity"), "alpha": ("vdf_alpha",), "beta": ("vdf_beta",),
        "free_flow_min": ("vdf_fftt", "length"),
    }
)  # fmt: skip
_TOLLS = ("toll", "vdf_toll", "vdf_toll_auto")
_MUST_BE = MappingProxyType(
    {
        "vdf_phf": (1.0, -1.0, 0.0), "vdf_plf": (1.0, -1.0, 0.0), "vdf_peak_load_factor": (1.0, -1.0, 0.0),
        "vdf_preload": (0.0,),
    }
)  # fmt: skip
"""Columns that scale or add to flows, and the values at which they do not."""
_USED = ("vdf_fftt", "vdf_cap", "vdf_alpha", "vdf_beta", *_TOLLS, *_MUST_BE)


def read_gmns_network(
    folder: Path | str, *, toll_min: float = 0.0, capacity_per: Literal["lane", "link"] = "lane"
) -> RoadNetwork:
    """Read ``node.csv`` and ``link.csv``; all links follow the law ``bpr``.

    The free-flow time is ``vdf_fftt`` [min] where it is given, else ``length / free_speed`` in the units of
    ``config.csv``, or in those that the coordinates show. The capacity is ``vdf_cap`` [veh/h], else ``capacity``
    [veh/h per lane] times ``lanes`` (1 if not given); ``vdf_alpha`` and ``vdf_beta`` default to 0.15 and 4. The
    columns may be called ``VDF_alpha1`` and so on. An undirected link becomes two, the second named ``ID:reverse``.
    Links that ``allowed_uses`` closes to cars are left out. Nodes of ``node_type`` centroid are closed to through
    traffic.

    Parameters
    ----------
    folder
        Holds the tables.
    toll_min
        Generalised cost, min per unit of toll.
    capacity_per
        Whether ``capacity`` is that of a lane, as the format has it, or of the link.

    Raises
    ------
    InputError
        With file, line and field of every mistake.
    """
    folder = Path(folder)
    nodes, links, rows = _tables(folder)
    position = {node: number for number, node in enumerate(nodes.columns["node_id"])}
    tail, head = (
        np.array([position[links.columns[end][row]] for row in rows], dtype=np.intp)
        for end in ("from_node_id", "to_node_id")
    )
    xy = np.array([nodes.columns["x_coord"], nodes.columns["y_coord"]]).T
    units = _units(folder, links, rows, np.stack([xy[tail], xy[head]], axis=1))
    values = _parameters(links, rows, units.hours, capacity_per)
    if found := breaches(["bpr"] * len(rows), values):
        raise InputError(
            [links.problem(rows[row], _column(links, name), f"{name} {rule}") for row, name, rule in found]
        )
    toll = _toll(links, rows)
    ids = [links.columns["link_id"][row] for row in rows]
    back = np.flatnonzero([not links.columns["directed"][row] for row in rows])
    both = np.append(np.arange(len(rows)), back)
    return RoadNetwork(
        node_ids=tuple(nodes.columns["node_id"]),
        link_ids=(*ids, *(f"{ids[place]}:reverse" for place in back)),
        tail=np.append(tail, head[back]),
        head=np.append(head, tail[back]),
        free_flow_min=values.free_flow_min[both],
        capacity_vph=values.capacity_vph[both],
        alpha=values.settings["alpha"][both],
        beta=values.settings["beta"][both],
        fixed_min=toll_min * toll[both],
        is_centroid=np.array([kind == CENTROID for kind in column(nodes, "node_type")]),
        node_xy=xy,
        remarks=(
            *units.remarks,
            *_remarks(links, rows, toll if not toll_min else np.zeros(1), capacity_per),
            *what_is_left_aside(folder, links, _USED),
        ),
    )


def _tables(folder: Path) -> tuple[Table, Table, IntArray]:
    """Return nodes, links, and the rows of the links that are open to cars, all judged."""
    nodes, links = read_nodes(folder / "node.csv"), read_links(folder / "link.csv")
    if problems := nodes.duplicates("node_id") + links.duplicates("link_id") + list(_end_problems(nodes, links)):
        raise InputError(problems)
    rows = np.array(rows_for_cars(folder, links), dtype=np.intp)
    if not rows.size:
        raise InputError(Problem(file=links.file, reason="no link is open to cars", remedy="see allowed_uses"))
    if problems := list(_value_problems(links, rows)):
        raise InputError(problems)
    return nodes, links, rows


def read_gmns_trips(path: Path | str, nodes_csv: Path | str | None = None) -> OdDemand:
    """Read a demand table (o_zone_id, d_zone_id, volume) as one period of one class.

    A zone is the node with that ``zone_id``, of several the one of ``node_type`` centroid; in a table without the
    column it is the node itself. Trips within a zone and zeros are left out.

    Parameters
    ----------
    path
        The table.
    nodes_csv
        The node table; None takes ``node.csv`` beside it.

    Raises
    ------
    InputError
        With file, line and field of every mistake.
    """
    table = read_demand(path)
    zones = read_zones(nodes_csv or Path(path).parent / "node.csv")
    problems = table.duplicates("o_zone_id", "d_zone_id")
    for end in ("o_zone_id", "d_zone_id"):
        for row, zone in enumerate(table.columns[end]):
            if zone in zones.shared:
                problems.append(table.problem(row, end, f"zone {zone!r} has several nodes; give it one"))
            elif zone not in zones.node_of:
                problems.append(
                    table.problem(row, end, f"zone {zone!r} has no node", did_you_mean(zone, list(zones.node_of)))
                )
    problems += [
        table.problem(row, "volume", f"{volume:g} must be >= 0")
        for row, volume in enumerate(table.columns["volume"])
        if volume < 0
    ]
    if problems:
        raise InputError(problems)
    trips = zip(*(table.columns[name] for name in DEMAND_COLUMNS), strict=True)
    return at_nodes(demand_of({(o, d): volume for o, d, volume in trips}), zones, table.file)


def read_zones(nodes_csv: Path | str) -> Zones:
    """Return the node of every zone, and the zones that several nodes claim of which not one alone is a centroid."""
    nodes = read_nodes(nodes_csv)
    ids = nodes.columns["node_id"]
    claims: dict[str, list[tuple[str, bool]]] = {}
    for node, zone, kind in zip(ids, nodes.columns.get("zone_id", ids), column(nodes, "node_type"), strict=True):
        if zone is not None:
            claims.setdefault(zone, []).append((node, kind == CENTROID))
    node_of, shared = {}, set()
    for zone, claim in claims.items():
        centroids = [node for node, is_centroid in claim if is_centroid]
        if len(claim) > 1 and len(centroids) != 1:
            shared.add(zone)
        node_of[zone] = centroids[0] if len(centroids) == 1 else claim[0][0]
    return Zones(node_of=node_of, shared=frozenset(shared))


def _numbers(links: Table, rows: IntArray, name: str, default: float) -> Array:
    values = column(links, name)
    return np.array([default if values[row] is None else values[row] for row in rows], dtype=np.float64)


def _units(folder: Path, links: Table, rows: IntArray, ends_xy: Array) -> Units:
    """Return the units of length and speed, with a remark on times that stand beside them and do not fit."""
    length, speed = _numbers(links, rows, "length", 0.0), _numbers(links, rows, "free_speed", 0.0)
    time = _numbers(links, rows, "vdf_fftt", np.nan)
    units = units_of(folder, length, speed, ends_xy, np.isnan(time))
    known = (time > 0.0) & (length > 0.0) & (speed > 0.0)
    if not known.any():
        return units
    factor = float(np.median(time[known] * speed[known] / length[known])) / h_to_min(units.hours)
    if 1.0 / _MANY_TIMES < factor < _MANY_TIMES:
        return units
    remark = f"vdf_fftt is {factor:.3g} times length / free_speed in the median; is it in minutes?"
    return Units(units.hours, (*units.remarks, remark))


def _parameters(links: Table, rows: IntArray, hours: float, capacity_per: str) -> LinkParameters:
    time, speed = _numbers(links, rows, "vdf_fftt", np.nan), _numbers(links, rows, "free_speed", 1.0)
    run = _numbers(links, rows, "length", 0.0) / np.where(speed > 0, speed, 1.0)
    lanes = _numbers(links, rows, "lanes", 1.0) if capacity_per == "lane" else 1.0
    whole = _numbers(links, rows, "vdf_cap", np.nan)
    return LinkParameters(
        free_flow_min=np.where(np.isnan(time), h_to_min(1.0) * hours * run, time),
        capacity_vph=np.where(np.isnan(whole), _numbers(links, rows, "capacity", 0.0) * lanes, whole),
        settings={"alpha": _numbers(links, rows, "vdf_alpha", ALPHA), "beta": _numbers(links, rows, "vdf_beta", BETA)},
    )


def _toll(links: Table, rows: IntArray) -> Array:
    """Return the toll of each link; several columns of tolls must agree."""
    given = [_numbers(links, rows, name, 0.0) for name in _TOLLS if name in links.columns]
    tolls = [toll for toll in given if toll.any()]
    if any((toll != tolls[0]).any() for toll in tolls):
        names = ", ".join(name for name in _TOLLS if name in links.columns)
        raise InputError(Problem(links.file, 1, 0, "toll", f"columns {names} differ", "keep one"))
    return tolls[0] if tolls else np.zeros(len(rows))


def _remarks(links: Table, rows: IntArray, unused_toll: Array, capacity_per: str) -> Iterator[str]:
    if closed := len(links) - len(rows):
        yield f"{closed:,} links are closed to cars by allowed_uses and left out"
    if tolled := int(np.count_nonzero(unused_toll)):
        yield f"{tolled:,} links have a toll, which is not used; --toll-min gives the minutes per unit of toll"
    several = (_numbers(links, rows, "lanes", 1.0) > 1.0) & np.isnan(_numbers(links, rows, "vdf_cap", np.nan))
    if capacity_per == "lane" and several.any():
        typical = float(np.median(_numbers(links, rows, "capacity", 0.0)[several]))
        if typical > MOST_PER_LANE_VPH:
            yield (
                f"capacities of links with several lanes are {typical:g} veh/h per lane in the median, more than a "
                "lane carries; if they are those of the links, give --capacity-per link"
            )


def _column(links: Table, name: str) -> str:
    names = _OF_LAW[name]
    return next((one for one in names if one in links.columns), names[-1])


def _end_problems(nodes: Table, links: Table) -> Iterator[Problem]:
    known = set(nodes.columns["node_id"])
    for row, ends in enumerate(zip(links.columns["from_node_id"], links.columns["to_node_id"], strict=True)):
        for name, node in zip(("from_node_id", "to_node_id"), ends, strict=True):
            if node not in known:
                yield links.problem(
                    row, name, f"node {node!r} does not stand in node.csv", did_you_mean(node, list(known))
                )
        if ends[0] == ends[1]:
            yield links.problem(row, "to_node_id", f"the link leads from {ends[0]!r} to itself")


def _value_problems(links: Table, rows: Sequence[int] | IntArray) -> Iterator[Problem]:
    capacity, whole, time = (column(links, name) for name in ("capacity", "vdf_cap", "vdf_fftt"))
    length, speed, lanes = (column(links, name) for name in ("length", "free_speed", "lanes"))
    for row in rows:
        if capacity[row] is None and whole[row] is None:
            yield links.problem(row, "capacity", "the capacity is missing")
        if lanes[row] is not None and not (lanes[row] >= 1 and lanes[row] == int(lanes[row])):
            yield links.problem(row, "lanes", f"{lanes[row]:g} is not a whole number >= 1")
        for name, harmless in _MUST_BE.items():
            value = column(links, name)[row]
            if value is not None and value not in harmless:
                yield links.problem(row, name, f"{value:g} must be {harmless[0]:g}: its effect is not modelled")
        if time[row] is not None:
            continue
        if length[row] is None or speed[row] is None:
            yield links.problem(row, "length", "there is neither vdf_fftt nor both length and free_speed")
        elif speed[row] <= 0:
            yield links.problem(row, "free_speed", f"{speed[row]:g} must be > 0")


FORMAT = Format(
    name="GMNS",
    find=folder_with("node.csv", "link.csv"),
    network=read_gmns_network,
    usual_trips=lambda folder: folder / "demand.csv",
    zones=lambda folder: read_zones(folder / "node.csv"),
    owns_trips=lambda _, header: "o_zone_id" in header,
    trips=lambda path, network: read_gmns_trips(path, None if network is None else network / "node.csv"),
)
