"""One object with all that the simulators of a scenario need, built once and passed to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cosim.arrays import Array
from cosim.charging.behaviour import FleetDay
from cosim.charging.overload import Chargers, chargers_of
from cosim.coupling.accounts import Account, InstantAccount, TimeAccount
from cosim.coupling.day import DayState, Expected, LoopRules, RoadSide, open_day
from cosim.coupling.load_in_time import load_in_time
from cosim.coupling.roads import RoadResponse
from cosim.dispatch.forecast import foreseen_periods
from cosim.dispatch.plan import DispatchCase
from cosim.errors import InputError
from cosim.quantities.checks import GateLimits, with_limits
from cosim.scenario import build
from cosim.scenario.load import LoadedScenario
from cosim.scenario.road_case import RoadCase
from cosim.scenario.schema import Coupling, Microsim
from cosim.timeline import Timeline
from cosim.traffic.problem import SueResult

if TYPE_CHECKING:
    from cosim.coupling.dispatch_day import GridSide


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulationCase:
    """A scenario as domain objects; a part that the scenario does not have is None.

    Attributes
    ----------
    name, timeline
        Name and time axis of T periods.
    roads, dispatch
        Road side and grid side.
    coupling
        How they meet.
    gates
        Limits of the gate.
    given_load_mw
        Charging load in place of the roads, shape ``(k, T)``.
    behaviour
        The simulated fleet that the share of charging trips comes from.
    microsim, seed
        The microscopic simulation, and its seed.
    starts_seed
        Of the coupled equilibrium's random starts; None: the dispatch's.
    """

    name: str
    timeline: Timeline
    roads: RoadCase | None
    dispatch: DispatchCase | None
    coupling: Coupling
    gates: GateLimits
    given_load_mw: Array | None
    behaviour: FleetDay | None = None
    microsim: Microsim = Microsim()
    seed: int = 1
    starts_seed: int | None = None

    def behaviour_rows(self) -> list[dict[str, float]] | None:
        """Return what the simulated fleet does in each period (see `FleetDay.by_period`)."""
        if self.behaviour is None:
            return None
        columns = self.behaviour.by_period(self.timeline.periods, self.timeline.period_min)
        return [{name: float(values[k]) for name, values in columns.items()} for k in range(self.timeline.periods)]

    @property
    def iterated(self) -> bool:
        """Whether price and flow iterate: only a price that depends on the flow needs it."""
        return self.coupling.mode == "iterated" and self.roads is not None and self.dispatch is not None

    @property
    def moves_loads(self) -> bool:
        """Whether the loop may let the dispatch move charging loads."""
        return self.priced_by_node and self.coupling.method != "iterate"

    @property
    def priced_by_node(self) -> bool:
        """Whether price and flow iterate over nodal prices, the only ones that depend on the flow."""
        return self.iterated and self.coupling.rule.nodal

    @property
    def whole_day(self) -> bool:
        """Whether the day is dispatched, and iterated, in one go."""
        return self.dispatch is not None and self.dispatch.settings.mode == "day_ahead"

    @property
    def knows_all(self) -> bool:
        """Whether every outage is known beforehand."""
        lines = () if self.dispatch is None else self.dispatch.outages
        stations = () if self.roads is None else self.roads.outages
        return all(one.announced for one in (*lines, *stations))

    @property
    def measured_grid(self) -> bool:
        """Whether a second power flow takes the charging load that the microscopic simulation measures."""
        continuous = self.microsim.mode == "continuous"
        return continuous and self.roads is not None and bool(self.roads.stations) and self.dispatch is not None

    @property
    def one_simulation(self) -> bool:
        """Whether one microscopic simulation goes through all periods."""
        return self.microsim.mode in ("continuous", "meso") and self.roads is not None

    @property
    def late_parts(self) -> int:
        """How many parts of a period come at its end: measurements need the period to pass."""
        return int(self.one_simulation) + int(self.measured_grid)

    def _some_roads(self) -> RoadCase:
        if self.roads is None:
            raise InputError(f"scenario '{self.name}' has no roads")
        return self.roads

    def response(self) -> RoadResponse:
        """Return the road side as a function of prices."""
        return self._some_roads().response()

    def accounts(self, day: Sequence[SueResult]) -> tuple[InstantAccount, TimeAccount | None, Account]:
        """Return the two accounts of charging energy, and the one that the grid sees.

        Parameters
        ----------
        day
            Equilibria of all periods, whose travel times the account in time keeps. Where the stations' chargers are
            not known it is None.
        """
        roads = self._some_roads()
        instant = InstantAccount(network=roads.network, energy_kwh=roads.energy_kwh)
        if roads.charging_load == "instant" and any(one.charger_kw is None for one in roads.stations):
            return instant, None, instant
        lags = load_in_time(
            roads.network,
            roads.paths,
            roads.stations,
            day,
            energy_kwh=roads.energy_kwh,
            period_h=self.timeline.period_h,
        )
        in_time = TimeAccount(in_time=lags)
        return instant, in_time, in_time if roads.charging_load == "kernel" else instant

    def open_roads(self) -> tuple[RoadSide, DayState]:
        """Return the road side of the day, and its state before the first period; it solves the day once."""
        coupling, of_dispatch = self.coupling, 0 if self.dispatch is None else self.dispatch.seed
        loop = LoopRules(
            method=coupling.method, tolerance_mw=coupling.tolerance_mw, round_limit=coupling.round_limit,
            random_starts=coupling.random_starts, seed=of_dispatch if self.starts_seed is None else self.starts_seed,
            nodal=self.priced_by_node, whole_day=self.whole_day,
            foreseen=0 if self.dispatch is None else foreseen_periods(self.dispatch.settings, self.dispatch.periods),
        )  # fmt: skip

        def opened(seen_in: int | None) -> tuple[RoadSide, DayState]:
            return open_day(
                self._some_roads().response(seen_in), chargers=self.chargers(seen_in), accounts=self.accounts,
                announced_per_mwh=self.announced_price_per_mwh(), loop=loop if self.iterated else None,
                first_price_per_mwh=0.0 if self.dispatch is None else float(self.dispatch.tariff_per_mwh[0]),
            )  # fmt: skip

        side, state = opened(None)
        return replace(side, expected=self._expected(lambda k: opened(k)[1].load_mw)), state

    def _expected(self, load_mw: Callable[[int], Array]) -> tuple[Expected, ...]:
        """Return what is expected in each period of those that an outage will change unannounced; empty without any."""
        roads = self._some_roads()
        truth = roads.closed()
        if truth is None or all(one.announced for one in roads.outages):
            return ()
        seen = [closed for k in range(self.timeline.periods) if (closed := roads.closed(k)) is not None]
        day = {closed.tobytes(): k for k, closed in reversed(list(enumerate(seen)))}
        loads = {key: load_mw(k) for key, k in day.items()}
        return tuple(Expected(wrong=(closed != truth).any(axis=0), load_mw=loads[closed.tobytes()]) for closed in seen)

    def grid_side(self, *, polish: bool = True) -> GridSide:
        """Return the grid side of the day; ``polish`` as in `cosim.dispatch.controller.Controller`."""
        from cosim.coupling.dispatch_day import grid_side

        if self.dispatch is None:
            raise InputError(f"scenario '{self.name}' has no grid")
        coupling = self.coupling
        return grid_side(self.dispatch, rule=coupling.rule, tolerance_mw=coupling.tolerance_mw, polish=polish)

    def chargers(self, seen_in: int | None = None) -> Chargers:
        """Return what the stations can serve, with the outages that are known in a period; None knows all."""
        roads = self._some_roads()
        return chargers_of(
            roads.stations, energy_kwh=roads.energy_kwh, period_h=self.timeline.period_h, out=roads.closed(seen_in)
        )

    def announced_price_per_mwh(self) -> Array | None:
        """Return the prices that drivers know before the day, ``(s, T)``; None where they see none or nodal ones."""
        return None if self.roads is None else self.roads.announced_price_per_mwh


def build_case(loaded: LoadedScenario) -> SimulationCase:
    """Return the domain objects of a scenario.

    The gate takes the residuals' limits from the scenario's own tolerances.

    Parameters
    ----------
    loaded
        A scenario as `load_scenario` returns it.
    """
    scenario = loaded.scenario
    roads = build.build_roads(loaded)
    load = build.build_given_load_mw(loaded)
    dispatch = build.build_dispatch(loaded, roads.charging_total_mw if roads is not None and load is None else None)
    if roads is not None:
        tariff = None if dispatch is None else dispatch.tariff_per_mwh
        roads = replace(roads, announced_price_per_mwh=build.announced_price_per_mwh(loaded, tariff))
    tolerance = roads.tolerance if roads is not None else scenario.gates.sue_residual
    return SimulationCase(
        name=loaded.name,
        timeline=loaded.timeline,
        roads=roads,
        dispatch=dispatch,
        coupling=scenario.coupling,
        gates=with_limits(scenario.gates, sue_residual=tolerance, coupling_residual_mw=scenario.coupling.tolerance_mw),
        given_load_mw=None if load is None else load.T,
        behaviour=build.build_behaviour(loaded) if roads is not None else None,
        microsim=scenario.microsim,
        seed=scenario.seed_of("microsim"),
        starts_seed=scenario.seed_of("starts") if dispatch is not None else None,
    )
