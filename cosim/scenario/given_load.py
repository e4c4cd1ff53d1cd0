"""Charging load that is given: a table of series, or recorded sessions brought to the periods."""

from __future__ import annotations

import numpy as np

from cosim.charging.session_files import read_sessions
from cosim.errors import InputError, Problem
from cosim.scenario.files import ScenarioFiles
from cosim.scenario.schema import Given, SessionSource
from cosim.scenario.stamps import edges_of
from cosim.tables import did_you_mean
from cosim.units import mw_to_kw

_OUTSIDE_KWH = 1e-6


def given_load_file(given: Given, files: ScenarioFiles) -> str | None:
    """Return the name by which `ScenarioFiles.series` knows the given charging load, one column a bus; None without.

    Raises
    ------
    InputError
        If sessions are faulty, are at stations without a bus, or the scenario has no start.
    """
    source = given.ev_load_mw
    if source is None or isinstance(source, str):
        return source
    return files.once(("sessions", source.sessions), lambda: _given(source, files)[0])


def session_remarks(source: SessionSource, files: ScenarioFiles) -> tuple[str, ...]:
    """Return what is to be known of sessions: what was left out, lies outside the periods, or was taken for granted."""
    return _given(source, files)[1]


def _given(source: SessionSource, files: ScenarioFiles) -> tuple[str, tuple[str, ...]]:
    return files.once(("sessions of", source.sessions), lambda: _made(source, files))


def _made(source: SessionSource, files: ScenarioFiles) -> tuple[str, tuple[str, ...]]:
    start = files.timeline.start
    if start is None:
        raise InputError(Problem(reason="sessions have dates, but the scenario has none", remedy="add 'start: ...'"))
    path = files.locate(source.sessions)
    try:
        found = read_sessions(path, zone=start.tzinfo, drop_faulty=source.drop_faulty)
    except InputError as error:
        raise InputError(files.displayed(error.problems)) from error
    if lost := [name for name in found.stations if name not in source.bus]:
        reason = f"no bus is given for {', '.join(map(repr, lost[:5]))}"
        raise InputError(Problem(field="bus", reason=reason, remedy="bus: {STATION: BUS, ...}"))
    if unknown := [name for name in source.bus if name not in found.stations]:
        reason = f"no session is at {unknown[0]!r}"
        raise InputError(Problem(field="bus", reason=reason, remedy=did_you_mean(unknown[0], found.stations)))
    edges_s = edges_of(files.timeline)
    load_mw = found.load_mw(edges_s)
    columns = {bus: np.zeros(load_mw.shape[1]) for bus in source.bus.values()}
    for name, own in zip(found.stations, load_mw, strict=True):
        columns[source.bus[name]] += own
    name = f"sessions of {source.sessions}"
    files.give_series(name, {bus: own.tolist() for bus, own in columns.items()})
    outside_kwh = float(found.energy_kwh.sum()) - mw_to_kw(float(load_mw.sum()) * files.timeline.period_h)
    said = [f"{outside_kwh:,.6g} kWh of sessions lie outside the periods"] if outside_kwh > _OUTSIDE_KWH else []
    return name, (*found.remarks, *said)
