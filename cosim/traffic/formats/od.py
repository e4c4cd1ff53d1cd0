"""Read OD pairs and prior knowledge of their trips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cosim.errors import InputError, Problem
from cosim.tables import did_you_mean, read_table
from cosim.traffic.network import RoadNetwork
from cosim.traffic.od_problem import OdPrior

Pairs = tuple[tuple[str, str], ...]
PAIR_COLUMNS: dict[str, type] = {"origin": str, "destination": str}
TRIP_COLUMNS: dict[str, type] = {"*_vph": float, "*_percent": float}
"""Other columns of a pairs file are allowed and not used, so that an estimate or a demand can be one."""


def read_od_pairs(path: Path | str, network: RoadNetwork) -> Pairs:
    """Return the (origin, destination) pairs of a CSV file; columns of trips are not looked at.

    Raises
    ------
    InputError
        With file, line and field of every unknown node, repeated pair, or pair that leads to itself.
    """
    table = read_table(path, PAIR_COLUMNS, TRIP_COLUMNS)
    problems = table.duplicates(*PAIR_COLUMNS)
    for name in PAIR_COLUMNS:
        for row, node in enumerate(table.columns[name]):
            if node not in network.node_ids:
                reason = f"node {node!r} is not in the road network"
                problems.append(table.problem(row, name, reason, did_you_mean(node, network.node_ids)))
    pairs = tuple(zip(*(table.columns[name] for name in PAIR_COLUMNS), strict=True))
    problems += [
        table.problem(row, "destination", f"{destination!r} is also the origin")
        for row, (origin, destination) in enumerate(pairs)
        if origin == destination
    ]
    if not pairs:
        problems.append(Problem(file=table.file, reason="there is no OD pair", remedy="add a row per pair"))
    if problems:
        raise InputError(problems)
    return pairs


def read_prior(path: Path | str, od_pairs: Sequence[tuple[str, str]]) -> OdPrior:
    """Return the prior of a CSV file with origin, destination, trips_vph, sd_vph; pairs may be missing.

    Raises
    ------
    InputError
        With file, line and field of every pair that is not estimated, and value out of range.
    """
    table = read_table(path, PAIR_COLUMNS | {"trips_vph": float, "sd_vph": float})
    position = {pair: number for number, pair in enumerate(od_pairs)}
    problems = table.duplicates(*PAIR_COLUMNS)
    trips, spread = np.zeros(len(position)), np.full(len(position), np.inf)
    columns = (table.columns[name] for name in (*PAIR_COLUMNS, "trips_vph", "sd_vph"))
    for row, (origin, destination, mean, sd) in enumerate(zip(*columns, strict=True)):
        if (origin, destination) not in position:
            known = ", ".join(f"{o} -> {d}" for o, d in position)
            problems.append(table.problem(row, "origin", f"{origin!r} -> {destination!r} is not estimated", known))
            continue
        if mean < 0:
            problems.append(table.problem(row, "trips_vph", f"{mean:g} must be >= 0"))
        if not sd > 0:
            problems.append(table.problem(row, "sd_vph", f"{sd:g} must be > 0"))
        trips[position[origin, destination]] = mean
        spread[position[origin, destination]] = sd
    if problems:
        raise InputError(problems)
    return OdPrior(trips_vph=trips, sd_vph=spread)
