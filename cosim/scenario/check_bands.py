"""Warnings of odd sizes: every value, column and relation of a scenario that has a row in the table of bands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from cosim.errors import InputError
from cosim.grid.model import NO_LIMIT_KA
from cosim.grid.table_rules import BUS, BUS_OPTIONAL, LINE, LINE_OPTIONAL, rows_in_service
from cosim.quantities.bands import BANDS, Band
from cosim.scenario import shipped
from cosim.scenario.checking import Check
from cosim.scenario.given_load import given_load_file
from cosim.scenario.net_source import net_source
from cosim.scenario.road_sections import road_source
from cosim.scenario.series import by_name, resolve
from cosim.tables import Table, read_table
from cosim.timeline import Series
from cosim.traffic.formats.csv import LINK_COLUMNS, optional_link_columns
from cosim.traffic.network import RoadNetwork
from cosim.units import h_to_min

Place = tuple[str, float]
"""Dotted path of the scenario, and the size to judge."""
_FILES = {
    "links.csv": ("roads", shipped.ROADS, LINK_COLUMNS, optional_link_columns()),
    "bus.csv": ("grid", shipped.FEEDERS, BUS, BUS_OPTIONAL),
    "line.csv": ("grid", shipped.FEEDERS, LINE, LINE_OPTIONAL),
}
_RATINGS = ("s_max_mva", "p_max_mw", "import_max_mw", "export_max_mw")
_LEAST_MIN = 1e-9
"""Time of a link without any: the graph algorithms take 0 for no link."""


def check(found: Check) -> None:
    """Warn of everything outside its usual range."""
    tables = {name: _table(found, name) for name in _FILES}
    for band in BANDS.values():
        file, _, column = band.name.partition(":")
        if file in tables:
            _column(found, band, tables[file], column)
        else:
            places = RELATIONS[band.name](found) if band.name in RELATIONS else _values(found, band)
            for path, size in places:
                _told(found, band, path, size)


def _told(found: Check, band: Band, path: str, size: float) -> None:
    if (odd := band.judge(size, found.scenario.currency)) is not None:
        what = f"{band.name} " if band.name in RELATIONS else ""
        found.at(path, what + odd[0], odd[1], warn=True)


def _values(found: Check, band: Band) -> Iterator[Place]:
    """Yield every value that a dotted key with ``*`` names; of a series the largest size."""
    parts: list[tuple[str, Any]] = [("", found.scenario)]
    for key in band.name.split("."):
        if key == "*":
            parts = [(f"{path}.{n}", item) for path, items in parts for n, item in enumerate(items)]
        else:
            parts = [(f"{path}.{key}".lstrip("."), getattr(part, key, None)) for path, part in parts]
    for path, value in parts:
        if (size := peak(found, value)) is not None:
            yield path, size


def peak(found: Check, value: Series | str | None) -> float | None:
    """Return the largest size of a number or series; None of what is neither, or cannot be read."""
    if value is None or isinstance(value, str | bool):
        return None
    try:
        return float(np.abs(resolve(value, found.scenario.periods, found.files)).max())
    except InputError:  # told where series are checked
        return None


def _table(found: Check, name: str) -> Table | None:
    section, family, columns, optional = _FILES[name]
    source = getattr(found.scenario, section)
    if source is None or (found.network if section == "roads" else found.feeder) is None:
        return None
    folder = road_source(source).network if section == "roads" else source
    if not isinstance(folder, str) or net_source(folder) is not None:
        return None
    path = found.files.network(folder, family) / name
    if not path.is_file():  # roads in another tool's format, which has remarks of its own
        return None
    return replace(read_table(path, columns, optional), file=found.files.display(path))


def _column(found: Check, band: Band, table: Table | None, column: str) -> None:
    """Warn of a column once: of its median, or of the value that is furthest from usual."""
    if table is None:
        return
    column = _used(found, column)
    given = table.columns.get(column, [])
    rows = [r for r in rows_in_service(table) if r < len(given) and given[r] and given[r] < NO_LIMIT_KA]
    values = [given[row] for row in rows]
    if not values:
        return
    currency = found.scenario.currency
    if band.typical:
        if (odd := band.judge(float(np.median(values)), currency)) is not None:
            found.warnings.append(table.problem(rows[0], column, f"the median of all, {odd[0]}", odd[1]))
        return
    place = band.furthest(values, currency)
    if place is not None and (odd := band.judge(values[place], currency)) is not None:
        count = sum(band.judge(value, currency) is not None for value in values)
        more = f", as {count - 1} other rows are" if count > 1 else ""
        found.warnings.append(table.problem(rows[place], column, odd[0] + more, odd[1]))


def _used(found: Check, column: str) -> str:
    traffic = found.scenario.traffic
    return traffic.capacity_column if column == "capacity_vph" and traffic is not None else column


def _trip_time(found: Check) -> Iterator[Place]:
    if (mean_min := _mean_trip_min(found)) is not None:
        yield "roads", mean_min


def _theta(found: Check) -> Iterator[Place]:
    traffic, mean_min = found.scenario.traffic, _mean_trip_min(found)
    if traffic is not None and mean_min is not None:
        yield "traffic.theta_per_min", traffic.theta_per_min * mean_min


def _mean_trip_min(found: Check) -> float | None:
    """Return the mean time of a trip on empty roads, weighted by trips; None without trips that have a way."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    network = found.network
    if network is None or not found.pairs:
        return None
    position = {node: number for number, node in enumerate(network.node_ids)}
    known = [p for p in found.pairs if p.origin in position and p.destination in position and p.trips_vph > 0.0]
    origins = sorted({position[pair.origin] for pair in known})
    if not origins:
        return None
    quickest = np.lexsort((network.free_flow_min, network.head, network.tail))
    arcs, first = np.unique(
        np.stack([network.tail[quickest], network.head[quickest]]), axis=1, return_index=True
    )  # of links beside each other the quickest
    times = np.maximum(network.free_flow_min[quickest][first], _LEAST_MIN)
    n = len(network.node_ids)
    reached = dijkstra(csr_array((times, (arcs[0], arcs[1])), shape=(n, n)), indices=origins)
    row = {origin: number for number, origin in enumerate(origins)}
    trip = np.array([reached[row[position[p.origin]], position[p.destination]] for p in known])
    weight = np.where(np.isfinite(trip), [p.trips_vph for p in known], 0.0)
    if not weight.any():
        return None
    return float(np.average(np.where(weight > 0.0, trip, 0.0), weights=weight))


def _saturation(found: Check) -> Iterator[Place]:
    """Yield the largest ratio of trips that begin (end) at a node to the capacity of links that leave (reach) it."""
    network, traffic = found.network, found.scenario.traffic
    factor = peak(found, traffic.demand_profile) if traffic is not None else None
    if network is None or factor is None or not found.pairs:
        return
    ratios = chain(
        _node_ratios(network, network.tail, [(pair.origin, pair.trips_vph) for pair in found.pairs]),
        _node_ratios(network, network.head, [(pair.destination, pair.trips_vph) for pair in found.pairs]),
    )
    if (largest := max(ratios, default=0.0)) > 0.0:
        yield "traffic.demand", largest * factor


def _node_ratios(network: RoadNetwork, ends: Any, trips: Sequence[tuple[str, float]]) -> Iterator[float]:  # noqa: ANN401
    capacity = np.bincount(ends, weights=network.capacity_vph, minlength=len(network.node_ids))
    total: dict[str, float] = {}
    for node, vph in trips:
        total[node] = total.get(node, 0.0) + vph
    for node, vph in total.items():
        if node in network.node_ids and (most := float(capacity[network.node_ids.index(node)])) > 0.0:
            yield vph / most


def _charge_time(found: Check) -> Iterator[Place]:
    ev = found.scenario.ev
    for place, station in enumerate(found.scenario.stations if ev is not None else ()):
        if ev is not None and station.charger_kw is not None:
            yield f"stations.{place}.charger_kw", h_to_min(ev.energy_kwh / station.charger_kw)


def _load_mw(found: Check) -> float:
    """Return the largest base load of a period; 0 if it is not known."""
    settings = found.scenario.feeder
    factor = peak(found, settings.load_profile) if settings is not None else None
    return 0.0 if found.feeder is None or factor is None else float(abs(found.feeder.p_mw.sum())) * factor


def _load(found: Check) -> Iterator[Place]:
    yield "grid", _load_mw(found)


def _power_factor(found: Check) -> Iterator[Place]:
    if found.feeder is not None and (active := float(np.abs(found.feeder.p_mw).sum())) > 0.0:
        yield "grid", float(np.abs(found.feeder.q_mvar).sum()) / active


def _ratings(found: Check) -> Iterator[Place]:
    """Yield each rating of a device over the load; of a device with several the first one."""
    load = _load_mw(found)
    for place, device in enumerate(found.scenario.devices):
        rated = [name for name in _RATINGS if getattr(device, name, None)]
        for name in rated[:1] if load > 0.0 else ():
            yield f"devices.{place}.{name}", getattr(device, name) / load


def _offered(found: Check) -> Iterator[Place]:
    for place, device in enumerate(found.scenario.devices):
        offered, rating = peak(found, getattr(device, "available_mw", None)), getattr(device, "s_max_mva", None)
        if offered and rating:
            yield f"devices.{place}.available_mw", offered / rating


def _quotients(below: str, *above: str) -> Callable[[Check], Iterator[Place]]:
    """Return the relation of settings of one device to another setting of it."""

    def places(found: Check) -> Iterator[Place]:
        for place, device in enumerate(found.scenario.devices):
            for name in above:
                upper, lower = getattr(device, name, None), getattr(device, below, None)
                if upper and lower:
                    yield f"devices.{place}.{name}", upper / lower

    return places


def _marginal_cost(found: Check) -> Iterator[Place]:
    for place, device in enumerate(found.scenario.devices):
        if (cost := getattr(device, "cost_per_mwh", None)) is not None:
            slope = 2.0 * getattr(device, "cost_quadratic_per_mw2h", 0.0)
            yield f"devices.{place}.cost_per_mwh", cost + slope * getattr(device, "p_max_mw", 0.0)


def _given_load(found: Check) -> Iterator[Place]:
    try:
        file = given_load_file(found.scenario.given, found.files)
    except InputError:  # told where series are checked
        return
    total, load = _file_peak(found, file, whole=True), _load_mw(found)
    if total is not None and load > 0.0:
        yield "given.ev_load_mw", total / load


def _file_prices(found: Check) -> Iterator[Place]:
    scenario = found.scenario
    rule = scenario.coupling.rule
    for path, file in (
        *((f"coupling.ev_price.{name}", getattr(rule.settings, name)) for name in rule.files),
        ("given.station_price_per_mwh", scenario.given.station_price_per_mwh),
    ):
        if (size := _file_peak(found, file, whole=False)) is not None:
            yield path, size


def _file_peak(found: Check, file: str | None, *, whole: bool) -> float | None:
    """Return the largest size in a file of series, or of the sum of its columns."""
    if file is None:
        return None
    try:
        values = by_name(file, tuple(found.files.series(file)), found.scenario.periods, found.files)
    except InputError:  # told where series are checked
        return None
    return float(np.abs(values.sum(axis=1) if whole else values).max(initial=0.0))


RELATIONS: dict[str, Callable[[Check], Iterator[Place]]] = {
    "free-flow time of a trip": _trip_time,
    "theta times the time of a trip": _theta,
    "trips over the capacity of the links at a node": _saturation,
    "time to charge one vehicle": _charge_time,
    "largest load of all buses": _load,
    "reactive over active load": _power_factor,
    "rating over largest load": _ratings,
    "offered power over rating": _offered,
    "apparent over active rating": _quotients("p_max_mw", "s_max_mva"),
    "capacity over power": _quotients("p_max_mw", "capacity_mwh"),
    "ramp over power": _quotients("p_max_mw", "ramp_mw_per_h"),
    "reactive over active rating": _quotients("p_max_mw", "q_max_mvar", "q_min_mvar"),
    "marginal cost at full power": _marginal_cost,
    "given charging over largest load": _given_load,
    "price of charging in a file": _file_prices,
}
"""Quantities that are no single value: where each stands, and its size."""
