"""Windows of a run against our own programme: cost, bound and prices."""

import numpy as np

from tests.judge.comparing import EXACT_REL, OPTIMUM_REL, POWER_REL, PRICE_REL, PRICES_TRIED, Comparing
from tests.judge.program import Programme, Window
from tests.judge.roads import load_in_time


class OnOptimum(Comparing):
    """What is judged of the dispatch as an optimum."""

    def _optima(self):
        """Solve every window anew; compare costs, bounds and prices."""
        self.programme = Programme(self.case, self.ev_buses, self.tariff)
        self.window_worth, self.open = {}, {}
        mode = self.case.dispatch["mode"]
        starts = [0] if mode == "day_ahead" else range(self.T)
        for start in starts:
            length = self._length(start)
            loads = self._foreseen(start, length)
            if loads is None:
                continue
            periods = range(start, start + length) if mode == "day_ahead" else (start,)
            self._window(Window(start, length, loads, self._state_before(start)), periods)

    def _length(self, start):
        settings = self.case.dispatch
        most = 1 if settings["mode"] == "single_period" else settings["lookahead_periods"] or self.T
        return min(most, self.T - start)

    def _state_before(self, k):
        """Return stored energy, turbine power and cut load still open before a period."""
        state = {}
        for device in self.case.devices:
            name = device["name"]
            if device["kind"] == "storage":
                energy, capacity = self._energy(k - 1, device), device["capacity_mwh"]
                state[name] = float(
                    np.clip(energy, device.get("soc_min", 0.2) * capacity, device.get("soc_max", 0.8) * capacity)
                )
            elif device["kind"] == "gas_turbine":
                state[name] = self._before(k, device)
            elif device["kind"] == "demand_response":
                state[name] = self._still_open(name, k)
        return state

    def _still_open(self, name, periods):
        """Return the energy that demand response has cut and not returned in the first periods, MWh."""
        answered = [self.told.table("devices", t).set_index("device") for t in range(periods) if self.answered(t)]
        return self.h * float(sum(table.loc[name, "p_mw"] for table in answered))

    def _foreseen(self, start, length):
        """Return the charging load that the window is planned for, by what the scenario says it knows."""
        settings, span = self.case.dispatch, slice(start, start + length)
        now = self.ev_mw[:, start]
        if settings["forecast"] == "persistence":
            return np.repeat(now[:, None], length, axis=1)
        known = self._outlook(0 if settings["forecast"] == "day_ahead" else start)
        if known is None:
            return None
        load = known[:, span].copy()
        if settings["forecast"] == "noisy":
            shocks = np.random.default_rng([self.case.data.get("seed", 1), start]).standard_normal(load.shape)
            error, phi = shocks.copy(), settings["forecast_correlation"]
            for j in range(1, length):
                error[:, j] = phi * error[:, j - 1] + np.sqrt(1 - phi**2) * shocks[:, j]
            load = load * np.maximum(1.0 + settings["forecast_error"] * error, 0.0)
        load[:, 0] = now
        return load

    def _outlook(self, k):
        """Return the load of the day as known in period k: later periods at no price where prices are nodal."""
        if not self.case.nodal or self.case.dispatch["mode"] == "day_ahead" or self._length(k) == 1:
            return self.ev_mw
        if self.kernel and self.case.dispatch["forecast"] == "day_ahead":
            self.undecided.append("what was foreseen before the day depends on the loop's first round")
            return None
        day = self._foreseen_day()
        if day is None:
            return None
        known = np.arange(self.T) <= k
        if self.kernel:
            flows = [self.path_flow[t] if known[t] else day[t][1] for t in range(self.T)]
            return self.queue.serve(load_in_time(self.roads, flows, self.lags)[0]).p_mw
        later = np.array([flow[self.roads.n_links :] for flow, _ in day]).T * self.case.energy_kwh / 1000.0
        if self.case.dispatch["forecast"] == "day_ahead":  # said before the day: what is left over since moves nothing
            return np.where(known, self.ev_mw, self.queue.serve(later).p_mw)
        return self.queue.serve(np.where(known, self.arriving, later)).p_mw

    def _foreseen_day(self):
        """Return our own equilibria of the day at no price, in which those left over wait, too; None if not found."""
        if self.day_pass is None:
            self.day_pass, loads, flows = [], np.zeros((len(self.names), 0)), []
            for t in range(self.T):
                waits = self.queue.wait_min(self.queue.serve(loads).backlog_mwh[:, -1]) if t else 0.0
                found = self.roads.equilibrium(t, None, extra_min=waits)
                if found is None:
                    self.undecided.append("our own equilibrium of the day before it iterates was not found")
                    self.day_pass = []
                    break
                self.day_pass.append(found)
                flows.append(found[1])
                now = found[0][self.roads.n_links :] * self.case.energy_kwh / 1000.0
                loads = np.column_stack([loads, now])
                if self.kernel:
                    loads = load_in_time(self.roads, flows, self.lags)[0][:, : t + 1]
        return self.day_pass or None

    def _window(self, window, periods):
        row, start = self.told.row, window.start
        own = self.programme.solve(window)
        hard = own.status == "optimal"
        if own.status == "infeasible":
            own = self.programme.solve(window, elastic=True)
        for k in periods:
            self.hard[k] = hard
            self.exact[k] = own.status == "optimal" and bool((own.gap_rel[:, k - start] <= EXACT_REL).all())
        plain, least, loose = own, own.cost, own.status == "optimal" and bool((own.gap_rel > EXACT_REL).any())
        if loose:
            possible = self.programme.solve(window, elastic=not hard, possible=True)
            loose, own = possible.status == "optimal", possible if possible.status == "optimal" else own
            least = min(least, own.cost)  # a limit more costs no less: what our solver says against it is rounding
            least -= OPTIMUM_REL * max(
                plain.scale - own.scale, 0.0
            )  # each optimum is known to what its own money allows
        if own.status != "optimal":
            self.undecided.append(f"our own programme of period {start + 1} was not solved")
            return
        if not self.answered(start):
            return
        if not hard and not bool(row("elastic", False)[start]):
            self.undecided.append(f"window of period {start + 1} is feasible within rounding only")
            return
        price = max(np.abs(self.tariff).max(), self.case.dispatch["loss_price_per_mwh"], 1.0)
        day = self.h * price * self._small(start) / POWER_REL  # money that the day's largest load moves in a period
        limit = OPTIMUM_REL * max(own.scale, 0.01 * day)
        if self.case.nodal and window.length > 1:  # later loads are foreseen within the tolerance of the loop
            later = (window.length - 1) * len(self.ev_buses) * self.case.coupling["tolerance_mw"]
            limit += self.h * price * later
        self._bounds(start, periods, least, own, limit)
        for k in periods:
            if not str(row("restoration", "")[k]) and not str(row("storage_repair", "")[k]):
                ahead = len(periods) < window.length
                self._prices(k, window, plain, own, elastic=not hard, possible=loose, ahead=ahead)
            else:
                self._paid(k, elastic=not hard)

    def _bounds(self, start, periods, least, own, limit):
        """Compare the stored bound and cost of a window with our optimum.

        Where our cones are not tight, one bound is as good as another between our optimum, ``least``, and that under
        limits which no plan can exceed, ``own``: the latter bounds every plan, too.
        """
        row = self.told.row
        bound, cost = float(row("lower_bound")[start]), float(row("window_cost")[start])
        self.near(start, "lower bound of the window", bound, np.clip(bound, least, max(own.cost, least)), limit)
        self.at_most(start, "cost of the window below our bound", least, cost, limit)
        met = cost <= own.cost + limit
        for k in periods:
            self.met[k] = met
        repaired = any(str(row(name, "")[k]) for name in ("restoration", "storage_repair") for k in periods)
        if not repaired:
            self.near(start, "cost of the window", cost, np.clip(cost, least, max(own.cost, least)), limit)

    def _prices(self, k, window, plain, own, *, elastic, possible, ahead):
        """Compare nodal prices with our duals and, where these differ, with what more and less load cost.

        Both relaxations have prices, ``plain`` and, where later cones are not tight, ``own``: a period whose own cones
        are tight is planned for later ones that are not, and what these are taken to burn differs between the two; that
        its prices look ahead to such periods must be told, unless these are applied with it and tell it themselves.
        """
        j = k - window.start
        told = self.told.table("buses", k)["price_per_mwh"].to_numpy()
        if str(self.told.row("price_objection", "")[k]):  # a day that was repaired in some period has no prices in any
            self.near(k, "buses with a price where none are told", np.isfinite(told).sum(), 0.0, 0.5)
            return
        largest = max(np.abs(own.price).max(), np.abs(self.tariff).max(), 1.0)
        limit = PRICE_REL * largest
        duals = (plain.price, own.price)
        burnt = own.cost - plain.cost > 10 * OPTIMUM_REL * plain.scale  # no optimum of the plain one has tight cones
        if ahead and burnt and np.abs(plain.price[:, j] - own.price[:, j]).max() > limit:
            told_so = bool(np.isfinite(self.told.row("later_gap_rel")[k]))
            self.near(k, "prices that look ahead to slack cones are told so", told_so, 1.0, 0.5)
        off = np.min([np.abs(told - dual[:, j]) for dual in duals], axis=0)
        off[np.isnan(off)] = np.inf
        for bus in np.argsort(-off)[:PRICES_TRIED]:
            if off[bus] > limit:
                self._between(
                    k,
                    window,
                    f"price of bus {self.grid.ids[bus]}",
                    told[bus],
                    limit,
                    elastic=elastic,
                    possible=possible,
                    bus=int(bus),
                )
        if not (self.case.has_roads and self.case.stations):
            return
        table = self.told.table("stations", k)
        self.near(k, "nodal price of a station", table["nodal_price_per_mwh"], told[self.ev_buses], 1e-9 * largest)
        if self.case.nodal:
            paid = table["price_per_mwh"].to_numpy() / (1.0 + self.case.coupling["markup"])
            # One unit more at a station is served, or curtailed where that costs less.
            most = self.case.dispatch["ev_curtailment_price_per_mwh"] if elastic else np.inf
            for n, bus in enumerate(self.ev_buses):
                if min(abs(paid[n] - min(dual[bus, j], most)) for dual in duals) <= limit:
                    continue
                what = f"price of station {table['station'][n]} less markup"
                self._between(k, window, what, paid[n], limit, elastic=elastic, possible=possible, station=n)

    def _paid(self, k, *, elastic):
        """Compare the price that drivers pay with the one told of their bus, where our programme has no such price.

        It is all that can be said of a repaired period: a loop that ended elsewhere is no equilibrium.
        """
        if not (self.case.has_roads and self.case.stations and self.case.nodal):
            return
        table = self.told.table("stations", k)
        told = table["nodal_price_per_mwh"].to_numpy()
        if not np.isfinite(told).all():
            return
        most = self.case.dispatch["ev_curtailment_price_per_mwh"] if elastic else np.inf
        paid = table["price_per_mwh"].to_numpy() / (1.0 + self.case.coupling["markup"])
        day = self.case.dispatch["mode"] == "day_ahead"  # one plan, and one loop, for all its periods
        limit = PRICE_REL * max(np.abs(told).max(), 1.0)
        self.near(-1 if day else k, "price of a station less markup", paid, np.minimum(told, most), limit)

    def _between(self, k, window, what, told, limit, *, elastic, possible, bus=None, station=None):
        """Note a price that lies outside what one unit less spares and one unit more costs.

        Cost is convex in the load, so that this holds for any step; a period that rests is moved by a share of what the
        day moves, lest rounding decides.
        """
        j, day = k - window.start, self._small(k) / POWER_REL
        step = 2e-3 * max(float(np.abs(window.ev_mw).sum(axis=0).max() + self.p_mw[:, k].sum()), 0.05 * day)
        costs = []
        for sign in (-1.0, 0.0, 1.0):
            extra, loads = None, window.ev_mw
            if station is not None:
                loads = loads.copy()
                loads[station, j] += sign * step
                if sign < 0 and loads[station, j] < 0:  # no load to take away: nothing bounds the price from below
                    costs.append(None)
                    continue
            else:
                extra = np.zeros((len(self.grid.ids), window.length))
                extra[bus, j] = sign * step
            moved = Window(window.start, window.length, loads, window.state)
            found = self.programme.solve(moved, elastic=elastic, extra=extra, possible=possible)
            if found.status == "failed":
                self.undecided.append(f"{what} in period {k + 1}: our own programme was not solved")
                return
            costs.append(found.cost if found.status == "optimal" else np.inf)
        less, here, more = costs
        unit = step * self.h
        high = (more - here) / unit
        low = -np.inf if less is None or not np.isfinite(less) else (here - less) / unit
        nearest = float(np.clip(told, low, high))
        self.near(k, what, told, nearest, limit)
