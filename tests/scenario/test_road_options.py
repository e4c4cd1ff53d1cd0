"""Options of the road side in a scenario: station law, overlap, simulated behaviour."""

import numpy as np

from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.overlap import path_size

FLEET = ("ev.fast_charge_share=mcmc", "ev.behaviour={vehicles: 2000}")


def roads(*overrides):
    return build_case(load("nguyen_ieee33", overrides)).roads


def test_stations_follow_their_law():
    found = roads("stations.8.law.kind=erlang", "stations.8.law.scv=0.25").network
    assert found.law[-3:] == ("erlang", "davidson", "davidson")
    assert found.setting("scv")[-3] == 0.25
    assert found.setting("j")[-2:].tolist() == [0.1, 0.1]
    assert found.servers[-3:].tolist() == [20, 20, 20]


def test_overlap_is_a_constant_of_the_paths():
    plain, corrected = roads(), roads("traffic.overlap=path_size", "traffic.overlap_beta=0.5")
    assert not plain.paths.offset_min.any()
    size = path_size(corrected.network, corrected.paths)
    assert np.allclose(corrected.paths.offset_min, -0.5 / 0.1 * np.log(size), rtol=1e-12)


def test_simulated_behaviour_makes_the_demand():
    """Charging trips = EV share times p_z times trips (Eq 2), in every period; all trips stay."""
    case = build_case(load("nguyen_ieee33", FLEET))
    shares = np.array([row["fast_charge_share"] for row in case.behaviour_rows()])
    trips, plain = case.roads.demand.trips_vph, roads().demand.trips_vph
    assert np.allclose(trips[:, 0], 0.2 * shares[:, None] * plain.sum(axis=1), rtol=1e-12)
    assert np.allclose(trips.sum(axis=1), plain.sum(axis=1), rtol=1e-12)
    assert case.behaviour.statistics["vehicles"] == 2000
    assert shares[14:22].mean() > shares[4:9].mean() > 0


def test_seed_decides():
    one, two, other = (roads(*FLEET, f"seed={seed}").demand.trips_vph for seed in (3, 3, 4))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_without_simulation_there_is_no_fleet():
    case = build_case(load("nguyen_ieee33"))
    assert case.behaviour is None
    assert case.behaviour_rows() is None
