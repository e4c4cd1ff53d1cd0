"""The road side of the coupling: what load the stations draw at given prices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.charging.load import charging_mw
from cosim.charging.overload import Chargers, Served
from cosim.coupling.accounts import Account
from cosim.coupling.methods.base import Roads
from cosim.coupling.price import station_cost_min
from cosim.errors import PluginError
from cosim.traffic.charge_later import later
from cosim.traffic.equilibrium import SueProblem, SueResult, fisk_objective, solve
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.traffic.routes import Routes
from cosim.traffic.sensitivity import linearised
from cosim.units import kw_to_mw

LOOP_ACCURACY = 0.1
ROUNDING_FLOOR = 1e-12
Results = Sequence[SueResult]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoadResponse:
    """Stochastic user equilibria of a day at station prices.

    Attributes
    ----------
    problem
        Network, paths and theta; its demand is replaced by the period's.
    demand_vph
        Demand per period and commodity, shape ``(T, W)``.
    energy_kwh, access_fee, value_of_time_per_min
        What one visit takes and costs; the fee per station, shape ``(s,)``.
    method, tolerance, limit, options
        Solver of the equilibrium.
    paths_in
        The choice sets of each period where outages close stations; else empty.
    """

    problem: SueProblem
    demand_vph: Array
    energy_kwh: float
    access_fee: Array
    value_of_time_per_min: float
    method: str = "auto"
    tolerance: float = 1e-8
    limit: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    paths_in: tuple[Routes, ...] = ()

    def solve(
        self,
        position: int,
        price_per_mwh: Array | None,
        rise_per_mwh_per_mw: Array | float = 0.0,
        wait_min: Array | None = None,
        start: SueResult | None = None,
    ) -> SueResult:
        """Return the equilibrium of one period, without its method's history: states of a day keep many equilibria.

        Parameters
        ----------
        position
            Period, from 0.
        price_per_mwh
            Price per station that drivers see, shape ``(s,)``; None means that they see travel time and fees alone.
        rise_per_mwh_per_mw
            By how much the price at a station rises with the load of those who come, of one number or shape ``(s,)``.
        wait_min
            What those left over from earlier periods add to a visit at each station, min, shape ``(s,)``.
        start
            An equilibrium of the same paths to start from: it changes the effort, not the answer beyond the tolerance.
        """
        try:
            found = self._solve(self.period(position, price_per_mwh, rise_per_mwh_per_mw, wait_min), start)
        except PluginError as error:
            raise error.at(f"period {position + 1}") from error
        return replace(found, history=())

    def _solve(self, problem: SueProblem, start: SueResult | None) -> SueResult:
        result = solve(problem, self.method, self.tolerance, self.limit, start, **self.options)
        if not result.converged and start is not None:  # a start at an extreme price can be too far away
            result = min(
                result,
                solve(problem, self.method, self.tolerance, self.limit, None, **self.options),
                key=lambda one: (not one.converged, one.residual),
            )
        return result

    def period(
        self,
        position: int,
        price_per_mwh: Array | None,
        rise_per_mwh_per_mw: Array | float = 0.0,
        wait_min: Array | None = None,
    ) -> SueProblem:
        """Return the equilibrium problem of one period at prices and waits, as in `solve`."""
        network = self.network(price_per_mwh, rise_per_mwh_per_mw, wait_min)
        demand = self.demand_vph[position]
        return replace(self.problem, network=network, paths=self.paths(position), demand_vph=demand)

    def paths(self, position: int) -> Routes:
        """Return the choice sets of one period."""
        return self.paths_in[position] if self.paths_in else self.problem.paths

    def network(
        self, price_per_mwh: Array | None, rise_per_mwh_per_mw: Array | float = 0.0, wait_min: Array | None = None
    ) -> RoadNetwork:
        """Return the network with prices and fees, and waits for those left over, as minutes on the station links."""
        network = self.problem.network
        stations = network.station_positions.size
        if stations == 0:
            return network
        price = np.zeros(stations) if price_per_mwh is None else price_per_mwh
        fixed_min = station_cost_min(
            price,
            energy_kwh=self.energy_kwh,
            access_fee=self.access_fee,
            value_of_time_per_min=self.value_of_time_per_min,
        )
        if wait_min is not None:
            fixed_min = fixed_min + wait_min
        if not np.any(rise_per_mwh_per_mw):
            return network.with_fixed_min(fixed_min)
        per_visit = kw_to_mw(self.energy_kwh)
        return network.with_fixed_min(fixed_min, rise_per_mwh_per_mw * per_visit**2 / self.value_of_time_per_min)

    def flow_by_price(
        self, position: int, price_per_mwh: Array | None, result: SueResult, wait_min: Array | None = None
    ) -> Array:
        """Return how the stations' flows answer to their prices, shape ``(s, s)``, (veh/h) per (money/MWh).

        Entry (n, m) is the slope of the flow at station n over the price at station m. Rows and columns sum to 0 within
        rounding where all charging trips charge once: one price for all moves nobody. Who may charge later is moved.

        Parameters
        ----------
        position, price_per_mwh, wait_min
            Period, prices and waits that the equilibrium was solved at, as in `solve`.
        result
            The equilibrium; of flows that did not get there it is an estimate.

        Raises
        ------
        InputError
            If its routes are not listed as paths.
        """
        problem = self.period(position, price_per_mwh, wait_min=wait_min)
        stations = problem.network.station_positions
        by_minute = linearised(problem, result).to_fixed_min[np.ix_(stations, stations)]
        return np.asarray(by_minute * kw_to_mw(self.energy_kwh) / self.value_of_time_per_min)

    def value_per_h(
        self, position: int, price_per_mwh: Array | None, result: SueResult, wait_min: Array | None = None
    ) -> float:
        """Return ``VOT Z(f)`` with prices and fees in it, money per hour; its slope over a price is that load."""
        problem = self.period(position, price_per_mwh, wait_min=wait_min)
        return self.value_of_time_per_min * fisk_objective(problem, result.path_flow_vph)

    def load_mw(self, result: SueResult) -> Array:
        """Return the charging load that those who come ask for (Eq 9), shape ``(s,)``, MW."""
        return charging_mw(result.link_flow_vph[self.problem.network.station_positions], self.energy_kwh)

    def day(self, price_per_mwh: Array | None) -> tuple[list[SueResult], Array]:
        """Solve all periods as if nobody were left over; return the equilibria and the loads asked for, ``(s, T)``.

        Each starts from the one before.

        Parameters
        ----------
        price_per_mwh
            Shape ``(s, T)``, or None.
        """
        results: list[SueResult] = []
        for k in range(len(self.demand_vph)):
            price = None if price_per_mwh is None else price_per_mwh[:, k]
            results.append(self.solve(k, price, start=results[-1] if results else None))
        return results, np.stack([self.load_mw(result) for result in results], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """The periods that one price-flow loop covers, as functions of their stations' prices, shape ``(s, T)``.

    Attributes
    ----------
    response
        The road side of the day.
    positions
        The T periods, from 0, one after the other.
    announced_per_mwh
        Prices of all periods of the day that drivers know before it, whatever the loop's, shape ``(s, periods)``.
    moves
        Whether they see the loop's price; else the announced one or, without any, travel time and fees alone.
    account
        When the energy of their visits is drawn.
    day
        Equilibria of all periods as they stand; those of the block are replaced. Only an account in time reads them.
    chargers
        What the stations can serve.
    backlog_mwh
        Energy of those who wait when the first period begins, shape ``(s,)``.
    foreseen
        How many periods after the block the dispatch looks at, by what is known of them now.
    """

    response: RoadResponse
    positions: tuple[int, ...]
    account: Account
    chargers: Chargers
    announced_per_mwh: Array | None = None
    moves: bool = True
    day: Sequence[SueResult] = ()
    backlog_mwh: Array | float = 0.0
    foreseen: int = 0

    def seen(self, k: int, price_per_mwh: Array) -> Array | None:
        """Return the price that enters route choice in period ``k`` if the loop's is this; None if there is none."""
        if self.announced_per_mwh is not None:
            return self.announced_per_mwh[:, k]
        return price_per_mwh if self.moves else None

    def roads(self) -> Roads:
        """Return what the methods may ask of the roads."""
        paths = self.response.problem.paths
        listed, at_once = isinstance(paths, PathSet), self.account.within_period
        return Roads(
            respond=self.respond,
            steepness=self.steepness if listed and self.moves else None,
            value_per_h=self.value_per_h if at_once else None,
            respond_rising=self.respond_rising if self.moves and at_once else None,
            keeps_total=at_once and not (isinstance(paths, PathSet) and later(paths).any()),
            priced=self.moves,
            later_mw=self.later_mw if self.foreseen else None,
        )

    def respond(self, price_per_mwh: Array, start: Results = ()) -> tuple[Array, Results]:
        """Return loads, shape ``(s, T)``, and equilibria at prices; the first starts from the last of ``start``."""
        return self._solved(price_per_mwh, 0.0, start)

    def respond_rising(
        self, price_per_mwh: Array, rise_per_mwh_per_mw: float, start: Results = ()
    ) -> tuple[Array, Results]:
        """Return loads and equilibria where each price rises with the station's own load."""
        return self._solved(price_per_mwh, rise_per_mwh_per_mw, start)

    def arriving_mw(self, results: Sequence[SueResult]) -> Array:
        """Return the load that those who arrive ask for at the block's equilibria, shape ``(s, T)``."""
        return self.account.load_mw(self._day_with(results), self.positions)

    def later_mw(self, results: Sequence[SueResult]) -> Array:
        """Return the load of the periods after the block, by what its equilibria leave to them, shape ``(s, F)``."""
        first, after = self.positions[0], self.positions[-1] + 1
        arriving = self.account.load_mw(self._day_with(results), range(first, after + self.foreseen))
        return self.chargers.serve(arriving, self.backlog_mwh, first).p_mw[:, after - first :]

    def served(self, results: Sequence[SueResult]) -> Served:
        """Return what the chargers serve of it, and what they leave over."""
        return self.chargers.serve(self.arriving_mw(results), self.backlog_mwh, self.positions[0])

    def left_over_mwh(self, results: Sequence[SueResult]) -> Array:
        """Return the energy of those who wait when each period begins, shape ``(s, T)``."""
        found = self.served(results).backlog_mwh
        first = np.broadcast_to(np.asarray(self.backlog_mwh, dtype=np.float64), found.shape[:1])
        return np.concatenate([first[:, np.newaxis], found[:, :-1]], axis=1)

    def left_over_mw(self, results: Sequence[SueResult]) -> Array:
        """Return the mean power that they ask for within the period, shape ``(s, T)``."""
        return np.asarray(self.left_over_mwh(results) / self.chargers.period_h)

    def wait_min(self, results: Sequence[SueResult]) -> Array:
        """Return what they add to a visit in each period, min, shape ``(s, T)``."""
        return self.chargers.wait_min(self.left_over_mwh(results))

    def overloaded(self, results: Sequence[SueResult]) -> BoolArray:
        """Return at which stations, in which periods, the chargers are asked for too much, shape ``(s, T)``."""
        return self.chargers.overloaded(self.served(results))

    def steepness(self, price_per_mwh: Array, results: Results) -> Array:
        """Return ``-ds/dp`` per period, shape ``(T, s, s)``, MW per (money/MWh).

        Of energy drawn in time it is a symmetric estimate, from the share that each period's own visits draw in it:
        it sets the pace of a method, not where the loop ends. So it is where a station is over its chargers: its load
        answers to no price, and what prices at it change elsewhere is left out.
        """
        waits = self.wait_min(results)
        by_price = [
            self.response.flow_by_price(k, self.seen(k, price_per_mwh[:, j]), results[j], waits[:, j])
            for j, k in enumerate(self.positions)
        ]
        steepness = -kw_to_mw(self.response.energy_kwh) * np.stack(by_price)
        over = self.overloaded(results).T
        if over.any():
            steepness = np.where(over[:, :, np.newaxis] | over[:, np.newaxis, :], 0.0, steepness)
        if self.account.within_period:
            return steepness
        root = np.sqrt(self.account.own_share(self._day_with(results), self.positions)).T
        return np.asarray(root[:, :, np.newaxis] * steepness * root[:, np.newaxis, :])

    def value_per_h(self, price_per_mwh: Array, results: Results) -> float:
        """Return the sum of `RoadResponse.value_per_h` over the periods, and what those left over pay.

        NaN where a station is over its chargers: the load that it draws is then no gradient of this value.
        """
        if self.overloaded(results).any():
            return math.nan
        waits = self.wait_min(results)
        arriving = math.fsum(
            self.response.value_per_h(k, self.seen(k, price_per_mwh[:, j]), results[j], waits[:, j])
            for j, k in enumerate(self.positions)
        )
        return arriving + float((price_per_mwh * self.left_over_mw(results)).sum())

    def _solved(self, price_per_mwh: Array, rise: float, start: Results) -> tuple[Array, Results]:
        """Solve period by period: whoever is left over in one adds to the waits of the next."""
        results: list[SueResult] = []
        loads = np.zeros((self.response.problem.network.station_positions.size, len(self.positions)))
        backlog = np.broadcast_to(np.asarray(self.backlog_mwh, dtype=np.float64), loads.shape[:1])
        for j in range(len(self.positions)):
            result, found = self._period(results, price_per_mwh[:, j], rise, backlog, start[-1] if start else None)
            results.append(result)
            start = results
            loads[:, j], backlog = found.p_mw[:, 0], found.backlog_mwh[:, 0]
        return loads, tuple(results)

    def _period(
        self, before: list[SueResult], price_per_mwh: Array, rise: float, backlog_mwh: Array, start: SueResult | None
    ) -> tuple[SueResult, Served]:
        """Solve the period after those before it; return its equilibrium and what is served in it.

        A price that rises does so with the load *served*: at a station over its chargers it stands at that of their
        power. Which stations those are is found by trying.
        """
        k, chargers = self.positions[len(before)], self.chargers
        waits = chargers.wait_min(backlog_mwh) if backlog_mwh.any() else None
        flat = np.zeros(backlog_mwh.shape, dtype=bool)
        for _ in range(2 * flat.size + 1):
            price = price_per_mwh
            rising: Array | float = rise
            if rise != 0.0 and (flat.any() or waits is not None):
                known_mw = np.where(flat, chargers.power_in(k), backlog_mwh / chargers.period_h)
                price, rising = price_per_mwh + rise * known_mw, np.where(flat, 0.0, rise)
            result = start = self.response.solve(k, self.seen(k, price), rising, waits, start)
            found = chargers.serve(self._latest_mw([*before, result]), backlog_mwh, k)
            over = chargers.overloaded(found)[:, 0]
            if rise == 0.0 or np.array_equal(over, flat):
                break
            flat = over
        return result, found

    def _latest_mw(self, results: list[SueResult]) -> Array:
        """Return the load asked for in the last period that is solved so far, shape ``(s, 1)``."""
        return self.account.load_mw(self._day_with(results), [self.positions[len(results) - 1]])

    def _day_with(self, results: Sequence[SueResult]) -> list[SueResult]:
        """Return the day with the block's equilibria replaced, those that are there."""
        day = list(self.day) or [results[0]] * (self.positions[-1] + 1)
        for k, result in zip(self.positions, results, strict=False):
            day[k] = result
        return day


def loop_tolerance(tolerance: float, *, tolerance_mw: float, energy_kwh: float, link_flow_vph: float) -> float:
    """Return the residual to which equilibria inside a price-flow loop are solved.

    A residual R misplaces up to ``R |v|`` vehicles, hence ``R |v| E`` MW: a tenth of the loop's tolerance is allowed.
    With a coarser equilibrium the loop could see no change where there is one.

    Parameters
    ----------
    tolerance
        The scenario's own tolerance, never exceeded.
    tolerance_mw
        Tolerance of the loop.
    energy_kwh
        Energy of one visit.
    link_flow_vph
        Sum of all link flows ``|v|`` in the busiest period.
    """
    per_residual_mw = kw_to_mw(energy_kwh) * link_flow_vph
    if per_residual_mw <= 0.0:
        return tolerance
    return min(tolerance, max(LOOP_ACCURACY * tolerance_mw / per_residual_mw, ROUNDING_FLOOR))
