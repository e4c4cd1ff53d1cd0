"""`cosim validate`: the equilibrium against SUMO and beside a null model, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cosim.cli import document
from cosim.cli.running import progress_of
from cosim.cli.terminal import colour, console, grid, print_verdict
from cosim.errors import UsageError
from cosim.tables import is_count

if TYPE_CHECKING:
    from cosim.validation.jam import Jam
    from cosim.validation.metrics import Estimate
    from cosim.validation.micro_verdict import Finding
    from cosim.workflows.micro_equilibrium import MicroEquilibrium
    from cosim.workflows.micro_found import PeriodValidation, Validation
    from cosim.workflows.micro_ramp import Ramp

_GROUPS = {
    "quality": "Quality of the runs (worst seed)",
    "flow": "Flows (easy: the routes are fixed)",
    "time": "Travel times",
    "choice": "Route choice (the telling test)",
    "station": "Stations",
}
_SHOWN = 5
_TONES = {
    "passed": "green",
    "failed": "red",
    "not_comparable_capacity": "yellow",
    "not_comparable_jam": "yellow",
    "not_telling": "dim",
    "shown": "dim",
}


def validate_command(
    source: str,
    periods: str | None,
    how: Mapping[str, Any],
    seed: int | None,
    out: Path | None,
    overrides: Sequence[str],
    *,
    progress: str,
) -> int:
    """Validate and print; return the exit code."""
    from cosim.workflows.validate import ValidateOptions, validate

    options = ValidateOptions(periods=_numbers(periods), **how)
    screen = console()
    show, done = progress_of(progress, screen, source, overrides)
    tell = None if progress == "off" else lambda line: screen.print(f"[dim]{escape(line)}[/dim]", soft_wrap=True)
    try:
        found = validate(source, options, overrides=overrides, seed=seed, out=out, progress=show, tell=tell)
    finally:
        done()
    _print(screen, found)
    if document.wanted():
        from cosim.workflows.found import found_validate

        document.tell(found_validate(found))
    return found.exit_code


def _numbers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if not all(is_count(word) for word in words):
        raise UsageError(f"--periods {text!r} must be numbers of periods with commas between them, such as 8,18")
    return tuple(int(word) for word in words)


def _print(screen: Console, found: Validation) -> None:
    for one in found.periods:
        screen.print(_period_table(found, one))
        if found.study.roads.stations:
            screen.print(_station_table(found, one))
    if found.ramp is not None:
        _print_ramp(screen, found.ramp)
    if found.equilibrium is not None:
        _print_equilibrium(screen, found.equilibrium)
    _print_verdict(screen, found)


def _period_table(found: Validation, one: PeriodValidation) -> Table:
    seeds = len(one.sue.seen)
    title = f"Period {one.period}  {one.problem.demand_vph.sum():,.0f} veh/h, largest v/c {one.most_use:.2f}, "
    net = f"{found.study.engine.variant} net at scale {found.study.settings.length_scale:g}"
    title += f"{seeds} seed{'s' if seeds > 1 else ''}, {net}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name, side in (("", "left"), ("SUE", "right"), ("95 % interval", "right"), ("null model", "right"),
                       ("limit", "right"), ("verdict", "left")):  # fmt: skip
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for group, heading in _GROUPS.items():
        own = [finding for finding in one.findings if finding.statistic.group == group]
        if own:
            table.add_row(f"[bold]{heading}[/bold]")
        for finding in own:
            table.add_row(*_row(finding, one.null.estimates.get(finding.name)))
    return table


def _row(finding: Finding, null: Estimate | None) -> tuple[str, ...]:
    name, value, statistic = finding.name, finding.estimate, finding.statistic
    shown = value.most if statistic.every_seed and not statistic.at_least else value.mean
    interval = (
        ""
        if math.isnan(value.low) or statistic.every_seed
        else f"{_number(name, value.low)} to {_number(name, value.high)}"
    )
    limit = "" if math.isnan(finding.limit) else ("≥ " if statistic.at_least else "≤ ") + _number(name, finding.limit)
    word = finding.word.replace("_", " ")
    if finding.word in ("passed", "failed") and not finding.sure:
        word += ", not certain"
    tone = _TONES[finding.word]
    return (
        f"  {statistic.meaning}", _number(name, shown), interval, "" if null is None else _number(name, null.mean),
        limit, "" if finding.word == "shown" else f"[{tone}]{word}[/{tone}]",
    )  # fmt: skip


def _number(name: str, value: float) -> str:
    from cosim.validation.micro_verdict import SHARES

    if math.isnan(value):
        return "–"
    return f"{100.0 * value:.3g} %" if name in SHARES else f"{value:.3g}"


def _station_table(found: Validation, one: PeriodValidation) -> Table:
    from cosim.workflows.micro_tables import station_rows

    header = (
        "  station", "arrivals/h", "SUMO arrivals/h", "use", "wait min (its law)", "SUMO wait", "Davidson wait",
        "Erlang wait", "MWh", "SUMO MWh", "",
    )  # fmt: skip
    rows = [header]
    for row in station_rows(found, one):
        if row["model"] == "null":
            continue
        rows.append(
            (
                f"  {row['station']}", f"{row['arrivals_vph']:.1f}", f"{row['arrivals_sumo_vph']:.1f}",
                f"{row['use']:.2f}", f"{row['wait_min']:.2f}", f"{row['wait_sumo_min']:.2f}",
                f"{row['wait_davidson_min']:.2f}", f"{row['wait_erlang_min']:.2f}", f"{row['energy_mwh']:.3f}",
                f"{row['energy_sumo_mwh']:.3f}", "beyond the laws: use above 1" if row["beyond_laws"] else "",
            )
        )  # fmt: skip
    return grid(rows)


def _print_ramp(screen: Console, ramp: Ramp) -> None:
    span = f"demand x{min(ramp.factors):g} to x{max(ramp.factors):g} and back"
    text = f"15-min slices, {span}, {ramp.seeds} seeds; the tolerance is where a further seed could be"
    screen.print(f"\n[bold]Ramp[/bold]  {text}", soft_wrap=True)
    rows = [
        ("  flows inside the tolerance", _percent(ramp.flow.share_inside), f"GEH < 5: {_percent(ramp.geh_share)}"),
        ("  times inside the tolerance", _percent(ramp.time.share_inside), ""),
    ]
    if ramp.queue.size:
        rows.append(("  longest queue at the stations", f"{ramp.queue.sum(axis=1).max():.1f} veh", ""))
    screen.print(grid(rows))


def _percent(share: float) -> str:
    return "– (needs two seeds)" if math.isnan(share) else f"{100.0 * share:.1f} %"


def _print_equilibrium(screen: Console, found: MicroEquilibrium) -> None:
    screen.print(
        f"\n[bold]Micro-equilibrium[/bold]  route choice by SUMO's times, from free flow on, period {found.period}"
    )
    rows = [("  round", "would move", "differs from the SUE")]
    rows += [(f"  {one.number}", _percent(one.closure), _percent(one.to_sue)) for one in found.rounds]
    screen.print(grid(rows))
    screen.print(f"  the two equilibria differ by {_percent(found.difference)} of the demand")


def _print_verdict(screen: Console, found: Validation) -> None:
    code = found.exit_code
    for line in _notes(found):
        screen.print(f"[yellow]note[/yellow] {escape(line)}", soft_wrap=True)
    text = "every limit that applies is kept" if code == 0 else "validation_invalid: a limit that applies is broken"
    screen.print(f"\n[{colour(code)}]exit {code}[/{colour(code)}]: {text}")
    screen.print(f"tables   {escape(str(found.result.folder / 'tables'))}: validation_*", soft_wrap=True)
    print_verdict(screen, found.result)
    screen.print(f"report   {escape(str(found.result.folder / 'report.html'))}", soft_wrap=True)


def _notes(found: Validation) -> list[str]:
    """Return what a reader must know of the verdicts."""
    words, nature = [], found.study.engine.nature
    for one in found.periods:
        broken = [finding.statistic.meaning for finding in one.findings if finding.word == "failed"]
        if broken:
            words.append(f"period {one.period}: {'; '.join(broken)}")
        if one.jams:
            words.append(f"period {one.period}: {told_jams(one.jams)}")
        if (
            not nature.basis
            and not nature.needs_law
            and any(finding.word == "not_comparable_capacity" for finding in one.findings)
        ):
            words.append(
                f"period {one.period}: times and route choice are not comparable: the capacities are those of streets "
                "with junctions, a simulated lane carries 1,800 veh/h (docs/microsimulation.md)"
            )
        if any(finding.word == "not_telling" for finding in one.findings):
            words.append(f"period {one.period}: {_why_not_telling(found, one)}")
    if any(len(one.sue.seen) == 1 for one in found.periods):
        words.append("one seed: no interval, so no verdict on a mean is certain; --seeds 5 gives one")
    if nature.remark:
        words.append(nature.remark)
    return words


def told_jams(jams: Sequence[Jam]) -> str:
    """Return which edges fill up, and what follows."""
    shown = ", ".join(
        f"{one.edge} ({100.0 * one.occupancy:.0f} % covered, v/c {one.volume_capacity:.2f})" for one in jams[:_SHOWN]
    )
    more = f" and {len(jams) - _SHOWN} more" if len(jams) > _SHOWN else ""
    return (
        f"SUMO fills up on {shown}{more}, where the model sees room: the equilibrium says nothing of SUMO in that hour"
    )


def _why_not_telling(found: Validation, one: PeriodValidation) -> str:
    """Return why skill is not asked for."""
    closure, least = one.null.estimates["closure"].mean, found.study.case.microsim.thresholds.null_closure
    if math.isnan(closure):
        return "not telling: the null model has no closure; skill is not asked for"
    return (
        f"not telling: the null model's closure {100.0 * closure:.3g} % < {100.0 * least:.3g} %, no congestion that "
        "could be told from none; skill is not asked for"
    )


def calibrate_command(source: str, out: Path, how: Mapping[str, Any], overrides: Sequence[str]) -> int:
    """Fit laws to simulation and print how good they are; return the exit code."""
    from cosim.workflows.calibrate import calibrate
    from cosim.workflows.validate import ValidateOptions

    screen = console()
    found = calibrate(
        source, out, ValidateOptions(**how), overrides=overrides,
        tell=lambda line: screen.print(f"[dim]{escape(line)}[/dim]", soft_wrap=True),
    )  # fmt: skip
    law = found.law
    capacity = f"{law.lane_capacity_vph:g} veh/h per lane" if law.least_lanes else "the capacity of each link"
    screen.print(f"\n[bold]Link law[/bold]  t = k t0 (1 + A (x/c)^B), c = {capacity}")
    screen.print(f"  k {law.time_factor:.4f}   A {law.alpha:.4f}   B {law.beta:.3f}")
    rows = [("  points", "number", "R²", "RMSE of t/t0", "MAPE", "worst")]
    for name, fit in (
        ("fitted on", found.fit),
        ("held out", found.held_fit),
        ("the scenario's own law", found.raw_fit),
    ):
        rows.append(
            (f"  {name}", str(fit.points), f"{fit.r2:.3f}", f"{fit.rmse:.4f}", _percent(fit.mape), _percent(fit.worst))
        )
    screen.print(grid(rows))
    screen.print("\n[bold]Held out[/bold]  equilibria solved with the law, at demands and seeds that the fit never saw")
    rows = [("  share of the busiest demand", "seed", "largest GEH", "MAPE of link times", "worst", "closure")]
    rows += [
        (f"  {one.share:g}", str(one.seed), f"{one.geh_max:.2f}", _percent(one.time_mape), _percent(one.time_worst),
         _percent(one.closure))
        for one in found.held
    ]  # fmt: skip
    screen.print(grid(rows))
    for name, j in found.davidson_j.items():
        fit = found.davidson_fit[name]
        text = f"station {name}: Davidson's J {j:.4f}; worst error of access, service and wait {_percent(fit.worst)}"
        screen.print(f"  {escape(text)}")
    screen.print(f"law      {escape(str(found.law_file))}  (traffic.link_law_file)", soft_wrap=True)
    screen.print(f"report   {escape(str(found.report_file))}", soft_wrap=True)
    return 0
