"""Many equilibria on one path set at once: the method `newton`, vectorised over instances.

The instances differ in demand and theta. All that they have in common is prepared once: with the pairs of links of
each path as a matrix, the covariance of link use of all instances is one matrix product. An instance leaves the batch
when it is done; one that fails is flagged and keeps nobody waiting.

The kernel is another than that of a single solve (sums run in another order), so flows agree to rounding at tight
tolerances, not bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.arrays import Array, BoolArray, IntArray
from cosim.errors import InputError, Problem
from cosim.traffic.methods import newton
from cosim.traffic.methods.base import DENSE_CELLS
from cosim.traffic.performance import link_cost, link_cost_derivative, link_cost_integral
from cosim.traffic.problem import SueProblem

CHUNK = 250
_DIMENSIONS = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchResult:
    """Equilibria of B instances; fields as in `SueResult`, with the instance as first axis.

    Attributes
    ----------
    link_flow_vph, link_time_min, perceived_cost_min
        Shape (B, L).
    path_flow_vph
        Shape (B, K).
    expected_min_cost_min
        Shape (B, W).
    residual, gap
        Of each instance, shape (B,), from a load at the costs of its flows.
    iterations, loads
        Effort of each instance, shape (B,).
    history
        Predicted residual of each instance after each iteration, shape (iterations, B); NaN once it is done.
    status
        ``converged``, ``limit`` or ``stalled`` per instance; a result that is not finite is ``stalled``.
    path_model
        Name of the path set's rule.
    """

    link_flow_vph: Array
    path_flow_vph: Array
    link_time_min: Array
    perceived_cost_min: Array
    expected_min_cost_min: Array
    residual: Array
    gap: Array
    iterations: IntArray
    loads: IntArray
    history: Array
    status: NDArray[np.str_]
    path_model: str
    theta_per_min: Array

    @property
    def converged(self) -> BoolArray:
        """Which residuals are within the tolerance, shape (B,)."""
        return np.asarray(self.status == "converged")


def solve_batch(
    problem: SueProblem,
    demand_vph: ArrayLike,
    theta_per_min: ArrayLike | None = None,
    tolerance: float = 1e-8,
    limit: int = 200,
    chunk: int = CHUNK,
) -> BatchResult:
    """Solve B equilibria on the network and paths of one problem, cold, each to ``R <= tolerance``.

    Parameters
    ----------
    problem
        Its demand is replaced, and its theta where another is given.
    demand_vph
        Shape (B, W), veh/h.
    theta_per_min
        One for all, or one per instance (B,); None takes the problem's.
    tolerance
        On each instance's residual R.
    limit
        Iterations of each instance.
    chunk
        Instances that are worked on together; bounds the memory.

    Raises
    ------
    InputError
        If a demand or theta is wrong (all of them are named), or the path set is too large for dense matrices.
    """
    demand = np.array(demand_vph, dtype=np.float64)
    theta = np.array(problem.theta_per_min if theta_per_min is None else theta_per_min, dtype=np.float64)
    _check(problem, demand, theta, tolerance, limit, chunk)
    theta = np.broadcast_to(theta, demand.shape[:1])
    kernel = _Kernel(problem)
    runs = [
        _Run(kernel, demand[first : first + chunk], theta[first : first + chunk], tolerance, limit).finish()
        for first in range(0, max(len(demand), 1), chunk)
    ]
    longest = max(len(run.history) for run in runs)
    padded = [np.pad(run.history, ((0, longest - len(run.history)), (0, 0)), constant_values=np.nan) for run in runs]
    joined = {
        name: np.concatenate([getattr(run, name) for run in runs])
        for name in BatchResult.__slots__
        if name not in {"history", "path_model"}
    }
    return BatchResult(**joined, history=np.concatenate(padded, axis=1), path_model=problem.paths.model)


class _Load:
    """Logit loadings of some instances, and the merit of newton."""

    __slots__ = ("cost", "expected", "flow", "link_flow", "merit", "share")

    share: Array
    flow: Array
    link_flow: Array
    expected: Array
    cost: Array
    merit: Array

    def take(self, kept: IntArray | BoolArray) -> _Load:
        """Return those of some instances."""
        other = _Load()
        for name in self.__slots__:
            setattr(other, name, getattr(self, name)[kept])
        return other

    def put(self, where: IntArray, other: _Load) -> None:
        """Replace those of some instances."""
        for name in self.__slots__:
            getattr(self, name)[where] = getattr(other, name)


class _Kernel:
    """What all instances have in common."""

    def __init__(self, problem: SueProblem) -> None:
        paths = problem.path_set
        self.network, self.paths = problem.network, paths
        self.n_links, self.n_supplied = len(paths.link_ids), len(paths.supplied)
        self.delta = paths.incidence
        self.pairs = np.zeros((len(paths), self.n_links * self.n_links))
        np.add.at(self.pairs, (paths.pair_path, paths.pair_cell), 1.0)
        self.blocks = np.zeros((len(paths), self.n_supplied * self.n_links))
        cell = paths.group[paths.entry_path] * self.n_links + paths.links
        np.add.at(self.blocks, (paths.entry_path, cell), 1.0)

    def load(self, perceived: Array, demand: Array, theta: Array) -> _Load:
        """Load demand (b, supplied) at perceived costs (b, L)."""
        paths, found = self.paths, _Load()
        route = perceived @ self.delta + paths.offset_min
        cheapest = np.minimum.reduceat(route, paths.group_start, axis=1)
        weight = np.exp(-theta[:, np.newaxis] * (route - cheapest[:, paths.group]))
        total = np.add.reduceat(weight, paths.group_start, axis=1)
        found.share = weight / total[:, paths.group]
        found.flow = found.share * demand[:, paths.group]
        found.link_flow = found.flow @ self.delta.T
        found.expected = cheapest - np.log(total) / theta[:, np.newaxis]
        found.cost = link_cost(self.network, found.link_flow)
        integral = link_cost_integral(self.network, found.link_flow).sum(axis=1)
        found.merit = integral - _dot(perceived, found.link_flow) + _dot(demand, found.expected)
        return found

    def covariance(self, load: _Load, demand: Array) -> Array:
        """Return ``H`` of each instance, shape (b, L, L)."""
        n = self.n_links
        second = (load.flow @ self.pairs).reshape(-1, n, n)
        mean = (load.share @ self.blocks).reshape(-1, self.n_supplied, n)
        weighted = demand[:, :, np.newaxis] * mean
        second -= weighted.transpose(0, 2, 1) @ mean
        return np.asarray(second)


class _Run:
    """One chunk on its way: arrays of the active instances, and of all."""

    def __init__(self, kernel: _Kernel, demand: Array, theta: Array, tolerance: float, limit: int) -> None:
        n = len(demand)
        self.kernel, self.tolerance, self.limit = kernel, tolerance, limit
        self.demand, self.theta_per_min = demand[:, kernel.paths.supplied], theta
        smaller = np.log(np.maximum(theta / newton.LARGEST_COLD_THETA, 1.0)) / np.log(newton.STAGE_RATIO)
        self.stages = np.ceil(smaller - 1e-12).astype(np.intp)
        empty = link_cost(kernel.network, np.zeros(kernel.n_links))
        self.perceived_cost_min = np.tile(empty, (n, 1))
        self.step = np.zeros(n)
        self.iterations, self.loads = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.intp)
        self.lowest, self.idle = np.full(n, np.inf), np.zeros(n, dtype=np.intp)
        self.ended = np.full(n, "stalled", dtype="<U9")
        self.rows: list[Array] = []
        self.active = np.arange(n)

    @property
    def theta(self) -> Array:
        """Theta of the stage of each active instance."""
        return np.asarray(self.theta_per_min[self.active] / newton.STAGE_RATIO ** self.stages[self.active])

    def finish(self) -> _Run:
        """Iterate until no instance is active, then certify."""
        with np.errstate(over="ignore", invalid="ignore"):
            load = self._load(self.active, self.perceived_cost_min, self.theta)
            while len(self.active):
                load = self._iterate(load)
        self._certify()
        return self

    def _load(self, who: IntArray, perceived: Array, theta: Array) -> _Load:
        self.loads[who] += 1
        return self.kernel.load(perceived, self.demand[who], theta)

    def _iterate(self, load: _Load) -> _Load:
        """Let every active instance stop, go to its next stage, or make one step."""
        theta, demand = self.theta, self.demand[self.active]
        excess = load.cost - self.perceived_cost_min[self.active]
        covariance = self.kernel.covariance(load, demand)
        pull = np.einsum("bij,bj->bi", covariance, excess)
        predicted = _relative(theta[:, np.newaxis] * pull, load.link_flow)
        self._record(predicted)
        reached = self._reached(load, theta, predicted)
        final = self.stages[self.active] == 0
        out_of_order = ~np.isfinite(predicted)
        spent = self.iterations[self.active] >= self.limit
        idle = self.idle[self.active] >= newton.PATIENCE
        done = (reached & final) | out_of_order | (~reached & (spent | idle))
        self.ended[self.active[done]] = np.select(
            [reached[done], out_of_order[done] | ~spent[done]], ["tolerance", "stalled"], "limit"
        )
        going = ~done
        lowered = going & reached
        moving = np.flatnonzero(going & ~reached)
        load, failed = self._move(load, theta, predicted, moving, (excess, pull, covariance))
        self.ended[self.active[failed]] = "stalled"
        going[failed] = False
        stage_up = np.flatnonzero(lowered)
        if len(stage_up):
            who = self.active[stage_up]
            self.stages[who] -= 1
            self.lowest[who], self.idle[who] = np.inf, 0
            load.put(stage_up, self._load(who, self.perceived_cost_min[who], self.theta[stage_up]))
        self.active = self.active[going]
        return load.take(going)

    def _record(self, predicted: Array) -> None:
        row = np.full(len(self.loads), np.nan)
        row[self.active] = predicted
        self.rows.append(row)
        stuck = (self.lowest[self.active] <= predicted) & (predicted < newton.NEAR)
        self.idle[self.active] = np.where(stuck, self.idle[self.active] + 1, 0)
        self.lowest[self.active] = np.minimum(self.lowest[self.active], predicted)

    def _reached(self, load: _Load, theta: Array, predicted: Array) -> BoolArray:
        """Return who has reached the tolerance of its stage, by a load at the costs of the flows."""
        goal = np.where(self.stages[self.active] > 0, max(self.tolerance, newton.STAGE_TOLERANCE), self.tolerance)
        near = np.flatnonzero(predicted <= newton.CHECK_FACTOR * goal)
        reached = np.zeros(len(theta), dtype=bool)
        if len(near):
            flow = load.link_flow[near]
            again = self._load(self.active[near], load.cost[near], theta[near])
            reached[near] = _relative(again.link_flow - flow, flow) <= goal[near]
        return reached

    def _move(
        self,
        load: _Load,
        theta: Array,
        predicted: Array,
        moving: IntArray,
        system: tuple[Array, Array, Array],
    ) -> tuple[_Load, IntArray]:
        """Make one step of each moving instance; return the loads and who found none."""
        excess, pull, matrix = system if len(moving) == len(theta) else (part[moving] for part in system)
        scaled = theta[moving, np.newaxis]
        root = np.sqrt(link_cost_derivative(self.kernel.network, load.link_flow[moving]))
        matrix *= (scaled * root)[:, :, np.newaxis]  # the covariance is not needed again
        matrix *= root[:, np.newaxis, :]
        matrix.reshape(-1, self.kernel.n_links**2)[:, :: self.kernel.n_links + 1] += 1.0
        solved = np.linalg.solve(matrix, (root * pull)[:, :, np.newaxis])[:, :, 0]
        direction = excess - scaled * root * solved
        slope = -theta[moving] * _dot(pull, direction)
        step, waiting = np.ones(len(moving)), np.arange(len(moving))
        for _ in range(newton.TRIALS):
            if not len(waiting):
                break
            at = moving[waiting]
            who = self.active[at]
            perceived = self.perceived_cost_min[who] + step[waiting, np.newaxis] * direction[waiting]
            trial = self._load(who, perceived, theta[at])
            change = trial.merit - load.merit[at]
            taken = (change <= newton.ARMIJO * step[waiting] * slope[waiting]) | (
                (predicted[at] < newton.NEAR) & (np.abs(change) <= newton.ROUNDING * np.abs(load.merit[at]))
            )
            self.perceived_cost_min[who[taken]] = perceived[taken]
            load.put(at[taken], trial.take(taken))
            self.iterations[who[taken]] += 1
            step[waiting] = _shorter(step[waiting], slope[waiting], change)
            waiting = waiting[~taken]
        return load, moving[waiting]

    def _certify(self) -> None:
        """Compute flows, residual, gap and status the same way for every instance."""
        kernel, paths = self.kernel, self.kernel.paths
        theta, demand = self.theta_per_min, self.demand
        everyone = np.arange(len(theta))
        with np.errstate(over="ignore", invalid="ignore"):
            load = kernel.load(self.perceived_cost_min, demand, theta)
            again = self._load(everyone, load.cost, theta)
            self.residual = _relative(again.link_flow - load.link_flow, load.link_flow)
            fall = _dot(load.cost - self.perceived_cost_min, load.link_flow)
            gap = fall + _dot(demand, load.expected - again.expected)
        self.gap = np.maximum(gap, 0.0)
        self.path_flow_vph, self.link_flow_vph, self.link_time_min = load.flow, load.link_flow, load.cost
        self.expected_min_cost_min = np.full((len(theta), len(paths.commodities)), np.inf)
        self.expected_min_cost_min[:, paths.supplied] = again.expected
        left = np.where(self.ended == "tolerance", "stalled", self.ended)
        self.status = np.where(self.residual <= self.tolerance, "converged", left)
        self.history = np.array(self.rows).reshape(len(self.rows), len(theta))


def _shorter(step: Array, slope: Array, change: Array) -> Array:
    """Return the next step lengths to try: the minimum of a parabola, within a tenth and a half of the last."""
    curvature = change - slope * step
    with np.errstate(divide="ignore", invalid="ignore"):
        smaller = np.where(curvature > 0, -slope * step**2 / (2.0 * curvature), step / 2.0)
    return np.clip(smaller, 0.1 * step, 0.5 * step)


def _dot(one: Array, two: Array) -> Array:
    return np.asarray(np.einsum("bi,bi->b", one, two))


def _relative(change: Array, flow: Array) -> Array:
    """Return ``||change||_1 / ||flow||_1`` per instance; 0 if there is neither."""
    top, bottom = np.abs(change).sum(axis=1), np.abs(flow).sum(axis=1)
    empty = np.where(top > 0, np.inf, 0.0)
    return np.asarray(np.divide(top, bottom, out=empty, where=bottom > 0))


def cells(problem: SueProblem) -> float:
    """Return how many numbers the dense matrices of a problem hold."""
    paths = problem.path_set
    if paths.closed is not None:
        return float("inf")  # sets with closed paths go one by one
    return float(len(paths)) * len(paths.link_ids) * (len(paths.link_ids) + len(paths.supplied))


def _check(problem: SueProblem, demand: Array, theta: Array, tolerance: float, limit: int, chunk: int) -> None:
    paths, n_commodities = problem.path_set, len(problem.paths.commodities)
    if demand.ndim != _DIMENSIONS or demand.shape[1] != n_commodities:
        raise InputError(f"demand_vph has shape {demand.shape}, must be (instances, {n_commodities} commodities)")
    if theta.shape not in {(), demand.shape[:1]}:
        raise InputError(f"theta_per_min has shape {theta.shape}; give one number, or {len(demand)}")
    found = [
        Problem(field=name, reason=f"{value} must be {rule}")
        for name, value, holds, rule in (
            ("tolerance", tolerance, 0 < tolerance < 1, "between 0 and 1"),
            ("limit", limit, limit >= 1, "at least 1"),
            ("chunk", chunk, chunk >= 1, "at least 1"),
        )
        if not holds
    ]
    if cells(problem) > DENSE_CELLS:
        reason = f"the path set needs {cells(problem):.1e} numbers for a batch"
        found.append(Problem(field="paths", reason=reason, remedy="solve the instances one by one"))
    for instance, position in np.argwhere(~((demand >= 0) & (demand < np.inf))):
        where, value = f"instance {instance}, {paths.commodities[position]}", demand[instance, position]
        found.append(Problem(field="demand_vph", reason=f"{where}: {value} must be >= 0 and finite"))
    missing = np.setdiff1d(np.flatnonzero((demand > 0).any(axis=0)), paths.supplied)
    found += [
        Problem(field="demand_vph", reason=f"{paths.commodities[position]}: demand, but there is no path")
        for position in missing
    ]
    for instance in np.flatnonzero(~((theta > 0) & (theta < np.inf)).reshape(-1)):
        value = theta.reshape(-1)[instance]
        found.append(Problem(field="theta_per_min", reason=f"instance {instance}: {value} must be > 0 and finite"))
    if found:
        raise InputError(found)
