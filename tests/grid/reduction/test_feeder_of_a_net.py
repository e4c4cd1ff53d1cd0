"""The feeder that the dispatch takes of a net: its limits, its ratings, and the loading of its elements."""

import json

import numpy as np
import pandapower as pp
import pandapower.networks as nets
import pytest

from cosim.errors import InputError
from cosim.grid.loading import line_loading_percent, loading_percent
from cosim.grid.reduction.own_feeder import feeder_of_net
from cosim.grid.reduction.own_net import reduced
from cosim.grid.state import GridState


def state_of(feeder, found):
    """Return the state that the reduction's own power flow found, as a state of the feeder."""
    flows, circuit, base = found.proof.flows, feeder.circuit, feeder.base_mva
    start = flows.voltage_pu[feeder.parent] / circuit.ratio_parent
    entering = base * start * np.conj(flows.current_pu + circuit.shunt_parent_pu * start)
    nothing = np.zeros(())
    return GridState(
        vm_pu=flows.vm_pu, i_ka=np.full(feeder.n_lines, np.nan), p_from_mw=entering.real, q_from_mvar=entering.imag,
        loss_mw=nothing, slack_mw=nothing, slack_mvar=nothing, converged=np.array(True),
    )  # fmt: skip


def net_with_groups():
    """Two unlike transformers side by side, two lines side by side, and one fed from its far end."""
    net = pp.create_empty_network()
    pp.create_buses(net, 3, 20.0)
    pp.create_buses(net, 2, 0.4)
    pp.create_ext_grid(net, 0, vm_pu=1.01)
    for ends, km, most in (((0, 1), 4.0, 100.0), ((1, 0), 3.0, 80.0), ((2, 1), 2.0, np.nan)):
        line = pp.create_line_from_parameters(net, *ends, km, 0.2, 0.3, 250.0, 0.2, df=0.9, g_us_per_km=1.0)
        net.line.loc[line, "max_loading_percent"] = most
    for sn, tap in ((0.4, 2), (0.63, -1)):
        pp.create_transformer_from_parameters(
            net, 2, 3, sn, 20.0, 0.41, 1.0, 5.0, 1.2, 0.3, tap_side="hv", tap_neutral=0, tap_min=-2, tap_max=2,
            tap_pos=tap, tap_step_percent=2.5, tap_changer_type="Ratio",
        )  # fmt: skip
    pp.create_switch(net, 3, 4, et="b")
    pp.create_load(net, 4, 0.7, 0.2)
    net.bus["min_vm_pu"] = [np.nan, 0.96, 0.95, 0.93, 0.94]
    net.bus["max_vm_pu"] = np.nan
    return net


@pytest.mark.parametrize("by", ["current", "power"])
def test_loading_is_that_of_pandapower(by):
    """Parallel elements, ratios, either end, current and power: to 1e-8 percent points."""
    net = net_with_groups()
    pp.set_user_pf_options(net, trafo_loading=by)
    found = reduced(net, name="net")
    feeder = feeder_of_net(net, found, v_min_pu=0.9, v_max_pu=1.1)
    percent = dict(zip(feeder.circuit.elements.ids, loading_percent(feeder, state_of(feeder, found)), strict=True))
    pp.runpp(net, tolerance_mva=1e-12, trafo_loading=by)
    told = {
        f"{kind} {k}": value for kind in ("line", "trafo") for k, value in net[f"res_{kind}"].loading_percent.items()
    }
    assert percent == pytest.approx(told, abs=1e-7)
    assert [feeder.line_ids[k] for k in range(3)] == ["line 0 + line 1", "line 2", "trafo 0 + trafo 1"]


def test_limits_are_those_of_the_net_and_of_the_scenario_elsewhere():
    net = net_with_groups()
    feeder = feeder_of_net(net, reduced(net, name="net"), v_min_pu=0.9, v_max_pu=1.1, max_loading_percent=90.0)
    assert feeder.v_min_pu.tolist() == [0.9, 0.96, 0.95, 0.94]  # two buses that a switch makes one: the tighter
    assert feeder.v_max_pu.tolist() == [1.1] * 4
    assert feeder.bus_ids == ("0", "1", "2", "3")
    assert feeder.bus_position("4") == 3
    assert feeder.circuit.elements.most_percent.tolist() == [100.0, 80.0, 90.0, 90.0, 90.0]
    assert np.isinf(feeder.without_current_limits().circuit.elements.most_percent).all()


def test_what_knows_plain_feeders_only_says_so():
    net = nets.create_cigre_network_mv()
    for line in (12, 13, 14):
        net.line.loc[line, "in_service"] = False
    feeder = feeder_of_net(net, reduced(net, name="cigre"), v_min_pu=0.9, v_max_pu=1.1)
    assert not feeder.plain
    for part in ("base_current_ka", "r_ohm"):
        with pytest.raises(InputError, match="knows lines at one voltage only"):
            getattr(feeder, part)
    with pytest.raises(InputError, match="loss_free_voltage_pu"):
        feeder.loss_free_voltage_pu(feeder.p_mw, feeder.q_mvar)


def test_of_lines_side_by_side_the_one_nearest_to_its_own_limit_is_told():
    """The two lines may be loaded to 100 and to 80 %; the group is told by the one of the larger share of that."""
    net = net_with_groups()
    found = reduced(net, name="net")
    feeder = feeder_of_net(net, found, v_min_pu=0.9, v_max_pu=1.1)
    percent, most = line_loading_percent(feeder, state_of(feeder, found))
    pp.runpp(net, tolerance_mva=1e-12)
    first, second, alone = net.res_line.loading_percent
    group = feeder.line_ids.index("line 0 + line 1")
    assert second / 80.0 > first / 100.0
    assert (percent[group], most[group]) == pytest.approx((second, 80.0), abs=1e-6)
    assert percent[feeder.line_ids.index("line 2")] == pytest.approx(alone, abs=1e-6)
    assert line_loading_percent(feeder.without_current_limits(), state_of(feeder, found))[1] is None


def test_names_and_places_are_those_of_the_net():
    """Buses joined by a switch have the first name; a star point lies where the bus does that feeds it."""
    net = nets.create_cigre_network_mv(with_der="pv_wind")
    feeder = feeder_of_net(net, reduced(net, name="net"), v_min_pu=0.9, v_max_pu=1.1)
    inside = feeder.circuit.inside
    for at in np.flatnonzero(~inside):
        bus = int(feeder.bus_ids[at])
        assert feeder.bus_names[at] == net.bus.name[bus]
        assert feeder.layout[at].tolist() == json.loads(net.bus.geo[bus])["coordinates"]
    assert {feeder.bus_names[at] for at in np.flatnonzero(inside)} == {""}  # open ends
    net = net_with_groups()
    net.bus["name"] = ["grid", "", None, "busbar", "end"]
    net.bus["geo"] = [json.dumps({"type": "Point", "coordinates": [k, 0.5]}) for k in range(5)]
    pp.create_switch(net, 2, 2, et="l", closed=False)  # the line from 2 to 1 hangs at its other end
    net.trafo["in_service"] = False
    feeder = feeder_of_net(net, reduced(net, name="net"), v_min_pu=0.9, v_max_pu=1.1)
    inside = int(np.flatnonzero(feeder.circuit.inside)[0])
    assert feeder.bus_names == ("grid", "", "")
    assert feeder.layout[inside].tolist() == [1.0, 0.5]
    net.bus.loc[1, "geo"] = None
    assert feeder_of_net(net, reduced(net, name="net"), v_min_pu=0.9, v_max_pu=1.1).layout.shape == (0, 2)
