"""Positions of tap changers: pandapower's power flows at every position are the truth."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandapower as pp
import pytest

from cosim.dispatch import taps as search
from cosim.dispatch.taps import choose_taps, with_taps
from cosim.errors import InputError
from cosim.grid.reduction.own_taps import taps_of_net
from tests.dispatch.own_nets import NETS, case_of, feeder_of, planned, solved
from tests.dispatch.test_feeders_with_transformers import check_against

LOW, HIGH = 0.9, 1.05
OUT = np.zeros((0, 1))


def net_with_taps(side="hv", **changes):
    net = NETS["cigre_mv"]()
    values = {
        "tap_side": side, "tap_neutral": 0, "tap_min": -6, "tap_max": 6, "tap_pos": 0, "tap_step_percent": 1.5,
        "tap_step_degree": 0.0, "tap_changer_type": "Ratio",
    }  # fmt: skip
    for name, value in (values | changes).items():
        net.trafo[name] = value
    return net


def of_net(net):
    feeder, found = feeder_of(net, low=LOW, high=HIGH, own_limits=False)
    return feeder.without_current_limits(), found, taps_of_net(net, found)


def least_import(net, positions):
    """Return the position of least import that keeps the limits, and that import, by a power flow of each."""
    found = {}
    for position in positions:
        net.trafo["tap_pos"] = position
        voltage = solved(net).res_bus.vm_pu.drop(net.ext_grid.bus)
        if voltage.min() >= LOW and voltage.max() <= HIGH:
            found[position] = float(net.res_ext_grid.p_mw.sum())
    return min(found.items(), key=lambda item: item[1])


@pytest.mark.parametrize("loss_price", [0.5, 100.0])
@pytest.mark.parametrize("side", ["hv", "lv"])
def test_no_positions_are_cheaper_than_the_bound_where_losses_have_a_price(side, loss_price):
    """Iron losses behind a changer at the supply: the constant of a fixed one was added to those of a free one."""
    net = net_with_taps(side, pfe_kw=300.0, i0_percent=0.5)
    feeder, _, taps = of_net(net)
    case = case_of(feeder, price=1.0, loss_price=loss_price)
    found = choose_taps(case, taps, OUT)
    tried = [cost for cost in found.tried.values() if np.isfinite(cost)]
    assert tried
    assert found.bound <= min(tried)
    assert min(tried) - found.bound < 0.05 * min(tried)
    own = planned(replace(case, feeder=with_taps(feeder, taps, tuple(found.position.tolist()))))
    lost_mw = float(own.grid.loss_mw.sum())
    import_mw = float(own.grid.slack_mw.sum())
    assert own.record.primal_objective == pytest.approx(import_mw + loss_price * lost_mw, rel=1e-7)


@pytest.mark.parametrize(("side", "best"), [("hv", (-3, -2)), ("lv", (3, 3))])
def test_the_positions_chosen_are_the_best_of_all(side, best):
    """Two transformers, 1.5 % steps: the nearest whole positions break a limit that a slack cone would hide."""
    net = net_with_taps(side)
    feeder, _, taps = of_net(net)
    found = choose_taps(case_of(feeder, price=1.0, loss_price=0.0), taps, OUT)
    sign = int(np.sign(best[0]))
    position, least = least_import(net, product(range(0, 6 * sign, sign), repeat=2))
    assert tuple(found.position) == position == best
    assert found.cost == pytest.approx(least, abs=1e-6)
    assert least - 0.02 < found.bound <= least
    nearest = tuple(np.rint(found.free_position).astype(int).tolist())
    assert found.tried[nearest] == np.inf or nearest == best
    assert found.operations == abs(best[0]) + abs(best[1])


def test_one_by_one_comes_to_the_same(monkeypatch):
    feeder, _, taps = of_net(net_with_taps())
    monkeypatch.setattr(search, "MOST_TRIED_TOGETHER", 1)
    found = choose_taps(case_of(feeder, price=1.0, loss_price=0.0), taps, OUT)
    assert tuple(found.position) == (-3, -2)


def test_a_step_that_costs_more_than_it_saves_is_not_made():
    feeder, _, taps = of_net(net_with_taps())
    found = choose_taps(case_of(feeder, price=1.0, loss_price=0.0), taps, OUT, price_per_operation=0.1)
    assert tuple(found.position) == (0, 0)
    assert found.operations == 0


@pytest.mark.parametrize("side", ["hv", "lv"])
def test_a_feeder_with_taps_elsewhere_is_that_of_the_net_so_set(side):
    """Ratios, shunts and the loading of either side, with a magnetising current: to the digits of the power flow."""
    net = net_with_taps(side, pfe_kw=30.0, i0_percent=0.5, tap_pos=1)
    feeder, found = feeder_of(net, own_limits=False)
    taps = taps_of_net(net, found)
    moved = with_taps(feeder.without_current_limits(), taps, (-2, 3))
    net.trafo["tap_pos"] = [-2, 3]
    check_against(solved(net), moved, found, planned(case_of(moved)))


def test_taps_that_are_no_plain_ratio_are_refused_by_name():
    net = net_with_taps()
    net.trafo.loc[0, "tap_changer_type"] = "Ideal"
    net.trafo.loc[1, "tap_step_degree"] = 30.0
    net.trafo.loc[1, "tap_changer_type"] = "Symmetrical"
    _, found = feeder_of(net)
    with pytest.raises(InputError, match=r"trafo 0.*turns the phase(.|\n)*trafo 1.*turns the phase"):
        taps_of_net(net, found)
    beside = net_with_taps()
    parameters = beside.trafo.loc[0].to_dict()
    pp.create_transformer_from_parameters(
        beside, parameters["hv_bus"], parameters["lv_bus"], parameters["sn_mva"], parameters["vn_hv_kv"],
        parameters["vn_lv_kv"], parameters["vkr_percent"], parameters["vk_percent"], 0.0, 0.0,
        shift_degree=parameters["shift_degree"],
    )  # fmt: skip
    _, found = feeder_of(beside)
    with pytest.raises(InputError, match="trafo 0.*beside another"):
        taps_of_net(beside, found)


def test_a_plain_feeder_has_none(day):
    taps = taps_of_net(net_with_taps(), feeder_of(net_with_taps())[1])
    with pytest.raises(InputError, match="no tap changers"):
        with_taps(day.feeder, taps, (0, 0))
