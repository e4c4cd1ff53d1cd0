"""Chicago Sketch: 2,950 links, 386 destinations, 93,135 OD pairs, link-based logit equilibrium to R <= 1e-8.

    COSIM_TNTP_DIR=... OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/chicago.py

Cost in min with 0.02 min per cent of toll and 0.04 min per mile. Prints CPU beside wall seconds: on a busy machine only
the first means anything.
"""

import os
import resource
import time
from pathlib import Path

from cosim.traffic.dag import frozen_dag
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.formats.tntp import read_tntp_network, read_tntp_trips

FOLDER = Path(os.environ["COSIM_TNTP_DIR"])
LOADS = 20


def timed(action):
    wall, cpu = time.perf_counter(), time.process_time()
    answer = action()
    return answer, time.perf_counter() - wall, time.process_time() - cpu


def memory_gb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main():
    network, wall, cpu = timed(
        lambda: read_tntp_network(FOLDER / "ChicagoSketch_net.tntp", toll_min=0.02, length_min=0.04)
    )
    demand, more_wall, more_cpu = timed(lambda: read_tntp_trips(FOLDER / "ChicagoSketch_trips.tntp"))
    print(f"read   {wall + more_wall:6.2f} s wall  {cpu + more_cpu:6.2f} s CPU")
    dag, wall, cpu = timed(lambda: frozen_dag(network, demand.od_pairs, {"all": False}))
    print(f"build  {wall:6.2f} s wall  {cpu:6.2f} s CPU  {len(dag):,} arcs, {dag.level.max()} levels")
    problem = SueProblem(network=network, paths=dag, demand_vph=demand.demand_vph[0], theta_per_min=1.0)
    cost = problem.empty_cost_min
    _, wall, cpu = timed(lambda: [problem.load(cost) for _ in range(LOADS)])
    print(f"load   {1e3 * wall / LOADS:6.1f} ms wall {1e3 * cpu / LOADS:6.1f} ms CPU")
    for method, scale, thetas in (
        ("mirror_bb", 1.0, (0.1, 1.0, 5.0)),
        ("mirror_bb", 2.0, (0.1, 1.0, 5.0)),
        ("sra", 1.0, (0.1, 1.0)),
    ):
        for theta in thetas:
            demand_vph = scale * demand.demand_vph[0]
            problem = SueProblem(network=network, paths=dag, demand_vph=demand_vph, theta_per_min=theta)
            result, wall, cpu = timed(lambda problem=problem, method=method: solve(problem, method))
            print(
                f"{method:>9}  x{scale:g}  theta {theta:3g}  R {result.residual:7.1e}  gap {result.gap:7.1e} veh min/h"
                f"  {result.iterations:4d} iterations  {result.loads:4d} loads  {wall:6.2f} s wall  {cpu:6.2f} s CPU"
                f"  {result.status}"
            )
    print(f"memory {memory_gb():.2f} GB at most")


if __name__ == "__main__":
    main()
