"""`cosim assign`: a logit equilibrium of a network from files, and the way to the user equilibrium."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from cosim.cli import document
from cosim.cli.terminal import colour, console, grid
from cosim.errors import InputError, Problem

if TYPE_CHECKING:
    from cosim.traffic.problem import SueProblem, SueResult
    from cosim.traffic.user_equilibrium import UeStage
    from cosim.workflows.assign import Assignment

NOT_CONVERGED = 6


def assign_command(
    network: Path,
    trips: Path | None,
    how: Mapping[str, Any],
    options: Mapping[str, Any],
    trip_options: Mapping[str, Any],
) -> int:
    """Print the summary of one equilibrium, or of each on the way to the user equilibrium.

    Parameters
    ----------
    network, trips
        What to read.
    how
        theta, method, routes (None: the usual), tolerance, iterations, scale, to_ue, gap, theta_end, out.
    options, trip_options
        For the readers of the network and of the trips.

    Returns
    -------
    int
        6 if anything did not converge, or the user equilibrium asked for was not reached.
    """
    from cosim.workflows.assign import FREE_FLOW_PATHS, read_problem

    routes = how["routes"] or (f"k={FREE_FLOW_PATHS}" if how["to_ue"] else "dag")
    problem = read_problem(
        network,
        trips,
        theta_per_min=how["theta"],
        routes=routes,
        scale=how["scale"],
        options=options,
        trip_options=trip_options,
    )
    if how["to_ue"]:
        return _follow(problem, how)
    return _solve(problem, how)


def _solve(problem: SueProblem, how: Mapping[str, Any]) -> int:
    from cosim.workflows.assign import solve_problem

    found = solve_problem(problem, method=how["method"], tolerance=how["tolerance"], limit=how["iterations"])
    screen = console()
    for remark in found.remarks:
        screen.print(f"[yellow]warning[/yellow] {escape(remark)}", soft_wrap=True)
    screen.print(grid(_summary(found)))
    _write(how["out"], problem, found.result)
    _tell(found, [], how["out"])
    return _verdict([found.result.status], "stochastic user equilibrium")


def _follow(problem: SueProblem, how: Mapping[str, Any]) -> int:
    from cosim.workflows.assign import Assignment, follow_to_ue

    gap = how["gap"]
    if not 0.0 < gap < 1.0:
        raise InputError(Problem(field="gap", reason=f"{gap} must be between 0 and 1"))
    screen = console()
    for remark in problem.network.remarks:
        screen.print(f"[yellow]warning[/yellow] {escape(remark)}", soft_wrap=True)
    screen.print("   theta    Beckmann [veh min/h]  relative gap         R  iterations    paths  status", markup=False)
    stages = []
    for stage in follow_to_ue(problem, tolerance=how["tolerance"], theta_end_per_min=how["theta_end"]):
        result = stage.result
        screen.print(
            f"{result.theta_per_min:8g}  {stage.beckmann:22.10g}  {stage.relative_gap:12.3e}  {result.residual:8.1e}"
            f"  {stage.iterations:10d}  {len(stage.problem.paths):7d}  {result.status}"
        )
        stages.append(stage)
    last = stages[-1]
    _write(how["out"], last.problem, last.result)
    _tell(Assignment(problem=last.problem, result=last.result, remarks=problem.network.remarks), stages, how["out"])
    told = f"relative gap {last.relative_gap:.3e}, asked for {gap:g}"
    if last.result.converged and not last.reaches(gap):
        return _told(NOT_CONVERGED, f"no user equilibrium: {told}; raise --theta-end, or ask for less with --gap")
    statuses = [stage.result.status for stage in stages]
    return _verdict(statuses, f"every stage is a stochastic user equilibrium, the last a user equilibrium ({told})")


def _write(out: Path | None, problem: SueProblem, result: SueResult) -> None:
    if out is not None:
        from cosim.workflows.assign import write_flows

        write_flows(out, problem, result)
        console().print(f"flows  {escape(str(out))}", soft_wrap=True)


def _tell(found: Assignment, stages: Sequence[UeStage], out: Path | None) -> None:
    if document.wanted():
        from cosim.workflows.found import found_assign

        document.tell(found_assign(found, stages, None if out is None else str(out)))


def _summary(found: Assignment) -> list[tuple[str, ...]]:
    problem, result = found.problem, found.result
    link, ratio = found.busiest
    return [
        ("links", f"{len(problem.network.link_ids):,}", ""),
        ("pairs with demand", f"{int((problem.demand_vph > 0).sum()):,}", ""),
        ("demand", f"{float(problem.demand_vph.sum()):,.1f}", "veh/h"),
        ("route model", result.path_model, ""),
        ("theta", f"{result.theta_per_min:g}", "1/min"),
        ("method", result.method, ""),
        ("residual R", f"{result.residual:.2e}", ""),
        ("residual of routes", f"{result.residual_path:.2e}", ""),
        ("duality gap", f"{result.gap:.2e}", "veh min/h"),
        ("iterations", f"{result.iterations}", ""),
        ("loads", f"{result.loads}", ""),
        ("total time", f"{found.total_time_h:,.2f}", "veh h/h"),
        ("max flow/capacity", f"{ratio:.3f}", link),
        ("status", result.status, ""),
    ]


def _verdict(statuses: Sequence[str], good: str) -> int:
    bad = [status for status in statuses if status != "converged"]
    return _told(NOT_CONVERGED, f"no equilibrium: {bad[0]}") if bad else _told(0, good)


def _told(code: int, text: str) -> int:
    console().print(f"[{colour(code)}]exit {code}[/{colour(code)}]: {text}", soft_wrap=True)
    return code
