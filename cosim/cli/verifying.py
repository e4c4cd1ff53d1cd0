"""`cosim verify`: the trust ledger by period, the run as a whole, audit and stress, the exit code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from cosim.cli import document
from cosim.cli.running import progress_of
from cosim.cli.terminal import colour, console, grid, print_verdict

if TYPE_CHECKING:
    from cosim.validation.audit import AuditItem
    from cosim.validation.ledger_entry import LedgerEntry
    from cosim.validation.stress import Stress
    from cosim.workflows.verify_tables import RunLedger, Verification

_WORDS = {
    "hindsight": "the day solved at once with what really came",
    "day-ahead": "the one solve of the day",
    "block by block": "the solves of the blocks, each from what was stored before it",
    "period by period": "bounds of single periods, given the states they began with",
}


MOST_PERIODS, MOST_FLAGGED, MOST_GAPS = 96, 24, 12
"""Periods that are printed one by one; of a longer run, so many that are flagged, and so many with the largest gaps."""


def verify_command(
    source: str, draws: int, seed: int | None, out: Path | None, overrides: Sequence[str], *, progress: str
) -> int:
    """Verify and print; return the exit code."""
    from cosim.workflows.verify import verify

    screen = console()
    show, done = progress_of(progress, screen, source, overrides)
    try:
        found = verify(source, stress_draws=draws, seed=seed, overrides=overrides, out=out, progress=show)
    finally:
        done()
    _print(screen, found)
    if document.wanted():
        from cosim.workflows.found import found_verify

        document.tell(found_verify(found))
    return found.exit_code


def _print(screen: Console, found: Verification) -> None:
    screen.print("\n[bold]Trust ledger[/bold]  AC power flow of the stored setpoints")
    if found.whole.equilibrium:
        screen.print(f"  {escape(found.whole.equilibrium)}", soft_wrap=True)
    chosen = told_periods(found.ledger.entries)
    screen.print(grid(_ledger_rows(chosen)))
    if len(chosen) < (count := len(found.ledger.entries)):
        some = f"  {len(chosen)} of {count:,} periods: the first that are flagged, and the largest gaps"
        screen.print(f"{some}; all are in tables/ledger", soft_wrap=True)
    for entry in chosen:
        for told in _flags(entry):
            screen.print(f"[yellow]flagged[/yellow] period {entry.period}: {escape(told)}", soft_wrap=True)
    _print_whole(screen, found.whole)
    _print_audit(screen, found.audit)
    if found.stress is not None:
        _print_stress(screen, found.stress)
    tone = colour(found.exit_code)
    verdict = found.whole.status if found.whole.audit_closes else f"{found.whole.status}; the audit does not close"
    screen.print(f"\n[{tone}]exit {found.exit_code}[/{tone}]: {verdict}")
    screen.print(f"tables   {escape(str(found.result.folder / 'tables'))}: ledger, ledger_run, ac_prices, audit"
                 + (", stress" if found.stress else ""), soft_wrap=True)  # fmt: skip
    print_verdict(screen, found.result)


def told_periods(entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Return the periods that are printed, in order: all of four days of hours, of more some.

    These are the first `MOST_FLAGGED` whose verdict is no 0, and the `MOST_GAPS` with the largest gap, NaN first.
    """
    if len(entries) <= MOST_PERIODS:
        return list(entries)
    from cosim.validation.gate import exit_code

    flagged = [one for one in entries if exit_code([one.status]) != 0][:MOST_FLAGGED]
    by_gap = sorted(entries, key=lambda one: -one.gap_rel if math.isfinite(one.gap_rel) else -math.inf)[:MOST_GAPS]
    return sorted({one.period: one for one in (*flagged, *by_gap)}.values(), key=lambda one: one.period)


def _ledger_rows(entries: Sequence[LedgerEntry]) -> list[tuple[str, ...]]:
    header = (
        "  period", "AC cost", "gap", "cone gap pu²", "ΔV pu", "ΔI A", "Δloss kW", "Δimport kW", "congestion /MWh",
        "exactness", "verdict",
    )  # fmt: skip
    return [
        header,
        *(
            (
                f"  {one.period}", _money(one.ac_cost), _small(one.gap_rel), _small(one.cone_gap_pu2),
                _small(one.dv_pu), _small(one.di_a), _small(one.dloss_kw), _small(one.dslack_kw),
                _place(one.congestion_per_mwh, one.congestion_bus), one.exactness, one.status,
            )
            for one in entries
        ),
    ]  # fmt: skip


def _flags(entry: LedgerEntry) -> list[str]:
    """Return what is wrong with a period, in words."""
    told = []
    if entry.restoration:
        told.append(
            f"the relaxation had a cone gap of {entry.relaxed_gap_pu2:.3g} pu²; repaired by {entry.restoration}"
        )
    elif entry.exactness == "not tight":
        told.append(
            f"cone gap {entry.cone_gap_pu2:.3g} pu² at line {entry.cone_gap_line} invents "
            f"{entry.fictitious_loss_kw:.1f} kW of losses in all lines"
        )
    if entry.price_objection:
        told.append(f"no nodal prices: {entry.price_objection}")
    if entry.violations:
        told.append(f"{entry.violations} AC limits broken, worst: {entry.worst_violation}")
    if entry.ev_curtailed_mw > 0.0 and "optimal_with_ev_curtailment" in entry.flags:
        told.append(f"{entry.ev_curtailed_mw:.4g} MW of charging not served")
    if entry.shed_mw > 0.0 and "optimal_with_shed" in entry.flags:
        told.append(f"{entry.shed_mw:.4g} MW of load not served")
    if "requirement_relaxed" in entry.flags:
        told.append(f"a device's own requirement is missed by {entry.requirement_missed:.4g} (MWh, or MW not taken)")
    if entry.flags and not told:
        told.append(", ".join(entry.flags))
    return told


def _print_whole(screen: Console, whole: RunLedger) -> None:
    upper = f"{whole.gap_rel:.2e}" if math.isfinite(whole.gap_rel) else "none: an AC limit is broken or a bound missing"
    rows = [
        ("  lower bound", _money(whole.lower_bound), f"{whole.bound_kind}: {_WORDS[whole.bound_kind]}"),
        ("  AC cost", _money(whole.ac_cost), "import and losses of the AC flow"),
        ("  gap", upper, "(AC cost - bound) / |bound|"),
        ("  exactness", whole.exactness, "worst of all periods"),
    ]
    if whole.local_optimum_said:
        rows.insert(3, ("  local optimum", _money(whole.local_optimum), whole.local_optimum_said))
        rows.insert(4, ("  gap to it", _small(whole.local_gap_rel), "(AC cost - local optimum) / |local optimum|"))
    screen.print("\n[bold]Run[/bold]")
    screen.print(grid(rows))


def _print_audit(screen: Console, items: Sequence[AuditItem]) -> None:
    screen.print("\n[bold]Audit[/bold]  energy in MWh, money in the scenario's currency")
    rows = [
        (
            f"  {one.item}", f"{one.left_name} {one.left:,.6g}", f"{one.right_name} {one.right:,.6g}",
            f"{one.relative:.1e}", "closes" if one.closes else f"OPEN, worst in period {one.worst_period}",
        )
        for one in items
    ]  # fmt: skip
    screen.print(grid(rows))


def _print_stress(screen: Console, tested: Stress) -> None:
    worst = tested.worst
    screen.print(f"\n[bold]Stress[/bold]  AC-robust {100.0 * tested.share_inside:.1f} %"
                 f"  ({len(tested.draws)} draws, seed {tested.seed})")  # fmt: skip
    if not worst.converged:
        screen.print(f"  draw {worst.draw} (period {worst.period}) has no AC state")
        return
    side = f"{worst.excess_pu:.4f} pu beyond its limit" if worst.excess_pu > 0.0 else "inside, nearest to its limit"
    screen.print(f"  worst: bus {escape(worst.bus)} in period {worst.period}, draw {worst.draw}, {side}")
    if tested.bus_most_often_outside:
        screen.print(f"  bus most often outside: {escape(tested.bus_most_often_outside)}")


def _money(value: float) -> str:
    return f"{value:,.2f}" if math.isfinite(value) else "none"


def _small(value: float) -> str:
    return f"{value:.1e}" if math.isfinite(value) else "none"


def _place(value: float, where: str) -> str:
    return f"{value:+.3g} at {where}" if math.isfinite(value) else "none"
