"""Our driver of SUMO against the bare binary on the same files; a peak hour; several windows on several cores.

    python benchmarks/microsim.py [--scenario nguyen_micro] [--factor 2.2] [--scale 1.0] [--jobs 2]

``bare`` runs SUMO without TraCI on the files of a window (without stations, whose queues need a driver), ``driver``
runs the same by us with a coupling of 60 s. ``stations`` is the whole window, where our queues step once a second.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from cosim.microsim.installation import sumo_binary, sumo_environment
from cosim.microsim.measurements import write_measured
from cosim.microsim.model import WindowInput
from cosim.microsim.simulation import LOTS, MEASURED, ROUTES
from cosim.microsim.vehicles import write_lots, write_routes
from cosim.microsim.windows import run_window, run_windows
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.simulators.sumo import Simulator


def cpu_s() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def measured(work, *arguments, **named):
    wall, cpu = time.perf_counter(), cpu_s()
    result = work(*arguments, **named)
    return result, time.perf_counter() - wall, cpu_s() - cpu


def without_stations(given: WindowInput) -> WindowInput:
    """Let charging vehicles drive on along the spur: the same routes, no stops."""
    routes = tuple(replace(route, lot_id="") for route in given.demand.routes)
    return replace(given, demand=replace(given.demand, routes=routes), stations=(), p_set_mw=np.zeros(0))


def bare(given: WindowInput) -> None:
    end_s = given.warmup_s + given.measured_s
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_routes(given.demand, folder / ROUTES)
        write_lots(given.net, folder / LOTS)
        write_measured(folder / MEASURED, window_s=(given.warmup_s, end_s), slice_s=0.0)
        command = [str(sumo_binary()), "-n", str(given.net.net_file), "-r", ROUTES, "-a", f"{LOTS},{MEASURED}"]
        command += ["--begin", "0", "--end", f"{end_s:g}", "--step-length", f"{given.step_s:g}"]
        command += ["--seed", str(given.seed), "--no-step-log", "--statistic-output", "statistics.xml"]
        command += ["--duration-log.statistics", "--tripinfo-output", "trips.xml", "--tripinfo-output.write-unfinished"]
        subprocess.run(command, cwd=folder, env=sumo_environment(os.environ), check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenario", default="nguyen_micro")
    parser.add_argument("--factor", type=float, default=1.0, help="of the demand in the scenario's busiest period")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()

    case = build_case(load(options.scenario, (f"microsim.length_scale={options.scale}",)))
    period = int(np.argmax(case.roads.demand_vph.sum(axis=1)))
    flows = options.factor * case.response().solve(period, None).path_flow_vph
    simulator = Simulator()
    simulator.init("Sumo-0", case=case)
    simulator.position = period
    try:
        given = simulator.window(flows, np.full(len(simulator.stations), np.inf), case.seed)
        print(f"{options.scenario}, period {period + 1}, {len(given.demand)} vehicles, length scale {options.scale:g}")
        print(f"warm-up {given.warmup_s / 60:g} min, measured {given.measured_s / 60:g} min, step {given.step_s:g} s")
        plain = without_stations(given)
        pairs = [(measured(bare, plain)[1:], measured(run_window, plain)[1:]) for _ in range(options.repeats)]
        for name, place in (("wall", 0), ("CPU", 1)):
            alone, ours = (min(pair[k][place] for pair in pairs) for k in (0, 1))
            print(f"{name:<5} bare {alone:6.2f} s  driver {ours:6.2f} s  ratio {ours / alone:.3f}")
        result, wall, cpu = measured(run_window, given)
        quality = result.quality
        print(f"stations: wall {wall:.2f} s, CPU {cpu:.2f} s (limit 120 s for the peak hour at full scale)")
        print(f"  teleports {quality.teleports}, collisions {quality.collisions}, sessions {len(result.sessions)}")
        seeds = [simulator.window(flows, given.p_set_mw, case.seed + k) for k in range(options.jobs)]
        _, one, _ = measured(run_windows, seeds, jobs=1)
        _, all_at_once, cpu = measured(run_windows, seeds, jobs=options.jobs)
        cores = cpu / all_at_once
        times = f"one by one {one:.2f} s, {options.jobs} at a time {all_at_once:.2f} s"
        print(f"{len(seeds)} windows: {times}; {cores:.2f} cores busy")
    finally:
        simulator.finalize()


if __name__ == "__main__":
    main()
