"""A scenario's grid that is a net: what is read of it, what becomes of its elements, what is refused by name."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks as nets
import pytest

from cosim.errors import InputError
from cosim.grid.engines import ENGINES
from cosim.grid.formats.opendss_net import net_of_dss
from cosim.grid.formats.pandapower_net import named_net, simbench_net, stored
from cosim.grid.radial_flow import solve_radial
from cosim.grid.reduction.source_proof import IMPORTED
from cosim.scenario import grid_net
from cosim.scenario.build import build_dispatch, build_grid, build_taps
from cosim.scenario.grid_taps import told
from cosim.scenario.load import load
from cosim.workflows.check import check
from cosim.workflows.plan import plan

OPENDSS = Path(__file__).parents[1] / "grid" / "opendss"
TEXT = """\
schema: 1
title: A net as it is
periods: 2
grid: {grid}
feeder: {{v_min_pu: 0.9, v_max_pu: 1.1, load_profile: [1.0, 0.5]{feeder}}}
devices:
  - {{kind: substation, name: grid}}
{devices}
tariff: {{kind: static, prices_per_mwh: [50, 80]}}
dispatch: {{mode: day_ahead}}
{more}"""


@pytest.fixture
def scenario(tmp_path):
    """Return ``scenario(grid, ...)``: the path of a small scenario on a net."""

    def written(grid, *, feeder="", devices="", more=""):
        text = TEXT.format(grid=grid, feeder=feeder and f", {feeder}", devices=devices, more=more)
        (tmp_path / "scenario.yaml").write_text(text, encoding="utf-8")
        return tmp_path / "scenario.yaml"

    return written


def own_net(path=None):
    """Two voltage levels, a closed switch between buses, a PV plant, a storage and a shunt."""
    net = pp.create_empty_network(sn_mva=1.0)
    high, low, beside, end = (pp.create_bus(net, kv, name=name) for kv, name in (
        (20.0, "substation"), (0.4, "busbar"), (0.4, "busbar 2"), (0.4, "village")))  # fmt: skip
    pp.create_ext_grid(net, high, vm_pu=1.01)
    pp.create_transformer(net, high, low, "0.4 MVA 20/0.4 kV")
    pp.create_switch(net, low, beside, "b", closed=True)
    pp.create_line_from_parameters(
        net, beside, end, length_km=0.3, r_ohm_per_km=0.2, x_ohm_per_km=0.08, c_nf_per_km=250.0, max_i_ka=0.3, name="L"
    )
    pp.create_load(net, end, 0.08, 0.02, name="houses")
    pp.create_load(net, beside, 0.03, 0.01, scaling=0.5)
    pp.create_sgen(net, end, 0.05, 0.01, name="roof", type="PV", sn_mva=0.06)
    pp.create_storage(net, beside, 0.01, max_e_mwh=0.1, min_e_mwh=0.01, soc_percent=40.0, sn_mva=0.03, name="cell")
    pp.create_shunt(net, end, q_mvar=-0.01, p_mw=0.0)
    if path is not None:
        pp.to_json(net, str(path))
    return net


def with_taps(path, **changes):
    """Give the net's transformer a range of taps, and put it where iron losses are largest: at 1.09 pu."""
    net = own_net()
    values = {"tap_side": "hv", "tap_neutral": 0, "tap_min": -3, "tap_max": 3, "tap_pos": -3, "tap_step_percent": 2.5,
              "tap_step_degree": 0.0, "tap_changer_type": "Ratio"}  # fmt: skip
    for name, value in (values | changes).items():
        net.trafo[name] = value
    pp.to_json(net, str(path))
    return net


def mistakes(path, overrides=()):
    return [str(one) for one in check(path, overrides).mistakes]


def test_the_elements_of_a_file_are_the_base_load(scenario, tmp_path):
    net = own_net(tmp_path / "net.json")
    loaded = load(scenario("net.json"))
    case, feeder = build_dispatch(loaded), build_grid(loaded).feeder
    village, busbar = feeder.bus_position("3"), feeder.bus_position("1")
    assert feeder.bus_position("2") == busbar  # the closed switch makes one bus of them
    assert feeder.base_mva == pytest.approx(abs(complex(0.08 - 0.05, 0.01)) + abs(complex(0.015 + 0.01, 0.005)))
    assert case.base_p_mw[village].tolist() == pytest.approx([0.08 - 0.05, 0.04 - 0.05])
    assert case.base_q_mvar[village].tolist() == pytest.approx([0.02 - 0.01, 0.01 - 0.01])
    assert case.base_p_mw[busbar].tolist() == pytest.approx([0.015 + 0.01, 0.0075 + 0.01])
    assert feeder.slack_vm_pu == 1.01
    assert feeder.net.net is not net
    assert [one["file"] if isinstance(one, dict) else one.name for one in loaded.inputs] == [
        "scenario.yaml",
        "net.json",
    ]


def test_named_elements_are_devices_with_what_the_net_knows(scenario, tmp_path):
    own_net(tmp_path / "net.json")
    grid = "{pandapower: net.json, devices: {pv: roof, cell: 'storage 0'}}"
    loaded = load(scenario(grid, devices="  - {kind: photovoltaic, name: pv, reactive: false, power_factor: 0.9}"))
    substation, pv, cell = loaded.scenario.devices
    assert (pv.kind, pv.bus, pv.s_max_mva, pv.available_mw, pv.power_factor) == ("photovoltaic", "3", 0.06, 0.05, 0.9)
    assert (cell.kind, cell.bus, cell.capacity_mwh, cell.p_max_mw) == ("storage", "2", 0.1, 0.03)
    assert (cell.soc_min, cell.soc_max, cell.soc_initial) == pytest.approx((0.1, 1.0, 0.4))
    case = build_dispatch(loaded)
    assert case.devices[2].bus == "1"  # by the first index of its bus
    village = case.feeder.bus_position("3")
    assert case.base_p_mw[village].tolist() == pytest.approx([0.08, 0.04])
    told = plan(scenario(grid)).elements
    assert ("1 sgen (0)", "-0.05 MW, -0.01 Mvar", "device pv") in told
    assert ("2 load (0, 1)", "0.095 MW, 0.025 Mvar", "load times feeder.load_profile") in told


def test_all_devices_of_a_net_and_fixed_injections_of_the_rest(scenario, tmp_path):
    net = own_net()
    pp.create_sgen(net, 3, 0.02, name="plant", type="CHP")
    pp.to_json(net, str(tmp_path / "net.json"))
    path = scenario("{pandapower: net.json, devices: net}")
    assert [one.name for one in load(path).scenario.devices] == ["grid", "sgen0", "storage0"]
    assert [fate for _, _, fate in plan(path).elements] == [
        "load times feeder.load_profile", "device sgen0", "fixed injection", "device storage0"
    ]  # fmt: skip


def test_the_resolved_scenario_is_the_same_scenario(scenario, tmp_path):
    """A run folder holds the scenario with all that the net filled in; read again it says the same."""
    own_net(tmp_path / "net.json")
    first = load(scenario("{pandapower: net.json, devices: net}"))
    (tmp_path / "scenario.yaml").write_text(json.dumps(first.resolved | {"extends": None}), encoding="utf-8")
    assert load(tmp_path / "scenario.yaml").scenario == first.scenario


def test_a_net_by_name_with_lines_opened_and_its_own_limits(scenario):
    grid = "{pandapower: mv_oberrhein}"
    assert "required" not in "".join(found := mistakes(scenario(grid)))
    assert "external grids at buses" in "".join(found)
    assert "feeder.slack_bus in a scenario" in "".join(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        net = nets.mv_oberrhein()
    bus = int(net.ext_grid.bus.iloc[1])
    loaded = load(scenario(grid, feeder=f"slack_bus: {bus}, voltage_limits: file"))
    feeder = build_grid(loaded).feeder
    assert feeder.bus_ids[feeder.slack] == str(bus)
    assert feeder.v_max_pu[feeder.slack] == 1.1  # the net gives none
    names = [one.name for one in loaded.inputs]
    assert names[1] == "pandapower:mv_oberrhein"
    assert len(loaded.inputs[1].sha256) == 64


TABLES = {
    "bus.csv": "id,vn_kv\nH,20\nA,0.4\nB,0.4\nC,0.4\n",
    "line.csv": (
        "id,from_bus,to_bus,length_km,r_ohm_per_km,x_ohm_per_km,c_nf_per_km,max_i_ka\n"
        "L1,A,B,0.3,0.2,0.08,250,0.3\nL2,B,C,0.2,0.2,0.08,0,\n"
    ),
    "load.csv": "id,bus,p_mw,q_mvar\nd1,B,0.05,0.01\nd2,C,0.02,0.005\n",
    "trafo.csv": (
        "id,hv_bus,lv_bus,sn_mva,vn_hv_kv,vn_lv_kv,vk_percent,vkr_percent,pfe_kw,i0_percent,shift_degree,tap_side,"
        "tap_neutral,tap_min,tap_max,tap_step_percent,tap_pos,tap_changer_type\nT1,H,A,0.4,20,0.4,6,1.4,1.35,0.34,150,hv,"
        "0,-2,2,2.5,-1,Ratio\n"
    ),
    "shunt.csv": "id,bus,p_mw,q_mvar\nC1,C,0,-0.01\n",
    "switch.csv": "id,bus,element,et,closed\nS1,B,L2,l,true\n",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Return ``folder(**changes)``: write the tables of a net, some of them changed or left out."""

    def written(**changes):
        tables = TABLES | {f"{name}.csv": text for name, text in changes.items()}
        (tmp_path / "village").mkdir(exist_ok=True)
        for file, text in tables.items():
            if text is not None:
                (tmp_path / "village" / file).write_text(text, encoding="utf-8")

    return written


SUPPLY = "slack_bus: H, slack_vm_pu: 1.01"


def test_a_folder_with_a_transformer_is_the_net_that_one_would_build(scenario, folder):
    folder()
    loaded = load(scenario("village", feeder=SUPPLY))
    feeder = build_grid(loaded).feeder
    net = pp.create_empty_network()
    h, a, b, c = (pp.create_bus(net, kv) for kv in (20.0, 0.4, 0.4, 0.4))
    pp.create_ext_grid(net, h, vm_pu=1.01)
    pp.create_transformer_from_parameters(
        net, h, a, 0.4, 20.0, 0.4, vk_percent=6.0, vkr_percent=1.4, pfe_kw=1.35, i0_percent=0.34, shift_degree=150.0,
        tap_side="hv", tap_neutral=0, tap_min=-2, tap_max=2, tap_step_percent=2.5, tap_pos=-1, tap_changer_type="Ratio",
    )  # fmt: skip
    for ends, km, c_nf in (((a, b), 0.3, 250.0), ((b, c), 0.2, 0.0)):
        pp.create_line_from_parameters(net, *ends, km, 0.2, 0.08, c_nf, 0.3)
    pp.create_load(net, b, 0.05, 0.01)
    pp.create_load(net, c, 0.02, 0.005)
    pp.create_shunt(net, c, -0.01)
    pp.runpp(net, numba=False, tolerance_mva=1e-12)
    found = feeder.net.table.buses.vm_pu
    assert [found[feeder.bus_position(one)] for one in "HABC"] == pytest.approx(net.res_bus.vm_pu.to_list(), abs=1e-10)
    assert feeder.line_ids == ("trafo T1", "L1", "L2")
    assert feeder.circuit.elements.ids == ("L1", "L2", "trafo T1")
    assert [one.name for one in loaded.inputs][1:] == [f"village/{name}" for name in sorted(TABLES)]


def test_an_open_switch_takes_the_line_off(scenario, folder):
    folder(switch="id,bus,element,et,closed\nS1,B,L2,l,false\n")
    feeder = build_grid(load(scenario("village", feeder=SUPPLY))).feeder
    assert not feeder.has_bus("C")
    assert feeder.net.table.buses.inside.sum() == 0  # open at its supply, the line hangs at nothing


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trafo": TABLES["trafo.csv"].replace("vk_percent", "vk")}, "column 'vk_percent' is missing"),
        ({"trafo": TABLES["trafo.csv"].replace("H,A", "H,X")}, "field 'lv_bus': bus 'X' is not in bus.csv"),
        ({"trafo": TABLES["trafo.csv"].replace("T1,H,A,0.4", "T1,H,A,0")}, "field 'sn_mva': 0 must be > 0; give it"),
        ({"trafo": TABLES["trafo.csv"].replace(",Ratio", ",")}, "'tap_pos': -1 without tap_changer_type has no effect"),
        ({"trafo": TABLES["trafo.csv"].replace("-1,Ratio", "-3,Ratio")}, "tap_pos -3 is beyond -2 to 2"),
        ({"shunt": "id,bus,p_mw,q_mvar\nC1,Z,0,-0.01\n"}, "shunt.csv:2:2: field 'bus': bus 'Z' is not in bus.csv"),
        ({"switch": "id,bus,element,et\nS1,B,L9,l\n"}, "field 'element': 'L9' is not in line.csv; known: L1, L2"),
        ({"switch": "id,bus,element,et\nS1,A,L2,l\n"}, "field 'bus': bus 'A' is no end of 'L2'; its ends are B and C"),
        ({"switch": "id,bus,element,et\nS1,A,L2,x\n"}, "field 'et': 'x' must be one of b, l, t"),
        ({"line": TABLES["line.csv"].replace("L2,B,C", "L2,H,C")}, "joins 20 kV and 0.4 kV; give a transformer"),
        ({"line": TABLES["line.csv"] + "L3,A,C,0.2,0.2,0.08,0,\n"}, "; set in_service to false of one of them"),
    ],
)  # fmt: skip
def test_mistakes_in_the_tables_of_a_net_have_a_place(scenario, folder, changes, told):
    folder(**changes)
    found = mistakes(scenario("village", feeder=SUPPLY))
    assert told in "\n".join(found)


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        ("{}", "field 'grid': none of pandapower, matpower, simbench is given; give one of them"),
        ("{pandapower: a.json, simbench: b}", "pandapower and simbench exclude each other"),
        ("{pandapower: none.json}", "file 'none.json' is not there"),
        ("{pandapower: no_such_net}", "no net of pandapower.networks"),
        ("{pandapower: net.json, first_day: 2016-07-20}", "only SimBench's nets bring profiles along; remove it"),
        (
            "{pandapower: net.json, devices: {pv: 'sgen 7'}}",
            "'sgen 7' names 0 elements of the feeder; give table",
        ),
        ("{pandapower: net.json, devices: {pv: houses}}", "'houses' is a load; a device that moves it names its bus"),
        ("{pandapower: net.json, open: ['line:9']}", "'line:9' names 0 elements"),
        ("{pandapower: net.json, taps: Ratio}", "unknown key"),
    ],
)
def test_a_wrong_net_is_told_by_name(scenario, tmp_path, grid, told):
    own_net(tmp_path / "net.json")
    assert told in "\n".join(mistakes(scenario(grid)))


@pytest.mark.parametrize(
    ("feeder", "more", "told"),
    [
        ("slack_bus: 3", "", "slack bus 3 has no external grid in service; sources: 0"),
        ("slack_bus: nowhere", "", "'nowhere' names 0 buses of the net; its external grids are at 0"),
        ("", "outages: [{line: L, from: 1, to: 1}]", "outages of lines of a net are not carried"),
    ],
)
def test_what_a_net_does_not_do_is_told(scenario, tmp_path, feeder, more, told):
    own_net(tmp_path / "net.json")
    assert told in "\n".join(mistakes(scenario("net.json", feeder=feeder, more=more)))


def test_loads_that_depend_on_voltage_are_refused(scenario, tmp_path):
    net = own_net()
    net.load.loc[0, "const_z_p_percent"] = 30.0
    pp.to_json(net, str(tmp_path / "net.json"))
    assert "its loads depend on voltage (const_z, const_i)" in "\n".join(mistakes(scenario("net.json")))
    asked = "{pandapower: net.json, voltage_dependent_loads: constant_power}"
    grid = build_grid(load(scenario(asked)))
    assert any(one.startswith("1 loads that depend on voltage draw their rated power") for one in grid.remarks)
    own_net(tmp_path / "net.json")
    again = build_grid(load(scenario("net.json")))
    assert grid.feeder.p_mw.tolist() == again.feeder.p_mw.tolist()
    assert grid.feeder.net.table.buses.vm_pu.tolist() == again.feeder.net.table.buses.vm_pu.tolist()


def test_a_circuit_of_opendss_is_compared_with_it_before_its_loads_are_made_constant(scenario, tmp_path):
    """Of its load models none is left; what OpenDSS found for them is held against the net as it was."""
    net, _ = net_of_dss(OPENDSS / "levels.dss")
    asked = scenario("{pandapower: net.json, voltage_dependent_loads: constant_power}")
    (tmp_path / "net.json").write_text(stored(net), encoding="utf-8")
    feeder = build_grid(load(asked)).feeder
    assert feeder.p_mw.sum() == pytest.approx((net.load.p_mw * net.load.scaling)[net.load.in_service].sum(), rel=1e-12)
    found = net[IMPORTED]["vm_pu_opendss"]
    net[IMPORTED]["vm_pu_opendss"] = {bus: 1.01 * vm for bus, vm in found.items()}
    (tmp_path / "net.json").write_text(stored(net), encoding="utf-8")
    assert "OpenDSS" in "\n".join(mistakes(asked))


SIMBENCH = "{{simbench: 1-LV-rural1--2-sw, first_day: {day}}}"


def test_profiles_of_simbench_by_the_clock(scenario):
    """A quarter hour of a July noon is the net's own row of it; a day with a change of the clocks is refused."""
    net = simbench_net("1-LV-rural1--2-sw")
    stamp = net.profiles["load"].time.to_list().index("20.07.2016 00:00")
    path = scenario(SIMBENCH.format(day="2016-07-20"))
    overrides = ["periods=96", "period_min=15", "feeder.load_profile=1", "tariff.prices_per_mwh=50"]
    loaded = load(path, overrides)
    case = build_dispatch(loaded)
    noon = stamp + 48
    drawn = sum(
        p * net.profiles["load"][f"{name}_pload"][noon] for p, name in zip(net.load.p_mw, net.load.profile, strict=True)
    )
    given = sum(
        p * net.profiles["renewables"][name][noon] for p, name in zip(net.sgen.p_mw, net.sgen.profile, strict=True)
    )
    assert case.base_p_mw[:, 48].sum() == pytest.approx(drawn - given, rel=1e-12)
    q = sum(
        q * net.profiles["load"][f"{name}_qload"][noon]
        for q, name in zip(net.load.q_mvar, net.load.profile, strict=True)
    )
    assert case.base_q_mvar[:, 48].sum() == pytest.approx(q, rel=1e-12)
    told = plan(path, overrides)
    assert any("stands still" in fate for _, _, fate in told.elements)
    assert any("tap_changer_type is empty, so tap_pos has no effect" in one for one in told.remarks)
    for day, rows in (("2016-03-27", 92), ("2016-10-30", 100)):
        found = "\n".join(mistakes(scenario(SIMBENCH.format(day=day)), overrides))
        assert f"that day has {rows} quarter hours, not 96" in found


def test_devices_of_simbench_have_their_profile_by_name(scenario):
    path = scenario("{simbench: 1-LV-rural1--2-sw, first_day: 2016-07-20, devices: net, tap_changer_type: Ratio}")
    loaded = load(path, ["feeder.load_profile={file: simbench, column: H0-A_pload}"])
    pv = next(one for one in loaded.scenario.devices if one.name == "sgen0")
    assert (pv.available_mw.file, pv.available_mw.scale) == ("simbench", 0.04)
    assert not any("tap_pos has no effect" in one for one in build_grid(loaded).remarks)
    cell = next(one for one in loaded.scenario.devices if one.name == "storage0")
    assert (cell.capacity_mwh, cell.p_max_mw) == pytest.approx((0.1467, 0.0734))


def test_taps_are_chosen_for_the_day_and_set_in_the_net_that_judges(scenario, tmp_path):
    """Less voltage, less iron loss; pandapower's flow of the day is that of the net with the position chosen."""
    with_taps(tmp_path / "net.json")
    loaded = load(scenario("net.json", feeder="taps: optimised"))
    choice, case = build_taps(loaded), build_dispatch(loaded)
    assert choice.position.tolist() == list(min(choice.tried, key=choice.tried.get))
    assert choice.position[0] > 0
    assert choice.operations == 3 + choice.position[0]
    assert choice.cost < choice.tried[(-3,)]
    assert choice.bound == pytest.approx(choice.cost, rel=1e-6)  # the best is at the end of the range
    assert case.feeder.net.net.trafo.tap_pos.tolist() == choice.position.tolist()
    state = ENGINES["pandapower"](case.feeder).solve(-case.base_p_mw[:, 0], -case.base_q_mvar[:, 0])
    mine = solve_radial(case.feeder, -case.base_p_mw[:, :1], -case.base_q_mvar[:, :1]).at(0)
    assert np.abs(state.vm_pu - mine.vm_pu).max() <= 1e-8
    assert "tap" in told(choice)
    assert "from -3 to" in told(choice)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"tap_changer_type": "Symmetrical", "tap_step_degree": 20.0}, "turns the phase"),
        ({"tap_step_percent": 0.0}, "tap_step_percent"),
        ({"tap_pos": 0.5}, "not all whole"),
    ],
)
def test_taps_that_cannot_be_chosen_are_told(scenario, tmp_path, changes, what):
    with_taps(tmp_path / "net.json", **changes)
    with pytest.raises(InputError, match=what):
        load(scenario("net.json", feeder="taps: optimised"))


def test_lines_at_one_voltage_have_no_taps():
    with pytest.raises(InputError, match="taps.*no transformer"):
        load("ieee33_grid_only", ["feeder.taps=optimised"])


def test_a_net_that_a_package_brings_is_the_same_input_whatever_the_order_of_its_columns():
    one, other = named_net("four_loads_with_branches_out"), named_net("four_loads_with_branches_out")
    for table in ("bus", "line", "load"):
        other[table] = other[table][list(other[table])[::-1]]
    assert grid_net._content(one) == grid_net._content(other)
    other.load.loc[0, "p_mw"] += 1e-9
    assert grid_net._content(one) != grid_net._content(other)
