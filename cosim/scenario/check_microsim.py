"""Checks of the section ``microsim`` against the time axis, roads and stations."""

from __future__ import annotations

from cosim.microsim.port import ENGINES
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
    if micro.engine not in ENGINES:
        found.at("microsim.engine", f"engine {micro.engine!r} is unknown", f"known: {', '.join(ENGINES)}")
        return
    if micro.mode == "off":
        return
    if micro.mode == "meso" and not ENGINES[micro.engine].meso:
        found.at("microsim.mode", f"engine {micro.engine!r} moves single vehicles only", "take windows or continuous")
    if not scenario.has_roads:
        found.at("microsim.mode", "a microscopic simulation needs roads", "add roads and traffic, or set mode: off")
    _steps(found)
    for station in scenario.stations:
        if station.chargers is None:
            reason = f"station {station.name!r} is given by capacity_vph; a queue needs its servers"
            found.at("stations", reason, "give chargers, charger_kw, access_min, or set microsim.mode: off")


def _steps(found: Check) -> None:
    """Find steps that do not divide what they must: a minute, the coupling, the period."""
    micro = found.scenario.microsim
    period_s = found.scenario.period_min * SECONDS_PER_MINUTE
    for name, length_s, whole_s in (
        ("coupling_s", micro.coupling_s, period_s),
        ("step_s", micro.step_s, SECONDS_PER_MINUTE),
        ("step_s", micro.step_s, micro.coupling_s),
    ):
        if abs(whole_s / length_s - round(whole_s / length_s)) > EXACT:
            found.at(f"microsim.{name}", f"{length_s:g} s does not divide {whole_s:g} s", "choose a divisor")
