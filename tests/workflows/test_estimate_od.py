"""`cosim estimate-od`: from files to trips, exit codes, and what is written."""

import csv
import shutil

import numpy as np
import pytest

from cosim.errors import InputError
from cosim.scenario import shipped
from cosim.scenario.build import build_roads
from cosim.scenario.load import load
from cosim.traffic import od_problem
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.paths import all_simple_paths
from cosim.traffic.performance import link_cost
from cosim.workflows.estimate import estimate

PAIRS = (("1", "2"), ("1", "3"), ("4", "2"), ("4", "3"))
TRIPS = np.array([400.0, 800.0, 600.0, 200.0])


@pytest.fixture(scope="module")
def folder():
    return shipped.folder(shipped.ROADS) / "nguyen"


@pytest.fixture(scope="module")
def flow(folder):
    """The flows of the peak's trips at theta 0.1."""
    network = read_road_network(folder)
    paths = all_simple_paths(network, PAIRS, {"all": False})
    problem = SueProblem(network=network, paths=paths, demand_vph=TRIPS, theta_per_min=0.1)
    return dict(zip(network.link_ids, solve(problem, tolerance=1e-12).link_flow_vph.tolist(), strict=True))


@pytest.fixture
def table(tmp_path):
    """Return ``table(name, header, rows)``: a CSV file."""

    def write(name, header, rows):
        path = tmp_path / name
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([header.split(","), *rows])
        return path

    return write


@pytest.fixture
def files(table, flow):
    return table("counts.csv", "link,flow_vph", flow.items()), table("pairs.csv", "origin,destination", PAIRS)


def test_a_network_with_pairs(cosim, files, tmp_path):
    counts, pairs = files
    out = tmp_path / "od.csv"
    code, printed, err = cosim("estimate-od", "nguyen", counts, "--od", pairs, "--theta", 0.1, "--out", out)
    assert (code, err) == (0, "")
    assert "exit 0: converged" in printed
    assert "R " in printed
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["trips_vph"]) for row in rows] == pytest.approx(TRIPS.tolist(), rel=1e-8)
    again = estimate("nguyen", counts, od=out)  # what was written is a file of pairs
    assert again.estimate.od_pairs == PAIRS


def test_a_folder_is_a_network(files, folder):
    counts, pairs = files
    assert np.allclose(estimate(folder, counts, od=pairs).estimate.trips_vph, TRIPS, rtol=1e-8)


def test_the_25_paths_are_also_the_8_cheapest_of_each_pair(files):
    counts, pairs = files
    found = estimate("nguyen", counts, od=pairs, paths="k=8").estimate
    assert found.equilibrium.path_model != "all_simple"
    assert np.allclose(found.trips_vph, TRIPS, rtol=1e-8)


def test_a_scenario_brings_pairs_theta_stations_and_classes(table):
    case = build_roads(load("nguyen_ieee33"))
    result = solve(case.problem, tolerance=1e-12)
    counts = table("counts.csv", "link,flow_vph", zip(case.network.link_ids, result.link_flow_vph, strict=True))
    expected = case.demand.trips_vph[0].sum(axis=0)
    found = estimate("nguyen_ieee33", counts)
    assert np.allclose(found.estimate.trips_vph, expected, rtol=1e-8)
    turned = table("pairs.csv", "origin,destination", PAIRS[::-1])
    assert np.allclose(estimate("nguyen_ieee33", counts, od=turned).estimate.trips_vph, expected[::-1], rtol=1e-8)
    other = estimate("nguyen_ieee33", counts, overrides=["ev.fast_charge_share=0.5"])
    assert np.abs(other.estimate.fitted_vph[-3:] / found.estimate.fitted_vph[-3:] - 1).max() > 1


def test_the_share_of_charging_trips_is_that_of_the_period(table):
    changed = ["ev.fast_charge_share=[" + ",".join(["0.12"] * 12 + ["0.3"] * 12) + "]"]
    case = build_roads(load("nguyen_ieee33", changed))
    for period in (1, 24):
        problem = SueProblem(
            network=case.network, paths=case.paths, demand_vph=case.demand_vph[period - 1], theta_per_min=0.1
        )
        flow = solve(problem, tolerance=1e-12).link_flow_vph
        counts = table("counts.csv", "link,flow_vph", zip(case.network.link_ids, flow, strict=True))
        found = estimate("nguyen_ieee33", counts, overrides=changed, period=period)
        assert np.allclose(found.estimate.trips_vph, case.demand.trips_vph[period - 1].sum(axis=0), rtol=1e-8)


def test_speeds_take_the_lengths_of_the_network(table, folder, tmp_path, flow):
    copy = tmp_path / "net"
    shutil.copytree(folder, copy)
    lines = (copy / "links.csv").read_text().split()
    (copy / "links.csv").write_text("\n".join([lines[0] + ",length_km", *(line + ",5" for line in lines[1:])]))
    network = read_road_network(copy)
    time = dict(zip(network.link_ids, link_cost(network, np.array(list(flow.values()))).tolist(), strict=True))
    busiest = max(flow, key=lambda link: time[link] / network.free_flow_min[network.link_ids.index(link)])
    rows = [
        (link, "" if link == busiest else vph, 300 / time[link] if link == busiest else "")
        for link, vph in flow.items()
    ]
    counts = table("mixed.csv", "link,flow_vph,speed_kmh", rows)
    pairs = table("pairs.csv", "origin,destination", PAIRS)
    with pytest.raises(InputError, match=f"the length of link '{busiest}' is not known; add length_km"):
        estimate("nguyen", counts, od=pairs)
    found = estimate(copy, counts, od=pairs).estimate
    assert np.allclose(found.trips_vph, TRIPS, rtol=1e-8)
    assert found.link_ids[-1] == busiest


def test_theta_and_its_profile_are_printed(cosim, files):
    counts, pairs = files
    code, printed, _ = cosim(
        "estimate-od", "nguyen", counts, "--od", pairs, "--theta", 0.08, "--estimate-theta", "--theta-profile"
    )
    assert code == 0
    assert "theta 0.1 1/min +-" in printed
    assert printed.count("converged") >= 10
    assert "<- smallest" in printed


def test_the_gaussian_likelihood(cosim, files):
    counts, pairs = files
    code, printed, _ = cosim("estimate-od", "nguyen", counts, "--od", pairs, "--likelihood", "gaussian")
    assert code == 0
    assert "gaussian:" in printed


def test_blind_counts_are_3_and_a_prior_makes_them_0(cosim, table, flow):
    """Both links out of origin 1: the trips from origin 4 are not seen."""
    counts = table("few.csv", "link,flow_vph", [(link, flow[link]) for link in ("1-5", "1-12", "12-6", "12-8")])
    pairs = table("pairs.csv", "origin,destination", PAIRS)
    code, printed, err = cosim("estimate-od", "nguyen", counts, "--od", pairs)
    assert (code, printed) == (3, "")
    assert "do not identify" in err
    assert "'4' -> '2'" in err
    assert "'4' -> '3'" in err
    assert "give a prior" in err
    prior = table(
        "prior.csv",
        "origin,destination,trips_vph,sd_vph",
        [(*pair, q, q / 5) for pair, q in zip(PAIRS, TRIPS, strict=True)],
    )
    code, printed, err = cosim("estimate-od", "nguyen", counts, "--od", pairs, "--prior", prior)
    assert (code, err) == (0, "")


def test_what_does_not_converge_is_6_and_not_written(cosim, files, tmp_path, monkeypatch):
    counts, pairs = files
    monkeypatch.setattr(od_problem, "SUE_TOLERANCES", (1e-40, 1e-39))
    out = tmp_path / "od.csv"
    code, printed, _ = cosim("estimate-od", "nguyen", counts, "--od", pairs, "--out", out)
    assert code == 6
    assert "exit 6: equilibrium" in printed
    assert "not written" in printed
    assert not out.exists()


def test_wrong_use_is_told(cosim, files, tmp_path):
    counts, pairs = files
    cases = [
        (("nguyen", counts), 3, "is a road network and has no OD pairs; give a CSV file"),
        (
            ("nguyn", counts, "--od", pairs),
            3,
            "'nguyn' is neither a road network, nor a scenario, nor shipped; did you",
        ),
        (("nguyen", tmp_path / "none.csv", "--od", pairs), 3, "none.csv: the file cannot be read"),
        (("nguyen_ieee33", counts, "--period", 25), 3, "25 must be between 1 and 24"),
        (("nguyen", counts, "--od", pairs, "--set", "a=1"), 3, "only a scenario has"),
        (("nguyen", counts, "--od", pairs, "--paths", "dag"), 3, "'dag' is no path set, which the derivatives need"),
        (("nguyen", counts, "--od", pairs, "--paths", "k"), 3, "paths: 'k' is unknown"),
        (("nguyen", counts, "--od", pairs, "--theta", 0), 3, "theta_per_min"),
        (("nguyen", counts, "--od", pairs, "--likelihood", "gaussian", "--estimate-theta"), 3, "cannot estimate theta"),
        (("nguyen", counts, "--od", pairs, "--speed-error", 0), 3, "speed_error"),
        (("nguyen", counts, "--od", pairs, "--sample-min", 0), 3, "must be > 0"),
        (("nguyen", counts, "--od", pairs, "--out", tmp_path / "no" / "od.csv"), 8, "cannot be written"),
        (("nguyen", counts, "--likelihood", "poisson"), 2, "poisson"),
    ]
    for arguments, expected, message in cases:
        code, _, err = cosim("estimate-od", *arguments)
        assert code == expected, arguments
        assert message in err


def test_a_theta_of_the_wrong_unit_is_remarked(files):
    counts, pairs = files
    found = estimate("nguyen", counts, od=pairs, theta_per_min=0.1)
    assert found.remarks == ()
    with pytest.raises(InputError, match=r"explained best by 0 for the trips[\s\S]*is it per minute\?"):
        estimate("nguyen", counts, od=pairs, theta_per_min=1e-4)
