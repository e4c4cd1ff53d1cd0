"""Dispatch of 24 hours from 33 to 1,000 buses, and the rolling day on 33: how much is not the solver's own time.

    .venv/bin/python benchmarks/dispatch_scaling.py [largest]

Feeders are drawn with a seed: random trees of short lines with 3.7 MW of load, ten photovoltaic generators, two
storages. `total/solver` compares the whole dispatch (build, compile, solve, check, collect) with Clarabel's own set-up
and solution; goals: <= 1.15 at 1,000 buses with a fresh compile, <= 1.3 for the rolling day after its first compile.
"""

import sys
import time

import cvxpy  # noqa: F401 - imports are not part of the measurement
import numpy as np

from cosim.dispatch.controller import Controller, carried, initial_states
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchCase
from cosim.dispatch.settings import DispatchSettings
from cosim.grid.engines.pandapower import AcFlow
from cosim.grid.feeder import Feeder
from cosim.scenario.case import build_case
from cosim.scenario.load import load

SIZES = (33, 100, 300, 1000)
HOURS = 24


def random_feeder(n: int, seed: int = 7) -> Feeder:
    """A tree of n buses at 12.66 kV that stays inside 0.9 to 1.1 pu."""
    rng = np.random.default_rng(seed)
    parent = np.array([max(0, k - int(rng.integers(0, 6))) for k in range(n - 1)])
    depth = np.zeros(n)
    for k, bus in enumerate(parent):
        depth[k + 1] = depth[bus] + 1
    order = np.argsort(depth, kind="stable")
    place = np.argsort(order)
    tail, head = place[parent], place[np.arange(1, n)]
    lines = np.argsort(head)
    r_ohm = rng.uniform(0.05, 0.5, n - 1) * 33 / n
    x_ohm = r_ohm * rng.uniform(0.4, 1.0, n - 1)
    total = 3.7
    p_mw = np.concatenate([[0.0], rng.dirichlet(np.full(n - 1, 2.0)) * total])
    base = 12.66**2 / 10.0
    return Feeder(
        name=f"random{n}", bus_ids=tuple(str(i + 1) for i in range(n)), line_ids=tuple(f"l{k}" for k in range(n - 1)),
        parent=tail[lines], child=head[lines], slack=0, r_pu=r_ohm[lines] / base, x_pu=x_ohm[lines] / base,
        i_max_ka=np.full(n - 1, np.inf), v_min_pu=np.full(n, 0.9), v_max_pu=np.full(n, 1.1),
        p_mw=p_mw, q_mvar=0.6 * p_mw, base_mva=10.0, base_kv=12.66, slack_vm_pu=1.03,
    )  # fmt: skip


def day_of(feeder: Feeder) -> DispatchCase:
    """A day with ten suns and two storages."""
    hours = np.arange(HOURS)
    factor = 0.75 + 0.25 * np.sin((hours - 9.0) / 24.0 * 2.0 * np.pi)
    sun = 0.8 * np.maximum(np.sin((hours - 6.0) / 12.0 * np.pi), 0.0)
    kinds, n = catalogue(), feeder.n_buses
    places = np.linspace(2, n - 1, 10).astype(int)
    share = 1.5 / len(places)
    devices = [kinds["substation"].Settings(name="grid")]
    devices += [
        kinds["photovoltaic"].Settings(name=f"pv{i}", bus=str(i + 1), s_max_mva=share, available_mw=0.0) for i in places
    ]
    devices += [
        kinds["storage"].Settings(name=f"s{i}", bus=str(i + 1), capacity_mwh=1.6, p_max_mw=0.4, s_max_mva=0.48)
        for i in (n // 3, n // 2)
    ]
    return DispatchCase(
        feeder=feeder, period_h=1.0, devices=tuple(devices),
        series={f"pv{i}": {"available_mw": share * sun} for i in places},
        base_p_mw=np.outer(feeder.p_mw, factor), base_q_mvar=np.outer(feeder.q_mvar, factor),
        tariff_per_mwh=np.where((hours >= 17) & (hours < 22), 715.0, np.where(hours < 6, 385.0, 550.0)),
        settings=DispatchSettings(mode="day_ahead"),
    )  # fmt: skip


def fresh(n: int) -> None:
    case = day_of(random_feeder(n))
    cpu = time.process_time()
    plan = Controller(case).plan(0, np.zeros((0, HOURS)))
    total = time.process_time() - cpu
    record = plan.record
    flow = AcFlow(case.feeder, tolerance_mva=1e-10)
    state = flow.solve((plan.p_gen_mw - plan.p_load_mw)[:, 12], (plan.q_gen_mvar - plan.q_load_mvar)[:, 12])
    print(
        f"{n:>5} buses: {total:6.2f} s CPU, {1e3 * total / n:5.2f} ms/bus, "
        f"total/solver {total / record.solve_time_s:.2f}, "
        f"{record.iterations} iterations, {record.raw_status}, gap <= {np.abs(plan.cone.gap_pu2).max():.1e} pu2, "
        f"AC dV {np.abs(state.vm_pu - plan.grid.vm_pu[:, 12]).max():.1e} pu"
    )


def rolling(scenario: str = "ieee33_grid_only") -> None:
    case = build_case(load(scenario, ["dispatch.mode=rolling"]))
    controller, ev_mw = Controller(case.dispatch), case.given_load_mw
    controller.plan(0, ev_mw)
    cpu, solver, states = time.process_time(), 0.0, initial_states(case.dispatch)
    for k in range(case.dispatch.periods):
        plan = controller.plan(k, ev_mw[:, k:], states=states)
        states = carried(states, plan)
        solver += plan.record.solve_time_s
    total = time.process_time() - cpu
    print(f"rolling day, {scenario}: {total:.2f} s CPU after the first compile, total/solver {total / solver:.2f}")


if __name__ == "__main__":
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]
    fresh(33)  # warms caches of libraries
    for size in SIZES:
        if size <= largest:
            fresh(size)
    rolling()
