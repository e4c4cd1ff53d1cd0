"""What a verification leaves in a run: its place in the one verdict, its tables, the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from cosim.dispatch.plan import DispatchCase
from cosim.records.base import Columns
from cosim.reports.page import write_report
from cosim.results.result import Shown
from cosim.results.run_judged import RunJudged
from cosim.results.store import RunResult
from cosim.results.verdict import Finding
from cosim.validation.audit import AuditItem, audit_columns
from cosim.validation.gate import exit_code
from cosim.validation.ledger_entry import Ledger
from cosim.validation.stored import StoredDispatch
from cosim.validation.stress import Stress


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLedger:
    """The run as a whole: bound and AC cost of the day.

    Attributes
    ----------
    equilibrium, flow_bound_vph
        What is proved of the coupled equilibrium (see `equilibrium_claim`); empty and NaN without roads.
    bound_kind
        ``hindsight`` (the day solved at once with what really came), ``day-ahead`` (the one solve of the day),
        ``block by block`` or ``period by period`` (sum of the bounds of blocks or single periods, given the states they
        began with).
    lower_bound, ac_cost
        Bound on the cost of the day, and the cost with the AC import and losses.
    gap_rel
        (ac_cost - lower_bound) / max(1, |lower_bound|); NaN if an AC limit is broken: then no upper bound is known.
    local_optimum, local_gap_rel, local_optimum_said
        Where that gap says little: cost of the best local optimum of the AC problem that several starts found, how far
        the AC cost is above it, and what may be said of it. It is no bound. NaN and empty where it was not looked for.
    """

    equilibrium: str
    flow_bound_vph: float
    bound_kind: str
    lower_bound: float
    ac_cost: float
    gap_rel: float
    local_optimum: float
    local_gap_rel: float
    local_optimum_said: str
    exactness: str
    status: str
    exit_code: int
    audit_closes: bool
    robust_share: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verification(RunJudged):
    """What `verify` found.

    Attributes
    ----------
    result
        The run; its tables ``ledger``, ``ledger_run``, ``ac_prices``, ``audit`` and ``stress`` are written.
    ledger, whole, audit, stress
        Judgement by period and of the run, audit, and the stress test (None if it was not asked for).
    """

    result: RunResult
    ledger: Ledger
    whole: RunLedger
    audit: tuple[AuditItem, ...]
    stress: Stress | None

    @property
    def exit_code(self) -> int:
        """Exit code by the worst period; 6 as well if the audit does not close."""
        return self.whole.exit_code

    @property
    def heading(self) -> str:
        """What was verified."""
        return f"verification of {self.result.heading}"

    def shown(self) -> Iterator[Shown]:
        """Yield bound, cost and gap, exactness, audit, and what is wrong."""
        whole = self.whole
        yield "status", whole.status, ""
        yield "AC cost", f"{whole.ac_cost:,.2f}", "import and losses of the AC flow"
        yield "lower bound", f"{whole.lower_bound:,.2f}", whole.bound_kind
        yield "gap", f"{whole.gap_rel:.1e}", "(AC cost - bound) / |bound|"
        yield "exactness", whole.exactness, "worst of all periods"
        yield "audit", "closes" if whole.audit_closes else "open", f"{len(self.audit)} items"
        if self.stress is not None:
            yield "stress", f"{100.0 * self.stress.share_inside:.1f} % inside", f"{len(self.stress.draws)} draws"
        for reason in finding(self).reasons:
            yield "flagged", "", reason


def write(found: Verification, dispatch: DispatchCase, stored: StoredDispatch) -> None:
    """Write the tables, and the report with them."""
    result, ledger = found.result, found.ledger
    result.add_table("ledger", ledger.columns())
    result.add_table("ledger_run", {item.name: [getattr(found.whole, item.name)] for item in fields(found.whole)})
    result.add_table("ac_prices", _prices(ledger, dispatch, stored))
    result.add_table("audit", audit_columns(list(found.audit)))
    if found.stress is None:
        result.drop_table("stress")  # of an earlier verification
    else:
        result.add_table("stress", found.stress.columns())
    write_report(result)


def finding(found: Verification) -> Finding:
    """Return what stands in the run's verdict."""
    periods = tuple(int(entry.period) for entry in found.ledger.entries)
    return Finding(exit_code=found.exit_code, periods=periods, reasons=tuple(_reasons(found)))


def _reasons(found: Verification) -> Iterator[str]:
    """Yield what is wrong: flagged periods, and what of the audit does not close."""
    for entry in found.ledger.entries:
        if exit_code(entry.flags or (entry.status,)):
            yield f"period {entry.period}: {', '.join(entry.flags or (entry.status,))}"
    for item in found.audit:
        if not item.closes:
            yield f"the audit of {item.item} does not close, worst in period {item.worst_period}"


def _prices(ledger: Ledger, dispatch: DispatchCase, stored: StoredDispatch) -> Columns:
    buses = list(dispatch.feeder.bus_ids)
    return {
        "period": np.repeat(stored.periods, len(buses)).tolist(),
        "bus": buses * stored.length,
        "price_per_mwh": stored.price_per_mwh.T.ravel().tolist(),
        "ac_price_per_mwh": ledger.ac_price_per_mwh.T.ravel().tolist(),
        "congestion_per_mwh": ledger.congestion_per_mwh.T.ravel().tolist(),
    }
