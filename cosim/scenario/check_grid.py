"""Cross-checks of the grid side: feeder, stations and devices at buses, tariff, prices of the last resorts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cosim.dispatch.backends import NAMES
from cosim.dispatch.devices import catalogue
from cosim.dispatch.settings import DispatchSettings
from cosim.dispatch.tariffs import TARIFFS
from cosim.grid.feeder import Feeder
from cosim.scenario import shipped
from cosim.scenario.checking import Check, unknown
from cosim.scenario.grid_net import grid_of, taps_of
from cosim.scenario.net_source import net_source
from cosim.scenario.schema import FeederSettings
from cosim.scenario.section import ID_PATTERN, ID_RULE
from cosim.scenario.station_trafos import of_stations
from cosim.tables import did_you_mean

_ID = re.compile(ID_PATTERN)
_EV_ABOVE_TARIFF = 2.5
_SHEDDING_ABOVE_EV = 3.0


def check(found: Check) -> None:
    """Check everything that needs the feeder."""
    scenario = found.scenario
    _trafos(found)
    if scenario.grid is None or scenario.feeder is None:
        return
    grid, settings = scenario.grid, scenario.feeder
    if net_source(grid) is None and found.attempt("grid", lambda: _folder(found, str(grid))) is None:
        return
    if net_source(grid) is None and _lacking(found, settings):
        return
    trafos = of_stations(scenario.stations)
    case = found.attempt(
        "feeder" if net_source(grid) is None else "grid", lambda: grid_of(grid, settings, found.files, trafos)
    )
    feeder = None if case is None else case.feeder
    if feeder is not None and settings.taps == "optimised":
        found.attempt("feeder", lambda: taps_of(grid, settings, found.files, trafos))
    if feeder is not None:
        _load(found, feeder)
        _slack_voltage(found, feeder)
        found.feeder = feeder
        _stations(found, feeder)
        for place, device in enumerate(scenario.devices):
            _device(found, place, device, feeder)
    _substation(found)
    if scenario.dispatch is not None:
        _dispatch(found, scenario.dispatch)


def _lacking(found: Check, settings: FeederSettings) -> bool:
    """Whether a folder of tables lacks what only the scenario can say of its supply; it is noted."""
    lacking = [key for key in ("slack_bus", "slack_vm_pu") if getattr(settings, key) is None]
    for key in lacking if found.whole("feeder") else ():
        found.at(f"feeder.{key}", "required, but not given", f"add '{key}: ...'")
    return bool(lacking)


def _folder(found: Check, name: str) -> Path:
    return found.files.network(name, shipped.FEEDERS)


def _load(found: Check, feeder: Feeder) -> None:
    """Warn of devices beside no load at all; sizes are judged by `check_bands`."""
    ratings = [getattr(device, key, 0.0) for device in found.scenario.devices for key in ("p_max_mw", "s_max_mva")]
    largest = max(ratings, default=0.0)
    if largest > 0.0 and not feeder.p_mw.any():
        found.at("grid", f"the load of all buses is 0 MW, but a device has {largest:g} MW", "no load?", warn=True)


def _stations(found: Check, feeder: Feeder) -> None:
    for place, station in enumerate(found.scenario.stations):
        path = f"stations.{place}"
        if station.bus is None:
            found.at(path, f"station {station.name!r} has no bus", "add 'bus: ...', its feeder bus")
        else:
            _bus(found, f"{path}.bus", f"station {station.name!r}", station.bus, feeder)


def _trafos(found: Check) -> None:
    """Refuse transformers of stations that nothing would flow through."""
    scenario = found.scenario
    given = scenario.given.ev_load_mw is not None
    if scenario.grid is not None and not given:
        return
    reason = "the load is given by bus, none by station" if given else "a station's transformer needs a grid"
    for place, station in enumerate(scenario.stations):
        if station.trafo_kva is not None and found.whole("grid"):
            found.at(f"stations.{place}.trafo_kva", reason, "remove it")


def _device(found: Check, place: int, device: Any, feeder: Feeder) -> None:  # noqa: ANN401 - any device's settings
    if not _ID.fullmatch(device.name):
        found.at(f"devices.{place}.name", f"{device.name!r} is not an id", ID_RULE)
    bus = getattr(device, "bus", None)
    if bus is not None:
        _bus(found, f"devices.{place}.bus", f"{device.kind} {device.name!r}", bus, feeder)
    if getattr(device, "ramp_mw_per_h", None) == 0 and getattr(device, "p_initial_mw", None) == 0:
        found.at(f"devices.{place}.ramp_mw_per_h", "0 leaves the machine at 0 MW", "raise the ramp", warn=True)


def _bus(found: Check, path: str, what: str, bus: str, feeder: Feeder) -> None:
    if not feeder.has_bus(bus):
        reason = f"{what} is at bus {bus}, which feeder {feeder.name!r} does not have"
        found.at(path, reason, unknown(bus, feeder.bus_ids))


def _slack_voltage(found: Check, feeder: Feeder) -> None:
    """Warn of a slack voltage that breaks the limits of its own bus: the AC check will flag every period."""
    low, high = float(feeder.v_min_pu[feeder.slack]), float(feeder.v_max_pu[feeder.slack])
    if not low <= feeder.slack_vm_pu <= high:
        reason = f"{feeder.slack_vm_pu:g} is outside the limits {low:g} to {high:g} that the slack bus has to keep"
        found.at("feeder.slack_vm_pu", reason, "no period can pass; move it inside", warn=True)


def _substation(found: Check) -> None:
    places = [
        place for place, device in enumerate(found.scenario.devices) if catalogue()[device.kind].side == "exchange"
    ]
    if not places and found.scenario.devices and found.whole("devices"):
        found.at("devices", "no substation feeds the slack bus", "add '{kind: substation, name: grid}'")
    for place in places[1:]:
        found.at(f"devices.{place}", "a second substation at the slack bus", "keep one")


def _dispatch(found: Check, dispatch: DispatchSettings) -> None:
    known = ["auto", *NAMES]
    if dispatch.solver not in known:
        found.at("dispatch.solver", f"{dispatch.solver!r} is unknown", did_you_mean(dispatch.solver, known))
    tariff = found.scenario.tariff
    highest = 0.0 if tariff is None else TARIFFS[tariff.kind].highest_per_mwh(tariff)
    if dispatch.ev_curtailment_price_per_mwh < _EV_ABOVE_TARIFF * highest:
        reason = f"{dispatch.ev_curtailment_price_per_mwh:g} is below 2.5 times the highest tariff {highest:g}"
        found.at("dispatch.ev_curtailment_price_per_mwh", reason, "raise it", warn=True)
    if dispatch.shedding_price_per_mwh < _SHEDDING_ABOVE_EV * dispatch.ev_curtailment_price_per_mwh:
        reason = f"{dispatch.shedding_price_per_mwh:g} is below 3 times the EV curtailment price"
        found.at("dispatch.shedding_price_per_mwh", reason, "raise it", warn=True)
