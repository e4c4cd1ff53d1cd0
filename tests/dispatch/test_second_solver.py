"""The exact AC problem in the devices' setpoints, written independently and solved by sequential quadratic programming.

No line flow, no cone: the state follows from complex voltages V = V0 - B conj(s / V) (backward/forward sweep), so what
agrees here is the cost of a physical state and the relaxation's bound. Agreement reached: 5e-8 of the cost, most of it
the solver's tolerance (1e-8 of the duality gap).
"""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import Bounds, minimize

from cosim.dispatch.controller import initial_states, make_window
from cosim.dispatch.problem import DispatchProblem

STEP = 1e-5
THOUSANDS = 1e-3  # cost in thousands is of the size of the constraints, which the method needs to end accurately


class AcOptimum:
    """Cost and limits of ``hours`` as functions of the setpoints, one row per setpoint, one column per hour.

    Rows: turbine P, Q; photovoltaic P, Q; wind P, Q; storage charge, discharge, Q; per node cut and refill.
    """

    def __init__(self, day: SimpleNamespace, case, hours: slice, states: dict[str, float]) -> None:
        self.day, self.case, self.feeder = day, case, case.feeder
        self.hours = case.periods
        self.dr = day.dr_buses if self.hours > 1 else ()
        self.rows = 9 + 2 * len(self.dr)
        f = self.feeder
        self.way = f.path_incidence.toarray()
        self.impedance = self.way.T @ np.diag(f.r_pu + 1j * f.x_pu) @ self.way
        load = case.base_p_mw + 1j * case.base_q_mvar
        for bus, ev in zip(case.station_buses, day.ev_mw[:, hours], strict=True):
            load[bus] += ev
        self.load = load
        self.cap_mw = np.array([0.3 * case.base_p_mw[f.bus_position(bus)] for bus in self.dr])
        self.states = states

    def bounds(self) -> Bounds:
        hours, series = self.hours, self.case.series
        high = np.zeros((self.rows, hours))
        high[0], high[1] = 0.5, 0.375
        high[2], high[3] = series["pv"]["available_mw"], 0.8
        high[4], high[5] = series["wt"]["available_mw"], 0.6
        high[6], high[7], high[8] = 0.4, 0.4, 0.48
        low = np.zeros((self.rows, hours))
        low[[3, 5, 8]] = -high[[3, 5, 8]]
        for n, cap in enumerate(self.cap_mw):
            high[9 + 2 * n] = high[10 + 2 * n] = cap
        return Bounds(low.ravel(), high.ravel())

    def state(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Voltage magnitudes, import and loss; x has shape (batch, rows, hours)."""
        f = self.feeder
        net = np.repeat(self.load[:, None, :], x.shape[0], axis=1).astype(complex)
        at = f.bus_position
        for bus, value in (
            ("33", x[:, 0] + 1j * x[:, 1]),
            ("28", x[:, 2] + 1j * x[:, 3]),
            ("14", x[:, 4] + 1j * x[:, 5]),
            ("18", x[:, 7] - x[:, 6] + 1j * x[:, 8]),
            *((bus, x[:, 9 + 2 * n] - x[:, 10 + 2 * n]) for n, bus in enumerate(self.dr)),
        ):
            net[at(bus)] -= value
        s = net[f.child].reshape(f.n_lines, -1) / f.base_mva
        below = np.full(s.shape, f.slack_vm_pu, dtype=complex)
        change = np.inf
        while not change <= 1e-14:
            before, below = below, f.slack_vm_pu - self.impedance @ np.conj(s / below)
            change = float(np.abs(below - before).max())
        current_sq = np.abs(self.way @ (s / below)) ** 2
        shape = (x.shape[0], self.hours)
        loss = f.base_mva * (f.r_pu @ current_sq).reshape(shape)
        return np.abs(below).reshape(f.n_lines, *shape), net.real.sum(axis=0) + loss, loss

    def cost(self, x: np.ndarray) -> np.ndarray:
        _, imported, loss = self.state(x)
        cut = x[:, 9::2].sum(axis=1)
        hourly = self.case.tariff_per_mwh * imported + 0.024 * x[:, 0] ** 2 + 85 * x[:, 0] + 105 * cut + 100 * loss
        return hourly.sum(axis=1)

    def inequalities(self, x: np.ndarray) -> np.ndarray:
        """Everything that must be >= 0, shape (batch, rules)."""
        vm, _, _ = self.state(x)
        f = self.feeder
        stored = self.states["energy_mwh"] + np.cumsum(0.95 * x[:, 6] - x[:, 7] / 0.95, axis=1)
        before = np.full((x.shape[0], 1), self.states["p_mw"])
        steps = np.diff(np.concatenate([before, x[:, 0]], axis=1), axis=1)
        rules = [
            0.8**2 - x[:, 2] ** 2 - x[:, 3] ** 2,
            0.6**2 - x[:, 4] ** 2 - x[:, 5] ** 2,
            0.48**2 - (x[:, 7] - x[:, 6]) ** 2 - x[:, 8] ** 2,
            stored - 0.32,
            1.28 - stored,
            0.2 - steps,
            0.2 + steps,
            vm.min(axis=0) - f.v_min_pu.max(),
            f.v_max_pu.min() - vm.max(axis=0),
        ]
        if self.hours > 1:
            rules.append(stored[:, -1:] - 0.8)
        return np.concatenate(rules, axis=1)

    def balances(self, x: np.ndarray) -> np.ndarray:
        """Demand response per node, which must be 0."""
        return x[:, 9::2].sum(axis=2) - x[:, 10::2].sum(axis=2)

    def _wrap(self, function, size: int):
        shape = (-1, self.rows, self.hours)
        offsets = STEP * np.eye(size)
        return (
            lambda x: function(x.reshape(shape))[0],
            lambda x: (
                ((function((x + offsets).reshape(shape)) - function((x - offsets).reshape(shape))) / (2 * STEP)).T
            ),
        )

    def solve(self, start: np.ndarray) -> float:
        size = start.size
        fun, jac = self._wrap(lambda x: THOUSANDS * self.cost(x), size)
        rule, rule_jac = self._wrap(self.inequalities, size)
        constraints = [{"type": "ineq", "fun": rule, "jac": rule_jac}]
        if self.dr:
            balance, balance_jac = self._wrap(self.balances, size)
            constraints.append({"type": "eq", "fun": balance, "jac": balance_jac})
        result = minimize(
            fun, start, jac=jac, bounds=self.bounds(), constraints=constraints, method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 300},
        )  # fmt: skip
        # Its own word is not asked: a feasible point whose cost meets the relaxation's bound is the optimum.
        assert rule(result.x).min() >= -1e-9
        assert not self.dr or np.abs(balance(result.x)).max() <= 1e-9
        return float(result.fun) / THOUSANDS


def dispatch_and_optimum(day, hours: slice, **feeder: float) -> tuple[float, float]:
    mode = "single_period" if hours.stop - hours.start == 1 else "day_ahead"
    case = day.case(day.read(**feeder), periods=hours, mode=mode)
    own = {"energy_mwh": 0.9, "p_mw": 0.1}
    states = initial_states(case) | {"ess": {"energy_mwh": 0.9}, "gt": {"p_mw": 0.1}}
    window = make_window(case, 0, case.periods, day.ev_mw[:, hours])
    plan = DispatchProblem(case, case.periods, elastic=False).solve(window, states)
    assert plan.record.status == "optimal"
    other = AcOptimum(day, case, hours, own)
    # A plain feasible start that owes nothing to the plan.
    start = np.zeros((other.rows, other.hours))
    start[0] = np.minimum(0.1 + 0.2 * np.arange(1, other.hours + 1), 0.5)
    start[2], start[4] = case.series["pv"]["available_mw"], case.series["wt"]["available_mw"]
    return plan.total_cost.sum(), other.solve(start.ravel())


@pytest.mark.parametrize("hour", [3, 12, 19])
def test_single_hours_cost_what_the_ac_optimum_costs(day, hour):
    ours, other = dispatch_and_optimum(day, slice(hour, hour + 1))
    assert ours == pytest.approx(other, rel=1e-7)


def test_hour_with_a_binding_voltage_limit_costs_what_the_ac_optimum_costs(day):
    ours, other = dispatch_and_optimum(day, slice(19, 20), v_min_pu=0.995)
    free, _ = dispatch_and_optimum(day, slice(19, 20))
    assert ours > free + 1.0
    assert ours == pytest.approx(other, rel=1e-7)


def test_three_coupled_hours_cost_what_the_ac_optimum_costs(day):
    """Ramp, storage and demand response across the fall from peak to flat price."""
    ours, other = dispatch_and_optimum(day, slice(20, 23))
    assert ours == pytest.approx(other, rel=1e-7)
