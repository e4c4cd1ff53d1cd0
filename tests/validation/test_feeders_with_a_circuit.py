"""What is checked of feeders with transformers: limits by loading, prices with shunts, disturbances, no false proof."""

import numpy as np
import pandapower as pp
import pandapower.networks as nets
import pytest

from cosim.grid.engines.batch import BatchFlow
from cosim.grid.stressed_flow import Disturbance, Stressed, sweep_stressed
from cosim.quantities.checks import GateLimits
from cosim.validation.ac_price import ac_price_per_mwh
from cosim.validation.apriori import sufficient_condition
from cosim.validation.grid import compare
from tests.dispatch.own_nets import feeder_of, solved


def loaded(net, factor):
    """Return the feeder of a net whose loads are some times as large, its state, and pandapower's."""
    net.load["scaling"] *= factor
    feeder, found = feeder_of(net, low=0.5, high=1.1)
    return feeder, found, BatchFlow(feeder).solve(-feeder.p_mw, -feeder.q_mvar), solved(net)


def test_an_overload_is_named_with_its_percent():
    feeder, _, state, net = loaded(nets.create_cigre_network_lv(), 1.5)
    found = compare(state, state, feeder, GateLimits())
    loading = {f"trafo {k}": value for k, value in net.res_trafo.loading_percent.items()}
    loading |= {f"line {k}": value for k, value in net.res_line.loading_percent.items()}
    named = {" ".join(one.where.split()[:2]): one.value for one in found.violations if one.kind == "overload"}
    assert named == pytest.approx({key: value for key, value in loading.items() if value > 100.01}, abs=1e-6)
    assert named
    assert found.current_violation_rel == pytest.approx(max(loading.values()) / 100.0 - 1.0, abs=1e-8)


def test_no_theorem_covers_ratios_and_shunts():
    feeder, _, _, _ = loaded(nets.create_cigre_network_lv(), 1.0)
    found = sufficient_condition(feeder, -feeder.p_mw[:, None], -feeder.q_mvar[:, None], import_price_per_mwh=[500.0])
    assert not found.limits_covered
    assert not found.proved.any()


def test_what_shunts_draw_is_paid_and_no_loss():
    """The derivative of the import by a load, by two power flows of pandapower."""
    net = nets.create_cigre_network_lv()
    pp.create_shunt(net, 12, q_mvar=0.0, p_mw=0.02)
    feeder, found, _, _ = loaded(net, 1.0)
    price = ac_price_per_mwh(
        feeder, -feeder.p_mw[:, None], -feeder.q_mvar[:, None], tariff_per_mwh=[500.0], loss_price_per_mwh=0.0
    )
    imports = []
    bus, step = int(net.load.bus.iloc[3]), 0.01
    for sign in (-1.0, 1.0):
        extra = pp.create_load(net, bus, sign * step)
        imports.append(float(solved(net).res_ext_grid.p_mw.sum()))
        net.load = net.load.drop(index=extra)
    expected = 500.0 * (imports[1] - imports[0]) / (2.0 * step)
    assert price[found.place[bus], 0] == pytest.approx(expected, rel=1e-6)


def test_a_disturbed_feeder_is_that_of_warmer_lines():
    """Lines at 70 degrees and a root of 1.02 pu, as pandapower has them; transformers stay as they are."""
    net = nets.create_cigre_network_lv()
    feeder, found, _, _ = loaded(net, 1.0)
    nothing = np.zeros((feeder.n_buses, 1))
    stressed = Stressed(
        disturbances=[Disturbance(conductor_celsius=70.0, slack_vm_pu=1.02)], base_p_mw=feeder.p_mw[:, None],
        base_q_mvar=feeder.q_mvar[:, None], other_p_mw=nothing, other_q_mvar=nothing,
    )  # fmt: skip
    state = sweep_stressed(feeder, stressed).at(0)
    net.line["r_ohm_per_km"] *= 1.0 + 0.00403 * 50.0
    net.ext_grid["vm_pu"] = 1.02
    solved(net)
    for bus, place in found.place.items():
        assert state.vm_pu[place] == pytest.approx(net.res_bus.vm_pu[bus], abs=1e-9)
