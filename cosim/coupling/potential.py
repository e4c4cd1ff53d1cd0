"""How far a coupled answer can be from the equilibrium: the certificate of the joint convex programme.

If the price of every station is the marginal cost of its load and all charging vehicles share one value of time VOT,
the coupled equilibrium of a period is the only minimiser of ``J(f) = VOT Z(f) + C(E x(f))``: Fisk's objective and the
cost of the dispatch (both per hour). A markup m on all prices is VOT / (1 + m). For flows f with loads d and marginal
costs p,

- ``gap_road = (VOT / theta) sum_w q_w KL(P_w || P'_w)``, P' the logit split at the costs of f with prices p;
- ``gap_grid = C(d) - p.d - min_l (C(l) - p.l)``, at most the suboptimality of the dispatch, whose multipliers give p;
- ``J(f) - J* <= gap_road + gap_grid``, and ``|f - f*|_1 <= sqrt(2 Q (theta / VOT) (gap_road + gap_grid))`` with
  Q the demand, by the strong convexity of the entropy (Pinsker's inequality).

Those left over by earlier periods (`cosim.charging.overload`) are constants of a period: a wait on the station link,
and a load. A station that leaves somebody over draws what its chargers give, whoever comes: then nothing is claimed.

The dispatch may stand at loads a residual away from those of the flows. Flows that have exactly its loads are made by
moving a few drivers; the certificate is theirs, and the drivers moved are added to the bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, IntArray
from cosim.coupling.methods.base import Answer
from cosim.coupling.roads import Block
from cosim.traffic.equilibrium import SueProblem, SueResult
from cosim.traffic.paths import PathSet
from cosim.units import kw_to_mw

OVER_ITS_CHARGERS = "station over its chargers"
"""Objection where a station cannot serve what it is asked for: its load is then no gradient of Fisk's objective."""
REACHED = 1e-9
"""Part of a load, relative to all, that moving drivers may miss: rounding."""
WRITTEN_OUT = 100_000
"""Cells of the matrix of all equations that moves drivers, up to which it is written out."""
SINGULAR = 1e-12
"""Of the largest singular value: less is rounding of a direction in which nothing can move."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Certificate:
    """What is proved of the flows of T periods.

    Attributes
    ----------
    gap_road_per_h, gap_grid_per_h
        Parts of the bound on ``J(f) - J*``, money per hour, of all T periods; NaN without a claim.
    bound_vph
        Bound on the sum of all path-flow differences from the equilibrium in each period, shape ``(T,)``, veh/h; NaN
        without a claim.
    objection
        Why there is no claim; empty if there is one.
    """

    gap_road_per_h: float
    gap_grid_per_h: float
    bound_vph: Array
    objection: str = ""


def no_claim(objection: str, periods: int) -> Certificate:
    """Return the certificate that proves nothing, and why."""
    nothing = np.full(periods, np.nan)
    return Certificate(gap_road_per_h=np.nan, gap_grid_per_h=np.nan, bound_vph=nothing, objection=objection)


def certify(block: Block, answer: Answer, results: Sequence[SueResult], *, exact_query: bool) -> Certificate:
    """Return what is proved of the equilibria of a block of periods.

    Parameters
    ----------
    block
        The road side.
    answer
        The dispatch's last answer: prices, loads, suboptimality.
    results
        The equilibria that are the result.
    exact_query
        Whether the dispatch was asked for exactly these loads.
    """
    objection = _objection(block, answer, results, exact_query=exact_query)
    if objection:
        return no_claim(objection, len(results))
    gaps, moved, demand = [], [], []
    waits, left_over = block.wait_min(results), block.left_over_mw(results)
    for j, (k, result) in enumerate(zip(block.positions, results, strict=True)):
        problem = block.response.period(k, block.seen(k, answer.price_per_mwh[:, j]), wait_min=waits[:, j])
        arrivals = (answer.load_mw[:, j] - left_over[:, j]) / kw_to_mw(block.response.energy_kwh)
        flow = with_arrivals(problem, result.path_flow_vph, arrivals)
        if flow is None:
            return no_claim("no drivers can move to where the dispatch has the loads", len(results))
        spread = problem.paths.divergence(
            problem.demand_vph, flow, problem.theta_per_min, problem.link_cost(problem.paths.link_flow(flow))
        )
        gaps.append(block.response.value_of_time_per_min * spread / problem.theta_per_min)
        moved.append(float(np.abs(flow - result.path_flow_vph).sum()))
        demand.append(float(problem.demand_vph.sum()))
    road, grid = float(np.sum(gaps)), answer.suboptimality_per_h
    factor = block.response.problem.theta_per_min / block.response.value_of_time_per_min
    bound = np.array(moved) + np.sqrt(2.0 * np.array(demand) * factor * (road + grid))
    return Certificate(gap_road_per_h=road, gap_grid_per_h=grid, bound_vph=bound)


def _objection(block: Block, answer: Answer, results: Sequence[SueResult], *, exact_query: bool) -> str:
    """Return the first condition that fails; empty if all hold."""
    paths = block.response.problem.paths
    conditions = (
        (not block.overloaded(results).any(), OVER_ITS_CHARGERS),
        (block.moves, "the price that drivers see is not the nodal price of the dispatch"),
        (block.account is None or block.account.within_period, "energy is drawn later than in the period of departure"),
        (isinstance(paths, PathSet), f"the route model {paths.model!r} lists no paths"),
        (answer.finite and np.isfinite(answer.suboptimality_per_h), "the dispatch has no answer"),
        (answer.exact, "the relaxation of the dispatch is not exact, or was repaired"),
        (not answer.own_forecast, "the loads foreseen for later periods follow those of the period (persistence)"),
        (
            not (exact_query and answer.elastic),
            "the dispatch of exactly these loads needed its last resorts; other loads may not",
        ),
    )
    return next((reason for holds, reason in conditions if not holds), "")


def with_arrivals(problem: SueProblem, path_flow_vph: Array, arrivals_vph: Array) -> Array | None:
    """Return the path flows nearest to the given ones that meet the demand and have these arrivals at the stations.

    Nearest in ``sum (change^2 / flow)``; None if some flow would be negative or the arrivals cannot be had.

    Parameters
    ----------
    problem
        Network, paths and demand.
    path_flow_vph
        Flows of all paths.
    arrivals_vph
        Arrivals wanted at each station, in the order of the station links.
    """
    paths = problem.path_set
    stations = problem.network.station_positions
    missing = arrivals_vph - paths.link_flow(path_flow_vph)[stations]
    if not missing.any():
        return path_flow_vph
    station = np.full(len(problem.network.link_ids) + 1, stations.size)
    station[stations] = np.arange(stations.size)
    at = station[paths.station]  # paths without a station have -1 there, and fall on the last, which is none
    small = len(paths) * (len(paths.commodities) + stations.size) <= WRITTEN_OUT
    multipliers = _written_out if small else _of_stations
    flow = path_flow_vph * (1.0 + multipliers(paths, at, stations.size, path_flow_vph, missing))
    missed = float(np.abs(paths.link_flow(flow)[stations] - arrivals_vph).sum())
    reached = missed <= REACHED * max(1.0, float(arrivals_vph.sum()))
    return flow if reached and bool((flow >= 0.0).all()) else None


def _written_out(paths: PathSet, at: IntArray, stations: int, flow_vph: Array, missing_vph: Array) -> Array:
    """Return by what part of itself each path's flow changes, shape (K,): all equations in one matrix."""
    count, each = len(paths.commodities), np.arange(len(paths))
    member = np.zeros((count + stations + 1, len(paths)))
    member[paths.commodity, each] = 1.0
    member[count + at, each] = 1.0
    member = member[:-1]
    wanted = np.concatenate([np.zeros(count), missing_vph])
    multiplier = np.linalg.lstsq((member * flow_vph) @ member.T, wanted, rcond=None)[0]
    return np.asarray(member.T @ multiplier)


def _of_stations(paths: PathSet, at: IntArray, stations: int, flow_vph: Array, missing_vph: Array) -> Array:
    """Return the same as `_written_out` on networks whose matrix would be too large.

    A path changes by the multiplier of its commodity and that of its station. The equations of the multipliers are a
    diagonal, the flows of the commodities, with a border, those of each commodity at each station: the commodities'
    multipliers fall out, and a system of the stations alone is left. It is singular where everybody charges, since a
    constant to all stations and from all who charge changes nothing: least squares take any of its answers.
    """
    with_station = at < stations
    cell = paths.commodity[with_station] * stations + at[with_station]
    shape = (len(paths.commodities), stations)
    border = np.bincount(cell, weights=flow_vph[with_station], minlength=shape[0] * shape[1]).reshape(shape)
    demand = paths.commodity_flow(flow_vph)
    share = np.divide(border, demand[:, np.newaxis], out=np.zeros(shape), where=demand[:, np.newaxis] > 0.0)
    left = np.diag(border.sum(axis=0)) - border.T @ share
    of_station = np.linalg.lstsq(left, missing_vph, rcond=SINGULAR)[0]
    of_commodity = -share @ of_station
    return np.asarray(of_commodity[paths.commodity] + np.append(of_station, 0.0)[at], dtype=np.float64)
