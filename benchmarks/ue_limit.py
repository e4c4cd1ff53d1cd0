"""The user equilibrium of Sioux Falls as the limit of logit equilibria.

    COSIM_TNTP_DIR=... .venv/bin/python benchmarks/ue_limit.py

Four cheapest paths per pair on empty roads, then the eight cheapest at the congested cost of every stage. The best
known objective is 42.31335287e5 (github.com/bstabler/TransportationNetworks); the published flows stand beside it.
"""

import os
import time
from pathlib import Path

import numpy as np

from cosim.traffic.cheapest import k_shortest
from cosim.traffic.equilibrium import SueProblem
from cosim.traffic.formats.tntp import read_tntp_network, read_tntp_trips
from cosim.traffic.user_equilibrium import beckmann, ue_limit

FOLDER = Path(os.environ["COSIM_TNTP_DIR"])
BEST_KNOWN = 42.31335287e5


def main():
    network = read_tntp_network(FOLDER / "SiouxFalls_net.tntp")
    demand = read_tntp_trips(FOLDER / "SiouxFalls_trips.tntp")
    lines = (FOLDER / "SiouxFalls_flow.tntp").read_text().splitlines()[1:]
    published = np.array([line.split() for line in lines if line.strip()], dtype=float)[:, 2]
    print(f"published flows: excess {beckmann(network, published) / BEST_KNOWN - 1:9.1e}")
    paths = k_shortest(network, demand.od_pairs, {"all": False}, 4)
    problem = SueProblem(network=network, paths=paths, demand_vph=demand.demand_vph[0], theta_per_min=1.0)
    start = time.process_time()
    for stage in ue_limit(problem):
        away = np.abs(stage.result.link_flow_vph - published).max()
        print(
            f"theta {stage.result.theta_per_min:5g}: excess {stage.beckmann / BEST_KNOWN - 1:8.1e}"
            f"  relative gap {stage.relative_gap:8.1e}  R {stage.result.residual:7.1e}"
            f"  {stage.iterations:3d} iterations"
            f"  {len(stage.problem.paths)} paths  largest difference {away:8.2f} veh/h"
            f"  {time.process_time() - start:5.2f} s CPU  {stage.result.status}"
        )


if __name__ == "__main__":
    main()
