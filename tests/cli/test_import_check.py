"""`cosim import ... --check`: figures of a net as it is, or one message that names what hinders."""

import re
from pathlib import Path

import pandapower as pp
import pandas as pd
import pytest
from pandapower import networks


def test_a_net_by_name_is_told_with_voltages_losses_and_loading(cosim):
    code, told, err = cosim("import", "pandapower", "create_cigre_network_mv", "--check")
    assert (code, err) == (0, "")
    net = networks.create_cigre_network_mv()
    pp.runpp(net, numba=False, tolerance_mva=1e-10)
    assert "15 at 110, 20 kV" in told
    assert f"{net.res_bus.vm_pu.min():.6f} pu at bus {net.res_bus.vm_pu.idxmin()}" in told
    assert f"{1000.0 * (net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()):.3f} kW" in told
    for table in (net.res_line, net.res_trafo):
        assert f"{table.loading_percent.max():.2f} % of" in told


@pytest.mark.filterwarnings("ignore:tap_dependency_table is missing:DeprecationWarning")  # pandapower of its own net
def test_of_two_feeders_one_is_told_and_the_other_counted(cosim):
    code, out, err = cosim("import", "pandapower", "mv_oberrhein", "--check", "--slack", 58)
    assert (code, err) == (0, "")  # pandapower's advice to install numba is none of the user's business
    assert "70 at 110, 20 kV" in out
    assert "112 line, 1 trafo, 86 load (20.274 MW, 4.11681 Mvar)" in out


def test_a_file_with_two_sources_asks_for_one(cosim, tmp_path):
    net = networks.simple_mv_open_ring_net()
    pp.create_ext_grid(net, pp.create_bus(net, 20.0))
    pp.to_json(net, tmp_path / "net.json")
    code, _, err = cosim("import", "pandapower", tmp_path / "net.json", "--check")
    assert code == 3
    assert "choose one: --slack BUS" in err
    code, out, _ = cosim("import", "pandapower", tmp_path / "net.json", "--check", "--slack", 0)
    assert code == 0
    assert "not supplied by bus 0" in out
    assert "carried" in out


def test_the_tables_are_those_of_pandapower(cosim, tmp_path):
    code, out, err = cosim("import", "pandapower", "create_cigre_network_lv", "--check", "--out", tmp_path / "flow")
    assert (code, err) == (0, "")
    net = networks.create_cigre_network_lv()
    pp.runpp(net, numba=False, tolerance_mva=1e-10)
    bus = pd.read_csv(tmp_path / "flow" / "bus.csv", index_col="bus")
    assert bus.vm_pu.to_dict() == pytest.approx(net.res_bus.vm_pu.dropna().to_dict(), abs=1e-9)
    elements = pd.read_csv(tmp_path / "flow" / "element.csv").set_index(["element", "index"])
    for kind, ends in (("line", ("from", "to")), ("trafo", ("hv", "lv"))):
        told, truth = elements.loc[kind], net[f"res_{kind}"]
        assert told.name.to_list() == net[kind].name[told.index].to_list()
        for column, theirs in (
            ("p_from_mw", f"p_{ends[0]}_mw"), ("q_to_mvar", f"q_{ends[1]}_mvar"), ("i_to_ka", f"i_{ends[1]}_ka"),
            ("loading_percent", "loading_percent"),
        ):  # fmt: skip
            assert told[column].to_list() == pytest.approx(truth[theirs][told.index].to_list(), abs=1e-7)
    again, _, err = cosim("import", "pandapower", "create_cigre_network_lv", "--check", "--out", tmp_path / "flow")
    assert again == 2
    assert "is not an empty folder" in err


def test_a_circuit_of_opendss_goes_in_as_it_is_without_a_word_of_it(cosim, tmp_path):
    file = Path(__file__).parents[1] / "grid" / "opendss" / "line.dss"
    code, out, _ = cosim("import", "opendss", file, "--out", tmp_path / "line")
    assert code == 0
    assert "grid: line/net.json" in out
    assert (tmp_path / "line" / "net.json").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["pandapower", "create_cigre_network_hv", "--check"], 3, "a voltage; give its power as an sgen"),
        (["pandapower", "no_such_net", "--check"], 2, "is no file and no net of pandapower.networks"),
        (["pandapower", "net.json"], 2, "give --out FOLDER for the tables, or --check"),
        (
            ["pandapower", "net.json", "--out", "x", "--open", "3"],
            2,
            "--slack, --open and --balanced belong to --check",
        ),
        (["simbench", "1-MV-urban--9-sw", "--out", "x"], 3, "'1-MV-urban--9-sw' is no code of SimBench"),
    ],
)
def test_what_does_not_go_in_is_said(cosim, words, code, message):
    found, _, err = cosim("import", *words)
    assert found == code
    assert message in " ".join(err.replace("│", " ").split())


def test_everything_that_is_wrong_with_a_file_is_one_screen(cosim, tmp_path):
    net = networks.simple_four_bus_system()
    pp.create_gen(net, 2, 0.01, vm_pu=1.01, name="unit")
    pp.create_switch(net, 2, 0, et="l")
    net.switch["element"] = 77
    net.trafo["vk_percent"] = float("nan")
    net.trafo["tap_changer_type"], net.trafo["tap_pos"], net.trafo["tap_max"] = "Ratio", 9, 2
    net.trafo["tap_dependency_table"], net.trafo["id_characteristic_table"] = True, 0
    net.trafo["tap_min"] = -2
    pp.to_json(net, tmp_path / "feeder.json")
    code, _, err = cosim("import", "pandapower", tmp_path / "feeder.json", "--check")
    assert code == 3
    assert len(err.splitlines()) <= 24
    said = " ".join(err.split())
    for element, rule, way_out in (
        ("gen 0 'unit'", "holds a voltage", "give its power as an sgen"),
        ("trafo 0", "vk_percent nan is empty", "fill it in"),
        ("switch 0", "element 77 is no line of the net", "remove it, or name one"),
        ("trafo 0", "tap_pos 9 is beyond -2 to 2", "give a step that exists"),
        ("trafo 0", "tap_pos 9 stands 0 times in table 0", "give each step once"),
    ):
        assert re.search(rf"feeder\.json: field '{element}.*?{rule}.*?{way_out}", said), (rule, err)


def test_an_opendss_circuit_is_told_beside_opendss_and_stored(cosim, tmp_path):
    circuit = Path(__file__).parents[1] / "grid" / "opendss" / "regulators.dss"
    code, _, err = cosim("import", "opendss", circuit, "--check")
    assert code == 3
    assert "--balanced takes that equivalent" in err
    code, out, err = cosim("import", "opendss", circuit, "--check", "--balanced", "--out", tmp_path / "net")
    assert (code, err) == (0, "")
    assert "5 buses to 1.1e-04 pu (bus 'mid')" in out
    assert "in a scenario:  grid: net/net.json" in out
    assert "3 buses of one or two phases" in out
    bus = pd.read_csv(tmp_path / "net" / "bus.csv", index_col="bus")
    assert (bus.vm_pu - bus.vm_pu_of_source).abs().max() < 2e-3
    code, out, err = cosim("import", "pandapower", tmp_path / "net" / "net.json", "--check")
    assert (code, err) == (0, "")
    assert "5 buses to 1.1e-04 pu (bus 'mid')" in out
