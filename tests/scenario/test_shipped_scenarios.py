import numpy as np
import pytest

from cosim.scenario import shipped
from cosim.scenario.build import announced_price_per_mwh, build_dispatch, build_roads
from cosim.scenario.export import resolved_yaml, write_folder
from cosim.scenario.load import load
from cosim.workflows.check import check

ALL = shipped.names(shipped.SCENARIOS)


@pytest.fixture(scope="module")
def default():
    return load("nguyen_ieee33")


def test_the_scenarios_are_there():
    assert {"nguyen_ieee33", "nguyen_ieee33_congested", "nguyen_ieee33_coupled", "paper_strict"} < set(ALL)
    assert {"nguyen_traffic_only", "ieee33_grid_only"} < set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_shipped_scenarios_have_no_mistake_and_no_warning(name):
    findings = check(name)
    assert findings.mistakes == ()
    assert findings.warnings == ()


@pytest.mark.parametrize("name", ALL)
def test_every_value_says_where_it_comes_from(name):
    silent = [path for path, _, source in load(name).values() if source.startswith(("this scenario", "default"))]
    assert silent == []


@pytest.mark.parametrize("name", ALL)
def test_no_source_is_superfluous(name):
    loaded = load(name)
    used = {source for _, _, source in loaded.values()}
    assert set(loaded.scenario.sources.values()) <= used


@pytest.mark.parametrize("name", ALL)
def test_an_exported_folder_stands_alone_and_means_the_same(name, tmp_path):
    loaded = load(name, ["seed=5"])
    again = load(write_folder(loaded, tmp_path / "out"))
    assert again.resolved == loaded.resolved
    assert {file.sha256 for file in again.inputs if file.name.endswith(".csv")} == {
        file.sha256 for file in loaded.inputs if file.name.endswith(".csv")
    }
    assert len(again.files.folders) == 1
    assert resolved_yaml(again) == resolved_yaml(loaded)


# The paper's text: which numbers it gives (Ma et al. 2024).
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("feeder.v_min_pu", 0.95), ("feeder.v_max_pu", 1.05), ("feeder.base_mva", 10), ("devices.gt.p_max_mw", 0.5),
        ("devices.gt.ramp_mw_per_h", 0.2), ("devices.gt.cost_quadratic_per_mw2h", 0.024),
        ("devices.gt.cost_per_mwh", 85), ("devices.ess.bus", "18"), ("devices.ess.soc_min", 0.2),
        ("devices.ess.soc_max", 0.8), ("devices.pv.bus", "28"), ("devices.wind.bus", "14"), ("devices.dr7.share", 0.3),
        ("devices.dr25.pay_per_mwh", 105), ("devices.dr24.bus", "24"), ("devices.dr8.bus", "8"),
    ],
)  # fmt: skip
def test_values_of_the_paper_are_marked_as_such(default, path, value):
    found = {where: (number, source) for where, number, source in default.values()}
    place = path.split(".")
    if place[0] == "devices":
        names = [device.name for device in default.scenario.devices]
        place[1] = str(names.index(place[1]))
    number, source = found[".".join(place)]
    assert number == value
    assert source.startswith("paper")


def test_stations_stand_where_the_paper_puts_them_in_the_grid(default):
    assert [station.bus for station in default.scenario.stations] == ["16", "20", "32"]


def test_assumed_values_are_marked_as_such(default):
    for path in (
        "traffic.theta_per_min",
        "ev.share",
        "stations.8.chargers",
        "feeder.slack_vm_pu",
        "tariff.sigma_price",
    ):
        assert default.source(path) == "assumed"


def test_profiles_are_scaled_to_the_installed_power(default):
    case = build_dispatch(default)
    assert case.series["pv"]["available_mw"].max() == pytest.approx(0.72)  # 0.9 of 0.8 MW at noon
    assert case.series["wind"]["available_mw"].max() == pytest.approx(0.42)
    assert case.base_p_mw.sum(axis=0).max() == pytest.approx(3.715)  # nominal load of the feeder in hour 20
    assert np.argmax(case.base_p_mw.sum(axis=0)) == 19


def test_energy_of_the_day_follows_from_eq_2_and_eq_9(default):
    # 2000 veh/h x 24 profile values x 20 % x 12 % x 20 kWh
    hours = sum(default.files.series("profiles.csv")["od"])
    assert build_roads(default).charging_total_mw.sum() == pytest.approx(2000 * hours * 0.024 * 0.020)


def test_peak_and_valley_hours_of_the_dynamic_tariff(default):
    tariff = build_dispatch(default).tariff_per_mwh
    assert [hour for hour, price in enumerate(tariff, start=1) if price > 550] == [18, 19, 20, 21, 22]
    assert [hour for hour, price in enumerate(tariff, start=1) if price < 550] == [1, 2, 3, 4, 5, 6]
    assert set(tariff) == {385.0, 550.0, 715.0}


def test_each_of_the_25_paths_meets_exactly_one_station(default):
    roads = build_roads(default)
    charging = [
        p for p, commodity in enumerate(roads.paths.commodity) if roads.paths.commodities[commodity].needs_station
    ]
    assert len(charging) == 25
    assert len(roads.paths) == 50


def test_congested_and_strict_change_only_what_they_say(default):
    congested, strict = load("nguyen_ieee33_congested"), load("paper_strict")
    ours = {path: value for path, value, _ in default.values()}

    def changed(loaded):
        return {path: value for path, value, _ in loaded.values() if ours[path] != value and path != "title"}

    assert changed(congested) == {"traffic.capacity_column": "capacity_congested_vph"}
    unity = {f"devices.{place}.reactive": False for place in (2, 3, 4)}
    assert changed(strict) == {"feeder.slack_vm_pu": 1.0} | unity
    small, large = build_roads(congested), build_roads(default)
    assert (small.network.capacity_vph <= large.network.capacity_vph).all()
    assert small.network.capacity_vph.sum() < large.network.capacity_vph.sum()


def test_given_prices_differ_between_stations():
    prices = announced_price_per_mwh(load("nguyen_traffic_only"), None)
    assert prices.shape == (3, 24)
    assert (np.ptp(prices, axis=0) > 0).all()
