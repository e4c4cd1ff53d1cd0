"""What a day answers, as one vector: link flows, station loads, times, cost, import, voltage, losses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.scenario.case import SimulationCase
from cosim.workflows.day import Day, GridDay, RoadDay

LINK_FLOW, STATION_ENERGY, COST = "link_flow", "station_energy", "cost"
ROAD_ANSWERS = (LINK_FLOW, STATION_ENERGY, "charging_energy", "travel_time", "wait")
GRID_ANSWERS = (COST, "import", "peak_import", "min_voltage", "losses", "unserved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One number of a day: its name, where it stands (link, station, bus and period; empty for a total), its unit."""

    name: str
    place: str
    unit: str


def answers(case: SimulationCase, day: Day, chosen: BoolArray) -> tuple[tuple[Answer, ...], Array]:
    """Return the answers of the chosen periods and their K values, shape (K,).

    ``link_flow`` in vehicles and ``station_energy``, ``charging_energy``, ``import``, ``losses``, ``unserved`` in MWh
    are sums over the periods; ``travel_time`` is the mean time on the road per trip, ``wait`` the mean time per
    charging visit beyond access and service, min; ``peak_import`` [MW] and ``min_voltage`` [pu] are extremes.

    Parameters
    ----------
    case, day
        What was asked, and how it came out, without problems.
    chosen
        Which of the T periods count, shape (T,).
    """
    hours = case.timeline.period_h
    pairs = [] if day.roads is None else list(_on_roads(case, day.roads, chosen, hours))
    pairs += list(_at_stations(case, day, chosen, hours))
    if day.roads is not None and day.roads.charging_vph.size:
        visits = day.roads.charging_vph[chosen]
        waited = float((visits * day.roads.wait_min[chosen]).sum())
        pairs.append((Answer(name="wait", place="", unit="min"), _mean(waited, float(visits.sum()))))
    if day.grid is not None:
        pairs += list(_in_grid(case, day.grid, chosen, hours))
    return tuple(answer for answer, _ in pairs), np.array([value for _, value in pairs])


def _on_roads(case: SimulationCase, roads: RoadDay, chosen: BoolArray, hours: float) -> Iterator[tuple[Answer, float]]:
    network = None if case.roads is None else case.roads.network
    if network is None:
        return
    names = [name for name, station in zip(network.link_ids, network.is_station, strict=True) if not station]
    flow = roads.flow_vph[chosen]
    for name, value in zip(names, hours * flow.sum(axis=0), strict=True):
        yield Answer(name=LINK_FLOW, place=name, unit="veh"), float(value)
    spent = float((flow * roads.time_min[chosen]).sum())
    yield Answer(name="travel_time", place="", unit="min"), _mean(spent, float(roads.trips_vph[chosen].sum()))


def _at_stations(case: SimulationCase, day: Day, chosen: BoolArray, hours: float) -> Iterator[tuple[Answer, float]]:
    energy = hours * day.load_mw[:, chosen].sum(axis=1)
    if not energy.size:
        return
    names = case.dispatch.station_names if case.dispatch is not None else ()
    if case.roads is not None:
        names = case.roads.network.station_ids
    for name, value in zip(names, energy, strict=True):
        yield Answer(name=STATION_ENERGY, place=name, unit="MWh"), float(value)
    yield Answer(name="charging_energy", place="", unit="MWh"), float(energy.sum())


def _in_grid(case: SimulationCase, grid: GridDay, chosen: BoolArray, hours: float) -> Iterator[tuple[Answer, float]]:
    number = np.flatnonzero(chosen) + 1
    peak = int(np.argmax(grid.import_mw[chosen]))
    bus, period = np.unravel_index(np.argmin(grid.vm_pu[:, chosen]), grid.vm_pu[:, chosen].shape)
    name = case.dispatch.feeder.bus_ids[int(bus)] if case.dispatch is not None else ""
    place = f"bus {name}, period {number[int(period)]}"
    yield Answer(name=COST, place="", unit="money"), float(grid.cost[chosen].sum())
    yield Answer(name="import", place="", unit="MWh"), hours * float(grid.import_mw[chosen].sum())
    yield Answer(name="peak_import", place=f"period {number[peak]}", unit="MW"), float(grid.import_mw[chosen][peak])
    yield Answer(name="min_voltage", place=place, unit="pu"), float(grid.vm_pu[:, chosen].min())
    yield Answer(name="losses", place="", unit="MWh"), hours * float(grid.loss_mw[chosen].sum())
    yield Answer(name="unserved", place="", unit="MWh"), hours * float(grid.unserved_mw[chosen].sum())


def _mean(total: float, count: float) -> float:
    return total / count if count > 0.0 else 0.0
