"""Read a road network from ``nodes.csv`` and ``links.csv``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosim.errors import InputError, Problem
from cosim.tables import Table, did_you_mean, scan_table
from cosim.traffic.formats.base import Format, folder_with
from cosim.traffic.law_groups import breaches
from cosim.traffic.laws import LAWS
from cosim.traffic.laws.base import LinkParameters
from cosim.traffic.network import RoadNetwork

NODE_COLUMNS: dict[str, type] = {"id": str, "x": float, "y": float}
OTHER_NODE_COLUMNS: dict[str, type] = {"zone": int, "junction": str}
LINK_COLUMNS: dict[str, type] = {
    "id": str,
    "from_node": str,
    "to_node": str,
    "free_flow_min": float,
    "capacity_vph": float,
    "alpha": float,
    "beta": float,
}
OTHER_LINK_COLUMNS: dict[str, type] = {
    "capacity_*_vph": float,
    "length_km": float,
    "lanes": int,
    "speed_kmh": float,
    "law": str,
    "edge": str,
}
ROAD_LAW = "bpr"
"""The law of a road that names none."""


def optional_link_columns() -> dict[str, type]:
    """Return the columns that ``links.csv`` may have: ours, and the settings of every law."""
    settings = dict.fromkeys((name for law in LAWS.values() for name in law.defaults()), float)
    return OTHER_LINK_COLUMNS | {name: kind for name, kind in settings.items() if name not in LINK_COLUMNS}


def read_road_network(folder: Path | str, capacity_column: str = "capacity_vph") -> RoadNetwork:
    """Read the network of a folder; a link follows the law ``bpr``, or that of its column ``law``.

    Parameters
    ----------
    folder
        Holds ``nodes.csv`` (id, x, y; optional zone, junction) and ``links.csv`` (id, from_node, to_node,
        free_flow_min, capacity_vph, alpha, beta; optional capacity_*_vph, length_km, lanes, speed_kmh, law, edge, and
        further settings of laws).
    capacity_column
        Which column of ``links.csv`` holds the capacities.

    Raises
    ------
    InputError
        With file, line and field of every mistake.
    """
    nodes, links = _tables(Path(folder), capacity_column)
    position = {node: number for number, node in enumerate(nodes.columns["id"])}
    values = _parameters(links, capacity_column)
    return RoadNetwork(
        node_ids=tuple(nodes.columns["id"]),
        link_ids=tuple(links.columns["id"]),
        tail=np.array([position[node] for node in links.columns["from_node"]]),
        head=np.array([position[node] for node in links.columns["to_node"]]),
        free_flow_min=values.free_flow_min,
        capacity_vph=values.capacity_vph,
        law=tuple(_laws(links)),
        alpha=values.settings["alpha"],
        beta=values.settings["beta"],
        settings={name: own for name, own in values.settings.items() if name not in LINK_COLUMNS},
        is_centroid=np.array([zone == 1 for zone in nodes.columns.get("zone", [None] * len(nodes))]),
        junction=tuple(name or "" for name in nodes.columns.get("junction", ())),
        edge=tuple(name or "" for name in links.columns.get("edge", ())),
        node_xy=np.array([nodes.columns["x"], nodes.columns["y"]]).T,
    )


def _tables(folder: Path, capacity_column: str) -> tuple[Table, Table]:
    """Return nodes and links; every mistake of both files is raised at once."""
    nodes, node_problems = scan_table(folder / "nodes.csv", NODE_COLUMNS, OTHER_NODE_COLUMNS)
    links, link_problems = scan_table(folder / "links.csv", LINK_COLUMNS, optional_link_columns())
    problems = [*node_problems, *link_problems]
    for table, found in ((nodes, node_problems), (links, link_problems)):
        if table is not None:
            problems += table.duplicates("id") + table.tiny()
            if not len(table) and not found:
                problems.append(Problem(file=table.file, reason="the table has no rows"))
    if nodes is not None:
        problems += [
            nodes.problem(row, "zone", f"{zone} must be 0 or 1 (closed to through traffic)")
            for row, zone in enumerate(nodes.columns.get("zone", ()))
            if zone not in (None, 0, 1)
        ]
    if links is not None:
        problems += _self_loops(links) + _value_problems(links, capacity_column)
        if nodes is not None and not node_problems:  # a node of a wrong row is not unknown
            problems += _end_problems(nodes, links)
    if nodes is None or links is None or problems:
        raise InputError(problems)
    return nodes, links


def _parameters(links: Table, capacity_column: str) -> LinkParameters:
    laws, columns = _laws(links), links.columns
    settings = {"alpha": columns["alpha"], "beta": columns["beta"]}
    for name in optional_link_columns().keys() - OTHER_LINK_COLUMNS.keys() & columns.keys():
        own = [LAWS[law].defaults().get(name) if law in LAWS else None for law in laws]
        settings[name] = [
            default if value is None else value for value, default in zip(columns[name], own, strict=True)
        ]
    return LinkParameters(
        free_flow_min=np.array(columns["free_flow_min"], dtype=np.float64),
        capacity_vph=np.array(columns[capacity_column], dtype=np.float64),
        settings={name: np.array(values, dtype=np.float64) for name, values in settings.items()},
    )


def _laws(links: Table) -> list[str]:
    return [law or ROAD_LAW for law in links.columns.get("law", [None] * len(links))]


def _end_problems(nodes: Table, links: Table) -> list[Problem]:
    known = nodes.columns["id"]
    return [
        links.problem(row, end, f"node {node!r} does not stand in nodes.csv", did_you_mean(node, known))
        for end in ("from_node", "to_node")
        for row, node in enumerate(links.columns[end])
        if node not in known
    ]


def _self_loops(links: Table) -> list[Problem]:
    ends = zip(links.columns["from_node"], links.columns["to_node"], strict=True)
    return [
        links.problem(row, "to_node", f"the link leads from {tail!r} to itself", "remove it")
        for row, (tail, head) in enumerate(ends)
        if tail == head
    ]


def _value_problems(links: Table, capacity_column: str) -> list[Problem]:
    capacities = [name for name in links.columns if name.startswith("capacity_")]
    if capacity_column not in capacities:
        hint = did_you_mean(capacity_column, capacities)
        return [Problem(links.file, 1, 0, capacity_column, "there is no such capacity column", hint)]
    column = {"capacity_vph": capacity_column}
    empty = [
        links.problem(row, capacity_column, "the capacity is empty")
        for row, value in enumerate(links.columns[capacity_column])
        if value is None
    ]
    if empty:
        return empty
    laws = _laws(links)
    if unknown := [
        links.problem(row, "law", f"{law!r} is no law", did_you_mean(law, list(LAWS)))
        for row, law in enumerate(laws)
        if law not in LAWS
    ]:
        return unknown
    return [
        links.problem(row, column.get(name, name), f"{name} {rule}")
        for row, name, rule in breaches(laws, _parameters(links, capacity_column))
    ]


FORMAT = Format(
    name="cosim CSV",
    find=folder_with("nodes.csv", "links.csv"),
    network=read_road_network,
    usual_trips=lambda folder: folder / "trips.csv",
)
