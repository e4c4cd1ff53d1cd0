"""From a loaded scenario to the objects that science works on: roads, demand, feeder, dispatch, prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.charging.behaviour import BehaviourSettings, FleetDay, simulate_fleet
from cosim.charging.demand import split_by_class
from cosim.charging.load import charging_mw
from cosim.charging.stations import Station
from cosim.coupling.prices.base import Known
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.taps import TapChoice
from cosim.dispatch.tariffs import TARIFFS
from cosim.errors import InputError, Problem
from cosim.grid.feeder import Feeder
from cosim.outages import Outage, out
from cosim.scenario import series
from cosim.scenario.check_roads import read_link_law
from cosim.scenario.given_load import given_load_file
from cosim.scenario.grid_net import Grid, grid_of
from cosim.scenario.grid_taps import tapped
from cosim.scenario.load import LoadedScenario
from cosim.scenario.outages import line_outages, station_outages, without_choice
from cosim.scenario.road_case import CHARGING, OTHER, RoadCase
from cosim.scenario.road_files import own_net, read_demand, read_streets, short
from cosim.scenario.road_sections import MCMC
from cosim.scenario.station_trafos import of_stations
from cosim.traffic.charge_later import with_charge_later
from cosim.traffic.demand import OdDemand
from cosim.traffic.network import RoadNetwork
from cosim.traffic.overlap import with_path_size
from cosim.traffic.paths import PathSet
from cosim.traffic.route_models import listed_paths

NOWHERE = "-"
"""Node or bus of a station in a scenario that has no roads or no grid."""


def build_stations(loaded: LoadedScenario) -> tuple[Station, ...]:
    """Return the stations, from their chargers or from their macroscopic parameters."""
    scenario = loaded.scenario
    energy = scenario.ev.energy_kwh if scenario.ev is not None else None
    stations = []
    for entry in scenario.stations:
        given = {name: value for name, value in entry if value is not None and not name.startswith("trafo_")}
        given |= {"node": entry.node or NOWHERE, "bus": entry.bus or NOWHERE}
        if entry.chargers is None:
            stations.append(Station(**given))
        elif energy is not None:
            stations.append(Station.from_chargers(energy_kwh=energy, **given))
    return tuple(stations)


def build_roads(loaded: LoadedScenario) -> RoadCase | None:
    """Return the road side, or None in a scenario without roads.

    Raises
    ------
    InputError
        If an OD pair has no path, or its charging trips meet no station.
    """
    scenario = loaded.scenario
    traffic = scenario.traffic
    if scenario.roads is None or traffic is None:
        return None
    stations = build_stations(loaded)
    streets = read_streets(scenario.roads, traffic.capacity_column, loaded.files)
    law = read_link_law(traffic.link_law_file, loaded.files) if traffic.link_law_file is not None else None
    network = (streets if law is None else law.applied(streets)).with_stations(stations)
    demand = build_demand(loaded)
    needs = {name: name == CHARGING for name in demand.classes}
    paths = as_chosen(loaded, network, listed_paths(traffic.paths, network, demand.od_pairs, needs, traffic.path_limit))
    _check_stations_met(demand, paths)
    options: dict[str, object] = {}
    if traffic.method == "msa":
        options = {"msa_step": traffic.msa_step, "paper_step_test_vph": traffic.paper_step_test_vph}
    return RoadCase(
        network=network,
        streets=streets,
        link_law=law,
        paths=paths,
        demand=demand,
        stations=stations,
        theta_per_min=traffic.theta_per_min,
        energy_kwh=scenario.ev.energy_kwh if scenario.ev is not None else 0.0,
        value_of_time_per_min=scenario.ev.value_of_time_per_min if scenario.ev is not None else 1.0,
        charging_load=scenario.ev.charging_load if scenario.ev is not None else "instant",
        charge_later=scenario.ev is not None and scenario.ev.charge_later is not None,
        method=traffic.method,
        tolerance=traffic.tolerance,
        limit=traffic.iteration_limit,
        options=options,
        outages=_station_outages(loaded, stations, paths, demand),
        own_net=own_net(scenario.roads, loaded.files),
    )


def _station_outages(
    loaded: LoadedScenario, stations: tuple[Station, ...], paths: PathSet, demand: OdDemand
) -> tuple[Outage, ...]:
    """Return the outages of stations, once everybody who wants to charge still can."""
    found = station_outages(loaded.scenario, stations, build_feeder(loaded) if loaded.scenario.outages else None)
    if found:
        closed = out(found, len(stations), loaded.scenario.periods)
        stuck = without_choice(paths, [one.name for one in stations], closed, demand.demand_vph)
        if problems := [loaded.problem("outages", reason, remedy) for reason, remedy in stuck]:
            raise InputError(problems)
    return found


def build_demand(loaded: LoadedScenario) -> OdDemand:
    """Return the trips per period, class and OD pair (Eq 2); one class only without electric vehicles."""
    scenario, files = loaded.scenario, loaded.files
    if scenario.traffic is None:
        raise InputError("the scenario has no traffic")
    pairs = read_demand(scenario.traffic, scenario.roads, files).pairs
    profile = series.resolve(scenario.traffic.demand_profile, scenario.periods, files)
    trips = profile[:, None] * np.array([pair.trips_vph for pair in pairs])
    classes: tuple[str, ...] = (OTHER,)
    by_class = [trips]
    if scenario.ev is not None:
        share = fast_charge_share(loaded)
        classes = (CHARGING, OTHER)
        by_class = list(split_by_class(trips, scenario.ev.share, share))
    return OdDemand(
        origins=tuple(pair.origin for pair in pairs),
        destinations=tuple(pair.destination for pair in pairs),
        classes=classes,
        trips_vph=np.stack(by_class, axis=1),
    )


def fast_charge_share(loaded: LoadedScenario) -> Array:
    """Return the share of the electric vehicles' trips with a fast charge (p_z of Eq 2), shape (T,)."""
    scenario = loaded.scenario
    if scenario.ev is None:
        raise InputError("the scenario has no electric vehicles")
    day = build_behaviour(loaded)
    if day is not None:
        return day.by_period(scenario.periods, scenario.period_min)["fast_charge_share"]
    if isinstance(scenario.ev.fast_charge_share, str):
        raise InputError(f"fast_charge_share: {scenario.ev.fast_charge_share!r} is unknown; known: {MCMC}")
    return series.resolve(scenario.ev.fast_charge_share, scenario.periods, loaded.files)


def build_behaviour(loaded: LoadedScenario) -> FleetDay | None:
    """Return the simulated fleet, drawn from the scenario's seed; None unless ``fast_charge_share`` asks for it."""
    ev = loaded.scenario.ev
    if ev is None or ev.fast_charge_share != MCMC:
        return None
    return _simulated(ev.behaviour or BehaviourSettings(), loaded.scenario.seed_of("fleet"))


@lru_cache(maxsize=8)
def _simulated(settings: BehaviourSettings, seed: int) -> FleetDay:
    return simulate_fleet(settings, np.random.default_rng(seed))


def as_chosen(loaded: LoadedScenario, network: RoadNetwork, paths: PathSet) -> PathSet:
    """Return paths as the scenario's drivers choose among them: overlap corrected, charging later on offer."""
    traffic, ev = loaded.scenario.traffic, loaded.scenario.ev
    if traffic is not None and traffic.overlap != "none":
        paths = with_path_size(network, paths, beta=traffic.overlap_beta, theta_per_min=traffic.theta_per_min)
    if ev is not None and ev.charge_later is not None:
        paths = with_charge_later(paths, cost_min=ev.charge_later.cost_min)
    return paths


def _check_stations_met(demand: OdDemand, paths: PathSet) -> None:
    """Refuse a commodity that has demand in some period but no path."""
    supplied = set(paths.commodity.tolist())
    busy = np.flatnonzero(demand.demand_vph.max(axis=0) > 0.0)
    lacking = [paths.commodities[position] for position in busy.tolist() if position not in supplied]
    if lacking:
        pairs = ", ".join(f"{one.origin} to {one.destination}" for one in lacking)
        remedy = "add a station on one of their paths"
        raise InputError(f"charging trips of these pairs meet no station on any path: {pairs}; {remedy}")


def warnings_of(loaded: LoadedScenario, roads: RoadCase | None) -> tuple[Problem, ...]:
    """Return what is allowed but looks wrong: in the scenario, of its roads and routes, and stations no path meets."""
    if roads is None:
        return loaded.warnings
    said = [
        loaded.problem(path, remark)
        for path, remarks in (("roads", roads.streets.remarks), ("traffic.paths", roads.paths.remarks))
        for remark in short(remarks, loaded.files)
    ]
    met = {roads.paths.link_ids[link] for link in np.unique(roads.paths.station).tolist() if link >= 0}
    unmet = [
        loaded.problem(
            f"stations.{place}.node", f"no path meets station {entry.name!r}", "nobody charges there; move it"
        )
        for place, entry in enumerate(loaded.scenario.stations)
        if entry.name not in met
    ]
    return (*loaded.warnings, *said, *unmet)


def build_grid(loaded: LoadedScenario) -> Grid | None:
    """Return feeder and net, or None without a grid."""
    scenario = loaded.scenario
    if scenario.grid is None or scenario.feeder is None:
        return None
    return grid_of(scenario.grid, scenario.feeder, loaded.files, of_stations(scenario.stations))


def build_feeder(loaded: LoadedScenario) -> Feeder | None:
    """Return the feeder, without current limits unless the scenario asks for them; None without a grid."""
    grid, scenario = build_grid(loaded), loaded.scenario
    if grid is None or scenario.feeder is None:
        return None
    feeder = grid.feeder
    return feeder if scenario.feeder.current_limits else feeder.without_current_limits()


def build_dispatch(loaded: LoadedScenario, charging_total_mw: Array | None = None) -> DispatchCase | None:
    """Return the dispatch of the day, or None without a grid.

    Parameters
    ----------
    loaded
        The scenario.
    charging_total_mw
        Charging load of all stations together as demanded, shape (T,), for the dynamic tariff (Eq 22); None takes
        it from `build_roads`, or the given load.
    """
    case = _with_own_taps(loaded, charging_total_mw)
    found = None if case is None else _tapped(loaded, case, charging_total_mw)
    return case if found is None else found[0]


def build_taps(loaded: LoadedScenario) -> TapChoice | None:
    """Return where tap changers are for the day; None where they stay as the net has them."""
    case = _with_own_taps(loaded, None)
    found = None if case is None else _tapped(loaded, case, None)
    return None if found is None else found[1]


def _tapped(
    loaded: LoadedScenario, case: DispatchCase, charging_total_mw: Array | None
) -> tuple[DispatchCase, TapChoice] | None:
    """Return the day with its tap changers chosen, and the choice; None where they are not asked for."""
    feeder = loaded.scenario.feeder
    if feeder is None or feeder.taps == "fixed":
        return None
    total = _charging_total_mw(loaded) if charging_total_mw is None else charging_total_mw
    return tapped(loaded, case, np.broadcast_to(total, (case.periods,)))


def _with_own_taps(loaded: LoadedScenario, charging_total_mw: Array | None) -> DispatchCase | None:
    """Return the dispatch of the day with the tap changers of the net, or None without a grid."""
    scenario, files = loaded.scenario, loaded.files
    feeder, grid = build_feeder(loaded), build_grid(loaded)
    if feeder is None or grid is None or scenario.feeder is None or scenario.dispatch is None:
        return None
    base_p_mw, base_q_mvar = grid.base_power(series.resolve(scenario.feeder.load_profile, scenario.periods, files))
    if charging_total_mw is None:
        charging_total_mw = _charging_total_mw(loaded)
    names, buses = _charging_buses(loaded, grid)
    varying = device_series(loaded)
    return DispatchCase(
        feeder=feeder,
        period_h=loaded.timeline.period_h,
        devices=tuple(_at_own_bus(device, feeder) for device in scenario.devices),
        series=varying,
        base_p_mw=base_p_mw,
        base_q_mvar=base_q_mvar,
        tariff_per_mwh=build_tariff(loaded, base_p_mw.sum(axis=0) + charging_total_mw - _offered_mw(loaded, varying)),
        station_names=names,
        station_buses=buses,
        limits=scenario.gates,
        settings=scenario.dispatch.in_periods(loaded.timeline.period_h),
        seed=scenario.seed_of("forecast"),
        outages=line_outages(scenario, feeder),
    )


def _at_own_bus(device: Any, feeder: Feeder) -> Any:  # noqa: ANN401 - any device's settings
    """Return a device at the bus by its first id: closed switches make one bus of several."""
    bus = getattr(device, "bus", None)
    if bus is None or bus in feeder.bus_ids:
        return device
    return replace(device, bus=feeder.bus_ids[feeder.bus_position(bus)])


def device_series(loaded: LoadedScenario) -> dict[str, dict[str, Array]]:
    """Return the settings of devices that vary, ``[device][field]`` of shape (T,)."""
    scenario = loaded.scenario
    kinds = catalogue()
    return {
        device.name: {
            name: series.resolve(getattr(device, name), scenario.periods, loaded.files)
            for name in kinds[device.kind].series_fields
        }
        for device in scenario.devices
    }


def _offered_mw(loaded: LoadedScenario, varying: Mapping[str, Mapping[str, Array]]) -> Array:
    """Return the power that all weather-dependent devices offer, up to their ratings, shape (T,)."""
    total = np.zeros(loaded.scenario.periods)
    for device in loaded.scenario.devices:
        if catalogue()[device.kind].offers:
            total += np.minimum(varying[device.name]["available_mw"], getattr(device, "s_max_mva", np.inf))
    return total


def build_tariff(loaded: LoadedScenario, equivalent_load_mw: Array) -> Array:
    """Return the purchase price per MWh, shape (T,).

    Parameters
    ----------
    loaded
        The scenario.
    equivalent_load_mw
        Base load plus charging load less renewable power on offer, shape (T,); only the dynamic tariff uses it.
    """
    tariff = loaded.scenario.tariff
    if tariff is None:
        raise InputError("the scenario has no tariff")
    found = TARIFFS[tariff.kind]
    periods, files = loaded.scenario.periods, loaded.files
    varying = {name: series.resolve(getattr(tariff, name), periods, files) for name in found.series_fields}
    return found(tariff, varying).price_per_mwh(equivalent_load_mw)


def build_given_load_mw(loaded: LoadedScenario) -> Array | None:
    """Return the given charging load, shape (T, k) in the order of `DispatchCase.station_names`, or None."""
    file = given_load_file(loaded.scenario.given, loaded.files)
    if file is None:
        return None
    columns = tuple(loaded.files.series(file))
    return series.by_name(file, columns, loaded.scenario.periods, loaded.files)


def announced_price_per_mwh(loaded: LoadedScenario, tariff_per_mwh: Array | None) -> Array | None:
    """Return the prices that drivers know before the day, shape (S, T); None where they see none, or nodal ones."""
    scenario = loaded.scenario
    names = tuple(station.name for station in scenario.stations)

    def prices(file: str) -> Array:
        return series.by_name(file, names, scenario.periods, loaded.files).T

    rule, given = scenario.coupling.rule, scenario.given.station_price_per_mwh
    return rule.announced(
        Known(
            shape=(len(names), scenario.periods),
            tariff_per_mwh=tariff_per_mwh,
            given_per_mwh=None if given is None else prices(given),
            files={name: prices(getattr(rule.settings, name)) for name in rule.files},
        )
    )


def _charging_total_mw(loaded: LoadedScenario) -> Array:
    given = build_given_load_mw(loaded)
    if given is not None:
        return np.asarray(given.sum(axis=1))
    scenario = loaded.scenario
    if scenario.ev is None or scenario.traffic is None:
        return np.zeros(scenario.periods)
    demand = build_demand(loaded)
    arrivals = demand.trips_vph[:, demand.classes.index(CHARGING)].sum(axis=1)
    return charging_mw(arrivals, scenario.ev.energy_kwh)


def _charging_buses(loaded: LoadedScenario, grid: Grid) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return names and bus positions of what charges: stations, or the buses of the given load."""
    feeder, given = grid.feeder, given_load_file(loaded.scenario.given, loaded.files)
    if given is not None:
        names = tuple(loaded.files.series(given))
        return names, tuple(feeder.bus_position(name) for name in names)
    stations = [station for station in loaded.scenario.stations if station.bus is not None]
    return (
        tuple(station.name for station in stations),
        tuple(feeder.bus_position(grid.below.get(station.name, str(station.bus))) for station in stations),
    )
