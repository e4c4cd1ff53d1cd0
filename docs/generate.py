"""Write the generated parts of the pages: ``python docs/generate.py``.

A part stands between ``<!-- begin DIRECTIVE -->`` and ``<!-- end -->``; DIRECTIVE is a name in `DIRECTIVES` and its
arguments. Tables come from the code (schema, ports, columns, statuses), files from ``docs/examples``. A key, column or
status without a meaning is an error, so that nothing new stays untold.
"""

from __future__ import annotations

import csv
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter

from cosim.charging.behaviour import BehaviourSettings
from cosim.coupling.prices import PRICES
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchSettings
from cosim.dispatch.tariffs import TARIFFS
from cosim.grid import table_rules
from cosim.quantities import COLUMNS, PORTS
from cosim.quantities.bands import BANDS, NOT_JUDGED, PER_EURO
from cosim.quantities.checks import ABILITIES, CHECKS, SETTABLE, Check, GateLimits
from cosim.quantities.status import EXIT_CODES, Status
from cosim.reports.paper.equations import EQUATIONS
from cosim.reports.paper.figures import FIGURES
from cosim.scenario import schema
from cosim.timeline import SeriesRef
from cosim.traffic.formats import csv as roads_csv
from cosim.validation.micro_limits import MicroLimits

DOCS = Path(__file__).resolve().parent
PAGES = ("scenarios.md", "mosaik.md", "results.md", "paper.md")
REGION = re.compile(r"(<!-- begin (?P<directive>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)
NESTED = (
    "traffic",
    "ev",
    "stations",
    "feeder",
    "devices",
    "tariff",
    "dispatch",
    "outages",
    "coupling",
    "given",
    "microsim",
    "gates",
)

FAMILIES: dict[str, Mapping[str, Any]] = {
    "device": catalogue(),
    "law": schema.station_laws(),
    "tariff": TARIFFS,
    "price": PRICES,
}

SECTIONS: dict[str, type] = {
    "scenario": schema.Scenario,
    "traffic": schema.Traffic,
    "od": schema.OdPair,
    "ev": schema.ElectricVehicles,
    "charge_later": schema.ChargeLater,
    "behaviour": BehaviourSettings,
    "stations": schema.StationEntry,
    "feeder": schema.FeederSettings,
    "dispatch": DispatchSettings,
    "outages": schema.OutageEntry,
    "coupling": schema.Coupling,
    "given": schema.Given,
    "microsim": schema.Microsim,
    "thresholds": MicroLimits,
    "gates": GateLimits,
    "series": SeriesRef,
    **{f"{family}.{kind}": one.Settings for family, members in FAMILIES.items() for kind, one in members.items()},
}

_UNITS = {
    "theta_per_min": "1/min",
    "value_of_time_per_min": "money/min",
    "cost_quadratic_per_mw2h": "money/(MW² h)",
    "consumption_kwh_per_km": "kWh/km",
    "ramp_mw_per_h": "MW/h",
    "voltage_slack_price": "money/(pu² h)",
    "access_fee": "money",
    "soc_min": "",
    "slow_kw": "kW",
    "vn_kv": "kV",
    "r_ohm_per_km": "Ω/km",
    "x_ohm_per_km": "Ω/km",
    "c_nf_per_km": "nF/km",
    "g_us_per_km": "µS/km",
    "max_i_ka": "kA",
    "max_loading_percent": "%",
    "length_km": "km",
    "speed_kmh": "km/h",
}
_ENDINGS = {
    "_per_mwh": "money/MWh", "_vph": "veh/h", "_min": "min", "_kwh": "kWh", "_kw": "kW", "_mwh": "MWh", "_mw": "MW",
    "_mva": "MVA", "_mvar": "Mvar", "_pu2": "pu²", "_pu": "pu", "_h": "h",
}  # fmt: skip


def _limit_meaning(rows: tuple[Check, ...]) -> str:
    """Return what a limit of the gate is of, from the table of checks."""
    if len(rows) > 1:
        return "from which on counts: " + ", ".join(f"`{row.name}`" for row in rows)
    (row,) = rows
    return f"{row.meaning}; set `{row.set_by}` instead" if row.set_by else row.meaning


MEANINGS: dict[str, str] = {
    **{f"scenario.{key}": f"section `{key}`, below" for key in NESTED},
    "scenario.sources": "where values come from: dotted path: citation; see below",
    "title": "shown in tables and reports",
    "description": "free text",
    "currency": "name of the money in all prices and costs; nothing is converted",
    "seed": "of everything random (`fast_charge_share: mcmc`)",
    "periods": "number of periods, from midnight",
    "period_min": "length of a period; must divide 1440",
    "origin": "node",
    "destination": "node",
    "trips_vph": "trips at profile value 1",
    "traffic.theta_per_min": "dispersion of the logit route choice; small: spread out, large: all on the cheapest path",
    "traffic.demand": "list of pairs, or CSV file with columns `origin`, `destination`, `trips_vph`",
    "traffic.method": "`auto`, `newton`, `mirror_bb`, `sra`, `msa`, or an installed one",
    "traffic.iteration_limit": "most iterations; none: the method's own limit",
    "traffic.overlap_beta": "weight of `path_size`",
    "traffic.paper_step_test_vph": "only with `msa`: also stop when the path flows change less",
    "msa_step": "step of the method `msa`",
    "ev.fast_charge_share": "share of their trips with a fast charge; `mcmc`: from a simulated fleet",
    "ev.behaviour": "the fleet, with `fast_charge_share: mcmc`; keys below, all optional",
    "ev.charge_later": "lets vehicles pass the stations, at a constant cost; none: all who look for one charge",
    "ev.recharge_share": "share of the battery charged in one visit; the same energy for every vehicle",
    "ev.value_of_time_per_min": "turns prices and fees into minutes of route choice",
    "battery_kwh": "battery of a vehicle",
    "behaviour.distance_log_mean": "of the lognormal daily distance, split evenly over the day's trips",
    "behaviour.distance_log_sd": "of the same",
    "behaviour.first_departure_mean_h": "first trip of a day, hour of the clock",
    "behaviour.first_departure_sd_h": "of the same",
    "behaviour.evening_departure_mean_h": "last trip; past midnight it belongs to the next day",
    "behaviour.evening_departure_sd_h": "of the same",
    "behaviour.midday_trip_share": "vehicles with a trip between the two",
    "behaviour.midday_departure_mean_h": "when it begins",
    "behaviour.midday_departure_sd_h": "of the same",
    "behaviour.soc_mean": "state of charge at the first departure, truncated normal",
    "behaviour.soc_sd": "of the same",
    "behaviour.soc_min": "of the same",
    "behaviour.soc_max": "of the same",
    "behaviour.consumption_kwh_per_km": "energy of driving",
    "behaviour.battery_kwh": "battery of a vehicle of the fleet",
    "behaviour.slow_kw": "power of a slow charger",
    "behaviour.fast_kw": "power of a fast charger",
    "behaviour.charge_efficiency": "of charging",
    "behaviour.fast_threshold_sd": "of the same",
    "name": "unique name",
    "node": "road node; required with roads",
    "stations.bus": "feeder bus; required with a grid",
    "bus": "feeder bus",
    "chargers": "number of chargers (first form)",
    "charger_kw": "power of one charger (first form)",
    "access_min": "time besides the service (first form)",
    "stations.law": "travel-time law and its settings, by `kind`; below",
    "stations.free_flow_min": "access and service time (second form)",
    "stations.capacity_vph": "vehicles served per hour (second form)",
    "slack_bus": "bus that the upstream grid feeds",
    "slack_vm_pu": "voltage held there; keep it inside the limits",
    "voltage_limits": "`scenario`: `v_min_pu`, `v_max_pu` hold for every bus; `file`: each keeps its own of bus.csv",
    "v_min_pu": "lower voltage limit of every bus; with `voltage_limits: file` of those without their own",
    "v_max_pu": "upper voltage limit; the same",
    "base_mva": "base of the per-unit system",
    "feeder.current_limits": "whether `max_i_ka` of line.csv binds",
    "device.gas_turbine.p_max_mw": "largest active power; the smallest is 0",
    "device.gas_turbine.q_min_mvar": "smallest reactive power",
    "device.gas_turbine.q_max_mvar": "largest reactive power",
    "device.gas_turbine.cost_quadratic_per_mw2h": "a of the cost a P² + b P per hour",
    "device.gas_turbine.cost_per_mwh": "b of the same",
    "device.storage.capacity_mwh": "energy capacity",
    "device.storage.p_max_mw": "largest charge and discharge power",
    "device.storage.s_max_mva": "inverter rating",
    "device.storage.soc_min": "lowest energy, as a share of the capacity",
    "device.storage.soc_max": "highest energy, as a share",
    "device.storage.soc_initial": "energy before the first period, as a share",
    "charge_efficiency": "energy stored per energy taken",
    "discharge_efficiency": "energy given per energy taken from the store",
    "device.substation.import_max_mw": "limit of the import; none: no limit",
    "device.substation.export_max_mw": "limit of the export; none: no limit",
    "kind": "which one this is",
    "base_per_mwh": "price inside the band",
    "sigma_threshold": "half-width of the band around the mean equivalent load, as a share of its range over the day",
    "sigma_price": "surcharge above the band and discount below it",
    "prices_per_mwh": "price of each period",
    "dispatch.ev_curtailment_price_per_mwh": "price of charging load not served, where nothing else answers",
    "dispatch.shedding_price_per_mwh": "price of base load not served, where nothing else answers",
    "dispatch.voltage_slack_price": "price of missed voltage limits; none keeps them hard",
    "dispatch.solver": "`auto` or a backend (`cosim plan` names it)",
    "coupling.mode": "`sequential`: roads, then grid; `iterated`: price and flow agree in each period",
    "coupling.ev_price": "what drivers see, and its settings, by `kind`; below",
    "tolerance_mw": "the iteration ends when the load moves less",
    "round_limit": "most dispatches of one iteration",
    "given.station_price_per_mwh": "CSV file, without a grid: `period`, one column per station; with the rule `nodal`",
    "given.ev_load_mw": "CSV file, without roads: `period` and one column per bus that charges, named by its id",
    "microsim.thresholds": "limits of the verdict of `cosim validate`; keys below",
    "thresholds.residual": "largest residual R of the stored flows: what is no equilibrium is not validated as one",
    "thresholds.geh": "GEH below which a link counts as reproduced",
    "thresholds.total_flow_rel": "largest relative difference of the sums of all link flows",
    **{f"gates.{key}": _limit_meaning(rows) for key, rows in SETTABLE.items()},
    "file": "CSV file of the scenario's folder",
    "column": "its column",
    "scale": "factor of all its values",
}

_NODES = {"id": "unique id", "x": "coordinate; no result depends on it", "y": "the same"}
_LINKS = {
    "id": "unique id",
    "from_node": "node at which the link begins",
    "to_node": "node at which it ends; a two-way road is two links",
    "free_flow_min": "travel time without traffic (t0)",
    "capacity_vph": "capacity (cap); `traffic.capacity_column` may choose another column",
    "alpha": "of t0 (1 + alpha (v/cap)^beta)",
    "beta": "of the same",
    "capacity_*_vph": "further capacities, for `traffic.capacity_column`",
    "length_km": "with the time, the speed is checked for plausibility",
    "lanes": "more than 3000 veh/h a lane are refused",
    "speed_kmh": "not used",
    "law": "travel-time law (`link-times.md`), empty: `bpr`; its other settings are further columns",
}
_BUS = {
    "id": "unique id",
    "vn_kv": "nominal voltage, the same at every bus",
    "name": "not used",
    "x": "coordinate; no result depends on it; only with y",
    "y": "the same; only with x",
    "min_vm_pu": "lower voltage limit; used with `feeder.voltage_limits: file`",
    "max_vm_pu": "upper voltage limit; the same",
    "in_service": "must be true",
}
_LINE = {
    "id": "unique id",
    "from_bus": "bus at one end",
    "to_bus": "bus at the other end; the lines in service form a tree",
    "length_km": "length",
    "r_ohm_per_km": "resistance",
    "x_ohm_per_km": "reactance",
    "c_nf_per_km": "must be 0: line charging is not modelled",
    "name": "not used",
    "g_us_per_km": "must be 0",
    "max_i_ka": "current limit, empty for none; binds with `feeder.current_limits: true`",
    "max_loading_percent": "usable share of the limit, default 100",
    "df": "derating of the limit, default 1",
    "parallel": "number of parallel lines, default 1",
    "in_service": "false: the line is open and left out",
}
_LOAD = {
    "id": "unique id",
    "bus": "its bus; several loads at one bus add up",
    "p_mw": "active load at profile value 1",
    "q_mvar": "reactive load at profile value 1",
    "name": "not used",
    "scaling": "factor of the row, default 1",
    "in_service": "false: left out",
}
TABLES: dict[str, tuple[Mapping[str, type], Mapping[str, type], Mapping[str, str]]] = {
    "nodes.csv": (roads_csv.NODE_COLUMNS, {}, _NODES),
    "links.csv": (roads_csv.LINK_COLUMNS, roads_csv.OTHER_LINK_COLUMNS, _LINKS),
    "bus.csv": (table_rules.BUS, table_rules.BUS_OPTIONAL, _BUS),
    "line.csv": (table_rules.LINE, table_rules.LINE_OPTIONAL, _LINE),
    "load.csv": (table_rules.LOAD, table_rules.LOAD_OPTIONAL, _LOAD),
}

STATUSES: dict[Status, str] = {
    "failed": "no usable answer: the dispatch is infeasible even with the last resorts, or a check found a defect",
    "not_converged": "assignment, price-flow loop, dispatch or AC power flow did not reach its tolerance",
    "relaxation_inexact": "cone gap, or difference from the AC state, too large: the relaxed numbers do not hold",
    "ac_violation": "the AC state breaks a voltage or current limit",
    "voltage_relaxed": "a voltage limit was missed at a price (`dispatch.voltage_slack_price`)",
    "optimal_with_shed": "base load was not served, at a price",
    "optimal_with_ev_curtailment": "charging load was not served, at a price",
    "requirement_relaxed": "a device missed its own requirement: end of storage, balance of demand response, must-take",
    "inexact_restored": "an inexact relaxation was repaired, the AC state holds, and it may have cost something",
    "station_overloaded": "a station is asked for more than its chargers' power: who is left over waits, or leaves",
    "equilibrium_not_unique": "nothing proves the equilibrium, and loops from other prices ended at other flows",
    "validation_invalid": "vehicles of a microscopic simulation went wrong, or it contradicts the equilibrium",
    "optimal": "every check passed",
}


def rendered(text: str) -> str:
    """Return a page with every generated part written anew."""

    def replaced(match: re.Match[str]) -> str:
        name, *arguments = match["directive"].split()
        body = DIRECTIVES[name](*arguments)
        return f"{match[1]}{body}\n{match[3]}"

    return REGION.sub(replaced, text)


def _table(header: str, rows: Iterable[Iterable[str]]) -> str:
    head = [f"| {header} |", "|" + "---|" * (header.count("|") + 1)]
    return "\n".join([*head, *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)])


def keys(section: str) -> str:
    """Return the table of a section's keys, from its schema."""
    settings = SECTIONS[section]
    document = TypeAdapter(settings).json_schema(by_alias=True)
    required = document.get("required", [])
    told = _docstring_meanings(settings)
    rows = []
    for key, spec in document["properties"].items():
        default = "required" if key in required or key == "kind" else _default(spec.get("default"))
        own = MEANINGS.get(f"{section}.{key}")
        meaning = own or spec.get("description") or told.get(key) or MEANINGS[key]
        rows.append((f"`{key}`", _value(key, spec), default, _plain(meaning)))
    return _table("key | value | default | meaning", sorted(rows, key=lambda row: row[0] != "`kind`"))


def kinds(family: str) -> str:
    """Return the tables of the keys of a family's kinds, each behind its name and what it is."""
    told = []
    for kind, member in FAMILIES[family].items():
        what = inspect.cleandoc(member.__doc__ or "").splitlines()[0].replace("``", "`")
        told.append(f"`{kind}`: {what}\n\n{keys(f'{family}.{kind}')}")
    return "\n\n".join(told)


def _plain(text: str) -> str:
    text = text.replace("``", "`").replace("None", "none").rstrip(".")
    return text[0].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def _docstring_meanings(settings: type) -> dict[str, str]:
    """Return what the ``Attributes`` sections of a class and its bases say of each field."""
    found: dict[str, str] = {}
    for owner in reversed(settings.__mro__):
        _, _, section = inspect.cleandoc(owner.__doc__ or "").partition("Attributes\n----------\n")
        names: list[str] = []
        for line in section.splitlines():
            if not line.strip():
                break
            if line.startswith(" "):
                found |= {name: f"{found.get(name, '')} {line.strip()}".strip() for name in names}
            else:
                names = line.split(", ")
                found |= dict.fromkeys(names, "")
    return found


def _default(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return "none"
    if value in ([], {}, ""):
        return "empty"
    if isinstance(value, dict):
        return f"`{value['kind']}`" if "kind" in value else "all defaults"
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if isinstance(value, str) else _number(value)


def _value(key: str, spec: Mapping[str, Any]) -> str:
    """Return kind, bounds and unit of a value."""
    options = [option for option in spec.get("anyOf", [spec]) if option.get("type") != "null"]
    words = [_kind(option) for option in options]
    text = " or ".join(dict.fromkeys(words))
    if any("SeriesRef" in str(option.get("$ref", "")) for option in options):
        text = " or ".join([*(word for word in words if word.startswith("`")), "series"])
    unit = unit_of(key)
    return f"{text}, {unit}" if unit and ("number" in text or "series" in text) else text


_BOUNDS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}


def _kind(spec: Mapping[str, Any]) -> str:
    if words := spec.get("enum", [spec["const"]] if "const" in spec else []):
        return " or ".join(f"`{word}`" for word in words)
    if "$ref" in spec or "oneOf" in spec or spec.get("type") == "object":
        return "mapping"
    if spec.get("type") == "array":
        return "list"
    name = {"number": "number", "integer": "whole number", "boolean": "true or false"}.get(spec.get("type", ""), "text")
    if {"minimum", "maximum"} <= spec.keys():
        if spec["minimum"] == spec["maximum"]:
            return _number(spec["minimum"])
        return f"{name} {_number(spec['minimum'])} to {_number(spec['maximum'])}"
    bounds = [f"{sign} {_number(spec[key])}" for key, sign in _BOUNDS.items() if key in spec]
    return " ".join([name, ", ".join(bounds)]).strip()


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def unit_of(name: str) -> str:
    """Return the unit that a name ends with."""
    if name in _UNITS:
        return _UNITS[name]
    return next((unit for ending, unit in _ENDINGS.items() if name.endswith(ending)), "")


def csv_columns(file: str) -> str:
    """Return the table of a CSV file's columns."""
    required, optional, meanings = TABLES[file]
    kinds = {str: "text", float: "number", int: "whole number", bool: "true or false"}
    rows = [
        (f"`{name}`", need, kinds[kind] + (f", {unit_of(name)}" if unit_of(name) else ""), meanings[name])
        for need, columns in (("required", required), ("optional", optional))
        for name, kind in columns.items()
    ]
    return _table("column | | value | meaning", rows)


def ports() -> str:
    """Return the table of all ports."""
    rows = [(f"{p.simulator.capitalize()}.{p.entity}", f"`{p.name}`", p.kind, p.meaning) for p in PORTS]
    return _table("simulator.entity | attribute | kind | meaning", rows)


def columns(table: str) -> str:
    """Return the table of a result table's columns."""
    return _table(
        "column | unit | meaning",
        [(f"`{c.name}`" + "?" * c.may_lack, c.unit, c.meaning) for c in COLUMNS if c.table == table],
    )


def statuses() -> str:
    """Return the table of period statuses, worst first."""
    if missing := set(get_args(Status)) ^ set(STATUSES):
        raise KeyError(f"statuses without meaning, or meanings without status: {sorted(missing)}")
    return _table("status | exit code | meaning", [(f"`{s}`", str(EXIT_CODES[s]), STATUSES[s]) for s in EXIT_CODES])


def checks() -> str:
    """Return the table of checks, and what its words mean."""
    rows = [
        (
            f"`{row.name}`", _accepted(row), f"`{row.limit_key}`" if row.limit_key and not row.set_by else _fixed(row),
            f"`{row.status}`", ", ".join(row.does), _with_floor(row),
        )
        for row in CHECKS.values()
    ]  # fmt: skip
    told = "\n".join(f"* {word}: {meaning}" for word, meaning in ABILITIES.items())
    return _table("check | accepted | limit under `gates:` | beyond it | does | of what", rows) + "\n\n" + told


def _accepted(row: Check) -> str:
    """Return what passes: sense, limit and unit."""
    limit = str(row.limit).lower() if isinstance(row.limit, bool) else row.limit
    number = limit if isinstance(limit, str) else f"{limit:g}"
    if row.sense == "word":
        return f"`{number}`"
    sign = {"max": "≤", "min": "≥", "abs": "±"}[row.sense]
    unit = "" if row.unit == "-" else f" {row.unit.replace('^2', '²')}"
    return f"{sign} {number}{unit}{' per 10 MVA' if row.sized else ''}"


def _fixed(row: Check) -> str:
    return f"`{row.set_by}`" if row.set_by else "fixed"


def _with_floor(row: Check) -> str:
    if not row.relative_to:
        return row.meaning
    return f"{row.meaning}; relative to {row.relative_to}, at least {row.floor:g} {row.floor_unit.replace('^2', '²')}"


def bands() -> str:
    """Return the tables of usual ranges, and of quantities that have none."""
    rows = [
        (f"`{row.name}`" if "." in row.name or "_" in row.name else row.name, f"{row.low:.3g} to {row.high:.6g}"
         + (f" {row.unit}" if row.unit != "-" else ""), row.below, row.above, row.source)
        for row in BANDS.values()
    ]  # fmt: skip
    told = _table("quantity | usual | below | above | source", rows)
    left = _table("not judged | why", [(f"`{name}`", why) for name, why in NOT_JUDGED.items()])
    rates = ", ".join(f"{rate:g} {name}" for name, rate in PER_EURO.items())
    return f"{told}\n\nMoney is converted by 1 EUR = {rates}; in another currency the widest range holds.\n\n{left}"


def file(name: str) -> str:
    """Return a file of ``docs/examples`` as a block of code."""
    path = DOCS / "examples" / name
    language = {".yaml": "yaml", ".csv": "text"}[path.suffix]
    return f"`{path.name}`:\n\n```{language}\n{path.read_text(encoding='utf-8').rstrip()}\n```"


def equations() -> str:
    """Return the table of the paper's equations: where each is computed, and which test holds it."""
    rows = ((str(one.number), one.what, f"`{one.function}`", f"`{one.test}`") for one in EQUATIONS)
    return _table("equation | what | function in `cosim` | test in `tests`", rows)


def reproduction(name: str) -> str:
    """Return a table of the last reproduction that is kept, a row a line; claims as one row a figure."""
    with (DOCS / "reproduction" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        head, *rows = csv.reader(stream)
    if name == "claims":
        figures = {row[0]: (row[0], row[1], row[2], FIGURES[int(row[0])].why) for row in rows}
        return _table("figure | shows | verdict | why not wholly", figures.values())
    return _table(" | ".join(head), rows)


DIRECTIVES: dict[str, Callable[..., str]] = {
    "keys": keys, "kinds": kinds, "csv": csv_columns, "ports": ports, "columns": columns, "statuses": statuses,
    "checks": checks, "bands": bands, "file": file, "equations": equations, "reproduction": reproduction
}  # fmt: skip


def main() -> None:
    """Rewrite the pages."""
    for page in PAGES:
        path = DOCS / page
        path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
