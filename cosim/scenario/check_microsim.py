"""Checks of the section ``microsim`` against the time axis, roads and stations."""

from __future__ import annotations

from cosim.scenario.checking import Check
from cosim.units import SECONDS_PER_MINUTE

EXACT = 1e-9


def check(found: Check) -> None:
    """Find settings of the microscopic simulation that do not fit the rest."""
    scenario = found.scenario
    micro = scenario.microsim
    if not found.whole("microsim", "periods", "period_min"):
        return
    for place, period in enumerate(micro.periods or ()):
        if period > scenario.periods:
            reason = f"there is no period {period}; the scenario has {scenario.periods}"
            found.at(f"microsim.periods.{place}", reason, f"name periods from 1 to {scenario.periods}")
    if micro.mode == "off":
        return
    if not scenario.has_roads:
        found.at("microsim.mode", "a microscopic simulation needs roads", "add roads and traffic, or set mode: off")
    for name, length_s in (("coupling_s", micro.coupling_s), ("step_s", micro.step_s)):
        whole_s = scenario.period_min * SECONDS_PER_MINUTE if name == "coupling_s" else SECONDS_PER_MINUTE
        if abs(whole_s / length_s - round(whole_s / length_s)) > EXACT:
            found.at(f"microsim.{name}", f"{length_s:g} does not divide {whole_s:g} s", "choose a divisor")
    if abs(micro.coupling_s / micro.step_s - round(micro.coupling_s / micro.step_s)) > EXACT:
        reason = f"{micro.coupling_s} s is no multiple of step_s {micro.step_s:g} s"
        found.at("microsim.coupling_s", reason, "choose a multiple")
    for station in scenario.stations:
        if station.chargers is None:
            reason = f"station {station.name!r} is given by capacity_vph; a queue needs its servers"
            found.at("stations", reason, "give chargers, charger_kw, access_min, or set microsim.mode: off")
