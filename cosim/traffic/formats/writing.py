"""Roads, trips and flows of one period as other tools read them: TNTP and GMNS.

Only what the format can say is written: links of the law ``bpr``. Virtual links of stations are left out; trips of all
classes are added up.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.errors import InputError, Problem
from cosim.traffic.demand import OdDemand
from cosim.traffic.network import RoadNetwork

Files = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedRoads:
    """Roads with the trips of a period and what they came to.

    Attributes
    ----------
    network
        Roads; stations are left out.
    demand
        Trips of all periods.
    period
        The one that is written, from 0.
    flow_vph, time_min
        Of every link of the network, shape (L,); NaN where it is not known.
    """

    network: RoadNetwork
    demand: OdDemand
    period: int
    flow_vph: Array
    time_min: Array

    @property
    def roads(self) -> IntArray:
        """Positions of the links that are roads.

        Raises
        ------
        InputError
            If one has a law that neither format knows.
        """
        roads = np.flatnonzero(~self.network.is_station)
        others = sorted({str(self.network.law[k]) for k in roads if self.network.law[k] != "bpr"})
        if others:
            reason = f"links of the law {', '.join(others)}; the format knows the BPR function alone"
            raise InputError(Problem(field="law", reason=reason, remedy="export csv, which keeps every law's times"))
        return roads.astype(np.intp)

    @property
    def trips_vph(self) -> Array:
        """Trips of all classes by pair, shape (W,)."""
        return np.asarray(self.demand.trips_vph[self.period].sum(axis=0), dtype=np.float64)


def tntp_files(loaded: LoadedRoads) -> Files:
    """Return ``net.tntp``, ``trips.tntp``, ``flow.tntp`` and ``nodes.csv``, which keeps the names.

    TNTP numbers its nodes from 1, zones first; those that are closed to through traffic come before all others.
    """
    network, roads = loaded.network, loaded.roads
    zones = set(loaded.demand.origins) | set(loaded.demand.destinations)
    closed = dict(zip(network.node_ids, network.is_centroid.tolist(), strict=True))
    order = sorted(network.node_ids, key=lambda node: (not closed[node], node not in zones))  # stable
    number = {node: k + 1 for k, node in enumerate(order)}
    last_zone = max((number[node] for node in zones), default=0)
    first_through = sum(closed.values()) + 1
    ends = [(number[network.node_ids[network.tail[k]]], number[network.node_ids[network.head[k]]]) for k in roads]
    header = (
        f"<NUMBER OF ZONES> {last_zone}\n<NUMBER OF NODES> {len(order)}\n<FIRST THRU NODE> {first_through}\n"
        f"<NUMBER OF LINKS> {len(roads)}\n<END OF METADATA>\n\n"
    )
    columns = "~\tinit_node\tterm_node\tcapacity\tlength\tfree_flow_time\tb\tpower\tspeed\ttoll\tlink_type\t;\n"
    rows = [
        f"\t{a}\t{b}\t{network.capacity_vph[k]!s}\t0\t{network.free_flow_min[k]!s}\t{network.alpha[k]!s}"
        f"\t{network.beta[k]!s}\t0\t{network.fixed_min[k]!s}\t1\t;\n"
        for k, (a, b) in zip(roads.tolist(), ends, strict=True)
    ]
    flows = [
        f"{a}\t{b}\t{loaded.flow_vph[k]!s}\t{loaded.time_min[k]!s}\n"
        for k, (a, b) in zip(roads.tolist(), ends, strict=True)
    ]
    xy = dict(zip(network.node_ids, network.node_xy.tolist(), strict=True))
    nodes: dict[str, Sequence[object]] = {"number": list(range(1, len(order) + 1)), "node": order}
    nodes |= {"x": [xy[node][0] for node in order], "y": [xy[node][1] for node in order]}
    return {
        "net.tntp": header + columns + "".join(rows),
        "trips.tntp": _tntp_trips(loaded, number, last_zone),
        "flow.tntp": "From\tTo\tVolume\tCost\n" + "".join(flows),
        "nodes.csv": _csv(nodes),
    }


def _tntp_trips(loaded: LoadedRoads, number: Mapping[str, int], zones: int) -> str:
    rows: dict[int, list[str]] = {}
    for origin, destination, trips in zip(
        loaded.demand.origins, loaded.demand.destinations, loaded.trips_vph.tolist(), strict=True
    ):
        rows.setdefault(number[origin], []).append(f"{number[destination]} : {trips!r};")
    total = float(loaded.trips_vph.sum())
    head = f"<NUMBER OF ZONES> {zones}\n<TOTAL OD FLOW> {total!r}\n<END OF METADATA>\n\n"
    return head + "".join(f"Origin {origin}\n{' '.join(rows[origin])}\n\n" for origin in sorted(rows))


def gmns_files(loaded: LoadedRoads) -> Files:
    """Return ``node.csv``, ``link.csv``, ``demand.csv`` and ``link_performance.csv``.

    Times and capacities stand in the columns ``vdf_*`` of the dialects that have a volume-delay function; lengths are
    not known and left out.
    """
    network, roads = loaded.network, loaded.roads
    zones = set(loaded.demand.origins) | set(loaded.demand.destinations)
    names = [network.node_ids[k] for k in range(len(network.node_ids))]
    ids = [network.link_ids[k] for k in roads]
    tail, head = ([names[k] for k in part[roads]] for part in (network.tail, network.head))

    def of(values: Array) -> list[float]:
        return [float(value) for value in values[roads]]

    nodes = {
        "node_id": names, "x_coord": network.node_xy[:, 0].tolist(), "y_coord": network.node_xy[:, 1].tolist(),
        "node_type": ["centroid" if closed else "" for closed in network.is_centroid.tolist()],
        "zone_id": [name if name in zones else "" for name in names],
    }  # fmt: skip
    links = {
        "link_id": ids, "from_node_id": tail, "to_node_id": head, "directed": [1] * len(ids), "lanes": [1] * len(ids),
        "capacity": of(network.capacity_vph), "vdf_fftt": of(network.free_flow_min),
        "vdf_cap": of(network.capacity_vph), "vdf_alpha": of(network.alpha), "vdf_beta": of(network.beta),
        "toll": of(network.fixed_min),
    }  # fmt: skip
    demand = {
        "o_zone_id": list(loaded.demand.origins), "d_zone_id": list(loaded.demand.destinations),
        "volume": loaded.trips_vph.tolist(),
    }  # fmt: skip
    result = {
        "link_id": ids, "from_node_id": tail, "to_node_id": head, "volume": of(loaded.flow_vph),
        "travel_time": of(loaded.time_min),
    }  # fmt: skip
    tables = {"node.csv": nodes, "link.csv": links, "demand.csv": demand, "link_performance.csv": result}
    return {name: _csv(columns) for name, columns in tables.items()}


def _csv(columns: Mapping[str, Sequence[object]]) -> str:
    """Return a table as it is read again, names untouched."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


WRITERS: Mapping[str, Callable[[LoadedRoads], Files]] = {"tntp": tntp_files, "gmns": gmns_files}
