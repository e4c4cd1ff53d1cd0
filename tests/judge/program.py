"""The dispatch as a cone programme of our own, written from its description, and solved at a scale of our own.

One window of the day: what the devices, the feeder and the last resorts may do, and what that costs. The model is the
relaxation (squared currents may exceed what power and voltage make them), so its optimum bounds every plan from below.
So does that of the same model with a limit on every current that no plan can exceed: what the buses below a line draw
or give at most, at the lowest voltage.
"""

from dataclasses import dataclass

import numpy as np

from tests.judge.cones import INFEASIBLE, OPTIMAL, Affine, Cones

ACCURATE = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11, "max_threads": 1}
COARSER = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9, "max_threads": 1}


@dataclass
class Window:
    """What a window is solved for; loads per bus, charging per station, MW; states before it by device."""

    start: int
    length: int
    ev_mw: np.ndarray
    state: dict


@dataclass
class Answer:
    """Optimum of a window; None where there is none. ``scale`` is the money that its terms move."""

    status: str
    cost: float = np.nan
    scale: float = np.nan
    price: np.ndarray | None = None
    gap_rel: np.ndarray | None = None
    bought_mw: np.ndarray | None = None


class Programme:
    """The dispatch of a scenario."""

    def __init__(self, case, station_buses, tariff):
        self.case, self.grid = case, case.grid()
        self.p_mw, self.q_mvar = case.base_load(self.grid)
        self.settings = case.dispatch
        self.buses, self.tariff = station_buses, tariff
        self.couples = self.settings["mode"] != "single_period"

    def solve(self, window, *, elastic=False, extra=None, possible=False):
        """Return the optimum; ``extra`` is further load per bus and period, MW, ``possible`` limits the currents."""
        answer = Answer("failed")
        for size, options in ((1.0, ACCURATE), (1.0, COARSER), (0.2, COARSER), (5.0, COARSER)):
            answer = self._attempt(window, elastic, extra, possible, size, options)
            if answer.status in (OPTIMAL, INFEASIBLE):
                return answer
        return answer

    def _attempt(self, window, elastic, extra, possible, size, options):
        model = _Model(self, window, elastic, extra, size)
        if possible:
            model.limit_currents()
        status, columns, multipliers = model.cones.solve(model.worth, options)
        if status == OPTIMAL and np.isfinite(columns).all():
            return model.answer(columns, multipliers)
        return Answer(status if status == INFEASIBLE else "failed")


class _Model:
    def __init__(self, programme, window, elastic, extra, size):
        self.pro, self.window, self.elastic = programme, window, elastic
        self.case, self.grid, self.h = programme.case, programme.grid, programme.case.hours
        self.span = slice(window.start, window.start + window.length)
        self.n, self.length = len(self.grid.ids), window.length
        base_p, base_q = programme.p_mw[:, self.span], programme.q_mvar[:, self.span]
        load = base_p.copy()
        np.add.at(load, programme.buses, window.ev_mw)
        self.moved = float(np.abs(load).sum(axis=0).max())
        ratings = [one.get("p_max_mw", one.get("s_max_mva", 0.0)) for one in self.case.devices]
        self.unit = size * max(self.moved, *ratings, 1e-9)  # MW of one unit of power
        if extra is not None:
            load = load + extra
        self.base_p, self.base_q, self.load = base_p, base_q, load
        self.cones = Cones()
        self.inject_p = [[] for _ in range(self.n)]
        self.inject_q = [[] for _ in range(self.n)]
        self.lowered = [[] for _ in range(self.n)]
        for device in self.case.devices:
            getattr(self, f"_{device['kind']}")(device)
        if elastic:
            self._last_resorts()
        self._feeder(load)
        money = max(float(np.abs(programme.tariff[self.span]).max()), self._mu, 1.0)
        self.worth = money * self.unit * self.h

    @property
    def _mu(self):
        return self.pro.settings["loss_price_per_mwh"]

    def _var(self):
        return self.cones.variable(self.length)

    def _pay(self, per_mwh, power):
        """Add money per MWh for a power in units."""
        self.cones.pay(self.h * self.unit * np.asarray(per_mwh) * power)

    def _within(self, variable, low, high):
        self.cones.nonnegative(variable - np.asarray(low) / self.unit)
        self.cones.nonnegative(np.asarray(high) / self.unit - variable)

    def _bus(self, device):
        return self.grid.ids.index(str(device["bus"]))

    def _circle(self, p, q, most):
        self.cones.cone(most / self.unit, p, q)

    def _substation(self, device):
        self.bought, self.bought_q = self._var(), self._var()
        self.inject_p[self.grid.slack].append(self.bought)
        self.inject_q[self.grid.slack].append(self.bought_q)
        if not device.get("export", True):
            self.cones.nonnegative(self.bought)
        elif device.get("export_max_mw") is not None:
            self.cones.nonnegative(self.bought + device["export_max_mw"] / self.unit)
        if device.get("import_max_mw") is not None:
            self.cones.nonnegative(device["import_max_mw"] / self.unit - self.bought)
        self._pay(self.pro.tariff[self.span], self.bought)

    def _storage(self, device):
        into, out = self._var(), self._var()
        capacity, most = device["capacity_mwh"], device["p_max_mw"]
        gain = device.get("charge_efficiency", 0.95) * into - out / device.get("discharge_efficiency", 0.95)
        start = self.window.state[device["name"]]
        stored = start / self.unit + self.h * gain.running()
        self._within(into, 0, most)
        self._within(out, 0, most)
        self._within(stored, device.get("soc_min", 0.2) * capacity, device.get("soc_max", 0.8) * capacity)
        bus = self._bus(device)
        if device.get("reactive", True):
            q = self._var()
            self._circle(out - into, q, device["s_max_mva"])
            self.inject_q[bus].append(q)
        else:
            self._within(into, 0, device["s_max_mva"])
            self._within(out, 0, device["s_max_mva"])
        self.inject_p[bus].append(out - into)
        if device.get("wear_cost_per_mwh"):
            self._pay(device["wear_cost_per_mwh"], out)
        rule = device.get("soc_end", "at_least")
        if self.pro.couples and rule != "free":
            balance = stored.row(-1) - device.get("soc_initial", 0.5) * capacity / self.unit
            balance = balance + self._missing() - (self._missing() if rule == "equal" else 0.0)
            (self.cones.zero if rule == "equal" else self.cones.nonnegative)(balance)

    def _missing(self):
        """Return a priced shortfall of energy in the elastic model, 0 in the hard one."""
        if not self.elastic:
            return 0.0
        amount = self.cones.variable(1)
        self.cones.nonnegative(amount)
        self.cones.pay(self.unit * self.pro.settings["ev_curtailment_price_per_mwh"] * amount)
        return amount

    def _photovoltaic(self, device):
        p, bus = self._var(), self._bus(device)
        factor, free = device.get("power_factor", 1.0), device.get("reactive", True)
        offered = self._offered(device) / self.unit
        if device.get("curtailable", True) or self.elastic:
            self._within(p, 0, offered * self.unit)
        else:
            self.cones.zero(p - offered)
        self.inject_p[bus].append(p)
        if free:
            q = self._var()
            self._circle(p, q, device["s_max_mva"])
            self.inject_q[bus].append(q)
        else:
            self.inject_q[bus].append(np.sign(factor) * np.sqrt(1.0 / factor**2 - 1.0) * p)

    _wind = _photovoltaic

    def _offered(self, device):
        """Return what weather and rating allow, MW."""
        share = 1.0 if device.get("reactive", True) else abs(device.get("power_factor", 1.0))
        return np.minimum(self.case.series(device["available_mw"])[self.span], device["s_max_mva"] * share)

    def _gas_turbine(self, device):
        p, q, bus = self._var(), self._var(), self._bus(device)
        self._within(p, 0, device["p_max_mw"])
        self._within(q, device.get("q_min_mvar", 0.0), device.get("q_max_mvar", 0.0))
        if device.get("ramp_mw_per_h") is not None:
            step = device["ramp_mw_per_h"] * self.h / self.unit
            before = self.window.state.get(device["name"])
            changes = [] if before is None else [p.row(0) - before / self.unit]
            for change in [*changes, p.steps()] if self.length > 1 else changes:
                self.cones.nonnegative(step - change)
                self.cones.nonnegative(step + change)
        self.inject_p[bus].append(p)
        self.inject_q[bus].append(q)
        self._pay(device.get("cost_per_mwh", 0.0), p)
        if device.get("cost_quadratic_per_mw2h"):
            self.cones.pay_squares(self.h * self.unit**2 * device["cost_quadratic_per_mw2h"], p)

    def _demand_response(self, device):
        if not self.pro.couples:
            return
        cut, back, bus = self._var(), self._var(), self._bus(device)
        most = device.get("share", 0.3) * np.maximum(self.base_p[bus], 0.0)
        self._within(cut, 0, most)
        self._within(back, 0, most)
        still = self.window.state[device["name"]] / self.unit
        self.cones.zero(self.h * (back - cut).total() + self._missing() - self._missing() - still)
        self.inject_p[bus].append(cut - back)
        self.lowered[bus].append(cut - back)
        self._pay(device.get("pay_per_mwh", 0.0), cut)

    def _interruptible_load(self, device):
        cut, bus = self._var(), self._bus(device)
        self._within(cut, 0, device.get("share", 0.3) * np.maximum(self.base_p[bus], 0.0))
        self.inject_p[bus].append(cut)
        self.lowered[bus].append(cut)
        self._pay(device.get("pay_per_mwh", 0.0), cut)

    def _last_resorts(self):
        settings = self.pro.settings
        for n, bus in enumerate(self.pro.buses):
            cut = self._var()
            self._within(cut, 0, np.maximum(self.window.ev_mw[n], 0.0))
            self.inject_p[bus].append(cut)
            self._pay(settings["ev_curtailment_price_per_mwh"], cut)
        for bus in range(self.n):
            most = np.maximum(self.base_p[bus], 0.0)
            if not most.any():
                continue
            shed = self._var()
            self._within(shed, 0, most)
            ratio = np.divide(self.base_q[bus], most, out=np.zeros_like(most), where=most > 0)
            self.inject_p[bus].append(shed)
            self.inject_q[bus].append(ratio * shed)
            if self.lowered[bus]:
                self.cones.nonnegative(most / self.unit - shed - sum(self.lowered[bus]))
            self._pay(settings["shedding_price_per_mwh"], shed)

    def _feeder(self, load):
        """Add balances, voltage drops, cones and limits: squared voltages by V0^2, squared currents (unit / V0)^2."""
        g, m = self.grid, len(self.grid.line_ids)
        source = (self.case.data["feeder"]["slack_vm_pu"] * g.kv) ** 2
        limits = self.case.data["feeder"]
        low = (limits["v_min_pu"] * g.kv) ** 2 / source
        high = (limits["v_max_pu"] * g.kv) ** 2 / source
        p, q, j, w = ([self._var() for _ in range(m)] for _ in range(4))
        r, x = (part * self.unit / source for part in (g.ohm.real, g.ohm.imag))
        voltage, self.current = [Affine.of(1.0, self.length)] * self.n, j
        for k in range(m):
            voltage[g.child[k]] = w[k]
        self.balance = self._balances((p, r, self.inject_p, load))
        self._balances((q, x, self.inject_q, self.base_q))
        for k in range(m):
            sending = voltage[g.parent[k]]
            self.cones.zero(sending - 2 * (r[k] * p[k] + x[k] * q[k]) + (r[k] ** 2 + x[k] ** 2) * j[k] - w[k])
            self.cones.cone(j[k] + sending, 2 * p[k], 2 * q[k], j[k] - sending)
            self.cones.nonnegative(j[k])
            if np.isfinite(g.limit_ka[k]):
                self.cones.nonnegative(3 * g.limit_ka[k] ** 2 * source / self.unit**2 - j[k])
            self._pay(self._mu, r[k] * j[k])
            self._voltage(w[k], low, high, source)
        self.flows = (p, q, j, voltage)

    def _balances(self, part):
        """Add that what comes in, less what is lost on the way, is what goes out; return the rules per bus."""
        (flow, loss, inject, want), g, rules = part, self.grid, []
        for bus in range(self.n):
            total = sum(inject[bus], -want[bus] / self.unit)
            for k in np.flatnonzero(g.child == bus):
                total = total + flow[k] - loss[k] * self.current[k]
            for k in np.flatnonzero(g.parent == bus):
                total = total - flow[k]
            rules.append(self.cones.zero(Affine.of(total, self.length)))
        return rules

    def _voltage(self, w, low, high, source):
        price = self.pro.settings["voltage_slack_price"]
        if not self.elastic or price is None:
            self.cones.nonnegative(w - low)
            self.cones.nonnegative(high - w)
            return
        for slack, room in ((self._var(), w - low), (self._var(), high - w)):
            self.cones.nonnegative(slack)
            self.cones.nonnegative(room + slack)
            self.cones.pay(self.h * price * source / self.grid.kv**2 * slack)

    def limit_currents(self):
        """Keep every current within the sum of what the buses below can draw or give at the lowest voltage allowed.

        A line's current is the sum of theirs. Where voltages may be missed at a price nothing is known of them.
        """
        if self.elastic and self.pro.settings["voltage_slack_price"] is not None:
            return
        g, lowest = self.grid, self.case.data["feeder"]["v_min_pu"] * self.grid.kv
        most = np.hypot(self.load, self.base_q) + (np.abs(self.load) if self.elastic else 0.0)
        for device in self.case.devices:
            if device["kind"] in ("demand_response", "interruptible_load"):
                most[self._bus(device)] += device.get("share", 0.3) * np.abs(self.base_p[self._bus(device)])
            elif device["kind"] == "gas_turbine":
                reactive = max(abs(device.get("q_min_mvar", 0.0)), abs(device.get("q_max_mvar", 0.0)))
                most[self._bus(device)] += np.hypot(device["p_max_mw"], reactive)
            elif device["kind"] in ("photovoltaic", "wind") and not device.get("reactive", True):
                most[self._bus(device)] += self._offered(device) / abs(device.get("power_factor", 1.0))
            elif device["kind"] != "substation":
                most[self._bus(device)] += device["s_max_mva"]
        for k in reversed(range(len(g.line_ids))):
            current_sq = (most[g.child[k]] / lowest) ** 2
            source = (self.case.data["feeder"]["slack_vm_pu"] * g.kv) ** 2
            self.cones.nonnegative(current_sq * source / self.unit**2 - self.flows[2][k])
            most[g.parent[k]] += most[g.child[k]]

    def answer(self, columns, multipliers):
        """Read the solution."""
        p, q, j, voltage = (np.array([one.at(columns) for one in part]).reshape(-1, self.length) for part in self.flows)
        sending = voltage[self.grid.parent]
        made = (p**2 + q**2) / sending
        price = np.array([multipliers[rule] for rule in self.balance]) * self.worth / (self.unit * self.h)
        bought, cost = self.bought.at(columns), self.cones.value(columns)
        moved = float((np.abs(self.pro.tariff[self.span]) * np.abs(bought)).sum()) * self.unit * self.h
        return Answer(
            status=OPTIMAL, cost=cost, scale=max(moved, abs(cost)), price=price,
            gap_rel=np.abs(j - made) / np.maximum(j, 1e-7), bought_mw=bought * self.unit,
        )  # fmt: skip
