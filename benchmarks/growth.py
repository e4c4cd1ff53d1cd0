"""How a day grows with periods, with buses and with stations, and what of it is not the solver's own time.

    .venv/bin/python benchmarks/growth.py [largest]

Prints CPU seconds, attempts and iterations a window, the largest memory so far, and the exponent of growth between
successive sizes. Periods: the rolling day of 33 buses in hours, half hours and quarter hours; its windows shrink, so
the time is compared with that of as many windows of full length. Buses: the seeded feeders of `attempts.py`, 24 hours
at once. Stations: the coupled day of Nguyen-Dupuis and 33 buses, whose three stations are split, each part at a bus of
its own; roads, dispatch and power flows, but nothing written.
"""

import math
import resource
import sys
import time
from dataclasses import replace
from functools import partial

import cvxpy  # noqa: F401 - imports are not part of the measurement
import mosaik  # noqa: F401
import numpy as np
import pandapower  # noqa: F401
from attempts import counted, solved
from windows import rolling_case

from cosim.dispatch.controller import Controller, carried, initial_states
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.world import run_world

PERIODS = (24, 48, 96)
BUSES = (33, 100, 300, 1000, 3000, 10000)
SPLIT = (1, 2, 5, 10)
"""Parts of each station."""


def grown(size, seconds, before):
    """Return the exponent of growth since the size before, as text."""
    return "" if before is None else f", exponent {math.log(seconds / before[1]) / math.log(size / before[0]):.2f}"


def told(label, size, seconds, before, found):
    """Print a row; return size and seconds for the next one."""
    plans = [one.plan for one in found]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{size:>6} {label}: {seconds:7.2f} s CPU, of it {sum(p.record.solve_time_s for p in plans):7.2f} s in the "
        f"solver, attempts {np.mean([one.attempts for one in found]):.2f}, iterations "
        f"{np.mean([p.record.iterations for p in plans]):.1f}, memory {memory:.1f} GB{grown(size, seconds, before)}",
        flush=True,
    )
    return size, seconds


def by_periods():
    before = None
    for periods in PERIODS:
        case = rolling_case(33, periods // 24)
        controller, states, none = Controller(case), initial_states(case), np.zeros((0, periods))
        start, found = time.process_time(), []
        first = None
        for k in range(periods):
            found.append(counted(partial(controller.plan, k, none[:, k:], states=states)))
            states = carried(states, found[-1].plan)
            first = first or time.process_time() - start
        again = time.process_time()
        controller.plan(0, none)
        full = periods * (time.process_time() - again)
        total = time.process_time() - start - full / periods
        before = told("periods", periods, total, before, found)
        print(f"       {total / full:.2f} of as many windows of full length; the first, compiled, took {first:.2f} s")


def by_buses(largest):
    before = None
    for buses in BUSES:
        if buses <= largest:
            start = time.process_time()
            found = solved(buses, 0, 24)
            before = told("buses", buses, time.process_time() - start, before, [found])


def split_stations(parts):
    """Return the coupled day with each station in so many parts, from the feeder's far end on."""
    loaded = load("nguyen_ieee33_coupled")
    every, buses = loaded.scenario.stations, iter(range(33, 3, -1))
    whole = [
        one.model_copy(update={"name": f"{one.name}.{part}", "bus": next(buses), "chargers": one.chargers // parts})
        for one in every
        for part in range(parts)
    ]
    return build_case(replace(loaded, scenario=loaded.scenario.model_copy(update={"stations": tuple(whole)})))


def by_stations():
    before = None
    for parts in SPLIT:
        case, rounds = split_stations(parts), []
        start = time.process_time()
        run_world(case, lambda one, _judged, rounds=rounds: rounds.append(one.traffic.coupling.coupling_rounds))
        size, seconds = 3 * parts, time.process_time() - start
        print(
            f"{size:>6} stations: {seconds:7.2f} s CPU, rounds of a period {np.mean(rounds):.1f}"
            f"{grown(size, seconds, before)}",
            flush=True,
        )
        before = size, seconds


if __name__ == "__main__":
    by_stations()
    by_periods()
    by_buses(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
