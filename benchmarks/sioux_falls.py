"""Sioux Falls: 76 links, 528 OD pairs; path sets by newton, link-based loading by mirror_bb and sra.

    COSIM_TNTP_DIR=... OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/sioux_falls.py

Time in the file's unit (0.01 h), so theta is per 0.01 h. Each time is the least CPU time of five runs.
"""

import os
import time
from pathlib import Path

from cosim.traffic.cheapest import k_shortest
from cosim.traffic.dag import frozen_dag
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.formats.tntp import read_tntp_network, read_tntp_trips

FOLDER = Path(os.environ["COSIM_TNTP_DIR"])
RUNS = 5


def timed(action, runs=RUNS):
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        answer = action()
        seconds.append(time.process_time() - start)
    return answer, min(seconds)


def row(problem, method, scale):
    result, seconds = timed(lambda: solve(problem, method))
    print(
        f"{result.path_model:>14}  {result.method:>9}  x{scale:g}  theta {result.theta_per_min:4g}"
        f"  R {result.residual:7.1e}  gap {result.gap:7.1e}  {result.iterations:4d} iterations  {result.loads:4d} loads"
        f"  {1e3 * seconds:7.1f} ms CPU  {result.status}"
    )


def main():
    network = read_tntp_network(FOLDER / "SiouxFalls_net.tntp")
    demand = read_tntp_trips(FOLDER / "SiouxFalls_trips.tntp")
    paths, seconds = timed(lambda: k_shortest(network, demand.od_pairs, {"all": False}, 10), 3)
    print(f"{len(paths)} paths of {len(paths.commodities)} pairs in {seconds:.2f} s of CPU")
    dag, seconds = timed(lambda: frozen_dag(network, demand.od_pairs, {"all": False}), 3)
    print(f"DAG of {len(dag)} arcs in {1e3 * seconds:.0f} ms of CPU")
    for scale in (1.0, 2.0):
        for theta in (0.1, 0.5, 1.0, 2.0, 5.0):
            demand_vph = scale * demand.demand_vph[0]
            row(SueProblem(network=network, paths=paths, demand_vph=demand_vph, theta_per_min=theta), "newton", scale)
    for theta in (0.1, 0.5, 1.0, 5.0):
        problem = SueProblem(network=network, paths=dag, demand_vph=demand.demand_vph[0], theta_per_min=theta)
        for method in ("mirror_bb", "sra"):
            row(problem, method, 1.0)


if __name__ == "__main__":
    main()
