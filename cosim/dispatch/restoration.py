"""From an inexact relaxation to a physical plan: loss floor, convex-concave procedure, AC power flow.

Each rung is tried where the one before left slack cones. The plan is always valued at the true prices; that of the
relaxation stays its lower bound. The AC power flow is a function that the caller gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from cosim.arrays import Array
from cosim.dispatch.branch_flow import FlowValues, flow_values
from cosim.dispatch.devices.base import DeviceOutcome, State, Window
from cosim.dispatch.exactness import cone_gap, exact_periods
from cosim.dispatch.plan import DispatchCase, DispatchPlan
from cosim.dispatch.repairs import Restoration
from cosim.dispatch.scaling import units_of
from cosim.grid.loading import over_limit_rel
from cosim.grid.state import GridState
from cosim.quantities.checks import relative

PowerFlow = Callable[[Array, Array], GridState]
"""Net injections of all buses [MW], [Mvar] -> AC state."""

Solve = Callable[[Window, Mapping[str, State]], DispatchPlan]
Method = Literal["current_limits", "loss_floor", "ccp", "ac"]
CCP_STEPS = 8
CCP_CHANGE = 1e-6
SLACK_GROWTH = 3.0
PRICE_TRIALS = 8
"""Loss prices tried: doubled until a plan is tight, then halved back towards the last that was not."""
OUTBID = 1.1
"""Loss price over a negative tariff's size, with which burnt energy earns nothing."""
COST_FLOOR = 1e-3
"""A cost below this part of what the feeder's own power costs in a period is none to compare with."""
GAP = "restoration_gap_rel"
NO_OPTIMUM = "the repaired answer is no local optimum of the AC problem, so that it has no marginal costs"


class SolveLinearised(Protocol):
    """Solves a window with the other side of the cones linearised at a flow."""

    def __call__(
        self, window: Window, states: Mapping[str, State], *, at: FlowValues, slack_price: float
    ) -> DispatchPlan:
        """Return the plan; ``slack_price`` is per MWh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Climb:
    """Where rungs led to: by which method, in how many steps, with tariff plus loss price raised to what."""

    method: Method
    steps: int
    floor: float | None
    plan: DispatchPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """What the rungs need.

    Attributes
    ----------
    case
        The day.
    solve, solve_limited, solve_linearised
        The relaxed programme, the one with currents kept to what is possible (None where nothing limits them), and the
        one with the cones' other side.
    power_flow
        AC power flow, or None to go without the last rung.
    """

    case: DispatchCase
    solve: Solve
    solve_limited: Solve | None
    solve_linearised: SolveLinearised
    power_flow: PowerFlow | None

    def restore(self, plan: DispatchPlan, window: Window, states: Mapping[str, State], applied: int) -> DispatchPlan:
        """Return a plan whose first ``applied`` periods are physical; the given one, if no rung leads there."""
        limited = self._limited(plan, window, states, applied)
        if limited is not None and _priced(limited):
            return limited
        climbed = self._climbed(plan, window, states, applied)
        return climbed if limited is None or _priced(climbed) else limited

    def _climbed(self, plan: DispatchPlan, window: Window, states: Mapping[str, State], applied: int) -> DispatchPlan:
        """Return the cheapest of what the rungs lead to that change the programme: its optimum bounds nothing."""
        climbs = self._climbs(plan, window, states, applied)
        found = [one for climb in climbs if (one := self._ended(climb, plan, window, states, applied)) is not None]
        return min(found, key=_rank, default=plan)

    def _climbs(
        self, plan: DispatchPlan, window: Window, states: Mapping[str, State], applied: int
    ) -> Iterator[_Climb]:
        """Yield where the rungs lead to: one behind the other, in a feeder with a circuit each from the relaxed plan.

        There neither way is always the better one, and the second hardly moves from where the first one ended.
        """
        if self.case.feeder.plain:
            floor = loss_price_floor(self.case, window)
            raised, best = (window, plan) if floor is None else self._with_floor(window, states, floor, plan)
            if exact_periods(best.cone, self.case.limits)[:applied].all():
                yield _Climb(method="loss_floor", steps=0, floor=floor, plan=best)
                return
        else:
            yield from self._dearer(window, states, applied)
            floor, best, raised = None, plan, window
        at = flow_values(best.grid, self.case.feeder)
        best, steps = self._convex_concave(best, at, raised, states, applied)
        yield _Climb(method="ccp", steps=steps, floor=floor, plan=best)

    def _dearer(self, window: Window, states: Mapping[str, State], applied: int) -> Iterator[_Climb]:
        """Yield the plan of a loss price of once the tariff, or of the least multiple tried at which it is tight.

        Once is often enough, and the plan then the best. A transformer hides more than that: power that it seems to
        lose lowers the voltage behind it by its reactance, at little loss.
        """
        tariff = window.tariff_per_mwh
        worth = np.maximum(np.where(tariff > 0.0, tariff, -OUTBID * tariff), 1.0)
        trial, slack, tight, climb = 1.0, 0.0, np.inf, None
        for _ in range(PRICE_TRIALS):
            price = np.maximum(trial * worth, window.loss_price_per_mwh)
            found = self.solve(replace(window, loss_price_per_mwh=price), states)
            if found.record.usable and exact_periods(found.cone, self.case.limits)[:applied].all():
                climb = _Climb(method="loss_floor", steps=0, floor=float((tariff + price).min()), plan=found)
                tight = trial
                if slack == 0.0:
                    break
            else:
                slack = trial
            trial = 2.0 * slack if climb is None else (slack + tight) / 2.0
        if climb is not None:
            yield climb

    def _ended(
        self, climb: _Climb, plan: DispatchPlan, window: Window, states: Mapping[str, State], applied: int
    ) -> DispatchPlan | None:
        """Return the physical plan next to where rungs led to, at its true cost; None if there is none."""
        method, best = climb.method, climb.plan
        local = self._local_optimum(best, window, states, applied)
        chosen = local
        if local is None and exact_periods(best.cone, self.case.limits)[:applied].all():
            chosen = self._priced_as(best, plan, window)
        elif local is None:
            method = "ac"
            physical = self._physical(best, applied)
            if physical is None:
                return None
            best = physical
            if _keeps_limits(self.case, best.grid):  # nothing makes it; a state that does not is no optimum of anything
                chosen = self._priced_as(best, plan, window)
        restoration = Restoration(
            method=method, steps=climb.steps, loss_price_floor_per_mwh=climb.floor,
            inexact=~exact_periods(plan.cone, self.case.limits), first_gap_pu2=float(np.abs(plan.cone.gap_pu2).max()),
            price_objection=NO_OPTIMUM if chosen is None else "",
        )  # fmt: skip
        chosen = chosen or without_prices(best)
        return replace(chosen, cost=self._true_cost(chosen), restoration=restoration)

    def _limited(
        self, plan: DispatchPlan, window: Window, states: Mapping[str, State], applied: int
    ) -> DispatchPlan | None:
        """Return the optimum under limits on the currents that no plan can exceed; it bounds every plan.

        None where its cones are not tight either. Its own multipliers are no marginal costs: a limit that binds, as in
        a line that carries nothing, takes some of them.
        """
        found = None if self.solve_limited is None else self.solve_limited(window, states)
        if found is None or not (found.record.usable and exact_periods(found.cone, self.case.limits)[:applied].all()):
            return None
        chosen = self._local_optimum(found, window, states, applied) or self._priced_as(found, plan, window)
        restoration = Restoration(
            method="current_limits", steps=0, loss_price_floor_per_mwh=None,
            bound=min(found.record.primal_objective, found.record.dual_objective),
            inexact=~exact_periods(plan.cone, self.case.limits), first_gap_pu2=float(np.abs(plan.cone.gap_pu2).max()),
            price_objection=NO_OPTIMUM if chosen is None else "",
        )  # fmt: skip
        return replace(chosen or without_prices(found), restoration=restoration)

    def _priced_as(self, plan: DispatchPlan, relaxed: DispatchPlan, window: Window) -> DispatchPlan | None:
        """Return the plan with the relaxation's prices if it costs no more: one multiplier serves every optimum."""
        cost, least = (float(sum(part.sum() for part in self._true_cost(one).values())) for one in (plan, relaxed))
        money = units_of(self.case, window).money(self.case.period_h)
        if not relative(GAP, max(cost - least, 0.0), least, money) <= self.case.limits.restoration_gap_rel:
            return None
        return replace(plan, price_per_mwh=relaxed.price_per_mwh, station_price_per_mwh=relaxed.station_price_per_mwh)

    def _local_optimum(
        self, plan: DispatchPlan, window: Window, states: Mapping[str, State], applied: int
    ) -> DispatchPlan | None:
        """Return the local optimum of the AC problem next to a plan, unless the plan is physical and cheaper.

        Neither a raised loss price nor linearised cones have multipliers that are marginal costs; those of the local
        optimum are.
        """
        local = plan.refine(window, states) if plan.refine is not None else None
        if local is None or not (local.record.usable and exact_periods(local.cone, self.case.limits)[:applied].all()):
            return None
        cost, found = (float(sum(part.sum() for part in self._true_cost(one).values())) for one in (plan, local))
        worse = found - cost > CCP_CHANGE * max(self._least(window), abs(cost))
        return None if worse and exact_periods(plan.cone, self.case.limits)[:applied].all() else local

    def local_optima(
        self, plan: DispatchPlan, window: Window, states: Mapping[str, State]
    ) -> Iterator[DispatchPlan | None]:
        """Yield for each of several starts the local optimum of the AC problem that it leads to, or None.

        The convex-concave procedure starts from the relaxation's own flow, from the same flow with tight cones, from
        half of it, and from the network without any; Newton's method ends each. The smallest cost is no bound.
        """
        for at in self._starts(plan):
            near, _ = self._convex_concave(plan, at, window, states, window.length)
            local = near.refine(window, states) if near.refine is not None else None
            usable = local is not None and local.record.usable
            exact = usable and local is not None and bool(exact_periods(local.cone, self.case.limits).all())
            yield local if exact else None

    def _starts(self, plan: DispatchPlan) -> Iterator[FlowValues]:
        relaxed = flow_values(plan.grid, self.case.feeder)
        yield relaxed
        flat = np.broadcast_to(self.case.feeder.unloaded_vm_pu[:, None] ** 2, relaxed.voltage_sq.shape)
        for share in (1.0, 0.5, 0.0):
            p, q = share * relaxed.p, share * relaxed.q
            voltage_sq = share * relaxed.voltage_sq + (1.0 - share) * flat
            open_flow = FlowValues(p=p, q=q, current_sq=np.zeros_like(p), voltage_sq=voltage_sq)
            tight = (p**2 + q**2) / open_flow.sending_voltage_sq(self.case.feeder)
            yield replace(open_flow, current_sq=tight)

    def _with_floor(
        self, window: Window, states: Mapping[str, State], floor: float, plan: DispatchPlan
    ) -> tuple[Window, DispatchPlan]:
        """Solve with the loss price raised to where tariff plus loss price is at least ``floor``."""
        raised = np.maximum(window.loss_price_per_mwh, floor - window.tariff_per_mwh)
        window = replace(window, loss_price_per_mwh=raised)
        found = self.solve(window, states)
        return window, found if found.record.usable else plan

    def _convex_concave(
        self, plan: DispatchPlan, at: FlowValues, window: Window, states: Mapping[str, State], applied: int
    ) -> tuple[DispatchPlan, int]:
        """Linearise the other side of the cones at each iterate until all are tight and the cost rests.

        The first point is ``at``; ``plan`` stands where no step has an answer.
        """
        price = float(np.abs(window.tariff_per_mwh).mean()) or 1.0
        least = self._least(window)
        best, cost = plan, np.inf
        for step in range(1, CCP_STEPS + 1):
            found = self.solve_linearised(window, states, at=at, slack_price=price)
            if not found.record.usable:
                return best, step - 1
            best, at, before, cost = (
                found,
                flow_values(found.grid, self.case.feeder),
                cost,
                float(found.total_cost.sum()),
            )
            if exact_periods(best.cone, self.case.limits)[:applied].all() and abs(cost - before) <= CCP_CHANGE * max(
                least, abs(cost)
            ):
                return best, step
            price = SLACK_GROWTH * price
        return best, CCP_STEPS

    def _least(self, window: Window) -> float:
        """Return the least cost that a change of it is compared with."""
        return COST_FLOOR * units_of(self.case, window).money(self.case.period_h)

    def _physical(self, plan: DispatchPlan, applied: int) -> DispatchPlan | None:
        """Keep the setpoints, take the grid's state from the AC power flow; None if it has none."""
        if self.power_flow is None:
            return None
        p_mw, q_mvar = plan.p_gen_mw - plan.p_load_mw, plan.q_gen_mvar - plan.q_load_mvar
        wrong = np.flatnonzero(~exact_periods(plan.cone, self.case.limits)[:applied])
        states = {int(k): self.power_flow(p_mw[:, k], q_mvar[:, k]) for k in wrong}
        if not all(state.converged for state in states.values()):
            return None
        return with_states(self.case, plan, states)

    def _true_cost(self, plan: DispatchPlan) -> dict[str, Array]:
        """Return the plan's cost at the scenario's own loss price."""
        loss_price = self.case.settings.loss_price_per_mwh
        return {**plan.cost, "losses": self.case.period_h * loss_price * plan.grid.loss_mw}


def _rank(plan: DispatchPlan) -> tuple[bool, float]:
    """Return what orders repaired plans: the state of given setpoints last, since it keeps no limit; then the cost."""
    return plan.restoration is not None and plan.restoration.method == "ac", float(plan.total_cost.sum())


def _priced(plan: DispatchPlan) -> bool:
    return plan.restoration is not None and not plan.restoration.price_objection


def _keeps_limits(case: DispatchCase, grid: GridState) -> bool:
    """Whether voltages and currents are within their limits as far as the gate asks, none of them missed at a price."""
    low, high = case.feeder.v_min_pu[:, None] - grid.vm_pu, grid.vm_pu - case.feeder.v_max_pu[:, None]
    voltage = np.maximum(low, high)[case.feeder.child]
    limits, over = case.limits, over_limit_rel(case.feeder, grid)
    return bool((voltage <= limits.ac_voltage_violation_pu).all() and (over <= limits.ac_current_violation_rel).all())


def without_prices(plan: DispatchPlan) -> DispatchPlan:
    """Return the plan without nodal prices: the multipliers at hand belong to another programme."""
    nothing = np.full_like(plan.price_per_mwh, np.nan), np.full_like(plan.station_price_per_mwh, np.nan)
    return replace(plan, price_per_mwh=nothing[0], station_price_per_mwh=nothing[1])


def loss_price_floor(case: DispatchCase, window: Window) -> float | None:
    """Return max(1, 1 % of the mean |tariff|) if tariff plus loss price is below it in some period, else None.

    Below, wasted energy costs nothing or earns money, so the cones need not be tight.
    """
    floor = max(1.0, 0.01 * float(np.abs(case.tariff_per_mwh).mean()))
    price = window.tariff_per_mwh + window.loss_price_per_mwh
    return floor if bool((price < floor).any()) else None


def with_states(case: DispatchCase, plan: DispatchPlan, states: Mapping[int, GridState]) -> DispatchPlan:
    """Return the plan with AC voltages, flows, losses and import in the given periods; setpoints stay."""
    grid = plan.grid.replaced(states)
    change = grid.slack_mw - plan.grid.slack_mw
    tariff = case.tariff_per_mwh[plan.start : plan.start + plan.length]
    paid = case.period_h * tariff * change
    return replace(
        plan,
        grid=grid,
        cone=cone_gap(flow_values(grid, case.feeder), case.feeder, plan.own_power_mw),
        cost={**plan.cost, "energy": plan.cost["energy"] + paid},
        devices={name: _exchanging(d, grid.slack_mw, grid.slack_mvar, paid) for name, d in plan.devices.items()},
    )


def _exchanging(device: DeviceOutcome, p_mw: Array, q_mvar: Array, paid: Array) -> DeviceOutcome:
    """Return the substation with the AC exchange; any other device as it is."""
    if device.traits.side != "exchange":
        return device
    return replace(device, p_mw=p_mw, q_mvar=q_mvar, cost=device.cost + paid)
