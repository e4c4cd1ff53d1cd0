"""Roads of the size of Sioux Falls, all pairs, coupled with 33 buses: certified, and at its loads by few drivers."""

import numpy as np
import pytest

from cosim.coupling import potential
from cosim.coupling.potential import with_arrivals
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.workflows.simulate import simulate

SHORT = (
    "periods=3", "tariff.prices_per_mwh=[80, 120, 110]", "traffic.demand_profile=[0.9, 1, 0.6]",
    "feeder.load_profile=[0.8, 1, 0.95]", "devices.roofs.available_mw=[0.3, 0.1, 0]", "devices.wind.available_mw=0.5",
)  # fmt: skip


@pytest.fixture(scope="module")
def town():
    return build_case(load("chequered_town", SHORT))


def test_it_has_the_size_that_it_says(town):
    assert (len(town.roads.streets.node_ids), len(town.roads.streets.link_ids)) == (24, 76)
    assert len(town.roads.demand.od_pairs) == 552
    assert np.bincount(town.roads.paths.commodity).tolist() == [4] * 1104


def test_every_hour_is_solved_and_certified(town):
    found = simulate(town)
    assert found.exit_code == 0
    periods = found.tables["periods"]
    assert set(periods["coupling_objection"]) == {""}
    trips = town.roads.demand_vph.sum(axis=1)
    assert (periods["coupling_bound_vph"].to_numpy() < 1e-6 * trips).all()
    assert len(town.roads.paths) * len(town.roads.paths.commodities) > potential.WRITTEN_OUT


def test_drivers_move_as_the_equations_of_all_pairs_say(town, monkeypatch):
    """The stations' equations alone, against all 1,108 in one matrix."""
    problem, random = town.roads.problem, np.random.default_rng(3)
    flow = problem.paths.load(problem.demand_vph, 1.0, problem.network.free_flow_min).path_flow_vph
    at = problem.network.station_positions
    change = 0.1 * random.normal(size=at.size)
    wanted = problem.paths.link_flow(flow)[at] + change - change.mean()
    found = with_arrivals(problem, flow, wanted)
    assert found is not None
    monkeypatch.setattr(potential, "WRITTEN_OUT", 10**9)
    assert found == pytest.approx(with_arrivals(problem, flow, wanted), rel=1e-9, abs=1e-10)
    assert problem.paths.link_flow(found)[at] == pytest.approx(wanted, abs=1e-9)
