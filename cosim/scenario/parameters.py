"""The numbers of a scenario that its answer may hang on: where each stands, its value and its source.

Numbers that belong together (all stations' chargers, the four contracts of demand response) are one parameter, unless
`detail` asks for each. What cannot be varied is listed with the reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from cosim.dispatch.devices import catalogue
from cosim.dispatch.tariffs import TARIFFS
from cosim.scenario.load import LoadedScenario
from cosim.scenario.road_files import read_streets
from cosim.scenario.road_sections import MCMC
from cosim.scenario.schema import StationEntry
from cosim.timeline import SeriesRef
from cosim.traffic.network import RoadNetwork

Key = tuple[str | int, ...]
Change = Literal["scale", "retail", "spread"]
"""Of a relative step s: ``scale`` value (1 + s); ``retail`` (1 + value) (1 + s) - 1; ``spread`` mean + (value - mean)
(1 + s)."""
LINK_FIELDS = {"capacity_vph": "capacit", "free_flow_min": "network", "alpha": "BPR", "beta": "BPR"}
"""Columns of ``links.csv`` that are parameters, and the word by which the source of ``roads`` tells of each."""
STATION_FIELDS = ("charger_kw", "access_min", "capacity_vph", "free_flow_min")
MARKUP = "markup"
"""The setting of rules of prices by which a price grows: 0 is no change of it."""
VALUE_OF_TIME = "ev.value_of_time_per_min"
LAST_RESORTS = ("ev_curtailment_price_per_mwh", "shedding_price_per_mwh", "voltage_slack_price")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number, or several that are varied together.

    Attributes
    ----------
    name
        Dotted path; ``*`` stands for all items of a list.
    section
        ``roads``, ``ev``, ``stations``, ``prices``, ``grid`` or ``devices``.
    source
        What the scenario's ``sources`` say of it.
    keys
        Places in the scenario.
    change
        What a relative step does to the value.
    value
        The value, if it is one number.
    link_field, links
        In place of ``keys``: a column of the road network, and its links; with ``servers``, chargers as fractions.
    given
        In place of ``keys``: the field of the case, or of its roads, that holds a given series.
    """

    name: str
    section: str
    source: str
    keys: tuple[Key, ...] = ()
    change: Change = "scale"
    value: float | None = None
    link_field: str = ""
    links: tuple[str, ...] = ()
    given: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Those that are varied, and (name, reason) of those that are not."""

    varied: tuple[Parameter, ...]
    left: tuple[tuple[str, str], ...]


def parameters(loaded: LoadedScenario, *, detail: bool = False) -> Parameters:
    """Return the parameters of a scenario.

    Parameters
    ----------
    loaded
        The scenario.
    detail
        Each link's capacity, each station and each device by itself, besides all together.
    """
    found = _Found(loaded, detail)
    scenario = loaded.scenario
    if scenario.has_roads:
        _roads(found)
    if scenario.ev is not None and scenario.has_roads:
        _vehicles(found)
        _stations(found)
    if scenario.has_grid:
        _prices(found)
        _feeder(found)
        _devices(found)
    _given(found)
    return Parameters(varied=tuple(found.varied), left=tuple(found.left))


class _Found:
    """Collects parameters; a value of 0 is left out, since a relative change changes nothing there."""

    def __init__(self, loaded: LoadedScenario, detail: bool) -> None:
        self.loaded = loaded
        self.detail = detail
        self.varied: list[Parameter] = []
        self.left: list[tuple[str, str]] = []

    def add(self, name: str, section: str, *keys: Key, change: Change = "scale", also: str = "") -> None:
        """Add a parameter at these places of the scenario; ``also`` is a path whose source counts as well."""
        numbers = [_number(value_at(self.loaded.scenario, key)) for key in keys]
        if not keys or all(number is None for number in numbers):
            return
        if all(number == 0.0 for number in numbers) and change != "retail":
            self.left.append((name, "the value is 0: a relative change changes nothing"))
            return
        one = numbers[0] if len(set(numbers)) == 1 and isinstance(numbers[0], float) else None
        paths = [*(".".join(map(str, key)) for key in keys), *([also] if also else [])]
        self.varied.append(
            Parameter(name=name, section=section, source=self.source(*paths), keys=keys, change=change, value=one)
        )

    def source(self, *paths: str) -> str:
        """Return the sources of several places; each once."""
        return "; ".join(dict.fromkeys(self.loaded.source(path) for path in paths))


def value_at(scenario: Any, key: Key) -> Any:  # noqa: ANN401 - any value of a scenario
    """Return the value at a place."""
    for part in key:
        scenario = scenario[part] if isinstance(part, int) else getattr(scenario, part)
    return scenario


def _number(value: object) -> float | tuple[float, ...] | str | None:
    """Return a number, listed numbers or the name of a file; None where there is nothing to vary."""
    if isinstance(value, SeriesRef):
        return 0.0 if value.scale == 0.0 else value.file
    if isinstance(value, tuple):
        return 0.0 if not any(value) else value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _roads(found: _Found) -> None:
    loaded = found.loaded
    traffic, roads = loaded.scenario.traffic, loaded.scenario.roads
    if traffic is None or roads is None:
        return
    found.add("traffic.theta_per_min", "roads", ("traffic", "theta_per_min"))
    found.add("traffic.demand (all trips)", "roads", ("traffic", "demand_profile"), also="traffic.demand")
    if traffic.overlap != "none":
        found.add("traffic.overlap_beta", "roads", ("traffic", "overlap_beta"))
    network = read_streets(roads, traffic.capacity_column, loaded.files)
    for field, word in LINK_FIELDS.items():
        path = "traffic.capacity_column" if field == "capacity_vph" else "roads"
        source = _clause(found.source(path), word) if path == "roads" else found.source(path)
        found.varied += _link_parameters(found, network, field, source)


def _clause(source: str, word: str) -> str:
    """Return the part of a source that tells of one thing (``network: A; capacities: B``), or all of it."""
    found = next((part for part in source.split(";") if word.lower() in part.lower()), source)
    return found.strip().removeprefix("network: ")


def _link_parameters(found: _Found, network: RoadNetwork, field: str, source: str) -> Iterator[Parameter]:
    values = getattr(network, field)
    if not values.any():
        found.left.append((f"roads.*.{field}", "the value is 0: a relative change changes nothing"))
        return
    same = float(values[0]) if (values == values[0]).all() else None
    groups: list[tuple[str, tuple[str, ...], float | None]] = [("*", network.link_ids, same)]
    if found.detail and field == "capacity_vph":
        groups += [(name, (name,), float(value)) for name, value in zip(network.link_ids, values, strict=True)]
    for name, links, value in groups:
        yield Parameter(
            name=f"roads.{name}.{field}", section="roads", source=source, value=value, link_field=field, links=links
        )


def _vehicles(found: _Found) -> None:
    ev = found.loaded.scenario.ev
    if ev is None:
        return
    found.add("ev.share", "ev", ("ev", "share"))
    if ev.fast_charge_share == MCMC:
        found.left.append(("ev.fast_charge_share", "it comes from the simulated fleet (mcmc), not from a number"))
    else:
        found.add("ev.fast_charge_share", "ev", ("ev", "fast_charge_share"))
    # The energy is share times battery, so both do the same; a share of 1 cannot grow, the battery can.
    found.add("ev.battery_kwh (energy per visit)", "ev", ("ev", "battery_kwh"), also="ev.recharge_share")
    found.add(VALUE_OF_TIME, "ev", ("ev", "value_of_time_per_min"))
    if ev.charge_later is not None:
        found.add("ev.charge_later.cost_min", "ev", ("ev", "charge_later", "cost_min"))


def _stations(found: _Found) -> None:
    stations = found.loaded.scenario.stations
    _chargers(found, stations)
    laws: list[Key] = [("law", name) for name in dict.fromkeys(name for entry in stations for name in _of_law(entry))]
    fields_of: list[Key] = [*((name,) for name in STATION_FIELDS), *laws, ("access_fee",)]
    for field in fields_of:
        places = [place for place, entry in enumerate(stations) if _reads(entry, field)]
        name = ".".join(map(str, field))
        found.add(f"stations.*.{name}", "stations", *(("stations", place, *field) for place in places))
        if found.detail:
            for place in places:
                found.add(f"stations.{stations[place].name}.{name}", "stations", ("stations", place, *field))


def _chargers(found: _Found, stations: Sequence[StationEntry]) -> None:
    """Add the chargers; a count has no small steps, what it does to capacity and servers has."""
    counts = {entry.name: entry.chargers for entry in stations if entry.chargers is not None}
    groups = [("*", tuple(counts))] if counts else []
    groups += [(name, (name,)) for name in counts] if found.detail else []
    for name, members in groups:
        numbers = {counts[member] for member in members}
        found.varied.append(
            Parameter(
                name=f"stations.{name}.chargers", section="stations", link_field="servers", links=members,
                source=found.source(*(f"stations.{member}.chargers" for member in members)),
                value=float(numbers.pop()) if len(numbers) == 1 else None,
            )
        )  # fmt: skip


def _of_law(entry: StationEntry) -> list[str]:
    """Return the settings that a station's law declares itself; the knee that all have tells only what is told."""
    numbers = _numbers(entry.law, ())
    return [name for name in inspect.get_annotations(type(entry.law)) if name in numbers]


def _reads(entry: StationEntry, field: Key) -> bool:
    return field[-1] in _of_law(entry) if len(field) > 1 else getattr(entry, str(field[0])) is not None


def _prices(found: _Found) -> None:
    scenario = found.loaded.scenario
    for name in _numbers(scenario.tariff, TARIFFS[scenario.tariff.kind].series_fields) if scenario.tariff else ():
        key: Key = ("tariff", name)
        found.add(f"tariff.{name}", "prices", key)
        if isinstance(getattr(scenario.tariff, name), tuple):
            found.add(f"tariff.{name} (spread)", "prices", key, change="spread")
    found.add("dispatch.loss_price_per_mwh", "prices", ("dispatch", "loss_price_per_mwh"))
    for name in LAST_RESORTS:
        found.add(f"dispatch.{name}", "prices", ("dispatch", name))
    if scenario.dispatch is not None and scenario.dispatch.forecast == "noisy":
        found.add("dispatch.forecast_error", "grid", ("dispatch", "forecast_error"))
    for name in _numbers(scenario.coupling.ev_price, ()) if scenario.has_roads else ():
        path = f"coupling.ev_price.{name}"
        if name == MARKUP:
            found.add(f"{path} (as 1 + markup)", "prices", ("coupling", "ev_price", name), change="retail")
        else:
            found.add(path, "prices", ("coupling", "ev_price", name))


def _feeder(found: _Found) -> None:
    settings = found.loaded.scenario.feeder
    names = ["load_profile", "slack_vm_pu"]
    if settings is None or settings.voltage_limits == "scenario":
        names += ["v_min_pu", "v_max_pu"]
    else:
        found.left.append(("feeder.voltage_limits", "the limits of the buses stand in bus.csv"))
    for name in names:
        shown = "load_profile (base load)" if name == "load_profile" else name
        found.add(f"feeder.{shown}", "grid", ("feeder", name))


def _devices(found: _Found) -> None:
    """Add every number of every device; equal kinds together."""
    devices, kinds = found.loaded.scenario.devices, catalogue()
    for kind in dict.fromkeys(device.kind for device in devices):
        places = [place for place, device in enumerate(devices) if device.kind == kind]
        for field in _numbers(devices[places[0]], kinds[kind].series_fields):
            keys: list[Key] = [("devices", place, field) for place in places]
            keys = [key for key in keys if value_at(found.loaded.scenario, key) is not None]
            label = devices[places[0]].name if len(places) == 1 else f"*{kind}"
            found.add(f"devices.{label}.{field}", "devices", *keys)
            if found.detail and len(keys) > 1:
                for key in keys:
                    found.add(f"devices.{devices[int(key[1])].name}.{field}", "devices", key)


def _numbers(settings: Any, series_fields: Sequence[str]) -> list[str]:  # noqa: ANN401 - any settings
    """Return the names of the fields that hold numbers; counts and truth values are none."""
    return [
        item.name
        for item in fields(settings)
        if item.name in series_fields or isinstance(getattr(settings, item.name), float)
    ]


def _given(found: _Found) -> None:
    """Add series that stand in files and come in place of a simulator."""
    scenario = found.loaded.scenario
    if scenario.given.ev_load_mw is not None:
        source = found.source("given.ev_load_mw")
        found.varied.append(Parameter(name="given.ev_load_mw", section="ev", source=source, given="given_load_mw"))
    paths = [f"coupling.ev_price.{name}" for name in scenario.coupling.rule.files]
    paths += ["given.station_price_per_mwh"] if scenario.given.station_price_per_mwh else []
    for path in paths[:1] if scenario.has_roads else ():
        for suffix, change in (("", "scale"), (" (spread)", "spread")):
            found.varied.append(
                Parameter(
                    name=path + suffix, section="prices", source=found.source(path), given="announced_price_per_mwh",
                    change="spread" if change == "spread" else "scale",
                )
            )  # fmt: skip
