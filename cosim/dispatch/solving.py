"""How one window is answered: hard model, retries, last resorts, one direction of storage, recovery of exactness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from cosim.arrays import BoolArray
from cosim.dispatch.answer import fixed_cost
from cosim.dispatch.backends import clarabel, scip, scs
from cosim.dispatch.backends.base import Backend
from cosim.dispatch.branch_flow import FlowValues
from cosim.dispatch.consent import Proposal
from cosim.dispatch.devices.base import State, Window
from cosim.dispatch.diagnosis import diagnosis, without_answer
from cosim.dispatch.exactness import exact_periods
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.dispatch.problem import DispatchProblem
from cosim.dispatch.repairs import Exclusivity
from cosim.dispatch.restoration import Ladder, PowerFlow
from cosim.dispatch.scaling import CURRENT_SCALE, units_of
from cosim.errors import DependencyError
from cosim.quantities.checks import GateLimits, relative, sized_limit

OTHER_SCALES = (0.3, 0.15)
STEP_RESIDUAL = 1e-4
MISOCP_GAP = 1e-4
MISOCP_NODES = 2000
SIGN_FIX: Literal["sign_fix", "misocp"] = "sign_fix"
MISOCP: Literal["sign_fix", "misocp"] = "misocp"
Signs = Mapping[str, BoolArray]


class WindowSolver:
    """Answers windows up to a length; compiles each model when it is first needed.

    Parameters
    ----------
    case
        The day.
    periods
        Length of the longest window.
    power_flow
        AC power flow for the last rung of the recovery; None goes without it.
    movable
        Whether windows with loads that may move will come: a named solver must fit these models, too.
    polish
        Whether answers are refined to rounding where that is possible: for prices and bounds of more than six digits.

    Raises
    ------
    DependencyError
        If the solver that the scenario names does not fit the hard or the elastic model.
    """

    def __init__(
        self, case: DispatchCase, periods: int, power_flow: PowerFlow | None = None, *, movable: bool = False,
        polish: bool = False,
    ) -> None:  # fmt: skip
        self.case = case
        self.periods = periods
        self._problems: dict[tuple[bool, bool, bool], DispatchProblem] = {}
        self.power_flow = power_flow
        self.polish = polish
        self._require_solver(movable=movable)

    def problem(self, *, elastic: bool, other_side: bool = False, movable: bool = False) -> DispatchProblem:
        """Return the programme, made once."""
        key = (elastic, other_side, movable)
        if key not in self._problems:
            self._problems[key] = DispatchProblem(
                self.case, self.periods, elastic=elastic, other_side=other_side, movable=movable
            )
        return self._problems[key]

    def _require_solver(self, *, movable: bool) -> None:
        """Let a named solver say at once whether it fits."""
        if self.case.settings.solver != "auto":
            for elastic in (False, True):
                self.problem(elastic=elastic, movable=movable).choose()
        licence = scip.licence()
        if self.case.settings.storage_exclusivity == "misocp" and licence.kind != "full":
            raise DependencyError(
                f"'dispatch.storage_exclusivity: misocp' needs SCIP: {licence.detail}; or use sign_fix"
            )

    def plan(
        self, window: Window, states: Mapping[str, State], applied: int, proposal: Proposal | None = None
    ) -> DispatchPlan:
        """Return the plan of a window; its first ``applied`` periods are checked, and repaired where that is possible.

        Loads that may move are settled first, by the relaxed model; a repair keeps them where they are then.

        Raises
        ------
        DependencyError
            If ``storage_exclusivity: misocp`` is needed and SCIP is not installed.
        """
        first = self.relaxed(window, states, proposal)
        if not first.record.usable:
            impossible = first.record.status == "infeasible"
            return replace(first, diagnosis=without_answer(self.case, window)) if impossible else first
        if proposal is not None and self._needs_repair(first, applied):
            return self.plan(window.asking(first.ev_mw), states, applied)
        bound = min(first.record.primal_objective, first.record.dual_objective)
        plan = self._exact(first, window, states, applied)
        if plan.restoration is not None:
            bound = float(np.fmax(bound, plan.restoration.bound))
            gap = self._gap_rel("restoration_gap_rel", plan, window, bound)
            plan = replace(plan, restoration=replace(plan.restoration, gap_rel=gap))
        if self._overlaps(plan, applied):
            plan = self._exclusive(plan, window, states, applied, bound)
        if plan.record is not first.record:
            plan = _told(plan, (*first.record.retries, f"{first.record.backend}: {first.record.raw_status}, repaired"))
        return replace(plan, lower_bound=bound, diagnosis=diagnosis(self.case, plan))

    def _needs_repair(self, plan: DispatchPlan, applied: int) -> bool:
        return self._overlaps(plan, applied) or not bool(exact_periods(plan.cone, self.case.limits)[:applied].all())

    def _overlaps(self, plan: DispatchPlan, applied: int) -> bool:
        """Whether storage charges and discharges at once, and that matters."""
        wanted = self.case.settings.storage_exclusivity != "off"
        return wanted and bool(self._overlapping(plan)[:applied].any())

    def _overlapping(self, plan: DispatchPlan) -> BoolArray:
        """Return in which periods storage charges and discharges at once."""
        most = sized_limit("storage_overlap_mw", self.case.limits, plan.own_power_mw)
        return np.asarray(plan.overlap_mw() > most)

    def relaxed(self, window: Window, states: Mapping[str, State], proposal: Proposal | None = None) -> DispatchPlan:
        """Return the answer of the hard model or, only where that has none, of the elastic one.

        A stalled solver may hide that the hard model is infeasible: what the elastic model answers without any slack
        is the hard model's answer; so is one whose own loads, once they are kept, the hard model proves too much. Else
        SCS has the last word on it.
        """
        scales = [(scale, None) for scale in OTHER_SCALES]
        hard = self._retried(window, states, scales, elastic=False, proposal=proposal)
        if not _doubtful(hard, self.case.limits) and hard.record.usable:
            return hard
        elastic = self._elastic(window, states, proposal)
        if hard.record.status == "infeasible":
            return elastic
        tried = (*hard.record.retries, _word(hard))
        if proposal is not None and self._unserved(elastic, window, states):
            return _told(elastic, tried)
        if not (elastic.record.usable and serves_all(elastic, self.case.limits)):
            last = self.problem(elastic=False, movable=proposal is not None).solve(
                window, states, backend=scs, proposal=proposal
            )
            if last.record.usable and not _doubtful(last, self.case.limits):
                return _told(last, tried)
            elastic = hard if hard.record.usable else elastic
        return _told(elastic, tried)

    def _unserved(self, elastic: DispatchPlan, window: Window, states: Mapping[str, State]) -> bool:
        """Whether an answer settles on loads that cannot all be served."""
        if not elastic.record.usable:
            return False
        kept = self.problem(elastic=False).solve(window.asking(elastic.ev_mw), states)
        return kept.record.status == "infeasible"

    def _elastic(self, window: Window, states: Mapping[str, State], proposal: Proposal | None = None) -> DispatchPlan:
        attempts: list[tuple[float, Backend | None]] = [(scale, None) for scale in OTHER_SCALES]
        return self._retried(window, states, [*attempts, (CURRENT_SCALE, scs)], elastic=True, proposal=proposal)

    def _retried(
        self, window: Window, states: Mapping[str, State], attempts: Sequence[tuple[float, Backend | None]], *,
        elastic: bool, proposal: Proposal | None = None, limited_currents: bool = False,
    ) -> DispatchPlan:  # fmt: skip
        """Solve; where the solver stalls, again at other scales of the current or with another solver.

        An answer that the solver calls inaccurate passes only by our own residuals and with tight cones. An
        infeasible model is an answer.
        """
        problem = self.problem(elastic=elastic, movable=proposal is not None)
        solve = partial(
            problem.solve, window, states, proposal=proposal, polish=self.polish, limited_currents=limited_currents
        )
        plan, tried = solve(), []
        for scale, backend in attempts:
            if not _doubtful(plan, self.case.limits):
                break
            tried.append(_word(plan))
            again = solve(backend=backend, current_scale=scale)
            plan = again if again.record.usable or not plan.record.usable else plan
        return _told(plan, tuple(tried)) if tried else plan

    def _linearised(
        self, window: Window, states: Mapping[str, State], *, at: FlowValues, slack_price: float, elastic: bool
    ) -> DispatchPlan:
        """Solve with the other side of the cones; it has more variables, so the default solver does it.

        A step on the way need not be accurate; the gate asks the last one for its residuals like any other plan.
        """
        problem = self.problem(elastic=elastic, other_side=True)
        for scale in (CURRENT_SCALE, *OTHER_SCALES):
            plan = problem.solve(
                window, states, backend=clarabel, at=at, slack_price=slack_price, residual_limit=STEP_RESIDUAL,
                current_scale=scale,
            )  # fmt: skip
            if plan.record.usable:
                break
        return plan

    def _exact(self, plan: DispatchPlan, window: Window, states: Mapping[str, State], applied: int) -> DispatchPlan:
        """Return the plan, repaired if a cone of the applied periods is slack."""
        if exact_periods(plan.cone, self.case.limits)[:applied].all():
            return plan
        return self._ladder(elastic=plan.record.elastic).restore(plan, window, states, applied)

    def local_optima(self, window: Window, states: Mapping[str, State]) -> list[DispatchPlan | None]:
        """Return what several starts lead to: a local optimum of the AC problem, or None.

        Where storage would charge and discharge at once it counts as none.
        """
        first = self.relaxed(window, states)
        if not first.record.usable:
            return []
        found = self._ladder(elastic=first.record.elastic).local_optima(first, window, states)
        return [None if one is None or self._overlaps(one, one.length) else one for one in found]

    def _ladder(self, *, elastic: bool) -> Ladder:
        limits = not (elastic and self.case.settings.voltage_slack_price is not None)
        return Ladder(
            case=self.case,
            solve=lambda window, states: self._again(window, states, elastic=elastic),
            solve_limited=partial(self._limited, elastic=elastic) if limits else None,
            solve_linearised=partial(self._linearised, elastic=elastic),
            power_flow=self.power_flow,
        )

    def _limited(self, window: Window, states: Mapping[str, State], *, elastic: bool) -> DispatchPlan:
        """Solve with currents kept to what is possible, voltages within their limits."""
        scales = [(scale, None) for scale in OTHER_SCALES]
        return self._retried(window, states, scales, elastic=elastic, limited_currents=True)

    def _again(self, window: Window, states: Mapping[str, State], *, elastic: bool) -> DispatchPlan:
        """Solve changed numbers with the model that had an answer."""
        if elastic:
            return self._elastic(window, states)
        return self._retried(window, states, [(scale, None) for scale in OTHER_SCALES], elastic=False)

    def _exclusive(
        self, plan: DispatchPlan, window: Window, states: Mapping[str, State], applied: int, bound: float
    ) -> DispatchPlan:
        """Let storage flow one way: that of the larger power, or that of the best pattern."""
        elastic, overlap = plan.record.elastic, plan.overlap_mw()
        signs, method = self._larger(plan, window), SIGN_FIX
        if not signs:  # no device lets its opposite powers be barred: the gate tells
            return plan
        if self.case.settings.storage_exclusivity == "misocp":
            found = self._best(window, states, elastic=elastic)
            if found is not None:
                signs, bound, method = found[0], max(bound, found[1]), MISOCP
        fixed_window = replace(window, first_of_pair=signs)
        fixed = self._again(fixed_window, states, elastic=elastic)
        if not fixed.record.usable:
            return plan
        fixed = self._exact(fixed, fixed_window, states, applied)
        gap = self._gap_rel("storage_gap_rel", fixed, window, bound)
        outcome = Exclusivity(
            method=method, overlap_mw=float(overlap[:applied].max()),
            periods=self._overlapping(plan), gap_rel=gap,
        )  # fmt: skip
        repaired = fixed.restoration or plan.restoration
        restoration = (
            None
            if repaired is None
            else replace(repaired, gap_rel=self._gap_rel("restoration_gap_rel", fixed, window, bound))
        )
        return replace(fixed, exclusivity=outcome, restoration=restoration)

    def _gap_rel(self, check: str, plan: DispatchPlan, window: Window, bound: float) -> float:
        """Return the cost of a changed plan above the bound of its window, relative as the check says."""
        own = units_of(self.case, window).money(self.case.period_h)
        return float(relative(check, max(float(plan.total_cost.sum()) - bound, 0.0), bound, own))

    def _larger(self, plan: DispatchPlan, window: Window) -> Signs:
        """Return for every storage where its net power charges."""
        model = self.problem(elastic=plan.record.elastic).model(window.length)
        storages = [d for d in model.devices if d.opposites() is not None]
        return {d.name: plan.devices[d.name].p_mw <= 0.0 for d in storages}

    def _best(self, window: Window, states: Mapping[str, State], *, elastic: bool) -> tuple[Signs, float] | None:
        """Search the best pattern of directions with SCIP; None if its nodes end without any."""
        problem = self.problem(elastic=elastic)
        data = problem.compiled(window, states)
        own = problem.scaled(data, window)
        storages = [(d, pair) for d in problem.model(window.length).devices if (pair := d.opposites()) is not None]
        pairs = []
        for device, variables in storages:
            first, second = (scip.columns(data, variable.id, variable.size) for variable in variables)
            most = device.opposite_max_mw()
            if not np.isfinite(most):
                return None
            pairs += [
                scip.Pair(first=int(i), second=int(j), limit=most / float(own.columns[[i, j]].min()))
                for i, j in zip(first, second, strict=True)
            ]
        found = scip.solve_exclusive(own.data, pairs, gap=MISOCP_GAP, nodes=MISOCP_NODES)
        if found is None:
            return None
        choices = np.array(found.first).reshape(len(storages), window.length)
        bound = found.bound / own.cost + fixed_cost(problem.model(window.length), window)
        return {d.name: choices[n] for n, (d, _) in enumerate(storages)}, bound


def require_solver(case: DispatchCase, *, movable: bool = False) -> None:
    """Refuse a solver that is not there or does not fit, before anything runs.

    Parameters
    ----------
    case
        The day.
    movable
        Whether windows with charging loads that may move will come.

    Raises
    ------
    DependencyError
        Naming count, limit and alternative.
    """
    if case.settings.solver != "auto" or case.settings.storage_exclusivity == "misocp":
        WindowSolver(case, case.settings.window_periods(case.periods), movable=movable)


def serves_all(plan: DispatchPlan, limits: GateLimits) -> bool:
    """Whether a plan uses no last resort beyond rounding: MW curtailed or shed, MWh or MW missed, pu^2 of voltage."""
    unserved = [plan.ev_curtailed_mw, plan.shed_mw, *(d.missed for d in plan.devices.values())]
    least = sized_limit("unserved_mw", limits, plan.own_power_mw)
    return all(bool((part <= least).all()) for part in unserved) and (
        float(np.max(plan.voltage_slack_pu2, initial=0.0)) <= limits.voltage_slack_pu2
    )


def _doubtful(plan: DispatchPlan, limits: GateLimits) -> bool:
    """Whether another attempt can help: a stalled solver, or an inaccurate answer with slack cones or lost power."""
    if plan.record.status == "optimal_inaccurate":
        most = sized_limit("energy_balance_mw", limits, plan.own_power_mw)
        balanced = bool((np.abs(plan.energy_balance_mw()) <= most).all())
        return not (balanced and bool(exact_periods(plan.cone, limits).all()))
    return plan.record.status in {"not_converged", "failed"}


def _word(plan: DispatchPlan) -> str:
    record = plan.record
    return f"{record.backend}{' elastic' if record.elastic else ''}: {record.raw_status}"


def _told(plan: DispatchPlan, tried: tuple[str, ...]) -> DispatchPlan:
    return replace(plan, record=replace(plan.record, retries=(*tried, *plan.record.retries)))
