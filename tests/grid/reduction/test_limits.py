"""Limits that a file brings: taken, or said; what pandapower fills in is none."""

import numpy as np
import pandapower as pp
import pytest

from cosim.grid.feeder import Feeder
from cosim.grid.formats.matpower_net import net_of_case
from cosim.grid.formats.pandapower_json import read_pandapower
from cosim.grid.formats.pandapower_net import net_of_json, stored
from cosim.grid.reduction.limits import limits_of
from cosim.grid.reduction.own_feeder import feeder_of_net
from cosim.grid.reduction.own_net import reduced
from cosim.workflows.check_net import check_net

CASE = """function mpc = case3
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [
 1 3 0 0 0 0 1 1 0 110 1 1 1;
 2 1 1 0.2 0 0 1 1 0 20 1 1.04 0.97;
 3 1 2 0.5 0 0 1 1 0 20 1 Inf 0;
];
mpc.gen = [1 0 0 9 -8 1.02 10 1 7 -6];
mpc.branch = [
 1 2 0.01 0.1 0 0 0 0 1.05 0 1 -360 360;
 2 3 0.02 0.02 0 5 0 0 0 0 1 -360 360;
];
"""


@pytest.fixture
def case(tmp_path):
    path = tmp_path / "case3.m"
    path.write_text(CASE, encoding="utf-8")
    return path


@pytest.fixture
def net():
    net = pp.create_empty_network()
    for level, limits in ((20.0, {}), (20.0, {"min_vm_pu": 0.96, "max_vm_pu": 1.03}), (0.4, {})):
        pp.create_bus(net, level, **limits)
    pp.create_ext_grid(net, 0, max_p_mw=0.5, min_q_mvar=-0.1)
    pp.create_line_from_parameters(net, 0, 1, 2.0, 0.3, 0.2, 10.0, 0.2, max_loading_percent=80.0)
    pp.create_transformer_from_parameters(net, 1, 2, 0.4, 20.0, 0.4, 1.4, 6.0, 1.0, 0.2)
    pp.create_load(net, 2, 0.1, 0.02)
    pp.create_sgen(net, 2, 0.05, max_p_mw=0.08, controllable=True)
    return net


def feeder(net, found) -> Feeder:
    return feeder_of_net(net, found, v_min_pu=0.9, v_max_pu=1.1)


def test_a_limit_that_pandapower_filled_in_is_none(net, tmp_path):
    assert net.bus.min_vm_pu.tolist() == [0.0, 0.96, 0.0]
    made = feeder(net, reduced(net, name="net"))
    assert made.v_min_pu.tolist() == [0.9, 0.96, 0.9]
    assert made.v_max_pu.tolist() == [1.1, 1.03, 1.1]
    net.bus = net.bus.assign(vn_kv=20.0)
    net.trafo, net.sgen, net.line = net.trafo.iloc[:0], net.sgen.iloc[:0], net.line.assign(c_nf_per_km=0.0)
    pp.to_json(net, tmp_path / "plain.json")
    rows = read_pandapower(tmp_path / "plain.json").bus
    assert [(row["min_vm_pu"], row["max_vm_pu"]) for row in rows] == [(None, None), (0.96, 1.03), (None, None)]


def test_limits_are_counted_by_kind_and_those_without_a_place_are_said(net, tmp_path):
    found = limits_of(net, reduced(net, name="net"))
    assert str(found) == (
        "voltage of 1 of 3 buses (0.96 to 1.03 pu); rating of 1 of 1 line, 1 of 1 trafo, max_loading_percent of 1 line"
    )
    assert (found.supply.p_max_mw, found.supply.q_min_mvar, found.supply.p_min_mw) == (0.5, -0.1, -np.inf)
    path = tmp_path / "net.json"
    path.write_text(stored(net), encoding="utf-8")
    told = "\n".join(check_net("pandapower", str(path)).remarks)
    assert "limits of power of 1 sgen are not taken" in told
    assert "the supply's limits are not carried (Pmax 0.5 MW, Qmin -0.1 Mvar)" in told
    assert "{kind: substation, name: grid, import_max_mw: 0.5}" in told


def test_a_case_keeps_its_limits_and_ratings(case, tmp_path):
    net, told = net_of_case(case)
    assert told[-1].startswith("Vmin and Vmax of bus 1 are equal")
    found = reduced(net, name="case3")
    made = feeder(net, found)
    assert dict(zip(made.bus_ids, made.v_min_pu.tolist(), strict=True)) == {"1": 0.9, "2": 0.97, "3": 0.9}
    assert dict(zip(made.bus_ids, made.v_max_pu.tolist(), strict=True)) == {"1": 1.1, "2": 1.04, "3": 1.1}
    limits = limits_of(net, found)
    assert (limits.supply.p_max_mw, limits.supply.p_min_mw) == (7.0, -6.0)
    assert (limits.supply.q_max_mvar, limits.supply.q_min_mvar) == (9.0, -8.0)
    rated = {str(one): one for one in limits.elements}
    assert {one.kind: (one.rated, one.number) for one in rated.values()} == {"line": (1, 1), "trafo": (0, 1)}
    assert np.isnan(made.circuit.elements.rated_pu[made.circuit.elements.kinds.index("trafo")]).all()
    # the ratio turns voltages; a transformer without a rating is the same circuit as one with
    ratio = 1.02 / 1.05
    p, q = 0.3, 0.07
    assert found.vm_pu[2] == pytest.approx(ratio - (0.01 * p + 0.1 * q) / ratio, abs=2e-3)
    path = tmp_path / "net.json"
    path.write_text(stored(net), encoding="utf-8")
    again, _ = net_of_json(path)
    assert feeder(again, reduced(again, name="case3")).v_min_pu.tolist() == made.v_min_pu.tolist()


def test_a_bus_without_base_voltage_is_refused(case):
    case.write_text(CASE.replace("0 110 1 1 1", "0 0 1 1 1"), encoding="utf-8")
    with pytest.raises(Exception, match=r"case3.m:5:1: field 'bus 1': baseKV 0 must be > 0; give it in kV"):
        net_of_case(case)
