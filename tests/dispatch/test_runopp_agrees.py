"""Single hours against pandapower's optimal power flow on its own copy of the feeder (Zimmerman et al. 2011)."""

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest

GENERATORS = (("33", 0.5, -0.1, 0.375, 85.0), ("18", 0.4, -0.3, 0.3, 300.0), ("25", 0.6, -0.2, 0.4, 640.0))
"""Bus, capacity [MW], reactive limits [Mvar], cost per MWh; the quadratic part is 20 per MW^2 and hour."""


def pandapower_net(factor: float, tariff: float, slack_vm_pu: float) -> "pp.pandapowerNet":
    net = pandapower.networks.case33bw()
    net.load[["p_mw", "q_mvar"]] *= factor
    net.load["controllable"] = False
    net.poly_cost = net.poly_cost.drop(net.poly_cost.index)
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.95, 1.05
    del net.line["max_loading_percent"]
    grid = {"min_p_mw": -50.0, "max_p_mw": 50.0, "min_q_mvar": -50.0, "max_q_mvar": 50.0, "vm_pu": slack_vm_pu}
    for name, value in grid.items():
        net.ext_grid[name] = value
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=tariff)
    for bus, p_mw, q_low, q_high, cost in GENERATORS:
        at = pp.create_sgen(
            net, int(bus) - 1, p_mw=0.1, controllable=True, min_p_mw=0.0, max_p_mw=p_mw,
            min_q_mvar=q_low, max_q_mvar=q_high,
        )  # fmt: skip
        pp.create_poly_cost(net, at, "sgen", cp1_eur_per_mw=cost, cp2_eur_per_mw2=20.0)
    return net


@pytest.mark.filterwarnings("ignore")  # pandapower's own
@pytest.mark.parametrize(
    ("factor", "tariff", "slack_vm_pu"), [(1.0, 715.0, 1.03), (0.5, 385.0, 1.02), (1.1, 550.0, 1.0), (0.8, 90.0, 1.03)]
)
def test_an_hour_costs_what_runopp_finds(day, lookahead, factor, tariff, slack_vm_pu):
    feeder = day.read(slack_vm_pu=slack_vm_pu)
    machines = [
        day.device(
            "gas_turbine", name=f"g{bus}", bus=bus, p_max_mw=p_mw, q_min_mvar=q_low, q_max_mvar=q_high,
            ramp_mw_per_h=None, cost_per_mwh=cost, cost_quadratic_per_mw2h=20.0,
        )
        for bus, p_mw, q_low, q_high, cost in GENERATORS
    ]  # fmt: skip
    case = day.case(
        feeder, periods=slice(0, 1), devices=(day.device("substation", name="grid"), *machines), series={},
        base_p_mw=factor * feeder.p_mw[:, None], base_q_mvar=factor * feeder.q_mvar[:, None],
        tariff_per_mwh=np.array([tariff]), station_names=(), station_buses=(), settings={"loss_price_per_mwh": 0.0},
    )  # fmt: skip
    plan = lookahead(case, np.zeros((0, 1)))
    net = pandapower_net(factor, tariff, slack_vm_pu)
    pp.runopp(
        net, init="pf", delta=1e-16, numba=False, PDIPM_FEASTOL=1e-10, PDIPM_GRADTOL=1e-10, PDIPM_COMPTOL=1e-10,
        PDIPM_COSTTOL=1e-12, PDIPM_MAX_IT=300,
    )  # fmt: skip
    assert plan.total_cost[0] == pytest.approx(net.res_cost, rel=1e-8)
    np.testing.assert_allclose(plan.grid.vm_pu[:, 0], net.res_bus.vm_pu.to_numpy(), rtol=0, atol=1e-5)
