"""`case.roads.problem` and `case.response().period` pose the equilibrium that a run solves, money included."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.equilibrium import solve
from cosim.workflows.run import run

PRICES = "period,8,11,13\n1,200,900,700\n2,900,100,400\n"
ROADS = """\
schema: 1
extends: nguyen_traffic_only
periods: 2
traffic: {demand_profile: [1.0, 0.6]}
coupling: {ev_price: none}
given: {station_price_per_mwh: null}
"""
WAYS = {
    "neither": (),
    "fees": ("stations.8.access_fee=3", "stations.11.access_fee=0.5"),
    "given prices": ("coupling.ev_price=nodal", "given.station_price_per_mwh=prices.csv"),
    "a price series and fees": (
        "coupling.ev_price=series", "coupling.price_series=prices.csv", "stations.13.access_fee=4",
    ),
    "overlap": ("traffic.overlap=path_size", "stations.8.access_fee=3"),
    "charging later": ("ev.charge_later={cost_min: 15}", "stations.8.access_fee=2", "stations.11.access_fee=2"),
}  # fmt: skip


@pytest.fixture
def scenario(tmp_path):
    folder = tmp_path / "scenario"
    folder.mkdir()
    (folder / "prices.csv").write_text(PRICES, encoding="utf-8")
    (folder / "scenario.yaml").write_text(ROADS, encoding="utf-8")
    return folder


@pytest.mark.parametrize("overrides", WAYS.values(), ids=WAYS)
def test_flows_of_the_run(scenario, tmp_path, overrides):
    case = build_case(load(scenario, overrides))
    result = run(scenario, out=tmp_path / "run", overrides=overrides, report=False)
    links, price = result["links"], case.announced_price_per_mwh()
    stations = result["stations"].set_index(["period", "station"])
    names = [station.name for station in case.roads.stations]
    for position in range(2):
        at = None if price is None else price[:, position]
        answer = solve(case.response().period(position, at), tolerance=1e-10)
        stored = links[links["period"] == position + 1]["flow_vph"].to_numpy()
        own = ~case.roads.network.is_station
        assert np.abs(answer.link_flow_vph[own] - stored).max() <= 1e-5
        charged = [stations.loc[(position + 1, name), "flow_vph"] for name in names]
        assert np.abs(answer.link_flow_vph[~own] - charged).max() <= 1e-5
        if position == 0:
            handed_out = solve(case.roads.problem, tolerance=1e-10)
            assert np.abs(handed_out.link_flow_vph - answer.link_flow_vph).max() <= 1e-6


def test_an_announced_tariff(small_case):
    """One price for all stations: minutes on every station's link, ``p E / VOT``."""
    case = small_case("coupling.ev_price=tariff", "coupling.markup=0.2", "stations.8.access_fee=1.5")
    retail = 1.2 * case.dispatch.tariff_per_mwh[0]
    energy, worth = case.roads.energy_kwh, case.roads.value_of_time_per_min
    expected = (retail * energy / 1000.0 + np.array([1.5, 0.0, 0.0])) / worth
    network = case.roads.problem.network
    assert np.allclose(network.fixed_min[network.station_positions], expected)


def test_changed_roads_change_the_problem(small_case):
    """Nothing of an earlier problem is left behind where a part is replaced."""
    roads = small_case("stations.8.access_fee=1.5").roads
    wider = replace(roads.network, capacity_vph=2.0 * roads.network.capacity_vph)
    problem = replace(roads, network=wider).problem
    assert (problem.network.capacity_vph == wider.capacity_vph).all()
    assert problem.network.fixed_min[problem.network.station_positions].tolist() == [1.5 / 0.5, 0.0, 0.0]
