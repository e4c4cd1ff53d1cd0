"""What a scenario may say: strict pydantic models of the sections of ``scenario.yaml``.

Physical quantities of a section are required, numerical settings have defaults. Units stand in the names.
Devices, laws of stations, tariffs and rules of prices are not listed here: every settings class of their families, and
of the entry points ``cosim.devices``, ``cosim.laws``, ``cosim.tariffs``, ``cosim.prices``, belongs to the schema.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Interval, Le, MultipleOf
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, PydanticUserError, model_validator
from pydantic_core import CoreSchema

from cosim.bounds import Fraction, NonNegative, Positive
from cosim.charging.behaviour import BehaviourSettings
from cosim.charging.stations import MOST_CHARGERS, Overload
from cosim.coupling.prices import PRICES
from cosim.coupling.prices.base import PriceRule
from cosim.dispatch.devices import catalogue
from cosim.dispatch.plan import DispatchSettings
from cosim.dispatch.tariffs import TARIFFS
from cosim.errors import InputError, Problem
from cosim.plugins import UnusablePlugin
from cosim.quantities.checks import GateLimits
from cosim.timeline import MINUTES_PER_DAY, Series
from cosim.traffic.laws import LAWS
from cosim.traffic.laws.base import Law
from cosim.validation.micro_limits import MicroLimits

SCHEMA_VERSION = 1
MCMC = "mcmc"
"""`fast_charge_share` that comes from simulated behaviour."""
MAX_PERIODS = 100_000
DEFAULT_LAW, DEFAULT_PRICE = "davidson", "none"
"""Kinds of a station's law and of the price that drivers see, where none is given."""
ID_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"
ID_RULE = "use 1 to 64 letters, digits, '_', '.', '-'"
Id = Annotated[str, Field(pattern=ID_PATTERN)]
FileName = Annotated[str, Field(min_length=1, max_length=255)]


class Section(BaseModel):
    """Base of all sections: unknown keys and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class OfKind:
    """Pydantic schema of one of a family: the union of the settings of all its classes, told apart by ``kind``."""

    def __init__(self, family: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> None:
        self.family = family

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        members = (self.family if isinstance(self.family, Mapping) else self.family()).values()
        union = functools.reduce(operator.or_, (member.Settings for member in members))
        try:
            return handler.generate_schema(Annotated[union, Field(discriminator="kind")])
        except PydanticUserError as error:
            own = [one for one in members if not one.__module__.startswith("cosim.")]
            named = ", ".join(f"{one.kind!r} ({one.__module__}.{one.__qualname__})" for one in own)
            family = own[0].family if own else "class"
            reason = f"the Settings of installed {family}s, {named}, cannot be keys of a scenario: {error.message}"
            raise UnusablePlugin(reason) from error


def station_laws() -> dict[str, type[Law]]:
    """Return the laws that may describe a station."""
    return {kind: law for kind, law in LAWS.items() if law.for_stations}


class OdPair(Section):
    """Trips from one node to another per hour, at profile value 1."""

    origin: Id
    destination: Id
    trips_vph: NonNegative


class Traffic(Section):
    """Demand, route choice and the solver of the stochastic user equilibrium."""

    theta_per_min: Positive = Field(description="Dispersion of the logit route choice, 1/min")
    demand: tuple[OdPair, ...] | FileName = Field(
        description="OD pairs, or a CSV file with origin, destination, trips_vph"
    )
    demand_profile: Series = Field(default=1.0, description="Factor of all trips in each period")
    capacity_column: str = Field(default="capacity_vph", description="Column of links.csv")
    link_law_file: FileName | None = Field(
        default=None, description="CSV of a fitted link law (cosim calibrate) in place of links.csv's alpha and beta"
    )
    path_limit: Annotated[int, Interval(ge=1, le=1_000_000)] = Field(
        default=10_000, description="Most paths per OD pair"
    )
    overlap: Literal["none", "path_size"] = Field(default="none", description="Correction for routes that share links")
    overlap_beta: NonNegative = Field(default=1.0, description="Weight of the path-size term")
    method: str = Field(default="auto", description="Solver of the equilibrium, or auto")
    tolerance: Positive = Field(default=1e-8, description="Limit of the residual |V(c(v)) - v| / |v|")
    iteration_limit: Annotated[int, Ge(1)] | None = Field(default=None, description="null: the method's own")
    msa_step: Literal["1/n", "1/(n+1)"] = "1/n"
    paper_step_test_vph: Positive | None = Field(default=None, description="Also stop at this path-flow step")


class ChargeLater(Section):
    """The way out of a charging stop: drive on and charge later or at home, at a constant cost."""

    cost_min: NonNegative = Field(description="Cost of charging later, in minutes of travel")


class ElectricVehicles(Section):
    """Electric vehicles among the trips, and what one visit to a station takes."""

    share: Fraction = Field(description="Share of the trips made by electric vehicles")
    fast_charge_share: Literal["mcmc"] | Series = Field(
        description="Share of their trips with a fast charge, or mcmc: from the simulated behaviour of a fleet"
    )
    behaviour: BehaviourSettings | None = Field(default=None, description="The fleet, with fast_charge_share: mcmc")
    recharge_share: Annotated[float, Interval(gt=0, le=1)] = Field(description="Battery share per visit")
    battery_kwh: Positive
    value_of_time_per_min: Positive = Field(
        default=0.5, description="Money per minute, one number for all charging vehicles"
    )
    charging_load: Literal["instant", "kernel"] = Field(
        default="instant",
        description="When energy is drawn: in the period of departure, or in time (after travel, over the service)",
    )
    charge_later: ChargeLater | None = Field(
        default=None, description="Lets vehicles pass without charging, at a constant cost; null: all charge"
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


CHARGER_FORM = ("chargers", "charger_kw", "access_min")
DIRECT_FORM = ("free_flow_min", "capacity_vph")


class StationEntry(Section):
    """A charging station, by its chargers or by its macroscopic parameters."""

    name: Id
    node: Id | None = None
    bus: Id | None = None
    chargers: Annotated[int, Interval(ge=1, le=MOST_CHARGERS)] | None = None
    charger_kw: Annotated[float, Interval(ge=1, le=1000)] | None = None
    access_min: NonNegative | None = None
    free_flow_min: Positive | None = Field(default=None, description="Access and service time, min")
    capacity_vph: Positive | None = Field(default=None, description="Vehicles served per hour")
    law: Annotated[Any, OfKind(station_laws)] = LAWS[DEFAULT_LAW].Settings()
    access_fee: NonNegative = Field(default=0.0, description="Money per visit besides the energy")
    overload: Overload = Field(
        default="carry", description="Energy beyond the chargers' power: carry to the next period, or unserved"
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        direct = [key for key in DIRECT_FORM if getattr(self, key) is not None]
        by_chargers = [key for key in CHARGER_FORM if getattr(self, key) is not None]
        forms = "give chargers, charger_kw, access_min, or free_flow_min, capacity_vph"
        if direct and by_chargers:
            reason = f"{', '.join(by_chargers)} and {', '.join(direct)} exclude each other"
            raise InputError(Problem(field=direct[0], reason=reason, remedy=forms))
        wanted, found = (DIRECT_FORM, direct) if direct else (CHARGER_FORM, by_chargers)
        if missing := [key for key in wanted if key not in found]:
            raise InputError(Problem(reason=f"{', '.join(missing)} not given", remedy=forms))
        return self


class FeederSettings(Section):
    """Slack, limits and base load of the feeder."""

    slack_bus: Id
    slack_vm_pu: Annotated[float, Interval(ge=0.8, le=1.2)]
    voltage_limits: Literal["scenario", "file"] = Field(
        default="scenario", description="file: each bus keeps min_vm_pu, max_vm_pu of bus.csv"
    )
    v_min_pu: Annotated[float, Interval(gt=0, le=1.2)] | None = None
    v_max_pu: Annotated[float, Interval(ge=0.8, le=2)] | None = None
    base_mva: Positive = 10.0
    current_limits: bool = Field(default=False, description="Whether the lines' max_i_ka bind the dispatch")
    load_profile: Series = Field(default=1.0, description="Factor of all nominal loads in each period")
    islands: Literal["refuse", "allow"] = Field(
        default="refuse", description="allow: a line's outage may leave buses without supply; their load is not served"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.v_min_pu, self.v_max_pu
        missing = [name for name, value in (("v_min_pu", low), ("v_max_pu", high)) if value is None]
        if missing and self.voltage_limits == "scenario":
            remedy = "give both, or 'voltage_limits: file' for those of bus.csv"
            raise InputError(Problem(reason=f"{' and '.join(missing)} not given", remedy=remedy))
        if low is not None and high is not None and not low < high:
            reason = f"{low} must be below v_max_pu {high}"
            raise InputError(Problem(field="v_min_pu", reason=reason, remedy="swap them"))
        return self


class OutageEntry(Section):
    """A charging station or a line of the feeder that is out for some periods."""

    station: Id | None = Field(default=None, description="Name of a station: nobody comes, who waits stays")
    line: Id | None = Field(default=None, description="Id of a line of line.csv: it is open, nothing else is switched")
    first: Annotated[int, Ge(1)] = Field(alias="from", description="First period of the outage, from 1")
    last: Annotated[int, Ge(1)] = Field(alias="to", description="Last period of the outage")
    announced: bool = Field(
        default=True,
        description="false: the dispatch plans without it until its first period, and then knows when it ends",
    )

    model_config = ConfigDict(populate_by_name=True)

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.station is None) == (self.line is None):
            reason = "neither station nor line" if self.station is None else "station and line exclude each other"
            raise InputError(Problem(reason=reason, remedy="give 'station: NAME' or 'line: ID'"))
        if self.first > self.last:
            reason = f"{self.first} is after 'to', {self.last}"
            raise InputError(Problem(field="from", reason=reason, remedy="swap them"))
        return self


class Coupling(Section):
    """Order of roads and grid within a period, and the price that drivers see."""

    mode: Literal["sequential", "iterated"] = "sequential"
    ev_price: Annotated[Any, OfKind(PRICES)] = PRICES[DEFAULT_PRICE].Settings()
    method: Literal["auto", "iterate", "admm", "newton"] = Field(
        default="auto", description="Way to the fixed point of price and flow"
    )
    tolerance_mw: Positive = 1e-6
    round_limit: Annotated[int, Interval(ge=1, le=10_000)] = 100
    random_starts: Annotated[int, Interval(ge=0, le=100)] = Field(
        default=5,
        description="Loops from random prices to compare with, in periods whose equilibrium may not be unique",
    )

    @property
    def rule(self) -> PriceRule:
        """The rule of the price that drivers see."""
        return PRICES[self.ev_price.kind](self.ev_price)


class Given(Section):
    """Fixed series in place of what a missing simulator would produce."""

    station_price_per_mwh: FileName | None = Field(
        default=None, description="CSV: period, one column per station (price without a grid)"
    )
    ev_load_mw: FileName | None = Field(
        default=None, description="CSV: period, one column per bus (load without roads)"
    )


class Microsim(Section):
    """Microscopic simulation of the equilibrium's path flows."""

    mode: Literal["off", "windows", "continuous", "meso"] = Field(
        default="off",
        description="windows: single periods; continuous: all periods in one simulation; meso: the same, flows only",
    )
    engine: str = Field(
        default="sumo", description="sumo; point_queue: a quick trial, no traffic simulation (docs/microsimulation.md)"
    )
    periods: tuple[Annotated[int, Ge(1)], ...] | None = Field(
        default=None, description="Periods of the windows, from 1; null: the one with most trips"
    )
    seeds: Annotated[int, Interval(ge=1, le=1000)] = Field(
        default=1, description="Windows per period; the first has the scenario's seed"
    )
    jobs: Annotated[int, Interval(ge=1, le=64)] = Field(default=2, description="Windows at the same time")
    step_s: Annotated[float, Interval(ge=0.1, le=1)] = Field(default=1.0, description="Step of SUMO")
    length_scale: Annotated[float, Interval(gt=0, le=4)] = Field(
        default=1.0, description="Length of links; 0.25: tests"
    )
    variant: Literal["merge", "metered", "signals"] = Field(default="merge", description="Kind of network")
    warmup_min: Annotated[float, Ge(0), MultipleOf(1)] | None = Field(
        default=None, description="Whole minutes; null: 1.4 times the longest path"
    )
    coupling_s: Annotated[int, Interval(ge=1, le=3600)] = Field(
        default=60, description="Step of the coupling in continuous mode; divides the period"
    )
    capacity_basis: Literal["matched", "practical"] = Field(
        default="practical",
        description="matched: road capacities are those of simulated lanes; practical: of streets with junctions",
    )
    thresholds: MicroLimits = Field(default=MicroLimits(), description="Limits of the verdict of cosim validate")


class Scenario(Section):
    """A whole scenario; a section that is absent means that its simulator is absent."""

    model_config = ConfigDict(populate_by_name=True)

    version: Annotated[int, Ge(1), Le(SCHEMA_VERSION)] = Field(alias="schema", description="Version of this format")
    title: str = ""
    description: str = ""
    extends: str | None = Field(
        default=None, description="Shipped scenario, or YAML file in this folder, that this one changes"
    )
    currency: Annotated[str, Field(min_length=1, max_length=16)] = "CNY"
    seed: Annotated[int, Interval(ge=0, le=2**32 - 1)] = 1
    periods: Annotated[int, Interval(ge=1, le=MAX_PERIODS)] = 24
    period_min: Annotated[int, Interval(ge=1, le=MINUTES_PER_DAY)] = 60
    roads: FileName | None = Field(default=None, description="Shipped network, or folder of this scenario")
    traffic: Traffic | None = None
    ev: ElectricVehicles | None = None
    stations: tuple[StationEntry, ...] = ()
    grid: FileName | None = Field(default=None, description="Shipped feeder, or folder of this scenario")
    feeder: FeederSettings | None = None
    devices: tuple[Annotated[Any, OfKind(catalogue)], ...] = ()
    tariff: Annotated[Any, OfKind(TARIFFS)] | None = None
    dispatch: DispatchSettings | None = None
    outages: tuple[OutageEntry, ...] = ()
    coupling: Coupling = Coupling()
    given: Given = Given()
    microsim: Microsim = Microsim()
    gates: GateLimits = GateLimits()
    sources: dict[str, str] = Field(default_factory=dict, description="Dotted path -> paper, assumed, or a citation")

    @property
    def has_roads(self) -> bool:
        """Whether the traffic simulator takes part."""
        return self.roads is not None and self.traffic is not None

    @property
    def has_grid(self) -> bool:
        """Whether dispatch and power flow take part."""
        return self.grid is not None and self.feeder is not None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario, as ``cosim schema`` prints it."""
    document = Scenario.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_with_numeric_ids(document)}


def schema_text() -> str:
    """Return the JSON Schema as the text of the shipped file ``schema.json``."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _with_numeric_ids(part: Any) -> Any:  # noqa: ANN401 - a JSON document
    """Let every text be written as a whole number too, as the loader does (``bus: 33``)."""
    if isinstance(part, list):
        return [_with_numeric_ids(item) for item in part]
    if not isinstance(part, dict):
        return part
    changed = {key: _with_numeric_ids(value) for key, value in part.items()}
    if isinstance(text := part.get("description"), str):
        changed["description"] = text.strip().partition("\n")[0]
    if part.get("type") == "string" and "const" not in part and "enum" not in part:
        changed["type"] = ["string", "integer"]
    return changed
