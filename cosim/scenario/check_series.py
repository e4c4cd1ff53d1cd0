"""Cross-checks of everything that varies over the periods, and of the coupling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.devices import catalogue
from cosim.dispatch.tariffs import TARIFFS
from cosim.errors import InputError
from cosim.scenario.checking import Check, unknown
from cosim.scenario.given_load import given_load_file, session_remarks
from cosim.scenario.net_source import NetSource
from cosim.scenario.road_sections import MCMC
from cosim.scenario.schema import SessionSource
from cosim.scenario.series import by_name, resolve
from cosim.scenario.stamps import timeline_of
from cosim.scenario.tree import find
from cosim.timeline import MINUTES_PER_DAY, Series
from cosim.units import min_to_h

_ANY = (-math.inf, math.inf)
_NOT_NEGATIVE = (0.0, math.inf)
_SHARE = (0.0, 1.0)


def check(found: Check) -> None:
    """Check lengths, columns and bounds of all series."""
    scenario = found.scenario
    if MINUTES_PER_DAY % scenario.period_min:
        reason = f"{scenario.period_min} does not divide a day of {MINUTES_PER_DAY} min"
        found.at("period_min", reason, "use a divisor, such as 15, 30 or 60")
    _start(found)
    dispatch = scenario.dispatch
    if dispatch is not None:
        found.attempt("dispatch", lambda: dispatch.in_periods(min_to_h(scenario.period_min)))
    if scenario.traffic is not None:
        _series(found, "traffic.demand_profile", scenario.traffic.demand_profile, _NOT_NEGATIVE)
    if scenario.ev is not None and not isinstance(scenario.ev.fast_charge_share, str):
        _series(found, "ev.fast_charge_share", scenario.ev.fast_charge_share, _SHARE)
    if scenario.feeder is not None:
        _series(found, "feeder.load_profile", scenario.feeder.load_profile, _NOT_NEGATIVE)
    for place, device in enumerate(scenario.devices):
        for name in catalogue()[device.kind].series_fields:
            bounds = _NOT_NEGATIVE if name.endswith("_mw") else _ANY
            _series(found, f"devices.{place}.{name}", getattr(device, name), bounds)
    for name in TARIFFS[scenario.tariff.kind].series_fields if scenario.tariff is not None else ():
        _series(found, f"tariff.{name}", getattr(scenario.tariff, name), _ANY)
    _coupling(found)
    _blocks(found)
    _given(found)


def _start(found: Check) -> None:
    """Check when the periods begin, and what knows days of 24 hours alone."""
    scenario = found.scenario
    if scenario.start is None:
        if scenario.time_zone is not None and found.whole("start"):
            found.at("time_zone", "a zone without a start has no effect", "add 'start: 2026-01-01', or remove it")
        return
    try:
        timeline = timeline_of(scenario)
    except InputError as error:
        for one in error.problems:
            if one.field:  # a period that does not divide a day is told above
                found.at(one.field, one.reason, one.remedy)
        return
    if scenario.ev is not None and scenario.ev.fast_charge_share == MCMC and timeline.clocks_change:
        reason = (
            f"clocks are changed between {scenario.start} and the last period, and the simulated fleet's day has 24 h"
        )
        found.at("ev.fast_charge_share", reason, "give a series, or end the periods before")
    grid = scenario.grid
    if isinstance(grid, NetSource) and grid.first_day is not None and grid.first_day != f"{timeline.start:%Y-%m-%d}":
        found.at("grid.first_day", f"{grid.first_day} is not the day of start, {scenario.start}", "give one day")


def _series(found: Check, path: str, series: Series, bounds: tuple[float, float]) -> None:
    values = found.attempt(path, lambda: resolve(series, found.scenario.periods, found.files))
    if values is not None:
        _bounds(found, path, values, bounds)


def _bounds(found: Check, path: str, values: Array, bounds: tuple[float, float], what: str = "") -> None:
    low, high = bounds
    wrong = np.flatnonzero(~((values >= low) & (values <= high)))
    if len(wrong):
        period, value = int(wrong[0]) + 1, float(values[wrong[0]])
        rule = "must be >= 0" if math.isinf(high) else f"must be between {low:g} and {high:g}"
        place = f"{path}.{period - 1}" if find(found.tree, (*path.split("."), period - 1)) else path
        found.at(
            place, f"{what}period {period}: {value:g} {rule}", "check the sign" if value < 0 else "%? Give a fraction"
        )


def _blocks(found: Check) -> None:
    """Refuse a coupled day ahead in blocks."""
    dispatch, coupling = found.scenario.dispatch, found.scenario.coupling
    if dispatch is None or not found.whole("dispatch", "coupling") or coupling.mode != "iterated":
        return
    for name in ("block_periods", "block_h"):
        if getattr(dispatch, name) is not None:
            reason = "prices and flows of a day ahead are found for all periods at once, not block by block"
            found.at(f"dispatch.{name}", reason, "use mode rolling with lookahead_h, or coupling.mode sequential")


def _coupling(found: Check) -> None:
    scenario, coupling, rule = found.scenario, found.scenario.coupling, found.scenario.coupling.rule
    if not found.whole("coupling", "roads", "traffic", "grid", "feeder", "tariff"):
        return
    both = scenario.has_roads and scenario.has_grid and bool(scenario.stations)
    if coupling.mode == "iterated" and not both:
        found.at("coupling.mode", "iterated needs roads, stations and a grid", "use sequential")
    if rule.seen and not (scenario.roads and scenario.stations) and found.whole("stations"):
        found.at("coupling.ev_price", "a price without roads and stations reaches nobody", "use none")
    if rule.nodal and scenario.has_grid and coupling.mode != "iterated":
        remedy = "set coupling.mode to iterated"
        found.at("coupling.ev_price", "nodal prices come from the dispatch, which follows the traffic", remedy)
    if rule.needs_grid and not scenario.has_grid:
        found.at("coupling.ev_price", "without a grid there is no tariff", "use series")
    if rule.markup and rule.nodal and not scenario.has_grid:
        reason = "a mark-up needs the price of the tariff or of the grid's nodes"
        found.at("coupling.ev_price.markup", reason, "set it to 0; put it into the prices of the file")
    if coupling.method == "admm" and scenario.ev is not None and scenario.ev.charging_load == "kernel":
        reason = "admm needs all energy in the period of departure, but ev.charging_load is kernel"
        found.at("coupling.method", reason, "use auto, newton or iterate")
    for name in rule.files:
        _table(found, f"coupling.ev_price.{name}", getattr(rule.settings, name), _ANY, every=True)


def _given(found: Check) -> None:
    scenario, given = found.scenario, found.scenario.given
    nodal = scenario.coupling.rule.nodal
    whole = found.whole("given", "coupling", "roads", "traffic", "grid", "feeder")
    if given.station_price_per_mwh is not None:
        if whole and (scenario.has_grid or not nodal):
            reason = "given prices stand in for a grid's nodal prices"
            remedy = "remove them; or remove the grid and set coupling.ev_price to nodal"
            found.at("given.station_price_per_mwh", reason, remedy)
        _table(found, "given.station_price_per_mwh", given.station_price_per_mwh, _ANY, every=True)
    elif whole and nodal and not scenario.has_grid:
        remedy = "add 'station_price_per_mwh: FILE' to given"
        found.at("coupling.ev_price", "without a grid, nodal prices must be given", remedy)
    if given.ev_load_mw is not None:
        if whole and (scenario.has_roads or not scenario.has_grid):
            remedy = "remove it, or keep only the grid"
            found.at("given.ev_load_mw", "given load stands in for the traffic's charging load", remedy)
        file = found.attempt("given.ev_load_mw", lambda: given_load_file(given, found.files))
        if file is not None:
            _table(found, "given.ev_load_mw", file, _NOT_NEGATIVE, every=False)
        if file is not None and isinstance(given.ev_load_mw, SessionSource):
            for remark in session_remarks(given.ev_load_mw, found.files):
                found.at("given.ev_load_mw", remark, warn=True)
    elif whole and scenario.has_grid and not scenario.has_roads and scenario.stations:
        remedy = "add 'ev_load_mw: FILE' to given, or remove the stations"
        found.at("stations", "without roads, the stations' load must be given", remedy)


def _table(found: Check, path: str, file: str, bounds: tuple[float, float], *, every: bool) -> None:
    """Check a file with one column per station (``every`` must be there) or per bus."""
    columns = found.attempt(path, lambda: found.files.series(file))
    if columns is None:
        return
    known = _station_names(found) if every else _bus_names(found)
    what = "station" if every else "bus"
    for name in columns:
        if known is not None and name not in known:
            found.at(path, f"file {file!r} has a column {name!r}, which is no {what}", unknown(name, known))
    for name in known if every and known is not None else ():
        if name not in columns:
            found.at(path, f"file {file!r} has no column for {what} {name!r}", "add it")
    names = tuple(columns)
    values = found.attempt(path, lambda: by_name(file, names, found.scenario.periods, found.files))
    for place, name in enumerate(names if values is not None else ()):
        _bounds(found, path, values[:, place], bounds, f"column {name!r}, ")


def _station_names(found: Check) -> Sequence[str] | None:
    return [station.name for station in found.scenario.stations] if found.whole("stations") else None


def _bus_names(found: Check) -> Sequence[str] | None:
    return found.feeder.bus_ids if found.feeder is not None else None
