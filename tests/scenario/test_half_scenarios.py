"""A scenario may have roads alone or a grid alone; stations state chargers or macroscopic parameters."""

import numpy as np
import pytest

from cosim.charging.stations import Station
from cosim.errors import InputError
from cosim.scenario.build import (
    announced_price_per_mwh,
    build_dispatch,
    build_feeder,
    build_given_load_mw,
    build_roads,
    build_stations,
)
from cosim.scenario.load import load


def written(folder, text, **files):
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    path = folder / "scenario.yaml"
    path.write_text("schema: 1\n" + text)
    return path


def test_roads_alone():
    loaded = load("nguyen_traffic_only")
    assert loaded.scenario.has_roads
    assert not loaded.scenario.has_grid
    assert build_feeder(loaded) is None
    assert build_dispatch(loaded) is None
    assert build_given_load_mw(loaded) is None
    assert build_roads(loaded).demand.classes == ("charging", "other")


def test_grid_alone():
    loaded = load("ieee33_grid_only")
    assert build_roads(loaded) is None
    case = build_dispatch(loaded)
    assert case.station_names == ("16", "20", "32")
    assert [case.feeder.bus_ids[bus] for bus in case.station_buses] == ["16", "20", "32"]
    given = build_given_load_mw(loaded)
    assert given.max(axis=0) == pytest.approx([0.214, 0.496, 0.250])
    with_roads = build_dispatch(load("nguyen_ieee33"))
    assert (case.base_p_mw == with_roads.base_p_mw).all()


def test_roads_without_electric_vehicles(tmp_path):
    text = """
roads: nguyen
periods: 2
traffic: {theta_per_min: 0.1, demand: [{origin: 1, destination: 2, trips_vph: 400}], demand_profile: [1, 0.5]}
"""
    roads = build_roads(load(written(tmp_path, text)))
    assert roads.demand.classes == ("other",)
    assert roads.demand_vph.tolist() == [[400.0], [200.0]]
    assert roads.stations == ()
    assert (roads.charging_total_mw == 0).all()


def test_grid_without_charging(tmp_path):
    text = """
grid: ieee33
periods: 3
feeder: {slack_bus: 1, slack_vm_pu: 1.03, v_min_pu: 0.9, v_max_pu: 1.1}
devices: [{kind: substation, name: grid}]
tariff: {kind: static, prices_per_mwh: {file: p.csv, column: price, scale: 2}}
dispatch: {mode: day_ahead}
"""
    case = build_dispatch(load(written(tmp_path, text, p="period,price\n1,10\n2,20\n3,-5\n")))
    assert case.tariff_per_mwh.tolist() == [20.0, 40.0, -10.0]
    assert case.station_names == ()
    assert case.base_p_mw.shape == (33, 3)


def test_both_forms_of_a_station_mean_the_same():
    # 20 chargers of 60 kW serve a visit of 20 kWh in 20 min: 60 veh/h; with 10 min of access 30 min
    direct = "stations=[{name: '8', node: 8, bus: 16, free_flow_min: 30, capacity_vph: 60}]"
    by_chargers = "stations=[{name: '8', node: 8, bus: 16, chargers: 20, charger_kw: 60, access_min: 10}]"
    demand = "traffic.demand=[{origin: 1, destination: 2, trips_vph: 400}]"
    (first,), (second,) = (build_stations(load("nguyen_ieee33", [demand, form])) for form in (direct, by_chargers))
    assert isinstance(first, Station)
    for name in ("free_flow_min", "capacity_vph", "access_fee"):
        assert getattr(first, name) == pytest.approx(getattr(second, name))
    assert first.law == second.law
    assert first.installed_mw is None
    assert second.installed_mw == pytest.approx(1.2)


def test_fast_charge_share_may_vary_over_the_day(tmp_path):
    text = "extends: nguyen_ieee33\nev: {fast_charge_share: " + str([0.1] * 12 + [0.2] * 12) + "}\n"
    trips = build_roads(load(written(tmp_path, text))).demand.trips_vph
    share = trips[:, 0].sum(axis=1) / trips.sum(axis=(1, 2))
    assert share == pytest.approx(0.2 * np.array([0.1] * 12 + [0.2] * 12))


def test_demand_from_a_file_equals_demand_in_the_yaml(tmp_path):
    rows = "origin,destination,trips_vph\n1,2,400\n1,3,800\n4,2,600\n4,3,200\n"
    loaded = load(written(tmp_path, "extends: nguyen_ieee33\ntraffic: {demand: od.csv}\n", od=rows))
    assert (build_roads(loaded).demand_vph == build_roads(load("nguyen_ieee33")).demand_vph).all()


def test_price_series_of_stations(tmp_path):
    rows = "period,13,8,11\n" + "".join(f"{t},3,1,2\n" for t in range(1, 25))
    text = "extends: nguyen_ieee33\ncoupling: {ev_price: {kind: series, file: p.csv}}\n"
    prices = announced_price_per_mwh(load(written(tmp_path, text, p=rows)), None)
    assert prices[:, 0].tolist() == [1.0, 2.0, 3.0]  # in the order of the stations, whatever that of the columns


def test_current_limits_are_off_unless_asked_for(tmp_path):
    loaded = load("nguyen_ieee33")
    assert np.isinf(build_feeder(loaded).i_max_ka).all()


def test_static_tariff_replaces_the_dynamic_one(tmp_path):
    text = "extends: nguyen_ieee33\ntariff:\n  kind: static\n  prices_per_mwh: 550\n  base_per_mwh: null\n"
    text += "  sigma_threshold: null\n  sigma_price: null\n"
    assert (build_dispatch(load(written(tmp_path, text))).tariff_per_mwh == 550).all()


def test_warnings_do_not_stop_a_scenario(tmp_path):
    text = """
extends: nguyen_ieee33
traffic: {demand: [{origin: 1, destination: 2, trips_vph: 0}]}
dispatch: {ev_curtailment_price_per_mwh: 700, shedding_price_per_mwh: 800}
devices: {ess: {p_max_mw: 400}}
"""
    fields = {problem.field for problem in load(written(tmp_path, text)).warnings}
    assert fields == {
        "traffic.demand",
        "dispatch.ev_curtailment_price_per_mwh",
        "dispatch.shedding_price_per_mwh",
        "devices.2.capacity_mwh",  # over the power: 15 s
        "devices.2.s_max_mva",  # over the power
    }


def test_a_scenario_that_is_not_there_is_answered_with_the_closest():
    with pytest.raises(InputError, match="did you mean 'nguyen_ieee33'"):
        load("nguyen_iee33")


@pytest.mark.parametrize(("theta", "magnitude"), [(60, "1866"), (1e-6, "3.11e-05")])
def test_a_theta_of_another_unit_is_a_warning(tmp_path, theta, magnitude):
    text = f"extends: nguyen_ieee33\ntraffic: {{theta_per_min: {theta:f}}}\n"
    (warning,) = load(written(tmp_path, text)).warnings
    assert warning.field == "traffic.theta_per_min"
    assert warning.reason.startswith(f"theta times the time of a trip {magnitude} is outside the usual 0.1 to 100")
