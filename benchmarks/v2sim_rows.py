"""Six dispatches for which another tool reports OK, in ours: what the relaxation says, what AC says, what is repaired.

    .venv/bin/python benchmarks/v2sim_rows.py

Feeder of Baran and Wu (1989), source at bus 1 with 1.0 pu, import cost 0.3 per kWh, export allowed, photovoltaics at
bus 18 with unity power factor, curtailable. The figures marked "fpowerkit" are measurements of fpowerkit 0.5.1, the
dispatch of V2Sim, on its case `PDNCases.IEEE33` (base 1 MVA); it ended with status OK in all six. Where a relaxation
is slack its optimum is not unique: slack and losses may differ between tools, AC voltages of equal setpoints may not.
"""

from dataclasses import replace

import numpy as np

from cosim.dispatch.controller import Controller, initial_states, make_window
from cosim.dispatch.devices.photovoltaic import PhotovoltaicSettings
from cosim.dispatch.devices.substation import SubstationSettings
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.settings import DispatchSettings
from cosim.dispatch.solving import WindowSolver
from cosim.grid.engines.pandapower import AcFlow
from cosim.scenario.case import build_case
from cosim.scenario.load import load

# PV MW, upper limit, load factor, price; fpowerkit: slack pu2, Vmax reported, Vmax AC, loss reported MW, loss AC MW
ROWS = (
    ((2.0, 1.05, 1.0, 300.0), (5e-6, 1.0453, 1.0453, 0.2267, 0.2267)),
    ((3.0, 1.05, 1.0, 300.0), (55.1, 1.0500, 1.0975, 0.837, 0.407)),
    ((5.0, 1.05, 1.0, 300.0), (153.0, 1.0500, 1.1853, 2.305, 0.988)),
    ((4.0, 1.10, 1.0, 300.0), (58.1, 1.1000, 1.1437, 1.067, 0.665)),
    ((6.0, 1.10, 1.0, 300.0), (140.0, 1.1000, 1.2229, 2.590, 1.368)),
    ((3.0, 1.05, 0.4, -50.0), (4.3e3, 1.028, 1.131, 31.3, 0.354)),
)
BASE_1_MVA = 100.0
"""Squared currents in pu^2 at 1 MVA over those at 10 MVA."""


def case_of(power, limit, factor, price):
    feeder = build_case(load("ieee33_pv_stress")).dispatch.feeder
    feeder = replace(feeder, v_max_pu=np.full(feeder.n_buses, limit))
    plant = PhotovoltaicSettings(name="pv", bus="18", s_max_mva=power, available_mw=power, reactive=False)
    return DispatchCase(
        feeder=feeder, period_h=1.0, devices=(SubstationSettings(name="grid"), plant),
        series={"pv": {"available_mw": np.array([power])}},
        base_p_mw=factor * feeder.p_mw[:, None], base_q_mvar=factor * feeder.q_mvar[:, None],
        tariff_per_mwh=np.array([price]), settings=DispatchSettings(mode="single_period", loss_price_per_mwh=0.0),
    )  # fmt: skip


def ac_state(case, plan):
    flow = AcFlow(case.feeder, tolerance_mva=1e-10)
    return flow.solve((plan.p_gen_mw - plan.p_load_mw)[:, 0], (plan.q_gen_mvar - plan.q_load_mvar)[:, 0])


def row(inputs, published):
    case, nothing = case_of(*inputs), np.zeros((0, 1))
    relaxed = WindowSolver(case, 1).relaxed(make_window(case, 0, 1, nothing), initial_states(case))
    said, repaired = ac_state(case, relaxed), Controller(case).plan(0, nothing)
    real = ac_state(case, repaired)
    power, limit, factor, price = inputs
    slack = np.abs(relaxed.cone.gap_pu2).max() * BASE_1_MVA
    print(f"\nPV {power:g} MW, limit {limit:g}, load x {factor:g}, price {price:g} per MWh")
    print("                 slack pu2  Vmax reported  Vmax AC  loss reported MW  loss AC MW")
    print("  fpowerkit  {:>13.3g}  {:13.4f}  {:7.4f}  {:16.4f}  {:10.4f}  status OK".format(*published))
    print(f"  relaxed    {slack:>13.3g}  {relaxed.grid.vm_pu.max():13.4f}  {said.vm_pu.max():7.4f}  "
          f"{relaxed.grid.loss_mw[0]:16.4f}  {said.loss_mw:10.4f}")  # fmt: skip
    gap = np.abs(repaired.cone.gap_pu2).max() * BASE_1_MVA
    how = "exact" if repaired.restoration is None else f"inexact, repaired by {repaired.restoration.method}"
    print(f"  cosim      {gap:>13.3g}  {repaired.grid.vm_pu.max():13.4f}  {real.vm_pu.max():7.4f}  "
          f"{repaired.grid.loss_mw[0]:16.4f}  {real.loss_mw:10.4f}  {how}")  # fmt: skip
    print(f"  cosim: PV {repaired.devices['pv'].p_mw[0]:.4f} MW, import {real.slack_mw:.4f} MW; "
          f"the relaxation's import {relaxed.grid.slack_mw[0]:.4f} MW")  # fmt: skip


def main():
    for inputs, published in ROWS:
        row(inputs, published)


if __name__ == "__main__":
    main()
