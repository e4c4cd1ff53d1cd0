"""Nguyen-Dupuis: exactness, robustness, time and loads of the methods (goals G1, G2, G3).

    OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/nguyen.py

G1 compares link flows with Newton's method on the optimality conditions of Fisk's programme in 40 digits, written here
again. G2 counts iterations to R <= 1e-8 from a cold start. G3 gives CPU time, the least of several runs.
"""

import sys
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import mpmath as mp
import numpy as np

from cosim.charging.stations import Station
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.traffic.equilibrium import SueProblem, solve, solve_day
from cosim.traffic.formats.csv import read_road_network
from cosim.traffic.laws.davidson import DavidsonSettings
from cosim.traffic.paths import all_simple_paths

FOLDER = Path(__file__).parents[1] / "sumo_nets" / "nguyen"
PAIRS = [("1", "2"), ("1", "3"), ("4", "2"), ("4", "3")]
PEAK = np.array([400.0, 800.0, 600.0, 200.0])
ROADS = {
    "default": read_road_network(FOLDER),
    "congested": read_road_network(FOLDER, "capacity_congested_vph"),
}
ROADS["roomier"] = replace(ROADS["congested"], capacity_vph=2.5 * ROADS["congested"].capacity_vph)
THETAS = (0.1, 0.5, 1.0, 2.0, 5.0)
SCALES = (0.5, 1.0, 2.0)


def plain(roads, theta, scale=1.0):
    network = ROADS[roads]
    paths = all_simple_paths(network, PAIRS, {"all": False})
    return SueProblem(network=network, paths=paths, demand_vph=scale * PEAK, theta_per_min=theta)


def mixed(roads, theta, charging_vph, scale=1.0, knee=0.9):
    """Two classes; `charging_vph` vehicles meet three stations of 60 veh/h each, the others drive on."""
    stations = [
        Station(name=f"S{n}", node=n, bus=n, free_flow_min=30.0, capacity_vph=60.0, law=DavidsonSettings(knee=knee))
        for n in ("8", "11", "13")
    ]
    network = ROADS[roads].with_stations(stations)
    paths = all_simple_paths(network, PAIRS, {"other": False, "charging": True})
    share = charging_vph / PEAK.sum()
    demand = np.concatenate([scale * PEAK * (1 - 48.0 / PEAK.sum()), share * PEAK])
    return SueProblem(network=network, paths=paths, demand_vph=demand, theta_per_min=theta)


def cost_and_slope(network, link, flow):
    """BPR, or Davidson with its tangent beyond the knee."""
    t0, cap = mp.mpf(network.free_flow_min[link]), mp.mpf(network.capacity_vph[link])
    if network.law[link] == "bpr":
        alpha, beta = mp.mpf(network.alpha[link]), mp.mpf(network.beta[link])
        return t0 * (1 + alpha * (flow / cap) ** beta), t0 * alpha * beta * (flow / cap) ** (beta - 1) / cap
    shape, knee = mp.mpf(network.setting("j")[link]), mp.mpf(network.setting("knee")[link]) * cap
    bent = min(flow, knee)
    slope = t0 * shape * cap / (cap - bent) ** 2
    return t0 * (1 + shape * bent / (cap - bent)) + slope * (flow - bent), slope


def exact_link_flow(problem):
    """Newton on (Delta'D Delta + diag(1 / theta f), -E'; E, 0), from an equal split, until |df/f| < 1e-30."""
    theta, commodity = mp.mpf(problem.theta_per_min), problem.paths.commodity
    delta = problem.paths.incidence.astype(int)
    links = [np.flatnonzero(column) for column in delta.T]
    n, m = len(links), len(problem.demand_vph)
    counts = np.bincount(commodity)
    flow = [mp.mpf(problem.demand_vph[w]) / int(counts[w]) for w in commodity]
    for _ in range(60):
        total = [mp.fsum(flow[k] for k in np.flatnonzero(row)) for row in delta]
        pairs = [cost_and_slope(problem.network, a, v) for a, v in enumerate(total)]
        matrix, right = mp.zeros(n + m, n + m), mp.zeros(n + m, 1)
        for k, w in enumerate(commodity):
            for other in range(n):
                matrix[k, other] = mp.fsum(pairs[a][1] for a in np.intersect1d(links[k], links[other]))
            matrix[k, k] += 1 / (theta * flow[k])
            matrix[k, n + int(w)], matrix[n + int(w), k] = -1, 1
            right[k] = -mp.fsum(pairs[a][0] for a in links[k]) - (mp.log(flow[k]) + 1) / theta
        change = mp.lu_solve(matrix, right)[:n]
        step = min([mp.mpf(1)] + [mp.mpf("0.95") * -f / d for f, d in zip(flow, change, strict=True) if d < 0])
        flow = [f + step * d for f, d in zip(flow, change, strict=True)]
        if max(abs(d / f) for f, d in zip(flow, change, strict=True)) < mp.mpf(10) ** -30:
            return np.array([float(mp.fsum(flow[k] for k in np.flatnonzero(row))) for row in delta])
    sys.exit("the 40-digit reference did not converge")


def exactness():
    print("G1  largest relative error on link flows against 40 digits (goal 1e-9)")
    worst = 0.0
    for roads, theta in product(("default", "congested"), (0.1, 0.5, 1.0)):
        cases = (plain(roads, theta), mixed(roads, theta, 48.0), mixed(roads, theta, 640.0))
        errors = []
        for problem in cases:
            with mp.workdps(40):
                reference = exact_link_flow(problem)
            result = solve(problem, tolerance=1e-11)
            errors.append(float(np.abs(result.link_flow_vph / reference - 1).max()))
        worst = max(worst, *errors)
        print(f"    {roads:<10} theta {theta:3g}: one class {errors[0]:.0e}, two classes {errors[1]:.0e}, "
              f"overloaded stations {errors[2]:.0e}")  # fmt: skip
    print(f"    worst {worst:.1e}: {'met' if worst <= 1e-9 else 'NOT met'}")


def robustness():
    """Rows: theta; cells: iterations at 0.5, 1, 2 times the demand."""
    columns = {
        "default": lambda theta, scale: plain("default", theta, scale),
        "congested": lambda theta, scale: plain("congested", theta, scale),
        "congested, caps x2.5": lambda theta, scale: plain("roomier", theta, scale),
        "congested, q x2.5": lambda theta, scale: plain("congested", theta, 2.5 * scale),
        "stations 160/320/640": lambda theta, scale: mixed("default", theta, 320.0 * scale, scale),
        "the same, knee 0.95": lambda theta, scale: mixed("default", theta, 320.0 * scale, scale, 0.95),
    }
    print("\nG2  Newton iterations to R <= 1e-8 at demand x0.5/x1/x2 (goal 40; 80 where stations are overloaded);")
    print(
        "    an R marks an end above that. The goal has the first three columns; the fourth goes beyond it, to times of"
    )
    print("    26,000 min, where rounding the perceived costs once moves R by 1e-7 to 5e-6.")
    print("    theta  " + "  ".join(f"{name:>20}" for name in columns))
    most = dict.fromkeys(columns, 0)
    for theta in THETAS:
        cells = []
        for name, make in columns.items():
            results = [solve(make(theta, scale)) for scale in SCALES]
            most[name] = max(most[name], *(r.iterations for r in results))
            cells.append("/".join(f"{r.iterations}{'' if r.converged else f' R {r.residual:.0e}'}" for r in results))
        print(f"    {theta:5g}  " + "  ".join(f"{cell:>20}" for cell in cells))
    print("    most   " + "  ".join(f"{count:>20}" for count in most.values()))


def milliseconds(action, runs):
    spent = []
    for _ in range(runs):
        begin = time.process_time()
        action()
        spent.append(time.process_time() - begin)
    return 1e3 * min(spent)


def seconds():
    day = build_case(load("nguyen_ieee33")).roads
    print("\nG3  CPU ms to R <= 1e-8 (goal 5 for one solve, 100 for a day of 24)")
    for theta in (0.1, 0.5, 1.0, 5.0):
        one, two = plain("default", theta), mixed("default", theta, 48.0)
        problem = replace(day.problem, theta_per_min=theta)
        times = [milliseconds(lambda p=p: solve(p), 20) for p in (one, two)]
        times += [milliseconds(lambda w=w, p=problem: solve_day(p, day.demand_vph, warm=w), 3) for w in (True, False)]
        print(f"    theta {theta:3g}: one class {times[0]:5.1f}, two classes {times[1]:5.1f}, "
              f"default day {times[2]:4.0f} warm, {times[3]:4.0f} cold")  # fmt: skip


def side_by_side():
    print("\nLoads to R <= 1e-4 | to R <= 1e-8, one class, default capacities, x1, cold")
    names = ("newton", "mirror_bb", "sra", "msa")
    print("    theta  " + "  ".join(f"{name:>12}" for name in names))
    for theta in THETAS:
        cells = []
        for name in names:
            rough = solve(plain("default", theta), name, 1e-4, **({"limit": 30_000} if name == "msa" else {}))
            fine = "-" if name == "msa" else str(solve(plain("default", theta), name).loads)
            cells.append(f"{rough.loads}{'' if rough.converged else ' ' + rough.status} | {fine}")
        print(f"    {theta:5g}  " + "  ".join(f"{cell:>12}" for cell in cells))
    print("    (msa to 1e-6: own_msa.py)")


if __name__ == "__main__":
    exactness()
    robustness()
    seconds()
    side_by_side()
