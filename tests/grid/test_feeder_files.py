"""The three tables of a feeder: the shipped data are the published ones, wrong ones are refused with their place."""

from pathlib import Path

import numpy as np
import pandapower.networks
import pytest

from cosim.errors import InputError
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.grid.model import read_feeder

LIMITS = {"slack_bus": "1", "v_min_pu": 0.95, "v_max_pu": 1.05}


def edit(folder: Path, file: str, line: int, old: str, new: str) -> None:
    path = folder / file
    rows = path.read_text().splitlines()
    assert old in rows[line - 1]
    rows[line - 1] = rows[line - 1].replace(old, new, 1)
    path.write_text("\n".join(rows) + "\n")


def append(folder: Path, file: str, row: str) -> None:
    path = folder / file
    path.write_text(path.read_text().rstrip("\n") + "\n" + row + "\n")


def add_column(folder: Path, file: str, name: str, values: dict[int, str], default: str = "") -> None:
    path = folder / file
    rows = path.read_text().splitlines()
    rows = [f"{row},{name if n == 1 else values.get(n, default)}" for n, row in enumerate(rows, start=1)]
    path.write_text("\n".join(rows) + "\n")


def mistakes(folder: Path, **changes: object) -> str:
    with pytest.raises(InputError) as error:
        read_feeder(folder, **(LIMITS | changes))
    return str(error.value)


def test_shipped_lines_and_loads_equal_those_of_case33bw(ieee33: Feeder):
    theirs = pandapower.networks.case33bw()
    lines = theirs.line[theirs.line.in_service]
    assert len(lines) == ieee33.n_lines
    for k, line_id in enumerate(ieee33.line_ids):
        row = lines.iloc[int(line_id) - 1]
        ends = (ieee33.bus_ids[ieee33.parent[k]], ieee33.bus_ids[ieee33.child[k]])
        assert ends == (str(row.from_bus + 1), str(row.to_bus + 1))
        assert ieee33.r_ohm[k] == pytest.approx(row.r_ohm_per_km * row.length_km, rel=1e-14)
        assert ieee33.x_ohm[k] == pytest.approx(row.x_ohm_per_km * row.length_km, rel=1e-14)
    p, q = np.zeros(33), np.zeros(33)
    p[theirs.load.bus], q[theirs.load.bus] = theirs.load.p_mw, theirs.load.q_mvar
    np.testing.assert_array_equal(ieee33.p_mw, p)
    np.testing.assert_array_equal(ieee33.q_mvar, q)
    assert ieee33.base_kv == theirs.bus.vn_kv.iloc[0]
    assert ieee33.p_mw.sum() == pytest.approx(3.715)


def test_layout_separates_the_buses_and_keeps_the_trunk_level(ieee33: Feeder):
    assert ieee33.layout.shape == (33, 2)
    assert len({tuple(point) for point in ieee33.layout.tolist()}) == 33
    assert set(ieee33.layout[:18, 1]) == {0.0}
    assert ieee33.name == "ieee33"


def test_row_order_and_direction_in_the_files_do_not_matter(copy_of_ieee33: Path, ieee33: Feeder):
    rng = np.random.default_rng(7)
    for file in ("bus.csv", "line.csv", "load.csv"):
        head, *rows = (copy_of_ieee33 / file).read_text().splitlines()
        rows = [rows[k] for k in rng.permutation(len(rows))]
        if file == "line.csv":
            fields = [row.split(",") for row in rows]
            rows = [",".join([f[0], f[2], f[1], *f[3:]]) if k % 2 else ",".join(f) for k, f in enumerate(fields)]
        (copy_of_ieee33 / file).write_text("\n".join([head, *rows]))
    mixed = read_feeder(copy_of_ieee33, **LIMITS)
    assert mixed.bus_ids != ieee33.bus_ids
    ends = [
        {f.line_ids[k]: (f.bus_ids[f.parent[k]], f.bus_ids[f.child[k]]) for k in range(32)} for f in (mixed, ieee33)
    ]
    assert ends[0] == ends[1]
    states = [AcFlow(f, tolerance_mva=1e-10).solve(-f.p_mw, -f.q_mvar) for f in (mixed, ieee33)]
    voltages = [dict(zip(f.bus_ids, s.vm_pu, strict=True)) for f, s in zip((mixed, ieee33), states, strict=True)]
    assert max(abs(voltages[0][bus] - voltages[1][bus]) for bus in ieee33.bus_ids) <= 1e-11
    assert states[0].loss_mw == pytest.approx(states[1].loss_mw, abs=1e-10)


def test_any_bus_can_be_the_slack(copy_of_ieee33: Path):
    feeder = read_feeder(copy_of_ieee33, **(LIMITS | {"slack_bus": "18"}))
    assert feeder.bus_ids[feeder.slack] == "18"
    assert feeder.bus_ids[feeder.child[0]] == "17"
    state = AcFlow(feeder).solve(-0.2 * feeder.p_mw, -0.2 * feeder.q_mvar)
    assert state.converged
    assert state.slack_mw == pytest.approx(0.2 * 3.715 + state.loss_mw, abs=1e-7)


def test_open_ties_are_left_out(copy_of_ieee33: Path, ieee33: Feeder):
    append(copy_of_ieee33, "line.csv", "33,21,8,1,2,2,10,false")
    feeder = read_feeder(copy_of_ieee33, **LIMITS)
    assert feeder.line_ids == ieee33.line_ids


def test_parallel_derating_scaling_and_several_loads_are_applied(copy_of_ieee33: Path, ieee33: Feeder):
    add_column(copy_of_ieee33, "line.csv", "parallel", {2: "2"})
    add_column(copy_of_ieee33, "line.csv", "max_i_ka", {2: "0.2", 3: "0.3", 4: "99999"})
    add_column(copy_of_ieee33, "line.csv", "df", {2: "0.8"})
    add_column(copy_of_ieee33, "line.csv", "max_loading_percent", {3: "50"})
    add_column(copy_of_ieee33, "load.csv", "scaling", {2: "0.5"})
    add_column(copy_of_ieee33, "load.csv", "in_service", {3: "false"})
    append(copy_of_ieee33, "load.csv", "extra,2,0.4,0.1,,")
    feeder = read_feeder(copy_of_ieee33, **LIMITS)
    limit = dict(zip(feeder.line_ids, feeder.i_max_ka, strict=True))
    assert limit["1"] == pytest.approx(0.2 * 2 * 0.8)
    assert limit["2"] == pytest.approx(0.15)
    assert limit["3"] == np.inf
    assert limit["4"] == np.inf
    assert feeder.r_pu[0] == pytest.approx(ieee33.r_pu[0] / 2)
    assert feeder.p_mw[1] == pytest.approx(0.5 * 0.1 + 0.4)
    assert feeder.q_mvar[1] == pytest.approx(0.5 * 0.06 + 0.1)
    assert feeder.p_mw[2] == 0.0


def test_length_scales_the_impedance(copy_of_ieee33: Path, ieee33: Feeder):
    edit(copy_of_ieee33, "line.csv", 2, "1,2,1,", "1,2,0.25,")
    feeder = read_feeder(copy_of_ieee33, **LIMITS)
    assert feeder.r_pu[0] == pytest.approx(ieee33.r_pu[0] / 4)
    assert feeder.x_pu[0] == pytest.approx(ieee33.x_pu[0] / 4)


def test_voltage_limits_come_from_the_columns_unless_given(copy_of_ieee33: Path):
    add_column(copy_of_ieee33, "bus.csv", "min_vm_pu", {2: "0.97"}, "0.9")
    add_column(copy_of_ieee33, "bus.csv", "max_vm_pu", {}, "1.1")
    feeder = read_feeder(copy_of_ieee33, slack_bus="1", v_max_pu=1.06)
    assert feeder.v_min_pu[:2].tolist() == [0.97, 0.9]
    assert set(feeder.v_max_pu) == {1.06}


@pytest.mark.parametrize(
    ("file", "line", "old", "new", "expected"),
    [
        (
            "line.csv",
            11,
            ",0,true",
            ",10,true",
            "line.csv:11:7: field 'c_nf_per_km': 10 must be 0: line charging is not modelled",
        ),
        (
            "line.csv",
            11,
            "0.1966",
            "-0.1966",
            "line.csv:11:5: field 'r_ohm_per_km': -0.1966 must be >= 0; check the sign",
        ),
        (
            "line.csv",
            11,
            "0.1966,0.065",
            "0,0",
            "line.csv:11:5: field 'r_ohm_per_km': r and x are both 0; use a switch",
        ),
        ("line.csv", 11, "0.1966", "nan", "line.csv:11:5: field 'r_ohm_per_km': 'nan' is not a finite"),
        ("line.csv", 11, "10,11,1,", "10,11,0,", "line.csv:11:4: field 'length_km': 0 must be > 0; give km"),
        ("line.csv", 12, "11,11,", "10,11,", "line.csv:12:1: field 'id': '10' stands already in line 11"),
        ("line.csv", 12, "12", "99", "line.csv:12:3: field 'to_bus': bus '99' is not in bus.csv; its buses are 1, 2"),
        ("line.csv", 12, "11,12", "12,12", "line.csv:12:3: field 'to_bus': same bus '12' as from_bus"),
        ("line.csv", 19, "true", "false", "bus.csv:20:1: field 'id': bus '19' has no supply; close or add a line"),
        ("line.csv", 19, "true", "maybe", "line.csv:19:8: field 'in_service': 'maybe' is neither true nor false"),
        ("bus.csv", 7, "6,", "5,", "bus.csv:7:1: field 'id': '5' stands already in line 6"),
        ("bus.csv", 7, "12.66", "0.4", "bus.csv:7:3: field 'vn_kv': 0.4 kV, but bus '1' has 12.66 kV; a transformer"),
        ("bus.csv", 2, "12.66", "0", "bus.csv:2:3: field 'vn_kv': 0 must be > 0"),
        ("load.csv", 5, ",5,", ",999,", "load.csv:5:2: field 'bus': bus '999' is not in bus.csv"),
        ("load.csv", 5, "0.06", "inf", "load.csv:5:3: field 'p_mw': 'inf' is not a finite"),
        ("load.csv", 5, "4,", "3,", "load.csv:5:1: field 'id': '3' stands already in line 4"),
        ("load.csv", 1, "p_mw", "p_kw", "load.csv:1:3: field 'p_kw': unknown column 'p_kw'; did you mean 'p_mw'?"),
    ],
)
def test_mistakes_are_named_with_file_line_and_column(copy_of_ieee33: Path, file, line, old, new, expected):
    edit(copy_of_ieee33, file, line, old, new)
    assert expected in mistakes(copy_of_ieee33)


@pytest.mark.parametrize(
    ("file", "column", "value", "expected"),
    [
        (
            "line.csv",
            "g_us_per_km",
            "3",
            "line.csv:4:9: field 'g_us_per_km': 3 must be 0: shunt conductance is not modelled",
        ),
        ("line.csv", "parallel", "0", "line.csv:4:9: field 'parallel': 0 must be >= 1"),
        ("line.csv", "df", "1.2", "line.csv:4:9: field 'df': 1.2 must be in (0, 1]"),
        ("line.csv", "max_i_ka", "0", "line.csv:4:9: field 'max_i_ka': 0 must be > 0"),
        ("line.csv", "std_type", "NAYY", "line.csv:1:9: field 'std_type': unknown column"),
        ("load.csv", "scaling", "-1", "load.csv:4:5: field 'scaling': -1 must be >= 0"),
        ("load.csv", "const_z_percent", "50", "load.csv:1:5: field 'const_z_percent': unknown column"),
        (
            "bus.csv",
            "in_service",
            "false",
            "bus.csv:4:6: field 'in_service': false must be true: a bus out of service is not modelled",
        ),
    ],
)
def test_what_the_branch_flow_cannot_represent_is_refused(copy_of_ieee33: Path, file, column, value, expected):
    add_column(copy_of_ieee33, file, column, {4: value})
    assert expected in mistakes(copy_of_ieee33)


def test_a_loop_is_named_by_its_buses_at_the_line_that_closes_it(copy_of_ieee33: Path):
    append(copy_of_ieee33, "line.csv", "33,8,21,1,2,2,0,true")
    text = mistakes(copy_of_ieee33)
    assert "line.csv:34:8: field 'in_service': closes loop 8-7-6-5-4-3-2-19-20-21; open one line" in text


def test_every_island_is_listed(copy_of_ieee33: Path):
    edit(copy_of_ieee33, "line.csv", 18, "true", "false")  # line 17, 17-18
    edit(copy_of_ieee33, "line.csv", 24, "true", "false")  # line 23, 23-24
    text = mistakes(copy_of_ieee33)
    assert [f"bus '{bus}' has no supply" in text for bus in (18, 24, 25)] == [True] * 3
    assert text.count("has no supply") == 3


@pytest.mark.parametrize("file", ["trafo.csv", "switch.csv", "shunt.csv", "gen.csv", "ext_grid.csv", "profiles.csv"])
def test_a_table_that_would_be_ignored_is_refused(copy_of_ieee33: Path, file):
    (copy_of_ieee33 / file).write_text("id\n1\n")
    text = mistakes(copy_of_ieee33)
    assert f"{file}: a feeder cannot hold" in text
    assert "bus.csv, line.csv, load.csv" in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"slack_bus": "99"}, "field 'slack_bus': bus '99' is not in"),
        ({"slack_bus": ["1", "18"]}, "2 slack buses (1, 18); a radial feeder has one supply; name one bus"),
        ({"slack_bus": []}, "0 slack buses"),
        ({"slack_vm_pu": 12.66}, "field 'slack_vm_pu': 12.66 outside 0.8..1.2; kV?"),
        ({"slack_vm_pu": float("nan")}, "field 'slack_vm_pu': nan outside"),
        ({"base_mva": 0.0}, "field 'base_mva': 0.0 must be finite and > 0"),
        ({"base_mva": float("inf")}, "field 'base_mva': inf must be finite and > 0"),
        ({"v_min_pu": 1.05, "v_max_pu": 0.95}, "1.05 is not below"),
        ({"v_min_pu": float("nan")}, "nan is not below"),
        ({"v_min_pu": None}, "no voltage limit: column min_vm_pu is missing"),
    ],
)
def test_wrong_arguments_are_refused(copy_of_ieee33: Path, changes, expected):
    assert expected in mistakes(copy_of_ieee33, **changes)


def test_a_single_slack_may_stand_in_a_list(copy_of_ieee33: Path):
    assert read_feeder(copy_of_ieee33, **(LIMITS | {"slack_bus": ["1"]})).slack == 0


def test_mistakes_of_all_three_files_are_told_at_once(copy_of_ieee33: Path):
    edit(copy_of_ieee33, "bus.csv", 2, "12.66", "x")
    edit(copy_of_ieee33, "line.csv", 2, "0.0922", "y")
    edit(copy_of_ieee33, "load.csv", 2, "0.06", "z")
    text = mistakes(copy_of_ieee33)
    assert [place in text for place in ("bus.csv:2:3", "line.csv:2:5", "load.csv:2:4")] == [True] * 3


def test_loads_in_kw_are_recognised(copy_of_ieee33: Path):
    path = copy_of_ieee33 / "load.csv"
    head, *rows = (row.split(",") for row in path.read_text().splitlines())
    rows = [[a, b, str(float(p) * 1000), str(float(q) * 1000)] for a, b, p, q in rows]
    path.write_text("\n".join(",".join(row) for row in [head, *rows]))
    text = mistakes(copy_of_ieee33)
    assert "field 'p_mw': total 3715 MW, 2300 Mvar cannot reach bus" in text
    assert text.endswith("kW? Give MW")


def test_a_missing_folder_or_file_is_named(tmp_path: Path, copy_of_ieee33: Path):
    assert "does not exist; it must hold bus.csv, line.csv, load.csv" in mistakes(tmp_path / "nowhere")
    (copy_of_ieee33 / "load.csv").unlink()
    assert "load.csv: the file cannot be read" in mistakes(copy_of_ieee33)


def test_a_feeder_without_load_or_layout_is_fine(copy_of_ieee33: Path):
    (copy_of_ieee33 / "load.csv").write_text("id,bus,p_mw,q_mvar\n")
    path = copy_of_ieee33 / "bus.csv"
    path.write_text("\n".join(",".join(row.split(",")[:3]) for row in path.read_text().splitlines()))
    feeder = read_feeder(copy_of_ieee33, **LIMITS)
    assert feeder.layout.shape == (0, 2)
    assert not feeder.p_mw.any()


def test_files_without_rows_are_refused(copy_of_ieee33: Path):
    (copy_of_ieee33 / "bus.csv").write_text("id,vn_kv\n")
    assert "is not in" in mistakes(copy_of_ieee33)
