import numpy as np
import pytest

from cosim.microsim.chargers import SPUR_S, late_vehicles
from cosim.microsim.port import LinkSlice, RunQuality


def links(flow_vph, time_min):
    count = np.array(flow_vph, dtype=float)
    return LinkSlice(
        begin_s=0.0, end_s=3600.0, link_flow_vph=count, link_time_min=np.array(time_min), link_time_n=count
    )


def quality(running, parked=0):
    return RunQuality(
        loaded=1000, inserted=1000, arrived=1000 - running, running=running, never_inserted=0, teleports=0,
        collisions=0, emergency_stops=0, parked=parked,
    )  # fmt: skip


@pytest.mark.parametrize(("running", "late"), [(100, 0), (120, 0), (150, 30)])
def test_flow_times_time_is_not_late_and_chance_adds_two_deviations(running, late):
    assert late_vehicles(quality(running), links([600.0], [10.0]), np.zeros(0)) == late


def test_parked_vehicles_and_those_on_spurs_are_not_late():
    assert late_vehicles(quality(100 + 40, parked=40), links([600.0], [10.0]), np.zeros(1)) == 0
    spurs = 3600.0 / SPUR_S * 30.0
    assert late_vehicles(quality(130 + 22), links([600.0, 0.0], [10.0, np.nan]), np.array([spurs])) == 0
    assert late_vehicles(quality(130 + 33), links([600.0, 0.0], [10.0, np.nan]), np.array([spurs])) == 10
