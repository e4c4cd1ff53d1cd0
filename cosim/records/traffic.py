"""What the roads tell of a period."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.arrays import Array, BoolArray
from cosim.records.base import Figures, Rows, Told, Words


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkRows(Rows):
    """The links of the roads."""

    link: Words
    flow_vph: Array
    travel_time_min: Array
    volume_capacity: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathRows(Rows):
    """The paths; ``class_`` is the user class, ``station`` empty where none is on the path."""

    path: Words
    class_: Words
    origin: Words
    destination: Words
    station: Words
    flow_vph: Array
    cost_min: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StationRows(Rows):
    """The stations as the roads see them; the price where drivers see one, the load in time where it is known."""

    station: Words
    node: Words
    bus: Words
    flow_vph: Array
    travel_time_min: Array
    wait_min: Array
    above_knee: BoolArray
    price_per_mwh: Array | None = None
    p_demand_mw: Array
    p_served_mw: Array
    out: BoolArray | None = None
    overloaded: BoolArray
    backlog_mwh: Array
    backlog_veh: Array
    unserved_mwh: Array
    unserved_veh: Array
    p_instant_mw: Array | None = None
    p_kernel_mw: Array | None = None
    pending_mwh: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FleetRow(Rows):
    """The simulated fleet, one row."""

    fast_charge_share: tuple[float]
    trips: tuple[float]
    fast_charge_trips: tuple[float]
    soc: tuple[float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CouplingFigures(Figures):
    """How price and flow agree, and what is proved of it; one without a loop has its objection alone."""

    coupling_rounds: int | None = None
    coupling_residual_mw: float | None = None
    coupling_converged: bool | None = None
    coupling_method: str | None = None
    coupling_nodal: bool | None = None
    coupling_gap_road: float | None = None
    coupling_gap_grid: float | None = None
    coupling_bound_vph: float | None = None
    coupling_objection: str | None = None
    coupling_starts: int | None = None
    coupling_spread_vph: float | None = None
    coupling_spread_rel: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrafficPeriod(Told):
    """The equilibrium of a period, and what its stations are asked for and give."""

    links: LinkRows
    paths: PathRows
    stations: StationRows | None = None
    ev_behaviour: FleetRow | None = None
    sue_residual: float
    sue_gap: float
    sue_iterations: int
    sue_status: str
    ev_later_vph: float | None = None
    ev_later_share: float | None = None
    coupling: CouplingFigures = CouplingFigures()
    station_excess_mw: float | None = None
    station_beyond_mw: float | None = None
