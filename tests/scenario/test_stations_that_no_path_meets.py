"""A station beside every way runs the whole day with nobody: that is said before, in check, plan and manifest."""

from cosim.scenario.build import build_roads, warnings_of
from cosim.scenario.load import load
from cosim.workflows.check import check
from cosim.workflows.plan import plan

# Trips from 1 to 2 alone never come to node 13, though it can be reached: no way leads back from it to 2.
ONE_PAIR = "traffic.demand=[{origin: 1, destination: 2, trips_vph: 400}]"


def test_a_station_that_no_path_meets_is_said():
    (warning,) = check("nguyen_ieee33", [ONE_PAIR]).warnings
    assert (warning.field, warning.reason) == ("stations.2.node", "no path meets station '13'")
    assert str(warning) in plan("nguyen_ieee33", [ONE_PAIR]).remarks


def test_stations_on_paths_are_not_mentioned():
    loaded = load("nguyen_ieee33")
    assert warnings_of(loaded, build_roads(loaded)) == ()
    assert warnings_of(load("ieee33_grid_only"), None) == ()
