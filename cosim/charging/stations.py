"""Charging stations as both networks see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, get_args

from annotated_types import Interval, MinLen

from cosim.bounds import NonNegative, Positive, check_bounds
from cosim.errors import InputError, Problem
from cosim.units import h_to_min, kw_to_mw

Share = Annotated[float, Interval(gt=0, lt=1)]
Overload = Literal["carry", "unserved"]
Name = Annotated[str, MinLen(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LawSettings:
    """Settings of a travel-time law that may describe a station; each law adds its own.

    Attributes
    ----------
    kind
        Name of the law.
    knee
        Share of the capacity above which a station is told as above its knee.
    """

    kind: str
    knee: Share = 0.9

    def __post_init__(self) -> None:
        check_bounds(self, "law")


MOST_CHARGERS = 10_000
"""Of one station: queues and laws count them one by one."""
Chargers = Annotated[int, Interval(ge=1, le=MOST_CHARGERS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    chargers: Chargers
    charger_kw: Positive
    access_min: NonNegative
    energy_kwh: Positive


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
    access_fee
        Price of one visit besides the energy, in the scenario's currency.
    chargers, charger_kw
        Number of chargers and power of each, kW, if known.
    law
        Travel-time law of the virtual link: its settings, as `cosim.traffic.laws` declares them, or its name alone.
    overload
        What becomes of energy asked for beyond the chargers' power: ``carry`` to the next period, or ``unserved``.

    Raises
    ------
    InputError
        Naming every value that breaks its rule.
    """

    name: Name
    node: Name
    bus: Name
    free_flow_min: NonNegative
    capacity_vph: Positive
    access_fee: float = 0.0
    chargers: Chargers | None = None
    charger_kw: Positive | None = None
    law: LawSettings | str = "davidson"
    overload: Overload = "carry"

    def __post_init__(self) -> None:
        check_bounds(self, self.name)
        if self.overload not in get_args(Overload):
            reason = f"{self.overload!r} must be one of {', '.join(get_args(Overload))}"
            raise InputError(Problem(field=f"{self.name}.overload", reason=reason))

    @classmethod
    def from_chargers(
        cls,
        *,
        chargers: int,
        charger_kw: float,
        access_min: float,
        energy_kwh: float,
        **given: Any,  # noqa: ANN401 - the other fields
    ) -> Self:
        """Build a station whose capacity and free-flow time follow from its chargers; the other fields as they are.

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
        check_bounds(
            _Visit(chargers=chargers, charger_kw=charger_kw, access_min=access_min, energy_kwh=energy_kwh),
            str(given.get("name")),
        )
        service_min = h_to_min(energy_kwh / charger_kw)
        free_flow_min, capacity_vph = access_min + service_min, chargers * h_to_min(1.0) / service_min
        return cls(
            free_flow_min=free_flow_min, capacity_vph=capacity_vph, chargers=chargers, charger_kw=charger_kw, **given
        )

    @property
    def law_kind(self) -> str:
        """Name of the law."""
        return self.law if isinstance(self.law, str) else self.law.kind

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
