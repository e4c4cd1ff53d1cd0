"""What a scenario may say: strict pydantic models of the sections of ``scenario.yaml``.

Physical quantities of a section are required, numerical settings have defaults. Units stand in the names.
Devices, laws of stations, tariffs and rules of prices are not listed here: every settings class of their families, and
of the entry points ``cosim.devices``, ``cosim.laws``, ``cosim.tariffs``, ``cosim.prices``, belongs to the schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Interval, Le, MultipleOf
from pydantic import ConfigDict, Field, model_validator

from cosim.bounds import NonNegative, Positive
from cosim.charging.stations import MOST_CHARGERS, Overload
from cosim.coupling.prices import PRICES
from cosim.coupling.prices.base import PriceRule
from cosim.dispatch.devices import catalogue
from cosim.dispatch.settings import DispatchSettings
from cosim.dispatch.tariffs import TARIFFS
from cosim.errors import InputError, Problem
from cosim.quantities.checks import GateLimits
from cosim.scenario.families import OfKind, station_laws
from cosim.scenario.net_source import NetSource
from cosim.scenario.road_sections import ElectricVehicles, RoadSource, Traffic
from cosim.scenario.section import FileName, Id, Section
from cosim.timeline import MINUTES_PER_DAY, Series
from cosim.traffic.laws import LAWS
from cosim.validation.micro_limits import MicroLimits

SCHEMA_VERSION = 1
MAX_PERIODS = 100_000
DEFAULT_LAW, DEFAULT_PRICE = "davidson", "none"
"""Kinds of a station's law and of the price that drivers see, where none is given."""


CHARGER_FORM = ("chargers", "charger_kw", "access_min")
DIRECT_FORM = ("free_flow_min", "capacity_vph")
USUAL_VK_PERCENT, USUAL_VKR_PERCENT = 6.0, 1.0
"""Short-circuit voltage of a station's transformer, and its real part, where the scenario does not say them."""


class StationEntry(Section):
    """A charging station, by its chargers or by its macroscopic parameters."""

    name: Id = Field(description="Unique name")
    node: Id | None = Field(default=None, description="Road node; required with roads")
    bus: Id | None = Field(default=None, description="Feeder bus; required with a grid")
    chargers: Annotated[int, Interval(ge=1, le=MOST_CHARGERS)] | None = Field(
        default=None, description="Number of chargers (first form)"
    )
    charger_kw: Annotated[float, Interval(ge=1, le=1000)] | None = Field(
        default=None, description="Power of one charger (first form)"
    )
    access_min: NonNegative | None = Field(default=None, description="Time besides the service (first form)")
    free_flow_min: Positive | None = Field(default=None, description="Access and service time (second form)")
    capacity_vph: Positive | None = Field(default=None, description="Vehicles served per hour (second form)")
    trafo_kva: Annotated[float, Interval(ge=1, le=1e6)] | None = Field(
        default=None, description="Rated power of its own transformer, from ``bus`` down to 0.4 kV; null: at ``bus``"
    )
    trafo_vk_percent: Annotated[float, Interval(gt=0, lt=100)] | None = Field(
        default=None, description="Short-circuit voltage of that transformer; null: 6"
    )
    trafo_vkr_percent: Annotated[float, Interval(ge=0, lt=100)] | None = Field(
        default=None, description="Real part of it, its losses at rated power; null: 1"
    )
    law: Annotated[Any, OfKind(station_laws)] = Field(
        default=LAWS[DEFAULT_LAW].Settings(),
        description="Travel-time law and its settings, by ``kind``",
        examples=[{"kind": "erlang", "scv": 1}],
    )
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

    @model_validator(mode="after")
    def _whole_trafo(self) -> Self:
        more = [name for name in ("trafo_vk_percent", "trafo_vkr_percent") if getattr(self, name) is not None]
        if self.trafo_kva is None and more:
            reason = f"{', '.join(more)} without trafo_kva has no effect"
            raise InputError(Problem(field=more[0], reason=reason, remedy="give trafo_kva, the rated power"))
        vk, vkr = self.trafo_voltages
        if vkr > vk:
            reason = f"{vkr:g} is above trafo_vk_percent {vk:g}"
            raise InputError(Problem(field="trafo_vkr_percent", reason=reason, remedy="exchange them"))
        return self

    @property
    def trafo_voltages(self) -> tuple[float, float]:
        """Short-circuit voltage [%] of its transformer, and the real part of it."""
        vk, vkr = self.trafo_vk_percent, self.trafo_vkr_percent
        return USUAL_VK_PERCENT if vk is None else vk, USUAL_VKR_PERCENT if vkr is None else vkr


class FeederSettings(Section):
    """Slack, limits and base load of the feeder."""

    slack_bus: Id | None = Field(
        default=None, description="Bus that the upstream grid feeds; a net may leave it to its external grid"
    )
    slack_vm_pu: Annotated[float, Interval(ge=0.8, le=1.2)] | None = Field(
        default=None,
        description="Voltage held there; keep it inside the limits; a net may leave it to its external grid",
    )
    voltage_limits: Literal["scenario", "file"] = Field(
        default="scenario",
        description="``scenario``: ``v_min_pu``, ``v_max_pu`` hold for every bus; "
        "``file``: each keeps its own of bus.csv, or of the net",
    )
    v_min_pu: Annotated[float, Interval(gt=0, le=1.2)] | None = Field(
        default=None,
        description="Lower voltage limit of every bus; with ``voltage_limits: file`` of those without their own",
    )
    v_max_pu: Annotated[float, Interval(ge=0.8, le=2)] | None = Field(
        default=None,
        description="Upper voltage limit of every bus; with ``voltage_limits: file`` of those without their own",
    )
    base_mva: Positive = Field(default=10.0, description="Base of the per-unit system; of a net it is its own load")
    current_limits: bool = Field(default=False, description="Whether ``max_i_ka`` of line.csv binds")
    taps: Literal["fixed", "optimised"] = Field(
        default="fixed",
        description="``fixed``: tap changers stay where the net has them; ``optimised``: one position of each for the "
        "day is chosen before it, the best of those beside what free ratios would choose, and set in the net",
    )
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

    mode: Literal["sequential", "iterated"] = Field(
        default="sequential",
        description="``sequential``: roads, then grid; ``iterated``: price and flow agree in each period",
    )
    ev_price: Annotated[Any, OfKind(PRICES)] = Field(
        default=PRICES[DEFAULT_PRICE].Settings(),
        description="What drivers see, and its settings, by ``kind``",
        examples=[{"kind": "nodal", "markup": 0.1}],
    )
    method: Literal["auto", "iterate", "admm", "newton"] = Field(
        default="auto", description="Way to the fixed point of price and flow"
    )
    tolerance_mw: Positive = Field(default=1e-6, description="The iteration ends when the load moves less")
    round_limit: Annotated[int, Interval(ge=1, le=10_000)] = Field(
        default=100, description="Most dispatches of one iteration"
    )
    random_starts: Annotated[int, Interval(ge=0, le=100)] = Field(
        default=5,
        description="Loops from random prices to compare with, in periods whose equilibrium may not be unique",
    )

    @property
    def rule(self) -> PriceRule:
        """The rule of the price that drivers see."""
        return PRICES[self.ev_price.kind](self.ev_price)


class SessionSource(Section):
    """Recorded charging sessions, and the buses at which their stations are."""

    sessions: FileName = Field(
        description="CSV (start, end, energy_kwh, station), JSON of ACN-Data or of OCPP 1.6 in this folder",
        examples=["sessions.csv"],
    )
    bus: dict[str, Id] = Field(description="Bus of each station", examples=[{"north": "4"}])
    drop_faulty: bool = Field(
        default=False, description="true: sessions that cannot be are left out, with a warning; false: they are refused"
    )


class Given(Section):
    """Fixed series in place of what a missing simulator would produce."""

    station_price_per_mwh: FileName | None = Field(
        default=None,
        description="CSV file, without a grid: ``period``, one column per station; with the rule ``nodal``",
        examples=["prices.csv"],
    )
    ev_load_mw: FileName | SessionSource | None = Field(
        default=None,
        description="Without roads: CSV file with ``period`` and one column per bus that charges, named by its id, or "
        "recorded sessions",
        examples=["ev_load.csv", {"sessions": "sessions.csv", "bus": {"north": "4"}}],
    )


class Microsim(Section):
    """Microscopic simulation of the equilibrium's path flows."""

    mode: Literal["off", "windows", "continuous", "meso"] = Field(
        default="off",
        description="windows: single periods; continuous: all periods in one simulation; meso: that, flows only",
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
    variant: Literal["merge", "metered", "signals", "own"] | None = Field(
        default=None,
        description="Kind of network; null: own where the roads were imported from SUMO or OSM, else merge",
    )
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
    thresholds: MicroLimits = Field(default=MicroLimits(), description="Limits of the verdict of ``cosim validate``")


Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]


class Seeds(Section):
    """Seeds by purpose, so that one thing is drawn anew and all else stays."""

    fleet: Seed | None = Field(default=None, description="Of the simulated fleet; null: ``seed``")
    forecast: Seed | None = Field(default=None, description="Of the errors of ``forecast: noisy``; null: ``seed``")
    microsim: Seed | None = Field(default=None, description="Of the first microscopic simulation; null: ``seed``")
    starts: Seed | None = Field(default=None, description="Of the coupled equilibrium's random starts; null: ``seed``")


class Scenario(Section):
    """A whole scenario; a section that is absent means that its simulator is absent."""

    model_config = ConfigDict(populate_by_name=True)

    version: Annotated[int, Ge(1), Le(SCHEMA_VERSION)] = Field(alias="schema", description="Version of this format")
    title: str = Field(default="", description="Shown in tables and reports")
    description: str = Field(default="", description="Free text")
    extends: str | None = Field(
        default=None,
        description="Shipped scenario, or YAML file in this folder, that this one changes",
        examples=["base.yaml"],
    )
    currency: Annotated[str, Field(min_length=1, max_length=16)] = Field(
        default="CNY", description="Name of the money in all prices and costs; nothing is converted"
    )
    seed: Seed = Field(default=1, description="Of everything random (``fast_charge_share: mcmc``) without one in seeds")
    seeds: Seeds = Field(default=Seeds(), description="Seeds by purpose, in place of ``seed``")
    periods: Annotated[int, Interval(ge=1, le=MAX_PERIODS)] = Field(
        default=24, description="Number of periods, from midnight", examples=[24, 96]
    )
    period_min: Annotated[int, Interval(ge=1, le=MINUTES_PER_DAY)] = Field(
        default=60, description="Length of a period; must divide 1440", examples=[60, 15]
    )
    start: Annotated[str, Field(max_length=40)] | None = Field(
        default=None,
        description="Midnight with which period 1 begins, for series by ``time``; none: a day without a date",
        examples=["2026-03-29", "2026-03-29T00:00+01:00"],
    )
    time_zone: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="Zone of ``start`` and of stamps without an offset; none: the offset of ``start``",
        examples=["Europe/Berlin"],
    )
    roads: FileName | RoadSource | None = Field(
        default=None,
        description="Shipped network, folder of this scenario (CSV, GMNS), TNTP file in it, or one by ``network``",
        examples=["roads", {"network": "town_net.tntp", "time_unit_min": 0.6}],
    )
    traffic: Traffic | None = Field(default=None, description="Demand, route choice, solver of the equilibrium")
    ev: ElectricVehicles | None = Field(default=None, description="Electric vehicles among the trips")
    stations: tuple[StationEntry, ...] = Field(default=(), description="Charging stations")
    grid: FileName | NetSource | None = Field(
        default=None,
        description="Shipped feeder, folder of this scenario, net.json or case.m in it, or a net by its source",
        examples=["feeder"],
    )
    feeder: FeederSettings | None = Field(default=None, description="Slack, limits and base load of the feeder")
    devices: tuple[Annotated[Any, OfKind(catalogue)], ...] = Field(
        default=(), description="What feeds in, stores and bends load, by ``kind``"
    )
    tariff: Annotated[Any, OfKind(TARIFFS)] | None = Field(
        default=None, description="Price of the energy from upstream, by ``kind``"
    )
    dispatch: DispatchSettings | None = Field(default=None, description="How the feeder is dispatched")
    outages: tuple[OutageEntry, ...] = Field(default=(), description="Stations and lines that are out for some periods")
    coupling: Coupling = Field(
        default=Coupling(), description="Order of roads and grid within a period, and the price that drivers see"
    )
    given: Given = Field(default=Given(), description="Series in place of what a missing simulator would produce")
    microsim: Microsim = Field(default=Microsim(), description="Single vehicles beside the equilibrium")
    gates: GateLimits = Field(default=GateLimits(), description="Limits of the checks of a period")
    sources: dict[str, str] = Field(
        default_factory=dict,
        description="Where values come from, by dotted path: ``paper``, ``assumed``, or a citation",
        examples=[{"traffic": "assumed", "devices.pv.bus": "paper"}],
    )

    def seed_of(self, purpose: Literal["fleet", "forecast", "microsim", "starts"]) -> int:
        """Return the seed of one thing that is drawn."""
        own: int | None = getattr(self.seeds, purpose)
        return self.seed if own is None else own

    @property
    def has_roads(self) -> bool:
        """Whether the traffic simulator takes part."""
        return self.roads is not None and self.traffic is not None

    @property
    def has_grid(self) -> bool:
        """Whether dispatch and power flow take part."""
        return self.grid is not None and self.feeder is not None
