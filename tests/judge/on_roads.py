"""Roads and stations of a run: travel times, route choice, charging load and what drivers pay."""

import numpy as np

from tests.judge.comparing import MONEY_REL, POWER_REL, ROUTES_REL, SLACK_MW, TIME_REL, Comparing
from tests.judge.roads import Queue, load_in_time


class OnRoads(Comparing):
    """What is judged of the roads."""

    def _routes(self):
        """Go through the periods in order: who is left over by the chargers of one waits in the next."""
        roads, told = self.roads, self.told
        links = [link["id"] for link in roads.links]
        names = self.names = [one["name"] for one in roads.stations]
        flow = told.matrix("links", "link", links, "flow_vph")
        time = told.matrix("links", "link", links, "travel_time_min")
        if names:
            flow = np.vstack([flow, told.matrix("stations", "station", names, "flow_vph")])
            time = np.vstack([time, told.matrix("stations", "station", names, "travel_time_min")])
        self.flow, self.path_flow, self.seen = flow, [], []
        self.queue = Queue(self.case)
        self.lags = self._lags() if self.kernel else None
        for k in range(self.T):
            own, waits = roads.times(flow[:, k]), self._left_over(k)
            spent = own + np.concatenate([np.zeros(len(links)), waits])
            self.near(k, "travel time", time[:, k], spent, TIME_REL * max(spent.max(), 1.0), links + names)
            self.seen.append(self._seen(k))
            loaded, paths, costs = roads.load(k, own, roads.fixed(self.seen[k]) + waits)
            total = max(np.abs(loaded).sum(), 1e-9)
            self.near(k, "route choice: flow", flow[:, k], loaded, ROUTES_REL * total, links + names)
            self.path_flow.append(self._as_told(flow[len(links) :, k], loaded[len(links) :], paths))
            self._paths(k, paths, costs)

    def _as_told(self, told, loaded, paths):
        """Return path flows that make up the told flows of stations.

        What they leave to later periods is a sum over the day: who is left over makes a wait, a wait moves flows. Our
        own flows, each within the limit of route choice, would lead that sum astray period by period.
        """
        factor = np.divide(told, loaded, out=np.ones_like(loaded), where=loaded > 0.0)
        at = [np.array([n for _, n, _ in one.paths], dtype=int) for one in self.roads.commodities]
        return [own * np.append(factor, 1.0)[n] for own, n in zip(paths, at, strict=True)]  # -1 is no station

    @property
    def kernel(self):
        """Whether the energy of a visit is drawn in time."""
        return bool(self.case.stations) and self.case.data["ev"].get("charging_load", "instant") == "kernel"

    def _arriving(self, periods):
        """Return the load that those who come ask for, (stations, periods), MW, as far as the periods are known."""
        if self.kernel and self.lags is not None:
            return load_in_time(self.roads, self.path_flow[:periods], self.lags)[0][:, :periods]
        return self.flow[self.roads.n_links :, :periods] * self.case.energy_kwh / 1000.0

    def _left_over(self, k):
        """Return the minutes that the chargers of each station still need for those left over by earlier periods."""
        if not self.case.stations or k == 0:
            return np.zeros(len(self.case.stations))
        return self.queue.wait_min(self.queue.serve(self._arriving(k)).backlog_mwh[:, -1])

    def _lags(self):
        """Return hours to the plug on the day in which nobody is left over: our own equilibria at announced prices."""
        self.plain = [self.roads.equilibrium(k, None if self.case.nodal else self._seen(k)) for k in range(self.T)]
        if any(one is None for one in self.plain):
            self.undecided.append("our own equilibrium of the day before it iterates was not found")
            return None
        return [self.roads.lags(self.roads.times(flow)) for flow, _ in self.plain]

    def _seen(self, k):
        """Return what drivers pay per MWh, or None where they see no price."""
        case, rule = self.case, self.case.coupling["ev_price"]
        if rule == "none" or not case.stations:
            return None
        told = self.told.table("stations", k)["price_per_mwh"].to_numpy()
        if rule == "tariff":
            own = np.full(len(told), self.tariff[k] * (1 + case.coupling["markup"]))
        elif case.nodal:
            return told
        else:
            own = case.station_prices()[:, k]
        self.near(k, "price that drivers pay", told, own, 1e-9 * max(np.abs(own).max(), 1.0))
        return own

    def _paths(self, k, flows, costs):
        table = self.told.table("paths", k)
        names = [one["name"] for one in self.roads.stations]
        for one, taken, cost in zip(self.roads.commodities, flows, costs, strict=True):
            rows = table[
                (table["class"] == ("charging" if one.charging else "other"))
                & (table["origin"] == one.origin)
                & (table["destination"] == one.destination)
            ]
            at = np.array([n for _, n, _ in one.paths], dtype=int)
            for n in sorted(set(at.tolist())):
                mine = rows[rows["station"] == (names[n] if n >= 0 else "")]
                what = f"paths {one.origin}-{one.destination} {names[n] if n >= 0 else ''}"
                own = np.sort(taken[at == n])
                told = np.sort(mine["flow_vph"].to_numpy())
                if len(told) != len(own):
                    self.near(k, f"number of {what}", len(told), len(own), 0.5)
                    continue
                self.near(k, f"flow of {what}", told, own, 10 * ROUTES_REL * max(self.flow[:, k].sum(), 1e-9))
                own = np.sort(cost[at == n])
                told = np.sort(mine["cost_min"].to_numpy())
                self.near(k, f"cost of {what}", told, own, TIME_REL * max(own.max(), 1.0))

    def _charging(self):
        """Compare load, what chargers serve of it, who is left over, and who is told to be over the chargers."""
        told, names = self.told, self.names
        energy = self.case.energy_kwh / 1000.0
        instant = self.flow[self.roads.n_links :] * energy
        self.charge_size = max(instant.max(), 1e-6)
        # A flow that route choice leaves open is a load, however small what is charged beside what drives past.
        open_mw = ROUTES_REL * self.flow.sum(axis=0).max() * energy
        limit = self.load_limit = POWER_REL * self.charge_size + open_mw

        def compare(what, column, own, limit=limit):
            self.near(-1, what, told.matrix("stations", "station", names, column), own, limit)

        compare("charging load by departure", "p_instant_mw", instant)
        if self.kernel and self.lags is None:
            arriving = told.matrix("stations", "station", names, "p_demand_mw")
        elif self.kernel:
            arriving, pending = load_in_time(self.roads, self.path_flow, self.lags)
            compare("charging load in time", "p_kernel_mw", arriving)
            compare("energy still to be drawn", "pending_mwh", pending, limit * self.h)
        else:
            arriving = instant
        served = self.queue.serve(arriving)
        compare("charging load demanded", "p_demand_mw", arriving)
        compare("charging load served", "p_served_mw", served.p_mw)
        last = served.closed()
        for name, own in (("backlog", last.backlog_mwh), ("unserved", last.unserved_mwh)):
            compare(f"{name} energy", f"{name}_mwh", own, limit * self.h)
            compare(f"{name} visits", f"{name}_veh", own / energy, limit * self.h / energy)
        over = (served.backlog_mwh + served.unserved_mwh) / self.h
        self.arriving, self.demanded, self.unserved_veh = arriving, served.p_mw, last.unserved_mwh / energy
        clear = over > 2 * SLACK_MW + limit
        self.overloaded = set(np.flatnonzero(clear.any(axis=0)).tolist())
        self.near_capacity = set(np.flatnonzero((over > SLACK_MW / 2).any(axis=0)).tolist())
        self._payments(names)

    def _payments(self, names):
        case, told = self.case, self.told
        fee = self.roads.fees[:, None] * (self.flow[self.roads.n_links :] * self.h - self.unserved_veh)
        stored = told.matrix("stations", "station", names, "fee_payment")
        visits = self.load_limit * self.h / (case.energy_kwh / 1000.0)
        largest = self.roads.fees.max(initial=0.0)
        self.near(-1, "fees paid", stored, fee, MONEY_REL * max(np.abs(fee).max(), 1e-6) + largest * visits)
        table = told.tables["stations"]
        if "energy_payment" not in table:
            return
        served = told.matrix("stations", "station", names, "energy_mwh") if case.has_grid else self.demanded * self.h
        price = self.tariff[None, :] if self.tariff is not None else None
        if "price_per_mwh" in table:
            price = told.matrix("stations", "station", names, "price_per_mwh")
        own = served * price
        for k in range(self.T):
            if not case.has_grid or self.answered(k):
                paid = told.matrix("stations", "station", names, "energy_payment")[:, k]
                limit = MONEY_REL * max(np.abs(own).max(), 1e-6) + self.load_limit * self.h * np.abs(price).max()
                self.near(k, "energy paid", paid, own[:, k], limit)

    def _charging_load(self):
        """Return the charging load that the grid is asked for, (loads, periods), and the buses of the loads."""
        case = self.case
        if case.has_roads:
            buses = [self.grid.ids.index(str(one["bus"])) for one in case.stations]
            if not case.stations:
                return np.zeros((0, self.T)), []
            return (self._dispatched() if case.nodal else self.demanded), buses
        given = case.given_load()
        return np.array(list(given.values())).reshape(len(given), self.T), [self.grid.ids.index(b) for b in given]

    def _dispatched(self):
        """Return the load that the dispatch answered: that of the flows within the tolerance of the loop."""
        case, told = self.case, self.told
        load = told.matrix("stations", "station", self.names, "energy_mwh") / self.h
        load = load + told.matrix("stations", "station", self.names, "curtailed_mw")
        load = np.where(np.isfinite(load), load, self.demanded)
        limit = case.coupling["tolerance_mw"] + self.load_limit
        self.near(-1, "charging load that the dispatch answered", load, self.demanded, limit)
        return load
