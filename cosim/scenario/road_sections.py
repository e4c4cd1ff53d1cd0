"""The sections ``roads``, ``traffic`` and ``ev``: streets, trips, ours or another tool's, and the vehicles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Interval
from pydantic import Field, model_validator

from cosim.bounds import Fraction, NonNegative, Positive
from cosim.charging.behaviour import BehaviourSettings
from cosim.errors import InputError, Problem
from cosim.scenario.section import FileName, Id, Section
from cosim.timeline import Series

MCMC = "mcmc"
"""`fast_charge_share` that comes from simulated behaviour."""


class RoadSource(Section):
    """Roads in another tool's files, and how their numbers are meant."""

    network: FileName = Field(
        description="Shipped network, folder of this scenario (CSV, GMNS), or a TNTP file in it",
        examples=["town_net.tntp"],
    )
    toll_min: NonNegative | None = Field(default=None, description="TNTP, GMNS: minutes per unit of toll; none: unused")
    length_min: NonNegative | None = Field(default=None, description="TNTP: minutes per unit of length; none: unused")
    time_unit_min: Positive | None = Field(
        default=None, description="TNTP: minutes per unit of free-flow time; none: the header's, or 1"
    )
    capacity_per: Literal["lane", "link"] | None = Field(
        default=None, description="GMNS: what a capacity is of; none: a lane, as the format has it"
    )

    def options(self, capacity_column: str) -> dict[str, Any]:
        """Return what the reader of the network is told; a usual capacity column is not worth a word."""
        given: dict[str, Any] = self.model_dump(exclude={"network"}, exclude_none=True)
        return given if capacity_column == "capacity_vph" else given | {"capacity_column": capacity_column}


class TripSource(Section):
    """A trip table in another tool's file, and which of its matrices is meant."""

    file: FileName = Field(
        description="CSV, GMNS table, TNTP trips, OMX or VISUM ``$O`` in this folder", examples=["trips.omx"]
    )
    matrix: str | None = Field(default=None, description="OMX: the matrix; none: the only one")
    lookup: str | None = Field(
        default=None, description="OMX: the numbers of the zones; none: the only ones, or 1 to n"
    )
    period_h: Positive | None = Field(default=None, description="OMX: hours in which the trips are made; none: 1")

    @property
    def options(self) -> dict[str, Any]:
        """What the reader of the trips is told."""
        return self.model_dump(exclude={"file"}, exclude_none=True)


class OdPair(Section):
    """Trips from one node to another per hour, at profile value 1."""

    origin: Id = Field(description="Node where the trips begin")
    destination: Id = Field(description="Node where the trips end")
    trips_vph: NonNegative = Field(description="Trips at profile value 1")


class Traffic(Section):
    """Demand, route choice and the solver of the stochastic user equilibrium."""

    theta_per_min: Positive = Field(
        description="Dispersion of the logit route choice; small: spread out, large: all on the cheapest path"
    )
    demand: tuple[OdPair, ...] | FileName | TripSource = Field(
        description="List of pairs, CSV file with columns ``origin``, ``destination``, ``trips_vph``, or a trip table "
        "of another format: GMNS, TNTP, OMX, VISUM",
        examples=["trips.csv", [{"origin": "A", "destination": "E", "trips_vph": 400}]],
    )
    demand_profile: Series = Field(
        default=1.0,
        description="Factor of all trips in each period",
        examples=[0.8, [0.4, 1, 0.7], {"file": "profiles.csv", "column": "od"}],
    )
    capacity_column: str = Field(default="capacity_vph", description="Column of links.csv")
    link_law_file: FileName | None = Field(
        default=None, description="CSV of a fitted link law (cosim calibrate) in place of links.csv's alpha and beta"
    )
    paths: str = Field(
        default="all",
        description="Route model: ``all`` simple paths, or the ``k=10`` cheapest on empty roads",
        examples=["all", "k=10"],
    )
    path_limit: Annotated[int, Interval(ge=1, le=1_000_000)] = Field(
        default=10_000, description="Most paths per OD pair with ``paths: all``"
    )
    overlap: Literal["none", "path_size"] = Field(default="none", description="Correction for routes that share links")
    overlap_beta: NonNegative = Field(default=1.0, description="Weight of ``path_size``")
    method: str = Field(
        default="auto", description="``auto``, ``newton``, ``mirror_bb``, ``sra``, ``msa``, or an installed one"
    )
    tolerance: Positive = Field(default=1e-8, description="Limit of the residual |V(c(v)) - v| / |v|")
    iteration_limit: Annotated[int, Ge(1)] | None = Field(
        default=None, description="Most iterations; none: the method's own limit"
    )
    msa_step: Literal["1/n", "1/(n+1)"] = Field(default="1/n", description="Step of the method ``msa``")
    paper_step_test_vph: Positive | None = Field(
        default=None, description="Only with ``msa``: also stop when the path flows change less"
    )


class ChargeLater(Section):
    """The way out of a charging stop: drive on and charge later or at home, at a constant cost."""

    cost_min: NonNegative = Field(description="Cost of charging later, in minutes of travel")


class ElectricVehicles(Section):
    """Electric vehicles among the trips, and what one visit to a station takes."""

    share: Fraction = Field(description="Share of the trips made by electric vehicles")
    fast_charge_share: Literal["mcmc"] | Series = Field(
        description="Share of their trips with a fast charge; ``mcmc``: from a simulated fleet",
        examples=[0.12, "mcmc"],
    )
    behaviour: BehaviourSettings | None = Field(
        default=None, description="The fleet, with ``fast_charge_share: mcmc``; all its keys are optional"
    )
    recharge_share: Annotated[float, Interval(gt=0, le=1)] = Field(
        description="Share of the battery charged in one visit, in every vehicle"
    )
    battery_kwh: Positive = Field(description="Battery of a vehicle")
    value_of_time_per_min: Positive = Field(
        default=0.5, description="Turns prices and fees into minutes of route choice"
    )
    charging_load: Literal["instant", "kernel"] = Field(
        default="instant",
        description="When energy is drawn: in the period of departure, or in time (after travel, over the service)",
    )
    charge_later: ChargeLater | None = Field(
        default=None,
        description="Lets vehicles pass the stations, at a constant cost; none: all who look for one charge",
    )

    @property
    def energy_kwh(self) -> float:
        """Energy of one visit, kWh."""
        return self.recharge_share * self.battery_kwh

    @model_validator(mode="after")
    def _simulated(self) -> Self:
        if self.behaviour is not None and self.fast_charge_share != MCMC:
            reason = f"a fleet is described, but fast_charge_share is not {MCMC}"
            raise InputError(Problem(field="behaviour", reason=reason, remedy="remove one of the two"))
        return self


def road_source(roads: str | RoadSource) -> RoadSource:
    """Return what the section says, a mere name as a network without further words."""
    return roads if isinstance(roads, RoadSource) else RoadSource(network=roads)


def is_csv(place: Path) -> bool:
    """Whether roads stand in our own tables."""
    return (place / "links.csv").is_file()
