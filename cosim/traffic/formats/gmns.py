"""Networks and trips in the General Modeling Network Specification (GMNS): node.csv, link.csv, demand.csv."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cosim.errors import InputError, Problem
from cosim.tables import Table, did_you_mean, read_table
from cosim.traffic.demand import OdDemand
from cosim.traffic.network import RoadNetwork
from cosim.traffic.performance import FloatArray, LinkParameters, breaches
from cosim.units import h_to_min

NODE_COLUMNS: dict[str, type] = {"node_id": str, "x_coord": float, "y_coord": float}
LINK_COLUMNS: dict[str, type] = {"link_id": str, "from_node_id": str, "to_node_id": str, "directed": bool}
LINK_NUMBERS: dict[str, type] = {
    "length": float,
    "free_speed": float,
    "capacity": float,
    "lanes": int,
    "vdf_fftt": float,
    "vdf_alpha": float,
    "vdf_beta": float,
}
DEMAND_COLUMNS: dict[str, type] = {"o_zone_id": str, "d_zone_id": str, "volume": float}
OTHERS: dict[str, type] = {"*": str}
ALPHA, BETA = 0.15, 4.0
CENTROID = "centroid"
KM = {"km": 1.0, "kilometer": 1.0, "kilometers": 1.0, "m": 1e-3, "meter": 1e-3, "meters": 1e-3}
KM |= dict.fromkeys(("mile", "miles", "mi"), 1.609344)
KMH = {"kmh": 1.0, "km/h": 1.0, "kph": 1.0, "mph": 1.609344}


def read_gmns_network(folder: Path | str) -> RoadNetwork:
    """Read ``node.csv`` and ``link.csv`` (``config.csv`` for the units); all links follow the law ``bpr``.

    The free-flow time is ``vdf_fftt`` [min] where it is given, else ``length / free_speed``; the
    capacity is ``capacity`` [veh/h per lane] times ``lanes`` (1 if not given); ``vdf_alpha`` and
    ``vdf_beta`` default to 0.15 and 4. An undirected link becomes two, the second named ``ID:reverse``.
    Nodes of ``node_type`` centroid are closed to through traffic. Without ``config.csv`` length and
    speed are taken to fit together (miles and mph, km and km/h). Tolls are not read.

    Raises
    ------
    InputError
        With file, line and field of every mistake.
    """
    folder = Path(folder)
    nodes = read_table(folder / "node.csv", NODE_COLUMNS, OTHERS)
    links = read_table(folder / "link.csv", LINK_COLUMNS, LINK_NUMBERS | OTHERS)
    problems = nodes.duplicates("node_id") + links.duplicates("link_id") + list(_end_problems(nodes, links))
    problems += list(_value_problems(links))
    if problems:
        raise InputError(problems)
    values = _parameters(links, _hours_per_unit(folder))
    if found := breaches(["bpr"] * len(links), values):
        raise InputError([links.problem(row, _column(links, name), f"{name} {rule}") for row, name, rule in found])
    back = np.array([row for row, directed in enumerate(links.columns["directed"]) if not directed], dtype=np.intp)
    rows = np.append(np.arange(len(links)), back)
    position = {node: number for number, node in enumerate(nodes.columns["node_id"])}
    tail = np.array([position[node] for node in links.columns["from_node_id"]], dtype=np.intp)
    head = np.array([position[node] for node in links.columns["to_node_id"]], dtype=np.intp)
    ids = links.columns["link_id"]
    kinds = nodes.columns.get("node_type", [""] * len(nodes))
    return RoadNetwork(
        node_ids=tuple(nodes.columns["node_id"]),
        link_ids=(*ids, *(f"{ids[row]}:reverse" for row in back)),
        tail=np.append(tail, head[back]),
        head=np.append(head, tail[back]),
        free_flow_min=values.free_flow_min[rows],
        capacity_vph=values.capacity_vph[rows],
        alpha=values.alpha[rows],
        beta=values.beta[rows],
        is_centroid=np.array([kind == CENTROID for kind in kinds]),
        node_xy=np.array([nodes.columns["x_coord"], nodes.columns["y_coord"]]).T,
    )


def read_gmns_trips(path: Path | str, nodes_csv: Path | str | None = None) -> OdDemand:
    """Read a demand table (o_zone_id, d_zone_id, volume) as one period of one class.

    A zone is the node with that ``zone_id``; in a table without the column it is the node itself. Trips
    within a zone and zeros are left out.

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
    table = read_table(path, DEMAND_COLUMNS, OTHERS)
    node_of, shared = _zones(read_table(nodes_csv or Path(path).parent / "node.csv", NODE_COLUMNS, OTHERS))
    problems = table.duplicates("o_zone_id", "d_zone_id")
    for end in ("o_zone_id", "d_zone_id"):
        for row, zone in enumerate(table.columns[end]):
            if zone in shared:
                problems.append(table.problem(row, end, f"zone {zone!r} has several nodes; give it one"))
            elif zone not in node_of:
                problems.append(
                    table.problem(row, end, f"zone {zone!r} has no node", did_you_mean(zone, list(node_of)))
                )
    problems += [
        table.problem(row, "volume", f"{volume:g} must be >= 0")
        for row, volume in enumerate(table.columns["volume"])
        if volume < 0
    ]
    if problems:
        raise InputError(problems)
    rows = zip(*(table.columns[name] for name in DEMAND_COLUMNS), strict=True)
    kept = [(node_of[o], node_of[d], volume) for o, d, volume in rows if volume > 0 and o != d]
    return OdDemand(
        origins=tuple(origin for origin, _, _ in kept),
        destinations=tuple(destination for _, destination, _ in kept),
        classes=("all",),
        trips_vph=np.array([volume for _, _, volume in kept], dtype=np.float64).reshape(1, 1, len(kept)),
    )


def _zones(nodes: Table) -> tuple[dict[str, str], set[str]]:
    """Return the node of every zone, and the zones that several nodes claim."""
    ids = nodes.columns["node_id"]
    node_of: dict[str, str] = {}
    shared = set()
    for node, zone in zip(ids, nodes.columns.get("zone_id", ids), strict=True):
        if zone in node_of:
            shared.add(zone)
        elif zone is not None:
            node_of[zone] = node
    return node_of, shared


def _hours_per_unit(folder: Path) -> float:
    """Return the hours that one unit of length takes at one unit of speed."""
    path = folder / "config.csv"
    if not path.exists():
        return 1.0
    config = read_table(path, {}, OTHERS)
    factors, problems = [1.0, 1.0], []
    for number, (name, known) in enumerate((("long_length", KM), ("speed", KMH))):
        unit = (config.columns.get(name) or [None])[0]
        if unit is None:
            return 1.0
        if unit.lower() in known:
            factors[number] = known[unit.lower()]
        else:
            problems.append(config.problem(0, name, f"unit {unit!r} is unknown", f"known: {', '.join(known)}"))
    if problems:
        raise InputError(problems)
    return factors[0] / factors[1]


def _numbers(links: Table, name: str, default: float) -> FloatArray:
    values = links.columns.get(name, [None] * len(links))
    return np.array([default if value is None else value for value in values], dtype=np.float64)


def _parameters(links: Table, hours: float) -> LinkParameters:
    time, speed = _numbers(links, "vdf_fftt", np.nan), _numbers(links, "free_speed", 1.0)
    run = _numbers(links, "length", 0.0) / np.where(speed > 0, speed, 1.0)
    unused = np.zeros(len(links))
    return LinkParameters(
        free_flow_min=np.where(np.isnan(time), h_to_min(1.0) * hours * run, time),
        capacity_vph=_numbers(links, "capacity", 0.0) * _numbers(links, "lanes", 1.0),
        alpha=_numbers(links, "vdf_alpha", ALPHA),
        beta=_numbers(links, "vdf_beta", BETA),
        davidson_j=unused,
        knee=unused,
        servers=unused,
    )


def _column(links: Table, name: str) -> str:
    names = {"capacity_vph": "capacity", "alpha": "vdf_alpha", "beta": "vdf_beta", "free_flow_min": "vdf_fftt"}
    column = names[name]
    return column if column in links.columns else "length"


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


def _value_problems(links: Table) -> Iterator[Problem]:
    empty = [None] * len(links)
    column = {name: links.columns.get(name, empty) for name in LINK_NUMBERS}
    for row in range(len(links)):
        if column["capacity"][row] is None:
            yield links.problem(row, "capacity", "the capacity is missing")
        if column["vdf_fftt"][row] is not None:
            continue
        if column["length"][row] is None or column["free_speed"][row] is None:
            yield links.problem(row, "length", "there is neither vdf_fftt nor both length and free_speed")
        elif column["free_speed"][row] <= 0:
            yield links.problem(row, "free_speed", f"{column['free_speed'][row]:g} must be > 0")
