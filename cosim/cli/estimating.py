"""`cosim estimate-od`: trips with errors, fitted against observed flows, the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from cosim.cli.terminal import colour, console, grid

if TYPE_CHECKING:
    from cosim.traffic.estimation import OdEstimate, ThetaProfile

SHOWN_LINKS = 40


def estimate_command(source: str, counts: Path, **settings: Any) -> int:  # noqa: ANN401 - as the workflow takes them
    """Estimate and print; return the exit code."""
    from cosim.workflows.estimate import estimate

    found = estimate(source, counts, **settings)
    screen = console()
    for remark in found.remarks:
        screen.print(f"[yellow]remark[/yellow] {escape(remark)}", soft_wrap=True)
    _print_trips(screen, found.estimate)
    _print_links(screen, found.estimate)
    if found.profile is not None:
        _print_profile(screen, found.profile)
    _print_verdict(screen, found.estimate, found.exit_code)
    if settings.get("out") is not None:
        told = f"trips    {found.written}" if found.written else "trips are not written: the estimate did not converge"
        screen.print(escape(told), soft_wrap=True)
    return found.exit_code


def _print_trips(screen: Console, found: OdEstimate) -> None:
    screen.print("[bold]Trips[/bold]")
    rows: list[tuple[str, ...]] = [("  origin", "destination", "trips_vph", "sandwich", "naive", "bound")]
    columns = (found.trips_vph, found.sandwich_error_vph, found.naive_error_vph, 100.0 * found.bound)
    for (origin, destination), trips, sandwich, naive, bound in zip(found.od_pairs, *columns, strict=True):
        errors = (f"+-{sandwich:.2f}", f"+-{naive:.2f}", f"{bound:.1f} %")
        rows.append((f"  {origin}", destination, f"{trips:.2f}", *errors))
    screen.print(grid(rows))
    theta = f"theta {found.theta_per_min:.5g} 1/min"
    screen.print(theta + (f" +- {found.theta_error_per_min:.2g}" if found.theta_error_per_min else ""))


def _print_links(screen: Console, found: OdEstimate) -> None:
    """Print the links with the largest misses, in units of the counts' own scatter."""
    scatter = np.sqrt(np.maximum(found.fitted_vph, 1.0))
    miss = (found.observed_vph - found.fitted_vph) / scatter
    order = np.argsort(-np.abs(miss), kind="stable")[:SHOWN_LINKS]
    screen.print("\n[bold]Links[/bold], largest misses first")
    rows: list[tuple[str, ...]] = [("  link", "observed_vph", "fitted_vph", "miss/sqrt(flow)")]
    for position in order.tolist():
        seen, fitted = found.observed_vph[position], found.fitted_vph[position]
        rows.append((f"  {found.link_ids[position]}", f"{seen:.1f}", f"{fitted:.1f}", f"{miss[position]:+.2f}"))
    screen.print(grid(rows))
    if len(found.link_ids) > len(order):
        screen.print(f"  and {len(found.link_ids) - len(order)} more")


def _print_profile(screen: Console, profile: ThetaProfile) -> None:
    screen.print("\n[bold]Profile of theta[/bold]")
    rows: list[tuple[str, ...]] = [("  theta_per_min", "deviance", "trips_vph", "status")]
    for position, theta in enumerate(profile.theta_per_min.tolist()):
        trips = profile.trips_vph[position]
        text = " ".join(f"{one:.1f}" for one in trips[:8]) + (" ..." if len(trips) > 8 else "")  # noqa: PLR2004
        mark = "  <- smallest" if theta == profile.best_theta_per_min else ""
        rows.append((f"  {theta:.5g}", f"{profile.deviance[position]:.4f}", text, profile.status[position] + mark))
    screen.print(grid(rows))


def _print_verdict(screen: Console, found: OdEstimate, exit_code: int) -> None:
    rest = found.equilibrium
    screen.print(
        f"\n{found.likelihood}: {found.iterations} iterations, deviance {found.deviance:.4g}, "
        f"Fisher condition {found.condition:.3g}; assignment {rest.path_model}: R {rest.residual:.1e}, "
        f"gap {rest.gap:.1e} veh min/h, {rest.status}",
        soft_wrap=True,
    )
    screen.print(f"[{colour(exit_code)}]exit {exit_code}[/{colour(exit_code)}]: {found.status}")
