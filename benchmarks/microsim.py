"""SUMO driven by us: a window with stations against the bare binary, and a coupled day, here and at an earlier commit.

    python benchmarks/microsim.py [window] [day] [--scenario nguyen_ieee33] [--scale 0.25] [--repeats 3]

``window``: processor time of one window with its stations over that of SUMO alone on the same files, where those who
charge stay parked. Bare and driven runs take turns, the smallest of each counts; ``stops`` is how often SUMO waited for
us. ``day``: `nguyen_ieee33_coupled --microsim continuous`, the whole command, per hour that a vehicle drives.
Both in processes of their own, with imports; times mean something as ratios within one run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import pandas as pd
from baseline import HERE, Side, sides

GIVEN_HERE = "engine.given(simulator.claim(flows, caps, case.seed))"
GIVEN_BASE = "window(flows, caps, case.seed)"
WINDOW = """\
import json, os, resource, subprocess, tempfile
from pathlib import Path
import numpy as np
import traci
from cosim.microsim.installation import sumo_binary, sumo_environment
from cosim.microsim.measurements import write_measured
from cosim.microsim.process import SumoProcess
from cosim.microsim.simulation import LOTS, MEASURED, ROUTES
from cosim.microsim.vehicles import write_lots, write_routes
from cosim.microsim.windows import run_window
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.simulators.sumo import Simulator

def cpu_s():
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)

def bare(given):
    end_s = given.warmup_s + given.measured_s
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_routes(given.demand, folder / ROUTES)
        write_lots(given.net, folder / LOTS)
        write_measured(folder / MEASURED, window_s=(given.warmup_s, end_s), slice_s=0.0)
        command = [str(sumo_binary()), "-n", str(given.net.net_file), "-r", ROUTES, "-a", LOTS + "," + MEASURED]
        command += ["--begin", "0", "--end", f"{{end_s:g}}", "--step-length", f"{{given.step_s:g}}"]
        command += ["--seed", str(given.seed), "--no-step-log", "--statistic-output", "statistics.xml"]
        command += ["--duration-log.statistics", "--tripinfo-output", "trips.xml", "--tripinfo-output.write-unfinished"]
        subprocess.run(command, cwd=folder, env=sumo_environment(os.environ), check=True, capture_output=True)

stops, step_to = [], SumoProcess.step_to
SumoProcess.step_to = lambda self, time_s: stops.append(time_s) or step_to(self, time_s)
case = build_case(load("{scenario}", ("microsim.length_scale={scale}",)))
period = int(np.argmax(case.roads.demand_vph.sum(axis=1)))
flows = case.response().solve(period, None).path_flow_vph
simulator = Simulator()
simulator.init("Sumo-0", case=case)
simulator.position = period
caps = np.full(len(simulator.stations), np.inf)
given = simulator.{given}
spent = {{"bare": [], "driven": []}}
for _ in range({repeats}):
    for name, work in (("bare", bare), ("driven", run_window)):
        before = cpu_s()
        result = work(given)
        spent[name].append(cpu_s() - before)
simulator.finalize()
quality = result.quality
print(json.dumps({{
    **{{name: min(times) for name, times in spent.items()}}, "stops": len(stops) / {repeats},
    "vehicles": len(given.demand), "sessions": len(result.sessions), "teleports": quality.teleports,
    "energy_kwh": sum(one.energy_kwh for one in result.sessions),
}}))
"""


def window(side: Side, scenario: str, scale: float, repeats: int) -> float:
    """Print a window's row; return its ratio to bare SUMO."""
    given = GIVEN_BASE if side is not HERE else GIVEN_HERE
    script = WINDOW.format(scenario=scenario, scale=scale, repeats=repeats, given=given)
    told = json.loads(side.run(["-c", script]).said.splitlines()[-1])
    ratio: float = told["driven"] / told["bare"]
    print(
        f"{side.name:>8}: bare {told['bare']:6.2f} s CPU, driven {told['driven']:6.2f} s, ratio {ratio:.3f}; "
        f"{told['stops']:.0f} stops, {told['vehicles']} vehicles, {told['sessions']} sessions of "
        f"{told['energy_kwh']:.6f} kWh, {told['teleports']} teleports"
    )
    return ratio


def day(side: Side, scale: float) -> float:
    """Print a day's row; return its processor time for an hour that a vehicle drives, ms."""
    with tempfile.TemporaryDirectory() as name:
        command = ["-m", "cosim", "run", "nguyen_ieee33_coupled", "--microsim", "continuous", "--no-report"]
        spent = side.run([*command, "--set", f"microsim.length_scale={scale}", "--out", f"{name}/run"])
        links = pd.read_parquet(Path(name) / "run/tables/micro_links.parquet")
        visits = pd.read_parquet(Path(name) / "run/tables/micro_sessions.parquet")
    driven_h = scale * float((links["vehicles"] * links["travel_time_min"].fillna(0.0)).sum()) / 60.0
    each_ms = 1000.0 * spent.cpu_s / driven_h
    print(
        f"{side.name:>8}: {spent.cpu_s:6.1f} s CPU, {spent.wall_s:6.1f} s wall, {driven_h:.0f} vehicle hours, "
        f"{each_ms:.1f} ms each; {len(visits)} visits, {visits['energy_kwh'].sum():.6f} kWh"
    )
    return each_ms


def main() -> None:
    """Print the rows that are asked for, both sides of each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", choices=[[], "window", "day"], metavar="KIND", help="window, day")
    parser.add_argument("--scenario", default="nguyen_ieee33", help="of the window")
    parser.add_argument("--scale", type=float, default=0.25)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with sides() as both:
        if "window" in (asked.kinds or ["window"]):
            print(f"window with stations, {asked.scenario}, busiest period, length scale {asked.scale:g} (goal 1.10)")
            for side in both:
                window(side, asked.scenario, asked.scale, asked.repeats)
        if "day" in (asked.kinds or ["day"]):
            print(f"coupled day in one SUMO, length scale {asked.scale:g} (goals 30 ms, 0.65 of the commit's)")
            found = [day(side, asked.scale) for side in both]
            print(f"ratio {found[-1] / found[0]:.3f}" if len(found) > 1 else "no ratio without the commit")


if __name__ == "__main__":
    main()
