"""What the trust ledger says of a period, and of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from cosim.arrays import Array
from cosim.grid.state import GridState
from cosim.validation.gate import exit_code

Exactness = Literal["proved", "tight", "not tight", "no answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """The judgement of one period; figures without a value are NaN.

    Attributes
    ----------
    status, flags
        Verdict of the gate on the figures recomputed here.
    exactness
        ``proved`` by the sufficient condition (C1 for all injections, C2 for all or for those of the answer),
        ``tight`` by the cone gap found, ``not tight`` (also where the answer was repaired), or ``no answer``.
    lower_bound, window_cost
        Bound and cost of the window that was solved in this period (in a rolling day: to its end).
    ac_cost, ac_cost_terms
        Cost of the period with import and losses of the AC flow.
    gap_rel
        Window cost with this period at its AC cost, over the bound; NaN ("none") if an AC limit is broken.
    cone_gap_pu2, relaxed_gap_pu2
        Largest cone gap of the stored answer, and of the relaxation before a repair.
    stored_dv_pu
        AC voltage found here against the one stored by the run.
    c2_box_pu, c2_answer_pu
        Loss-free voltage above its limit: with all injections at their bounds, and at those of the answer.
    """

    period: int
    status: str
    flags: tuple[str, ...]
    exactness: Exactness
    lower_bound: float
    window_cost: float
    cost: float
    ac_cost: float
    ac_cost_terms: Mapping[str, float]
    gap_rel: float
    cone_gap_pu2: float
    cone_gap_rel: float
    cone_gap_line: str
    relaxed_gap_pu2: float
    fictitious_loss_kw: float
    dv_pu: float
    dv_bus: str
    di_a: float
    di_line: str
    dloss_kw: float
    dslack_kw: float
    dslack_kvar: float
    ac_loss_mw: float
    ac_slack_mw: float
    congestion_per_mwh: float
    congestion_bus: str
    voltage_violation_pu: float
    current_violation_rel: float
    violations: int
    worst_violation: str
    ac_mismatch_mva: float
    injection_error_mw: float
    stored_dv_pu: float
    energy_balance_mw: float
    ev_curtailed_mw: float
    shed_mw: float
    requirement_missed: float
    storage_overlap_mw: float
    c1_margin: float
    c2_box_pu: float
    c2_answer_pu: float
    restoration: str
    price_objection: str
    solver: str
    solver_status: str
    elastic: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """The ledger of a run.

    Attributes
    ----------
    entries
        One per period.
    ac_price_per_mwh, congestion_per_mwh
        Price from the AC flow, and what the dispatch's dual price adds to it, shape (n, T).
    states
        AC states of the periods.
    """

    entries: tuple[LedgerEntry, ...]
    ac_price_per_mwh: Array
    congestion_per_mwh: Array
    states: tuple[GridState, ...]

    @property
    def exit_code(self) -> int:
        """Exit code by the worst flag of all periods."""
        return exit_code([flag for entry in self.entries for flag in (entry.flags or (entry.status,))])

    @property
    def exactness(self) -> Exactness:
        """The worst of all periods."""
        order: tuple[Exactness, ...] = ("no answer", "not tight", "tight", "proved")
        found = {entry.exactness for entry in self.entries}
        return next(word for word in order if word in found)

    @property
    def upper_bound(self) -> float:
        """AC cost of all periods together; NaN if an AC limit is broken in one of them, or one has no answer."""
        holds = all(entry.violations == 0 for entry in self.entries)
        return math.fsum(entry.ac_cost for entry in self.entries) if holds else math.nan

    def columns(self) -> dict[str, list[Any]]:
        """Return the entries as a table, one row per period."""
        names = [item.name for item in fields(LedgerEntry) if item.name != "ac_cost_terms"]
        table: dict[str, list[Any]] = {name: [getattr(entry, name) for entry in self.entries] for name in names}
        table["flags"] = [" ".join(entry.flags) for entry in self.entries]
        terms = dict.fromkeys(term for entry in self.entries for term in entry.ac_cost_terms)
        for term in terms:
            table[f"ac_cost_{term}"] = [entry.ac_cost_terms.get(term, math.nan) for entry in self.entries]
        return table
