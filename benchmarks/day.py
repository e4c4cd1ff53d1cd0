"""The default day without SUMO, after imports: `sequential` and `iterated`.

    .venv/bin/python benchmarks/day.py

Prints wall and CPU seconds, the share of the cone solver in the dispatch's own time (a ratio within one run, so that it
means something on a busy machine), rounds of the price-flow loop, and the largest residuals of the day.
"""

import time

import cvxpy  # noqa: F401 - imports are not part of the measurement
import mosaik  # noqa: F401
import pandapower  # noqa: F401

from cosim.dispatch.controller import Controller
from cosim.scenario.case import build_case
from cosim.scenario.load import load
from cosim.world import run_world

MODES = {"sequential": "nguyen_ieee33", "iterated": "nguyen_ieee33_coupled"}


class Timed(Controller):
    """A controller that adds up its own time and the solver's."""

    seconds = 0.0
    solver_seconds = 0.0
    solves = 0

    def plan(self, position, ev_mw, proposal=None, states=None):
        start = time.perf_counter()
        plan = super().plan(position, ev_mw, proposal, states)
        if Timed.solves > 0:  # the first solve compiles
            Timed.seconds += time.perf_counter() - start
            Timed.solver_seconds += plan.record.solve_time_s
        Timed.solves += 1
        return plan


def measure(name, scenario):
    import cosim.coupling.dispatch_day as dispatch

    dispatch.Controller = Timed
    Timed.seconds, Timed.solver_seconds, Timed.solves = 0.0, 0.0, 0
    figures = []
    wall, cpu = time.perf_counter(), time.process_time()
    run_world(build_case(load(scenario)), lambda told, _judged: figures.append(told))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rounds = [f.traffic.coupling.coupling_rounds or 1 for f in figures]
    residual = max(f.traffic.coupling.coupling_residual_mw or 0.0 for f in figures)
    print(
        f"{name:>10}: {wall:5.2f} s wall, {cpu:5.2f} s CPU, {Timed.solves} solves, "
        f"dispatch/solver {Timed.seconds / Timed.solver_seconds:.2f}, rounds {min(rounds)}-{max(rounds)}, "
        f"{certified(figures)}price-flow residual <= {residual:.1e} MW, "
        f"R <= {max(f.traffic.sue_residual for f in figures):.1e}, "
        f"cone gap <= {max(f.dispatch.cone_gap_pu2 for f in figures):.1e} pu2, "
        f"AC dV <= {max(f.grid.ac_dv_pu for f in figures):.1e} pu"
    )


def certified(figures):
    """Return how far the flows are from the coupled equilibrium at most, where that is proved."""
    bounds = [f.traffic.coupling.coupling_bound_vph for f in figures if f.traffic.coupling.coupling_objection == ""]
    return f"{len(bounds)} periods certified, to {max(bounds):.1e} veh/h, " if bounds else ""


if __name__ == "__main__":
    for name, scenario in MODES.items():
        measure(name, scenario)
