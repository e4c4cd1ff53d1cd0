"""Where the nodes, links, buses and lines of a case lie."""

from __future__ import annotations

from cosim.results.places import Places, located
from cosim.scenario.case import SimulationCase


def places_of(case: SimulationCase) -> Places:
    """Return what a run's maps and exports need besides its tables; stations are links from a node to itself."""
    parts: dict[str, object] = {}
    if case.roads is not None:
        network = case.roads.network
        ends = zip(network.tail.tolist(), network.head.tolist(), strict=True)
        parts["nodes"] = located(network.node_ids, network.node_xy)
        parts["links"] = {
            name: (network.node_ids[tail], network.node_ids[head])
            for name, (tail, head) in zip(network.link_ids, ends, strict=True)
        }
    if case.dispatch is not None:
        feeder = case.dispatch.feeder
        ends = zip(feeder.parent.tolist(), feeder.child.tolist(), strict=True)
        parts["buses"] = located(feeder.bus_ids, feeder.layout)
        parts["lines"] = {
            name: (feeder.bus_ids[parent], feeder.bus_ids[child])
            for name, (parent, child) in zip(feeder.line_ids, ends, strict=True)
        }
        parts["slack"] = feeder.bus_ids[feeder.slack]
    return Places(**parts)  # type: ignore[arg-type]
