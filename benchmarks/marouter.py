"""SUMO's macroscopic router beside `newton`: same network, same travel times, same paths, same theta.

    [COSIM_TNTP_DIR=...] .venv/bin/python benchmarks/marouter.py

marouter (it comes with SUMO's wheel) is given a network on which it uses its linear time t0 (1 + 2 v / 2600), and
asked for a logit stochastic user equilibrium with routes of its own. Its answer is judged by the residual R on its own
network, function and paths; then we solve on the same paths to 1e-8. Its time is CPU time less that of a run with one
vehicle and one iteration (start-up, reading, writing), its search for routes included; ours is CPU time from a cold
start on the routes that it found.
With COSIM_TNTP_DIR set, also a network of the shape of Sioux Falls (24 nodes, 76 links).
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from cosim.traffic.equilibrium import SueProblem, residual, solve
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import path_set
from cosim.traffic.routes import Commodity

ROOT = Path(__file__).parents[1]
THETA = 0.1
SPEED_MS = 10.0
ALPHA, CAPACITY_VPH = 2.0, 2600.0  # marouter's function for one lane at priority -1
REPEATS = 5
SHORTEST_S = 0.02  # less than that is noise of the start-up that is subtracted


def program(name):
    import sumo

    return str(Path(sumo.SUMO_HOME) / "bin" / name)


def as_marouter_sees_it(network):
    """The roads with marouter's function: BPR with alpha 2, beta 1 and a capacity of 2600 veh/h."""
    n = len(network.link_ids)
    return RoadNetwork(
        node_ids=network.node_ids,
        link_ids=network.link_ids,
        tail=network.tail,
        head=network.head,
        free_flow_min=network.free_flow_min,
        capacity_vph=np.full(n, CAPACITY_VPH),
        alpha=np.full(n, ALPHA),
        beta=np.ones(n),
    )


def write_network(folder, network, zones):
    """Nodes and edges; each zone gets an edge to begin on and one to end on, of one metre."""
    nodes = [
        f'<node id="{node}" x="{1000 * place % 9000}" y="{1000 * (place // 9)}"/>'
        for place, node in enumerate(network.node_ids)
    ]
    edge = '<edge id="{}" from="{}" to="{}" numLanes="1" speed="10" length="{:.6f}" priority="-1"/>'.format
    edges = [
        edge(link, network.node_ids[tail], network.node_ids[head], 60.0 * SPEED_MS * time_min)
        for link, tail, head, time_min in zip(
            network.link_ids, network.tail, network.head, network.free_flow_min, strict=True
        )
    ]
    districts = []
    for number, zone in enumerate(zones):
        nodes += [f'<node id="{end}{zone}" x="{-500 - 100 * number}" y="{y}"/>' for end, y in (("o", 0), ("d", -500))]
        edges += [edge(f"out{zone}", f"o{zone}", zone, 1.0), edge(f"in{zone}", zone, f"d{zone}", 1.0)]
        ends = f'<tazSource id="out{zone}" weight="1"/><tazSink id="in{zone}" weight="1"/>'
        districts.append(f'<taz id="{zone}">{ends}</taz>')
    for name, tag, rows in (
        ("n.nod.xml", "nodes", nodes),
        ("e.edg.xml", "edges", edges),
        ("d.taz.xml", "tazs", districts),
    ):
        (folder / name).write_text(f"<{tag}>" + "\n".join(rows) + f"</{tag}>\n", encoding="utf-8")
    command = [program("netconvert"), "-n", "n.nod.xml", "-e", "e.edg.xml", "-o", "net.xml"]
    command += ["--no-internal-links", "true", "--no-turnarounds", "true", "--no-warnings", "true"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def write_demand(path, demand):
    rows = "".join(f"{origin} {destination} {trips:.6f}\n" for (origin, destination), trips in demand.items())
    path.write_text(f"$O;D2\n0.00 1.00\n1.00\n{rows}", encoding="utf-8")


def run_marouter(folder, demand_file, *extra):
    """Return the CPU seconds of one run."""
    command = [program("marouter"), "-n", "net.xml", "-d", "d.taz.xml", "-m", demand_file, "-o", "rou.xml"]
    command += ["--assignment-method", "SUE", "--logit.theta", str(THETA / 60.0), "--logit.beta", "0"]
    command += ["--paths", "25", "--paths.penalty", "300", "-b", "0", "-e", "3600", "--keep-all-routes"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, *extra], cwd=folder, check=False, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"marouter failed: {done.stderr[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def read_routes(path, network):
    """Return {pair: {links: volume}} of marouter's answer."""
    position = {link: number for number, link in enumerate(network.link_ids)}
    found = {}
    for route in ET.parse(path).getroot().iter("route"):  # noqa: S314 - our own file
        first, *edges, last = route.get("edges").split()
        volumes = found.setdefault((first.removeprefix("out"), last.removeprefix("in")), {})
        links = tuple(position[edge] for edge in edges)
        volumes[links] = volumes.get(links, 0.0) + float(route.get("probability"))
    return found


def compare(name, network, demand):
    network = as_marouter_sees_it(network)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_network(folder, network, sorted({end for pair in demand for end in pair}))
        write_demand(folder / "od.txt", demand)
        write_demand(folder / "one.txt", dict.fromkeys(list(demand)[:1], 1.0))
        idle_s = min(run_marouter(folder, "one.txt", "--max-iterations", "1") for _ in range(REPEATS))
        for label, extra in (
            ("default tolerance", ()),
            ("tolerance 1e-6", ("--tolerance", "1e-6", "--max-iterations", "1000")),
        ):
            total_s = min(run_marouter(folder, "od.txt", *extra) for _ in range(REPEATS))
            judge(f"{name}, {label}", network, demand, read_routes(folder / "rou.xml", network), total_s, idle_s)


def judge(label, network, demand, routes, total_s, idle_s):
    commodities = [Commodity(user_class="all", origin=o, destination=d) for o, d in routes]
    paths = path_set(network, commodities, [list(volumes) for volumes in routes.values()], "marouter's")
    flow = np.array([volume for volumes in routes.values() for volume in volumes.values()])
    total = np.bincount(paths.commodity, weights=flow)
    problem = SueProblem(network=network, paths=paths, demand_vph=total, theta_per_min=THETA)
    theirs = residual(problem, flow)
    own = solve(problem)
    begin = time.process_time()
    for _ in range(20):
        solve(problem)
    own_s = (time.process_time() - begin) / 20
    used_s = max(total_s - idle_s, 0.0)
    off = np.abs(paths.link_flow(flow) - own.link_flow_vph).max()
    shorter = f" in 1/{used_s / own_s:.0f} of the time" if used_s > SHORTEST_S else ""
    print(
        f"{label}: {len(paths)} paths of {len(demand)} pairs, {total.sum():.0f} of {sum(demand.values()):.0f} trips\n"
        f"   marouter R {theirs:.1e} in {used_s:.3f} s ({total_s:.3f} s with start-up), flows off by {off:.2f} veh/h\n"
        f"   newton   R {own.residual:.1e} in {own_s:.4f} s ({own.iterations} iterations, {own.status}); "
        f"R {theirs / own.residual:.0e} times smaller{shorter}"
    )


def main():
    pairs = (("1", "2"), ("1", "3"), ("4", "2"), ("4", "3"))
    demand = dict(zip(pairs, (400.0, 800.0, 600.0, 200.0), strict=True))
    compare("Nguyen-Dupuis", read_road_network(ROOT / "sumo_nets" / "nguyen"), demand)
    if folder := os.environ.get("COSIM_TNTP_DIR"):
        from cosim.traffic.formats.tntp import read_tntp_network, read_tntp_trips

        network = read_tntp_network(Path(folder) / "SiouxFalls_net.tntp")
        trips = read_tntp_trips(Path(folder) / "SiouxFalls_trips.tntp")
        flat = 0.1 * trips.trips_vph[0, 0]  # daily counts would fill marouter's lanes many times over
        compare("Sioux Falls shape", network, dict(zip(trips.od_pairs, flat.tolist(), strict=True)))


if __name__ == "__main__":
    main()
