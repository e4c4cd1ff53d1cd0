"""`cosim assign`: what it prints, what it writes, and the exit codes."""

import csv
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.paths import all_simple_paths

NGUYEN = Path(__file__).parents[2] / "sumo_nets" / "nguyen"
TRIPS = "origin,destination,trips_vph\n1,2,400\n1,3,800\n4,2,600\n4,3,200\n"
TNTP_NET = """\
<NUMBER OF ZONES> 2
<NUMBER OF NODES> 3
<FIRST THRU NODE> 3
<NUMBER OF LINKS> 3
<END OF METADATA>
1 3 100 1 5 0.15 4 0 0 1 ;
3 2 100 1 5 0.15 4 0 0 1 ;
1 2 100 1 9 0.15 4 0 60 1 ;
"""
DIAMOND = ((1, 2, 1.0), (1, 3, 1.0), (2, 4, 1.0), (3, 4, 1.0), (2, 3, 0.5), (3, 2, 0.5))
TNTP_TRIPS = "<NUMBER OF ZONES> 2\n<END OF METADATA>\nOrigin 1\n 2 : 150.0;\n"


@pytest.fixture
def nguyen_folder(tmp_path):
    folder = tmp_path / "nguyen"
    shutil.copytree(NGUYEN, folder)
    (folder / "trips.csv").write_text(TRIPS)
    return folder


@pytest.fixture
def tntp(tmp_path):
    (tmp_path / "toy_net.tntp").write_text(TNTP_NET)
    (tmp_path / "toy_trips.tntp").write_text(TNTP_TRIPS)
    return tmp_path / "toy_net.tntp"


def shown(out, label):
    return re.search(rf"^{re.escape(label)} +(\S+)", out, flags=re.MULTILINE)[1]


def flows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("paths", "model"), [("all", "all_simple"), ("k=8", "k_shortest(8)"), ("dag", "frozen_dag")])
def test_a_folder_is_assigned_and_told(cosim, nguyen_folder, tmp_path, paths, model):
    out_file = tmp_path / "flows.csv"
    code, out, err = cosim("assign", nguyen_folder, "--theta", 0.1, "--paths", paths, "--out", out_file)
    assert (code, err) == (0, "")
    assert shown(out, "route model") == model
    assert shown(out, "status") == "converged"
    assert float(shown(out, "residual R")) <= 1e-8
    assert "exit 0: stochastic user equilibrium" in out
    rows = flows(out_file)
    assert len(rows) == 19
    if paths != "dag":
        network = read_road_network(nguyen_folder)
        pairs = [("1", "2"), ("1", "3"), ("4", "2"), ("4", "3")]
        problem = SueProblem(
            network=network,
            paths=all_simple_paths(network, pairs, {"all": False}),
            demand_vph=np.array([400.0, 800.0, 600.0, 200.0]),
            theta_per_min=0.1,
        )
        reference = solve(problem)
        assert [row["link"] for row in rows] == list(network.link_ids)
        assert np.allclose([float(row["flow_vph"]) for row in rows], reference.link_flow_vph, rtol=1e-6)
        hours = reference.link_flow_vph @ reference.link_time_min / 60
        assert float(shown(out, "total time").replace(",", "")) == pytest.approx(hours, abs=0.01)


def test_tolls_of_tntp_change_the_flows(cosim, tntp, tmp_path):
    direct = []
    for number, options in enumerate(([], ["--toll-min", 0.1])):
        out_file = tmp_path / f"{number}.csv"
        assert cosim("assign", tntp, "--out", out_file, *options)[0] == 0
        direct.append(float(flows(out_file)[2]["flow_vph"]))
    assert 0 < direct[1] < direct[0] < 150
    total = [float(row["flow_vph"]) for row in flows(tmp_path / "0.csv")]
    assert total[0] == pytest.approx(total[1])
    assert total[0] + total[2] == pytest.approx(150.0)


def diamond(folder, number, *, time=1.0):
    """Two equal ways from one node to another with links between their middles; nodes and links are numbered anew."""
    rows = [f"{number[u]} {number[v]} 9999 1 {t * time!r} 0 1 0 0 1 ;" for u, v, t in DIAMOND]
    header = ["<NUMBER OF ZONES> 4", "<NUMBER OF NODES> 4", "<FIRST THRU NODE> 1", "<NUMBER OF LINKS> 6"]
    (folder / "diamond_net.tntp").write_text("\n".join([*header, "<END OF METADATA>", *sorted(rows)]) + "\n")
    trips = f"<NUMBER OF ZONES> 4\n<END OF METADATA>\nOrigin {number[1]}\n{number[4]} : 1000.0;\n"
    (folder / "diamond_trips.tntp").write_text(trips)
    return folder / "diamond_net.tntp"


@pytest.mark.parametrize("time", [1.0, 60.0, 0.1])
@pytest.mark.parametrize("order", ["1234", "1324", "4321", "2413"])
def test_equal_ways_carry_equal_flows_whatever_their_numbers(cosim, tmp_path, order, time):
    number = dict(zip((1, 2, 3, 4), map(int, order), strict=True))
    out_file = tmp_path / "flows.csv"
    code, out, _ = cosim("assign", diamond(tmp_path, number, time=time), "--theta", 0.5 / time, "--out", out_file)
    assert (code, shown(out, "status")) == (0, "converged")
    found = {row["link"]: float(row["flow_vph"]) for row in flows(out_file)}
    expected = {f"{number[u]}-{number[v]}": 500.0 if t == 1.0 else 0.0 for u, v, t in DIAMOND}
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_tie_for_the_last_path_is_remarked(cosim, tmp_path):
    net = diamond(tmp_path, {1: 1, 2: 2, 3: 3, 4: 4})
    assert (
        "1 of 1 choice sets of 1 leave out paths as cheap as their last one"
        in cosim("assign", net, "--paths", "k=1")[1]
    )
    assert "leave out" not in cosim("assign", net, "--paths", "k=2")[1]


@pytest.mark.parametrize("method", ["msa", "sra", "mirror_bb"])
def test_a_limit_that_is_reached_is_6(cosim, nguyen_folder, method):
    code, out, _ = cosim("assign", nguyen_folder, "--method", method, "--iterations", 2)
    assert code == 6
    assert shown(out, "status") == "limit"
    assert "exit 6: no equilibrium: limit" in out


def test_a_theta_of_another_unit_is_remarked(cosim, nguyen_folder):
    _, out, _ = cosim("assign", nguyen_folder, "--theta", 1e-5)
    assert "warning theta_per_min 1e-05 times the mean link time" in out


def test_the_way_to_the_user_equilibrium(cosim, tntp, tmp_path):
    out_file = tmp_path / "ue.csv"
    code, out, _ = cosim("assign", tntp, "--limit", "ue", "--out", out_file)
    assert code == 0
    assert "Beckmann [veh min/h]" in out
    lines = [line.split() for line in out.splitlines() if line.endswith("converged")]
    assert float(lines[-1][0]) == 200
    values = [float(line[1]) for line in lines]
    assert values == sorted(values, reverse=True)
    assert float(lines[-1][2]) <= 1e-3
    through, _, direct = (float(row["travel_time_min"]) for row in flows(out_file))
    assert 2 * through == pytest.approx(direct, rel=1e-3)  # Wardrop: both ways take as long


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--theta", "0"], "theta_per_min"),
        (["--method", "magic"], "'magic' is unknown; known: auto, "),
        (["--method", "newton", "--paths", "dag"], "'newton' needs the covariance"),
        (["--paths", "k=0"], "'k=0' is unknown; known: all, dag, k=NUMBER"),
        (["--scale", "-1"], "scale: -1.0 must be >= 0"),
        (["--tolerance", "2"], "tolerance"),
        (["--toll-min", "1"], "the format cosim CSV takes no toll_min"),
        (["--limit", "ue", "--paths", "dag"], "lists no paths"),
    ],
)
def test_wrong_options_are_3(cosim, nguyen_folder, arguments, message):
    code, out, err = cosim("assign", nguyen_folder, *arguments)
    assert code == 3
    assert message in out + err


def test_wrong_files_are_3(cosim, nguyen_folder, tmp_path):
    code, _, err = cosim("assign", tmp_path)
    assert code == 3
    assert "is no road network" in err
    trips = tmp_path / "other.csv"
    trips.write_text("origin,destination,trips_vph\n1,99,5\n")
    code, _, err = cosim("assign", nguyen_folder, trips)
    assert code == 3
    assert "nodes that the network does not have: '99'" in err
    (nguyen_folder / "trips.csv").unlink()
    code, _, err = cosim("assign", nguyen_folder)
    assert code == 3
    assert "trips.csv: there is no such trip table" in err


def test_flows_that_cannot_be_written_are_2(cosim, nguyen_folder, tmp_path):
    code, _, err = cosim("assign", nguyen_folder, "--out", tmp_path / "none" / "flows.csv")
    assert code == 2
    assert "cannot be written" in err


def test_a_gap_that_is_not_reached_is_6_and_told(cosim, tntp):
    """On the toy a logit spread of 1/theta leaves about 0.02/theta of the cost."""
    code, out, _ = cosim("assign", tntp, "--limit", "ue", "--gap", 5e-5)
    assert code == 6
    assert "exit 6: no user equilibrium: relative gap 1.010e-04, asked for 5e-05; raise --theta-end" in out
    code, out, _ = cosim("assign", tntp, "--limit", "ue", "--gap", 5e-5, "--theta-end", 500)
    assert code == 0
    assert "the last a user equilibrium (relative gap 4.04" in out
    assert "asked for 5e-05)" in out
    code, out, _ = cosim("assign", tntp, "--limit", "ue", "--theta-end", 20)
    assert code == 6  # 1e-3 is no user equilibrium unless asked for
    assert "asked for 0.0002" in out


@pytest.mark.parametrize(("option", "value"), [("--gap", "0"), ("--gap", "nan"), ("--theta-end", "0.1")])
def test_a_gap_or_end_that_is_none_is_3(cosim, tntp, option, value):
    assert cosim("assign", tntp, "--limit", "ue", option, value)[0] == 3


def test_trips_of_an_omx_file_and_of_visum(cosim, tntp, tmp_path):
    """The same trips as the TNTP table: the same equilibrium."""
    with h5py.File(tmp_path / "trips.omx", "w") as file:
        file["data/car"], file["data/truck"] = [[0, 300.0], [0, 0]], [[0, 3.0], [0, 0]]
    (tmp_path / "trips.fma").write_text("$OR;D2\n7.00 9.00\n1.0\n1 2 300\n")
    expected = cosim("assign", tntp, "--paths", "all")
    assert expected[0] == 0
    code, out, err = cosim("assign", tntp, tmp_path / "trips.fma", "--paths", "all")
    assert (code, out) == expected[:2]
    asked = ("--paths", "all", "--matrix", "car", "--period-h", "2")
    assert cosim("assign", tntp, tmp_path / "trips.omx", *asked)[:2] == expected[:2]
    code, out, err = cosim("assign", tntp, tmp_path / "trips.omx", "--paths", "all")
    assert code == 3
    assert "the file has 2: car, truck" in err
