"""The road side of the coupling: what load the stations draw at given prices."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.charging.load import charging_mw
from cosim.coupling.accounts import Account
from cosim.coupling.methods.base import Roads
from cosim.coupling.price import station_cost_min
from cosim.traffic.charge_later import later
from cosim.traffic.equilibrium import SueProblem, SueResult, fisk_objective, solve
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.traffic.sensitivity import sensitivity
from cosim.units import kw_to_mw

Array = NDArray[np.float64]
LOOP_ACCURACY = 0.1
ROUNDING_FLOOR = 1e-12


@dataclass(slots=True, kw_only=True)
class RoadResponse:
    """Stochastic user equilibria of a day at station prices, each started from the last one solved.

    The start changes the effort, not the answer beyond the tolerance.

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
    _last: SueResult | None = None

    def solve(self, position: int, price_per_mwh: Array | None, rise_per_mwh_per_mw: float = 0.0) -> SueResult:
        """Return the equilibrium of one period.

        Parameters
        ----------
        position
            Period, from 0.
        price_per_mwh
            Price per station that drivers see, shape ``(s,)``; None means that they see travel time and fees alone.
        rise_per_mwh_per_mw
            By how much the price at a station rises with its own load.
        """
        problem = self.period(position, price_per_mwh, rise_per_mwh_per_mw)
        result = solve(problem, self.method, self.tolerance, self.limit, self._last, **self.options)
        if not result.converged and self._last is not None:  # a start at an extreme price can be too far away
            result = min(
                result,
                solve(problem, self.method, self.tolerance, self.limit, None, **self.options),
                key=lambda one: (not one.converged, one.residual),
            )
        self._last = result
        return result

    def period(self, position: int, price_per_mwh: Array | None, rise_per_mwh_per_mw: float = 0.0) -> SueProblem:
        """Return the equilibrium problem of one period at prices, as in `solve`."""
        network = self.network(price_per_mwh, rise_per_mwh_per_mw)
        return replace(self.problem, network=network, demand_vph=self.demand_vph[position])

    def network(self, price_per_mwh: Array | None, rise_per_mwh_per_mw: float = 0.0) -> RoadNetwork:
        """Return the network with prices and fees as minutes on the station links."""
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
        if rise_per_mwh_per_mw == 0.0:
            return network.with_fixed_min(fixed_min)
        per_visit = kw_to_mw(self.energy_kwh)
        return network.with_fixed_min(fixed_min, rise_per_mwh_per_mw * per_visit**2 / self.value_of_time_per_min)

    def flow_by_price(self, position: int, price_per_mwh: Array | None, result: SueResult) -> Array:
        """Return how the stations' flows answer to their prices, shape ``(s, s)``, (veh/h) per (money/MWh).

        Entry (n, m) is the slope of the flow at station n over the price at station m. Rows and columns sum to 0 within
        rounding where all charging trips charge once: one price for all moves nobody. Who may charge later is moved.

        Parameters
        ----------
        position, price_per_mwh
            Period and prices that the equilibrium was solved at, as in `solve`.
        result
            The equilibrium.

        Raises
        ------
        InputError
            If the result is no equilibrium, or its routes are not listed as paths.
        """
        problem = self.period(position, price_per_mwh)
        stations = problem.network.station_positions
        by_minute = sensitivity(problem, result).to_fixed_min[np.ix_(stations, stations)]
        return np.asarray(by_minute * kw_to_mw(self.energy_kwh) / self.value_of_time_per_min)

    def value_per_h(self, position: int, price_per_mwh: Array | None, result: SueResult) -> float:
        """Return ``VOT Z(f)`` with prices and fees in it, money per hour; its slope over a price is that load."""
        return self.value_of_time_per_min * fisk_objective(self.period(position, price_per_mwh), result.path_flow_vph)

    def load_mw(self, result: SueResult) -> Array:
        """Return the charging load per station (Eq 9), shape ``(s,)``, MW."""
        return charging_mw(result.link_flow_vph[self.problem.network.station_positions], self.energy_kwh)

    def day(self, price_per_mwh: Array | None) -> tuple[list[SueResult], Array]:
        """Solve all periods; return the equilibria and the loads, shape ``(s, T)``.

        Parameters
        ----------
        price_per_mwh
            Shape ``(s, T)``, or None.
        """
        results = [
            self.solve(k, None if price_per_mwh is None else price_per_mwh[:, k]) for k in range(len(self.demand_vph))
        ]
        return results, np.stack([self.load_mw(result) for result in results], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The periods that one price-flow loop covers, as functions of their stations' prices, shape ``(s, T)``.

    Attributes
    ----------
    response
        The road side of the day.
    positions
        The T periods, from 0.
    seen
        What drivers see of a period's price, shape ``(s,)``; None is travel time and fees alone.
    moves
        Whether they see the loop's price at all.
    account
        When the energy of their visits is drawn; None: in the period of departure.
    day
        Equilibria of all periods as they stand; those of the block are replaced. Only an account in time reads them.
    """

    response: RoadResponse
    positions: tuple[int, ...]
    seen: Callable[[int, Array], Array | None]
    moves: bool = True
    account: Account | None = None
    day: Sequence[SueResult] = ()

    def roads(self) -> Roads:
        """Return what the methods may ask of the roads."""
        paths = self.response.problem.paths
        listed, at_once = isinstance(paths, PathSet), self.account is None or self.account.within_period
        return Roads(
            respond=self.respond,
            steepness=self.steepness if listed and self.moves else None,
            value_per_h=self.value_per_h if at_once else None,
            respond_rising=self.respond_rising if self.moves and at_once else None,
            keeps_total=at_once and not (isinstance(paths, PathSet) and later(paths).any()),
            priced=self.moves,
        )

    def respond(self, price_per_mwh: Array) -> tuple[Array, list[SueResult]]:
        """Return loads, shape ``(s, T)``, and equilibria at prices."""
        return self._solved(price_per_mwh, 0.0)

    def respond_rising(self, price_per_mwh: Array, rise_per_mwh_per_mw: float) -> tuple[Array, list[SueResult]]:
        """Return loads and equilibria where each price rises with the station's own load."""
        return self._solved(price_per_mwh, rise_per_mwh_per_mw)

    def steepness(self, price_per_mwh: Array, results: list[SueResult]) -> Array:
        """Return ``-ds/dp`` per period, shape ``(T, s, s)``, MW per (money/MWh).

        Of energy drawn in time it is a symmetric estimate, from the share that each period's own visits draw in it:
        it sets the pace of a method, not where the loop ends.
        """
        by_price = [
            self.response.flow_by_price(k, self.seen(k, price_per_mwh[:, j]), results[j])
            for j, k in enumerate(self.positions)
        ]
        steepness = -kw_to_mw(self.response.energy_kwh) * np.stack(by_price)
        if self.account is None or self.account.within_period:
            return steepness
        root = np.sqrt(self.account.own_share(self._day_with(results), self.positions)).T
        return np.asarray(root[:, :, np.newaxis] * steepness * root[:, np.newaxis, :])

    def value_per_h(self, price_per_mwh: Array, results: list[SueResult]) -> float:
        """Return the sum of `RoadResponse.value_per_h` over the periods."""
        return math.fsum(
            self.response.value_per_h(k, self.seen(k, price_per_mwh[:, j]), results[j])
            for j, k in enumerate(self.positions)
        )

    def _solved(self, price_per_mwh: Array, rise: float) -> tuple[Array, list[SueResult]]:
        results = [
            self.response.solve(k, self.seen(k, price_per_mwh[:, j]), rise) for j, k in enumerate(self.positions)
        ]
        if self.account is None:
            return np.stack([self.response.load_mw(result) for result in results], axis=1), results
        return self.account.load_mw(self._day_with(results), self.positions), results

    def _day_with(self, results: Sequence[SueResult]) -> list[SueResult]:
        """Return the day with the block's equilibria replaced."""
        day = list(self.day)
        for k, result in zip(self.positions, results, strict=True):
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
