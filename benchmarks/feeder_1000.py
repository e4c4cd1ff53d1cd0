"""A synthetic radial feeder of 1,000 buses: import, dispatch of a day, AC power flow of every period.

    .venv/bin/python benchmarks/feeder_1000.py [buses] [seed]

The feeder is seeded: each bus hangs below one of the thirty before it, lines of 50 to 500 m, loads scaled until the
lowest voltage is 0.96 pu; photovoltaics, storage and a turbine stand at fixed places. It goes through
`cosim import pandapower`, as a user's would. Prints sizes, times, cone gap, differences from AC, and exactness.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cvxpy  # noqa: F401 - imports are not part of the measurement
import numpy as np
import pandapower as pp

from cosim.dispatch.controller import Controller
from cosim.dispatch.devices.gas_turbine import GasTurbineSettings
from cosim.dispatch.devices.photovoltaic import PhotovoltaicSettings
from cosim.dispatch.devices.storage import StorageSettings
from cosim.dispatch.devices.substation import SubstationSettings
from cosim.dispatch.injection_bounds import import_min_mw, injection_bounds
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.settings import DispatchSettings
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.radial_flow import solve_radial
from cosim.validation.apriori import sufficient_condition
from cosim.workflows.import_feeder import import_feeder

PERIODS = 24


def synthetic_net(buses, seed):
    """Return a radial net in pandapower."""
    generator = np.random.default_rng(seed)
    net = pp.create_empty_network(sn_mva=10.0)
    pp.create_buses(net, buses, vn_kv=20.0, min_vm_pu=0.95, max_vm_pu=1.05)
    pp.create_ext_grid(net, 0, vm_pu=1.02)
    parents = [int(generator.integers(max(0, k - 30), k)) for k in range(1, buses)]
    pp.create_lines_from_parameters(
        net, parents, list(range(1, buses)), length_km=generator.uniform(0.05, 0.5, buses - 1),
        r_ohm_per_km=generator.uniform(0.2, 0.6, buses - 1), x_ohm_per_km=generator.uniform(0.3, 0.4, buses - 1),
        c_nf_per_km=0.0, max_i_ka=np.nan,
    )  # fmt: skip
    power = generator.gamma(2.0, 0.5, buses - 1)
    pp.create_loads(net, list(range(1, buses)), p_mw=power * 1e-3, q_mvar=power * 0.3e-3)
    return net


def scaled_to(feeder, lowest_pu):
    """Return the feeder with its loads scaled until the lowest voltage is as given (bisection)."""
    low, high = 0.0, 1.0
    while solve_radial(feeder, -high * feeder.p_mw[:, None], -high * feeder.q_mvar[:, None]).vm_pu.min() > lowest_pu:
        high *= 2.0
    for _ in range(40):
        middle = (low + high) / 2.0
        state = solve_radial(feeder, -middle * feeder.p_mw[:, None], -middle * feeder.q_mvar[:, None])
        low, high = (middle, high) if state.vm_pu.min() > lowest_pu else (low, middle)
    return replace(feeder, p_mw=low * feeder.p_mw, q_mvar=low * feeder.q_mvar)


def case_of(feeder):
    """Return a day: two peaks of load, midday photovoltaics, three price levels."""
    hour = np.arange(PERIODS)
    profile = 0.55 + 0.25 * np.exp(-((hour - 11.0) ** 2) / 12.0) + 0.45 * np.exp(-((hour - 19.0) ** 2) / 6.0)
    sun = np.clip(np.sin((hour - 5.5) / 13.0 * np.pi), 0.0, None)
    tariff = np.select([(hour >= 11) & (hour < 14) | (hour >= 18) & (hour < 22), hour < 8], [743.0, 288.0], 550.0)
    total, places = feeder.p_mw.sum(), np.linspace(0.2, 0.95, 6) * (feeder.n_buses - 1)
    at = [feeder.bus_ids[int(place)] for place in places]
    plants = [
        PhotovoltaicSettings(name=f"pv{n}", bus=bus, s_max_mva=0.08 * total, available_mw=0.0)
        for n, bus in enumerate(at[:4])
    ]
    return DispatchCase(
        feeder=feeder, period_h=1.0,
        devices=(
            SubstationSettings(name="grid"), *plants,
            StorageSettings(
                name="ess", bus=at[4], capacity_mwh=0.3 * total, p_max_mw=0.1 * total, s_max_mva=0.12 * total,
                charge_efficiency=0.95, discharge_efficiency=0.95, soc_min=0.2, soc_max=0.8, soc_initial=0.5,
            ),
            GasTurbineSettings(
                name="gt", bus=at[5], p_max_mw=0.1 * total, q_min_mvar=0.0, q_max_mvar=0.07 * total,
                ramp_mw_per_h=0.05 * total, cost_per_mwh=400.0, cost_quadratic_per_mw2h=0.1,
            ),
        ),
        series={plant.name: {"available_mw": 0.07 * total * sun} for plant in plants},
        base_p_mw=feeder.p_mw[:, None] * profile, base_q_mvar=feeder.q_mvar[:, None] * profile,
        tariff_per_mwh=tariff, settings=DispatchSettings(mode="day_ahead"),
    )  # fmt: skip


def seconds(action, *arguments):
    """Return an action's result, wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = action(*arguments)
    return result, time.perf_counter() - wall, time.process_time() - cpu


def main(buses=1000, seed=1):
    with tempfile.TemporaryDirectory() as folder:
        pp.to_json(synthetic_net(buses, seed), str(Path(folder) / "net.json"))
        found, wall, cpu = seconds(import_feeder, "pandapower", Path(folder) / "net.json", Path(folder) / "feeder")
    print(f"import      {wall:6.2f} s wall {cpu:6.2f} s CPU  {found.feeder.n_buses} buses")
    feeder = scaled_to(found.feeder, 0.96)
    print(f"            load {feeder.p_mw.sum():.2f} MW, {feeder.q_mvar.sum():.2f} Mvar at 0.96 pu")
    case = case_of(feeder)
    p, q = injection_bounds(case, np.zeros((0, PERIODS)), np.zeros(PERIODS, dtype=bool))
    condition, wall, cpu = seconds(
        lambda: sufficient_condition(
            feeder, p, q, import_price_per_mwh=case.tariff_per_mwh + 100.0, import_min_mw=import_min_mw(case)
        )
    )
    print(f"C1          {wall:6.2f} s wall {cpu:6.2f} s CPU  least margin {condition.c1_margin.min():.3f}, "
          f"proved in {int(condition.proved.sum())} of {PERIODS} periods")  # fmt: skip
    plan, wall, cpu = seconds(lambda: Controller(case).plan(0, np.zeros((0, PERIODS))))
    record = plan.record
    print(f"dispatch    {wall:6.2f} s wall {cpu:6.2f} s CPU  {record.backend} {record.status}, "
          f"{record.iterations} iterations, "
          f"{record.solve_time_s:.2f} s in the solver: total/solver {wall / record.solve_time_s:.2f}")  # fmt: skip
    print(f"            cost {plan.total_cost.sum():.2f}, cone gap {np.abs(plan.cone.gap_pu2).max():.1e} pu2, "
          f"voltages {plan.grid.vm_pu.min():.4f} to {plan.grid.vm_pu.max():.4f} pu")  # fmt: skip
    flow = AcFlow(feeder, tolerance_mva=1e-10)
    injection = plan.p_gen_mw - plan.p_load_mw, plan.q_gen_mvar - plan.q_load_mvar
    states, wall, cpu = seconds(lambda: [flow.solve(injection[0][:, k], injection[1][:, k]) for k in range(PERIODS)])
    dv = max(float(np.abs(state.vm_pu - plan.grid.vm_pu[:, k]).max()) for k, state in enumerate(states))
    dloss = max(abs(state.loss_mw - plan.grid.loss_mw[k]) * 1e3 for k, state in enumerate(states))
    print(f"AC          {wall:6.2f} s wall {cpu:6.2f} s CPU  dV {dv:.1e} pu, dloss {dloss:.1e} kW")
    own, wall, cpu = seconds(solve_radial, feeder, *injection)
    apart = max(float(np.abs(own.vm_pu[:, k] - state.vm_pu).max()) for k, state in enumerate(states))
    print(f"own sweeps  {wall:6.2f} s wall {cpu:6.2f} s CPU  differ from pandapower by {apart:.1e} pu")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
