"""How many solves a window takes, on seeded random radial feeders from 33 to 10,000 buses.

    .venv/bin/python benchmarks/attempts.py [largest] [feeders]
    .venv/bin/python benchmarks/attempts.py day BUSES [SEED]

Attempts are runs of Clarabel for a programme, those without refinement included; goal: <= 1.1 on average at every size.
A relaxation that is not tight is repaired by another programme, which is none of them. `day`
plans 24 hours of one feeder in a process of its own and prints its CPU time and peak memory. Each feeder
is a random tree whose loads bring the lowest voltage to 0.94 to 0.99 pu, with suns, storages and a turbine, at a random
voltage level, total load and `base_mva`; large feeders get few periods.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import cvxpy  # noqa: F401 - imports are not part of the measurement
import numpy as np

from cosim.dispatch.backends import clarabel
from cosim.dispatch.controller import Controller
from cosim.dispatch.devices.gas_turbine import GasTurbineSettings
from cosim.dispatch.devices.photovoltaic import PhotovoltaicSettings
from cosim.dispatch.devices.storage import StorageSettings
from cosim.dispatch.devices.substation import SubstationSettings
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.dispatch.settings import DispatchSettings
from cosim.grid.feeder import Feeder

PERIODS = {33: 24, 100: 24, 300: 8, 1000: 3, 3000: 1, 10000: 1}
"""Buses of a feeder, and periods of its window."""
FEEDERS = 6
HOURS = 24
VOLTAGE_LEVELS_KV = (0.4, 10.0, 12.66, 20.0, 35.0)
SLACK_VM_PU = 1.03


def random_feeder(n_buses: int, random: np.random.Generator) -> Feeder:
    """Return a random tree, its impedances scaled until the lowest voltage is as drawn."""
    bushiness = int(random.integers(1, 30))
    parent = np.array([random.integers(max(0, k - bushiness), k) for k in range(1, n_buses)])
    depth = np.zeros(n_buses, dtype=int)
    for k, above in enumerate(parent, start=1):
        depth[k] = depth[above] + 1
    place = np.argsort(np.argsort(depth, kind="stable"))
    tail, head = place[parent], place[np.arange(1, n_buses)]
    lines = np.argsort(head)
    load = random.gamma(1.0, 1.0, n_buses) * (random.random(n_buses) < random.uniform(0.5, 1.0))
    load[0] = 0.0
    p_mw = load / load.sum() * 10.0 ** random.uniform(-1.5, 1.5)
    base_mva, base_kv = 10.0 ** random.uniform(-2.0, 2.0), float(random.choice(VOLTAGE_LEVELS_KV))
    r_pu = random.uniform(0.1, 1.0, n_buses - 1)
    feeder = Feeder(
        name=f"random{n_buses}", bus_ids=tuple(str(i) for i in range(n_buses)),
        line_ids=tuple(f"l{k}" for k in range(n_buses - 1)), parent=tail[lines], child=head[lines], slack=0,
        r_pu=r_pu, x_pu=r_pu * random.uniform(0.3, 1.2, n_buses - 1), i_max_ka=np.full(n_buses - 1, np.inf),
        v_min_pu=np.full(n_buses, 0.9), v_max_pu=np.full(n_buses, 1.1), p_mw=p_mw,
        q_mvar=p_mw * random.uniform(0.1, 0.6, n_buses), base_mva=base_mva, base_kv=base_kv, slack_vm_pu=SLACK_VM_PU,
    )  # fmt: skip
    return _with_lowest_voltage(feeder, random.uniform(0.94, 0.99))


def _with_lowest_voltage(feeder: Feeder, lowest_pu: float) -> Feeder:
    """Return the feeder with the loss-free lowest voltage as drawn: the true one is a little below."""
    p, q = feeder.p_mw / feeder.base_mva, feeder.q_mvar / feeder.base_mva
    for line in range(feeder.n_lines - 1, -1, -1):  # breadth-first: leaves come last
        p[feeder.parent[line]] += p[feeder.child[line]]
        q[feeder.parent[line]] += q[feeder.child[line]]
    drop = np.zeros(feeder.n_buses)
    for line in range(feeder.n_lines):
        child = feeder.child[line]
        drop[child] = drop[feeder.parent[line]] + 2.0 * (feeder.r_pu[line] * p[child] + feeder.x_pu[line] * q[child])
    factor = (SLACK_VM_PU**2 - lowest_pu**2) / float(drop.max())
    return replace(feeder, r_pu=factor * feeder.r_pu, x_pu=factor * feeder.x_pu)


def random_day(n_buses: int, seed: int, periods: int) -> DispatchCase:
    """Return a day of a random feeder: about 30 % of the load as sun, 10 % as storage and as a turbine."""
    random = np.random.default_rng([seed, n_buses])
    feeder = random_feeder(n_buses, random)
    hours = np.linspace(0.0, 24.0, periods, endpoint=False) if periods > 1 else np.array([12.0])
    factor = 0.75 + 0.25 * np.sin((hours - 9.0) / 24.0 * 2.0 * np.pi)
    sun = np.maximum(np.sin((hours - 6.0) / 12.0 * np.pi), 0.0)
    total = float(feeder.p_mw.sum())
    at = [feeder.bus_ids[int(bus)] for bus in random.integers(1, n_buses, 8)]
    devices = [
        SubstationSettings(name="grid"),
        *(PhotovoltaicSettings(name=f"pv{k}", bus=at[k], s_max_mva=0.06 * total, available_mw=0.0) for k in range(5)),
        *(
            StorageSettings(
                name=f"ess{k}", bus=at[5 + k], capacity_mwh=0.2 * total, p_max_mw=0.05 * total, s_max_mva=0.06 * total
            )
            for k in range(2)
        ),
        GasTurbineSettings(
            name="gt", bus=at[7], p_max_mw=0.1 * total, q_max_mvar=0.06 * total, ramp_mw_per_h=0.05 * total,
            cost_per_mwh=300.0, cost_quadratic_per_mw2h=0.1 / total,
        ),
    ]  # fmt: skip
    return DispatchCase(
        feeder=feeder, period_h=24.0 / periods if periods > 1 else 1.0, devices=tuple(devices),
        series={f"pv{k}": {"available_mw": 0.06 * total * sun} for k in range(5)},
        base_p_mw=np.outer(feeder.p_mw, factor), base_q_mvar=np.outer(feeder.q_mvar, factor),
        tariff_per_mwh=np.where((hours >= 17) & (hours < 22), 715.0, np.where(hours < 6, 385.0, 550.0)),
        settings=DispatchSettings(mode="day_ahead"),
    )  # fmt: skip


@dataclass(frozen=True)
class Solved:
    """The plan of a random day, and how many runs of Clarabel a programme took."""

    plan: DispatchPlan
    attempts: float


def counted(plan: Callable[[], DispatchPlan]) -> Solved:
    """Return what is planned, with the runs of Clarabel that each of its programmes took: a repair poses another."""
    run, solve, runs, posed = clarabel._solve, clarabel.solve, [], []
    clarabel._solve = lambda *data, **settings: (runs.append(settings), run(*data, **settings))[1]
    clarabel.solve = lambda data: (posed.append(data), solve(data))[1]
    try:
        found = plan()
    finally:
        clarabel._solve, clarabel.solve = run, solve
    again = sum(not word.endswith("repaired") for word in found.record.retries)
    return Solved(found, len(runs) / max(len(posed) - again, 1))


def solved(n_buses: int, seed: int, periods: int) -> Solved:
    """Return the plan of one random day."""
    return counted(lambda: Controller(random_day(n_buses, seed, periods)).plan(0, np.zeros((0, periods))))


def row(n_buses: int, feeders: int) -> None:
    start = time.process_time()
    found = [solved(n_buses, seed, PERIODS[n_buses]) for seed in range(feeders)]
    plans, count = [one.plan for one in found], [one.attempts for one in found]
    steps = [plan.record.iterations for plan in plans]
    gap = max(float(plan.cone.relative.max()) for plan in plans)
    unsolved = sum(not plan.record.usable for plan in plans)
    print(
        f"{n_buses:>5} buses x {PERIODS[n_buses]:>2} periods, {feeders} feeders: attempts {np.mean(count):.2f} "
        f"a window (worst {max(count):g}), iterations {np.mean(steps):.1f} (worst {max(steps)}), "
        f"relative cone gap <= {gap:.1e}, {unsolved} without an answer, {time.process_time() - start:.1f} s CPU",
        flush=True,
    )


def day(n_buses: int, seed: int) -> None:
    start = time.process_time()
    one = solved(n_buses, seed, HOURS)
    record = one.plan.record
    print(
        f"{n_buses:>5} buses x {HOURS} periods: {record.raw_status}, attempts {one.attempts:g}, "
        f"{record.iterations} iterations, relative cone gap <= {float(one.plan.cone.relative.max()):.1e}, "
        f"{time.process_time() - start:.1f} s CPU, "
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["day"]:
        day(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
        raise SystemExit
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else max(PERIODS)
    for size in PERIODS:
        if size <= largest:
            row(size, int(sys.argv[2]) if len(sys.argv) > 2 else FEEDERS)
