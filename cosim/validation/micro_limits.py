"""What is accepted when an equilibrium is held against a microscopic simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from cosim.bounds import Fraction, NonNegative, Positive, check_bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroLimits:
    """Thresholds of the verdict of `cosim validate`.

    Teleported, never inserted and unfinished vehicles have their limits in `cosim.validation.gate.GateLimits`.

    Attributes
    ----------
    residual
        Largest residual R of the stored flows: what is no equilibrium is not validated as one.
    geh
        GEH below which a link counts as reproduced, (veh/h)^0.5.
    geh_share
        Smallest share of such links (practice: 0.85).
    total_flow_rel
        Largest relative difference of the sums of all link flows.
    time_mape
        Largest mean relative error of the links' travel times.
    route_time_mape
        Largest mean relative error of the travel times of whole routes.
    curve_mape
        Largest mean relative error of measured times against the fitted curve of simulated lanes: whether the
        simulation itself is sound, whatever the capacities of the scenario.
    closure
        Largest share of demand that would move at measured times.
    time_skill
        Smallest skill against the null model (free-flow logit) in time; asked for only where the null model's own
        closure is at least ``null_closure``: below, there is no congestion that could be told.
    closure_skill
        Smallest skill against the null model in closure; asked for as ``time_skill`` is.
    null_closure
        Closure of the null model from which on the two skills are asked for.
    station_energy_rel
        Largest relative difference of measured and planned energy of all stations together.
    ledger_kwh
        Largest difference of a station's ledger and its sessions.
    collisions
        Most collisions of a run.
    jam_occupancy
        Share of an edge's length that vehicles cover from which on it counts as filled, on a user's own network.
    jammed_edges
        Most edges that fill though the model sees room on them; times and route choice are not judged beyond.
    link_vehicles
        Vehicles that a link's time must rest on to be compared.
    """

    residual: NonNegative = 1e-6
    geh: Positive = 5.0
    geh_share: Fraction = 0.85
    total_flow_rel: NonNegative = 0.05
    time_mape: NonNegative = 0.10
    route_time_mape: NonNegative = 0.10
    curve_mape: NonNegative = 0.03
    closure: NonNegative = 0.10
    time_skill: float = 0.7
    closure_skill: float = 0.7
    null_closure: NonNegative = 0.08
    station_energy_rel: NonNegative = 0.10
    ledger_kwh: NonNegative = 1e-9
    collisions: Annotated[int, Ge(0)] = 0
    jam_occupancy: Fraction = 0.2
    jammed_edges: Annotated[int, Ge(0)] = 0
    link_vehicles: Annotated[int, Ge(1)] = 10

    def __post_init__(self) -> None:
        check_bounds(self, "microsim.thresholds")
