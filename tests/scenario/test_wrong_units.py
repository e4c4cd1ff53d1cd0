"""A factor of 1,000 or 60 is told: every quantity with a unit, in both directions, or the table says why not."""

import csv
import re
from fnmatch import fnmatchcase

import pytest

from cosim.errors import InputError
from cosim.grid.table_rules import BUS, BUS_OPTIONAL, LINE, LINE_OPTIONAL, LOAD, LOAD_OPTIONAL
from cosim.quantities.bands import BANDS, NOT_JUDGED
from cosim.scenario.check_bands import RELATIONS
from cosim.scenario.export import write_folder
from cosim.scenario.json_schema import schema
from cosim.scenario.load import load
from cosim.traffic.formats.csv import LINK_COLUMNS, OTHER_LINK_COLUMNS

# A scenario that has every quantity.
WHOLE = (
    "ev.charge_later={cost_min: 30}", "stations.8={name: '8', node: 8, bus: 16, free_flow_min: 30, capacity_vph: 60}",
    "stations.11.access_fee=10", "devices.ess.wear_cost_per_mwh=50", "devices.gt.q_min_mvar=-0.2",
    "devices.grid.import_max_mw=5", "devices.grid.export_max_mw=5",
    "devices.dr7={kind: interruptible_load, name: dr7, bus: 7, share: 0.3, pay_per_mwh: 105}",
)  # fmt: skip
FLEET = "ev.fast_charge_share=mcmc"
KILO = (1000.0, 1e-3)
TIMES = (60.0, 1 / 60)
PV = "{{file: profiles.csv, column: pv, scale: {:g}}}"
LIST = "[" + ", ".join(["{0:g}"] * 24) + "]"
# Key (the item by its name), its value, factors, and how the value is written.
VALUES = [
    ("period_min", 60, (24.0,), "{:g}"),
    ("traffic.theta_per_min", 0.1, TIMES, "{:g}"),
    ("traffic.demand", 400, (*KILO, 1 / 60, 24.0), "[{{origin: 1, destination: 2, trips_vph: {:g}}}]"),
    ("ev.battery_kwh", 40, KILO, "{:g}"),
    ("ev.value_of_time_per_min", 0.5, (*TIMES, *KILO), "{:g}"),
    ("ev.charge_later.cost_min", 30, TIMES, "{:g}"),
    ("ev.behaviour.consumption_kwh_per_km", 0.17, KILO, "{:g}"),
    ("ev.behaviour.battery_kwh", 40, KILO, "{:g}"),
    ("ev.behaviour.slow_kw", 7, KILO, "{:g}"),
    ("ev.behaviour.fast_kw", 60, KILO, "{:g}"),
    ("stations.11.charger_kw", 60, KILO, "{:g}"),
    ("stations.11.access_min", 10, TIMES, "{:g}"),
    ("stations.8.free_flow_min", 30, TIMES, "{:g}"),
    ("stations.8.capacity_vph", 60, (*KILO, 24.0), "{:g}"),
    ("stations.11.access_fee", 10, KILO, "{:g}"),
    ("feeder.base_mva", 10, KILO, "{:g}"),
    ("feeder.load_profile", 1, KILO, "{:g}"),
    ("devices.gt.p_max_mw", 0.5, KILO, "{:g}"),
    ("devices.gt.ramp_mw_per_h", 0.2, (*KILO, 1 / 60), "{:g}"),
    ("devices.gt.q_max_mvar", 0.375, KILO, "{:g}"),
    ("devices.gt.q_min_mvar", -0.2, KILO, "{:g}"),
    ("devices.gt.cost_per_mwh", 85, KILO, "{:g}"),
    ("devices.ess.capacity_mwh", 1.6, KILO, "{:g}"),
    ("devices.ess.p_max_mw", 0.4, KILO, "{:g}"),
    ("devices.ess.s_max_mva", 0.48, KILO, "{:g}"),
    ("devices.ess.wear_cost_per_mwh", 50, KILO, "{:g}"),
    ("devices.pv.s_max_mva", 0.8, KILO, "{:g}"),
    ("devices.pv.available_mw", 0.677, KILO, PV),
    ("devices.dr7.pay_per_mwh", 105, KILO, "{:g}"),
    ("devices.dr8.pay_per_mwh", 105, KILO, "{:g}"),
    ("devices.grid.import_max_mw", 5, KILO, "{:g}"),
    ("tariff.base_per_mwh", 550, KILO, "{:g}"),
    ("dispatch.loss_price_per_mwh", 100, KILO, "{:g}"),
    ("dispatch.ev_curtailment_price_per_mwh", 2000, KILO, "{:g}"),
    ("dispatch.shedding_price_per_mwh", 10000, KILO, "{:g}"),
]  # fmt: skip
# Column, its factors.
COLUMNS = [
    ("nguyen/links.csv", "free_flow_min", TIMES), ("nguyen/links.csv", "capacity_vph", (*KILO, 24.0)),
    ("nguyen/links.csv", "alpha", (*KILO, 100.0)), ("nguyen/links.csv", "beta", KILO),
    ("ieee33/bus.csv", "vn_kv", KILO), ("ieee33/line.csv", "length_km", KILO),
    ("ieee33/line.csv", "r_ohm_per_km", KILO), ("ieee33/line.csv", "x_ohm_per_km", KILO),
    ("ieee33/load.csv", "p_mw", KILO), ("ieee33/load.csv", "q_mvar", KILO),
]  # fmt: skip
FILES = [("ieee33_grid_only", "ev.csv", KILO)]
UNIT = re.compile(r"_(min|h|s|mwh?|mvar|mva|kwh?|vph|pu|kv|ka|km|kmh|mw2h|fee|slack_price)$")


def told(scenario, overrides=()):
    try:
        return [str(problem) for problem in load(scenario, overrides).warnings]
    except InputError as error:
        return [str(problem) for problem in error.problems]


def scaled(path, columns, factor):
    """Multiply columns of a CSV file; all but the first of it if none is named."""
    with path.open(newline="") as stream:
        head, *rows = csv.reader(stream)
    positions = [head.index(name) for name in columns] if columns else range(1, len(head))
    for row in rows:
        for position in positions:
            row[position] = f"{float(row[position]) * factor:.12g}"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([head, *rows])


def test_the_whole_scenario_is_usual():
    assert told("nguyen_ieee33", WHOLE) == []
    assert told("nguyen_ieee33", [FLEET]) == []


@pytest.mark.parametrize(
    ("key", "value", "factor", "form"), [(k, v, f, form) for k, v, factors, form in VALUES for f in factors]
)
def test_a_value_of_another_unit_is_told(key, value, factor, form):
    base = (FLEET,) if "behaviour" in key else WHOLE
    assert told("nguyen_ieee33", (*base, f"{key}={form.format(value)}")) == []
    lines = told("nguyen_ieee33", (*base, f"{key}={form.format(value * factor)}"))
    assert lines


@pytest.mark.parametrize(("file", "column", "factor"), [(f, c, x) for f, c, factors in COLUMNS for x in factors])
def test_a_column_of_another_unit_is_told(tmp_path, file, column, factor):
    write_folder(load("nguyen_ieee33"), tmp_path / "own")
    scaled(tmp_path / "own" / file, [column], factor)
    assert told(tmp_path / "own")


@pytest.mark.parametrize(("scenario", "file", "factor"), [(s, f, x) for s, f, factors in FILES for x in factors])
def test_a_file_of_another_unit_is_told(tmp_path, scenario, file, factor):
    write_folder(load(scenario), tmp_path / "own")
    scaled(tmp_path / "own" / file, [], factor)
    assert told(tmp_path / "own")


@pytest.mark.parametrize("factor", KILO)
def test_given_prices_of_another_unit_are_told(tmp_path, factor):
    prices = "period,8,11,13\n" + "".join(f"{t},{p},{p},{p}\n" for t, p in ((1, 385), (2, 715), (3, 550)))
    (tmp_path / "prices.csv").write_text(prices)
    (tmp_path / "scenario.yaml").write_text(
        "schema: 1\nextends: nguyen_traffic_only\nperiods: 3\ntraffic: {demand_profile: 1}\n"
        "given: null\ncoupling: {ev_price: {kind: series, file: prices.csv}}\n"
    )
    assert told(tmp_path) == []
    scaled(tmp_path / "prices.csv", [], factor)
    (line,) = told(tmp_path)
    assert "CNY/MWh is outside the usual" in line


@pytest.mark.parametrize("name", BANDS)
def test_each_range_from_both_sides(name):
    """Just inside nothing is said; just outside the value, the usual range and the likely unit."""
    band = BANDS[name]
    for currency in ("EUR", "CNY"):
        low, high = band.range_in(currency)
        assert 0 < low < high
        for inside in (low, high, -high, 0.0, (low * high) ** 0.5):
            assert band.judge(inside, currency) is None
        for outside, likely in ((low * (1 - 1e-9), band.below), (high * (1 + 1e-9), band.above)):
            reason, remedy = band.judge(outside, currency)
            assert reason.startswith(f"{outside:g}")
            assert f"usual {low:g} to {high:g}" in reason
            assert remedy == likely
            assert remedy
    assert band.source


@pytest.mark.parametrize("key", [name for name in BANDS if re.fullmatch(r"[a-z]+\.[a-z_.*]+", name)
                                 and not name.startswith("devices")])  # fmt: skip
def test_each_key_of_the_table_warns_in_a_scenario(key):
    base, (low, high) = (FLEET,) if "behaviour" in key else WHOLE, BANDS[key].range_in("CNY")
    scenario, base = ("ieee33_pv_stress", ()) if key == "tariff.prices_per_mwh" else ("nguyen_ieee33", base)
    direct = key.endswith(("free_flow_min", "capacity_vph"))
    path = key.replace("stations.*", "stations.8" if direct else "stations.11")
    for value, odd in ((low * 1.01, False), (low * 0.99, True), (high * 0.99, False), (high * 1.01, True)):
        lines = told(scenario, (*base, f"{path}={value:g}"))
        refused = any("must be" in line or "are too few" in line for line in lines)  # a bound or rule lies inside
        assert refused or any(f"usual {low:g} to {high:g}" in line for line in lines) == odd, (value, lines)


@pytest.mark.parametrize("factor", KILO)
def test_a_static_tariff_of_another_unit_is_told(factor):
    assert told("ieee33_pv_stress", ["tariff.prices_per_mwh=300"]) == []
    (line,) = told("ieee33_pv_stress", [f"tariff.prices_per_mwh={300 * factor:g}"])
    assert "CNY/MWh is outside the usual" in line


@pytest.mark.parametrize(("minutes", "odd"), [(60, False), (240, False), (288, True), (1440, True)])
def test_hourly_profiles_with_long_periods_are_told(minutes, odd):
    lines = told("nguyen_ieee33", [f"period_min={minutes}"])
    assert any("Hourly profiles need 60" in line for line in lines) == odd


def test_an_unknown_currency_is_judged_by_all_that_are_known():
    band = BANDS["tariff.base_per_mwh"]
    assert band.judge(0.55, "XYZ") is not None
    assert band.judge(150_000.0, "XYZ") is None
    assert band.judge(150_000.0, "CNY") is not None
    assert band.judge(20_000.0, "JPY") is None


def test_every_row_is_judged_somewhere():
    words = {name for name in BANDS if "." not in name.split(":")[0] and ":" not in name and " " in name}
    assert words == set(RELATIONS)


def keys_with_a_unit():
    document = schema()

    def walk(part, path, seen):
        if "$ref" in part:
            name = part["$ref"].rpartition("/")[2]
            if name not in seen:
                yield from walk(document["$defs"][name], path, seen | {name})
            return
        for option in (*part.get("anyOf", ()), *part.get("oneOf", ())):
            yield from walk(option, path, seen)
        if "items" in part:
            yield from walk(part["items"], f"{path}.*", seen)
        for key, below in part.get("properties", {}).items():
            if UNIT.search(key) and key not in {"soc_min"}:
                yield f"{path}.{key}".lstrip(".")
            yield from walk(below, f"{path}.{key}".lstrip("."), seen)

    return sorted(set(walk(document, "", frozenset())))


def columns_with_a_unit():
    tables = {
        "links.csv": {**LINK_COLUMNS, **OTHER_LINK_COLUMNS}, "bus.csv": {**BUS, **BUS_OPTIONAL},
        "line.csv": {**LINE, **LINE_OPTIONAL}, "load.csv": {**LOAD, **LOAD_OPTIONAL},
    }  # fmt: skip
    return [f"{file}:{name}" for file, names in tables.items() for name in names if UNIT.search(name)]


def test_every_quantity_with_a_unit_is_tried_or_has_a_reason():
    tried = {key.replace("stations.11", "stations.*").replace("stations.8", "stations.*") for key, *_ in VALUES}
    tried = {re.sub(r"^devices\.\w+", "devices.*", key) for key in tried}
    tried |= {f"{file.rpartition('/')[2]}:{column}" for file, column, _ in COLUMNS}
    tried |= {"traffic.demand.*.trips_vph", "tariff.prices_per_mwh", "given.ev_load_mw", "devices.*.export_max_mw"}
    tried |= {"given.station_price_per_mwh", "bus.csv:min_vm_pu", "bus.csv:max_vm_pu", "line.csv:max_i_ka"}
    tried |= {"links.csv:capacity_*_vph"}
    left = [
        name
        for name in (*keys_with_a_unit(), *columns_with_a_unit())
        if name not in tried and not any(fnmatchcase(name, pattern) for pattern in NOT_JUDGED)
    ]
    assert left == []


def test_limits_in_ampere_and_voltages_in_kilovolt_are_told(tmp_path):
    write_folder(load("nguyen_ieee33"), tmp_path / "own")
    line, bus = tmp_path / "own/ieee33/line.csv", tmp_path / "own/ieee33/bus.csv"
    text = line.read_text().splitlines()
    for limit, odd in (("0.4", False), ("400", True), ("99999", False)):
        line.write_text("\n".join([text[0] + ",max_i_ka", *(f"{row},{limit}" for row in text[1:])]) + "\n")
        assert [("A?" in said) for said in told(tmp_path / "own")] == [True] * odd
    line.write_text("\n".join(text) + "\n")
    text = bus.read_text().splitlines()
    for limits, odd in (("0.95,1.05", False), ("12.1,13.3", True)):
        bus.write_text("\n".join([f"{text[0]},min_vm_pu,max_vm_pu", *(f"{row},{limits}" for row in text[1:])]) + "\n")
        assert bool([said for said in told(tmp_path / "own") if "kV, or %?" in said]) == odd
