"""Feeders of other tools: the same power flow after the import, and refusal by name of what cannot be carried."""

import csv
import json
import re
from pathlib import Path

import pandapower as pp
import pytest
from matpowercaseframes import CaseFrames
from pandapower import networks

from cosim.errors import InputError, UsageError
from cosim.scenario.build import build_feeder
from cosim.scenario.load import load
from cosim.workflows.import_feeder import import_feeder

ROOT = Path(__file__).parents[2]
MATPOWER_TAIL = """
%% convert branch impedances from Ohms to p.u.
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV, ZONE, VMAX, VMIN, LAM_P, LAM_Q, MU_VMAX, MU_VMIN] = idx_bus;
Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in Volts
Sbase = mpc.baseMVA * 1e6;              %% in VA
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
"""


def table(name):
    with (ROOT / "grid_models" / "ieee33" / name).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def matpower_text(*, converted, tail=""):
    """Return the Baran-Wu feeder as a MATPOWER case: in kW and ohm with the usual tail, or in MW and per unit."""
    base_ohm = 12.66**2 / 10.0
    load = {row["bus"]: (float(row["p_mw"]), float(row["q_mvar"])) for row in table("load.csv")}
    factor, impedance = (1000.0, 1.0) if converted else (1.0, 1.0 / base_ohm)
    lines = [
        "function mpc = case33",
        "% A comment with 'quotes' and [brackets",
        "mpc.version = '2';",
        "mpc.baseMVA = 10;",
    ]
    lines.append("mpc.bus = [ %% numbers")
    for row in table("bus.csv"):
        p, q = load.get(row["id"], (0.0, 0.0))
        kind, low, high = (3, 1, 1) if row["id"] == "1" else (1, 0.9, 1.1)
        lines.append(f"\t{row['id']}\t{kind}\t{p * factor!r}\t{q * factor!r}\t0 0 1 1 0 12.66 1 {high} {low};")
    lines += ["];", "mpc.gen = [ 1 0 0 10 -10 1 100 1 10 0 ];", "mpc.branch = ["]
    for row in table("line.csv"):
        r, x = (float(row[name]) * float(row["length_km"]) * impedance for name in ("r_ohm_per_km", "x_ohm_per_km"))
        status = 0 if row["in_service"] == "false" else 1
        lines.append(f"{row['from_bus']} {row['to_bus']} {r!r} {x!r} 0 0 0 0 0 0 {status} -360 360")
    lines += ["];", "mpc.gencost = [2 0 0 3 0 20 0];", MATPOWER_TAIL if converted else "", tail]
    return "\n".join(lines)


@pytest.fixture
def net():
    return networks.case33bw()


@pytest.fixture
def imported(tmp_path):
    def import_net(net):
        pp.to_json(net, tmp_path / "net.json")
        return import_feeder("pandapower", tmp_path / "net.json", tmp_path / "out")

    return import_net


def test_the_baran_wu_feeder_keeps_its_power_flow_through_pandapower_json(net, imported):
    """0.913090 pu and 202.677 kW are the published figures of this feeder (Baran and Wu 1989)."""
    found = imported(net)
    assert found.state.vm_pu.min() == pytest.approx(0.913090, abs=5e-7)
    assert 1000.0 * found.state.loss_mw == pytest.approx(202.677, abs=5e-4)
    pp.runpp(net, numba=False, tolerance_mva=1e-10)
    assert found.state.vm_pu == pytest.approx(net.res_bus.vm_pu.to_numpy(), abs=1e-10)
    assert any("5 lines out of service" in remark for remark in found.tables.remarks)


@pytest.mark.parametrize("converted", [True, False])
def test_a_matpower_case_gives_the_same_flow_in_kilowatt_or_per_unit(tmp_path, converted):
    (tmp_path / "case33.m").write_text(matpower_text(converted=converted), encoding="utf-8")
    found = import_feeder("matpower", tmp_path / "case33.m", tmp_path / "out")
    assert found.state.vm_pu.min() == pytest.approx(0.913090, abs=5e-7)
    assert 1000.0 * found.state.loss_mw == pytest.approx(202.677, abs=5e-4)


def test_another_reader_of_matpower_files_sees_the_same_matrices(tmp_path):
    (tmp_path / "case33.m").write_text(matpower_text(converted=False), encoding="utf-8")
    other = CaseFrames(str(tmp_path / "case33.m"))
    found = import_feeder("matpower", tmp_path / "case33.m", tmp_path / "out").tables
    active = other.branch[other.branch["BR_STATUS"] == 1]
    assert [row["p_mw"] for row in found.load] == [p for p in other.bus["PD"] if p]
    ohm = 12.66**2 / 10.0
    assert [row["r_ohm_per_km"] for row in found.line] == pytest.approx((active["BR_R"] * ohm).tolist(), rel=1e-14)


def test_parallel_lines_derating_and_scaled_loads_are_carried(net, imported):
    net.line.loc[3, ["parallel", "df", "max_i_ka", "max_loading_percent"]] = [2, 0.9, 0.2, 80.0]
    net.load.loc[5, "scaling"] = 0.5
    pp.runpp(net, numba=False, tolerance_mva=1e-10)
    found = imported(net)
    assert found.state.vm_pu == pytest.approx(net.res_bus.vm_pu.to_numpy(), abs=1e-10)
    assert found.feeder.i_max_ka[found.feeder.line_ids.index("3")] == pytest.approx(2 * 0.9 * 0.2 * 0.8)


def test_lines_side_by_side_are_one_line_with_the_same_flow_and_limit(net, imported):
    """pandapower solves both lines; the current at which the first of them is full is that of the merged one."""
    net.line["max_i_ka"] = 0.3
    net.line["max_loading_percent"] = 100.0
    pp.create_line_from_parameters(net, 4, 3, 0.7, 0.9, 0.2, 0.0, 0.1, df=0.5, parallel=2)
    pp.runpp(net, numba=False, tolerance_mva=1e-10)
    found = imported(net)
    assert found.state.vm_pu == pytest.approx(net.res_bus.vm_pu.to_numpy(), abs=1e-10)
    assert found.state.loss_mw == pytest.approx(net.res_line.pl_mw.sum(), abs=1e-9)
    merged = found.feeder.line_ids.index("3")
    fullest = net.res_line.loading_percent[[3, net.line.index[-1]]].max() / 100.0
    current = found.state.i_ka[merged]
    assert current / found.feeder.i_max_ka[merged] == pytest.approx(fullest, rel=1e-9)
    assert any(f"lines 3, {net.line.index[-1]} lie side by side" in remark for remark in found.remarks)


def test_a_scenario_of_the_printed_lines_keeps_what_the_file_says(net, imported, tmp_path):
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.9, 1.1
    net.bus.loc[17, "max_vm_pu"] = 1.03
    net.bus.loc[5, ["min_vm_pu", "max_vm_pu"]] = float("nan")
    net.ext_grid["max_p_mw"], net.ext_grid["min_p_mw"] = 6.0, -1.5
    found = imported(net)
    assert found.scenario_lines == (
        "grid: out",
        "feeder: {slack_bus: 0, slack_vm_pu: 1, voltage_limits: file, v_min_pu: 0.9, v_max_pu: 1.1}",
        "devices: [{kind: substation, name: grid, import_max_mw: 6, export_max_mw: 1.5}]",
    )
    rest = ("schema: 1", "tariff: {kind: static, prices_per_mwh: 100}", "dispatch: {}")
    (tmp_path / "scenario.yaml").write_text("\n".join((*found.scenario_lines, *rest)), encoding="utf-8")
    loaded = load(tmp_path / "scenario.yaml")
    feeder = build_feeder(loaded)
    assert feeder.v_max_pu[17] == 1.03
    assert (feeder.v_min_pu[5], feeder.v_max_pu[5]) == (0.9, 1.1)
    assert loaded.scenario.devices[0].import_max_mw == 6.0


def test_elements_out_of_service_are_left_out(net, imported):
    bus = pp.create_bus(net, 12.66, in_service=False)
    pp.create_load(net, bus, 5.0)
    pp.create_sgen(net, 4, 1.0, in_service=False)
    pp.create_ext_grid(net, 5, in_service=False)
    found = imported(net)
    assert found.feeder.n_buses == 33
    assert found.state.vm_pu.min() == pytest.approx(0.913090, abs=5e-7)


def bus_at(net):
    return pp.create_bus(net, 0.4)


REFUSED = {
    "sgen": (lambda net: pp.create_sgen(net, 4, 1.0, name="roof"), r"sgen 0 'roof'.*generator"),
    "gen": (lambda net: pp.create_gen(net, 4, 1.0), r"gen 0.*voltage-controlled"),
    "shunt": (lambda net: pp.create_shunt(net, 4, 1.0), r"shunt 0.*shunt"),
    "storage": (lambda net: pp.create_storage(net, 4, 1.0, 2.0), r"storage 0"),
    "ward": (lambda net: pp.create_ward(net, 4, 0.1, 0.1, 0.1, 0.1), r"ward 0"),
    "switch": (lambda net: pp.create_switch(net, 4, 4, et="l"), r"switch 0.*open one"),
    "trafo": (
        lambda net: pp.create_transformer(net, 4, bus_at(net), "0.25 MVA 10/0.4 kV", name="T1"),
        r"trafo 0 'T1'.*transformer",
    ),
    "asymmetric load": (lambda net: pp.create_asymmetric_load(net, 4), r"asymmetric_load 0.*single-phase"),
    "second supply": (lambda net: pp.create_ext_grid(net, 9), r"ext_grid.*2 external grids"),
    "no supply": (lambda net: net.ext_grid.drop(0, inplace=True), r"ext_grid.*0 external grids"),
    "mesh": (lambda net: net.line.__setitem__("in_service", True), r"closes loop"),
    "island": (lambda net: net.line.drop(16, inplace=True), r"bus '17' has no supply"),
    "line charging": (lambda net: net.line.__setitem__("c_nf_per_km", 10.0), r"line 0.*c_nf_per_km 10 must be 0"),
    "voltage-dependent load": (
        lambda net: net.load.__setitem__("const_z_p_percent", 30.0),
        r"load 0.*const_z_p_percent 30 must be 0",
    ),
    "another voltage": (lambda net: net.bus.__setitem__("vn_kv", [12.66] * 32 + [11.0]), r"vn_kv.*transformer"),
    "line at a dead bus": (
        lambda net: net.bus.__setitem__("in_service", [True] * 32 + [False]),
        r"to_bus 32 is not a bus",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_feeder_cannot_carry_is_refused_by_name(net, imported, tmp_path, name):
    change, message = REFUSED[name]
    change(net)
    with pytest.raises(InputError) as refused:
        imported(net)
    assert re.search(message, str(refused.value)), str(refused.value)
    assert "net.json" in str(refused.value)
    assert not (tmp_path / "out").exists()


def document(net):
    return json.loads(pp.to_json(net))


HOSTILE = {
    "a foreign module": (lambda d: d["_object"].update(x={"_module": "evilmod", "_class": "X"}), "'evilmod'"),
    "a function": (
        lambda d: d["_object"].update(x={"_module": "pandapower.auxiliary", "_class": "function", "_object": "soft"}),
        "'function'",
    ),
    "a module inside a table": (
        lambda d: d["_object"]["bus"].update(
            _object=d["_object"]["bus"]["_object"].replace('"12.66"', "0").replace(
                '"columns"', '"columns_":{"_module":"os","_class":"system"},"columns"', 1
            )
        ),
        "'os'",
    ),
    "no lines": (lambda d: d["_object"].pop("line"), "field 'line': the table is missing; export the whole net"),
    "a broken table": (lambda d: d["_object"]["line"].update(_object="[1]"), "split orientation"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_is_data_and_nothing_else(net, tmp_path, name):
    change, message = HOSTILE[name]
    content = document(net)
    change(content)
    (tmp_path / "net.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)):
        import_feeder("pandapower", tmp_path / "net.json", tmp_path / "out")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("net.p", b"\x80\x04\x95.", "a pickle is refused"),
        ("net.json", b'{"_object":\n{"sn_mva": NaN}}', "net.json:2:1: NaN is not a finite number"),
        ("net.json", b'{"a": 1, "a": 2}', "the key is given twice"),
        ("net.json", b'{"a": ' + b"9" * 5000 + b"}", "a number of 5,000 characters is not a finite number"),
        ("net.json", b'{"a":\n1e999}', "net.json:2:1: 1e999 is not a finite number; give a finite number"),
        ("net.json", b"[" * 100000, "nested too deeply"),
        ("net.json", b"\xff\xfe", "not UTF-8"),
        ("net.json", b"{", "not JSON"),
        ("net.json", b"[]", "holds no pandapower net"),
    ],
)
def test_a_file_that_is_no_json_net_is_refused(tmp_path, file, content, message):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)):
        import_feeder("pandapower", tmp_path / file, tmp_path / "out")


MATPOWER_REFUSED = {
    "code": (
        lambda text: text + "\nmpc.bus(5, PD) = 3 * sum(mpc.bus(:, PD));",
        "is not data; its effect would be lost",
    ),
    "system call": (lambda text: text + "\nsystem('rm -rf x');", "is not data"),
    "line charging": (lambda text: text.replace("0 0 0 0 0 0 1 -360", "0.1 0 0 0 0 0 1 -360", 1), "branch 1-2': b 0.1"),
    "transformer": (lambda text: text.replace("0 0 0 0 0 0 1 -360", "0 0 0 0 0.98 0 1 -360", 1), "a transformer"),
    "generator": (lambda text: text.replace("mpc.gen = [", "mpc.gen = [ 7 1 0 1 0 1 100 1 1 0;"), "gen at bus 7"),
    "two slacks": (lambda text: text.replace("\t5\t1\t", "\t5\t3\t"), "2 buses are of type 3"),
    "words": (lambda text: text.replace("\t5\t1\t", "\tfive\t1\t"), "'five' is no number known there"),
    "few columns": (lambda text: text.replace(" 12.66 1 1.1 0.9;", ";", 1), "the row has 9 columns, the first has 13"),
    "shunt": (lambda text: text.replace("0 0 1 1 0 12.66", "0 0.5 1 1 0 12.66", 1), "shunt"),
    "a row without end": (
        lambda text: text.replace("mpc.branch = [", "mpc.branch = [" + "1 " * 20_000),
        "more than 10,000 words in a line; write a row of a matrix a line",
    ),
    "no branches": (lambda text: text.replace("mpc.branch = [", "mpc.branches = ["), "mpc.branch"),
}


@pytest.mark.parametrize("name", MATPOWER_REFUSED)
def test_a_matpower_case_that_is_more_than_a_radial_feeder_is_refused(tmp_path, name):
    change, message = MATPOWER_REFUSED[name]
    text = matpower_text(converted=True)
    changed = change(text)
    assert changed != text
    (tmp_path / "case.m").write_text(changed, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)):
        import_feeder("matpower", tmp_path / "case.m", tmp_path / "out")


def test_a_folder_that_holds_anything_is_left_alone(net, tmp_path):
    pp.to_json(net, tmp_path / "net.json")
    with pytest.raises(UsageError, match="is not an empty folder"):
        import_feeder("pandapower", tmp_path / "net.json", tmp_path)
