"""Figures 1, 2 and 4: how the parts fit together, from the model itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from cosim.dispatch.devices.demand_response import DemandResponseSettings
from cosim.dispatch.devices.photovoltaic import PhotovoltaicSettings
from cosim.dispatch.devices.storage import StorageSettings
from cosim.dispatch.devices.wind import WindSettings
from cosim.reports import style
from cosim.reports.paper.charts import Chart, Diagram, Edge, Node
from cosim.reports.paper.claims import Check, PaperFigure, equals
from cosim.reports.paper.day import PaperDay
from cosim.reports.paper.material import Material

PLACES = {
    "Traffic": (0.0, 1.0), "Dispatch": (1.6, 1.0), "Grid": (3.2, 1.0), "Recorder": (1.6, 0.0), "Profiles": (0.0, 2.0),
    "Sumo": (0.0, 0.0), "Measured": (3.2, 0.0),
}  # fmt: skip
"""Where the simulators stand; one that is not named here stands below."""
ROAD, BUS, STATION = style.SERIES[0], style.SERIES[4], style.SERIES[1]
NODES_OF_THE_PAPER: tuple[tuple[str, type, tuple[str, ...]], ...] = (
    ("storage", StorageSettings, ("18",)),
    ("photovoltaics", PhotovoltaicSettings, ("28",)),
    ("wind", WindSettings, ("14",)),
    ("demand response", DemandResponseSettings, ("7", "8", "24", "25")),
)
STATION_NODES = ("16", "20", "32")


def draw_architecture(material: Material) -> Chart:
    """Draw the simulators and what flows between them; dashed is what flows back within a period."""
    names = dict.fromkeys(name for wire in material.wires for name in (wire.source, wire.target))
    nodes = []
    for k, name in enumerate(names):
        x, y = PLACES.get(name, (0.8 * k, -1.0))
        nodes.append(Node(name=name, x=x, y=y, label=name, colour=ROAD, square=True))
    joined: dict[tuple[str, str, bool], list[str]] = {}
    for wire in material.wires:
        joined.setdefault((wire.source, wire.target, wire.weak), []).extend(wire.attrs)
    edges = [
        Edge(
            start=a, end=b, label=", ".join(dict.fromkeys(attrs)), dashed=weak, colour=STATION if weak else style.MUTED
        )
        for (a, b, weak), attrs in joined.items()
    ]
    return Chart(parts=(Diagram(nodes=tuple(nodes), edges=tuple(edges)),))


def draw_load_calculation(material: Material) -> Chart:
    """Draw the way from trips to the load of a bus, with the day's own totals on it."""
    day = material.day
    trips = float(day.roads.demand.trips_vph.sum()) * day.period_h
    visits = float(day.roads.charging_vph.sum()) * day.period_h
    load = day.matrix("stations", "station", "p_demand_mw")
    stations = " | ".join(f"{name}: {values.sum() * day.period_h:.2f} MWh" for name, values in load.items())
    steps = (
        f"Trips between origins and destinations<br>{trips:,.0f} vehicles a day",
        f"Eq 2: those that want to charge<br>{visits:,.0f} vehicles",
        "Eqs 3-8: stochastic user equilibrium,<br>stations as virtual links",
        f"Eq 9: energy of a visit times vehicles<br>{day.roads.energy_kwh:g} kWh each",
        f"Eq 10: load of the stations' buses<br>{stations}",
        f"Eq 22: price bands of the equivalent load<br>{np.unique(day.series('tariff_per_mwh')).size} prices",
        "Eqs 12-21: dispatch of the feeder",
    )
    nodes = [
        Node(name=str(k), x=0.0, y=float(-k), label=text, colour=ROAD if k < 3 else STATION, square=True)  # noqa: PLR2004
        for k, text in enumerate(steps)
    ]
    edges = [Edge(start=a.name, end=b.name) for a, b in pairwise(nodes)]
    return Chart(parts=(Diagram(nodes=tuple(nodes), edges=tuple(edges)),))


def draw_topology(material: Material) -> Chart:
    """Draw roads and feeder with the stations that join them (dashed), and the devices on their nodes."""
    day = material.day
    network, feeder = day.roads.streets, day.dispatch.feeder
    stations = {station.node: station for station in day.roads.stations}
    road_nodes = [
        Node(
            name=f"road {name}", x=float(x), y=float(y) + 4.0, label=name, colour=STATION if name in stations else ROAD
        )
        for name, (x, y) in zip(network.node_ids, network.node_xy, strict=True)
    ]
    road_edges = [
        Edge(start=f"road {network.node_ids[a]}", end=f"road {network.node_ids[b]}", colour=ROAD)
        for a, b in zip(network.tail, network.head, strict=True)
    ]
    labels = {bus: bus for bus in feeder.bus_ids}
    for one in day.dispatch.devices:
        if getattr(one, "bus", None) in labels:
            labels[one.bus] += f"<br>{one.name}"
    scale = np.ptp(network.node_xy[:, 0]) / max(float(np.ptp(feeder.layout[:, 0])), 1.0)
    at_station = {station.bus for station in stations.values()}
    bus_nodes = [
        Node(
            name=f"bus {bus}", x=float(x * scale), y=float(y * 0.6), label=labels[bus],
            colour=STATION if bus in at_station else BUS, square=True,
        )
        for bus, (x, y) in zip(feeder.bus_ids, feeder.layout, strict=True)
    ]  # fmt: skip
    lines = [
        Edge(start=f"bus {feeder.bus_ids[a]}", end=f"bus {feeder.bus_ids[b]}", colour=BUS, arrow=False)
        for a, b in zip(feeder.parent, feeder.child, strict=True)
    ]
    pairs = [
        Edge(start=f"road {node}", end=f"bus {station.bus}", colour=STATION, dashed=True, arrow=False)
        for node, station in stations.items()
    ]
    return Chart(parts=(Diagram(nodes=(*road_nodes, *bus_nodes), edges=(*road_edges, *lines, *pairs)),))


def judge_topology(day: PaperDay) -> Sequence[Check]:
    """Return that sizes are the paper's and that everything stands on the node that it names."""
    network, feeder = day.roads.streets, day.dispatch.feeder
    wrong = 0
    for _, settings, buses in NODES_OF_THE_PAPER:
        found = tuple(str(one.bus) for one in day.settings(settings))
        wrong += found != buses
    return (
        equals("nodes of the feeder", feeder.n_buses, 33),
        equals("roads", len(network.link_ids), 19),
        equals("kinds of device elsewhere than in the paper", wrong, 0),
        equals("stations on feeder nodes other than 16, 20, 32", _misplaced(day), 0),
    )


def _misplaced(day: PaperDay) -> int:
    return len({station.bus for station in day.roads.stations} ^ set(STATION_NODES))


ARCHITECTURE = PaperFigure(
    number=1, title="Architecture", says="", promised="drawn", draw=draw_architecture,
    open_points=("coupling.mode", "coupling.ev_price"),
)  # fmt: skip
LOAD_CALCULATION = PaperFigure(
    number=2, title="From traffic to charging load", says="", promised="drawn", draw=draw_load_calculation,
    open_points=("ev",),
)  # fmt: skip
TOPOLOGY = PaperFigure(
    number=4,
    title="Coupled topology",
    says=(
        "The Nguyen network and the IEEE 33-node feeder; storage at node 18, photovoltaics 28, wind 14, demand "
        "response at 7, 8, 24, 25, stations at 16, 20, 32."
    ),
    promised="holds",
    draw=draw_topology,
    judge=judge_topology,
    open_points=("stations", "devices.gt.bus"),
)
