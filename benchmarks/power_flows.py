"""AC power flows of the default feeder: pandapower, one by one, against the batch engine, in the same run.

    .venv/bin/python benchmarks/power_flows.py

Prints CPU time a flow (best of five) and the ratio, which means something on a busy machine, too.
"""

import time

import numpy as np

from cosim.grid.engines import ENGINES
from cosim.scenario.case import build_case
from cosim.scenario.load import load

CASES = (1, 24, 96, 1440)
JUDGED = 24
"""Flows that pandapower solves one by one."""


def best(call, times=5):
    """Return the least CPU time of a call, s."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)


def engines():
    """Return both engines of the default feeder, and loads of `CASES` flows, shapes (N, max)."""
    feeder = build_case(load("nguyen_ieee33")).dispatch.feeder
    rng = np.random.default_rng(1)
    p, q = (
        -load[:, None] * rng.uniform(0.5, 1.2, (feeder.n_buses, max(CASES))) for load in (feeder.p_mw, feeder.q_mvar)
    )
    return *(ENGINES[name](feeder, tolerance_mva=1e-10) for name in ("pandapower", "batch")), p, q


def rates(count=96):
    """Return the CPU time of a flow by pandapower one by one, and of one in a batch, s."""
    judge, batch, p, q = engines()
    alone = best(lambda: judge.solve(p[:, :JUDGED], q[:, :JUDGED])) / JUDGED
    return alone, best(lambda: batch.solve(p[:, :count], q[:, :count])) / count


def main():
    judge, batch, p, q = engines()
    judged, buses = judge.solve(p[:, :JUDGED], q[:, :JUDGED]), len(p)
    alone = best(lambda: judge.solve(p[:, :JUDGED], q[:, :JUDGED])) / JUDGED
    print(f"pandapower, one net, {buses} buses: {1e3 * alone:.2f} ms a flow")
    for count in CASES:
        each = best(lambda count=count: batch.solve(p[:, :count], q[:, :count])) / count
        print(f"batch of {count:>5}: {1e6 * each:8.1f} us a flow, {alone / each:7.0f} times pandapower's rate")
    apart = np.abs(batch.solve(p[:, :JUDGED], q[:, :JUDGED]).vm_pu - judged.vm_pu).max()
    print(f"largest difference of voltages {apart:.1e} pu")


if __name__ == "__main__":
    main()
