"""Windows of the dispatch within one process, for `day.py`: CPU seconds as JSON, by this version or an earlier one.

    .venv/bin/python benchmarks/windows.py quarters|thousand|single

``quarters`` is a rolling day of 33 buses in 96 quarter hours, ``thousand`` one of 1,000 buses in 24 hours. Some of
their windows are solved, the first with its compile, and the time of the others lies between that of their neighbours.
``single`` is the dispatch of one period on 33 buses with its AC power flow, by each engine there is; the first, which
compiles, is left out. Imports and feeders do not count.
"""

import importlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import cvxpy  # noqa: F401 - imports are not part of the measurement
import numpy as np
import pandapower  # noqa: F401

import cosim
from cosim.dispatch import controller as of_dispatch
from cosim.scenario.case import build_case
from cosim.scenario.load import load

EARLIER = hasattr(of_dispatch.Controller, "commit")
"""Whether the version is one whose controllers keep the devices' states."""
SOLVED = {"quarters": (0, 1, 24, 48, 72, 95), "thousand": (0, 1, 8, 16, 23)}
TOLERANCE_MVA = 1e-10


def repeated(case, every):
    """Return a day with each of its periods in so many parts."""
    series = {name: {key: np.repeat(v, every) for key, v in rows.items()} for name, rows in case.series.items()}
    return replace(
        case, period_h=case.period_h / every, series=series, base_p_mw=np.repeat(case.base_p_mw, every, axis=1),
        base_q_mvar=np.repeat(case.base_q_mvar, every, axis=1), tariff_per_mwh=np.repeat(case.tariff_per_mwh, every),
    )  # fmt: skip


def rolling_case(buses, every):
    """Return a rolling day of `dispatch_scaling`, its hours in so many parts."""
    sys.path.insert(0, str(Path(cosim.__file__).parents[1] / "benchmarks"))  # an earlier version has feeders of its own
    feeders = importlib.import_module("dispatch_scaling")
    case = feeders.day_of(feeders.random_feeder(buses))
    return repeated(replace(case, settings=replace(case.settings, mode="rolling")), every)


def planning(case):
    """Return what plans from a period on, with the states of the day's beginning."""
    controller = of_dispatch.Controller(case)
    if EARLIER:
        return controller.plan
    states = of_dispatch.initial_states(case)
    return lambda position, load_mw: controller.plan(position, load_mw, states=states)


def spent(action, *arguments):
    """Return the CPU time of an action, and its result."""
    start = time.process_time()
    result = action(*arguments)
    return time.process_time() - start, result


def rolling(case, solved):
    """Return the CPU time of all windows of a rolling day, of which some are solved."""
    plan, nothing = planning(case), np.zeros((0, case.periods))
    taken = []
    for position in solved:
        seconds, found = spent(plan, position, nothing[:, position:])
        if not found.record.usable:
            raise RuntimeError(f"the window from period {position + 1} on has no answer: {found.record.raw_status}")
        taken.append(seconds)
    return taken[0] + float(np.interp(np.arange(1, case.periods), solved[1:], taken[1:]).sum())


def engines(feeder):
    """Return the engines of AC power flows by name."""
    if EARLIER:
        flow = importlib.import_module("cosim.grid.ac_flow").AcFlow
        return {"pandapower": flow(feeder, tolerance_mva=TOLERANCE_MVA)}
    known = importlib.import_module("cosim.grid.engines").ENGINES
    return {name: known[name](feeder, tolerance_mva=TOLERANCE_MVA) for name in ("pandapower", "batch")}


def single():
    """Return the CPU time of a period with its AC power flow, by engine."""
    case = build_case(load("ieee33_grid_only", ["dispatch.mode=single_period"]))
    plan, flows = planning(case.dispatch), engines(case.dispatch.feeder)
    taken = {name: [] for name in ("dispatch", *flows)}
    for position in range(case.dispatch.periods):
        seconds, found = spent(plan, position, case.given_load_mw[:, position : position + 1])
        taken["dispatch"].append(seconds)
        p, q = (found.p_gen_mw - found.p_load_mw)[:, 0], (found.q_gen_mvar - found.q_load_mvar)[:, 0]
        for name, flow in flows.items():
            taken[name].append(spent(flow.solve, p, q)[0])
    each = {name: float(np.median(times[1:])) for name, times in taken.items()}
    return {name: each["dispatch"] + each[name] for name in flows}


if __name__ == "__main__":
    kind = sys.argv[1]
    found = (
        single()
        if kind == "single"
        else rolling(rolling_case(33, 4) if kind == "quarters" else rolling_case(1000, 1), SOLVED[kind])
    )
    print(json.dumps(found))
