"""Anybody's answer to a coupled day, judged from flows and setpoints alone.

Nothing that the answer claims is believed: link flows are loaded again by the logit model at their own costs, setpoints
go through the AC power flow, energies and costs follow from settings. No optimiser takes part, but for the prices of a
day whose drivers see the marginal cost of their bus: those come in from outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from cosim.arrays import Array, freeze
from cosim.charging.load import charging_mw
from cosim.coupling.roads import RoadResponse
from cosim.dispatch.devices import catalogue
from cosim.dispatch.devices.traits import Allowed, Did
from cosim.dispatch.injection_bounds import given
from cosim.dispatch.plan import DispatchCase
from cosim.grid.ends import shunt_mw
from cosim.grid.engines.judge import judge
from cosim.grid.feeder import Feeder
from cosim.grid.loading import element_ids, over_limit_rel
from cosim.grid.state import GridState, together

TOLERANCE_MVA = 1e-10
RESIDUAL = 1e-5
MOVED_MW = 1e-4
POWER_MW = 1e-5
VOLTAGE_PU = 1e-5
CURRENT_REL = 1e-4
BOOKS_REL = 1e-6
IMPORT_REL = 1e-3
CLAIM_REL = 1e-5
BOUND_REL = 1e-4
"""What is accepted: none of these is worth more than a few parts in 100,000 of a day's cost."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """An answer to a day of T periods on L links (those of the stations included), s stations and d devices.

    Attributes
    ----------
    link_flow_vph
        Flow of every link, all classes together, shape (L, T).
    charging_mw
        What the chargers give, by station of the dispatch, shape (s, T).
    p_mw, q_mvar
        Setpoints of the devices, in the order of the case and without the upstream grid, shape (d, T).
    price_per_mwh
        What drivers pay, by station of the dispatch, shape (s, T); NaN where the answer does not tell it.
    import_mw
        Import from the upstream grid, shape (T,); NaN where the answer does not tell it.
    cost
        Cost of the day, as claimed.
    """

    link_flow_vph: Array
    charging_mw: Array
    price_per_mwh: Array
    p_mw: Array
    q_mvar: Array
    import_mw: Array
    cost: float

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionCheck:
    """One thing that an answer must keep.

    Attributes
    ----------
    name, meaning, unit
        What it is.
    value, limit
        The worst value of the day, and what is accepted.
    period, where
        Where that stands: number of the period (0: the day), and link, bus, line or device.
    """

    name: str
    meaning: str
    unit: str
    value: float
    limit: float
    period: int = 0
    where: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is kept; NaN is not."""
        return self.value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """What drivers pay in a day, whoever says so.

    Attributes
    ----------
    per_mwh
        By station of the roads, shape (s, T); None where they see no price.
    moved_mw
        Where they pay the marginal cost of their bus: by how much the cheapest dispatch would move the loads of an
        answer at the prices that it tells, by station of the dispatch, shape (s, T); None of announced prices.
    """

    per_mwh: Array | None
    moved_mw: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What was found of an answer.

    Attributes
    ----------
    checks
        Everything that it must keep.
    cost
        Cost of the day by the AC power flow and the settings; NaN without an AC state.
    cost_terms
        Its parts: upstream energy, losses, devices.
    """

    checks: tuple[SolutionCheck, ...]
    cost: float
    cost_terms: Mapping[str, float]


def devices_of(case: DispatchCase) -> tuple[str, ...]:
    """Return the names of the devices that an answer sets, in its order."""
    kinds = catalogue()
    return tuple(one.name for one in case.devices if kinds[one.kind].side != "exchange")


def judge_solution(
    case: DispatchCase, roads: RoadResponse, prices: Prices, power_mw: Array, solution: Solution
) -> Judged:
    """Judge an answer.

    Parameters
    ----------
    case
        Feeder, devices, loads and prices of the day.
    roads
        Roads, stations and demand of the day.
    prices
        What drivers pay.
    power_mw
        Power of the chargers, by station of the roads, shape (s,).
    solution
        The answer.
    """
    done = _done(case, solution)
    p, q = _injection(case, done, solution)
    flow = judge(case.feeder, tolerance_mva=TOLERANCE_MVA)
    state = together([flow.solve(p[:, k], q[:, k]) for k in range(case.periods)])
    terms = _cost_terms(case, done, state)
    cost = math.fsum(terms.values())
    checks = (
        *_road_checks(case, roads, prices, power_mw, solution),
        *_device_checks(case, done),
        *_grid_checks(case, state),
        *_book_checks(case, state, p, solution),
        SolutionCheck(
            name="money", meaning="claimed cost against that of flows and setpoints, relative", unit="-",
            value=abs(solution.cost - cost) / max(1.0, abs(cost)), limit=CLAIM_REL,
        ),
    )  # fmt: skip
    return Judged(checks=checks, cost=cost, cost_terms=terms)


def _done(case: DispatchCase, solution: Solution) -> dict[str, Did]:
    """Return what each device does: stored energies follow from its powers, and it never does two opposite things."""
    kinds, nothing, found = catalogue(), np.zeros(case.periods), {}
    by_name = {one.name: one for one in case.devices}
    for row, name in enumerate(devices_of(case)):
        one = by_name[name]
        done = Did(
            p_mw=solution.p_mw[row], q_mvar=solution.q_mvar[row], energy_mwh=nothing, overlap_mw=nothing,
            missed=nothing, cost=nothing,
        )  # fmt: skip
        gained = kinds[one.kind].gained_mwh(one, given(case, one, slice(None)), done)
        if gained is not None:
            start = kinds[one.kind].initial_state(one).get("energy_mwh", math.nan)
            done = replace(done, energy_mwh=start + np.cumsum(gained))
        found[name] = done
    return found


def _injection(case: DispatchCase, done: Mapping[str, Did], solution: Solution) -> tuple[Array, Array]:
    """Return what each bus gives less what it takes, P [MW] and Q [Mvar], shape (n, T)."""
    p, q = (-power for power in case.supplied_mva)
    np.subtract.at(p, list(case.station_buses), solution.charging_mw)
    for one in case.devices:
        if one.name in done:
            bus = case.feeder.bus_position(one.bus)
            p[bus] += done[one.name].p_mw
            q[bus] += done[one.name].q_mvar
    return p, q


def _cost_terms(case: DispatchCase, done: Mapping[str, Did], state: GridState) -> dict[str, float]:
    kinds, dt = catalogue(), case.period_h
    terms = {
        "energy": math.fsum(dt * case.tariff_per_mwh * state.slack_mw),
        "losses": math.fsum(dt * case.settings.loss_price_per_mwh * np.broadcast_to(state.loss_mw, case.periods)),
    }
    for one in case.devices:
        if one.name in done:
            booked = kinds[one.kind].booked(one, given(case, one, slice(None)), done[one.name])
            terms[one.name] = math.nan if booked is None else math.fsum(booked)
    return terms


def _road_checks(
    case: DispatchCase, roads: RoadResponse, prices: Prices, power_mw: Array, solution: Solution
) -> Iterator[SolutionCheck]:
    """Yield what flows must keep: the equilibrium at their own costs, and the chargers' power and load."""
    residual = [
        _residual(roads, k, None if prices.per_mwh is None else prices.per_mwh[:, k], solution.link_flow_vph[:, k])
        for k in range(case.periods)
    ]
    yield _worst(
        "equilibrium", "flows against their own logit loading: R = |V(c(v)) - v| / |v|", "-", np.array([residual]),
        RESIDUAL,
    )  # fmt: skip
    if prices.moved_mw is not None:
        yield _worst(
            "prices", "load that the cheapest dispatch would move at the answer's prices", "MW",
            np.abs(prices.moved_mw), MOVED_MW, case.station_names,
        )  # fmt: skip
    network = roads.problem.network
    at = network.station_positions
    asked = charging_mw(solution.link_flow_vph[at], roads.energy_kwh)
    names = [network.link_ids[link] for link in at]
    rows = [names.index(name) for name in case.station_names]
    yield _worst("chargers", "load beyond the chargers' power", "MW", asked - power_mw[:, None], POWER_MW, names)
    yield _worst(
        "charging", "load of the grid against vehicles x energy", "MW", np.abs(solution.charging_mw - asked[rows]),
        POWER_MW, case.station_names,
    )  # fmt: skip


def _residual(roads: RoadResponse, position: int, price_per_mwh: Array | None, flow_vph: Array) -> float:
    if price_per_mwh is not None and not np.isfinite(price_per_mwh).all():
        return math.nan
    problem = roads.period(position, price_per_mwh)
    loaded = problem.paths.load(problem.demand_vph, problem.theta_per_min, problem.link_cost(flow_vph)).link_flow_vph
    total = float(np.abs(flow_vph).sum())
    apart = float(np.abs(loaded - flow_vph).sum())
    return apart / total if total > 0.0 else math.inf * apart if apart > 0.0 else 0.0


def _device_checks(case: DispatchCase, done: Mapping[str, Did]) -> Iterator[SolutionCheck]:
    """Yield what setpoints must keep: limits of each period, energies, and what ties periods."""
    kinds = catalogue()
    set_by = [one for one in case.devices if one.name in done]
    names = [one.name for one in set_by]
    power, energy, tied = [], [], []
    for one in set_by:
        facts, did = given(case, one, slice(None)), done[one.name]
        allowed = kinds[one.kind].allowed(one, facts)
        power.append(_beyond_power(allowed, did, case.periods))
        stores = kinds[one.kind].traits().stores
        energy.append(_beyond_energy(allowed, did) if stores else np.zeros(case.periods))
        tied.append(kinds[one.kind].beyond_day(one, facts, did))
    for name, meaning, unit, values in (
        ("setpoints", "power beyond a device's limits", "MW, Mvar or MVA", power),
        ("energy_window", "stored energy beyond its window", "MWh", energy),
        ("day", "ramps, balances over the day, fixed power factors", "MW or MWh", tied),
    ):
        yield _worst(name, meaning, unit, np.array(values).reshape(len(names), case.periods), POWER_MW, names)


def _beyond_power(allowed: Allowed, did: Did, periods: int) -> Array:
    parts = (
        did.p_mw - allowed.p_max_mw, allowed.p_min_mw - did.p_mw, did.q_mvar - allowed.q_max_mvar,
        allowed.q_min_mvar - did.q_mvar, np.hypot(did.p_mw, did.q_mvar) - allowed.s_max_mva, np.zeros(periods),
    )  # fmt: skip
    return np.asarray(np.max(np.broadcast_arrays(*parts), axis=0))


def _beyond_energy(allowed: Allowed, did: Did) -> Array:
    beyond = np.maximum(did.energy_mwh - allowed.energy_max_mwh, allowed.energy_min_mwh - did.energy_mwh)
    return np.asarray(np.maximum(beyond, 0.0))


def _grid_checks(case: DispatchCase, state: GridState) -> Iterator[SolutionCheck]:
    """Yield what the AC state must keep: that there is one, voltages, currents, and the exchange."""
    feeder: Feeder = case.feeder
    lost = np.where(state.converged, 0.0, 1.0).reshape(1, -1)
    yield _worst("power_flow", "periods without an AC power flow", "-", lost, 0.0)
    outside = np.maximum(feeder.v_min_pu[:, None] - state.vm_pu, state.vm_pu - feeder.v_max_pu[:, None])
    yield _worst("voltage", "AC voltage beyond a limit", "pu", outside, VOLTAGE_PU, feeder.bus_ids)
    over = np.stack([over_limit_rel(feeder, state.at(k)) for k in range(case.periods)], axis=1)
    yield _worst(
        "current", "AC current or loading beyond its limit, relative", "-", over, CURRENT_REL, element_ids(feeder)
    )
    kinds = catalogue()
    for one in case.devices:
        if kinds[one.kind].side == "exchange":
            allowed = kinds[one.kind].allowed(one, given(case, one, slice(None)))
            beyond = np.maximum(state.slack_mw - allowed.p_max_mw, allowed.p_min_mw - state.slack_mw)
            yield _worst("exchange", "AC import beyond its limits", "MW", beyond.reshape(1, -1), POWER_MW, [one.name])


def _book_checks(case: DispatchCase, state: GridState, p_mw: Array, solution: Solution) -> Iterator[SolutionCheck]:
    """Yield the books of energy: what comes in against what goes out, and the import that the answer tells."""
    feeder, dt = case.feeder, case.period_h
    drawn = np.zeros(case.periods) if feeder.plain else shunt_mw(feeder, state.vm_pu)
    size = max(float(np.abs(p_mw).sum()), POWER_MW)
    open_mw = np.abs(p_mw.sum(axis=0) + state.slack_mw - state.loss_mw - drawn)
    yield SolutionCheck(
        name="energy", meaning="energy that comes in against what goes out, relative", unit="-",
        value=math.fsum(dt * open_mw) / (dt * size), limit=BOOKS_REL,
    )  # fmt: skip
    apart = np.abs(np.where(np.isnan(solution.import_mw), 0.0, solution.import_mw - state.slack_mw))
    scale = max(float(np.abs(state.slack_mw).max()), POWER_MW)
    meaning = "import of the answer against the AC import, relative"
    yield _worst("import", meaning, "-", (apart / scale).reshape(1, -1), IMPORT_REL)


def _worst(
    name: str, meaning: str, unit: str, values: Array, limit: float, places: tuple[str, ...] | list[str] = ()
) -> SolutionCheck:
    """Return a check of the largest of values of shape (places, T); NaN is larger than all."""
    if not values.size:
        return SolutionCheck(name=name, meaning=meaning, unit=unit, value=0.0, limit=limit)
    row, k = np.unravel_index(int(np.argmax(values)), values.shape)  # finds NaN first
    return SolutionCheck(
        name=name, meaning=meaning, unit=unit, value=float(max(values[row, k], 0.0, key=_severity)), limit=limit,
        period=int(k) + 1, where=places[row] if len(places) else "",
    )  # fmt: skip


def _severity(value: float) -> float:
    return math.inf if math.isnan(value) else value
