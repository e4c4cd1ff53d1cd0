"""How the dispatch grows with periods and with buses, and what is not the solver's own time.

    .venv/bin/python benchmarks/growth.py [largest]

Prints CPU seconds, attempts and iterations a window, the largest memory so far, and the exponent of growth between
successive sizes. Periods: the rolling day of 33 buses in hours, half hours and quarter hours; its windows shrink, so
the time is compared with that of as many windows of full length. Buses: the seeded feeders of `attempts.py`, 24 hours
at once.
"""

import math
import resource
import sys
import time

import cvxpy  # noqa: F401 - imports are not part of the measurement
import numpy as np
from attempts import attempts, random_day
from dispatch_scaling import day_of, random_feeder

from cosim.dispatch.controller import Controller, carried, initial_states
from cosim.dispatch.plan import DispatchCase, DispatchSettings

PERIODS = (24, 48, 96)
BUSES = (33, 100, 300, 1000, 3000, 10000)


def rolling_case(periods):
    """The day of `dispatch_scaling` on 33 buses in so many periods."""
    case, every = day_of(random_feeder(33)), periods // 24
    series = {name: {key: np.repeat(v, every) for key, v in rows.items()} for name, rows in case.series.items()}
    return DispatchCase(
        feeder=case.feeder, period_h=1.0 / every, devices=case.devices, series=series,
        base_p_mw=np.repeat(case.base_p_mw, every, axis=1), base_q_mvar=np.repeat(case.base_q_mvar, every, axis=1),
        tariff_per_mwh=np.repeat(case.tariff_per_mwh, every), settings=DispatchSettings(mode="rolling"),
    )  # fmt: skip


def told(label, size, seconds, before, plans):
    """Print a row; return size and seconds for the next one."""
    grown = "" if before is None else f", exponent {math.log(seconds / before[1]) / math.log(size / before[0]):.2f}"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{size:>6} {label}: {seconds:7.2f} s CPU, of it {sum(p.record.solve_time_s for p in plans):7.2f} s in the "
        f"solver, attempts {np.mean([attempts(p) for p in plans]):.2f}, iterations "
        f"{np.mean([p.record.iterations for p in plans]):.1f}, memory {memory:.1f} GB{grown}",
        flush=True,
    )
    return size, seconds


def by_periods():
    before = None
    for periods in PERIODS:
        case = rolling_case(periods)
        controller, states, none = Controller(case), initial_states(case), np.zeros((0, periods))
        start, plans = time.process_time(), []
        first = None
        for k in range(periods):
            plans.append(controller.plan(k, none[:, k:], states=states))
            states = carried(states, plans[-1])
            first = first or time.process_time() - start
        again = time.process_time()
        controller.plan(0, none)
        full = periods * (time.process_time() - again)
        total = time.process_time() - start - full / periods
        before = told("periods", periods, total, before, plans)
        print(f"       {total / full:.2f} of as many windows of full length; the first, compiled, took {first:.2f} s")


def by_buses(largest):
    before = None
    for buses in BUSES:
        if buses <= largest:
            start = time.process_time()
            plan = Controller(random_day(buses, 0, 24)).plan(0, np.zeros((0, 24)))
            before = told("buses", buses, time.process_time() - start, before, [plan])


if __name__ == "__main__":
    by_periods()
    by_buses(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
