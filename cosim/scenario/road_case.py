"""The road side of a scenario as domain objects, and the equilibrium problems that it poses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.charging.load import charging_mw
from cosim.charging.stations import Station
from cosim.coupling.roads import RoadResponse
from cosim.outages import Outage, out
from cosim.traffic.calibration import LinkLaw
from cosim.traffic.demand import OdDemand
from cosim.traffic.network import RoadNetwork
from cosim.traffic.paths import PathSet
from cosim.traffic.problem import SueProblem

CHARGING, OTHER = "charging", "other"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoadCase:
    """The road side of a day.

    Attributes
    ----------
    network
        Roads, with one virtual link per station; prices and fees are not in it, they are in every `problem`.
    streets
        The roads as ``links.csv`` has them: without stations, and without a fitted law.
    link_law
        The fitted law of a scenario with ``traffic.link_law_file``.
    paths
        Choice set; commodities in order of (class, OD pair).
    demand
        Trips of the classes ``charging`` (if there are stations) and ``other``, shape (T, C, W), veh/h.
    stations
        The S stations, in the order of their links.
    theta_per_min
        Logit dispersion, 1/min.
    energy_kwh
        Energy of one visit, kWh; 0 without electric vehicles.
    value_of_time_per_min
        Money per minute of drivers who charge.
    charging_load
        ``instant`` or ``kernel``: when the energy of a visit is drawn.
    charge_later
        Whether drivers may pass without charging.
    method, tolerance, limit, options
        Solver of the equilibrium, as `cosim.traffic.equilibrium.solve` takes them.
    announced_price_per_mwh
        Prices that drivers know before the day, shape (S, T): given ones, or the tariff with its markup. None where
        they see none, or the dispatch's nodal prices.
    outages
        Of stations: their own, and those of lines that leave their buses without supply.
    own_net
        The SUMO network that the roads were imported from; None where there is none.
    """

    network: RoadNetwork
    streets: RoadNetwork
    link_law: LinkLaw | None
    paths: PathSet
    demand: OdDemand
    stations: tuple[Station, ...]
    theta_per_min: float
    energy_kwh: float
    value_of_time_per_min: float
    charging_load: str
    charge_later: bool
    method: str
    tolerance: float
    limit: int | None
    options: dict[str, object]
    announced_price_per_mwh: Array | None = None
    outages: tuple[Outage, ...] = ()
    own_net: Path | None = None

    def closed(self, seen_in: int | None = None) -> BoolArray | None:
        """Return where stations are closed, as known in a period (None: in the end), shape (S, T); None: nowhere."""
        if not self.outages:
            return None
        return out(self.outages, len(self.stations), len(self.demand_vph), seen_in)

    def _paths_in(self, seen_in: int | None) -> tuple[PathSet, ...]:
        """Return the choice sets of the periods; empty if no station closes."""
        closed = self.closed(seen_in)
        if closed is None:
            return ()
        known = {}
        for column in closed.T:
            if column.tobytes() not in known:
                on_link = np.zeros(len(self.network.link_ids), dtype=np.bool_)
                on_link[self.network.station_positions] = column
                known[column.tobytes()] = self.paths.without(on_link)
        return tuple(known[column.tobytes()] for column in closed.T)

    @property
    def problem(self) -> SueProblem:
        """The equilibrium problem of the first period, as a run solves it: access fees and announced prices included.

        Those of other periods, and at other prices, are ``response().period(position, price)``. Nodal prices come out
        of a run; until one is given, a problem holds the fees alone.
        """
        announced = self.announced_price_per_mwh
        return self.response().period(0, None if announced is None else announced[:, 0])

    def response(self, seen_in: int | None = None) -> RoadResponse:
        """Return the road side as a function of prices; every equilibrium problem of the scenario comes from here.

        With the outages that are known in a period; None knows all of the day.
        """
        return RoadResponse(
            problem=SueProblem(
                network=self.network, paths=self.paths, demand_vph=self.demand_vph[0], theta_per_min=self.theta_per_min
            ),
            demand_vph=self.demand_vph,
            energy_kwh=self.energy_kwh,
            access_fee=np.array([station.access_fee for station in self.stations]),
            value_of_time_per_min=self.value_of_time_per_min,
            method=self.method,
            tolerance=self.tolerance,
            limit=self.limit,
            options=self.options,
            paths_in=self._paths_in(seen_in),
        )

    @property
    def demand_vph(self) -> Array:
        """Demand of the commodities, shape (T, C * W), veh/h."""
        return self.demand.demand_vph

    @property
    def charging_total_mw(self) -> Array:
        """Charging load of all stations together if all charge at once (Eqs 2 and 9), shape (T,).

        Known before any assignment: the tariff's bands are those of this load, whoever charges later in the end.
        """
        return charging_mw(self.charging_vph, self.energy_kwh)

    @property
    def charging_vph(self) -> Array:
        """Trips that look for a station (Eq 2), shape (T,), veh/h."""
        if CHARGING not in self.demand.classes:
            return np.zeros(len(self.demand.trips_vph))
        return np.asarray(self.demand.trips_vph[:, self.demand.classes.index(CHARGING)].sum(axis=1))
