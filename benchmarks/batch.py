"""Many equilibria at once on Nguyen-Dupuis: solves per second of `solve_batch` beside a loop of single solves.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/batch.py [instances]

Demand is lognormal (sigma 0.3) around the peak, every instance is solved cold to R <= 1e-8. The ratio within one run
means something on a busy machine; the seconds do not.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from cosim.traffic.batch import solve_batch
from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.paths import all_simple_paths

ROOT = Path(__file__).parents[1]
OD = (("1", "2"), ("1", "3"), ("4", "2"), ("4", "3"))
PEAK = np.array([400.0, 800.0, 600.0, 200.0])
SINGLES = 200


def main(instances):
    network = read_road_network(ROOT / "sumo_nets" / "nguyen")
    paths = all_simple_paths(network, OD, {"all": False})
    demand = PEAK * np.random.default_rng(1).lognormal(-(0.3**2) / 2, 0.3, (instances, 4))
    for theta in (0.1, 0.5, 1.0):
        problem = SueProblem(network=network, paths=paths, demand_vph=PEAK, theta_per_min=theta)
        solve_batch(problem, demand[:250])
        begin = time.process_time()
        batch = solve_batch(problem, demand)
        batch_s = time.process_time() - begin
        begin = time.process_time()
        singles = [solve(replace(problem, demand_vph=row)) for row in demand[:SINGLES]]
        single_s = (time.process_time() - begin) / min(SINGLES, instances)
        worst = max(
            np.abs(one.link_flow_vph - two).max() / two.max()
            for one, two in zip(singles, batch.link_flow_vph[:SINGLES], strict=True)
        )
        print(
            f"theta {theta:3}: {instances / batch_s:7.0f} solves/s of CPU, {1 / single_s:5.0f} one by one, "
            f"ratio {single_s * instances / batch_s:5.1f}; iterations {batch.iterations.mean():.1f} on average, "
            f"R <= {batch.residual.max():.1e}, {int((~batch.converged).sum())} failures, "
            f"flows differ by {worst:.0e} relative"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
