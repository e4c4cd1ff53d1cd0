"""The equilibrium of the simulation itself: drivers choose by SUMO's times until their choice repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array
from cosim.traffic.performance import link_cost_derivative
from cosim.traffic.problem import SueProblem
from cosim.validation.micro import MicroClaim, measured_cost_min, times_min
from cosim.validation.route_choice import closure, moved_share
from cosim.workflows.micro_study import MicroStudy, seen

ROUNDS = 8
FULL_STEPS = 3
"""Rounds with a whole step; those after average, because every measured time is noisy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EquilibriumRound:
    """One round.

    Attributes
    ----------
    closure
        Share of demand that would move at the measured times.
    to_sue
        Share of demand on other paths than the macroscopic equilibrium.
    """

    number: int
    closure: float
    to_sue: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroEquilibrium:
    """Where route choice by SUMO's times ends, begun at free-flow times.

    Attributes
    ----------
    period
        Number of the period.
    path_flow_vph
        Mean of the averaging rounds, shape (K,).
    rounds
        How it got there.
    difference
        Share of demand that is on another path than in the macroscopic equilibrium.
    """

    period: int
    path_flow_vph: Array
    rounds: tuple[EquilibriumRound, ...]
    difference: float


def find_equilibrium(
    study: MicroStudy,
    problem: SueProblem,
    sue_path_flow_vph: Array,
    *,
    period: int,
    seeds: Sequence[int],
    jobs: int,
    tell: Callable[[str], None],
    p_set_mw: Array | None = None,
    rounds: int = ROUNDS,
) -> MicroEquilibrium:
    """Feed measured times back into route choice, from free flow on.

    Perceived costs t are moved by ``s (I + theta D H)^-1 (c_sumo - t)``: Newton's step with the slopes D of the
    macroscopic laws, whole for the first rounds, then s = 1/2, 1/3, ... Every state is a logit choice at known costs.

    Parameters
    ----------
    sue_path_flow_vph
        The macroscopic equilibrium that the answer is compared with, shape (K,).
    seeds
        Windows of each round; their times are averaged. Every round draws new ones.
    p_set_mw
        Caps of the stations, shape (S,), MW; None caps nothing.
    """
    perceived = problem.empty_cost_min
    history: list[EquilibriumRound] = []
    averaged: list[Array] = []
    for number in range(1, rounds + 1):
        loaded = problem.load(perceived)
        claim = MicroClaim(
            name="micro", path_flow_vph=loaded.path_flow_vph, link_flow_vph=loaded.link_flow_vph,
            link_time_min=times_min(problem, loaded.link_flow_vph),
        )  # fmt: skip
        own = [seed + 1000 * number for seed in seeds]
        windows = [study.window(claim, period=period, seed=seed, p_set_mw=p_set_mw) for seed in own]
        results = study.engine.windows(windows, jobs=jobs)
        cost = np.mean([measured_cost_min(problem, seen(study, one), study.unused_factor) for one in results], axis=0)
        history.append(
            EquilibriumRound(
                number=number,
                closure=closure(problem, loaded.path_flow_vph, cost),
                to_sue=moved_share(problem, loaded.path_flow_vph, sue_path_flow_vph),
            )
        )
        tell(f"micro-equilibrium, round {number} of {rounds}: {100 * history[-1].closure:.1f} % would move")
        if number > FULL_STEPS:
            averaged.append(loaded.path_flow_vph)
        step = 1.0 / max(1, number - FULL_STEPS + 1)
        perceived = perceived + step * _newton(problem, loaded.link_flow_vph, perceived, cost)
    mean = np.mean(averaged, axis=0)
    return MicroEquilibrium(
        period=period,
        path_flow_vph=mean,
        rounds=tuple(history),
        difference=moved_share(problem, mean, sue_path_flow_vph),
    )


def _newton(problem: SueProblem, flow_vph: Array, perceived: Array, cost: Array) -> Array:
    """Return ``(I + theta D H)^-1 (c - t)``."""
    slope = link_cost_derivative(problem.network, flow_vph)
    use = problem.path_set.link_use_covariance(problem.demand_vph, problem.load(perceived))
    matrix = np.eye(len(slope)) + problem.theta_per_min * slope[:, None] * use
    return np.asarray(np.linalg.solve(matrix, cost - perceived))
