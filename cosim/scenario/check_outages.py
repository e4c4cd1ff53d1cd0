"""Cross-checks of outages: what is out must be there, once at a time, and who is cut off by it must be allowed for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.grid.feeder import Feeder
from cosim.grid.topology import listed
from cosim.outages import out
from cosim.scenario.checking import Check, unknown
from cosim.scenario.outages import line_outages
from cosim.scenario.schema import OutageEntry
from cosim.units import min_to_h

SAYS_OPEN = "the buses behind it are without supply while it is out"


def check(found: Check) -> None:
    """Check every outage against stations, feeder, horizon and dispatch."""
    scenario = found.scenario
    if not scenario.outages:
        return
    before = len(found.mistakes)
    for place, one in enumerate(scenario.outages):
        if one.last > scenario.periods:
            found.at(
                f"outages.{place}.to", f"{one.last} is after the last period, {scenario.periods}", "end it earlier"
            )
        _station(found, place, one) if one.station is not None else _line(found, place, one)
        _overlap(found, place, scenario.outages)
        _surprise(found, place, one)
    if len(found.mistakes) == before and found.feeder is not None:
        _islands(found, found.feeder)


def _station(found: Check, place: int, one: OutageEntry) -> None:
    scenario, path = found.scenario, f"outages.{place}.station"
    names = [station.name for station in scenario.stations]
    if scenario.roads is None and found.whole("roads"):
        found.at(path, "a station's outage needs roads: drivers go elsewhere", "remove it, or lower the given load")
    elif one.station not in names and found.whole("stations"):
        found.at(path, f"{one.station!r} is no station", unknown(str(one.station), names) if names else "add it")


def _line(found: Check, place: int, one: OutageEntry) -> None:
    path = f"outages.{place}.line"
    if found.scenario.grid is None and found.whole("grid"):
        found.at(path, "a line's outage needs a grid", "add 'grid: ...', or remove it")
    elif found.feeder is not None and found.feeder.net is not None:
        reason = "outages of lines of a net are not carried: its cables would go on charging behind the open line"
        found.at(path, reason, "open the line in the net for the whole day: grid.open")
    elif found.feeder is not None and one.line not in found.feeder.line_ids:
        reason = f"{one.line!r} is no line in service of feeder {found.feeder.name!r}"
        found.at(path, reason, unknown(str(one.line), found.feeder.line_ids))


def _overlap(found: Check, place: int, entries: Sequence[OutageEntry]) -> None:
    """Refuse a second outage of the same thing in the same period."""
    one = entries[place]
    for number, other in enumerate(entries[:place], start=1):
        same = (one.station, one.line) == (other.station, other.line)
        if same and one.first <= other.last and other.first <= one.last:
            what = f"station {one.station!r}" if one.line is None else f"line {one.line!r}"
            reason = f"{what} is out already in periods {other.first} to {other.last} (number {number})"
            found.at(f"outages.{place}.from", reason, "merge them")


def _surprise(found: Check, place: int, one: OutageEntry) -> None:
    """Refuse a surprise for a plan that cannot be changed any more."""
    dispatch = found.scenario.dispatch
    if not one.announced and one.first > 1 and dispatch is not None and dispatch.mode == "day_ahead":
        reason = "'mode: day_ahead' plans the day once, before an unannounced outage begins"
        found.at(f"outages.{place}.announced", reason, "set it to true, or dispatch.mode to rolling")


def _islands(found: Check, feeder: Feeder) -> None:
    """Refuse outages that leave buses without supply, unless the scenario allows it; name buses and energy."""
    scenario = found.scenario
    outages = line_outages(scenario, feeder)
    if not outages or scenario.feeder is None or scenario.feeder.islands == "allow":
        return
    lost = ~feeder.supplied(out(outages, feeder.n_lines, scenario.periods))
    for place, one in enumerate(scenario.outages):
        if one.line is None:
            continue
        buses = np.flatnonzero(lost[:, one.first - 1])
        hours = (one.last - one.first + 1) * min_to_h(scenario.period_min)
        names = listed([feeder.bus_ids[bus] for bus in buses])
        energy = hours * float(np.maximum(feeder.p_mw[buses], 0.0).sum())
        reason = (
            f"without line {one.line} {buses.size} bus{'es' if buses.size > 1 else ''} ({names}) have no supply in "
            f"periods {one.first} to {one.last}: {energy:.4g} MWh of nominal load not served"
        )
        found.at(f"outages.{place}.line", reason, "allow it by 'feeder.islands: allow', or remove the outage")
