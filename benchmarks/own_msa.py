"""Newton against the paper's method of successive averages, on the same problem and to the same R.

    .venv/bin/python benchmarks/own_msa.py

The unit is a logit loading of all path flows, whatever the machine; a Newton iteration also factors one 19 x 19 matrix.
"""

from pathlib import Path

import numpy as np

from cosim.traffic.equilibrium import SueProblem, solve
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.paths import all_simple_paths

NGUYEN = Path(__file__).parents[1] / "sumo_nets" / "nguyen"
PAIRS = [("1", "2"), ("1", "3"), ("4", "2"), ("4", "3")]
DEMAND = np.array([400.0, 800.0, 600.0, 200.0])
TOLERANCE = 1e-6
LIMIT = 30_000


def main():
    network = read_road_network(NGUYEN)
    paths = all_simple_paths(network, PAIRS, {"all": False})
    print(
        f"Nguyen-Dupuis, 25 paths, R <= {TOLERANCE:g}\n theta  newton loads  mirror_bb  sra     msa loads  msa/newton"
    )
    for theta in (0.1, 0.5, 1.0):
        problem = SueProblem(network=network, paths=paths, demand_vph=DEMAND, theta_per_min=theta)
        loads = {name: solve(problem, name, TOLERANCE).loads for name in ("newton", "mirror_bb", "sra")}
        msa = solve(problem, "msa", TOLERANCE, LIMIT)
        more = "" if msa.converged else f"  (R {msa.residual:.1e} when it was stopped)"
        ratio = msa.loads / loads["newton"]
        print(
            f"{theta:6g}  {loads['newton']:12d}  {loads['mirror_bb']:9d}  {loads['sra']:3d}  {msa.loads:12d}"
            f"  {ratio:10.0f}{more}"
        )


if __name__ == "__main__":
    main()
