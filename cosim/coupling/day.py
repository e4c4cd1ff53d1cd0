"""The road side of a day: what the roads answer in one round, as a function of a state that is handed back.

`open_day` solves the day once and returns what stays as it is (`RoadSide`) and what moves on (`DayState`); `advance`
takes the state and what has come in, and returns the next state and what is sent. Nothing is kept in between: the
simulator on mosaik's wires and the plain loop of `cosim.coupling.both` call it in the same order, and who keeps a state
can go on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.charging.overload import Chargers, Served, joined
from cosim.coupling import fixed_point, restarts
from cosim.coupling.accounts import Account, InstantAccount, TimeAccount
from cosim.coupling.fixed_point import PriceLoop
from cosim.coupling.methods import Answer, Query
from cosim.coupling.potential import OVER_ITS_CHARGERS, Certificate, certify
from cosim.coupling.restarts import Restarts
from cosim.coupling.roads import Block, RoadResponse, loop_tolerance
from cosim.records.traffic import CouplingFigures
from cosim.traffic.network import RoadNetwork
from cosim.traffic.problem import SueResult

Accounts = tuple[InstantAccount, TimeAccount | None, Account]
ONE_AFTER_THE_OTHER = "roads and grid are solved one after the other"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoopRules:
    """How price and load iterate.

    Attributes
    ----------
    method, tolerance_mw, round_limit
        As in `cosim.coupling.fixed_point.begin`.
    random_starts, seed
        How many further loops there are where nothing proves that the equilibrium is the only one, and their source.
    nodal
        Whether drivers see the dispatch's price; else the loop ends with what they see anyway.
    whole_day
        Whether one loop, in the first period, covers the day; else each period has its own.
    foreseen
        How many periods after the one at work the dispatch looks at, by what is known of them then.
    """

    method: str
    tolerance_mw: float
    round_limit: int
    random_starts: int
    seed: int
    nodal: bool
    whole_day: bool
    foreseen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expected:
    """What is expected of the day in one of its periods, while an outage to come is not known.

    Attributes
    ----------
    wrong
        The periods of which something else is expected than what will come, shape ``(T,)``.
    load_mw
        The load that is expected, shape ``(s, T)``.
    """

    wrong: BoolArray
    load_mw: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoadSide:
    """What stays as it is over a day.

    Attributes
    ----------
    response, chargers
        Equilibria at prices, and what the stations can serve.
    instant, in_time, account
        The two accounts of charging energy (in time: None where chargers are not known), and the one the grid sees.
    loop
        How price and load iterate; None where roads and grid follow one another.
    expected
        In each period what is expected of later ones, where outages come unannounced; else empty.
    """

    response: RoadResponse
    chargers: Chargers
    instant: InstantAccount
    in_time: TimeAccount | None
    account: Account
    loop: LoopRules | None = None
    expected: tuple[Expected, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayState:
    """Where the road side of a day stands: s stations, T periods.

    Attributes
    ----------
    position
        The period at work, from 0; -1 before the day.
    results
        The equilibria of all periods: of those to come what the day pass foresees.
    last
        The equilibrium solved last, from which the next one starts.
    arriving_mw, served, load_mw
        What those who come ask for, what the chargers serve of it, and what the grid is asked for, ``(s, T)``.
    price_per_mwh
        Price of the last answer, ``(s, T)``.
    announced_per_mwh
        Prices known before the day, or given from outside, ``(s, T)``; None where there are none.
    sending
        Whether the load is sent now: the dispatch is to answer.
    loop, restarts, certificate
        The price-flow loop of the period (or of the day), its further starts, and what is proved of its result.
    """

    results: tuple[SueResult, ...]
    last: SueResult
    arriving_mw: Array
    served: Served
    load_mw: Array
    price_per_mwh: Array
    announced_per_mwh: Array | None
    position: int = -1
    sending: bool = False
    loop: PriceLoop | None = None
    restarts: Restarts | None = None
    certificate: Certificate | None = None

    @property
    def settled(self) -> bool:
        """Whether the loads that are sent are final: there is no loop, or it ended within its tolerance."""
        return self.loop is None or self.loop.converged

    @property
    def result(self) -> SueResult:
        """The equilibrium of the period at work; before the day, of the first one."""
        return self.results[max(self.position, 0)]

    @property
    def query(self) -> Query | None:
        """What the dispatch answers next, or has answered last; None without a loop."""
        asking = self.loop if self.restarts is None else self.restarts
        return None if asking is None else asking.query


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opening:
    """A period begins; a price from outside, shape ``(s,)``, holds in it in place of what is announced."""

    position: int
    price_per_mwh: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sent:
    """What the roads send.

    Attributes
    ----------
    load_mw
        Load of the period, shape ``(s,)``; None where no answer is asked for any more.
    forecast_mw
        Load of every period of the day as known now, shape ``(s, T)``.
    query
        How the loads of the loop may move; None without a loop.
    """

    load_mw: Array | None
    forecast_mw: Array
    query: Query | None


def open_day(
    response: RoadResponse,
    *,
    chargers: Chargers,
    accounts: Callable[[Sequence[SueResult]], Accounts],
    announced_per_mwh: Array | None,
    first_price_per_mwh: float,
    loop: LoopRules | None,
) -> tuple[RoadSide, DayState]:
    """Solve the day once at announced (or equal) prices, so that the dispatch has its forecast.

    Parameters
    ----------
    accounts
        Makes the accounts from the day's equilibria: travel times to the stations are those of a day in which nobody is
        left over.
    first_price_per_mwh
        Price that the first loop begins with.

    The others are those of `RoadSide` and `DayState`.
    """
    plain, _ = response.day(announced_per_mwh)
    instant, in_time, account = accounts(plain)
    block = Block(
        response=response, positions=tuple(range(len(plain))), announced_per_mwh=announced_per_mwh, moves=False,
        account=account, day=plain, chargers=chargers,
    )  # fmt: skip
    results = _with_queues(block, plain)
    served = block.served(results)
    if loop is not None:
        tolerance = loop_tolerance(
            response.tolerance, tolerance_mw=loop.tolerance_mw, energy_kwh=response.energy_kwh,
            link_flow_vph=max(float(result.link_flow_vph.sum()) for result in results),
        )  # fmt: skip
        response = replace(response, tolerance=tolerance)
    side = RoadSide(response=response, chargers=chargers, instant=instant, in_time=in_time, account=account, loop=loop)
    return side, DayState(
        results=tuple(results), last=results[-1], arriving_mw=block.arriving_mw(results), served=served,
        load_mw=served.p_mw, price_per_mwh=np.full_like(served.p_mw, first_price_per_mwh),
        announced_per_mwh=announced_per_mwh,
    )  # fmt: skip


def _with_queues(block: Block, plain: Sequence[SueResult]) -> list[SueResult]:
    """Return the day's equilibria where those left over wait: as they are up to the first period that leaves any."""
    backlog_mwh, day = block.served(plain).backlog_mwh, list(plain)
    late = np.flatnonzero(backlog_mwh[:, :-1].any(axis=0)) + 1
    if late.size:
        k = int(late[0])
        rest = replace(block, positions=block.positions[k:], backlog_mwh=backlog_mwh[:, k - 1])
        day[k:] = rest.respond(np.zeros_like(backlog_mwh[:, k:]), plain)[1]
    return day


def advance(side: RoadSide, state: DayState, told: Opening | Answer) -> tuple[DayState, Sent]:
    """Open a period, or take the dispatch's answer within it; return the state from then on and what is sent."""
    state = _opened(side, state, told) if isinstance(told, Opening) else _received(side, state, told)
    load_mw = state.load_mw[:, state.position] if state.sending else None
    forecast_mw = foreseen_mw(side.expected, state.position, state.load_mw)
    return state, Sent(load_mw=load_mw, forecast_mw=forecast_mw, query=state.query)


def foreseen_mw(expected: Sequence[Expected], position: int, load_mw: Array) -> Array:
    """Return the load of a day as known in a period: an outage that nobody announced is not in it before it begins."""
    if not expected:
        return load_mw
    return np.where(expected[position].wrong, expected[position].load_mw, load_mw)


def _opened(side: RoadSide, state: DayState, told: Opening) -> DayState:
    """Solve the period at the price known at its start."""
    k, outside, rules = told.position, told.price_per_mwh, side.loop
    state = replace(state, position=k, sending=bool(side.chargers.power_mw.size))
    if outside is not None:
        announced = np.zeros_like(state.load_mw) if state.announced_per_mwh is None else state.announced_per_mwh.copy()
        announced[:, k] = outside
        state = replace(state, announced_per_mwh=announced)
    if rules is None:
        if outside is None:  # the day pass has solved the period already: forecast and outcome are one
            return state
        load_mw, found = block_of(side, state, (k,)).respond(state.price_per_mwh[:, [k]], (state.last,))
        return _kept(side, replace(state, last=found[-1]), (k,), load_mw, found)
    if _held(side, state):
        return state
    block = _block(side, state)
    loop = fixed_point.begin(
        block.roads(), state.price_per_mwh[:, list(block.positions)],
        method=rules.method if block.moves else "iterate",
        tolerance_mw=rules.tolerance_mw, round_limit=rules.round_limit, start=(state.last,),
    )  # fmt: skip
    state = replace(state, loop=loop, restarts=None, certificate=None, last=loop.start[-1])
    return _kept(side, state, block.positions, loop.load_mw, loop.detail)


def _received(side: RoadSide, state: DayState, answer: Answer) -> DayState:
    """Take the dispatch's answer to the query that was sent; send the next one, or end the loop."""
    loop, further = state.loop, state.restarts
    if loop is None or _held(side, state):
        return replace(state, sending=False)
    block = _block(side, state)
    if further is None:
        loop = fixed_point.step(block.roads(), loop, answer)
        price = state.price_per_mwh.copy()
        price[:, state.position :] = loop.price_per_mwh[:, -1:]
        price[:, list(block.positions)] = loop.price_per_mwh
        state = replace(state, loop=loop, price_per_mwh=price, last=loop.start[-1])
        if loop.ended:
            state = _proved(side, state, loop, answer)
    else:
        further = restarts.step(block.roads(), further, answer)
        state = replace(state, restarts=further, last=further.loop.start[-1])
    sending = not (loop.ended and (state.restarts is None or state.restarts.ended))
    kept = loop if state.restarts is None or not sending else state.restarts.query
    return _kept(side, replace(state, sending=sending), block.positions, kept.load_mw, kept.detail)


def _proved(side: RoadSide, state: DayState, loop: PriceLoop, answer: Answer) -> DayState:
    """Form the certificate of a finished loop; where it proves nothing, begin the first random start."""
    block, rules = _block(side, state), side.loop
    certificate = certify(block, answer, loop.detail, exact_query=loop.query.root is None)
    state = replace(state, certificate=certificate)
    if rules is None or not (certificate.objection and block.moves and loop.converged and rules.random_starts > 0):
        return state
    further = restarts.begin(block.roads(), loop, seed=(rules.seed, state.position), starts=rules.random_starts)
    return replace(state, restarts=further, last=further.loop.start[-1])


def _held(side: RoadSide, state: DayState) -> bool:
    """Whether the loop of the first period covers the one at work."""
    return side.loop is not None and side.loop.whole_day and state.position > 0


def _block(side: RoadSide, state: DayState) -> Block:
    """Return the road side of the periods that the loop covers."""
    whole = side.loop is not None and side.loop.whole_day
    return block_of(side, state, range(len(state.results)) if whole else (state.position,))


def block_of(side: RoadSide, state: DayState, positions: Sequence[int]) -> Block:
    """Return the road side of some periods; only the dispatch's nodal price moves drivers within the loop."""
    left = len(state.results) - 1 - positions[-1]
    return Block(
        response=side.response, positions=tuple(positions), announced_per_mwh=state.announced_per_mwh,
        foreseen=0 if side.loop is None else min(side.loop.foreseen, left),
        moves=steered(side, state), account=side.account, day=state.results, chargers=side.chargers,
        backlog_mwh=state.served.backlog_mwh[:, positions[0] - 1] if positions[0] > 0 else 0.0,
    )  # fmt: skip


def _kept(
    side: RoadSide, state: DayState, positions: Sequence[int], load_mw: Array, found: Sequence[SueResult]
) -> DayState:
    """Keep what was sent; only that is the period's result.

    What its visits draw later, and who is left over by its chargers, is known load in the periods after it.
    """
    at, results = list(positions), list(state.results)
    for k, result in zip(at, found, strict=True):
        results[k] = result
    if side.account.within_period:
        arriving = state.arriving_mw.copy()
        arriving[:, at] = side.account.load_mw(results, at)
    else:
        arriving = side.account.load_mw(results, range(len(results)))
    first, before = at[0], state.served  # who waits was left over by the chargers of then: in a fork not by these
    waiting = before.backlog_mwh[:, first - 1] if first else 0.0
    served = joined(before, side.chargers.serve(arriving[:, first:], waiting, first), first)
    asked = served.p_mw.copy()
    asked[:, at] = load_mw
    return replace(state, results=tuple(results), arriving_mw=arriving, served=served, load_mw=asked)


def steered(side: RoadSide, state: DayState) -> bool:
    """Whether the dispatch's price enters route choice."""
    return side.loop is not None and side.loop.nodal and state.announced_per_mwh is None


def seen_per_mwh(side: RoadSide, state: DayState) -> Array | None:
    """Return the price that drivers see in the period at work: an announced one, the dispatch's nodal one, or none."""
    k = state.position
    return block_of(side, state, (k,)).seen(k, state.price_per_mwh[:, k])


def network_of(side: RoadSide, state: DayState) -> RoadNetwork:
    """Return the network of the period at work, prices and fees as minutes on the station links."""
    return side.response.network(seen_per_mwh(side, state))


def loop_figures(side: RoadSide, state: DayState) -> CouplingFigures:
    """Return what is told of the coupling of the period at work; of a day-ahead loop the gaps are those of the day."""
    loop, found, further = state.loop, state.certificate, state.restarts
    if loop is None:
        over = side.chargers.overloaded(state.served)[:, state.position].any()
        return CouplingFigures(coupling_objection=OVER_ITS_CHARGERS if over else ONE_AFTER_THE_OTHER)
    known = CouplingFigures(
        coupling_rounds=0 if _held(side, state) else loop.rounds, coupling_residual_mw=loop.residual_mw,
        coupling_converged=loop.converged, coupling_method=loop.method.name, coupling_nodal=steered(side, state),
    )  # fmt: skip
    if found is None or state.sending:
        return known
    column = state.position if found.bound_vph.size > 1 else 0
    spread = np.zeros(0) if further is None else further.spread_rel
    return replace(
        known,
        coupling_gap_road=found.gap_road_per_h, coupling_gap_grid=found.gap_grid_per_h,
        coupling_bound_vph=float(found.bound_vph[column]), coupling_objection=found.objection,
        coupling_starts=None if further is None else further.converged,
        coupling_spread_vph=None if further is None else further.spread_vph,
        coupling_spread_rel=float(spread[column]) if spread.size else None,
    )  # fmt: skip
