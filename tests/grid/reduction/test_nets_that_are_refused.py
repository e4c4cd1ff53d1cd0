"""What a radial feeder cannot carry, and what pandapower would mistake without a word: named, in one screen."""

import json
import re

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from cosim.errors import MOST_LINES, InputError
from cosim.grid.formats.pandapower_net import net_of_json
from cosim.grid.reduction.own_net import reduced


@pytest.fixture
def net():
    """A 20 kV line with charging, a transformer with a tap, two 0.4 kV lines."""
    net = pp.create_empty_network()
    for level in (20.0, 20.0, 0.4, 0.4, 0.4):
        pp.create_bus(net, level)
    pp.create_ext_grid(net, 0, vm_pu=1.02)
    line = {"r_ohm_per_km": 0.3, "x_ohm_per_km": 0.2, "c_nf_per_km": 250.0, "max_i_ka": 0.2}
    pp.create_line_from_parameters(net, 0, 1, 4.0, **line, name="feed")
    trafo(net, 1, 2, name="T1")
    pp.create_line_from_parameters(net, 2, 3, 0.2, **line)
    pp.create_line_from_parameters(net, 3, 4, 0.1, **line)
    pp.create_load(net, 3, 0.05, 0.01)
    pp.create_load(net, 4, 0.03, 0.01)
    return net


def trafo(net, high, low, **more):
    how = {"shift_degree": 150.0, "tap_side": "hv", "tap_neutral": 0, "tap_min": -2, "tap_max": 2, "tap_pos": 1}
    how |= {"tap_step_percent": 2.5, "tap_step_degree": 0.0, "tap_changer_type": "Ratio"} | more
    return pp.create_transformer_from_parameters(
        net, high, low, sn_mva=0.4, vn_hv_kv=20.0, vn_lv_kv=0.42, vk_percent=6.0, vkr_percent=1.4, pfe_kw=1.3,
        i0_percent=0.3, **how,
    )  # fmt: skip


def tabular(net, steps, taps=(1,)):
    """Give transformers one tap table of some steps."""
    for tap in taps[1:]:
        trafo(net, 1, pp.create_bus(net, 0.4), tap_pos=tap)
    net.trafo["tap_dependency_table"], net.trafo["id_characteristic_table"] = True, 0
    columns = {"id_characteristic": 0, "voltage_ratio": 1.0, "angle_deg": 0.0, "vk_percent": 6.0, "vkr_percent": 1.4}
    net["trafo_characteristic_table"] = pd.DataFrame({"step": steps} | columns)


def three_windings(net):
    for level in (110.0, 20.0, 10.0):
        pp.create_bus(net, level)
    windings = {f"sn_{side}_mva": 10.0 for side in ("hv", "mv", "lv")}
    windings |= {f"vk_{side}_percent": 10.0 for side in ("hv", "mv", "lv")}
    windings |= {f"vkr_{side}_percent": 0.3 for side in ("hv", "mv", "lv")}
    pp.create_transformer3w_from_parameters(
        net, 5, 6, 7, vn_hv_kv=110.0, vn_mv_kv=20.0, vn_lv_kv=10.0, pfe_kw=1.0, i0_percent=0.1, **windings,
        tap_side="hv", tap_neutral=0, tap_min=-3, tap_max=3, tap_pos=2, tap_step_percent=1.5, tap_at_star_point=True,
        tap_changer_type="Ratio",
    )  # fmt: skip


LINE = {"length_km": 0.1, "r_ohm_per_km": 0.3, "x_ohm_per_km": 0.2, "c_nf_per_km": 0.0, "max_i_ka": 0.2}

REFUSED = {
    "two sources of one feeder": (
        lambda n: pp.create_ext_grid(n, 3), r"external grids at buses 0, 3.*--slack BUS, or feeder.slack_bus"
    ),
    "no source": (lambda n: n.ext_grid.drop(0, inplace=True), r"no external grid"),
    "a ring": (
        lambda n: pp.create_line_from_parameters(n, 4, 2, **LINE, name="tie"),
        r"a ring of 3 branches from bus \d: .*line 3 'tie'.*; open one: --open line:\d, or grid.open",
    ),
    "parallels of unequal phase shift": (
        lambda n: trafo(n, 1, 2, shift_degree=330.0, name="T2"),
        r"trafo 1 'T2'.*beside trafo 0 'T1'.*differ by 180 degrees",
    ),
    "impedance unequal by direction": (
        lambda n: pp.create_impedance(n, 3, pp.create_bus(n, 0.4), 0.01, 0.01, 1.0, rtf_pu=0.02, xtf_pu=0.01),
        r"impedance 0.*differs by direction",
    ),
    "transformer without vk": (
        lambda n: n.trafo.__setitem__("vk_percent", np.nan),
        r"trafo 0 'T1'.*vk_percent nan is empty",
    ),
    "vk of zero": (lambda n: n.trafo.__setitem__("vk_percent", 0.0), r"vk_percent 0.0 must not be 0"),
    "vkr above vk": (lambda n: n.trafo.__setitem__("vkr_percent", 7.0), r"vkr_percent 7 is above vk_percent 6"),
    "a missing step": (lambda n: tabular(n, [-1, 0]), r"tap_pos 1.* stands 0 times in table 0"),
    "one table for two": (lambda n: tabular(n, [0, 1, 2], (1, 2)), r"trafo 0 'T1', trafo 1 share tap table 0"),
    "tap out of range": (lambda n: n.trafo.__setitem__("tap_pos", 3), r"tap_pos 3 is beyond -2 to 2"),
    "old tap columns": (
        lambda n: n.trafo.rename(columns={"tap_changer_type": "tap_phase_shifter"}, inplace=True),
        r"tap_phase_shifter is of pandapower 2",
    ),
    "leakage of one transformer alone": (
        lambda n: trafo(n, 1, 2, leakage_resistance_ratio_hv=0.4, leakage_reactance_ratio_hv=0.4),
        r"leakage_resistance_ratio_hv is empty for transformers 0",
    ),
    "star-point tap without an angle": (three_windings, r"trafo3w 0.*tap_step_degree is empty"),
    "gen": (lambda n: pp.create_gen(n, 3, 0.01, name="unit"), r"gen 0 'unit'.*a voltage; give its power as an sgen"),
    "xward": (lambda n: pp.create_xward(n, 3, 0, 0, 0, 0, 0.1, 0.1, 1.0), r"xward 0.*extended ward"),
    "dcline": (lambda n: pp.create_dcline(n, 2, 4, 0.1, 0.0, 0.0, 1.0, 1.0), r"dcline 0.*DC line"),
    "an unknown table": (
        lambda n: n.__setitem__("hydrogen", pd.DataFrame({"bus": [3], "in_service": [True]})),
        r"hydrogen 0.*no such element",
    ),
    "a line of no impedance": (
        lambda n: n.line.loc.__setitem__((1, ["r_ohm_per_km", "x_ohm_per_km"]), 0.0),
        r"line 1.*r_ohm_per_km and x_ohm_per_km are 0; give a closed bus-bus switch",
    ),
    "a switch that names no line": (lambda n: pp.create_switch(n, 3, 1, "l") or n.switch.__setitem__("element", 77),
                                    r"switch 0.*element 77 is no line"),
    "a switch at another bus": (lambda n: pp.create_switch(n, 3, 1, "l") or n.switch.__setitem__("bus", 0),
                                r"switch 0.*bus 0 is no end of line 1"),
    "a load at no bus": (lambda n: n.load.__setitem__("bus", [3, 99]), r"load 1.*bus 99 is no bus"),
    "a column that is gone": (lambda n: n.line.drop(columns="df", inplace=True), r"line.*column df is missing"),
    "kilowatts given as megawatts": (lambda n: n.load.__setitem__("p_mw", 50.0), r"does not converge; kW given as MW"),
    "shares of more than the whole": (
        lambda n: n.load.loc.__setitem__((1, ["const_z_q_percent", "const_i_q_percent"]), 60.0),
        r"load 1.*const_z_q_percent 60, const_i_q_percent 60 must be >= 0 and at most 100 together",
    ),
    "temperatures": (lambda n: n.__setitem__("user_pf_options", {"tdpf": True}), r"tdpf"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(net, name):
    change, message = REFUSED[name]
    change(net)
    with pytest.raises(InputError) as refused:
        reduced(net, name="net")
    assert re.search(message, str(refused.value)), str(refused.value)
    assert len(str(refused.value).splitlines()) <= MOST_LINES
    for problem in refused.value.problems:
        assert problem.file == "net"
        assert problem.remedy, f"no way out: {problem}"


def test_a_thousand_mistakes_are_one_screen(net):
    for _ in range(1000):
        pp.create_gen(net, 3, 0.001)
    with pytest.raises(InputError, match="1,000 mistakes of 1 kind") as refused:
        reduced(net, name="net")
    assert len(str(refused.value).splitlines()) < 2 * MOST_LINES


def test_a_ring_is_a_feeder_once_it_is_opened(net):
    before = reduced(net, name="net").vm_pu
    pp.create_line_from_parameters(net, 4, 2, **LINE, name="tie")
    for word in ("line:3", "3", "tie"):
        assert reduced(net, name="net", opened=[word]).vm_pu == pytest.approx(before, abs=1e-12)
    with pytest.raises(InputError, match="'nothing' names 0 elements"):
        reduced(net, name="net", opened=["nothing"])


def test_what_is_carried_and_merged_is_counted(net):
    trafo(net, 1, 2, name="T2")
    pp.create_sgen(net, 3, 0.02, 0.01, scaling=0.5)
    pp.create_shunt(net, 4, q_mvar=-0.01, p_mw=0.001, step=2)
    pp.create_asymmetric_load(net, 3, p_a_mw=0.01, p_c_mw=0.02, q_b_mvar=0.003)
    pp.create_line_from_parameters(net, 3, 4, **LINE, in_service=False)
    found = reduced(net, name="net").balance
    assert found.left_out == ()
    assert found.merged == ("trafo 0 'T1' + trafo 1 'T2'",)
    assert [str(one) for one in found.carried] == [
        "3 line", "2 trafo", "2 load (0.08 MW, 0.02 Mvar)", "1 sgen (0.01 MW, 0.005 Mvar)",
        "1 shunt (0.002 MW, -0.02 Mvar)",
        "1 asymmetric_load (0.03 MW, 0.003 Mvar)",
    ]  # fmt: skip


def test_of_two_feeders_the_one_that_is_asked_for(net):
    before = reduced(net, name="net")
    other = pp.create_buses(net, 2, 10.0)
    pp.create_ext_grid(net, other[0], vm_pu=0.99)
    pp.create_line_from_parameters(net, *other, **LINE)
    pp.create_load(net, other[1], 0.5)
    for bus, found in ((0, before.vm_pu), (5, None)):
        feeder = reduced(net, name="net", slack_bus=bus)
        assert found is None or feeder.vm_pu == pytest.approx(found, abs=1e-10)
        assert any("not supplied by bus" in remark for remark in feeder.remarks)
    with pytest.raises(InputError, match="slack bus 3 has no external grid"):
        reduced(net, name="net", slack_bus=3)


def test_what_is_left_out_or_without_effect_is_said(net):
    net.trafo["tap_changer_type"] = None
    pp.create_load(net, pp.create_bus(net, 0.4), 0.07)
    pp.create_asymmetric_load(net, 3, p_a_mw=0.01)
    found = reduced(net, name="net")
    told = "\n".join(found.remarks)
    assert "1 buses are isolated or out of service: 5" in told
    assert [str(one) for one in found.balance.left_out] == ["1 load (0.07 MW, 0 Mvar)"]
    assert "tap_changer_type is empty, so tap_pos has no effect, of trafo 0 'T1'" in told
    assert "1 rows of asymmetric_load count as the sum of their phases" in told


def stored(net, tmp_path, change):
    content = json.loads(pp.to_json(net))
    change(content["_object"])
    path = tmp_path / "net.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


FILES = {
    "a later format": (lambda d: d.update(format_version="9.9.9"), "the net has format 9.9.9"),
    "no version": (lambda d: d.update(format_version="newest"), "'newest' is no version"),
    "a foreign module": (lambda d: d.update(x={"_module": "evilmod", "_class": "X"}), "'evilmod'"),
    "a hidden module": (
        lambda d: d["bus"].update(_object='{"\\u005fmodule": "os", "_class": "system"}'),
        "the table is not what pandapower writes",
    ),
    "a wrong type": (lambda d: d["bus"]["dtype"].update(vn_kv="no type"), "the table is not what pandapower writes"),
    "no buses": (lambda d: d.pop("bus"), "holds no pandapower net"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_data_of_a_known_format(net, tmp_path, name):
    change, message = FILES[name]
    with pytest.raises(InputError, match=re.escape(message)):
        net_of_json(stored(net, tmp_path, change))


def test_a_file_is_the_net_that_was_stored(net, tmp_path):
    net["user_pf_options"] = {"trafo_model": "pi"}
    read, told = net_of_json(stored(net, tmp_path, lambda _: None))
    assert told == ()
    assert reduced(read, name="net").vm_pu == pytest.approx(reduced(net, name="net").vm_pu, abs=1e-14)
    for kind in ("bus", "line", "trafo", "load"):
        pd.testing.assert_frame_equal(read[kind], net[kind])


def test_a_file_of_an_earlier_format_is_brought_up_to_date_and_said(net, tmp_path):
    read, told = net_of_json(stored(net, tmp_path, lambda d: d.update(format_version="3.0.0")))
    assert "its format 3.0.0 was brought up" in told[0]
    assert reduced(read, name="net").vm_pu == pytest.approx(reduced(net, name="net").vm_pu, abs=1e-12)
