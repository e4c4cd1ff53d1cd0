"""Stored numbers against our own, with the limit beyond which one counts as wrong."""

from dataclasses import dataclass

import numpy as np

# What is accepted, and why: a limit is what the product promises (its gate, its tolerances) plus what our own solvers
# leave open. Relative ones refer to the size that stands beside them.
ROUTES_REL = 2e-8
"""Residual of route choice, per flow of all links. Promised are 1e-8 (the tolerance of an assignment); waits and prices
come from told numbers, which moves ours by as much again."""
TIME_REL = 1e-6
"""Minutes, per minute of the longest: a law's own slope times what route choice may be off."""
POWER_REL = 1e-6
"""MW, per MW of what the day moves: the gate's 1e-5 MW of a feeder of 10 MW (power beyond what settings allow) and
1e-6 MW (balance)."""
STATE_PU = 1e-6
"""AC voltage: the power flow's tolerance of 1e-9 MVA leaves less by orders."""
RELAXED_PU, RELAXED_LOSS_REL = 1e-3, 0.01
"""Relaxed voltage and loss against AC: the gate's."""
LIMIT_PU, LIMIT_CURRENT_REL = 1e-4, 1e-3
"""AC state beyond its limits: the gate's."""
RECURSION_REL = 1e-7
"""Stored energy against its recursion, MWh per MW of what the day moves: the gate's 1e-6 MWh of a feeder of 10 MW."""
MONEY_REL = 1e-6
"""Money, per money moved: cost by settings, the gate's."""
OPTIMUM_REL = 3e-6
"""Cost of a window above our optimum, per money moved: the gate's duality gap and residual, 1e-6 each, and ours."""
PRICE_REL = 1e-4
"""Price, per largest price of the window. Promised are 1e-6 (gradient) and 1e-5 (price that drivers pay against the
dual); what a step of load costs is known to 1e-9 of the day's money, over a step of 1e-4 of the day's load."""
SLACK_MW = 1e-6
"""A last resort that counts as used: the gate's."""
EXACT_REL = 1e-4
"""Cone gap of our own optimum that counts as tight: the gate's."""
LAST_RESORTS = {
    "voltage_relaxed", "optimal_with_shed", "optimal_with_ev_curtailment", "requirement_relaxed",
}  # fmt: skip
SEVERITY = {"station_overloaded": 10, "inexact_restored": 10, **dict.fromkeys(LAST_RESORTS, 5)}
PRECEDENCE = (6, 5, 10, 0)
PRICES_TRIED = 6


@dataclass
class Finding:
    """A stored number that is off."""

    period: int
    what: str
    told: float
    own: float
    limit: float

    def __str__(self):
        where = f"period {self.period + 1}: " if self.period >= 0 else ""
        return f"{where}{self.what}: told {self.told:.9g}, own {self.own:.9g}, limit {self.limit:.2g}"


class Comparing:
    """A scenario, its run, and what was found to be off."""

    def __init__(self, case, told):
        self.case, self.told = case, told
        self.found, self.undecided = [], []
        self.T, self.h = case.periods, case.hours
        self.hard = {}  # period -> whether our hard model has an answer
        self.met = {}  # period -> whether the optimum of its window is met
        self.exact = {}  # period -> whether our own optimum has tight cones
        self.overloaded, self.near_capacity = set(), set()  # periods over the chargers: clearly, or within rounding
        self.size = None
        self.day_pass = None

    def near(self, period, what, told, own, limit, ids=None):
        """Compare numbers; note the worst that is off."""
        told, own = (np.asarray(one, dtype=float).ravel() for one in np.broadcast_arrays(told, own))
        apart = np.abs(told - own)
        apart[np.isnan(apart)] = np.inf
        k = int(np.argmax(apart)) if apart.size else 0
        if apart.size and apart[k] > limit:
            name = what if ids is None else f"{what} {list(ids)[k]}"
            self.found.append(Finding(period, name, float(told[k]), float(own[k]), float(limit)))

    def at_most(self, period, what, value, most, limit, ids=None):
        """Note where a value is above its bound."""
        value = np.atleast_1d(np.asarray(value, dtype=float))
        most = np.broadcast_to(np.asarray(most, dtype=float), value.shape)
        self.near(period, what, np.where(np.isnan(value), np.nan, np.maximum(value, most)), most, limit, ids)

    def answered(self, period):
        """Whether the period has an answer of the dispatch."""
        return bool(np.isfinite(self.told.row("import_mw")[period]))

    def _tariff(self):
        if not self.case.has_grid:
            return None
        tariff = self.case.data["tariff"]
        own = self.case.series(tariff["prices_per_mwh"]) if tariff["kind"] == "static" else self._dynamic(tariff)
        self.near(-1, "tariff", self.told.row("tariff_per_mwh"), own, 1e-9 * max(np.abs(own).max(), 1.0))
        return own

    def _dynamic(self, tariff):
        case = self.case
        load = case.base_load(case.grid())[0].sum(axis=0)
        load = load + sum(case.given_load().values(), np.zeros(self.T)) * (not case.has_roads)
        if case.has_roads and case.data.get("ev"):
            trips = sum(pair["trips_vph"] for pair in case.data["traffic"]["demand"])
            ev, profile = case.data["ev"], case.series(case.data["traffic"].get("demand_profile", 1.0))
            load += trips * profile * ev["share"] * case.series(ev["fast_charge_share"]) * case.energy_kwh / 1000.0
        for device in case.devices:
            if "available_mw" in device:
                load -= np.minimum(case.series(device["available_mw"]), device["s_max_mva"])
        base, wide = tariff["base_per_mwh"], tariff.get("sigma_threshold", 0.3) * (load.max() - load.min())
        price, step = np.full(self.T, float(base)), tariff.get("sigma_price", 0.3)
        if load.max() > load.min():
            price[load >= load.mean() + wide] = base * (1 + step)
            price[load <= load.mean() - wide] = base * (1 - step)
        return price
