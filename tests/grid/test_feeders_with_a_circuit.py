"""Power flows of feeders with ratios and shunts: pandapower on the net itself is the truth."""

import numpy as np
import pandapower.networks as nets
import pytest

from cosim.grid.engines.asked import left_over_mva
from cosim.grid.engines.batch import BatchFlow
from cosim.grid.loading import loading_percent
from tests.dispatch.own_nets import feeder_of, solved
from tests.grid.reduction.growing import grown


@pytest.mark.parametrize("name", ["create_cigre_network_lv", "create_kerber_dorfnetz"])
def test_many_flows_at_once_are_each_that_of_pandapower(name):
    net = getattr(nets, name)()
    feeder, found = feeder_of(net)
    factors = np.array([0.3, 1.0, 1.4])
    states = BatchFlow(feeder).solve(-np.outer(feeder.p_mw, factors), -np.outer(feeder.q_mvar, factors))
    assert states.converged.all()
    assert states.mismatch_mva.max() <= 1e-11
    for k, factor in enumerate(factors):
        net.load["scaling"] = factor
        solved(net)
        state = states.at(k)
        for bus, place in found.place.items():
            assert state.vm_pu[place] == pytest.approx(net.res_bus.vm_pu[bus], abs=1e-9)
        assert float(state.slack_mw) == pytest.approx(net.res_ext_grid.p_mw.sum(), abs=1e-9)
        assert float(state.slack_mvar) == pytest.approx(net.res_ext_grid.q_mvar.sum(), abs=1e-9)
        percent = dict(zip(feeder.circuit.elements.ids, loading_percent(feeder, state), strict=True))
        for number, value in net.res_trafo.loading_percent.items():
            named = next(value for key, value in percent.items() if key.startswith(f"trafo {number}"))
            assert named == pytest.approx(value, abs=1e-6)
        lost = net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()
        assert float(state.loss_mw) == pytest.approx(lost, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_shunts_draw_and_elements_lose_what_pandapower_says(seed):
    net, _ = grown(seed, 300.0)
    feeder, _ = feeder_of(net)
    state = BatchFlow(feeder).solve(-feeder.p_mw, -feeder.q_mvar)
    solved(net)
    kinds = [kind for kind in ("line", "trafo", "trafo3w", "impedance") if len(net[f"res_{kind}"])]
    lost = sum(float(net[f"res_{kind}"].pl_mw.sum()) for kind in kinds)
    assert float(state.loss_mw) == pytest.approx(lost, abs=1e-6)
    constant = -feeder.p_mw.sum()
    assert float(state.slack_mw + constant) == pytest.approx(float(state.loss_mw + state.shunt_mw), abs=1e-9)


def test_a_flow_that_is_not_the_feeders_is_seen():
    feeder, _ = feeder_of(nets.create_cigre_network_lv())
    state = BatchFlow(feeder).solve(-feeder.p_mw, -feeder.q_mvar)
    balance = -(feeder.p_mw + 1j * feeder.q_mvar)
    balance[feeder.slack] += complex(state.slack_mw, state.slack_mvar)
    moved = state.vm_pu + np.where(np.arange(feeder.n_buses) == 5, 1e-6, 0.0)
    assert np.abs(left_over_mva(feeder, moved, state.va_degree, balance)).max() > 1e-6
