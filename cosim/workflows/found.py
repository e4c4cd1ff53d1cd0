"""From what a workflow returned to the data of its JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cosim.workflows.findings import (
    AssignFound,
    BrokenCheck,
    CheckFound,
    FlaggedPeriod,
    GradeFound,
    PeriodFound,
    RampFound,
    RunFound,
    StageFound,
    StatisticFound,
    ValidateFound,
    VerifyFound,
)

if TYPE_CHECKING:
    from cosim.results.store import RunResult
    from cosim.traffic.problem import SueProblem, SueResult
    from cosim.traffic.user_equilibrium import UeStage
    from cosim.workflows.assign import Assignment
    from cosim.workflows.grade import Grade
    from cosim.workflows.micro_found import PeriodValidation, Validation
    from cosim.workflows.verify_tables import Verification

REPORT = "report.html"


def found_run(result: RunResult) -> RunFound:
    """Return what a run found."""
    from cosim.reports.frames import ReadOnce, currency, title
    from cosim.reports.margins import margins
    from cosim.reports.summary import summarise

    run, read, page = result.run, ReadOnce(result), result.folder / REPORT
    return RunFound(
        folder=str(result.folder), report=str(page) if page.exists() else None,
        scenario=str(result.manifest.get("scenario", "")), title=title(read), currency=currency(read),
        complete=result.complete, planned=int(run["periods"]["planned"]), committed=len(result.committed),
        period_statuses={str(name): int(count) for name, count in run.get("period_statuses", {}).items()},
        reasons=tuple(map(str, run["reasons"])), flagged=_flagged(result), verdict=result.verdict,
        worst=result.verdict.worst, margins=tuple(margins(read)),
        figures=tuple(row for section in summarise(read).sections for row in section.rows), tables=result.tables,
        tables_digest=str(run.get("tables_digest") or ""),
    )  # fmt: skip


def _flagged(result: RunResult) -> tuple[FlaggedPeriod, ...]:
    found = []
    for period, gate in result.gates.items():
        broken = [one for one in gate["checks"] if not one["passed"]]
        if gate["flags"] or broken:
            checks = tuple(
                BrokenCheck(name=one["name"], value=one["value"], limit=one["limit"], status=one["status"])
                for one in broken
            )
            flags = tuple(map(str, gate["flags"]))
            found.append(FlaggedPeriod(period=period, status=str(gate["status"]), flags=flags, checks=checks))
    return tuple(found)


def found_verify(found: Verification) -> VerifyFound:
    """Return what a verification found."""
    return VerifyFound(
        run=found_run(found.result), whole=found.whole, ledger=found.ledger.entries, audit=found.audit,
        stress=None if found.stress is None else found.stress.draws,
    )  # fmt: skip


def found_validate(found: Validation) -> ValidateFound:
    """Return what a validation found."""
    ramp = found.ramp
    return ValidateFound(
        run=found_run(found.result), variant=str(found.study.engine.variant),
        length_scale=found.study.settings.length_scale, periods=tuple(map(_period, found.periods)),
        ramp=None if ramp is None else RampFound(
            factors=ramp.factors, seeds=ramp.seeds, flows_inside=ramp.flow.share_inside,
            times_inside=ramp.time.share_inside, geh_share=ramp.geh_share,
        ),
        equilibria_differ=None if found.equilibrium is None else found.equilibrium.difference,
    )  # fmt: skip


def _period(one: PeriodValidation) -> PeriodFound:
    return PeriodFound(
        period=one.period, demand_vph=float(one.problem.demand_vph.sum()), most_use=one.most_use,
        seeds=len(one.sue.seen), holds=one.holds,
        statistics=tuple(
            StatisticFound(
                name=finding.name, meaning=finding.statistic.meaning, unit=finding.statistic.unit,
                estimate=finding.estimate, null_model=one.null.estimates.get(finding.name), limit=finding.limit,
                at_least=finding.statistic.at_least, word=finding.word, sure=finding.sure,
            )
            for finding in one.findings
        ),
    )  # fmt: skip


def found_assign(found: Assignment, stages: Sequence[UeStage] = (), flows: str | None = None) -> AssignFound:
    """Return what an assignment found.

    Parameters
    ----------
    found
        The answer.
    stages
        The way to a user equilibrium, of which it is the last.
    flows
        File of the link flows.
    """
    link, use = found.busiest
    way = [_stage(one.problem, one.result, one) for one in stages] or [_stage(found.problem, found.result)]
    return AssignFound(
        links=len(found.problem.network.link_ids), pairs=int((found.problem.demand_vph > 0).sum()),
        demand_vph=float(found.problem.demand_vph.sum()), total_time_veh_h_per_h=found.total_time_h, most_use=use,
        busiest_link=link, stages=tuple(way), remarks=found.remarks, flows=flows,
    )  # fmt: skip


def _stage(problem: SueProblem, result: SueResult, towards: UeStage | None = None) -> StageFound:
    from cosim.traffic.paths import PathSet

    return StageFound(
        theta_per_min=result.theta_per_min, method=result.method, route_model=result.path_model, status=result.status,
        residual=result.residual, residual_path=result.residual_path, gap_veh_min_per_h=result.gap,
        iterations=result.iterations, loads=result.loads,
        paths=len(problem.paths) if isinstance(problem.paths, PathSet) else None,
        beckmann_veh_min_per_h=None if towards is None else towards.beckmann,
        relative_gap=None if towards is None else towards.relative_gap,
    )  # fmt: skip


def found_grade(found: Grade) -> GradeFound:
    """Return what was found of an answer."""
    return GradeFound(
        solution=found.folder, by=found.by, how=found.how, case=found.pack.name, currency=found.pack.currency,
        valid=found.valid,
        checks=tuple(
            CheckFound(
                name=one.name, meaning=one.meaning, unit=one.unit, value=one.value, limit=one.limit, passed=one.passed,
                period=one.period, where=one.where,
            )
            for one in found.checks
        ),
        cost=found.cost, claimed=found.claimed, cost_terms=dict(found.cost_terms), best_known=found.known.best_known,
        gap_to_best_rel=found.gap_to_best_rel, lower_bound=found.known.lower_bound,
        gap_to_bound_rel=found.gap_to_bound_rel,
    )  # fmt: skip
