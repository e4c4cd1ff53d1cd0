"""Logit route choice, travel times and charging load, from the formulas of the documentation; arrays over few paths."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import root

from tests.judge.reading import rows_of
from tests.judge.routes import simple_paths

CURVED_TO = 0.98
"""Use up to which the queue's law is Erlang's own; its tangent beyond."""


def bpr(flow, t0, capacity, alpha, beta):
    """Return t0 (1 + alpha (v / cap)^beta)."""
    return t0 * (1.0 + alpha * (max(flow, 0.0) / capacity) ** beta)


def davidson(flow, t0, capacity, shape, knee):
    """Return t0 (1 + J v / (cap - v)), its tangent beyond the knee."""
    at = min(flow, knee * capacity)
    value = t0 * (1.0 + shape * at / (capacity - at))
    return value + t0 * shape * capacity / (capacity - at) ** 2 * (flow - at)


def erlang_wait(servers, use):
    """Return the mean wait of an M/M/c queue in service times, by the sum of Erlang's series; complex uses are fine."""
    load = servers * use
    if abs(load) == 0.0:
        return 0.0 * load
    term, total = 1.0 + 0.0 * load, 1.0 + 0.0 * load
    for k in range(1, servers):
        term = term * load / k
        total = total + term
        if abs(term) > 1e200:
            term, total = term / 1e200, total / 1e200
    last = term * load / servers / (1.0 - use)
    return last / (total + last) / (servers * (1.0 - use))


def erlang(flow, t0, capacity, servers, scv):
    """Return access and service plus the queue's wait with Allen and Cunneen's factor."""
    use = flow / capacity
    at, tiny = min(use, CURVED_TO), 1e-20
    probe = erlang_wait(servers, complex(at, tiny)) if at > 0 else complex(0.0, 0.0)
    wait = probe.real if at > 0 else 0.0
    if use > at:
        wait += probe.imag / tiny * (use - at)
    return t0 + 60.0 * servers / capacity * (1.0 + scv) / 2.0 * wait


@dataclass
class Commodity:
    """A class of an OD pair, its paths (road links before the station, station or -1, links after it) and constants."""

    charging: bool
    origin: str
    destination: str
    demand: np.ndarray
    paths: list = field(default_factory=list)
    offset: list = field(default_factory=list)


class Roads:
    """Everything that route choice needs; costs are minutes."""

    def __init__(self, case):
        data = case.data
        self.case, self.links = case, rows_of(case.folder / data["roads"] / "links.csv")
        self.stations, self.theta = case.stations, float(data["traffic"]["theta_per_min"])
        self.ev = data.get("ev")
        self.vot = float(self.ev.get("value_of_time_per_min", 0.5)) if self.ev else 1.0
        self.fees = np.array([one.get("access_fee", 0.0) for one in self.stations])
        self.n_links = len(self.links)
        self.columns = [self._station_law(one) for one in self.stations]
        self.commodities = self._commodities()

    def _station_law(self, one):
        """Return (time without wait, capacity, law)."""
        if one.get("chargers") is not None:
            service = self.case.energy_kwh / one["charger_kw"] * 60.0
            t0, capacity = one["access_min"] + service, one["chargers"] * 60.0 / service
        else:
            service, t0, capacity = np.nan, one["free_flow_min"], one["capacity_vph"]
        told = one.get("law", {"kind": "davidson"})
        if told["kind"] == "erlang":
            servers, scv = int(one["chargers"]), told.get("scv", 0.0)
            return t0, capacity, lambda v: erlang(v, t0, capacity, servers, scv)
        shape, knee = told.get("j", 0.1), told.get("knee", 0.9)
        return t0, capacity, lambda v: davidson(v, t0, capacity, shape, knee)

    def _commodities(self):
        case, traffic = self.case, self.case.data["traffic"]
        profile = case.series(traffic.get("demand_profile", 1.0))
        found = []
        for pair in traffic["demand"]:
            trips = pair["trips_vph"] * profile
            plain = simple_paths(self.links, pair["origin"], pair["destination"])
            looking = np.zeros(case.periods)
            if self.ev:
                looking = trips * self.ev["share"] * case.series(self.ev["fast_charge_share"])
                past = [
                    (path[:k], n, path[k:])
                    for path in plain
                    for k, link in enumerate(path)
                    for n, station in enumerate(self.stations)
                    if station["node"] == self.links[link]["from_node"]
                ]
                self._add(found, True, pair, looking, past, plain)
            self._add(found, False, pair, trips - looking, [((), -1, path) for path in plain], [])
        return found

    def _add(self, found, charging, pair, demand, paths, plain):
        one = Commodity(charging, pair["origin"], pair["destination"], demand, paths, list(self._overlap(paths)))
        later = (self.ev or {}).get("charge_later")
        if charging and later:
            more = [((), -1, path) for path in plain]
            one.paths = [*paths, *more]
            one.offset += [value + later["cost_min"] for value in self._overlap(more)]
        one.offset = np.array(one.offset)
        found.append(one)

    def _overlap(self, paths):
        """Return -(beta / theta) ln PS of each path."""
        traffic = self.case.data["traffic"]
        if traffic.get("overlap", "none") == "none":
            return np.zeros(len(paths))
        used = [[*before, *after, *([] if n < 0 else [self.n_links + n])] for before, n, after in paths]
        free = [float(link["free_flow_min"]) for link in self.links] + [t0 for t0, _, _ in self.columns]
        sizes = []
        for links in used:
            time = [free[a] for a in links]
            time = time if sum(time) > 0 else [1.0] * len(links)
            shared = [sum(a in other for other in used) for a in links]
            sizes.append(sum(t / n for t, n in zip(time, shared, strict=True)) / sum(time))
        return -traffic.get("overlap_beta", 1.0) / self.theta * np.log(sizes)

    def times(self, flow):
        """Return minutes on road links and in stations (without fees and prices)."""
        road = [
            bpr(v, link["free_flow_min"], link["capacity_vph"], link["alpha"], link["beta"])
            for v, link in zip(flow[: self.n_links], self.links, strict=True)
        ]
        return np.array(
            road + [law(max(v, 0.0)) for v, (_, _, law) in zip(flow[self.n_links :], self.columns, strict=True)]
        )

    def fixed(self, price_per_mwh):
        """Return what energy and fee cost in minutes at each station."""
        price = np.zeros(len(self.stations)) if price_per_mwh is None else np.asarray(price_per_mwh)
        energy = self.case.energy_kwh / 1000.0 if self.ev else 0.0
        return (price * energy + self.fees) / self.vot

    def load(self, period, minutes, fixed):
        """Return (link and station flows, path flows per commodity, path costs per commodity) by logit."""
        flow, paths, costs = np.zeros(len(minutes)), [], []
        for one in self.commodities:
            cost = np.array([
                minutes[[*before, *after]].sum() + (minutes[self.n_links + n] + fixed[n] if n >= 0 else 0.0)
                for before, n, after in one.paths
            ]) + one.offset if one.paths else np.zeros(0)  # fmt: skip
            share = np.exp(-self.theta * (cost - cost.min())) if len(cost) else cost
            taken = one.demand[period] * share / share.sum() if len(cost) else cost
            for vehicles, (before, n, after) in zip(taken, one.paths, strict=True):
                np.add.at(flow, [*before, *after], vehicles)
                if n >= 0:
                    flow[self.n_links + n] += vehicles
            paths.append(taken)
            costs.append(cost)
        return flow, paths, costs

    def equilibrium(self, period, price_per_mwh, accuracy=1e-11, extra_min=0.0):
        """Return link and station flows and path flows of our own equilibrium, or None where the search fails."""
        fixed = self.fixed(price_per_mwh) + extra_min
        minutes = self.times(np.zeros(self.n_links + len(self.stations)))
        flow = None
        for n in range(1, 400):
            loaded, paths, _ = self.load(period, minutes, fixed)
            flow = loaded if flow is None else flow + (loaded - flow) / n**0.8
            minutes = self.times(flow)
            residual = np.abs(self.load(period, minutes, fixed)[0] - flow).sum() / max(flow.sum(), 1e-300)
            if residual <= accuracy or flow.sum() == 0.0:
                return flow, self.load(period, minutes, fixed)[1]
            if n % 40 == 0:
                found = root(
                    lambda t: self.times(self.load(period, t, fixed)[0]) - t, minutes, method="hybr", tol=1e-13
                )
                loaded, paths, _ = self.load(period, found.x, fixed)
                again = self.load(period, self.times(loaded), fixed)[0]
                if np.abs(again - loaded).sum() <= 1e-9 * loaded.sum():
                    return loaded, paths
        return None

    def lags(self, minutes):
        """Return hours from departure to the plug for each charging path (NaN for those without a station)."""
        access = np.array([one.get("access_min", np.nan) for one in self.stations]) / 60.0
        return [
            np.array([
                minutes[list(before)].sum() / 60.0 + access[n] if n >= 0 else np.nan for before, n, _ in one.paths
            ])
            for one in self.commodities
        ]  # fmt: skip


def drawn_share(hours, lag, service, period):
    """Return the share of a period's energy drawn by ``hours`` after its begin; departures spread evenly over it.

    The vehicle that departs at u has drawn min(max(hours - lag - u, 0), service) / service; the trapezium rule on the
    corners of that line is exact.
    """
    corners = np.unique(np.clip([0.0, hours - lag - service, hours - lag, period], 0.0, period))
    drawn = np.clip(hours - lag - corners, 0.0, service) / service
    return float(np.trapezoid(drawn, corners)) / period


def load_in_time(roads, path_flows, lags):
    """Return (MW per station and period, MWh still to be drawn at the end of each period) of a day's path flows."""
    case = roads.case
    h, energy = case.hours, case.energy_kwh / 1000.0
    power = np.zeros((len(roads.stations), case.periods))
    pending = np.zeros_like(power)
    service = [case.energy_kwh / one["charger_kw"] for one in roads.stations]
    for k in range(len(path_flows)):
        for w, one in enumerate(roads.commodities):
            for r, (_, n, _) in enumerate(one.paths):
                if n < 0 or path_flows[k][w][r] == 0.0:
                    continue
                energy_mwh, before = path_flows[k][w][r] * energy * h, 0.0
                for t in range(k, case.periods):
                    share = drawn_share((t - k + 1) * h, lags[k][w][r], service[n], h)
                    power[n, t] += energy_mwh * (share - before) / h
                    pending[n, t] += energy_mwh * (1.0 - share)
                    before = share
    return power, pending


@dataclass
class Served:
    """What stations serve: MW, and MWh of who waits at the end of each period or left without it."""

    p_mw: np.ndarray
    backlog_mwh: np.ndarray
    unserved_mwh: np.ndarray

    def closed(self):
        """Count who still waits when the last period ends as unserved."""
        backlog, unserved = self.backlog_mwh.copy(), self.unserved_mwh.copy()
        unserved[:, -1:] += backlog[:, -1:]
        backlog[:, -1:] = 0.0
        return Served(self.p_mw, backlog, unserved)


class Queue:
    """Chargers as a fluid queue: no more than their power, those left over first."""

    def __init__(self, case):
        stations, self.h = case.stations, case.hours
        self.power = np.array([
            one["chargers"] * one["charger_kw"] / 1000.0
            if one.get("chargers") is not None
            else one["capacity_vph"] * case.energy_kwh / 1000.0
            for one in stations
        ])  # fmt: skip
        self.carries = np.array([one.get("overload", "carry") == "carry" for one in stations], dtype=bool)

    def serve(self, arriving_mw):
        """Return what is served of a load, (stations, periods)."""
        served, backlog, unserved = (np.zeros_like(arriving_mw) for _ in range(3))
        waiting = np.zeros(len(self.power))
        for k in range(arriving_mw.shape[1]):
            asked = arriving_mw[:, k] * self.h + waiting
            served[:, k] = np.minimum(asked, self.power * self.h) / self.h
            left = asked - served[:, k] * self.h
            waiting = backlog[:, k] = np.where(self.carries, left, 0.0)
            unserved[:, k] = np.where(self.carries, 0.0, left)
        return Served(served, backlog, unserved)

    def wait_min(self, backlog_mwh):
        """Return how long the chargers take for a backlog, min."""
        return 60.0 * backlog_mwh / self.power
