"""Outages of a scenario as positions of lines, stations and periods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.charging.stations import Station
from cosim.grid.feeder import Feeder
from cosim.grid.topology import listed
from cosim.outages import Outage, out
from cosim.scenario.schema import OutageEntry, Scenario
from cosim.traffic.paths import PathSet


def _outage(entry: OutageEntry, at: int) -> Outage:
    return Outage(at=at, start=entry.first - 1, stop=entry.last, announced=entry.announced)


def line_outages(scenario: Scenario, feeder: Feeder) -> tuple[Outage, ...]:
    """Return the outages of lines."""
    return tuple(_outage(one, feeder.line_ids.index(one.line)) for one in scenario.outages if one.line is not None)


def station_outages(scenario: Scenario, stations: Sequence[Station], feeder: Feeder | None) -> tuple[Outage, ...]:
    """Return the outages of stations: their own, and those of lines without which their bus has no supply."""
    names = [station.name for station in stations]
    found = [_outage(one, names.index(one.station)) for one in scenario.outages if one.station is not None]
    if feeder is None:
        return tuple(found)
    for one in line_outages(scenario, feeder):
        supplied = feeder.supplied(out([replace(one, start=0, stop=1)], feeder.n_lines, 1))[:, 0]
        dark = [n for n, station in enumerate(stations) if not supplied[feeder.bus_position(station.bus)]]
        found += [replace(one, at=n) for n in dark]
    return tuple(found)


def without_choice(
    paths: PathSet, stations: Sequence[str], closed: BoolArray, demand_vph: Array
) -> Iterator[tuple[str, str]]:
    """Yield whom outages leave without any path, and how to change that.

    Parameters
    ----------
    paths
        Choice sets.
    stations
        Names of the S stations, in the order of their links.
    closed
        Where each is closed, shape (S, T).
    demand_vph
        Demand of every commodity, shape (T, W).
    """
    place = {paths.link_ids.index(name): n for n, name in enumerate(stations)}
    station = np.array([place.get(link, -1) for link in paths.station.tolist()], dtype=np.intp)
    stuck = np.zeros(demand_vph.shape, dtype=np.bool_)
    for k in range(len(demand_vph)):
        is_open = (station < 0) | ~closed[station, k]
        left = np.bincount(paths.commodity[is_open], minlength=len(paths.commodities)) > 0
        stuck[k] = (demand_vph[k] > 0.0) & ~left
    for w in np.flatnonzero(stuck.any(axis=0)).tolist():
        one, periods = paths.commodities[w], np.flatnonzero(stuck[:, w])
        names = [name for n, name in enumerate(stations) if closed[n, periods].any()]
        when = listed([str(k + 1) for k in periods])
        yield (
            f"{one.user_class} trips from {one.origin} to {one.destination} meet no open station in period {when}; "
            f"out: {', '.join(names)}",
            "shorten the outage, or let drivers charge later (ev.charge_later)",
        )
