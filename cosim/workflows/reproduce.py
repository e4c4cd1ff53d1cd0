"""Reproduce the paper: its figures from our own runs, each claim tested, one page and one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cosim.errors import InputError
from cosim.plain import csv_text
from cosim.reports.paper import printed
from cosim.reports.paper.claims import Finding, PaperFigure, Verdict, verdict_of
from cosim.reports.paper.convergence import LITERAL, SHORTENING
from cosim.reports.paper.figures import FIGURES
from cosim.reports.paper.material import COUPLED, SCENARIOS, WITH, Material
from cosim.reports.paper.measures import MEASURES
from cosim.reports.paper.page import Reproduced, write_figure, write_reproduction
from cosim.reports.press.matplot import require_matplotlib
from cosim.results.store import RunStore
from cosim.scenario.case import build_case
from cosim.scenario.load import LoadedScenario, load
from cosim.workflows.paper_days import Dispatched, averaged_day, connections, dispatched_days, run_day, varied_days

BROKEN_PROMISE = 10
"""Exit code where a claim holds less than promised."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What came out.

    Attributes
    ----------
    folder
        Holds ``reproduction.html``, the tables as CSV, ``figures/`` and the run folders ``runs/``.
    findings
        The figures judged, in the paper's order.
    measures
        What each day comes to (`cosim.reports.paper.measures.MEASURES`), by name of the measure, then of the day; empty
        where only some figures were asked for.
    dispatched
        Dispatches of a given charging profile under other assumptions; empty likewise.
    """

    folder: Path
    findings: tuple[Finding, ...]
    measures: Mapping[str, Mapping[str, float]]
    dispatched: tuple[Dispatched, ...]

    @property
    def exit_code(self) -> int:
        """0 if every verdict is at least the promised one."""
        return 0 if all(finding.kept for finding in self.findings) else BROKEN_PROMISE


def reproduce(
    figures: Sequence[int] = (), *, out: str | Path | None = None, for_print: bool = True, tell: Tell | None = None
) -> Reproduction:
    """Reproduce the paper's figures and test its claims.

    Parameters
    ----------
    figures
        Their numbers; all twelve if empty.
    out
        New folder; by default ``runs/reproduction-<UTC time>``.
    for_print
        Whether each figure is also written as PDF and SVG (needs matplotlib).
    tell
        Called with what is being done.

    Raises
    ------
    InputError
        If the paper has no figure of a number; nothing is written then.
    UsageError
        If the folder exists.
    DependencyError
        If figures for print are asked for and matplotlib is not installed; nothing is written then.
    """
    chosen = _chosen(figures)
    if for_print:
        require_matplotlib("; or leave them out with --no-print")
    say = tell or (lambda _: None)
    store = RunStore.create_empty(_folder(out))
    loaded = load(SCENARIOS[WITH])
    whole = len(chosen) == len(FIGURES)
    material = _material(store.folder / "runs", chosen, say, whole=whole)
    varied = _varied(chosen, say)
    found = Reproduction(
        folder=store.folder,
        findings=tuple(
            Finding(figure=one, checks=one.checks(material), varied=varied.get(one.number, {})) for one in chosen
        ),
        measures=_measures(material) if whole else {},
        dispatched=_dispatched(material, say) if whole else (),
    )
    _write(store, found, material, loaded, say, for_print=for_print)
    return found


def _chosen(numbers: Sequence[int]) -> list[PaperFigure]:
    """Return the figures of these numbers in the paper's order."""
    if unknown := sorted(set(numbers) - set(FIGURES)):
        listed = ", ".join(str(number) for number in unknown)
        raise InputError(f"the paper has no figure {listed}; its figures are 1 to {max(FIGURES)}")
    return [figure for number, figure in FIGURES.items() if not numbers or number in numbers]


def _folder(out: str | Path | None) -> Path:
    return Path(out) if out is not None else Path("runs") / f"reproduction-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _material(folder: Path, chosen: Sequence[PaperFigure], say: Tell, *, whole: bool) -> Material:
    """Run the days and iterations that the figures need; all days for the whole paper."""
    wanted = {WITH, *(name for figure in chosen for name in figure.needs)}
    days = {}
    for name, scenario in SCENARIOS.items():
        if whole or name in wanted:
            say(f"running {scenario} ({name})")
            days[name] = run_day(scenario, folder / scenario)
    averaged = {}
    if any(figure.iterations for figure in chosen):
        say("averaging successively, as the paper does")
        averaged = {step: averaged_day(days[WITH], step) for step in (SHORTENING, LITERAL)}
    return Material(days=days, averaged=averaged, wires=connections(build_case(load(SCENARIOS[COUPLED]))))


def _varied(chosen: Sequence[PaperFigure], say: Tell) -> dict[int, dict[str, tuple[Verdict, float]]]:
    """Judge the claims about the day again with each assumed input varied."""
    found: dict[int, dict[str, tuple[Verdict, float]]] = {}
    judged = [(one.number, one.judge, one.headline) for one in chosen if one.judge and one.headline]
    if judged:
        say("varying what is assumed")
        for name, day in varied_days():
            for number, judge, (_, _, measure) in judged:
                found.setdefault(number, {})[name] = verdict_of(tuple(judge(day))), measure(day)
    return found


def _measures(material: Material) -> dict[str, dict[str, float]]:
    return {
        name: {stage: measure(day) for stage, day in material.days.items()} for name, (_, measure) in MEASURES.items()
    }


def _dispatched(material: Material, say: Tell) -> tuple[Dispatched, ...]:
    say("dispatching a given charging profile under other assumptions")
    return tuple(dispatched_days(material.day))


def _write(
    store: RunStore, found: Reproduction, material: Material, loaded: LoadedScenario, say: Tell, *, for_print: bool
) -> None:
    """Write tables, figures and page."""
    store.write_text("claims.csv", claims_csv(found.findings))
    store.write_text("variations.csv", _variations_csv(found.findings))
    if found.measures:
        store.write_text("days.csv", _days_csv(found.measures))
        store.write_text("dispatches.csv", _csv(list(asdict(found.dispatched[0])), map(_values, found.dispatched)))
    figures = store.folder / "figures"
    figures.mkdir()
    drawn = []
    for finding in found.findings:
        number = finding.figure.number
        say(f"drawing figure {number}")
        chart, name = finding.figure.draw(material), f"figure-{number:02d}"
        write_figure(chart, finding, figures / f"{name}.html")
        if for_print:
            printed.save(chart, figures, name)
        drawn.append(Reproduced(finding=finding, chart=chart, assumed=_assumed(loaded, finding.figure)))
    units = {name: unit for name, (unit, _) in MEASURES.items()}
    dispatched = [asdict(one) for one in found.dispatched]
    write_reproduction(drawn, found.measures, units, dispatched, store.folder / "reproduction.html")


def _assumed(loaded: LoadedScenario, figure: PaperFigure) -> tuple[tuple[str, str, str], ...]:
    """Return key, value and source of what the figure rests on and the paper leaves open."""
    return tuple(
        (path, str(value), source or "not declared")
        for path, value, source in loaded.values()
        if any(path == point or path.startswith(f"{point}.") for point in figure.open_points)
    )


def claims_csv(findings: Iterable[Finding]) -> str:
    """Return one row a check; what rounding leaves is no number to keep, and stands as its rule alone."""
    rows = [
        (
            finding.figure.number, finding.figure.title, finding.verdict, finding.figure.promised, check.claim,
            "" if check.rounding else f"{check.value:.6g}", check.unit, check.rule, "yes" if check.holds else "no",
        )
        for finding in findings
        for check in finding.checks
    ]  # fmt: skip
    head = ("figure", "title", "verdict", "promised", "check", "value", "unit", "rule", "holds")
    return _csv(head, rows)


def _variations_csv(findings: Iterable[Finding]) -> str:
    rows = [
        (finding.figure.number, finding.figure.headline[0], finding.figure.headline[1], name, verdict, f"{value:.6g}")
        for finding in findings
        if finding.figure.headline is not None
        for name, (verdict, value) in finding.varied.items()
    ]
    return _csv(("figure", "number", "unit", "varied", "verdict", "value"), rows)


def _days_csv(measures: Mapping[str, Mapping[str, float]]) -> str:
    days = list(next(iter(measures.values())))
    rows = [(name, MEASURES[name][0], *(f"{values[day]:.6g}" for day in days)) for name, values in measures.items()]
    return _csv(("measure", "unit", *days), rows)


def _values(one: Dispatched) -> list[object]:
    return [f"{value:.6g}" if isinstance(value, float) else value for value in asdict(one).values()]


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return csv_text([head, *rows])
