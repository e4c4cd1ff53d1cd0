"""A rising and falling hour in SUMO, held against equilibria of its slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.microsim.port import Claim, MicroState, Stretch
from cosim.traffic.problem import SueProblem
from cosim.traffic.shares_of_demand import at_shares
from cosim.units import min_to_s
from cosim.validation.metrics import GEH_GOOD
from cosim.validation.micro import times_min
from cosim.validation.ramp import FACTORS, SLICE_MIN, RampComparison, compare_ramp, moved_along
from cosim.workflows.micro_study import MicroStudy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ramp:
    """A ramp of J slices over L roads.

    Attributes
    ----------
    factors
        Demand of each slice over that of the period, shape (J,).
    flow, time
        Flows (hourly), veh/h, and travel times, min.
    queue
        Longest queue of each station in each slice, mean over the seeds, shape (J, S).
    seeds
        Number of seeds.
    """

    factors: tuple[float, ...]
    flow: RampComparison
    time: RampComparison
    queue: Array
    seeds: int

    @property
    def geh_share(self) -> float:
        """Share of slices and links with a GEH below 5, of the mean over the seeds."""
        return float(np.mean(self.flow.geh[self.flow.compared] < GEH_GOOD)) if self.flow.compared.any() else math.nan


def run_ramp(
    study: MicroStudy, problem: SueProblem, *, seeds: Sequence[int], jobs: int, tell: Callable[[str], None]
) -> Ramp:
    """Drive the ramp once per seed, and compare each slice with the equilibria moved along their paths.

    Parameters
    ----------
    problem
        A period's problem; the slices have multiples of its demand.
    """
    by_factor = dict(zip(FACTORS, at_shares(problem, FACTORS), strict=True))
    warmup_s = study.warmup_s(problem.path_set.link_flow(by_factor[FACTORS[0]]))
    warm = math.ceil(warmup_s / min_to_s(SLICE_MIN))
    flows = np.stack([by_factor[factor] for factor in (FACTORS[0],) * warm + FACTORS])
    tell(f"ramp: {len(FACTORS)} slices of {SLICE_MIN:g} min, {len(seeds)} seeds")
    results = study.engine.windows([_claim(flows, warm, seed) for seed in seeds], jobs=jobs)
    expected_flow, expected_time = _expected(study, problem, flows)
    roads = len(study.engine.link_ids)
    scale = study.engine.length_scale
    return Ramp(
        factors=FACTORS,
        flow=compare_ramp(
            expected_flow[warm:, :roads], np.stack([_slices(one, "link_flow_vph", warm) for one in results])
        ),
        time=compare_ramp(
            expected_time[warm:, :roads], np.stack([_slices(one, "link_time_min", warm) / scale for one in results])
        ),
        queue=np.mean([_queues(one, warm, len(study.engine.stations)) for one in results], axis=0),
        seeds=len(seeds),
    )


def _claim(flows: Array, warm: int, seed: int) -> Claim:
    slice_s = min_to_s(SLICE_MIN)
    return Claim(
        stretches=tuple(Stretch(path_flow_vph=row, duration_s=slice_s, period=j + 1) for j, row in enumerate(flows)),
        warmup_s=warm * slice_s, measured_s=(len(flows) - warm) * slice_s, slice_s=slice_s, seed=seed,
    )  # fmt: skip


def _expected(study: MicroStudy, problem: SueProblem, flows: Array) -> tuple[Array, Array]:
    """Return what leaves each link in each slice, and the links' times at these flows; shapes (J, L).

    On a net of shorter links vehicles are under way for a shorter time; stations take as long as ever.
    """
    own = np.stack([times_min(problem, problem.path_set.link_flow(row)) for row in flows])
    scale = np.where(problem.network.is_station, 1.0, study.engine.length_scale)
    flow = moved_along(problem.path_set, flows, own * scale, SLICE_MIN)
    return flow, np.stack([times_min(problem, row) for row in flow])


def _slices(result: MicroState, name: str, warm: int) -> Array:
    return np.stack([getattr(one, name) for one in result.slices])[warm:]


def _queues(result: MicroState, warm: int, stations: int) -> Array:
    """Return the longest queue of each station in each slice, shape (J, S)."""
    if result.stations is None:
        return np.zeros((len(FACTORS), 0))
    at = ((result.stations.end_s - 1e-6) // min_to_s(SLICE_MIN)).astype(int) - warm
    return np.array([
        [row[at == j].max(initial=0) for row in result.stations.queue] for j in range(len(FACTORS))
    ], dtype=np.float64)  # fmt: skip
