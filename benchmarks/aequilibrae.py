"""AequilibraE's user equilibrium beside our stochastic one on Chicago Sketch: two problems, one network, one core.

    COSIM_TNTP_DIR=... make bench-aequilibrae

AequilibraE (its own environment, .venv-aequilibrae) offers no stochastic user equilibrium. It solves the deterministic
one by bi-conjugate Frank-Wolfe to a relative gap of 1e-4; we solve the logit one by `mirror_bb` on the frozen graph of
each destination to R <= 1e-8. The problems differ and so do the measures: the seconds say what a user waits for an
answer, not that one is the other. Travel time only, no tolls; free-flow times of 0 become 1e-6 for AequilibraE.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

NAME = "ChicagoSketch"
PEER = Path(__file__).parents[1] / ".venv-aequilibrae" / "bin" / "python"
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def peer(folder):
    """Runs in the other environment: reads the arrays, assigns, prints one line of JSON."""
    import logging

    import pandas as pd
    from aequilibrae.matrix import AequilibraeMatrix
    from aequilibrae.paths import Graph, TrafficAssignment, TrafficClass

    logging.disable(logging.CRITICAL)
    data = np.load(Path(folder) / "chicago.npz")
    links = pd.DataFrame(
        {name: data[name] for name in ("a_node", "b_node", "capacity", "free_flow_time", "b", "power")}
    )
    links.insert(0, "link_id", np.arange(1, len(links) + 1))
    links["direction"] = 1
    zones = data["zones"]
    graph = Graph()
    graph.network = links
    graph.prepare_graph(zones)
    graph.set_graph("free_flow_time")
    graph.set_blocked_centroid_flows(True)
    trips = AequilibraeMatrix()
    trips.create_empty(zones=len(zones), matrix_names=["trips"], memory_only=True)
    trips.index[:] = zones
    trips.matrix["trips"][:, :] = data["trips"]
    trips.computational_view(["trips"])
    assignment = TrafficAssignment()
    assignment.add_class(TrafficClass("car", graph, trips))
    assignment.set_vdf("BPR")
    assignment.set_vdf_parameters({"alpha": "b", "beta": "power"})
    assignment.set_capacity_field("capacity")
    assignment.set_time_field("free_flow_time")
    assignment.set_algorithm("bfw")
    assignment.set_cores(1)
    assignment.max_iter, assignment.rgap_target = 500, 1e-4
    begin, begin_cpu = time.perf_counter(), time.process_time()
    assignment.execute()
    spent = {"wall_s": time.perf_counter() - begin, "cpu_s": time.process_time() - begin_cpu}
    report = assignment.report()
    print(json.dumps(spent | {"iterations": len(report), "rgap": float(report["rgap"].iloc[-1])}))


def main():
    import tempfile

    from cosim.traffic.equilibrium import solve
    from cosim.workflows.assign import read_problem

    data = os.environ.get("COSIM_TNTP_DIR")
    if data is None or not PEER.exists():
        sys.exit("set COSIM_TNTP_DIR to the folder with ChicagoSketch_net.tntp, and call `make bench-aequilibrae`")
    problem = read_problem(Path(data) / f"{NAME}_net.tntp", theta_per_min=1.0)
    print(f"{NAME}: {len(problem.network.link_ids)} links, {len(problem.demand_vph)} pairs, "
          f"{problem.demand_vph.sum():.0f} trips")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(Path(folder) / "chicago.npz", problem)
        command = [str(PEER), "-P", __file__, "--peer", folder]  # -P: this file has the package's name
        done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **ONE_CORE})
    if done.returncode:
        sys.exit(f"AequilibraE failed: {done.stderr[-3000:]}")
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"AequilibraE, user equilibrium, bfw: rgap {theirs['rgap']:.1e} in {theirs['iterations']} iterations, "
          f"{theirs['wall_s']:.1f} s ({theirs['cpu_s']:.1f} s CPU)")  # fmt: skip
    for theta in (0.1, 1.0, 5.0):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        ours = solve(replace(problem, theta_per_min=theta), "mirror_bb")
        wall, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
        print(f"cosim, logit SUE, mirror_bb, theta {theta:g}: R {ours.residual:.1e}, {ours.status}, {ours.loads} loads,"
              f" "
              f"{wall:.1f} s ({cpu:.1f} s CPU): {cpu / theirs['cpu_s']:.2f} of AequilibraE's CPU time")  # fmt: skip


def write_arrays(path, problem):
    """Number the nodes 1, 2, ... with the zones first, as both programs like them."""
    network = problem.network
    zones = sorted({end for pair in problem.paths.commodities for end in (pair.origin, pair.destination)}, key=int)
    order = zones + [node for node in network.node_ids if node not in set(zones)]
    number = {node: place + 1 for place, node in enumerate(order)}
    by_position = np.array([number[node] for node in network.node_ids])
    trips = np.zeros((len(zones), len(zones)))
    for pair, demand in zip(problem.paths.commodities, problem.demand_vph, strict=True):
        trips[number[pair.origin] - 1, number[pair.destination] - 1] = demand
    np.savez(
        path,
        a_node=by_position[network.tail],
        b_node=by_position[network.head],
        capacity=network.capacity_vph,
        free_flow_time=np.maximum(network.free_flow_min, 1e-6),
        b=network.alpha,
        power=np.maximum(network.beta, 1.0),
        zones=np.arange(1, len(zones) + 1),
        trips=trips,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer(sys.argv[2])
    else:
        main()
