"""Branch flow of a radial feeder with relaxed cones (Eqs 12-16; Baran and Wu 1989, Farivar and Low 2013).

Per unit throughout. Line k runs from its sending bus i to its child bus; P, Q are flows at the sending end,
l the squared current, v the squared voltage. In a feeder with a circuit P, Q, l are those of the series impedance,
which the voltage behind the ratio drives (``v' = v / t^2``), and shunts draw from the buses. The programme is written
in the feeder's own base; `scaling` turns it into units that suit a solver.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cosim.arrays import Array, BoolArray, IntArray
from cosim.dispatch.devices.base import Injection
from cosim.grid.circuit import Circuit, loading_rows
from cosim.grid.ends import at_ends, passive_of
from cosim.grid.feeder import NO_VM_PU, Feeder
from cosim.grid.loading import series_of
from cosim.grid.state import GridState

if TYPE_CHECKING:
    import cvxpy as cp
    import scipy.sparse as sp


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowValues:
    """A solved branch flow: arrays per line ``(m, periods)`` and per bus ``(n, periods)``, per unit."""

    p: Array
    q: Array
    current_sq: Array
    voltage_sq: Array
    behind_sq: Array | None = None
    """v of each line's sending bus behind the ratio, where taps are free; else it follows from `voltage_sq`."""

    def sending_voltage_sq(self, feeder: Feeder) -> Array:
        """Return v of each line's sending bus, behind the ratio, shape ``(m, periods)``."""
        if self.behind_sq is not None:
            return self.behind_sq
        voltage_sq = self.voltage_sq[feeder.parent]
        return voltage_sq if feeder.plain else voltage_sq / feeder.ratios[0][:, None] ** 2

    def loss_mw(self, feeder: Feeder) -> Array:
        """Return the active loss, MW, shape ``(periods,)``."""
        if feeder.plain:
            return np.asarray(feeder.base_mva * (feeder.r_pu @ self.current_sq))
        return np.asarray(feeder.base_mva * (feeder.r_pu @ self.current_sq + feeder.lossy_shunts_pu @ self.voltage_sq))

    def state(self, feeder: Feeder) -> dict[str, Array]:
        """Return the fields of a `GridState` that the flow tells of."""
        vm_pu = np.sqrt(self.voltage_sq)
        if feeder.circuit is not None:
            power, current_sq = np.asarray(self.p + 1j * self.q, dtype=np.complex128), np.maximum(self.current_sq, 0.0)
            passive = passive_of(feeder, feeder.circuit)
            return {"vm_pu": vm_pu, **at_ends(feeder, feeder.circuit, passive, self.voltage_sq, power, current_sq)}
        return {
            "vm_pu": vm_pu, "i_ka": np.sqrt(np.maximum(self.current_sq, 0.0)) * feeder.base_current_ka,
            "p_from_mw": self.p * feeder.base_mva, "q_from_mvar": self.q * feeder.base_mva,
            "loss_mw": self.loss_mw(feeder),
        }  # fmt: skip


def flow_values(state: GridState, feeder: Feeder) -> FlowValues:
    """Return a state of many periods per unit."""
    if not feeder.plain:
        seen = series_of(feeder, state)
        return FlowValues(p=seen.p, q=seen.q, current_sq=state.current_sq_pu, voltage_sq=state.vm_pu**2)
    return FlowValues(
        p=state.p_from_mw / feeder.base_mva,
        q=state.q_from_mvar / feeder.base_mva,
        current_sq=(state.i_ka / feeder.base_current_ka) ** 2,
        voltage_sq=state.vm_pu**2,
    )


class BranchFlow:
    """Variables and constraints of Eqs 12, 14-16 for a window of periods.

    Parameters
    ----------
    feeder
        The radial feeder (n buses, m lines).
    periods
        Window length.
    voltage_slack
        Whether the voltage limits may be missed at a price (last resort).
    outages
        Whether buses may be without supply: `supply` then says which, before each solve. Without load and devices
        nothing flows to them; their voltage is that of the open end, and no limit holds for it.
    """

    def __init__(self, feeder: Feeder, periods: int, *, voltage_slack: bool = False, outages: bool = False) -> None:
        import cvxpy as cp

        m, n = feeder.n_lines, feeder.n_buses
        self.feeder = feeder
        self.periods = periods
        self.p = cp.Variable((m, periods))
        self.q = cp.Variable((m, periods))
        self.current_sq = cp.Variable((m, periods))
        self.child_voltage_sq = cp.Variable((m, periods))
        self.p_load = cp.Parameter((n, periods))
        self.q_load = cp.Parameter((n, periods))
        self.low_slack = cp.Variable((m, periods)) if voltage_slack else None
        self.high_slack = cp.Variable((m, periods)) if voltage_slack else None
        self.low_sq = np.repeat((feeder.v_min_pu[feeder.child] ** 2)[:, None], periods, axis=1)
        self.high_sq = np.repeat((feeder.v_max_pu[feeder.child] ** 2)[:, None], periods, axis=1)
        self.limits_sq = (cp.Parameter((m, periods)), cp.Parameter((m, periods))) if outages else None
        self.taps = None if feeder.circuit is None else feeder.circuit.free
        self.tapped_sq = None if self.taps is None else cp.Variable((len(self.taps), periods))

    def leaves(self) -> tuple[list[cp.Variable], list[cp.Parameter]]:
        """Return the variables and the parameters."""
        return [self.p, self.q, self.current_sq, *self.voltages()], [self.p_load, self.q_load, *(self.limits_sq or ())]

    def supply(self, supplied: BoolArray | None) -> None:
        """Set which buses are supplied, shape ``(n, periods)``; None: all."""
        if self.limits_sq is not None:
            on = np.array(True) if supplied is None else supplied[self.feeder.child]
            for parameter, limit, free in zip(self.limits_sq, (self.low_sq, self.high_sq), NO_VM_PU, strict=True):
                parameter.value = np.where(on, limit, free**2)

    def voltages(self) -> list[cp.Variable]:
        """Return the variables in pu^2 of voltage."""
        variables = (self.child_voltage_sq, self.low_slack, self.high_slack, self.tapped_sq)
        return [v for v in variables if v is not None]

    def sending_voltage_sq(self) -> cp.Expression:
        """Return v at each line's sending bus, behind the ratio; the slack's is a number."""
        return self._behind(self._parent_voltage_sq(1.0 / self.feeder.ratios[0] ** 2), at_parent=True)

    def _parent_voltage_sq(self, weight: Array) -> cp.Expression:
        """Return v of each line's sending bus times a weight."""
        import scipy.sparse as sp

        f = self.feeder
        upstream = f.line_of_bus[f.parent]
        below = np.flatnonzero(upstream >= 0)
        shape = (f.n_lines, f.n_lines)
        select = sp.csr_array((weight[below], (below, upstream[below])), shape=shape)
        root = np.where(upstream < 0, f.slack_vm_pu**2 * weight, 0.0)[:, None]
        return select @ self.child_voltage_sq + np.repeat(root, self.p.shape[1], axis=1)

    def _receiving_voltage_sq(self) -> cp.Expression:
        """Return v at each line's child, behind the ratio."""
        import scipy.sparse as sp

        if self.feeder.plain:
            return self.child_voltage_sq
        behind = sp.diags_array(1.0 / self.feeder.ratios[1] ** 2).tocsr() @ self.child_voltage_sq
        return self._behind(behind, at_parent=False)

    def _behind(self, voltage_sq: cp.Expression, *, at_parent: bool) -> cp.Expression:
        """Return v behind the ratios of one end, with those that are free in the place of the fixed ones."""
        import scipy.sparse as sp

        if self.taps is None or self.tapped_sq is None:
            return voltage_sq
        here = np.flatnonzero(self.taps.at_parent == at_parent)
        kept = np.ones(self.feeder.n_lines)
        kept[self.taps.branch[here]] = 0.0
        shape = (self.feeder.n_lines, len(self.taps))
        put = sp.csr_array((np.ones(here.size), (self.taps.branch[here], here)), shape=shape)
        return sp.diags_array(kept).tocsr() @ voltage_sq + put @ self.tapped_sq

    def _tap_ranges(self) -> Iterator[cp.Constraint]:
        """Yield the range of v behind free taps."""
        if self.taps is None or self.tapped_sq is None:
            return
        ends = np.sort(np.stack([self.taps.factor(at) for at in (self.taps.lowest, self.taps.highest)]), axis=0)
        near, far = (1.0 / ratio**2 for ratio in self.feeder.ratios)
        above = self._parent_voltage_sq(near)
        for k, branch in enumerate(self.taps.branch):
            fixed = above[branch] if self.taps.at_parent[k] else far[branch] * self.child_voltage_sq[branch]
            yield self.tapped_sq[k] >= fixed / ends[1, k] ** 2
            yield self.tapped_sq[k] <= fixed / ends[0, k] ** 2

    def tap_factors(self) -> Array:
        """Return by what the answer multiplies the ratios of free taps, shape ``(taps, periods)``."""
        taps, values = self.taps, self.values()
        if taps is None or self.tapped_sq is None:
            return np.empty((0, self.periods))
        near, far = self.feeder.ratios
        bus = np.where(taps.at_parent, self.feeder.parent[taps.branch], self.feeder.child[taps.branch])
        ratio = np.where(taps.at_parent, near[taps.branch], far[taps.branch])
        return np.asarray(np.sqrt(values.voltage_sq[bus] / self.tapped_sq.value) / ratio[:, None])

    def constraints(self, injections: Sequence[Injection]) -> Iterator[cp.Constraint]:
        """Yield balances (the active one first), voltage drops, cones and limits."""
        import scipy.sparse as sp

        f = self.feeder
        lines = np.arange(f.n_lines)
        ends = np.concatenate([f.child, f.parent]), np.concatenate([lines, lines])
        signs = np.repeat([1.0, -1.0], f.n_lines)
        incidence = sp.csr_array((signs, ends), shape=(f.n_buses, f.n_lines))
        yield from self._balances(incidence, injections)
        sending = self.sending_voltage_sq()
        r, x = (sp.diags_array(part).tocsr() for part in (f.r_pu, f.x_pu))
        yield (
            self._receiving_voltage_sq()
            == sending - 2.0 * (r @ self.p + x @ self.q) + (r @ r + x @ x) @ self.current_sq
        )
        yield self._cones(sending)
        yield from self._limits()
        yield from self._tap_ranges()

    def _balances(self, incidence: sp.csr_array, injections: Sequence[Injection]) -> Iterator[cp.Constraint]:
        """Yield Eq 12 for every bus, the slack included; their duals are the nodal prices."""
        import scipy.sparse as sp

        f = self.feeder
        for flow, load, impedance, part in (
            (self.p, self.p_load, f.r_pu, "p_mw"),
            (self.q, self.q_load, f.x_pu, "q_mvar"),
        ):
            places = (f.child, np.arange(f.n_lines))
            loss = sp.csr_array((impedance, places), shape=incidence.shape)
            injected = gather(injections, part, f.n_buses) / f.base_mva
            balance = incidence @ flow - loss @ self.current_sq + injected
            yield (balance if f.circuit is None else balance - self._drawn(f.circuit, part)) == load

    def _drawn(self, circuit: Circuit, part: str, *, lost: bool = False) -> cp.Expression:
        """Return the active or reactive power that shunts draw from each bus, or the part that is lost there."""
        import scipy.sparse as sp

        f, lines = self.feeder, np.arange(self.feeder.n_lines)
        shunts = circuit.shunt_parent_pu, circuit.shunt_child_pu, circuit.shunt_bus_pu
        near, far, at_bus = (shunt.real if part == "p_mw" else -shunt.imag for shunt in shunts)
        at_bus = np.where(circuit.inside, at_bus, 0.0) if lost else at_bus
        shape, root = (f.n_buses, f.n_lines), np.zeros((f.n_buses, self.periods))
        root[f.slack] = at_bus[f.slack] * f.slack_vm_pu**2
        return (
            sp.csr_array((near, (f.parent, lines)), shape=shape) @ self.sending_voltage_sq()
            + sp.csr_array((far, (f.child, lines)), shape=shape) @ self._receiving_voltage_sq()
            + sp.csr_array((at_bus[f.child], (f.child, lines)), shape=shape) @ self.child_voltage_sq
            + root
        )

    def _cones(self, sending: cp.Expression) -> cp.Constraint:
        """Return ||(2P, 2Q, l - v)|| <= l + v (Eq 15)."""
        import cvxpy as cp

        def flat(expression: cp.Expression) -> cp.Expression:
            return cp.vec(expression, order="F")

        rows = [flat(2.0 * self.p), flat(2.0 * self.q), flat(self.current_sq - sending)]
        return cp.SOC(flat(self.current_sq + sending), cp.vstack(rows), axis=0)

    def _limits(self) -> Iterator[cp.Constraint]:
        """Yield the limits of Eq 16: voltages, and currents where a line has a limit."""
        f, periods = self.feeder, self.periods
        low, high = (self.low_sq, self.high_sq) if self.limits_sq is None else self.limits_sq
        if self.low_slack is None or self.high_slack is None:
            yield self.child_voltage_sq >= low
            yield self.child_voltage_sq <= high
        else:
            yield self.low_slack >= 0
            yield self.high_slack >= 0
            yield self.child_voltage_sq + self.low_slack >= low
            yield self.child_voltage_sq - self.high_slack <= high
        yield self.current_sq >= 0
        limited = np.flatnonzero(np.isfinite(f.i_max_ka))
        if limited.size:
            most = (f.i_max_ka[limited] / f.base_current_ka) ** 2
            yield self.current_sq[limited] <= np.repeat(most[:, None], periods, axis=1)
        if f.circuit is not None:
            yield from self._loadings(f.circuit)

    def _loadings(self, circuit: Circuit) -> Iterator[cp.Constraint]:
        """Yield how elements may be loaded: rows of the squared current at either end, cones of apparent power."""
        import cvxpy as cp

        currents, powers = loading_rows(circuit, self.feeder.series_pu)
        if currents.branch.size:
            yield self._seen(currents.branch, currents.weights) <= 1.0
        if powers.branch.size:
            parts = (self._seen(powers.branch, part) for part in (powers.weights.real, powers.weights.imag))
            flat = [cp.vec(part, order="F") for part in parts]
            yield cp.SOC(np.ones(powers.branch.size * self.periods), cp.vstack(flat), axis=0)

    def _seen(self, branch: IntArray, weights: Array) -> cp.Expression:
        """Return weighted sums of v behind the ratio, l, P and Q of some branches, shape ``(rows, periods)``."""
        import scipy.sparse as sp

        shape, rows = (branch.size, self.feeder.n_lines), np.arange(branch.size)
        parts = (self.sending_voltage_sq(), self.current_sq, self.p, self.q)
        return sum(
            sp.csr_array((weight, (rows, branch)), shape=shape) @ part
            for weight, part in zip(weights.T, parts, strict=True)
            if weight.any()
        )

    def loss_mw(self) -> cp.Expression:
        """Return the active loss per period, MW."""
        import cvxpy as cp

        f = self.feeder
        series = f.base_mva * (f.r_pu @ self.current_sq)
        if f.circuit is None:
            return series
        return series + f.base_mva * cp.sum(self._drawn(f.circuit, "p_mw", lost=True), axis=0)

    def fixed_loss_mw(self) -> float:
        """Return what is lost whatever is decided, MW: in shunts at the slack bus, whose voltage is held.

        Behind a free tap changer the voltage is not, and what its shunt draws is a decision's.
        """
        f = self.feeder
        lost_pu = float(f.lossy_shunts_pu[f.slack])
        if f.circuit is not None and self.taps is not None:
            free = self.taps.branch[self.taps.at_parent & (f.parent[self.taps.branch] == f.slack)]
            lost_pu -= float((f.circuit.shunt_parent_pu[free].real / f.circuit.ratio_parent[free] ** 2).sum())
        return f.base_mva * lost_pu * f.slack_vm_pu**2

    def values(self) -> FlowValues:
        """Return the solved flow."""
        f = self.feeder
        voltage_sq = np.full((f.n_buses, self.p.shape[1]), f.slack_vm_pu**2)
        voltage_sq[f.child] = self.child_voltage_sq.value
        return FlowValues(
            p=np.array(self.p.value),
            q=np.array(self.q.value),
            current_sq=np.array(self.current_sq.value),
            voltage_sq=voltage_sq,
            behind_sq=None if self.taps is None else np.array(self.sending_voltage_sq().value),
        )


def gather(injections: Sequence[Injection], part: str, n_buses: int) -> cp.Expression:
    """Return the sum of all injections per bus, shape ``(n, periods)``, MW or Mvar."""
    import cvxpy as cp
    import scipy.sparse as sp

    rows: list[cp.Expression] = []
    buses: list[int] = []
    for injection in injections:
        power = getattr(injection, part)
        if power is not None:
            rows.append(power)
            buses.extend(injection.buses)
    spread = sp.csr_array((np.ones(len(buses)), (buses, np.arange(len(buses)))), shape=(n_buses, len(buses)))
    return spread @ cp.vstack(rows)
