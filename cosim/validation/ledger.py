"""The trust ledger: what the dispatch of a run claims, against the AC power flow of its stored setpoints.

Nothing of the dispatch is solved again: the flow is that of `cosim.grid.engines.pandapower`, the cone gap comes from
stored flows, the cost from stored terms with import and losses replaced by their AC values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.exactness import ConeGap, exact_periods
from cosim.dispatch.plan import DispatchCase
from cosim.grid.ends import shunt_mw
from cosim.grid.engines.judge import judge
from cosim.grid.feeder import Feeder
from cosim.grid.own_power import own_power_mw
from cosim.grid.state import GridState
from cosim.records.grid import DispatchPeriod
from cosim.validation.ac_price import ac_price_per_mwh
from cosim.validation.apriori import Sufficient
from cosim.validation.devices import Injected, device_figures
from cosim.validation.gate import Figures, GateLimits, GateRecord, evaluate
from cosim.validation.grid import GridDifference, Kind, compare
from cosim.validation.ledger_entry import Exactness, Ledger, LedgerEntry
from cosim.validation.stored import StoredDispatch, stored_gap

TOLERANCE_MVA = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LedgerInputs:
    """What the ledger needs besides the stored dispatch.

    Attributes
    ----------
    case, limits
        The dispatch of the T periods, and the limits of the gate.
    ev_mw
        Charging load demanded, shape (s, T).
    sufficient
        The sufficient condition for all feasible injections.
    stations
        The checks of the stations by position of the period: what chargers are asked for and give, what drivers pay.
    """

    case: DispatchCase
    ev_mw: Array
    limits: GateLimits
    sufficient: Sufficient
    stations: Mapping[int, Figures] = field(default_factory=dict)

    @property
    def feeder(self) -> Feeder:
        """The feeder."""
        return self.case.feeder

    @property
    def period_h(self) -> float:
        """Length of a period."""
        return self.case.period_h

    @property
    def loss_price_per_mwh(self) -> float:
        """Weight of losses."""
        return self.case.settings.loss_price_per_mwh


def build_ledger(inputs: LedgerInputs, stored: StoredDispatch) -> Ledger:
    """Run the AC power flow of every stored period and judge it.

    Parameters
    ----------
    inputs
        Feeder, prices, limits.
    stored
        The stored dispatch of T periods.
    """
    feeder = inputs.feeder
    flow = judge(feeder, tolerance_mva=TOLERANCE_MVA)
    p, q = stored.injection
    states = tuple(flow.solve(p[:, k], q[:, k]) for k in range(stored.length))
    price = ac_price_per_mwh(
        feeder, p, q,
        tariff_per_mwh=stored.tariff_per_mwh, loss_price_per_mwh=inputs.loss_price_per_mwh,
    )  # fmt: skip
    congestion = stored.price_per_mwh - price
    gap = stored_gap(feeder, stored)
    entries = [_entry(inputs, stored, gap, congestion, states[k], k) for k in range(stored.length)]
    return Ledger(entries=tuple(entries), ac_price_per_mwh=price, congestion_per_mwh=congestion, states=states)


def _entry(
    inputs: LedgerInputs, stored: StoredDispatch, gap: ConeGap, congestion: Array, state: GridState, k: int
) -> LedgerEntry:
    plan = stored.plans[k]
    difference = compare(stored.relaxed.at(k), state, inputs.case.feeder_in(k), inputs.limits)
    balance = _balance_mw(inputs.feeder, stored, k)
    held = device_figures(inputs.case, stored.devices, _injected(inputs, stored), 0, k)
    judged = _judge(inputs, stored, gap, state, difference, held.judged() | {"energy_balance_mw": balance}, k)
    bus, line = _largest(np.abs(congestion[:, k])), _largest(np.abs(gap.gap_pu2[:, k]))
    terms = _ac_terms(inputs, stored, state, k)
    broken = difference.violations if state.converged else ()
    answer_c2 = _loss_free_excess_pu(inputs.feeder, stored, k)
    return LedgerEntry(
        period=plan.period, status=judged.status, flags=tuple(judged.flags),
        exactness=_exactness(inputs, stored, gap, answer_c2, k), ac_cost_terms=terms,
        cone_gap_line=inputs.feeder.line_ids[line], relaxed_gap_pu2=plan.relaxed_gap_pu2, dv_bus=difference.dv_bus,
        di_line=difference.di_line, **_costs(plan, terms, bool(broken)), **_cone(gap, k, line),
        **_physics(state, difference), congestion_per_mwh=float(congestion[bus, k]),
        congestion_bus=inputs.feeder.bus_ids[bus], violations=len(broken), worst_violation=_worst(broken),
        stored_dv_pu=float(np.abs(stored.vm_ac_pu[:, k] - state.vm_pu).max()), energy_balance_mw=balance,
        storage_overlap_mw=math.nan if held.storage_overlap_mw is None else held.storage_overlap_mw,
        c1_margin=float(inputs.sufficient.c1_margin[k]), c2_box_pu=float(inputs.sufficient.c2_excess_pu[k]),
        c2_answer_pu=answer_c2, ev_curtailed_mw=plan.ev_curtailed_mw, shed_mw=plan.shed_mw,
        requirement_missed=math.nan if plan.requirement_missed is None else plan.requirement_missed,
        restoration=_repair(plan, inputs.limits), price_objection=plan.price_objection, solver=plan.solver,
        solver_status=plan.solver_status, elastic=plan.elastic,
    )  # fmt: skip


def _cone(gap: ConeGap, k: int, line: int) -> dict[str, float]:
    """Return the cone gap, largest at a line, and the losses that it invents."""
    return {
        "cone_gap_pu2": float(np.abs(gap.gap_pu2[line, k])),
        "cone_gap_rel": float(gap.relative[:, k].max()),
        "fictitious_loss_kw": float(gap.fictitious_loss_kw[:, k].sum()),
    }


def _physics(state: GridState, difference: GridDifference) -> dict[str, float]:
    """Return the AC state, its guards, and its distance from relaxation and limits."""
    measures = (
        "dv_pu", "di_a", "dloss_kw", "dslack_kw", "dslack_kvar", "voltage_violation_pu", "current_violation_rel",
    )  # fmt: skip
    return {
        **{name: getattr(difference, name) for name in measures},
        "ac_loss_mw": float(state.loss_mw),
        "ac_slack_mw": float(state.slack_mw),
        "ac_mismatch_mva": float(state.mismatch_mva),
        "injection_error_mw": float(state.injection_error_mw),
    }


def _ac_terms(inputs: LedgerInputs, stored: StoredDispatch, state: GridState, k: int) -> dict[str, float]:
    """Return the cost by term, with import and losses of the AC state."""
    dt, terms = inputs.period_h, {term: float(values[k]) for term, values in stored.cost_terms().items()}
    return terms | {
        "energy": dt * stored.plans[k].tariff_per_mwh * float(state.slack_mw),
        "losses": dt * inputs.loss_price_per_mwh * float(state.loss_mw),
    }


def _costs(plan: DispatchPeriod, terms: Mapping[str, float], limits_broken: bool) -> dict[str, float]:
    """Return bound, cost, AC cost, and the gap between AC cost and bound."""
    cost, bound, window = plan.cost, plan.lower_bound, plan.window_cost
    ac_cost = math.fsum(terms.values()) if math.isfinite(cost) else math.nan
    gap = (window - cost + ac_cost - bound) / max(1.0, abs(bound)) if not limits_broken else math.nan
    return {"lower_bound": bound, "window_cost": window, "cost": cost, "ac_cost": ac_cost, "gap_rel": gap}


def _judge(
    inputs: LedgerInputs,
    stored: StoredDispatch,
    gap: ConeGap,
    state: GridState,
    difference: GridDifference,
    others: Figures,
    k: int,
) -> GateRecord:
    """Return the gate's verdict on the recomputed figures."""
    own_mw = own_power_mw(inputs.feeder, stored.p_load_mw, stored.p_gen_mw)
    told = stored.plans[k].judged()
    figures: Figures = {
        **told,
        "solver_status": told["solver_status"] or "missing",
        "cone_gap_rel": float(gap.relative[:, k].max()),
        "own_power_mw": float(own_mw[k]),
        "ac_converged": bool(state.converged),
        "ac_mismatch_mva": float(state.mismatch_mva),
        "injection_error_mw": float(state.injection_error_mw),
        "dv_pu": difference.dv_pu,
        "dloss_rel": difference.dloss_rel,
        "ac_voltage_violation_pu": difference.voltage_violation_pu,
        "ac_current_violation_rel": difference.current_violation_rel,
        **inputs.stations.get(k, {}),
        "values_missing": int(stored.missing[k]),
        **others,
    }
    return evaluate(figures, inputs.limits)


def _repair(plan: DispatchPeriod, limits: GateLimits) -> str:
    """Return how the answer was repaired; a repair of storage counts where it may have cost anything."""
    dear = not plan.storage_gap_rel <= limits.storage_gap_rel
    return plan.restoration or (plan.storage_repair if dear else "")


def _exactness(inputs: LedgerInputs, stored: StoredDispatch, gap: ConeGap, answer_c2: float, k: int) -> Exactness:
    if not math.isfinite(float(gap.relative[:, k].max())):
        return "no answer"
    if stored.plans[k].restoration or not exact_periods(gap, inputs.limits)[k]:
        return "not tight"
    box = inputs.sufficient
    relaxed = (stored.plans[k].voltage_slack_pu2 or 0.0) > 0.0
    c2 = box.c2_excess_pu[k] <= 0.0 or answer_c2 <= 0.0
    holds = box.c1_margin[k] > 0.0 and c2 and box.c3_excess_mw[k] <= 0.0 and box.cost_grows[k] > 0.0
    return "proved" if holds and box.limits_covered and not relaxed else "tight"


def _loss_free_excess_pu(feeder: Feeder, stored: StoredDispatch, k: int) -> float:
    """Return the loss-free voltage of the answer's injections above its limit; NaN where it bounds nothing."""
    if not feeder.plain:
        return math.nan
    p, q = stored.injection
    voltage = feeder.loss_free_voltage_pu(-p[:, k], -q[:, k])
    return float((voltage - feeder.v_max_pu)[feeder.child].max())


def _balance_mw(feeder: Feeder, stored: StoredDispatch, k: int) -> float:
    """Return generation + import - load - loss - shunts of the relaxed answer."""
    given = stored.p_gen_mw[:, k].sum() + stored.plans[k].import_mw
    drawn = float(shunt_mw(feeder, stored.relaxed.vm_pu[:, k]))
    return float(given - stored.p_load_mw[:, k].sum() - stored.plans[k].loss_mw) - drawn


def _injected(inputs: LedgerInputs, stored: StoredDispatch) -> Injected:
    """Return what the stored setpoints inject, take from upstream and serve."""
    return Injected(
        p_gen_mw=stored.p_gen_mw, q_gen_mvar=stored.q_gen_mvar,
        exchange=np.stack([stored.relaxed.slack_mw, stored.relaxed.slack_mvar]),
        unlowered_mw=inputs.case.base_p_mw.sum(axis=0) + inputs.ev_mw.sum(axis=0), p_load_mw=stored.p_load_mw,
    )  # fmt: skip


def _largest(values: Array) -> int:
    """Return the position of the largest value; NaN counts only if nothing else is there."""
    return 0 if np.isnan(values).all() else int(np.nanargmax(values))


_PLACES: Mapping[Kind, tuple[str, str]] = MappingProxyType({
    "undervoltage": ("bus ", "pu"), "overvoltage": ("bus ", "pu"),
    "overcurrent": ("line ", "kA"), "overload": ("", "%"),
})  # fmt: skip
"""What stands before the place of a violation, and its unit; an element's id says what it is."""


def _worst(violations: Sequence[Any]) -> str:
    """Return the worst violation in words."""
    if not violations:
        return ""
    worst = max(violations, key=lambda one: one.excess)
    place, unit = _PLACES[worst.kind]
    return f"{worst.kind} at {place}{worst.where}: {worst.value:.4f} {unit}, limit {worst.limit:.4f}"
