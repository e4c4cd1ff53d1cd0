"""Charging stations as both networks see them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self, get_args

from cosim.errors import InputError, Problem
from cosim.units import h_to_min, kw_to_mw

Rule = tuple[str, bool, str]
Overload = Literal["carry", "unserved"]
OVERLOAD: tuple[Overload, ...] = get_args(Overload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A charging station: a virtual link of the road network and a load of the feeder.

    Attributes
    ----------
    name
        Id of the station, also the id of its virtual link.
    node
        Id of its road node.
    bus
        Id of its feeder bus.
    free_flow_min
        Access and service time without waiting, min.
    capacity_vph
        Vehicles that can be served per hour, veh/h.
    davidson_j
        Shape of the waiting time in Davidson's law (R_n of Eq 3).
    knee
        Share of the capacity above which the waiting time grows linearly; between 0 and 1.
    access_fee
        Price of one visit besides the energy, in the scenario's currency.
    chargers, charger_kw
        Number of chargers and power of each, kW, if known.
    law
        Name of the travel-time law of the virtual link.
    service_scv
        Squared coefficient of variation of the service time, for the law ``erlang``: 0 if every vehicle takes the same
        energy, 1 for exponential times.
    overload
        What becomes of energy asked for beyond the chargers' power: ``carry`` to the next period, or ``unserved``.

    Raises
    ------
    InputError
        Naming every value that breaks its rule.
    """

    name: str
    node: str
    bus: str
    free_flow_min: float
    capacity_vph: float
    davidson_j: float = 0.1
    knee: float = 0.9
    access_fee: float = 0.0
    chargers: int | None = None
    charger_kw: float | None = None
    law: str = "davidson"
    service_scv: float = 0.0
    overload: Overload = "carry"

    def __post_init__(self) -> None:
        rules: list[Rule] = [
            ("name", bool(self.name), "must not be empty"),
            ("node", bool(self.node), "must not be empty"),
            ("bus", bool(self.bus), "must not be empty"),
            ("free_flow_min", 0 <= self.free_flow_min < math.inf, "must be >= 0 and finite"),
            ("capacity_vph", 0 < self.capacity_vph < math.inf, "must be > 0 and finite"),
            ("davidson_j", 0 <= self.davidson_j < math.inf, "must be >= 0 and finite"),
            ("knee", 0 < self.knee < 1, "must be between 0 and 1"),
            ("access_fee", math.isfinite(self.access_fee), "must be finite"),
            ("service_scv", 0 <= self.service_scv < math.inf, "must be >= 0 and finite"),
            ("chargers", self.chargers is None or self.chargers >= 1, "must be at least 1"),
            (
                "charger_kw",
                self.charger_kw is None or 0 < self.charger_kw < math.inf,
                "must be > 0 and finite",
            ),
            ("overload", self.overload in OVERLOAD, f"must be one of {', '.join(OVERLOAD)}"),
        ]
        _raise_broken(self, rules)

    @classmethod
    def from_chargers(
        cls,
        *,
        name: str,
        node: str,
        bus: str,
        chargers: int,
        charger_kw: float,
        access_min: float,
        energy_kwh: float,
        davidson_j: float = 0.1,
        knee: float = 0.9,
        access_fee: float = 0.0,
        law: str = "davidson",
        service_scv: float = 0.0,
        overload: Overload = "carry",
    ) -> Self:
        """Build a station whose capacity and free-flow time follow from its chargers.

        Parameters
        ----------
        access_min
            Time to reach, plug in and leave, min.
        energy_kwh
            Energy of one visit, kWh; service time = energy / charger power.

        Examples
        --------
        >>> station = Station.from_chargers(
        ...     name="S1", node="8", bus="16", chargers=20, charger_kw=60.0, access_min=10.0, energy_kwh=20.0
        ... )
        >>> station.free_flow_min, station.capacity_vph, station.installed_mw
        (30.0, 60.0, 1.2)
        """
        rules: list[Rule] = [
            ("chargers", chargers >= 1, f"is {chargers}, must be at least 1"),
            ("charger_kw", 0 < charger_kw < math.inf, f"is {charger_kw}, must be > 0 and finite"),
            ("access_min", 0 <= access_min < math.inf, f"is {access_min}, must be >= 0 and finite"),
            ("energy_kwh", 0 < energy_kwh < math.inf, f"is {energy_kwh}, must be > 0 and finite"),
        ]
        broken = [Problem(field=f, reason=f"station {name!r}: {f} {why}") for f, ok, why in rules if not ok]
        if broken:
            raise InputError(broken)
        service_min = h_to_min(energy_kwh / charger_kw)
        return cls(
            name=name,
            node=node,
            bus=bus,
            free_flow_min=access_min + service_min,
            capacity_vph=chargers * h_to_min(1.0) / service_min,
            davidson_j=davidson_j,
            knee=knee,
            access_fee=access_fee,
            chargers=chargers,
            charger_kw=charger_kw,
            law=law,
            service_scv=service_scv,
            overload=overload,
        )

    @property
    def installed_mw(self) -> float | None:
        """Power of all chargers together in MW; None if they are not known."""
        if self.chargers is None or self.charger_kw is None:
            return None
        return kw_to_mw(self.chargers * self.charger_kw)

    def power_mw(self, energy_kwh: float) -> float:
        """Return the most that the station can draw: of its chargers, or of ``capacity_vph`` visits an hour, MW.

        Parameters
        ----------
        energy_kwh
            Energy of one visit, kWh.

        Examples
        --------
        >>> Station(name="S1", node="8", bus="16", free_flow_min=30.0, capacity_vph=60.0).power_mw(20.0)
        1.2
        """
        installed = self.installed_mw
        return kw_to_mw(self.capacity_vph * energy_kwh) if installed is None else installed


def _raise_broken(station: Station, rules: list[Rule]) -> None:
    broken = [
        Problem(field=f, reason=f"station {station.name!r}: {f} is {getattr(station, f)!r}, {rule}")
        for f, holds, rule in rules
        if not holds
    ]
    if broken:
        raise InputError(broken)
